-- Every type of every engine: what goes in comes out equal, at its extremes and as null, and what a column can't hold is an
-- error that leaves nothing behind.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local show = require "tests.spec.support.show"

local huge, null, blob = math.huge, shunt.null, shunt.blob
local MIN, MAX = math.mininteger, math.maxinteger

local every_byte = {}
for i = 0, 255 do every_byte[i + 1] = string.char(i) end
every_byte = table.concat(every_byte)

local texts = { "", " ", "a", "7", "007", "null", "'; DROP TABLE t; --", "grüß 😀", "a\\b\"c`d'e?", "line\nline\ttab\r", "$1 $$ ? :x",
  ("ä"):rep(100000) }
local blobs = { blob "", blob "a", blob "\0", blob "\0\xff\\x41'\"", blob(every_byte), blob(every_byte:rep(4000)) }
local doubles = { 0.0, 1.0, -1.5, 0.1, 1 / 3, 1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 9007199254740992.0, 1e15, 123456.789 }
local json = '{"a": [1, 2.5, null, "ü"], "b": {}}'
local uuid = "0e37df36-f698-11e6-8dd4-cb9ced3df976"

-- A value that comes out as another one: given and got.
local function as(given, got) return { given = given, got = got } end

-- engine -> { type, values }
local kept = {
  sqlite3 = {
    { "INTEGER", { MIN, -1, 0, 1, MAX } },
    { "REAL", { 0.0, -1.5, 0.1, 1e300, huge, -huge } },
    { "TEXT", texts },
    { "BLOB", blobs },
  },
  pg = {
    { "smallint", { -32768, 0, 32767 } },
    { "integer", { -2147483648, 0, 2147483647 } },
    { "bigint", { MIN, -1, 0, MAX } },
    { "real", { 0.0, 1.5, -0.25, 0.1 } },
    { "double precision", doubles },
    { "double precision", { huge, -huge, 5e-324 } },
    { "numeric", { "0", "0.1", "-12345678901234567890123456789012345678.0123456789", "1e3", as(7, "7"), as("NaN", "NaN") }, { ["1e3"] = "1000" } },
    { "numeric(12,2)", { "0.10", "1234567890.12", as(5, "5.00"), as("1.5000", "1.50"), as("125e-2", "1.25"), as(0.1 + 0.2, "0.30"), "NaN" } },
    { "numeric(3,5)", { "0.00123" } },
    { "numeric(40)", { "1234567890123456789012345678901234567890", as(1e3, "1000") } },
    { "exact_price", { "1.25" } }, -- a domain over a domain over numeric(10,2)
    { "oid", { 0, 4294967295 } },
    { "boolean", { true, false } },
    { "text", texts },
    { "varchar(10)", { "", "grüß 😀" } },
    { "char(5)", { as("ab", "ab   "), "abcde" } },
    { "\"char\"", { "x" } },
    { "name", { "shunt" } },
    { "bytea", blobs },
    { "date", { "0001-01-01", "2026-11-24", "9999-12-31", "infinity" } },
    { "time", { "00:00:00", "23:59:59.999999", "12:00:00.5" } },
    { "time(0)", { "12:00:00", as("12:00:00.000", "12:00:00") } },
    { "timetz", { "12:00:00+00" } },
    { "timestamp(2)", { as("2026-11-24 12:00:00.120", "2026-11-24 12:00:00.12"), "infinity" } },
    { "timestamp(0)", { as("2026-12-24 12:00", "2026-12-24 12:00:00") } },
    { "timestamp", { "2026-11-24 12:00:00", "2026-11-24 12:00:00.5", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999",
      as("2026-11-24T12:00:00", "2026-11-24 12:00:00") } },
    { "timestamptz", { "2026-11-24 12:00:00+00", as("2026-11-24 12:00:00+02", "2026-11-24 10:00:00+00") } },
    { "interval", { "P1Y2M3DT4H5M6S", "PT0S", as("1 day", "P1D"), "PT0.000001S", as("2 weeks 1.5 seconds", "P14DT1.5S") } },
    { "interval second(1)", { "PT1.5S" } },
    { "uuid", { uuid, as(uuid:upper(), uuid) } },
    { "json", { json, "null", "7" } },
    { "jsonb", { json } },
    { "xml", { "<a>ü</a>" } },
    { "inet", { "10.0.0.1", "2001:db8::1", "10.0.0.0/8" } },
    { "integer[]", { "{}", "{1,NULL,-3}", "{{1,2},{3,4}}" } },
    { "text[]", { '{a,"b c",NULL,"d\\"e"}' } },
    { "int4range", { "[1,5)" } },
    { "bit(3)", { "101" } },
    { "money_kind", { "high" } }, -- an enum
    { "small_number", { 1, 9 } }, -- a domain over integer
  },
  mysql = {
    { "TINYINT", { -128, 0, 127 } },
    { "TINYINT(1)", { 0, 1, as(true, 1), as(false, 0) } },
    { "TINYINT UNSIGNED", { 0, 255 } },
    { "SMALLINT", { -32768, 32767 } },
    { "SMALLINT UNSIGNED", { 0, 65535 } },
    { "MEDIUMINT", { -8388608, 8388607 } },
    { "MEDIUMINT UNSIGNED", { 0, 16777215 } },
    { "INT", { -2147483648, 0, 2147483647 } },
    { "INT UNSIGNED", { 0, 4294967295 } },
    { "BIGINT", { MIN, -1, 0, MAX } },
    { "BIGINT UNSIGNED", { 0, 1, MAX, "9223372036854775808", "18446744073709551615", as("5", 5) } },
    { "FLOAT", { 0.0, 1.5, -0.25, as(16777216, 16777216.0) } },
    { "DOUBLE", doubles },
    { "DECIMAL(38,10)", { "0.1000000000", "-1234567890123456789012345678.0123456789", as(7, "7.0000000000"), as("0.5", "0.5000000000") } },
    { "DECIMAL(12,2)", { "0.10", "1234567890.12" } },
    { "YEAR", { 1901, 2026, 2155 } },
    { "BIT(64)", { 0, 1, MAX, "9223372036854775808", "18446744073709551615", as("5", 5), as(true, 1), as(2.0, 2) } },
    { "BIT(8)", { 0, 255, as("53", 53) } },
    { "LONGTEXT", texts },
    { "VARCHAR(10)", { "", "grüß 😀", "a  " } },
    { "CHAR(5)", { "ab", "abcde" } },
    { "LONGBLOB", blobs },
    { "VARBINARY(300)", { blob "", blob "\0\xff", blob(every_byte) } },
    { "BINARY(4)", { blob "abcd", as("abcd", blob "abcd") } },
    { "DATE", { "1000-01-01", "2026-11-24", "9999-12-31" } },
    { "TIME", { "00:00:00", "23:59:59", "-838:59:59", "838:59:59" } },
    { "DATETIME", { "1000-01-01 00:00:00", "2026-11-24 12:00:00", "9999-12-31 23:59:59", as("2026-11-24T12:00:00", "2026-11-24 12:00:00") } },
    { "TIMESTAMP NULL", { "2026-11-24 12:00:00" } },
    { "ENUM('high','low')", { "high" } },
    { "SET('a','b','c')", { "", "a", "a,c" } },
    { "JSON", { json, "7" } },
  },
}

