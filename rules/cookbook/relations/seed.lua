-- Use: shunt run rules/cookbook/relations/seed.lua
local shunt = require "shunt"

local here = arg[0]:match "^(.*/)" or ""
local app <close> = shunt.open(here .. "shunt.yaml")
local session <close> = app:session {}
dofile(here .. "tables.lua")(session)
print(("%d users, %d orders"):format(session:model("user"):count(), session:model("order"):count()))
