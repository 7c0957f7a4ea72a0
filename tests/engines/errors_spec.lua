-- What goes wrong on a server has shunt's code, the engine's own, the client's name and no secret, and leaves the pool whole.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local mariadb = Engines.mysql_kind() == "mariadb"

local CONNECTIONS = 2

local rules = [[
model "parent" { table = "parents", relations = { children = has_many("child", "parent_id") } }
model "child" { table = "children" }
]]

local tables = {
  "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, age INTEGER CHECK (age >= 0))",
  "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, FOREIGN KEY (parent_id) REFERENCES parents (id))",
}

-- What runs into each, the code that must come, and the engines' own words for it.
local failures = {
  { "a value that is there already", "SHUNT_E_CONSTRAINT", pg = "23505", mysql = 1062,
    run = function(session) session:model("parent"):insert { id = 2, name = "Ada" } end },
  { "a primary key that is there already", "SHUNT_E_CONSTRAINT", pg = "23505", mysql = 1062,
    run = function(session) session:model("parent"):insert { id = 1, name = "Bo" } end },
  { "a reference to nothing", "SHUNT_E_CONSTRAINT", pg = "23503", mysql = 1452,
    run = function(session) session:model("child"):insert { id = 2, parent_id = 99 } end },
  { "deleting what is referred to", "SHUNT_E_CONSTRAINT", pg = "23503", mysql = 1451,
    run = function(session) session:model("parent"):delete { id = 1 } end },
  { "a null where none may be", "SHUNT_E_CONSTRAINT", pg = "23502", mysql = 1048,
    run = function(session) session:model("parent"):insert { id = 2, name = shunt.null } end },
  { "a column left out that has no default", "SHUNT_E_CONSTRAINT", pg = "23502", mysql = 1364,
    run = function(session) session:model("parent"):insert { id = 2 } end },
  { "a check that does not hold", "SHUNT_E_CONSTRAINT", pg = "23514", mysql = mariadb and 4025 or 3819,
    run = function(session) session:model("parent"):update { id = 1, age = -1 } end },
  { "an unknown table", "SHUNT_E_NOT_FOUND", pg = "42P01", mysql = 1146,
    run = function(session) session:query("main", "SELECT * FROM nowhere") end },
  { "an unknown column", "SHUNT_E_NOT_FOUND", pg = "42703", mysql = 1054,
    run = function(session) session:query("main", "SELECT nothing FROM parents") end },
  { "SQL with a syntax error", "SHUNT_E_USAGE", pg = "42601", mysql = 1064,
    run = function(session) session:query("main", "SELEC 1") end },
  { "an unknown setting", { pg = "SHUNT_E_NOT_FOUND", mysql = "SHUNT_E_USAGE" }, pg = "42704", mysql = 1193,
    run = function(session) session:execute("main", "SET no_such_setting = 1") end },
  { "a setting that can't be so", "SHUNT_E_USAGE", pg = "22023", mysql = 1298,
    run = function(session, engine)
      session:execute("main", ("SET %s = 'Nowhere/At all'"):format(engine == "pg" and "timezone" or "time_zone"))
    end },
  { "two statements at once", "SHUNT_E_USAGE",
    run = function(session) session:execute("main", "DELETE FROM children; DELETE FROM parents") end },
  { "no statement", "SHUNT_E_USAGE", run = function(session) session:query("main", " -- nothing") end },
  { "too few parameters", "SHUNT_E_USAGE", run = function(session) session:query("main", "SELECT * FROM parents WHERE id = ?", {}) end },
  { "too many parameters", "SHUNT_E_USAGE", run = function(session) session:query("main", "SELECT * FROM parents WHERE id = ?", { 1, 2 }) end },
  { "a transaction begun in SQL", "SHUNT_E_USAGE", run = function(session) session:execute("main", "BEGIN") end },
  { "a column of a model that is not there", "SHUNT_E_NOT_FOUND", run = function(session) session:model("parent"):select { columns = "nothing" } end },
}

-- A read that the server itself ends after a while. A connection that was set so is for one transaction alone.
local slow = {
  pg = { "SET LOCAL statement_timeout = 100", "SELECT pg_sleep(60)" },
  mysql = mariadb
    and { "SET SESSION max_statement_time = 0.1", "SELECT sum(a.seq + b.seq + c.seq) FROM seq_1_to_10000 a, seq_1_to_10000 b, seq_1_to_10000 c" }
    or { "SET SESSION max_execution_time = 100", "SELECT count(*) FROM information_schema.columns a, information_schema.columns b, "
      .. "information_schema.columns c WHERE length(concat(a.column_name, b.column_name, c.column_name)) > 2" },
}
local impatient = { pg = "SET LOCAL lock_timeout = 100", mysql = "SET SESSION innodb_lock_wait_timeout = 1" }

-- ---- getting no connection ----

local function url_with(url, pattern, replacement)
  local changed, n = url:gsub(pattern, replacement)
  assert(n == 1, pattern .. " is not in the URL")
  return changed
end

