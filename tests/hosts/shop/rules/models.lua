model "user" { table = "users", relations = { orders = has_many("order", "user_id", { order = "id" }) } }
model "order" { table = "orders", relations = { user = belongs_to("user", "user_id") } }
model "account" { table = "accounts" }
model "invoice" { table = "invoices", client = "archive" }
