-- A statement that takes too long is cancelled on the server, gives SHUNT_E_TIMEOUT, and leaves nothing behind: it does not run on,
-- the pool loses no place, and no write is done in part. If a server does not answer any more, no call exceeds its timeout.
-- The last test pauses the server, so it needs one of its own: sh tests/engines/with-servers.sh --private COMMAND.

local Engines = require "tests.engines.support.engines"

local servers = os.getenv "SHUNT_TEST_SERVERS"
local CONNECTIONS = 3
local LONGEST_S = 30 -- far more than any timeout here and its grace, and far less than for ever

local rules = [[
model "thing" { table = "things" }
model "nap" { table = "naps" }
]]

-- nap: a statement of a minute; napping: how many run of it, without the query itself; slow_insert: a write of a minute;
-- naps: a view whose rows take a minute; slow_commit: what makes a commit take a minute, where it can; lock: its row, until the
-- transaction's end.
---@class TimeoutCase
---@field nap string
---@field napping string
---@field slow_insert string
---@field naps string[]
---@field slow_commit? string[]
---@field lock string

---@type table<string, TimeoutCase>
local cases = {
  pg = {
    nap = "SELECT pg_sleep(60)",
    napping = "SELECT count(*) AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%sleep(60)%' AND pid <> pg_backend_pid()",
    slow_insert = "INSERT INTO things SELECT 2, 7 FROM (SELECT pg_sleep(60)) AS nap",
    naps = { "CREATE VIEW naps AS SELECT id, v FROM things, (SELECT pg_sleep(60)) AS nap" },
    slow_commit = {
      "CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
      "CREATE TABLE dozing (id INTEGER)",
      "CREATE CONSTRAINT TRIGGER doze AFTER INSERT ON dozing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION doze()",
    },
    lock = "SELECT id FROM things WHERE id = 1 FOR UPDATE",
  },
  -- MySQL's sleep ends without an error when it is all that was cancelled
  mysql = {
    nap = "SELECT id FROM things WHERE sleep(60)",
    napping = "SELECT count(*) AS n FROM information_schema.processlist WHERE info LIKE '%sleep(60)%' AND id <> connection_id()",
    slow_insert = "INSERT INTO things SELECT 2, 7 FROM things WHERE sleep(60)",
    naps = { "CREATE VIEW naps AS SELECT id, v FROM things, (SELECT sleep(60)) AS nap" },
    lock = "SELECT id FROM things WHERE id = 1 FOR UPDATE",
  },
}

