-- Relations over three datasources against joins on one undivided database, on random schemas, data and trees.

local App = require "tests.spec.support.app"
local Differential = require "tests.spec.support.differential"
local Random = require "tests.spec.support.random"
local Schema = require "tests.spec.support.schema"

local seed = Random.seed()
local schemas = tonumber(os.getenv "SHUNT_SCHEMAS") or 50
local trees_per_schema = 50
local clients = { "a", "b", "c", "whole" }

local function open(schema)
  local yaml = App.database_yaml(clients, schema.default) .. Differential.instances .. "rules: {path: [rules]}\n"
  local app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/models.lua"] = Schema.rules(schema) }, clients)
  return app, function()
    app:close()
    App.remove(folder)
  end
end

describe("relations over three datasources (SHUNT_SEED=" .. seed .. ")", function()
  setup(function() print(("relate_differential: SHUNT_SEED=%d, %d trees"):format(seed, schemas * trees_per_schema)) end)

  for number = 1, schemas do
    it(("give the rows of a join on the undivided database, with one statement per relation, level and datasource: schema %d")
      :format(number), function()
      local n, wrong = Differential.try_schema { seed = seed, number = number, trees = trees_per_schema, open = open }
      assert(not wrong, wrong)
      assert.equal(trees_per_schema, n)
    end)
  end
end)
