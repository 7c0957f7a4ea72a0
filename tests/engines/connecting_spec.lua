-- A server that refuses connections, because there are too many or because of the user. The caller gets the reason, existing
-- connections go on working, the pool loses no place, no password is shown, and the next call works once the cause is gone.
-- This reconfigures the server, so it needs one of its own: sh tests/engines/with-servers.sh --private busted …

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"

local CONNECTIONS = 4 -- of the pool
local LET_IN = 2 -- by the server, of them
local TIMES = 8 -- enough for the pool to take the server to be down

local rules = [[
model "thing" {
  table = "things",
  relations = { left = has_many("left", "thing_id"), middle = has_many("middle", "thing_id"), right = has_many("right", "thing_id") },
}
model "left" { table = "others" }
model "middle" { table = "others" }
model "right" { table = "others" }
]]

local tables = {
  "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)",
  "CREATE TABLE others (id INTEGER PRIMARY KEY, thing_id INTEGER)",
  "INSERT INTO things VALUES (1, 7), (2, 8)",
  "INSERT INTO others VALUES (1, 1), (2, 2), (3, 1)",
}

-- The user is called otherwise in each test: a server may take its time to see that a connection has ended.
-- limit: how many connections the server lets in of the user; full: what it says then.
-- server_limit: an option by which it lets in MANY, of all users together; server_full: what it says then.
local MANY = 10
local cases = {
  pg = {
    welcome = { "CREATE ROLE guest LOGIN PASSWORD 'hunter2'", "CREATE DATABASE haunt OWNER guest" },
    farewell = { "DROP DATABASE haunt WITH (FORCE)", "DROP ROLE guest" },
    limit = "ALTER ROLE guest CONNECTION LIMIT %d",
    full = { sqlstate = "53300" },
    server_limit = "-c max_connections=13", -- three of them are for administrators alone
    server_full = "connection slots are reserved",
    -- what brings a trouble, what it is, and what ends it
    password = { "ALTER ROLE guest PASSWORD 'changed'", { sqlstate = "28P01" }, "ALTER ROLE guest PASSWORD 'hunter2'" },
    user = { "ALTER ROLE guest RENAME TO gone", { sqlstate = "28P01" }, "ALTER ROLE gone RENAME TO guest" },
    lock = { "ALTER ROLE guest NOLOGIN", { sqlstate = "28000" }, "ALTER ROLE guest LOGIN" },
    database = { "ALTER DATABASE haunt RENAME TO gone", { sqlstate = "3D000" }, "ALTER DATABASE gone RENAME TO haunt" },
    right = { "ALTER DATABASE haunt ALLOW_CONNECTIONS false", { sqlstate = "55000" }, "ALTER DATABASE haunt ALLOW_CONNECTIONS true" },
  },
  mysql = {
    welcome = {
      "CREATE USER 'guest'@'127.0.0.1' IDENTIFIED BY 'hunter2' WITH MAX_USER_CONNECTIONS 100", -- which makes it count them
      "CREATE DATABASE haunt", "GRANT ALL ON haunt.* TO 'guest'@'127.0.0.1'",
    },
    farewell = { "DROP DATABASE haunt", "DROP USER 'guest'@'127.0.0.1'" },
    limit = "ALTER USER 'guest'@'127.0.0.1' WITH MAX_USER_CONNECTIONS %d",
    full = { engine_code = 1226 },
    server_limit = "--max-connections=10",
    server_full = "Too many connections",
    password = { "ALTER USER 'guest'@'127.0.0.1' IDENTIFIED BY 'changed'", { engine_code = 1045 },
      "ALTER USER 'guest'@'127.0.0.1' IDENTIFIED BY 'hunter2'" },
    user = { "RENAME USER 'guest'@'127.0.0.1' TO 'gone'@'127.0.0.1'", { engine_code = 1045 },
      "RENAME USER 'gone'@'127.0.0.1' TO 'guest'@'127.0.0.1'" },
    lock = { "ALTER USER 'guest'@'127.0.0.1' ACCOUNT LOCK", { engine_code = Engines.mysql_kind() == "mariadb" and 4151 or 3118 },
      "ALTER USER 'guest'@'127.0.0.1' ACCOUNT UNLOCK" },
    database = { "DROP DATABASE haunt", { engine_code = 1049 }, "CREATE DATABASE haunt" },
    right = { "REVOKE ALL ON haunt.* FROM 'guest'@'127.0.0.1'", { engine_code = 1044 }, "GRANT ALL ON haunt.* TO 'guest'@'127.0.0.1'" },
  },
}

