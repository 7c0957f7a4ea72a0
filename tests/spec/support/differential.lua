--- Relations over several datasources against joins on one undivided SQLite database, on random schemas, data and trees.
--- Use: local n, wrong = Differential.try_schema { seed =, number =, trees =, engines =, open = function(schema) … end }

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local LinkWrites = require "tests.spec.support.link_writes"
local Oracle = require "tests.spec.support.oracle"
local Random = require "tests.spec.support.random"
local Settled = require "tests.spec.support.settled"
local Schema = require "tests.spec.support.schema"
local Tables = require "tests.spec.support.tables"
local Tree = require "tests.spec.support.tree"
local show = require "tests.spec.support.show"

local M = {}

--- The instances that the schemas' data belong to.
M.instances = 'instance:\n  instances:\n    "": {id: 1}\n    acme: {id: 7}\n'

-- Only what a failing message needs, since a schema's text is long.
local function where_it_was(case, schema, root, statements)
  local lines = {}
  for _, s in ipairs(statements) do lines[#lines + 1] = ("  [%s] %s"):format(s.client, s.sql) end
  return ("\nSHUNT_SEED=%d, schema %d (default client %s)\n%s\ntables:\n%s\ntree: %s\nstatements:\n%s"):format(case.seed, case.number,
    schema.default, Schema.rules(schema), Tables.text(schema), Tree.text(root, shunt.null), table.concat(lines, "\n"))
end

local function in_order_of(root, rows)
  if root.method ~= "mget" then return rows end
  local by_id, out = {}, {}
  for i, full in ipairs(root.rows) do by_id[full.id] = rows[i] end
  for _, id in ipairs(root.ids) do out[#out + 1] = by_id[id] or by_id[math.tointeger(tonumber(id))] end
  return out
end

-- Of a table. The others ask an engine how its collations would order texts.
local function count_reads(statements)
  local n = 0
  for _, statement in ipairs(statements) do
    if statement.sql:find('FROM ["`]') then n = n + 1 end
  end
  return n
end

-- The first thing wrong with a tree, or nil.
local function try(run, session, schema, root, statements)
  local expected = in_order_of(root, Oracle.rows(run, root))
  for i = #statements, 1, -1 do statements[i] = nil end
  local ok, actual = xpcall(Tree.read, function(e) return debug.traceback(tostring(e)) end, shunt, session, root)
  if not ok then return "it raised " .. tostring(actual) end
  expected = Settled.rows({ schema = schema, null = shunt.null }, root, expected)
  actual = Settled.rows({ schema = schema, null = shunt.null, engine = true }, root, actual)
  local different =
    show.difference(Oracle.normalise(expected, root, shunt.null), Oracle.normalise(actual, root, shunt.null), shunt.null)
  if different then return different end
  local bound = Tree.statement_bound(schema, root, shunt.null)
  local reads = count_reads(statements)
  if reads > bound then return ("%d statements, where %d are enough"):format(reads, bound) end
end

-- Writes links now and then; the trees after that read them. The first thing wrong, or nil.
local function write(run, session, schema, random, statements, case)
  local root, row, problem = LinkWrites.try(schema, random, run, session)
  if not root then return nil end
  local what = problem and "it raised " .. problem or try(run, session, schema, root, statements)
  return what and ("%s\nafter %s was written%s"):format(what, show.source(row, shunt.null), where_it_was(case, schema, root, statements))
end

--- Tries a number of trees on one schema. open makes an application with the clients a, b, c and "whole", the last one on
--- SQLite, and the schema's rules; it gives the application and a function that ends it. Returns how many trees were
--- tried, and what was wrong with the last one or nil.
---@param case { seed: integer, number: integer, trees: integer, engines: table<string, string>?, open: fun(schema: table): table, function }
---@return integer
---@return string?
function M.try_schema(case)
  local random = Random.new(case.seed * 1000 + case.number)
  local schema = Schema.new(random, shunt.null, case.engines)
  local app, close = case.open(schema)
  local oracle, session = app:session {}, app:session { instance = "acme" }
  Tables.store(schema, function(client, sql, params) oracle:execute(client, sql, params) end)
  local statements = App.watch(session)
  local run = { models = schema.models, instance_id = 7, null = shunt.null }
  function run.query(sql, params) return oracle:query("whole", sql, params) end
  function run.execute(sql, params) return oracle:execute("whole", sql, params) end
  local n, wrong = 0, nil
  while n < case.trees and not wrong do
    n = n + 1
    wrong = random:chance(40) and write(run, session, schema, random, statements, case) or nil
    if wrong then break end
    local root = Tree.new(schema, random, shunt.null)
    local what = try(run, session, schema, root, statements)
    wrong = what and what .. where_it_was(case, schema, root, statements)
  end
  oracle:close()
  session:close()
  close()
  return n, wrong
end

return M
