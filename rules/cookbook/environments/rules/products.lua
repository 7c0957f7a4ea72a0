model "user" { table = "users" }
model "product" { table = "products", client = "search" }

rule "production data is only read from outside of the application" {
  env = "prod", stage = "guard", op = "write",
  when = function(req) return req.attrs.tool == "console" end,
  deny = "the console may read production data, not write it",
}