for _, engine in ipairs(Engines.servers) do
  local case = cases[engine]
  describe("a timeout on " .. engine, function()
    if not Engines.url(engine) then
      pending(("is not tried: SHUNT_TEST_%s is not set (sh tests/engines/with-servers.sh COMMAND sets it)"):format(engine:upper()))
      return
    end

    local world, session, things

    -- A connection for each transaction in a transaction: every place in the pool is there.
    local function fill_pool(depth)
      if depth == 0 then return end
      local s <close> = world.app:session()
      s:transaction(function()
        s:query("main", "SELECT 1")
        fill_pool(depth - 1)
      end)
    end

    local function raises_timeout(...)
      local started = os.time()
      local problem = Engines.raises("SHUNT_E_TIMEOUT", ...)
      assert.equal("main", problem.client)
      assert.is_true(os.time() - started < LONGEST_S)
      return problem
    end

    -- The statement ends on the server, if not at once.
    local function assert_nothing_runs()
      local running
      for _ = 1, 200 do
        running = session:query("main", case.napping)[1].n
        if running == 0 then return end
        os.execute "sleep 0.05"
      end
      assert.equal(0, running)
    end

    local function assert_whole(rows)
      for _ = 1, 2 * CONNECTIONS do
        assert.same({ id = 1, v = 7 }, things:get(1))
        assert.equal(rows or 1, things:count())
      end
      fill_pool(CONNECTIONS)
    end

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = rules, max = CONNECTIONS }
      session = world.session
      session:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
      for _, sql in ipairs(case.naps) do session:execute("main", sql) end
      for _, sql in ipairs(case.slow_commit or {}) do session:execute("main", sql) end
      things = session:model "thing"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM things")
      things:insert { id = 1, v = 7 }
    end)

    it("ends a statement on the server too, and the next one runs", function()
      for _ = 1, 2 * CONNECTIONS do
        raises_timeout(session.query, session, "main", case.nap, {}, { timeout = "100ms" })
        assert.equal(1, things:count())
      end
      assert_nothing_runs()
      assert_whole()
    end)

    it("ends a read of a model, a call's own timeout or the session's", function()
      local hasty <close> = world.app:session { timeout = "100ms" }
      raises_timeout(function() session:model("nap"):select { timeout = "100ms" } end)
      raises_timeout(function() hasty:model("nap"):select {} end)
      assert.same({ id = 1, v = 7 }, hasty:model("thing"):get(1))
      assert_nothing_runs()
      assert_whole()
    end)

    it("undoes a write", function()
      raises_timeout(session.execute, session, "main", case.slow_insert, {}, { timeout = "100ms" })
      assert_nothing_runs()
      assert_whole(1)
    end)

    it("undoes all of a transaction, which takes nothing more", function()
      local later
      raises_timeout(session.transaction, session, function()
        things:insert { id = 2, v = 8 }
        local ok, problem = pcall(session.execute, session, "main", case.slow_insert, {}, { timeout = "100ms" })
        assert.is_false(ok)
        later = select(2, pcall(things.insert, things, { id = 3, v = 9 }))
        error(problem, 0)
      end)
      assert.equal("SHUNT_E_TRANSACTION", later.code)
      assert_whole(1)
    end)

    it("can't be overlooked in a transaction: what ignores it is not committed", function()
      Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
        things:insert { id = 2, v = 8 }
        pcall(session.execute, session, "main", case.nap, {}, { timeout = "100ms" })
      end)
      assert_whole(1)
    end)

    it("ends the wait for a row that another session holds", function()
      local other <close> = world.app:session()
      other:transaction(function()
        other:query("main", case.lock)
        raises_timeout(things.update, things, { id = 1, v = 8 }, { timeout = "100ms" })
      end)
      assert_whole()
    end)

    if case.slow_commit then
      it("ends a commit, which is undone", function()
        local hasty <close> = world.app:session { timeout = "200ms" }
        raises_timeout(hasty.transaction, hasty, function()
          hasty:execute("main", "INSERT INTO dozing VALUES (1)")
          hasty:model("thing"):insert { id = 2, v = 8 }
        end)
        assert_nothing_runs()
        assert_whole(1)
      end)
    end

    it("is no matter to what is faster", function()
      local patient <close> = world.app:session { timeout = "1m" }
      patient:transaction(function() patient:model("thing"):insert { id = 2, v = 8 } end)
      assert.equal(2, patient:model("thing"):count())
    end)

    describe("of a server that answers nothing any more", function()
      if not (servers and Engines.url(engine):find(servers, 1, true)) then
        pending "is not tried: there is no server that may be stopped (sh tests/engines/with-servers.sh --private COMMAND starts one)"
        return
      end

      local function control(action)
        assert(os.execute(("sh tests/engines/server.sh %s %s '%s' >/dev/null"):format(action, engine, servers)), action)
      end

      -- Runs fn while the server is stopped; starts the server again even if fn fails.
      local function while_paused(fn)
        control "pause"
        local ok, problem = pcall(fn)
        control "resume"
        if not ok then error(problem, 0) end
      end

      it("ends reads and writes, over connections that are there and those to be made", function()
        local own = { timeout = "100ms" }
        fill_pool(CONNECTIONS)
        while_paused(function()
          for _ = 1, CONNECTIONS + 1 do raises_timeout(things.get, things, 1, own) end
          raises_timeout(things.update, things, { id = 1, v = 7 }, own)
        end)
        assert_whole()
      end)

      it("ends a write, and says that its outcome is unknown", function()
        local problem
        things:update { id = 1, v = 7 } -- so that nothing is left to be prepared
        while_paused(function() problem = raises_timeout(things.update, things, { id = 1, v = 7 }, { timeout = "100ms" }) end)
        assert.equal("unknown", problem.outcome)
        assert(problem.message:find("it may or may not have been done", 1, true), problem.message)
        assert_whole()
      end)

      it("ends a commit, and says that its outcome is unknown", function()
        local hasty <close> = world.app:session { timeout = "200ms" }
        local ok, problem = pcall(raises_timeout, hasty.transaction, hasty, function()
          hasty:model("thing"):update { id = 1, v = 7 }
          control "pause"
        end)
        control "resume"
        if not ok then error(problem, 0) end
        assert.equal("unknown", problem.outcome)
        assert(problem.message:find("it may or may not have been committed", 1, true), problem.message)
        assert_whole()
      end)

      it("ends a statement in a transaction, which is rolled back", function()
        Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
          things:count()
          while_paused(function() raises_timeout(things.insert, things, { id = 2, v = 8 }, { timeout = "100ms" }) end)
          things:count()
        end)
        assert_whole(1)
      end)

      it("ends many reads at once in little more than the time of one", function()
        local SIBLINGS = 34 -- of which each could take a second
        local relations, include = {}, {}
        for i = 1, SIBLINGS do
          relations[i] = ("things_%d = has_many('thing', 'v', { client = 'main' })"):format(i)
          include["things_" .. i] = true
        end
        local crowd = Engines.open {
          clients = { main = engine, file = "sqlite3" }, default = "main", max = 2 * SIBLINGS, -- one call has half of them
          rules = ("model 'thing' { table = 'things' }\nmodel 'user' { table = 'users', client = 'file', relations = { %s } }")
            :format(table.concat(relations, ", ")),
        }
        crowd.session:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)")
        crowd.session:execute("file", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
        crowd.session:execute("file", "INSERT INTO users VALUES (1), (2)")
        local users = crowd.session:model "user"
        assert.equal(2, #users:select { include = include }) -- over connections that are there from then on
        while_paused(function() raises_timeout(users.select, users, { include = include, timeout = "200ms" }) end)
        assert.equal(2, #users:select { include = include })
        crowd:close()
      end)

      it("ends what is too large to be sent", function()
        while_paused(function()
          raises_timeout(session.execute, session, "main", "DELETE FROM things WHERE ? = ''", { ("x"):rep(20000000) }, { timeout = "100ms" })
        end)
        assert_whole()
      end)
    end)
  end)
