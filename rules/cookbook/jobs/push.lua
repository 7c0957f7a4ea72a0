-- A session of acme pushes the job. Use: shunt run rules/cookbook/jobs/push.lua
local shunt = require "shunt"

local app <close> = shunt.open((arg[0]:match "^(.*/)" or "") .. "shunt.yaml")
local session <close> = app:session { instance = "acme" }
session:execute("main", "CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, tenant_id INTEGER, year INTEGER, cents INTEGER)")
session:model("order"):insert { year = 2026, cents = 1250 }
session:push("revenue", { year = 2026 })
print "pushed"
