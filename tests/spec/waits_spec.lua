--- Who waits for whom, shown while it waits, and what can never end refused at once. A session that waits while this
--- thread looks on does so on a thread of its own.

local App = require "tests.spec.support.app"
local Shop = require "tests.spec.support.shop"
local shunt = require "shunt"
local watchdog = require "tests.support.watchdog"
local failure, has = Shop.failure, Shop.has

local CONFIG = [[
database:
  defaultClient: main
  base: {engine: sqlite3, pool: {max: 1, acquireTimeout: 10ms}}
  clients:
    main: {connection: {filename: main.db, busyTimeout: 1h}}
    same: {connection: {filename: "file:FOLDER/main.db?mode=rw", busyTimeout: 1h}}
    link: {connection: {filename: link.db, busyTimeout: 1h}}
    spare: {connection: {filename: spare.db, busyTimeout: 1h}}
instance:
  instances:
    "": {id: 1}
    acme: {id: 2}
]]

--- One session holds the only connection, and another asks for it again and again, until a file is there.
local WAITS = [[
local path, stop = ...
local shunt = require "shunt"
local app <close> = shunt.open(path)
local holder <close> = app:session()
local waiter <close> = app:session { instance = "acme" }
return holder:transaction(function()
  local times = 0
  repeat
    local ok, err = pcall(waiter.query, waiter, "main", "SELECT 1")
    if ok or err.code ~= "SHUNT_E_TIMEOUT" then error("it did not wait: " .. tostring(err)) end
    times = times + 1
    local file = io.open(stop)
  until file and file:close()
  return times
end, { client = "main" })
]]

local app, folder, dog

before_each(function()
  dog = watchdog.start(300)
  folder = App.folder()
  App.fill(folder, { ["shunt.yaml"] = (CONFIG:gsub("FOLDER", folder)) }, { "main", "spare" })
  assert(os.execute(("ln -s main.db '%s/link.db'"):format(folder)))
  app = shunt.open(folder .. "/shunt.yaml")
end)

after_each(function()
  app:close()
  App.remove(folder)
  dog:stop()
end)

describe("waits", function()
  it("are an empty list if no session waits", function()
    assert.same({}, app:waits())
    assert.same({}, shunt.waits())
    app:close()
    has(failure("SHUNT_E_USAGE", app.waits, app), "the app is closed")
    assert.same({}, shunt.waits())
  end)

  it("tell who waits for what, and who holds it, in all of the process", function()
    local thread <close> = watchdog.thread(WAITS, folder .. "/shunt.yaml", folder .. "/stop")
    local seen
    repeat seen = app:waits()[1] until seen
    App.write(folder .. "/stop", "")
    local ok, times = thread:join()
    assert(ok, times)
    assert(times > 0)
    assert.equal("main", seen.client)
    assert.equal(0, seen.level)
    assert.is_nil(seen.job)
    assert(seen.waited_ms >= 0)
    assert.equal(1, #seen.holders)
    local number = assert(seen.holders[1]:match "^session (%d+)$", seen.holders[1])
    assert.equal(("session %d (instance 'acme')"):format(number + 1), seen.waiter)
  end)
end)

describe("what one session has locked on SQLite", function()
  local LOCKED = "could never come free to be written to"

  before_each(function()
    local s <close> = app:session()
    s:execute("main", "CREATE TABLE t (id INTEGER PRIMARY KEY)")
  end)

  for _, other in ipairs { "same", "link" } do
    it("is not waited for by itself, by whatever name the file goes: " .. other, function()
      local s <close> = app:session()
      s:transaction(function()
        s:execute("main", "INSERT INTO t VALUES (1)")
        local err = failure("SHUNT_E_CONFLICT", s.execute, s, other, "INSERT INTO t VALUES (2)")
        has(err, LOCKED)
        has(err, "client '" .. other .. "'")
        assert(err.message:find "session %d+ waits for the lock of '.*/main.db', held by itself$", err.message)
        has(failure("SHUNT_E_CONFLICT", s.transaction, s, error, { client = other }), LOCKED)
        assert.same({}, (s:query(other, "SELECT * FROM t"))) -- reading does not wait
      end, { client = "main", spanning = "run" })
      assert.equal(1, s:execute(other, "INSERT INTO t VALUES (2)")) -- and it is free again
    end)
  end

  it("is not another file", function()
    local s <close> = app:session()
    s:transaction(function() s:execute("spare", "CREATE TABLE t (id INTEGER PRIMARY KEY)") end,
      { client = "main", spanning = "run" })
  end)

  it("is not what it only reads", function()
    local s <close> = app:session()
    s:transaction(function()
      assert.same({}, (s:query("main", "SELECT * FROM t")))
      assert.equal(1, s:execute("same", "INSERT INTO t VALUES (2)"))
    end, { client = "main", read_only = true, spanning = "run" })
  end)
end)