-- engine -> { type, value }: what the column can't hold
local refused = {
  pg = {
    { "smallint", 32768 }, { "integer", 2147483648 }, { "integer", 1.5 }, { "bigint", "9223372036854775808" }, { "integer", "seven" },
    { "numeric(5,2)", "1000.00" }, { "boolean", "perhaps" }, { "text", "a\0b" }, { "text", "\xff" }, { "varchar(3)", "four" },
    { "date", "2026-02-30" }, { "timestamp", "noon" }, { "uuid", "7" }, { "json", "{" }, { "money_kind", "middling" }, { "small_number", 10 },
    { "real", 1e300 }, { "double precision", 9007199254740993 }, { "double precision", MAX }, { "real", 16777217 }, { "oid", -1 }, { "oid", "-1" },
    { "oid", -1.0 }, { "oid", 4294967296 }, { "numeric(10,2)", "1.239" }, { "numeric(10,2)", 1.239 }, { "numeric(10)", 0.5 }, { "exact_price", "1.255" },
    { "time(0)", "12:00:00.5" }, { "time", "12:00:00.1234567" }, { "timetz(1)", "12:00:00.12+00" }, { "timestamp(0)", "2026-11-24 12:00:00.5" },
    { "timestamp(0)", "Wed Dec 24 12:00:00 2026 UTC" }, { "timestamp", "2026-11-24 12:00:00.0000001" }, { "timestamptz(3)", "2026-11-24T12:00:00.1234Z" },
    { "interval", "PT0.0000001S" }, { "interval(0)", "PT1.5S" }, { "interval second(1)", "2 weeks 1.25 seconds" },
  },
  mysql = {
    { "TINYINT", 128 }, { "TINYINT UNSIGNED", -1 }, { "INT", 2147483648 }, { "BIGINT UNSIGNED", -1 }, { "BIGINT", "9223372036854775808" },
    { "BIGINT UNSIGNED", "18446744073709551616" }, { "INT", "seven" }, { "DECIMAL(5,2)", "1000.00" }, { "VARCHAR(3)", "four" },
    { "LONGTEXT", "\xff" }, { "DATE", "2026-02-30" }, { "DATETIME", "noon" }, { "DATE", "0000-00-00" }, { "ENUM('high','low')", "middling" },
    { "DOUBLE", 9007199254740993 }, { "DOUBLE", MIN + 1 }, { "FLOAT", 16777217 }, { "BIT(64)", -1 }, { "BIT(64)", "-1" }, { "BIT(64)", "" },
    { "BIT(64)", "18446744073709551616" }, { "BIT(64)", -1.0 }, { "BIT(64)", 1e30 }, { "BIT(64)", 1.5 }, { "BIT(64)", "five" }, { "BIT(64)", blob "5" },
    { "BIT(8)", 256 }, { "BIT(8)", "256" }, { "JSON", "{" }, { "FLOAT", 1e300 }, { "DOUBLE", huge }, { "BINARY(2)", blob "abc" }, { "BINARY(4)", blob "a" },
    { "TINYBLOB", blob(every_byte .. "a") },
  },
}

