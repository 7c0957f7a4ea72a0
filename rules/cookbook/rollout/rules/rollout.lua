local PERCENT = 25
local FIRST = { "acme" }

model "task" { table = "tasks", instance_column = "tenant_id" }

rule "tenants that have moved use the new database" {
  stage = "override", model = "task",
  when = function(req)
    return req:one_of("instance.name", FIRST) or req:bucket("instance.name", 100) < PERCENT
  end,
  client = "new",
}
