-- A condition that compares a column with a value of any kind gives the same rows on every engine, or is an error on every
-- engine. The columns of one name hold the same values, and each engine has its own type for them.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Meaning = require "tests.engines.support.meaning"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local rounds = math.tointeger(tonumber(os.getenv "SHUNT_ROUNDS" or "400"))
local blob = shunt.blob

local names = { "n", "d", "x", "t", "c", "p", "day", "clock", "at", "u", "b" }
local tables = {
  sqlite3 = { n = "BIGINT", d = "DECIMAL(12,2)", x = "REAL", t = "TEXT", c = "VARCHAR(40)", p = "BLOB", day = "DATE", clock = "TIME",
    at = "DATETIME", u = "UUID", b = "BOOLEAN" },
  pg = { n = "bigint", d = "numeric(12,2)", x = "double precision", t = "text", c = "varchar(40)", p = "bytea", day = "date",
    clock = "time", at = "timestamp", u = "uuid", b = "boolean" },
  mysql = { n = "BIGINT", d = "DECIMAL(12,2)", x = "DOUBLE", t = "TEXT", c = "VARCHAR(40)", p = "VARBINARY(40)", day = "DATE",
    clock = "TIME(6)", at = "DATETIME(6)", u = "CHAR(36)", b = "BOOLEAN" },
}

local pools = {
  n = { 0, 1, -1, 7, 70, 12, 9007199254740993, math.maxinteger },
  d = { "0.00", "1.00", "7.00", "7.50", "-0.10", "1234567890.25", "100.00" },
  x = { 0.0, 1.0, 7.0, 7.5, 0.1, -2.5, 1e20, 1e300, 9007199254740992.0 },
  t = { "0", "1", "7", "7.0", "07", "7.5", "1e20", "1.0e+20", "100000000000000000000", "true", "false", "t", "a", "", " 7", "-1", "70", "x7", "2026-11-24",
    "9007199254740993", "0.1", "Infinity" },
  p = { blob "", blob "7", blob "7.0", blob "a", blob "\\x37", blob "true", blob "\xff" },
  day = { "2026-11-24", "0001-01-01", "9999-12-31", "1999-01-08" },
  clock = { "00:00:00", "12:30:00", "12:30:00.5", "23:59:59" },
  at = { "2026-11-24 00:00:00", "2026-11-24 12:30:00", "2026-11-24 12:30:00.5", "1999-01-08 00:00:00" },
  u = { "0e37df36-f698-11e6-8dd4-cb9ced3df976", "00000000-0000-0000-0000-000000000007" },
  b = { true, false },
}
pools.c = pools.t

-- What columns are compared with: every kind, and what each column holds.
local values = { 0, 1, 7, -1, 12, 70, 20261124, 7.0, 7.5, 0.1, 1e20, 1e300, 0.1 + 0.2, 9007199254740992.0, 9007199254740993, math.huge, -math.huge,
  0 / 0, true, false, "7", "7.0", "07", " 7", "7e0", "+7", "1", "0", "true", "false", "t", "a", "", "7 apples", "Infinity", "NaN", "1e400", "1e-400",
  "2026-11-24", "2026-11-24 00:00:00", "2026-11-24 12:30:00", "2026-02-30", "2026-1-8", "26-11-24", "20261124", "today", "12:30", "12:30:00",
    "12:30:00.50", "1230", "24:00:00",
  "2026-11-24T12:30:00Z", "2026-11-24 12:30:00+02", "0E37DF36-F698-11E6-8DD4-CB9CED3DF976", "{0e37df36-f698-11e6-8dd4-cb9ced3df976}", blob "7",
    blob "a", blob "\xff", "\\x37" }
