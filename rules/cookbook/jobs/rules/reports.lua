model "order" { table = "orders", instance_column = "tenant_id" }

rule "work in the background reads from the replica" {
  stage = "refine", op = "read", client = "main", to = "replica",
  when = function(req) return req.level > 0 and not req.in_transaction end,
}
