-- Events that need a server: connections that the server ends.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Workers = require "tests.spec.support.workers"
local watchdog = require "tests.support.watchdog"

describe("events of a server", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, app, seen, dog

  setup(function() dog = watchdog.start(300) end)
  teardown(function() dog:stop() end)
  before_each(function()
    seen = {}
    world = Engines.open { clients = { main = "pg" }, yaml = "jobs: {client: main}\n", max = 4 }
    App.fill(world.folder, { ["jobs/all.lua"] = 'job "nothing" { handler = function() end }\n' })
    app = world.app
    app:on(function(event) seen[event.kind] = event end)
  end)
  after_each(function() world:close() end)

  local function terminate(condition)
    return world.session:query("main", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = current_user AND "
      .. "datname = current_database() AND pid <> pg_backend_pid() AND " .. condition)
  end
  local function eventually(kind)
    Workers.eventually(kind, function()
      app:poll()
      return seen[kind]
    end)
    return seen[kind]
  end

  it("say that a worker hears of no more jobs, and when it does again", function()
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    Workers.eventually("it listens", function() return #terminate "query LIKE 'LISTEN%'" > 0 end)
    local lost = eventually "listener.lost"
    assert.same({ "main", "warning", "SHUNT_E_DATASOURCE" }, { lost.client, lost.severity, lost.code })
    assert.equal("main", eventually "listener.reconnected".client)
  end)

  it("show no digit of a slow statement's numbers", function()
    world:close()
    world = Engines.open { clients = { main = "pg" }, yaml = "events: {slowStatement: 1ms}\n" }
    world.app:on(function(event) seen[event.kind] = event end)
    world.session:query("main", "SELECT 1e5, 2.5E6, 7 FROM pg_sleep(0.02)")
    world.app:poll()
    assert.equal("SELECT ?, ?.?, ? FROM pg_sleep(?.?)", seen["statement.slow"].sql)
  end)

  it("say that the server has ended an idle connection", function()
    local second <close> = app:session {}
    second:transaction(function() world.session:query("main", "SELECT 1") end, { client = "main" })
    assert.equal(2, seen["connection.opened"].open)
    Workers.eventually("the other one is ended", function() return #terminate "true" == 0 end)
    second:transaction(function() world.session:query("main", "SELECT 1") end, { client = "main" })
    assert.equal("the server has ended it", eventually "connection.closed".reason)
  end)
end)
