-- A network that silently loses connections, or is slow: no call exceeds its timeout, the pool loses no place, and calls work when
-- the network is back.
-- sh tests/engines/with-servers.sh --private busted …

local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"

local CONNECTIONS = 4
local IDLE = 2 -- of them, where all should be found out
local LONGEST_S = 30 -- far more than any timeout here and its grace, and far less than for ever
local SLOW_MS = 100 -- more, either way

local rules = [[
model "thing" {
  table = "things",
  relations = { left = has_many("left", "thing_id"), right = has_many("right", "thing_id"), notes = has_many("note", "thing_id") },
}
model "left" { table = "others" }
model "right" { table = "others" }
model "note" { table = "notes", client = "file" }
]]

-- How a connection is made, in the words of each engine.
local ways = {
  { "a connection", pg = "sslmode: disable", mysql = "ssl_mode: disabled, get_server_public_key: true" },
  { "an encrypted connection", pg = "sslmode: require", mysql = "ssl_mode: required" },
}

for _, engine in ipairs(Engines.servers) do
  for _, way in ipairs(ways) do
    describe(("%s to %s"):format(way[1], engine), function()
      local why = Faults.none_for(engine)
      if why then
        pending(why)
        return
      end

      local relay, world, session, things
      local own = { timeout = "100ms" }

      before_each(function()
        relay = Faults.relay(engine)
        world = Engines.open { clients = { main = engine, file = "sqlite3" }, default = "main", rules = rules, max = CONNECTIONS,
          tcp = { main = relay.address }, connection = { main = way[engine] } }
        session = world.session
        for _, sql in ipairs {
          "CREATE TABLE things (id INTEGER PRIMARY KEY, v INTEGER)",
          "CREATE TABLE others (id INTEGER PRIMARY KEY, thing_id INTEGER)",
          "INSERT INTO things VALUES (1, 7)",
          "INSERT INTO others VALUES (1, 1), (2, 1)",
        } do session:execute("main", sql) end
        session:execute("file", "CREATE TABLE notes (id INTEGER PRIMARY KEY, thing_id INTEGER)")
        session:execute("file", "INSERT INTO notes VALUES (1, 1)")
        things = session:model "thing"
        assert.equal(7, things:get(1).v)
      end)
      after_each(function()
        world:close()
        relay:close()
      end)

      local function get_tree(options)
        return things:get(1, { include = { left = true, right = true, notes = true }, timeout = options and options.timeout })
      end

      local function assert_works(rows)
        local row = get_tree()
        assert.same({ 7, 2, 2, 1 }, { row.v, #row.left, #row.right, #row.notes })
        assert.equal(rows or 1, things:count())
        things:update { id = 1, v = 7 }
        Faults.assert_whole(world.app, "main")
      end

      local function raises_timeout(...)
        local started = os.time()
        local problem = Engines.raises("SHUNT_E_TIMEOUT", ...)
        assert.equal("main", problem.client)
        assert.is_true(os.time() - started < LONGEST_S)
        return problem
      end

      -- The network is back: each connection that was silent and lies in the pool still may cost one call its time.
      local function recover()
        relay:pass()
        for _ = 1, IDLE do pcall(things.get, things, 1, own) end
      end

      it("that has become silent holds up a read for its timeout alone, and so does one that can't be made", function()
        Faults.hold(world.app, "main", IDLE)
        relay:silence()
        for _ = 1, IDLE + 1 do raises_timeout(things.get, things, 1, own) end
        local pool = Faults.pool(world.app, "main")
        assert.same({ 0, 0 }, { pool.open, pool.waiting })
        relay:pass()
        assert_works()
      end)

      it("that has become silent holds up a write for its timeout alone, which says that its outcome is unknown", function()
        things:update { id = 1, v = 7 } -- so that nothing is left to be prepared
        relay:silence()
        local problem = raises_timeout(things.update, things, { id = 1, v = 7 }, own)
        assert.equal("unknown", problem.outcome)
        assert(problem.message:find("it may or may not have been done", 1, true), problem.message)
        relay:pass()
        assert_works()
      end)

      it("that becomes silent holds up relations for the timeout of the whole call alone", function()
        Faults.hold(world.app, "main", IDLE)
        get_tree() -- so that nothing is left to be prepared
        session:observe(function() relay:silence() end) -- when the row itself has been read
        raises_timeout(get_tree, own)
        session:observe(nil)
        recover()
        assert_works()
      end)

      it("that becomes silent undoes a transaction", function()
        Engines.raises("SHUNT_E_TIMEOUT|SHUNT_E_TRANSACTION", session.transaction, session, function()
          things:insert { id = 2, v = 8 }
          relay:silence()
          raises_timeout(things.insert, things, { id = 3, v = 9 }, own)
          relay:pass()
          things:insert { id = 4, v = 9 }
        end)
        assert_works(1)
      end)

      it("that becomes silent leaves a transaction in doubt that is being committed", function()
        local hasty <close> = world.app:session { timeout = "500ms" }
        local problem = raises_timeout(hasty.transaction, hasty, function()
          hasty:model("thing"):insert { id = 2, v = 8 }
          relay:silence()
        end)
        assert.equal("unknown", problem.outcome)
        assert(problem.message:find("it may or may not have been committed", 1, true), problem.message)
        relay:pass()
        assert_works(1) -- nothing of it came to the server
      end)

      it("asks whether the other end is still there", function()
        local port = ("%04X"):format(math.tointeger(relay.address:match ":(%d+)$"))
        local asks = 0
        local file = io.open("/proc/net/tcp", "r")
        if not file then return pending "is not tried: this system does not show its sockets" end
        for line in file:lines() do -- established ones whose timer is not for a packet sent
          if line:find(":" .. port .. " 01 %x+:%x+ 02:") then asks = asks + 1 end
        end
        file:close()
        assert.equal(Faults.pool(world.app, "main").open, asks)
      end)

      it("that is slow still serves everything", function()
        relay:delay(SLOW_MS)
        session:transaction(function() things:insert { id = 2, v = 8 } end)
        assert_works(2)
        local rows = {}
        for i = 1, 5000 do rows[i] = { id = i + 10, v = i } end
        things:insert_bulk(rows)
        assert.equal(5002, things:count())
        local pool = Faults.pool(world.app, "main")
        assert.same({ 0, 0 }, { pool.busy, pool.waiting })
      end)
    end)
  end
end
