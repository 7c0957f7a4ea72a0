-- Relations over three engines against joins on one undivided SQLite database, on random schemas, data and trees. Columns have
-- types of their engines, so that the two ends of a key may be of differing ones and compare text in differing ways.

local Differential = require "tests.spec.support.differential"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local Schema = require "tests.spec.support.schema"
local Tables = require "tests.spec.support.tables"

local seed = Random.seed()
local schemas = tonumber(os.getenv "SHUNT_SCHEMAS") or 50
local trees_per_schema = 50
local engines = { a = "sqlite3", b = "pg", c = "mysql" }

local function open(schema)
  local world = Engines.open {
    clients = { a = engines.a, b = engines.b, c = engines.c, whole = "sqlite3" }, default = schema.default,
    rules = Schema.rules(schema), yaml = Differential.instances,
  }
  for client, statements in pairs(Tables.preparations(schema)) do
    for _, sql in ipairs(statements) do world.session:execute(client, sql) end
  end
  return world.app, function() world:close() end
end

describe("relations over three engines (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  setup(function() print(("relate_engines: SHUNT_SEED=%d, %d trees"):format(seed, schemas * trees_per_schema)) end)

  for number = 1, schemas do
    it(("give the rows of a join on the undivided database, with one statement per relation, level and datasource: schema %d")
      :format(number), function()
      local n, wrong =
        Differential.try_schema { seed = seed, number = number, trees = trees_per_schema, engines = engines, open = open }
      assert(not wrong, wrong)
      assert.equal(trees_per_schema, n)
    end)
  end
end)