for _, name in ipairs(names) do table.move(pools[name], 1, #pools[name], #values + 1, values) end

-- Servers' decimals with all the digits that MySQL has, and what is beside and beyond them.
local function nines(whole, fraction) return ("9"):rep(whole) .. (fraction and "." .. ("9"):rep(fraction) or "") end
local wide = { "whole", "fine" }
local wide_types = { pg = { whole = "numeric(65)", fine = "numeric(65,30)" }, mysql = { whole = "DECIMAL(65)", fine = "DECIMAL(65,30)" } }
local wide_pools = {
  whole = { "0", "1", "-1", nines(35), nines(36), "9" .. ("0"):rep(37), "-9" .. ("0"):rep(37), nines(64), nines(65), "-" .. nines(65),
    "436746514984166900", "12345678901234567890", "1" .. ("0"):rep(20) },
  fine = { "0", "1.5", "-1.5", nines(35), nines(35, 30), "-" .. nines(35, 30), "0." .. ("0"):rep(29) .. "1", nines(1, 30), "436746514984166900", "7.25" },
}
local wide_values = { "9e37", "-9e+37", "4.367465149841669e+17", "1.2345678901234567890e19", "0.1e1", "15e-1", " 1.50 ", "00001", "1e20", "1e34", "1e35",
  "1e36", "1e41", nines(41), "1e64", "1e65", "-1e65", "1e400", "-1e400", nines(66), nines(65, 1), "-" .. nines(65, 31), nines(35, 31), "0.5", "1e-30",
  "1e-31", "1.4e-30",
  "-0." .. ("0"):rep(30) .. "9", nines(36, 29), nines(36, 30), nines(40, 25), "725e-2", nines(34, 31), nines(60, 6), "1e17", 0, 1, -1, math.maxinteger }
for _, name in ipairs(wide) do table.move(wide_pools[name], 1, #wide_pools[name], #wide_values + 1, wide_values) end

-- The text of a number between others of the list: with another digit at one place, or with a point elsewhere.
local function near(random, text)
  local at = random:int(1, #text)
  if not text:sub(at, at):match "%d" then return text end
  local digit = random:chance(70) and tostring(random:int(0, 9)) or tostring(random:int(0, 9)) .. (text:find "[.e]" and "" or ".") .. random:int(0, 9)
  return text:sub(1, at - 1) .. digit .. text:sub(at + 1)
end

-- SQLite has no such types, and keeps anything in these columns: their types are declared.
local rules = {}
for _, engine in ipairs(Engines.all) do
  rules[#rules + 1] = ("model %q { table = \"things\", client = %q, types = { p = 'blob', day = 'date', clock = 'time', at = 'datetime', "
    .. "u = 'uuid', b = 'boolean' } }"):format(engine, engine)
end

-- Only some columns hold infinities and NaN. The others may refuse them. So does PostgreSQL a day that does not exist, which MySQL
-- compares, as one of its modes allows such dates.
local function may_be_refused(value)
  if type(value) == "table" then
    for _, v in pairs(value) do if may_be_refused(v) then return true end end
  end
  return value == "2026-02-30" or value == "Infinity" or value == "NaN" or value ~= value or value == math.huge or value == -math.huge
end

for _, engine in ipairs(Engines.servers) do
  rules[#rules + 1] = ("model 'plain_%s' { table = \"things\", client = %q }"):format(engine, engine)
  rules[#rules + 1] = ("model 'wide_%s' { table = \"wide\", client = %q }"):format(engine, engine)
end

local orders = { "eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "between", "not_between" }
local operators = table.move(orders, 1, #orders, 1, { [#orders + 1] = "like", [#orders + 2] = "contains", [#orders + 3] = "starts_with" })

local function condition(random, of, draw)
  local op = random:of(of)
  local value = draw()
  if op == "in" or op == "not_in" or op == "between" or op == "not_between" then value = { value, draw() } end
  return { [op] = value }
end

local function ids(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.id end
  return table.concat(out, " ")
end

describe("a comparison of a column with any value", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session

  setup(function()
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = table.concat(rules, "\n") }
    session = world.session
    for engine, columns in pairs(tables) do
      local parts = {}
      for i, name in ipairs(names) do parts[i] = name .. " " .. columns[name] end
      session:execute(engine, ("CREATE TABLE things (id INTEGER PRIMARY KEY, %s)"):format(table.concat(parts, ", ")))
      for id = 1, 25 do
        local row = { id = id }
        for _, name in ipairs(names) do row[name] = pools[name][id] end
        session:model(engine):insert(row)
      end
    end
  end)
  setup(function()
    for _, engine in ipairs(Engines.servers) do
      local columns = wide_types[engine]
      session:execute(engine, ("CREATE TABLE wide (id INTEGER PRIMARY KEY, whole %s, fine %s)"):format(columns.whole, columns.fine))
      for id = 1, #wide_pools.whole do session:model("wide_" .. engine):insert { id = id, whole = wide_pools.whole[id], fine = wide_pools.fine[id] } end
    end
  end)
  teardown(function() world:close() end)

  local function any(random) return condition(random, operators, function() return random:of(values) end) end

  -- What one model finds; "refused" is as good as another's.
  local function found(model, where)
    local ok, rows = pcall(session.model(session, model).select, session:model(model), { where = where, columns = "id", order = "id" })
    return ok and ids(rows) or rows.code == "SHUNT_E_USAGE" and "refused" or rows.code .. ": " .. rows.message
  end

  local function check(name, models, list, may_refuse, draw)
    local seed = Random.seed()
    local random, faults = Random.new(seed), {}
    local function try(op)
      local got, seen, different = {}, nil, false
      for i, model in ipairs(models) do
        got[i] = found(model, { [name] = op })
        local refused = got[i] == "refused" or got[i]:find "^SHUNT_E_CONSTRAINT: date/time field value out of range"
        if not (refused and may_refuse(op)) then
          seen = seen or got[i]
          different = different or got[i] ~= seen
        end
      end
      if different then faults[#faults + 1] = ("%s: %s"):format(show.source(op, shunt.null), table.concat(got, " | ")) end
    end
    for _, value in ipairs(list) do try { eq = value } end
    for _ = 1, rounds do try(draw(random)) end
    local text = table.concat(faults, "\n", 1, math.min(#faults, 40))
    assert(#faults == 0, ("SHUNT_SEED=%d: %d faults of %s\n%s"):format(seed, #faults, table.concat(models, ", "), text))
  end

  for _, name in ipairs(names) do
    it("means the same on every engine, or is refused on every engine: " .. name, function() check(name, Engines.all, values, may_be_refused, any) end)
  end

  for _, name in ipairs { "p", "day", "clock", "at" } do
    it("means the same on servers without a declared type: " .. name, function()
      check(name, { "plain_pg", "plain_mysql" }, values, may_be_refused, any)
    end)
  end

  -- MySQL has no decimal beyond these columns' own: 65 digits, 30 of them after the point.
  local function is_too_long(value)
    if type(value) == "table" then
      for _, v in pairs(value) do if is_too_long(v) then return true end end
      return false
    end
    local digits, power = Meaning.decimal(value):match "^%-?(%d+)e(%-?%d+)$"
    return digits and (#digits + power > 65 or -power > 30 or #digits > 65)
  end

  for _, name in ipairs(wide) do
    it("with decimals means the same on servers: " .. name, function()
      check(name, { "wide_pg", "wide_mysql" }, wide_values, is_too_long, function(random)
        return condition(random, orders, function()
          local value = random:of(wide_values)
          return type(value) == "string" and random:chance(50) and near(random, value) or value
        end)
      end)
    end)
  end
end)
