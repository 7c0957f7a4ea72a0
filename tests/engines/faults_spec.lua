-- A server that crashes, stays down and comes back. Calls in progress fail, nothing is written twice or in part, the pool loses no
-- place, and the next call works without a restart of the program.
-- This kills the server, so it needs one of its own: sh tests/engines/with-servers.sh --private --only ENGINE busted …

local Engines = require "tests.engines.support.engines"

local servers = os.getenv "SHUNT_TEST_SERVERS"
local CONNECTIONS = 3

local napping = { pg = "SELECT pg_sleep(60)", mysql = "SELECT id FROM things WHERE sleep(60)" }
local slow_insert = {
  pg = "INSERT INTO things SELECT 2, 7 FROM (SELECT pg_sleep(60)) AS nap",
  mysql = "INSERT INTO things SELECT 2, 7 + sleep(60)",
}
-- Ends every other connection of ours on the server.
local end_others = {
  pg = { "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()" },
  mysql = { "SELECT id FROM information_schema.processlist WHERE user = 'shunt' AND id <> connection_id()", "KILL %d" },
}

for _, engine in ipairs(Engines.servers) do
  describe("a crash of " .. engine, function()
    if not (servers and Engines.url(engine) and Engines.url(engine):find(servers, 1, true)) then
      pending "is not tried: there is no server that may be killed (sh tests/engines/with-servers.sh --private COMMAND starts one)"
      return
    end

    local world, session, things

    local function control(action)
      assert(os.execute(("sh tests/engines/server.sh %s %s '%s' >/dev/null"):format(action, engine, servers)), action)
    end

    local function kill_soon()
      os.execute(("(sleep 0.3; sh tests/engines/server.sh kill %s '%s') >/dev/null 2>&1 </dev/null &"):format(engine, servers))
    end

    local function pool()
      for _, each in ipairs(world.app:pools()) do
        if each.client == "main" and each.level == 0 then return each end
      end
    end

    -- A connection for each transaction in a transaction, all of them idle in the pool afterwards.
    local function fill_pool(depth)
      if depth == 0 then return end
      local s <close> = world.app:session()
      s:transaction(function()
        s:query("main", "SELECT 1")
        fill_pool(depth - 1)
      end)
    end

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = 'model "thing" { table = "things" }', max = CONNECTIONS,
        yaml = "" }
      session = world.session
      session:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      things = session:model "thing"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM things")
      things:insert { id = 1, v = 7 }
      fill_pool(CONNECTIONS)
    end)

    local function assert_whole(rows)
      for _ = 1, 2 * CONNECTIONS do
        assert.same({ id = 1, v = 7 }, things:get(1))
        assert.equal(rows or 1, things:count())
      end
      fill_pool(CONNECTIONS) -- every place in the pool is there
    end

    it("while connections lie idle in the pool is not noticed by who reads after it", function()
      control "kill"
      control "start"
      assert_whole()
    end)

    it("while connections lie idle in the pool is not noticed by who writes after it", function()
      control "kill"
      control "start"
      things:insert { id = 2, v = 8 }
      assert.equal(2, things:count())
      session:execute("main", "DELETE FROM things WHERE id = 2")
      assert_whole()
    end)

    it("while connections lie idle in the pool is not noticed by a transaction after it", function()
      control "kill"
      control "start"
      session:transaction(function()
        things:insert { id = 2, v = 8 }
        assert.equal(2, things:count())
      end)
      assert_whole(2)
    end)

    it("is reported for as long as it is away, and forgotten when it is back", function()
      control "kill"
      local told
      for _ = 1, 3 * CONNECTIONS do
        local problem = Engines.raises("SHUNT_E_DATASOURCE", things.get, things, 1)
        assert.equal("main", problem.client)
        told = problem.message
      end
      assert(told:find("'main' is considered down", 1, true), told)
      assert.is_true(pool().circuit_open)
      control "start"
      while pool().retry_ms > 0 do os.execute "sleep 0.02" end
      assert_whole()
      assert.is_false(pool().circuit_open)
    end)

    it("in the middle of a read fails the read", function()
      kill_soon()
      local problem = Engines.raises("SHUNT_E_DATASOURCE", session.query, session, "main", napping[engine])
      assert.equal("main", problem.client)
      control "start"
      assert_whole()
    end)

    it("in the middle of a write fails the write, which is not tried again", function()
      kill_soon()
      Engines.raises("SHUNT_E_DATASOURCE", session.execute, session, "main", slow_insert[engine])
      control "start"
      assert_whole(1)
    end)

    it("in the middle of a transaction undoes all of it", function()
      local problem = Engines.raises("SHUNT_E_DATASOURCE|SHUNT_E_TRANSACTION", session.transaction, session, function()
        things:insert { id = 2, v = 8 }
        control "kill"
        control "start"
      end)
      assert.equal("main", problem.client)
      assert_whole(1)
    end)

    it("between two statements of a transaction fails the second, which does not run on a new connection", function()
      Engines.raises("SHUNT_E_DATASOURCE|SHUNT_E_TRANSACTION", session.transaction, session, function()
        things:insert { id = 2, v = 8 }
        control "kill"
        control "start"
        things:insert { id = 3, v = 9 }
      end)
      assert_whole(1)
    end)

    it("between two statements of a transaction can't be overlooked: what ignores it is not committed", function()
      Engines.raises("SHUNT_E_DATASOURCE|SHUNT_E_TRANSACTION", session.transaction, session, function()
        things:insert { id = 2, v = 8 }
        control "kill"
        control "start"
        for id = 3, 5 do pcall(things.insert, things, { id = id, v = 9 }) end
      end)
      assert_whole(1)
    end)

    it("is no more than the end of all connections: those that are ended by hand are replaced too", function()
      local lists = Engines.open { clients = { main = engine }, max = 1 }
      local found = lists.session:query("main", end_others[engine][1])
      if end_others[engine][2] then
        for _, row in ipairs(found) do lists.session:execute("main", end_others[engine][2]:format(row.id or row.ID)) end
      end
      assert.is_true(#found >= CONNECTIONS)
      lists:close()
      assert_whole()
    end)
  end)
end
