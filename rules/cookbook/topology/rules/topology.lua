local tenants = require "lib.tenants"

local seen = {}
for _, tenant in ipairs(tenants) do
  local place = tenant.own_database and tenant.name or "country-" .. tenant.country
  if not seen[place] then
    seen[place] = true
    datasource(place) { engine = "sqlite3", connection = { filename = "../" .. place .. ".db", create = true } }
  end
  instance(tenant.name) { id = tenant.id, isolate = true, isolateClient = place }
end

model "note" { table = "notes", instance_column = "tenant_id" }
