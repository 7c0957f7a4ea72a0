-- Relations over three datasources against joins on one undivided database, on random schemas, data and trees.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Oracle = require "tests.spec.support.oracle"
local Random = require "tests.spec.support.random"
local Schema = require "tests.spec.support.schema"
local Tree = require "tests.spec.support.tree"
local show = require "tests.spec.support.show"

local seed = Random.seed()
local schemas = tonumber(os.getenv "SHUNT_SCHEMAS") or 44
local trees_per_schema = 50
local instances = 'instance:\n  instances:\n    "": {id: 1}\n    acme: {id: 7}\n'

-- Opens an application on a random schema, its data stored.
local function open(schema)
  local yaml = App.database_yaml({ "a", "b", "c", "whole" }, schema.default) .. instances .. "rules: {path: [rules]}\n"
  local app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/models.lua"] = Schema.rules(schema) }, { "a", "b", "c", "whole" })
  local session = app:session {}
  Schema.store(schema, function(client, sql, params) session:execute(client, sql, params) end)
  session:close()
  return app, folder
end

-- Only what a failing message needs, since a schema's text is long.
local function where_it_was(number, schema, root, statements)
  local lines = {}
  for _, s in ipairs(statements) do lines[#lines + 1] = ("  [%s] %s"):format(s.client, s.sql) end
  return ("\nSHUNT_SEED=%d, schema %d (default client %s)\n%s\ntree: %s\nstatements:\n%s"):format(seed, number, schema.default,
    Schema.rules(schema), Tree.text(root, shunt.null), table.concat(lines, "\n"))
end

local function in_order_of(root, rows)
  if root.method ~= "mget" then return rows end
  local by_id, out = {}, {}
  for i, full in ipairs(root.rows) do by_id[full.id] = rows[i] end
  for _, id in ipairs(root.ids) do out[#out + 1] = by_id[id] end
  return out
end

-- The first thing wrong with a tree, or nil.
local function try(run, session, schema, root, statements)
  local expected = in_order_of(root, Oracle.rows(run, root))
  for i = #statements, 1, -1 do statements[i] = nil end
  local ok, actual = xpcall(Tree.read, function(e) return debug.traceback(tostring(e)) end, shunt, session, root)
  if not ok then return "it raised " .. tostring(actual) end
  local different =
    show.difference(Oracle.normalise(expected, root, shunt.null), Oracle.normalise(actual, root, shunt.null), shunt.null)
  if different then return different end
  local bound = Tree.statement_bound(schema, root, shunt.null)
  if #statements > bound then return ("%d statements, where %d are enough"):format(#statements, bound) end
end

local function try_schema(number)
  local random = Random.new(seed * 1000 + number)
  local schema = Schema.new(random, shunt.null)
  local app, folder = open(schema)
  local oracle, session = app:session {}, app:session { instance = "acme" }
  local statements = App.watch(session)
  local run = { models = schema.models, instance_id = 7, null = shunt.null }
  function run.query(sql, params) return oracle:query("whole", sql, params) end
  local n, wrong = 0, nil
  while n < trees_per_schema and not wrong do
    n = n + 1
    local root = Tree.new(schema, random, shunt.null)
    local what = try(run, session, schema, root, statements)
    wrong = what and what .. where_it_was(number, schema, root, statements)
  end
  oracle:close()
  session:close()
  app:close()
  App.remove(folder)
  return n, wrong
end

describe("relations over three datasources (SHUNT_SEED=" .. seed .. ")", function()
  setup(function() print(("relate_differential: SHUNT_SEED=%d, %d trees"):format(seed, schemas * trees_per_schema)) end)

  for number = 1, schemas do
    it(("give the rows of a join on the undivided database, with one statement per relation, level and datasource: schema %d")
      :format(number), function()
      local n, wrong = try_schema(number)
      assert(not wrong, wrong)
      assert.equal(trees_per_schema, n)
    end)
  end
end)
