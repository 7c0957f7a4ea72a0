model "user" {
  table = "users",
  relations = {
    logins = has_many("login", "user_id", { order = "-id", limit = 10 }),
    visits = has_many("visit", "user_id"),
  },
}
model "login" { table = "logins", client = "main" }
model "visit" { table = "visits", client = "metrics" }