local types = {
  pg = { "CREATE TYPE money_kind AS ENUM ('high', 'low')", "CREATE DOMAIN small_number AS integer CHECK (VALUE < 10)",
    "CREATE DOMAIN price AS numeric(10,2)", "CREATE DOMAIN exact_price AS price CHECK (VALUE >= 0)" },
}

local function text_of(value)
  local text = shunt.is_blob(value) and ("blob(%q)"):format(value:bytes()) or show.source(value, null)
  return #text > 60 and text:sub(1, 60) .. "…" or text
end

local function same(a, b)
  if shunt.is_blob(a) or shunt.is_blob(b) then return a == b end
  return math.type(a) == math.type(b) and a == b
end

-- Values wrapped up so that a case with one that comes out as another one looks like the others.
local function pairs_of(case)
  local list = {}
  for i, value in ipairs(case[2]) do
    if type(value) == "table" then
      list[i] = value
    else
      list[i] = as(value, case[3] and case[3][value] or value)
    end
  end
  list[#list + 1] = as(null, null)
  return list
end

for _, engine in ipairs(Engines.all) do
  describe("values on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = 'model "thing" { table = "things" }' }
      session = world.session
      for _, sql in ipairs(types[engine] or {}) do session:execute("main", sql) end
    end)
    teardown(function() world:close() end)

    local function new_table(type_name)
      session:execute("main", "DROP TABLE IF EXISTS things")
      session:execute("main", ("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, v %s)"):format(type_name))
      return session:model "thing"
    end

    for _, case in ipairs(kept[engine]) do
      it(("come back from %s as they went in"):format(case[1]), function()
        local things, list = new_table(case[1]), pairs_of(case)
        for id, value in ipairs(list) do
          local row = things:insert { id = id, v = value.given }
          assert(same(row.v, value.got), ("insert gave %s for %s"):format(text_of(row.v), text_of(value.given)))
        end
        -- read by a statement with parameters, by one without, and written again by an update
        local rows = session:query("main", "SELECT id, v FROM things ORDER BY id")
        assert.equal(#list, #rows)
        for id, value in ipairs(list) do
          assert(same(rows[id].v, value.got), ("%s came back as %s"):format(text_of(value.given), text_of(rows[id].v)))
          local row = things:get(id)
          assert(same(row.v, value.got), ("get: %s came back as %s"):format(text_of(value.given), text_of(row.v)))
          things:update { id = id, v = row.v }
          row = things:get(id)
          assert(same(row.v, value.got), ("written again, %s came back as %s"):format(text_of(value.given), text_of(row.v)))
        end
      end)
    end

    it("come back in one row, whatever columns stand side by side", function()
      local names, values, definitions = {}, {}, {}
      for i, case in ipairs(kept[engine]) do
        names[i], values[i] = "v" .. i, pairs_of(case)[1]
        definitions[i] = names[i] .. " " .. case[1]
      end
      session:execute("main", "DROP TABLE IF EXISTS things")
      session:execute("main", ("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, %s)"):format(table.concat(definitions, ", ")))
      local things = session:model "thing"
      local first, second, third = { id = 1 }, { id = 2 }, { id = 3 }
      for i, name in ipairs(names) do
        first[name], third[name] = values[i].given, values[i].given
        second[name] = null
      end
      assert.equal(3, things:insert_bulk { first, second, third })
      for id, row in ipairs(things:select { order = "id" }) do
        for i, name in ipairs(names) do
          local expected = id == 2 and null or values[i].got
          assert(same(row[name], expected), ("%s: %s came back as %s"):format(kept[engine][i][1], text_of(expected), text_of(row[name])))
        end
      end
    end)

    for _, case in ipairs(refused[engine] or {}) do
      it(("of %s are not bent to fit: %s is refused"):format(case[1], text_of(case[2])), function()
        local things = new_table(case[1])
        Engines.raises("SHUNT_E_CONSTRAINT|SHUNT_E_USAGE", function() things:insert { id = 1, v = case[2] } end)
        assert.equal(0, things:count())
        things:insert { id = 2, v = null } -- and the connection goes on
        Engines.raises("SHUNT_E_CONSTRAINT|SHUNT_E_USAGE", function() things:update { id = 2, v = case[2] } end)
        assert.equal(null, things:get(2).v)
      end)
    end
  end)
end