for _, engine in ipairs(Engines.servers) do
  local case = cases[engine]
  describe("a server of " .. engine, function()
    local why = Faults.none_for(engine)
    if why then
      pending(why)
      return
    end

    local guests = 0
    local app, folder, session, things

    local function as_root(...)
      local statements = { ... }
      for i, sql in ipairs(statements) do statements[i] = sql:gsub("guest", "guest" .. guests) end
      Faults.as_root(engine, statements)
    end

    local function let_in(n) as_root(case.limit:format(n)) end

    local function open(max)
      local url = Engines.url(engine, "haunt", true):gsub("//[^@]*@", ("//guest%d:hunter2@"):format(guests))
      app, folder = App.open {
        ["shunt.yaml"] = ("database: {defaultClient: main, base: {pool: {max: %d}}, clients: {main: {engine: %s, "
          .. "connection: {url: %q}}}}\nrules: {path: [rules]}\n"):format(max, engine, url),
        ["rules/models.lua"] = rules,
      }
      session = app:session()
      things = session:model "thing"
    end

    local function fill()
      for _, sql in ipairs(tables) do session:execute("main", sql) end
    end

    -- On connections that are closed then: MariaDB forgets to count one that was reset, as it is after DDL.
    local function open_filled(max)
      open(max)
      fill()
      app:close()
      App.remove(folder)
      open(max)
    end

    before_each(function()
      guests = guests + 1
      as_root(table.unpack(case.welcome))
    end)
    after_each(function()
      app:close()
      App.remove(folder)
      as_root(table.unpack(case.farewell))
    end)

    -- One read and one write, over a connection that there is.
    local function assert_works()
      assert.same({ id = 1, v = 7 }, things:get(1))
      things:update { id = 2, v = 8 }
    end

    local function assert_refused(problem, expected)
      assert.equal("main", problem.client)
      for key, value in pairs(expected) do assert.equal(value, problem[key], problem.message) end
      for _, password in ipairs { "hunter2", "changed" } do
        assert.is_nil(tostring(problem):find(password, 1, true))
        assert.is_nil(problem.message:find(password, 1, true))
      end
    end

    local function assert_full(problem, expected)
      assert_refused(problem, expected)
      assert.is_truthy(problem.message:find("lower the pools' max, or raise", 1, true), problem.message)
    end

    -- The error of a session that needs one connection more than the server lets in.
    local function refused()
      local other <close> = app:session()
      return Engines.raises("SHUNT_E_DATASOURCE", other.query, other, "main", "SELECT 1 AS one")
    end

    -- A session that needs one connection more than the server lets in waits for those that there are.
    local function waits_in_vain()
      local other <close> = app:session { timeout = "1s" } -- time enough to ask the server, too
      local problem = Engines.raises("SHUNT_E_TIMEOUT", other.query, other, "main", "SELECT 1 AS one")
      assert_refused(problem, {})
      assert.is_truthy(problem.message:find("that its server has a place for are busy", 1, true), problem.message)
      assert.is_false(Faults.pool(app, "main").circuit_open)
    end

    local function refused_often(expected)
      local problem
      for _ = 1, TIMES do
        problem = refused()
        assert_refused(problem, expected)
      end
      assert.is_truthy(problem.message:find("'main' is considered down", 1, true), problem.message)
      assert.is_true(Faults.pool(app, "main").circuit_open)
    end

    -- ---- too many connections ----

    describe("that lets in no more connections of a user", function()
      before_each(function()
        open_filled(CONNECTIONS)
        let_in(LET_IN)
      end)
      local function assert_whole()
        let_in(100)
        Faults.assert_whole(app, "main")
        assert_works()
      end

      it("keeps who needs one more waiting for those that there are, and these work", function()
        Faults.hold(app, "main", LET_IN, waits_in_vain)
        Faults.hold(app, "main", LET_IN - 1, function()
          for _ = 1, TIMES do assert_works() end
        end)
        assert_whole()
      end)

      it("is not considered down", function()
        Faults.hold(app, "main", LET_IN, function()
          for _ = 1, TIMES do waits_in_vain() end
        end)
        for _ = 1, TIMES do assert_works() end
        Faults.hold(app, "main", LET_IN)
        assert_whole()
      end)

      it("says why to a pool that has none", function()
        Faults.hold(app, "main", LET_IN, function()
          local second = shunt.open(folder .. "/shunt.yaml")
          local other <close> = second:session()
          assert_full(Engines.raises("SHUNT_E_DATASOURCE", other.query, other, "main", "SELECT 1 AS one"), case.full)
          second:close()
        end)
        assert_whole()
      end)

      it("lets in who comes after it lets in more", function()
        Faults.hold(app, "main", LET_IN, function()
          waits_in_vain()
          let_in(100)
          Faults.hold(app, "main", CONNECTIONS - LET_IN - 1, assert_works)
        end)
        assert_whole()
      end)

      it("gives relations over the connections that there are", function()
        let_in(1)
        for _ = 1, TIMES do
          local rows = things:select { order = { "id" }, include = { left = true, middle = true, right = true } }
          assert.same({ 2, 1, 2, 1 }, { #rows[1].left, #rows[2].left, #rows[1].middle, #rows[2].right })
        end
        assert_whole()
      end)

      it("gives relations over those that others leave", function()
        Faults.hold(app, "main", LET_IN - 1, function()
          local row = things:get(1, { include = { left = true, middle = true, right = true } })
          assert.same({ 2, 2, 2 }, { #row.left, #row.middle, #row.right })
        end)
        assert_whole()
      end)
    end)

    it("that lets in no more connections says so, and the pool works with those that it got", function()
      Faults.restart_with(engine, case.server_limit)
      open(MANY + 2)
      fill()
      local problem = Engines.raises("SHUNT_E_TIMEOUT", Faults.hold, app, "main", MANY + 1)
      assert.is_truthy(problem.message:find(case.server_full, 1, true), problem.message)
      local got = Faults.pool(app, "main").open
      assert.is_true(got > 1)
      Faults.hold(app, "main", got)
      for _ = 1, TIMES do assert_works() end
      Faults.restart_with(engine, "")
      Faults.assert_whole(app, "main")
      assert_works()
    end)

    -- ---- who it is ----

    for _, trouble in ipairs {
      { "that wants another password", case.password }, { "that does not know the user", case.user },
      { "that locks the user out", case.lock }, { "that does not know the database", case.database },
      { "that keeps the user from the database", case.right },
    } do
      it(trouble[1] .. " says so, and lets in who comes when that is over", function()
        local bring, expected, undo = table.unpack(trouble[2])
        open(CONNECTIONS)
        as_root(bring)
        refused_often(expected)
        as_root(undo)
        Faults.assert_whole(app, "main")
        fill()
        assert_works()
      end)
    end

    it("that wants another password than before goes on with the connections that there are", function()
      open_filled(CONNECTIONS)
      Faults.hold(app, "main", LET_IN)
      as_root(case.password[1])
      Faults.hold(app, "main", LET_IN, function() refused_often(case.password[2]) end)
      for _ = 1, TIMES do assert_works() end
      as_root(case.password[3])
      Faults.assert_whole(app, "main")
    end)
  end)
end
