-- A server that has fewer places for a user than the pool has: calls wait for the connections that there are. With none there, they
-- fail with the server's reason. sh tests/engines/with-servers.sh --private busted …

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"
local Workers = require "tests.spec.support.workers"

local PLACES = { pg = 4, mysql = 10 } -- of mysql it is the least that can be set
local THREADS, JOBS = 24, 400

local RULES = 'model "thing" { table = "things" }\n'
local JOB = [[
job "write" { retry = 0, handler = function(session, n)
  session:model "thing":count()
  session:transaction(function()
    session:model "thing":insert { v = n }
    session:execute("main", "INSERT INTO things (v) VALUES (?)", { n })
  end)
end }
]]

-- A user without privileges, to whom the database belongs; so few connections are the role's, or the server's.
local limit = {
  pg = { "CREATE ROLE few LOGIN", "ALTER DATABASE %s OWNER TO few" },
  mysql = { "CREATE USER 'few'@'localhost'", "GRANT ALL ON %s.* TO 'few'@'localhost'" },
}
local set = { pg = "ALTER ROLE few CONNECTION LIMIT %d", mysql = "SET GLOBAL max_connections = %d" }
local unlimit = { pg = { "ALTER DATABASE %s OWNER TO shunt", "DROP ROLE few" }, mysql = { "SET GLOBAL max_connections = 151", "DROP USER 'few'@'localhost'" } }

for _, engine in ipairs(Engines.servers) do
  describe("a server that is full, " .. engine .. ",", function()
    local why = Faults.none_for(engine)
    if why then
      pending(why)
      return
    end

    local world, session
    local places, connection = PLACES[engine], { main = "user: few" }

    local function as_root(statements)
      for i, sql in ipairs(statements) do statements[i] = sql:format(world.database_of.main) end
      Faults.as_root(engine, statements)
    end

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = RULES, max = THREADS, pool = "acquireTimeout: 20s",
        connection = connection }
      App.fill(world.folder, { ["jobs/all.lua"] = JOB })
      as_root(limit[engine])
      as_root { set[engine]:format(places) }
      session = world.session
      session:execute("main", "CREATE TABLE things (v INTEGER)")
    end)
    teardown(function()
      session:execute("main", "DROP TABLE things")
      world.app:close()
      as_root(unlimit[engine])
      world:close()
    end)

    it("serves as many threads as there are, of which none fails", function()
      for n = 1, JOBS do session:push("write", n) end
      local worker <close> = world.app:worker { concurrency = THREADS, drain = true }
      Workers.eventually("nothing is due any more", function() return worker:status().threads == 0 end)
      local status = worker:status()
      assert.same({ JOBS, 0 }, { status.completed, status.failed })
      assert.equal(2 * JOBS, session:model "thing":count())
      local pool = Faults.pool(world.app, "main")
      assert.same({ 0, 0, false }, { pool.busy, pool.waiting, pool.circuit_open })
      assert.is_true(pool.open <= places)
    end)

    it("has one connection more for those that wait, once there is room", function()
      Faults.hold(world.app, "main", places, function()
        local quick <close> = world.app:session { timeout = "1s" }
        local problem = Engines.raises("SHUNT_E_TIMEOUT", quick.query, quick, "main", "SELECT 1")
        assert.is_truthy(problem.message:find("its server has a place for", 1, true), problem.message)
        as_root { set[engine]:format(places + 1) }
        local patient <close> = world.app:session { timeout = "10s" }
        assert.equal(1, patient:query("main", "SELECT 1 AS one")[1].one)
      end)
    end)

    it("that has none left says so, and why", function()
      local other = Engines.open { clients = { main = engine }, connection = connection }
      Faults.hold(world.app, "main", places + 1, function()
        local problem = Engines.raises("SHUNT_E_DATASOURCE", other.session.query, other.session, "main", "SELECT 1")
        assert.equal("not done", problem.outcome)
        assert.is_truthy(problem.message:lower():find("connections", 1, true), problem.message)
      end)
      other:close()
    end)
  end)
end
