-- Looking rows up by key uses the key's index, whatever its type and the form of the value: no statement casts the column.
-- The engines count the rows that they read.

local Engines = require "tests.engines.support.engines"

local ROWS = 300

-- SQL of the key number i.
local types = {
  sqlite3 = {
    { "INTEGER", "i" }, { "TEXT", "'k' || i" }, { "NUMERIC", "i + 0.5" }, { "REAL", "i + 0.25" }, { "BLOB", "CAST('k' || i AS BLOB)" },
    { "TEXT COLLATE NOCASE", "'K' || i" },
  },
  pg = {
    { "smallint", "i" }, { "integer", "i" }, { "bigint", "i" }, { "numeric(20,4)", "i + 0.5" }, { "real", "i + 0.25" },
    { "double precision", "i + 0.25" }, { "text", "'k' || i" }, { "varchar(20)", "'k' || i" }, { "char(10)", "'k' || i" },
    { "uuid", "CAST(lpad(i::text, 32, '0') AS uuid)" }, { "date", "DATE '2026-01-01' + i" },
    { "timestamp", "TIMESTAMP '2026-01-01' + i * INTERVAL '1 hour'" }, { "timestamptz", "TIMESTAMPTZ '2026-01-01 00:00:00Z' + i * INTERVAL '1 hour'" },
    { "interval", "i * INTERVAL '1 hour'" }, { "inet", "INET '10.0.0.0' + i" }, { "bytea", "CAST('k' || i AS bytea)" },
    { "oid", "CAST(i AS oid)" },
  },
  mysql = {
    { "INT", "i" }, { "BIGINT UNSIGNED", "i" }, { "DECIMAL(20,4)", "i + 0.5" }, { "DOUBLE", "i + 0.25" }, { "VARCHAR(20)", "CONCAT('k', i)" },
    { "VARCHAR(20) COLLATE utf8mb4_general_ci", "CONCAT('K', i)" }, { "CHAR(10)", "CONCAT('k', i)" }, { "VARBINARY(20)", "CONCAT('k', i)" },
    { "DATE", "DATE '2026-01-01' + INTERVAL i DAY" }, { "DATETIME", "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL i HOUR" },
    { "DATETIME(6)", "TIMESTAMP '2026-01-01 00:00:00.5' + INTERVAL i HOUR" }, { "TIME", "SEC_TO_TIME(i)" },
  },
}

-- What reading a table as a whole adds to.
local counters = {
  pg = function(session)
    local row = session:query("pg", "SELECT seq_tup_read AS n FROM pg_stat_xact_user_tables WHERE relname = 't'")[1]
    return row and row.n or 0
  end,
  mysql = function(session) return tonumber(session:query("mysql", "SHOW SESSION STATUS LIKE 'Handler_read_rnd_next'")[1].Value) end,
}

for engine, list in pairs(types) do
  describe("an index of keys on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session

    setup(function()
      world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = engine,
        rules = ('model "t" { primary_key = "k", table = "t", client = "%s", relations = { same = has_many("t", "k", { key = "k" }) } }'):format(engine) }
      session = world.session
    end)
    teardown(function() world:close() end)

    local function fill(type, key)
      session:execute(engine, "DROP TABLE IF EXISTS t")
      session:execute(engine, ("CREATE TABLE t (k %s NOT NULL PRIMARY KEY, n INTEGER)%s"):format(type, engine == "sqlite3" and " WITHOUT ROWID" or ""))
      session:execute(engine, ("INSERT INTO t WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < %d) "
        .. "SELECT %s, i FROM numbers"):format(ROWS, key))
    end

    -- SQLite counts no rows, but says how it would read them.
    local function plans_to_search(what, read)
      local statements = {}
      session:observe(function(statement) statements[#statements + 1] = statement end)
      read()
      session:observe(nil)
      for _, statement in ipairs(statements) do
        for _, step in ipairs(session:query("sqlite3", "EXPLAIN QUERY PLAN " .. statement.sql, statement.params)) do
          assert.is_nil(step.detail:find "^SCAN t", what .. ": " .. statement.sql)
        end
      end
    end

    -- Fails if a table was read as a whole.
    local function looks_up(what, read)
      if engine == "sqlite3" then return plans_to_search(what, read) end
      local before = counters[engine](session)
      read()
      local passed = counters[engine](session) - before
      assert.is_true(passed < ROWS // 2, ("%s reads %d rows"):format(what, passed))
    end

    for _, case in ipairs(list) do
      it("is used for " .. case[1], function()
        fill(table.unpack(case))
        session:transaction(function()
          if engine == "pg" then session:execute("pg", "SET LOCAL enable_seqscan = off") end
          local t = session:model "t"
          local rows = t:select { where = { n = { 7, 150 } }, order = "n" }
          looks_up("get", function() assert.equal(150, t:get(rows[2].k).n) end)
          looks_up("mget", function() assert.equal(2, #t:mget { rows[1].k, rows[2].k }) end)
          looks_up("update", function() assert.equal(1, t:update({ k = rows[2].k, n = 150 })) end)
          looks_up("delete", function() assert.equal(1, t:delete { k = rows[1].k }) end)
        end, { client = engine })
      end)
    end
  end)
end
