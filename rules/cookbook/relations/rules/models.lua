model "user" {
  table = "users", client = "people",
  relations = {
    orders = has_many("order", "user_id", { order = "-id" }),
    roles = belongs_to_many("role_user", "role", "user_id", "role_id", { order = "name" }),
  },
}
model "role" { table = "roles", client = "people" }
model "role_user" { table = "role_user", client = "people" }

model "order" {
  table = "orders", client = "sales",
  relations = { user = belongs_to("user", "user_id") },
}
