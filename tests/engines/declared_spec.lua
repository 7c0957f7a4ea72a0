-- What a column with a declared type (`types` of a model) takes: extreme values and random ones of any kind are written on
-- every engine. Each takes them or none, and the values that are read back are the same. So development on SQLite refuses what
-- a server refuses in production.

local shunt = require "shunt"
local Document = require "tests.engines.support.document"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local Values = require "tests.engines.support.values"
local show = require "tests.spec.support.show"

local rounds = math.tointeger(tonumber(os.getenv "SHUNT_ROUNDS" or "120"))

-- ---- types, and values at their limits ----

local function digits(random, n)
  local parts = {}
  for i = 1, n do parts[i] = tostring(random:int(0, 9)) end
  return table.concat(parts)
end

local decimals = { "99999999.99", "-99999999.99", "100000000.00", "99999999.990", "99999999.995", "0.001", "0.010", "-0", "-0.00", "00012.5", "+1.5",
  " 1", "1.",
  ".5", "123456789012", "1.239", "1e2", "1.5e1", 99999999.99, 100000000, 1e8, 1e7, 0.125, 0.1 + 0.2, 1 / 3, 12345678.9, 1e-3, 1e300, -0.0,
    "0.30000000000000004" }

local function decimal(random)
  local whole = digits(random, random:int(1, 10))
  if random:chance(30) then return random:int(-10 ^ 9 // 1, 10 ^ 9 // 1) / 10 ^ random:int(0, 4) end
  return random:of { "", "", "-", "+" } .. whole .. (random:chance(70) and "." .. digits(random, random:int(0, 3)) or "")
end

local dates = { "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "2026-04-31", "2026-06-31", "2026-12-31", "2026-12-32", "0000-01-01",
  "0001-01-01", "0000-12-31",
  "9999-12-31", "10000-01-01", "2026-00-10", "2026-10-00", "2026-1-1", "026-01-01", "1-1-1", "2026-11-24 00:00", "2026-11-24T00:00:00.000",
    "2026-11-24 00:00:00Z", "2026-11-24 00:00:01",
  "2026-11-24x", " 2026-11-24", "2026-11-24 " }
local times = { "00:00:00", "23:59:59.999999", "23:59:59.9999999", "24:00:00", "24:00", "23:60:00", "23:59:60", "-00:00:01", "-0:00:00", "99:00:00",
  "838:59:59", "838:59:59.5", "839:00:00",
  "1:2:3", "12:30:00.1234560", "12:30:00.000000000000000000", "12:30:00.12345678901234567890", "12:30:00.", "12:30:00Z", "12:30:00+00:00",
    "12:30:00-00", "12:30.5" }
local moments = { "0001-01-01 00:00:00", "0000-01-01 00:00:00", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.9999999", "2026-02-30 12:00:00",
  "2026-11-24 24:00:00", "2026-11-24 23:59:60",
  "2026-11-24 12:60", "2026-11-24 12:30:00.1234567", "2026-11-24 12:30:00.123456789012345678", "2026-11-24  12:30:00", "2026-11-24T12:30:00.5Z",
    "2026-11-24 12:30:00+02", "2026-11-24 -1:00:00" }

local function day(random)
  return random:of { "%04d-%02d-%02d", "%04d-%02d-%02d", "%d-%d-%d" }:format(random:of { 2026, 2024, 1900, 2000, 0, 1, 9999, random:int(0, 10000) },
    random:int(0, 13), random:int(0, 32))
end

local function clock(random)
  local out = ("%02d:%02d"):format(random:int(0, random:chance(20) and 900 or 24), random:int(0, 60))
  if random:chance(80) then out = out .. (":%02d"):format(random:int(0, 60)) end
  if random:chance(40) then out = out .. "." .. digits(random, random:int(1, random:chance(20) and 20 or 7)) end
  return out
end

-- 16 of 20 characters are ASCII.
local function text(random)
  local parts = {}
  for i = 1, random:int(0, 14) do parts[i] = random:of { "a", "B", "7", ".", "-", "'", "\\", "ä", "€", "😀" } end
  if random:chance(10) then parts[#parts + 1] = random:of { "\0", "\xff", "\xed\xa0\x80" } end
  return table.concat(parts)
end

local function uuid(random)
  local out = ("0E37df36-f698-11e6-8dd4-%012x"):format(random:int(0, 1 << 40))
  if random:chance(30) then out = out:gsub("%-", "") end
  return random:chance(30) and (random:of { "{%s}", "%sx", " %s", "%s-" }):format(out) or out
end

local cases = {
  { "integer", sqlite3 = "INTEGER", pg = "bigint", mysql = "BIGINT", extremes = { "9223372036854775808", "-9223372036854775808", 2.0 ^ 62, "7.0",
    "1e3" } },
  { "number", sqlite3 = "REAL", pg = "double precision", mysql = "DOUBLE", extremes = { "Infinity", "NaN", "1e400", "1e-400", "9007199254740993" } },
  { "decimal", sqlite3 = "DECIMAL(10,2)", pg = "numeric(10,2)", mysql = "DECIMAL(10,2)", extremes = decimals, draw = decimal },
  { "boolean", sqlite3 = "BOOLEAN", pg = "boolean", mysql = "BOOLEAN", extremes = { "TRUE", "True", "f", "1.0", "01", 1.0, 2, -1, 0.0, "yes", "on" } },
  { "text", sqlite3 = "VARCHAR(12)", pg = "varchar(12)", mysql = "VARCHAR(12)", extremes = { ("ä"):rep(12), ("ä"):rep(13), ("x"):rep(13),
    123456789012, 1234567890123 }, draw = text },
  { "blob", sqlite3 = "BLOB", pg = "bytea", mysql = "BLOB" },
  { "date", sqlite3 = "DATE", pg = "date", mysql = "DATE", extremes = dates, draw = day },
  { "time", sqlite3 = "TIME(6)", pg = "time", mysql = "TIME(6)", extremes = times, draw = clock },
  { "time", sqlite3 = "TIME(2)", pg = "time(2)", mysql = "TIME(2)", extremes = times, draw = clock },
  { "datetime", sqlite3 = "DATETIME", pg = "timestamp", mysql = "DATETIME(6)", extremes = moments,
    draw = function(random) return day(random) .. random:of { " ", "T" } .. clock(random) .. random:of { "", "", "Z", "+00", "+02" } end },
  { "datetime", sqlite3 = "DATETIME(3)", pg = "timestamptz(3)", mysql = "DATETIME(3)", extremes = moments,
    draw = function(random) return day(random) .. " " .. clock(random) end },
  { "json", sqlite3 = "TEXT", pg = "json", mysql = "JSON", extremes = Document.extremes, draw = Document.draw },
  { "json", sqlite3 = "TEXT", pg = "jsonb", mysql = "JSON", extremes = Document.extremes, draw = Document.draw },
  { "uuid", sqlite3 = "UUID", pg = "uuid", mysql = "CHAR(36)", extremes = { "0e37df36-f698-11e6-8dd4-cb9ced3df97", "g" }, draw = uuid },
}

-- MariaDB reads 30 levels of JSON, MySQL 100: deeper documents are left out.
local function is_deep(value)
  return type(value) == "string" and (value:find(("["):rep(30), 1, true) or value:find(('{"a":'):rep(30), 1, true)) ~= nil
end

local function all_values(random, case)
  local list = table.move(case.extremes or {}, 1, #(case.extremes or {}), 1, {})
  for _ = 1, rounds do list[#list + 1] = random:chance(50) and case.draw and case.draw(random) or Values.draw(random) end
  return list
end

-- ---- what became of a value ----

local function meant(case, value)
  if case[1] == "json" and type(value) == "string" then return Document.canonical(value) or value end
  return math.type(value) == "float" and ("%.17g"):format(value) or show.source(value, shunt.null)
end

-- Inserted, and written over a null.
local function outcome(model, case, id, value)
  local ok, row = pcall(model.insert, model, { id = id, v = value })
  if not ok then
    if row.code ~= "SHUNT_E_USAGE" and row.code ~= "SHUNT_E_CONSTRAINT" then return tostring(row) end
    if model:get(id) then return "refused, and stored" end
    model:insert { id = id }
  end
  local updated = pcall(model.update, model, { id = id, v = value })
  local got = model:get(id).v
  if updated ~= ok then return "insert and update differ" end
  return ok and meant(case, got) or "refused"
end

describe("a declared type", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session

  setup(function()
    local rules = {}
    for i, case in ipairs(cases) do
      for _, engine in ipairs(Engines.all) do
        rules[#rules + 1] = ("model '%s%d' { table = 'things%d', client = '%s', types = { v = '%s' } }"):format(engine, i, i, engine, case[1])
      end
    end
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = table.concat(rules, "\n") }
    session = world.session
    for i, case in ipairs(cases) do
      for _, engine in ipairs(Engines.all) do
        session:execute(engine, ("CREATE TABLE things%d (id INTEGER NOT NULL PRIMARY KEY, v %s)"):format(i, case[engine]))
      end
    end
  end)
  teardown(function() world:close() end)

  for i, case in ipairs(cases) do
    it(("takes the same values on every engine: %s, %s"):format(case[1], case.pg), function()
      local seed, faults, kept = Random.seed(), {}, 0
      for id, value in ipairs(all_values(Random.new(seed), case)) do
        local got = {}
        for _, engine in ipairs(Engines.all) do got[engine] = outcome(session:model(engine .. i), case, id, value) end
        local same = got.sqlite3 == got.pg and got.pg == got.mysql
        kept = kept + (same and got.pg ~= "refused" and 1 or 0)
        if not same and not is_deep(value) then
          faults[#faults + 1] = ("%s: sqlite3 %s | pg %s | mysql %s"):format(show.source(value, shunt.null), got.sqlite3, got.pg, got.mysql)
        end
      end
      assert(#faults == 0, ("SHUNT_SEED=%d: %d faults, %d kept\n%s"):format(seed, #faults, kept, table.concat(faults, "\n", 1, math.min(#faults, 40))))
      assert(kept > 0, "nothing was kept")
    end)
  end
end)
