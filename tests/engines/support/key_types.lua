--- Types of every engine, and values for them as SQL, for relations between columns of random types.
--- A group holds types that its engine compares with each other. The pool's texts are inserted as they are; those that a
--- type refuses are left out. compare: how the engine joins two columns, where `=` does not do it.

local Engines = require "tests.engines.support.engines"

local M = {}

local numbers = { "0", "1", "-1", "1.0", "1.5", "2.25", "127", "255", "32767", "16777217", "0.1", "100.00" }
local large = { "1", "0", "9007199254740993", "9007199254740992", "9223372036854775807", "-9223372036854775808", "-1", "127", "12345678901.5" }
local floats = { "0", "1", "-1", "1.5", "0.1", "0.30000000000000004", "26.5", "1e10", "1e300", "1e39", "1e-300", "2.25" }
local times = { "'2026-01-01'", "'2026-01-01 00:00:00'", "'2026-01-01 10:00:00'", "'2026-01-01 10:00:00.5'", "'2026-01-01 10:00:00.123456'",
  "'1999-12-31 23:59:59'", "'2026-02-28'" }
local texts = { "'a'", "'A'", "'b'", "'ab'", "'AB'", "''", "'1'", "'01'", "'ß'", "'ss'", "'é'", "'e'", "'\"'", "'a''b'", "'ä'", "'日'", "'😀'" }
local blanks = { "'a'", "'a '", "'a  '", "'A '", "''", "' '", "'b'", "'\t'" }

