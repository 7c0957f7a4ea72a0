--- Timeouts of calls, and figures of pools. The calls wait for a pool of one connection, which a transaction of another session
--- holds. Slow statements are in the specs of the engines.

local App = require "tests.spec.support.app"
local Shop = require "tests.spec.support.shop"
local failure, has = Shop.failure, Shop.has

local CONFIG = [[
database:
  defaultClient: main
  base: {engine: sqlite3, pool: {max: 1, acquireTimeout: 40ms}}
  clients:
    main: {connection: {filename: main.db}}
    spare: {connection: {filename: spare.db}, pool: {max: 5}}
models:
  user: {table: users}
]]

local OF_CALL, OF_POOL = "left of the call's own timeout", "none came free within 40 ms"

local app, folder, session, user, holder

--- Runs fn while another session holds the only connection.
local function while_busy(fn)
  holder:transaction(fn, { client = "main" })
end

before_each(function()
  app, folder = App.open({ ["shunt.yaml"] = CONFIG }, { "main", "spare" })
  session, holder = app:session(), app:session()
  session:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)")
  user = session:model "user"
  user:insert { id = 1, name = "Ada" }
end)

after_each(function()
  app:close()
  App.remove(folder)
end)

--- Every call that takes a timeout among its options.
---@type table<string, fun(s: shunt.session, opts: table): any>
local CALLS = {
  get = function(s, opts) return s:model("user"):get(1, opts) end,
  ["get by where"] = function(s, opts) return s:model("user"):get({ name = "Ada" }, opts) end,
  mget = function(s, opts) return s:model("user"):mget({ 1 }, opts) end,
  select = function(s, opts) return s:model("user"):select(opts) end,
  count = function(s, opts) return s:model("user"):count(opts) end,
  aggregate = function(s, opts)
    opts.count = true
    return s:model("user"):aggregate(opts)
  end,
  insert = function(s, opts) return s:model("user"):insert({ name = "Bo" }, opts) end,
  insert_bulk = function(s, opts) return s:model("user"):insert_bulk({ { name = "Cy" } }, opts) end,
  update = function(s, opts) return s:model("user"):update({ id = 1, name = "Ada L" }, opts) end,
  delete = function(s, opts) return s:model("user"):delete({ id = 9 }, opts) end,
  query = function(s, opts) return s:query("main", "SELECT * FROM users", nil, opts) end,
  execute = function(s, opts) return s:execute("main", "DELETE FROM users WHERE id = ?", { 9 }, opts) end,
}

