-- Columns of every type of every engine, each given all extreme values and 200 random ones of any kind: a value that is
-- written is read back with the same meaning, is found by where, by get and as a relation's key. A value that the column
-- can't keep is an error, and nothing is stored. Who judges the meaning is support/meaning.lua or, for types with a
-- spelling of their own, the engine.

local shunt = require "shunt"
local Document = require "tests.engines.support.document"
local Engines = require "tests.engines.support.engines"
local Meaning = require "tests.engines.support.meaning"
local Values = require "tests.engines.support.values"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local ROUNDS = math.tointeger(tonumber(os.getenv "SHUNT_ROUNDS" or "200"))

local own_json = Engines.mysql_kind() == "mysql"

-- The engine compares the value with what was given, cast to the type without its modifier.
local function engine(base) return { cast = base } end

-- { type, meaning, draw = more values, extreme ones and as many random ones, found = "got" where only what was read is looked for,
-- false where the engine does not compare at all }
local types = {
  sqlite3 = {
    { "INTEGER", Meaning.loose_number }, { "BIGINT", Meaning.loose_number }, { "TINYINT(3)", Meaning.loose_number }, { "REAL", Meaning.loose_number },
    { "DOUBLE PRECISION", Meaning.loose_number }, { "FLOAT", Meaning.loose_number }, { "NUMERIC", Meaning.loose_number },
    { "DECIMAL(10,2)", Meaning.loose_number }, { "NUMBER(5)", Meaning.loose_number },
    { "TEXT", Meaning.text }, { "VARCHAR(5)", Meaning.text }, { "CLOB", Meaning.text }, { "MYINT", Meaning.loose_number },
    { "BLOB", Meaning.same }, { "", Meaning.same },
    { "STRING", Meaning.spelled }, { "JSON", Meaning.spelled, draw = Document }, { "ENUM", Meaning.spelled }, { "DATE", Meaning.spelled },
    { "DATETIME", Meaning.spelled }, { "TIME", Meaning.spelled }, { "UUID", Meaning.spelled }, { "BOOLEAN", Meaning.spelled },
    { "POINT", Meaning.spelled }, { "INTERVAL", Meaning.spelled }, { "NUMBERED_LIST", Meaning.spelled },
  },
  pg = {
    { "smallint", Meaning.number }, { "integer", Meaning.number }, { "bigint", Meaning.number }, { "real", Meaning.number },
    { "double precision", Meaning.number }, { "numeric", Meaning.number }, { "numeric(12,2)", Meaning.number }, { "numeric(5,5)", Meaning.number },
    { "numeric(40)", Meaning.number }, { "numeric(65)", Meaning.number }, { "numeric(65,30)", Meaning.number },
    { "numeric(5,-2)", Meaning.number }, { "oid", Meaning.number }, { "price", Meaning.number },
    { "money", engine "money" },
    { "boolean", Meaning.boolean }, { "text", Meaning.text }, { "varchar", Meaning.text }, { "varchar(5)", Meaning.text }, { "code", Meaning.text },
    { "char(5)", Meaning.padded }, { "\"char\"", Meaning.text }, { "name", Meaning.text }, { "bytea", Meaning.text },
    { "date", Meaning.date }, { "time", Meaning.time }, { "time(0)", Meaning.time }, { "timetz", engine "timetz" },
    { "timestamp", Meaning.datetime }, { "timestamp(2)", Meaning.datetime }, { "timestamptz", engine "timestamptz" },
    { "timestamptz(0)", engine "timestamptz" }, { "interval", engine "interval" }, { "interval(2)", engine "interval" },
    { "interval year", engine "interval" },
    { "interval day to minute", engine "interval" }, { "uuid", engine "uuid" }, { "json", Meaning.text, found = false, draw = Document },
    { "jsonb", Meaning.json, draw = Document }, { "xml", Meaning.text, found = false },
    { "inet", engine "inet" }, { "cidr", engine "cidr", found = "got" }, { "macaddr", engine "macaddr" },
    { "integer[]", engine "integer[]" },
    { "numeric(5,2)[]", engine "numeric[]" }, { "varchar(5)[]", engine "text[]" }, { "int4range", engine "int4range" },
    { "bit(3)", engine "bit varying" },
    { "bit varying(3)", engine "bit varying" }, { "level", Meaning.text },
  },
  mysql = {
    { "TINYINT", Meaning.number }, { "TINYINT(1)", Meaning.number }, { "SMALLINT UNSIGNED", Meaning.number }, { "MEDIUMINT", Meaning.number },
    { "INT", Meaning.number }, { "INT(5) ZEROFILL", Meaning.number }, { "BIGINT", Meaning.number }, { "BIGINT UNSIGNED", Meaning.number },
    { "FLOAT", Meaning.number }, { "FLOAT(7,2)", Meaning.number }, { "DOUBLE", Meaning.number }, { "DOUBLE(10,2)", Meaning.number },
    { "DECIMAL(38,10)", Meaning.number }, { "DECIMAL(12,2)", Meaning.number }, { "DECIMAL(5)", Meaning.number },
    { "DECIMAL(65)", Meaning.number }, { "DECIMAL(65,20)", Meaning.number }, { "DECIMAL(65,30)", Meaning.number }, { "YEAR", Meaning.year },
    { "BIT(1)", Meaning.number }, { "BIT(8)", Meaning.number }, { "BIT(64)", Meaning.number },
    { "CHAR(5)", Meaning.text }, { "VARCHAR(5)", Meaning.text }, { "VARCHAR(5) COLLATE utf8mb4_general_ci", Meaning.text },
    { "VARCHAR(5) CHARACTER SET latin1", Meaning.text }, { "TINYTEXT", Meaning.text }, { "TEXT", Meaning.text },
    { "BINARY(4)", Meaning.text }, { "VARBINARY(4)", Meaning.text }, { "TINYBLOB", Meaning.text }, { "BLOB", Meaning.text },
    { "DATE", Meaning.date }, { "TIME", Meaning.time }, { "TIME(2)", Meaning.time }, { "DATETIME", Meaning.datetime },
    { "DATETIME(6)", Meaning.datetime },
    { "TIMESTAMP NULL", Meaning.datetime }, { "ENUM('a','b')", Meaning.text }, { "ENUM('1','2','10')", Meaning.text },
    { "ENUM('a','b') COLLATE utf8mb4_general_ci", Meaning.text }, { [[ENUM('it''s','a\\b','','b')]], Meaning.text },
    { "SET('a','b','c')", Meaning.set }, { "SET('1','2','3')", Meaning.text }, { "JSON", own_json and Meaning.json or Meaning.text,
      draw = Document }, -- MariaDB keeps its text
  },
}

