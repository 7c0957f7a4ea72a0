--- For: conditions of any bytes, on SQLite. An input that begins with "{" is a where as JSON; the bytes of any other choose
--- a tree of conditions, which is then compared with its evaluation in Lua.
--- Use: where.c calls open(config) once, then run(bytes) for each input. Errors are what is not as it should be.
local shunt = require "shunt"
local Conditions = require "tests.engines.support.conditions"
local Evaluate = require "tests.engines.support.evaluate"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local M = {}
local rows, things, app, session

function M.open(config)
  app = shunt.open(config)
  session = app:session()
  session:execute("main", ("CREATE TABLE things (%s)"):format(Conditions.tables.sqlite3))
  things = session:model "things"
  rows = Conditions.rows(Random.new(1))
  things:insert_bulk(rows)
end

local function ids(found)
  local out = {}
  for i, row in ipairs(found) do out[i] = row.id end
  table.sort(out)
  return out
end

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do
    if a[i] ~= b[i] then return false end
  end
  return true
end

local function list(numbers) return "{" .. table.concat(numbers, " ") .. "}" end

local function check(holds, where, ...)
  if not holds then error(("%s\n%s"):format(show.source(where, null), table.concat({ ... }, "\n")), 0) end
end

-- ---- trees ----

-- Bytes as choices. Behind their end, it is the last choice each time: there, a tree has no more branches.
local Bytes = {}
Bytes.__index = Bytes

function Bytes:int(low, high)
  local byte = self.text:byte(self.at)
  self.at = self.at + 1
  return byte and low + byte % (high - low + 1) or high
end

Bytes.chance, Bytes.of = getmetatable(Random.new(1)).chance, getmetatable(Random.new(1)).of

local function run_tree(bytes)
  local where = Conditions.tree(setmetatable({ text = bytes, at = 1 }, Bytes), 1)
  local expected = ids(Evaluate.rows(rows, where, { null = null, folded = { u = true } }))
  local ok, found = pcall(things.select, things, { where = where, columns = "id" })
  check(ok, where, tostring(found))
  check(same(expected, ids(found)), where, "expected " .. list(expected), "found    " .. list(ids(found)))
end

-- ---- JSON ----

-- What a query gives: its rows or number, or its error.
local function try(method, query)
  local ok, got = pcall(things[method], things, query)
  if ok then return got end
  check(shunt.is_error(got) and (got.code == "SHUNT_E_USAGE" or got.code == "SHUNT_E_NOT_FOUND"), query.where, tostring(got))
  return nil, got
end

local function check_refused(where, problem)
  for _, other in ipairs { select(2, try("count", { where = where })) or false, select(2, try("select", { where = where, limit = 0 })) or false } do
    check(other and other.message == problem.message, where, problem.message, other and other.message or "not refused")
  end
end

local function check_taken(where, found)
  local n, function_of = try("count", { where = where }), { _and = { where, where } }
  check(n == #found, where, ("%d rows, but the number %s"):format(#found, tostring(n)))
  check(#assert(try("select", { where = where, limit = 0 })) == 0, where, "rows within no limit")
  for _, other in ipairs { function_of, { _or = { where } }, { _not = { _not = where } } } do
    local again, problem = try("select", { where = other, columns = "id" })
    check(again and same(ids(found), ids(again)), other, problem and problem.message or "other rows than without it")
  end
  local others = try("count", { where = { _not = where } })
  check(others and others + n <= #rows, where, ("%d rows, and %s without it"):format(n, tostring(others)))
end

local function run_json(bytes)
  local ok, where = pcall(shunt.json_decode, bytes)
  if not ok then return end
  local found, problem = try("select", { where = where, columns = "id" })
  if found then check_taken(where, found) else check_refused(where, problem) end
end

function M.run(bytes)
  if bytes:sub(1, 1) == "{" then run_json(bytes) else run_tree(bytes) end
end

return M
