model "user" {
  table = "users", instance_column = "iid", client = "people",
  relations = { orders = has_many("order", "user_id", { order = "id" }) },
}
model "order" {
  table = "orders", instance_column = "iid", client = "shop",
  relations = { user = belongs_to("user", "user_id") },
}

rule "an isolated tenant keeps everything to itself" {
  stage = "override",
  when = function(req) return req.instance.isolate end,
  client = "default",
}