describe("a timeout", function()
  for name, call in pairs(CALLS) do
    it("is taken by " .. name .. ", and ends its wait", function()
      call(session, { timeout = "1m" })
      while_busy(function()
        has(failure("SHUNT_E_TIMEOUT", call, session, { timeout = "5ms" }), OF_CALL)
        has(failure("SHUNT_E_TIMEOUT", call, session, {}), OF_POOL)
      end)
      call(session, {})
    end)

    it("that is no duration is refused by " .. name, function()
      for _, case in ipairs {
        { 5, "a number has none" }, { 0.5, "a number has none" }, { true, "timeout must be a duration" },
        { {}, "timeout must be a duration" }, { "5", "timeout: '5' is not a duration" }, { "", "timeout: ''" },
        { "-1s", "timeout: '-1s'" }, { "soon", "timeout: 'soon'" }, { "0s", "timeout: '0s' leaves a call no time" },
        { "1s\0", "NUL" },
      } do
        has(failure("SHUNT_E_USAGE", call, session, { timeout = case[1] }), case[2])
      end
      has(failure("SHUNT_E_USAGE", call, session, { timeuot = "1s" }), "did you mean 'timeout'")
    end)
  end

  it("of the session holds for each of its calls, unless the call has its own", function()
    local hasty <close> = app:session { timeout = "5ms" }
    while_busy(function()
      for _, call in pairs(CALLS) do
        has(failure("SHUNT_E_TIMEOUT", call, hasty, {}), OF_CALL)
        has(failure("SHUNT_E_TIMEOUT", call, hasty, { timeout = "1h" }), OF_POOL)
        has(failure("SHUNT_E_TIMEOUT", call, hasty, {}), OF_CALL) -- and it is the session's again
      end
      has(failure("SHUNT_E_TIMEOUT", hasty.transaction, hasty, function() end, { client = "main" }), OF_CALL)
    end)
  end)

  it("of the session may be 0s, for none, and must be a duration", function()
    local patient <close> = app:session { timeout = "0s" }
    while_busy(function() has(failure("SHUNT_E_TIMEOUT", patient.query, patient, "main", "SELECT 1"), OF_POOL) end)
    has(failure("SHUNT_E_USAGE", app.session, app, { timeout = 5 }), "a number has none")
    has(failure("SHUNT_E_USAGE", app.session, app, { timeout = "5 s" }), "timeout: '5 s' is not a duration")
  end)

  it("of one statement is gone after it, however it ended", function()
    session:query("main", "SELECT 1", nil, { timeout = "1h" })
    failure("SHUNT_E_USAGE", session.query, session, "main", "SELEC 1", nil, { timeout = "1h" })
    while_busy(function()
      failure("SHUNT_E_TIMEOUT", session.query, session, "main", "SELECT 1", nil, { timeout = "1ms" })
      has(failure("SHUNT_E_TIMEOUT", session.query, session, "main", "SELECT 1"), OF_POOL)
    end)
    session:observe(function() error "seen" end)
    session:query("main", "SELECT 1", nil, { timeout = "1h" })
    session:observe(nil)
    while_busy(function() has(failure("SHUNT_E_TIMEOUT", session.query, session, "main", "SELECT 1"), OF_POOL) end)
  end)

  it("is of a whole call, so that an include takes none", function()
    has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { timeout = "1s" } } }), "unknown option 'timeout'")
  end)
end)

describe("the pools of an application", function()
  local function of(client)
    for _, pool in ipairs(app:pools()) do
      if pool.client == client then return pool end
    end
  end

  it("tell what they hold and have done", function()
    local before = of "main"
    while_busy(function()
      local pool = of "main"
      assert.same({ 1, 1, 0, 1 }, { pool.open, pool.busy, pool.waiting, pool.max })
      failure("SHUNT_E_TIMEOUT", user.get, user, 1)
    end)
    user:get(1)
    local after = of "main"
    assert.equal(before.acquired + 2, after.acquired)
    assert.equal(before.timeouts + 1, after.timeouts)
    assert.equal(before.opened, after.opened)
    assert.equal(after.open, after.opened - after.closed)
    assert.equal(0, after.busy)
    assert.is_true(after.waited_ms > before.waited_ms)
  end)

  it("exist before the first connection, in the order of the clients", function()
    local names = {}
    for _, pool in ipairs(app:pools()) do names[#names + 1] = pool.client end
    assert.same({ "main", "spare" }, names)
    assert.same({
      client = "spare", level = 0, open = 0, busy = 0, waiting = 0, max = 5, acquired = 0, opened = 0, closed = 0, failed = 0,
      timeouts = 0, waited_ms = 0, circuit_open = false, retry_ms = 0,
    }, of "spare")
  end)

  it("count what could not be opened", function()
    assert(os.remove(folder .. "/spare.db"))
    for _ = 1, 10 do failure("SHUNT_E_DATASOURCE", session.query, session, "spare", "SELECT 1") end
    local pool = of "spare"
    assert.same({ 10, 0, 0, false }, { pool.failed, pool.opened, pool.open, pool.circuit_open }) -- a file is no server
  end)

  it("may be asked while a session is in the middle of a call, but not once it is closed", function()
    local busy
    session:observe(function() busy = of("main").busy end)
    user:get(1)
    assert.equal(1, busy)
    local closed, away = App.open({ ["shunt.yaml"] = CONFIG })
    closed:close()
    App.remove(away)
    has(failure("SHUNT_E_USAGE", closed.pools, closed), "the app is closed")
  end)
end)