local before = {
  pg = { "CREATE TYPE level AS ENUM ('high', 'low')", "CREATE DOMAIN price AS numeric(10,2)", "CREATE DOMAIN code AS varchar(5) CHECK (VALUE <> 'x')" },
}

local function text_of(value)
  if math.type(value) == "float" then return Meaning.shortest(value) end
  local text = shunt.is_blob(value) and ("blob(%q)"):format(value:bytes()) or show.source(value, shunt.null)
  return #text > 60 and text:sub(1, 60) .. "…" or text
end

local function all_values(random, more)
  local list = {}
  for _, pool in ipairs { Values, more } do
    table.move(pool.extremes, 1, #pool.extremes, #list + 1, list)
    for _ = 1, ROUNDS do list[#list + 1] = pool.draw(random) end
  end
  return list
end

-- One column of one table, and what became of the values that it was given.
local Trial = {}
Trial.__index = Trial

local function new_trial(session, engine_name, case)
  session:execute("main", "DROP TABLE IF EXISTS things")
  session:execute("main", ("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, v %s)"):format(case[1]))
  return setmetatable({ session = session, things = session:model "thing", engine = engine_name, case = case, faults = {}, kept = {} }, Trial)
end

function Trial:fault(...) self.faults[#self.faults + 1] = (...):format(select(2, ...)) end

function Trial:meant(id, given, got)
  local meaning = self.case[2]
  if type(meaning) == "function" then return meaning(given, got) end
  if type(given) == "boolean" or shunt.is_blob(given) then return tostring(given) == tostring(got) end
  local sql = ("SELECT CAST(CAST(? AS text) AS %s) = CAST(v AS %s) AS same FROM things WHERE id = ?"):format(meaning.cast, meaning.cast)
  local text = math.type(given) == "float" and Meaning.shortest(given) or tostring(given)
  local ok, rows = pcall(self.session.query, self.session, "main", sql, { text, id })
  return ok and rows[1].same
end

-- Inserts it, and writes it over a null as well.
function Trial:write(id, given)
  local ok, row = pcall(self.things.insert, self.things, { id = id, v = given })
  local got = self.things:get(id)
  if not ok then
    if row.code ~= "SHUNT_E_CONSTRAINT" and row.code ~= "SHUNT_E_USAGE" then self:fault("%s: %s", text_of(given), row) end
    if got then self:fault("%s was refused and stored as %s", text_of(given), text_of(got.v)) end
  elseif not self:meant(id, given, got.v) then
    self:fault("%s became %s", text_of(given), text_of(got.v))
  else
    self.kept[#self.kept + 1] = { id = id, given = given, got = got.v }
  end
  if not got then self.things:insert { id = id } end
  local updated = pcall(self.things.update, self.things, { id = id, v = given })
  local after = self.things:get(id).v
  local same = updated == ok and (ok and (after == got.v or after ~= after) or not ok and after == shunt.null)
  if not same then self:fault("insert and update of %s differ: %s", text_of(given), text_of(after)) end
end

function Trial:find(k)
  local decimal = math.type(k.given) == "float" and type(k.got) == "string" -- fifteen digits of it were kept
  local loose = self.engine == "sqlite3" and type(k.got) ~= "number" -- a text or blob in a column of numbers
  for _, v in ipairs((self.case.found or decimal) and { k.got } or { k.given, k.got }) do
    local ok, n = pcall(self.things.count, self.things, { where = { id = k.id, v = v } })
    if not (ok and n == 1) and not (loose and tostring(n):find "is numeric") then
      self:fault("where: %s is not found by %s: %s", text_of(k.got), text_of(v), n)
    end
  end
  local by_value = self.session:model "by_value"
  local ok, row = pcall(by_value.get, by_value, k.got)
  if not (ok and row) then self:fault("get: %s is not found: %s", text_of(k.got), row) end
end

-- The relation from each row to those with the same value, against the engine's own join.
function Trial:relate()
  local expected, got = {}, {}
  for _, p in ipairs(self.session:query("main", "SELECT a.id AS a, b.id AS b FROM things a JOIN things b ON a.v = b.v")) do
    expected[p.a .. "-" .. p.b] = true
  end
  for _, row in ipairs(self.things:select { include = { same = true } }) do
    for _, other in ipairs(row.same) do got[row.id .. "-" .. other.id] = true end
  end
  for p in pairs(expected) do if not got[p] then self:fault("relation: %s is missing", p) end end
  for p in pairs(got) do if not expected[p] then self:fault("relation: %s is too much", p) end end
end

for _, name in ipairs(Engines.all) do
  describe("any value for any column on " .. name, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session

    setup(function()
      world = Engines.open { clients = { main = name }, rules = [[
        model "thing" { table = "things", relations = { same = has_many("thing", "v", { key = "v", columns = "id" }) } }
        model "by_value" { table = "things", primary_key = "v" }]] }
      session = world.session
      for _, sql in ipairs(before[name] or {}) do session:execute("main", sql) end
    end)
    teardown(function() world:close() end)

    for _, case in ipairs(types[name]) do
      it(("%s keeps it or refuses it"):format(case[1] == "" and "without a type" or case[1]), function()
        local seed, trial = Random.seed(), new_trial(session, name, case)
        for id, given in ipairs(all_values(Random.new(seed), case.draw)) do trial:write(id, given) end
        if case.found ~= false then
          for _, k in ipairs(trial.kept) do trial:find(k) end
          trial:relate()
        end
        local faults = table.concat(trial.faults, "\n", 1, math.min(#trial.faults, 40))
        assert(#trial.faults == 0, ("SHUNT_SEED=%d: %d faults, %d kept\n%s"):format(seed, #trial.faults, #trial.kept, faults))
        assert(#trial.kept > 0, "nothing was kept")
      end)
    end
  end)
end