end

describe("a timeout on one of two engines", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local parents = [[
model "parent" { table = "parents", client = "one", relations = { children = has_many("child", "parent_id") } }
model "child" { table = "children", client = "two" }
]]

  local numbered = { pg = "integer GENERATED BY DEFAULT AS IDENTITY", mysql = "integer AUTO_INCREMENT" }

  for _, pair in ipairs { { "pg", "mysql" }, { "mysql", "pg" } } do
    it(("leaves a transaction around it on the other as it was: %s, on %s"):format(pair[2], pair[1]), function()
      local world = Engines.open { clients = { one = pair[1], two = pair[2] }, default = "one", rules = parents }
      local session, other = world.session, world.app:session()
      session:execute("one", "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
      session:execute("two", ("CREATE TABLE children (id %s PRIMARY KEY, parent_id INTEGER, v INTEGER UNIQUE)"):format(numbered[pair[2]]))
      local parent = session:model "parent"
      other:transaction(function()
        other:execute("two", "INSERT INTO children (v) VALUES (5)") -- which no other session gets before this has ended
        session:transaction(function()
          parent:insert { id = 7 }
          local problem = Engines.raises("SHUNT_E_TIMEOUT", parent.insert, parent, { id = 1, children = { { v = 5 } } },
            { timeout = "300ms", include = { children = true } })
          assert.equal("two", problem.client)
          parent:insert { id = 8 }
        end, { spanning = "run" })
      end, { client = "two" })
      local left = parent:select { order = { "id" }, include = { children = true } }
      assert.same({ 7, 8 }, { left[1].id, left[2].id })
      assert.equal(2, #left)
      assert.equal(1, session:model("child"):count())
      other:close()
      world:close()
    end)
  end
end)