-- { what, the URL, its engine code or SQLSTATE }
local function unreachable(engine)
  local tcp = Engines.url(engine, nil, true)
  return {
    { "a wrong password", url_with(tcp, ":[^:@/]*@", ":hunter2@"), pg = "28P01", mysql = 1045 },
    { "no password", url_with(tcp, ":[^:@/]*@", "@"), mysql = 1045 },
    { "an unknown user", url_with(tcp, "//[^:]*:", "//nobody-here:"), pg = "28P01", mysql = 1045 },
    { "an unknown database", Engines.url(engine, "no_such_database", true), pg = "3D000", mysql = 1049 },
    { "a port without a listener", url_with(tcp, ":%d+/", ":1/"), mysql = mariadb and 2002 or 2003 },
    { "a socket that is not there", url_with(Engines.url(engine), "=/tmp/[^&]*", "=/tmp/no-such-socket"), mysql = 2002 },
  }
end

for _, engine in ipairs(Engines.servers) do
  describe("errors of " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = rules, max = CONNECTIONS }
      session = world.session
      for _, sql in ipairs(tables) do session:execute("main", sql) end
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM children")
      session:execute("main", "DELETE FROM parents")
      session:model("parent"):insert { id = 1, name = "Ada", age = 36 }
      session:model("child"):insert { id = 1, parent_id = 1 }
    end)

    local function assert_own_code(problem, case)
      if engine == "pg" and case.pg then assert.equal(case.pg, problem.sqlstate) end
      if engine == "mysql" and case.mysql then assert.equal(case.mysql, problem.engine_code) end
      assert.equal("main", problem.client)
    end

    local function assert_untouched()
      assert.equal(1, session:model("parent"):count())
      assert.same({ id = 1, name = "Ada", age = 36 }, session:model("parent"):get(1))
      assert.equal(1, session:model("child"):count())
    end

    for _, case in ipairs(failures) do
      it(("tell of %s"):format(case[1]), function()
        local code = type(case[2]) == "table" and case[2][engine] or case[2]
        for _ = 1, CONNECTIONS + 1 do -- no connection is lost to it
          local problem = Engines.raises(code, case.run, session, engine)
          if case.pg then assert_own_code(problem, case) end
        end
        assert_untouched()
      end)
    end

    it("report a lock that another session holds", function()
      local other <close> = world.app:session()
      session:transaction(function()
        session:model("parent"):update { id = 1, age = 40 }
        local problem = Engines.raises("SHUNT_E_CONFLICT", other.transaction, other, function()
          other:execute("main", impatient[engine])
          other:model("parent"):update { id = 1, age = 50 }
        end)
        assert_own_code(problem, { pg = "55P03", mysql = 1205 })
      end)
      assert.equal(40, session:model("parent"):get(1).age)
    end)

    it("tell of a statement that takes too long", function()
      local problem = Engines.raises("SHUNT_E_TIMEOUT", session.transaction, session, function()
        session:execute("main", slow[engine][1])
        session:query("main", slow[engine][2])
      end)
      assert_own_code(problem, { pg = "57014", mysql = mariadb and 1969 or 3024 })
      assert_untouched()
    end)

    if engine == "pg" then
      it("tell of a transaction that could not have run alone", function()
        local other <close> = world.app:session()
        local problem = Engines.raises("SHUNT_E_CONFLICT", session.transaction, session, function()
          session:model("parent"):get(1)
          other:model("parent"):update { id = 1, age = 50 }
          session:model("parent"):update { id = 1, age = 40 }
        end, { isolation = "serializable" })
        assert_own_code(problem, { pg = "40001" })
        assert.equal(50, session:model("parent"):get(1).age)
      end)
    end

    for number, case in ipairs(unreachable(engine)) do
      it(("tell of %s"):format(case[1]), function()
        local yaml = ("database:\n  defaultClient: other\n  base: {pool: {max: 1, acquireTimeout: 1s}}\n  clients:\n"
          .. "    other: {engine: sqlite3, connection: {filename: other.db, create: true}}\n"
          .. "    main: {engine: %s, connection: {url: %q}}\n"):format(engine, case[2])
        local app, folder = App.open { ["shunt.yaml"] = yaml }
        local elsewhere = app:session()
        for _ = 1, 3 do -- a place in the pool is not lost to it either: that would be a timeout
          local problem = Engines.raises("SHUNT_E_DATASOURCE", elsewhere.query, elsewhere, "main", "SELECT 1")
          assert_own_code(problem, case)
          assert.is_nil(tostring(problem):find("hunter2", 1, true))
          assert.is_nil(tostring(problem):find("opensesame", 1, true))
          assert.is_truthy(#problem.message > 20, "case " .. number .. " says too little: " .. problem.message)
        end
        assert.equal(1, elsewhere:query("other", "SELECT 1 AS one")[1].one)
        app:close()
        App.remove(folder)
      end)
    end

    it("never shows the password that is right", function()
      local yaml = ("database: {defaultClient: main, clients: {main: {engine: %s, connection: {url: %q}}}}\n")
        :format(engine, Engines.url(engine, nil, true))
      local app, folder = App.open { ["shunt.yaml"] = yaml }
      local other = app:session()
      assert.equal(1, other:query("main", "SELECT 1 AS one")[1].one)
      local problem = Engines.raises("SHUNT_E_USAGE", other.query, other, "main", "SELEC 1")
      assert.is_nil(tostring(problem):find("opensesame", 1, true))
      assert.is_nil(app:config():find("opensesame", 1, true))
      assert.is_nil(shunt.json(app:describe()):find("opensesame", 1, true))
      app:close()
      App.remove(folder)
    end)
  end)
end