local function with(list, more)
  local all = table.move(list, 1, #list, 1, {})
  return table.move(more, 1, #more, #all + 1, all)
end

-- Collations of one server alone: those that count blanks at the end, and MySQL's defaults.
local own_collations = {
  mariadb = { " COLLATE utf8mb4_nopad_bin" },
  mysql = { " COLLATE utf8mb4_0900_bin", " COLLATE utf8mb4_0900_ai_ci", " COLLATE utf8mb4_0900_as_cs" },
}

local function as_text(p, c) return ("CAST(%s AS text) = CAST(%s AS text)"):format(c, p) end

M.groups = {
  sqlite3 = {
    { types = { "INTEGER", "REAL", "NUMERIC", "TEXT", "TEXT COLLATE NOCASE", "TEXT COLLATE RTRIM", "", "BLOB", "DECIMAL(10,2)", "VARCHAR(10)" },
      pool = with(with(numbers, blanks), { "'1'", "'01'", "' 1'", "'1.0'", "'1.5'", "'1e0'", "x'31'", "x'61'", "x''", "9007199254740993",
        "9007199254740992.0", "-9223372036854775808", "9223372036854775807", "9.3e18", "1e300", "'x7'", "'A'", "'1.2.3'" }) },
  },
  pg = {
    { types = { "smallint", "integer", "bigint", "numeric", "numeric(20,4)" }, pool = with(large, numbers) },
    { types = { "double precision", "real", "numeric", "integer" }, pool = numbers },
    { types = { "double precision", "real" }, pool = with(floats, { "'NaN'", "'Infinity'", "'-Infinity'" }) },
    { types = { "numeric", "numeric(12,3)" }, pool = with(numbers, { "'NaN'", "123456789012345678901234567890.5", "1e-10" }) },
    { types = { "date", "timestamp", "timestamp(0)", "timestamptz", "timestamptz(3)" },
      pool = with(times, { "'infinity'", "'0044-03-15 BC'", "'12026-01-01'", "'2026-01-01 12:00:00+02'" }) },
    { types = { "text", "varchar(20)", "name", "char(10)" }, pool = with(texts, { "'" .. ("x"):rep(63) .. "'", "'" .. ("x"):rep(70) .. "'" }) },
    { types = { "char(10)", "char(6)" }, pool = blanks },
    { types = { "text", "text COLLATE shunt_nocase" }, same = true, pool = with(texts, blanks) },
    { types = { "inet", "cidr" }, pool = { "'10.0.0.1'", "'10.0.0.0/8'", "'10.0.0.1/8'", "'::1'", "'10.0.0.2'" } },
    { types = { "uuid" }, pool = { "'0e37df36-f698-11e6-8dd4-cb9ced3df976'", "'0E37DF36F69811E68DD4CB9CED3DF977'" } },
    { types = { "interval" }, pool = { "'1 day'", "'24 hours'", "'1 month'", "'30 days'", "'1.5 seconds'" } },
    { types = { "jsonb" }, pool = { "'{\"a\": 1, \"b\": 2}'", "'{\"b\":2,\"a\":1.0}'", "'1'", "'\"1\"'", "'null'", "'[]'" } },
    { types = { "json", "xml" }, same = true, compare = as_text, pool = { "'1'", "'\"a\"'", "'<a/>'", "'[1, 2]'", "'[1,2]'" } },
    { types = { "point", "box" }, same = true, compare = as_text, pool = { "'(1,2)'", "'(0,0)'", "'((0,0),(1,1))'", "'((0,0),(2,0.5))'" } },
    { types = { "bytea" }, pool = { "'\\x00ff'", "''", "'\\x61'", "'a'" } },
    { types = { "macaddr" }, pool = { "'08:00:2b:01:02:03'", "'08002b010203'", "'08-00-2B-01-02-04'" } },
    { types = { "time", "time(0)" }, pool = { "'10:00:00'", "'10:00:00.5'", "'10:00'", "'00:00:00'" } },
    { types = { "timetz" }, pool = { "'10:00:00+00'", "'12:00:00+02'", "'10:00:00.5+00'" } },
    { types = { "boolean" }, pool = { "true", "false" } },
    { types = { "integer[]" }, pool = { "'{1,2}'", "'{}'", "'{1}'", "'{NULL}'" } },
    { types = { "shunt_mood" }, pool = { "'sad'", "'happy'", "'glum'" } },
    { types = { "bit(4)", "bit varying(6)" }, same = true, pool = { "B'1010'", "B'0000'", "B'101'" } },
    { types = { '"char"' }, pool = { "'a'", "'b'", "'A'" } },
    { types = { "int4range" }, pool = { "'[1,3)'", "'[1,2]'", "'empty'" } },
    { types = { "oid" }, pool = { "1", "4294967295", "0" } },
  },
  mysql = {
    { types = { "TINYINT", "INT", "BIGINT", "BIGINT UNSIGNED", "INT UNSIGNED", "DECIMAL(20,4)", "DECIMAL(10,0)" },
      pool = with(with(large, numbers), { "18446744073709551615", "18446744073709551614" }) },
    { types = { "DOUBLE", "FLOAT", "INT", "DECIMAL(10,2)" }, pool = { "0", "1", "-1", "1.5", "2.25", "127" } },
    { types = { "DOUBLE", "FLOAT" }, pool = with(numbers, { "1e10", "0.30000000000000004" }) },
    { types = { "BIT(8)", "INT", "TINYINT UNSIGNED" }, pool = { "0", "1", "2", "127", "255" } },
    { types = { "YEAR" }, pool = { "1999", "2001", "2155", "1901", "0" } },
    { types = { "DATE", "DATETIME", "DATETIME(3)", "DATETIME(6)", "TIMESTAMP(6)" }, pool = times },
    { types = { "TIME", "TIME(6)" }, pool = { "'10:00:00'", "'10:00:00.5'", "'-10:00:00'", "'838:00:00'" } },
    { types = { "VARCHAR(80)", "CHAR(40)", "TEXT", "ENUM('a','b','1','e')" }, pool = with(texts, { "'a '", "'A '" }),
      suffix = with({ " COLLATE utf8mb4_bin", " COLLATE utf8mb4_general_ci", " COLLATE utf8mb4_unicode_ci",
        " CHARACTER SET latin1 COLLATE latin1_swedish_ci", " CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci" },
        own_collations[Engines.mysql_kind()]) },
    -- a Unicode collation ignores U+0001
    { types = { "VARCHAR(20)", "CHAR(10)", "TEXT" }, pool = with(blanks, { "_utf8mb4 x'6101'", "_utf8mb4 x'612001'" }),
      suffix = { " COLLATE utf8mb4_bin", " COLLATE utf8mb4_bin", " COLLATE utf8mb4_unicode_ci" } },
    { types = { "VARBINARY(10)", "BINARY(4)", "BLOB" }, pool = { "x'00ff'", "''", "'a'", "'A'", "'a '", "x'61000000'" } },
    { types = { "UUID" }, server = "mariadb", pool = { "'0e37df36-f698-11e6-8dd4-cb9ced3df976'", "'0E37DF36F69811E68DD4CB9CED3DF977'" } },
    { types = { "INET6" }, server = "mariadb", pool = { "'::1'", "'::ffff:1.2.3.4'", "'2001:db8::1'" } },
  },
}

--- What an engine needs before the tables are made.
M.preparations = {
  sqlite3 = {},
  pg = { "CREATE COLLATION shunt_nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    "CREATE TYPE shunt_mood AS ENUM ('sad', 'happy', 'glum')" },
  mysql = {},
}

return M
