model "article" { table = "articles" }

rule "reads outside of transactions go to a replica" {
  stage = "refine", op = "read", client = "main",
  when = function(req) return not req.in_transaction and req.attrs.fresh ~= true end,
  to = function() return pick { "replica-1", "replica-2", policy = "least_busy" } end,
}
