--- Hooks of transactions that are abandoned, and what hooks may do.

local Shop = require "tests.spec.support.shop"
local watchdog = require "tests.support.watchdog"
local failure, has = Shop.failure, Shop.has

describe("hooks", function()
  local shop, app, session, note, log, dog

  before_each(function()
    dog = watchdog.start(300)
    shop = Shop.open()
    app, session, log = shop.app, shop.session, {}
    note = session:model "note"
  end)

  after_each(function()
    shop:close()
    dog:stop()
  end)

  local function tell(word) return function() log[#log + 1] = word end end

  --- A coroutine that is in the middle of a transaction.
  local function unfinished(s, more)
    local co = coroutine.create(function()
      s:transaction(function()
        s:model("note"):insert { body = "lost" }
        s:on_commit(tell "committed")
        s:on_rollback(tell "rolled back")
        if more then more(s) end
        coroutine.yield()
      end)
    end)
    assert(coroutine.resume(co))
    return co
  end

  local function collect()
    collectgarbage()
    collectgarbage()
  end

  it("run at once where there is no transaction, and what they raise is raised as it is", function()
    session:on_commit(tell "commit")
    session:on_rollback(tell "rollback")
    session:on_all_commit(tell "all")
    assert.same({ "commit", "all" }, log)
    local problem = {}
    local ok, raised = pcall(session.on_commit, session, function() error(problem) end)
    assert.is_false(ok)
    assert.is_true(rawequal(problem, raised))
    failure("SHUNT_E_USAGE", session.on_commit, session)
    failure("SHUNT_E_USAGE", session.on_rollback, session, "no function")
  end)

  it("are given the session", function()
    local given
    session:transaction(function() session:on_commit(function(s) given = s end) end)
    assert.equal(session, given)
  end)

  it("of a rollback run where the coroutine is closed or collected, with the session usable", function()
    for _, give_up in ipairs { coroutine.close, function() end } do
      log = {}
      local co = unfinished(session, function(s)
        s:on_rollback(function() log[#log + 1] = s:model("note"):count() end)
      end)
      give_up(co)
      co = nil -- luacheck: ignore
      collect()
      assert.same({ "rolled back", 0 }, log)
    end
  end)

  it("of a rollback run where an observer of another session closes the coroutine", function()
    local co, other = unfinished(session), app:session()
    assert.equal("SHUNT_E_USAGE", select(2, pcall(note.count, note)).code)
    other:observe(function() coroutine.close(co) end)
    other:model("note"):count()
    other:close()
    assert.same({ "rolled back" }, log)
    note:insert { body = "kept" }
    co = nil -- luacheck: ignore
    collect()
    assert.equal(1, note:count())
  end)

  it("of a rollback run where the session or the app is closed", function()
    for _, close in ipairs { function(s) s:close() end, function() app:close() end } do
      log = {}
      local mine = app:session()
      local co = unfinished(mine, function(s) s:on_rollback(function() log[#log + 1] = s:model("note"):count() end) end)
      close(mine)
      assert.same({ "rolled back", 0 }, log)
      assert.is_false(coroutine.resume(co))
      assert.same({ "rolled back", 0 }, log)
    end
  end)

  it("of a session that is collected run too", function()
    local mine = app:session()
    unfinished(mine)
    mine = nil -- luacheck: ignore
    collect()
    collect()
    assert.same({ "rolled back" }, log)
    assert.equal(0, note:count())
  end)

  it("can close neither their session nor its app", function()
    local told = {}
    local function try(fn) told[#told + 1] = select(2, pcall(fn)) end
    session:transaction(function()
      session:on_commit(function()
        try(function() session:close() end)
        try(function() app:close() end)
        note:insert { body = "used" }
      end)
    end)
    for _, problem in ipairs(told) do has(problem, "no observer or hook can close") end
    assert.equal(2, #told)
    assert.equal(1, note:count())
  end)

  it("can't yield", function()
    local co = coroutine.wrap(function()
      return pcall(session.transaction, session, function() session:on_commit(coroutine.yield) end)
    end)
    local ok, problem = co()
    assert.is_false(ok)
    has(problem, "yield")
    assert.equal("done", problem.outcome)
  end)

  it("that fail after a rollback come with the error that led to it", function()
    local cause = failure("SHUNT_E_NOT_FOUND", session.query, session, "nothing", "SELECT 1")
    local ok, problem = pcall(session.transaction, session, function()
      session:on_rollback(function() error("one", 0) end)
      session:on_rollback(function() error("two", 0) end)
      error(cause)
    end)
    assert.is_false(ok)
    assert.equal("SHUNT_E_TRANSACTION", problem.code)
    assert.equal("not done", problem.outcome)
    assert.equal(cause, problem.cause)
    assert.same({ "one", "two" }, problem.failures)
    has(problem, "was rolled back, and 2 hooks failed: one; two")
    has(problem, "after: " .. tostring(cause))
  end)

  it("that fail with a value that can't be shown are reported like the others", function()
    local odd = setmetatable({}, { __tostring = function() error "no words" end })
    local ok, problem = pcall(session.transaction, session, function()
      session:on_commit(function() error("one", 0) end)
      session:on_commit(function() error(odd) end)
      session:on_commit(function() error("three", 0) end)
    end)
    assert.is_false(ok)
    has(problem, "committed, but 3 hooks failed: one; a table that can't be shown; three")
    assert.equal(3, #problem.failures)
    assert.is_true(rawequal(odd, problem.failures[2]))
  end)

  it("that fail in a transaction that a hook made leave that one's own failures alone", function()
    local inner
    local ok, problem = pcall(session.transaction, session, function()
      session:on_commit(function() error("first", 0) end)
      session:on_commit(function(s)
        inner = select(2, pcall(s.transaction, s, function() s:on_commit(function() error("inner", 0) end) end))
      end)
      session:on_commit(function() error("third", 0) end)
    end)
    assert.is_false(ok)
    assert.same({ "inner" }, inner.failures)
    assert.same({ "first", "third" }, problem.failures)
  end)

  it("that fail after a rollback that no caller sees become warnings", function()
    local script = [[
      warn "@on"
      local shunt = require "shunt"
      local session = shunt.open(%q):session()
      local function lose()
        local co = coroutine.create(function()
          session:transaction(function()
            session:on_rollback(function() error("not for the caller", 0) end)
            coroutine.yield()
          end)
        end)
        coroutine.resume(co)
      end
      lose()
      collectgarbage()
      collectgarbage()
      print "goes on"
      lose()
      session:close()
    ]]
    local path = shop.folder .. "/script.lua"
    local file = assert(io.open(path, "w"))
    file:write(script:format(shop.folder .. "/shunt.yaml"))
    file:close()
    local pipe = assert(io.popen(("%s run '%s' 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", path)))
    local said = pipe:read "a"
    pipe:close()
    has(said, "goes on")
    assert.equal(2, select(2, said:gsub("Lua warning: shunt: a hook [%a ]+ failed: not for the caller", "")))
  end)

  it("wait for all, of whatever datasource, and for none that was rolled back", function()
    local on_other = { client = "other" }
    session:transaction(function()
      session:transaction(function() session:on_all_commit(tell "all") end, on_other)
      log[#log + 1] = "other committed"
    end, { client = "main" })
    assert.same({ "other committed", "all" }, log)
    log = {}
    session:transaction(function()
      session:on_all_commit(tell "all")
      pcall(session.transaction, session, function() error "no" end, on_other)
    end, { client = "main" })
    assert.same({}, log)
  end)

  it("are dropped with the part of a transaction that a savepoint undoes, at any depth", function()
    local nested = { propagation = "NESTED" }
    session:transaction(function()
      session:transaction(function()
        session:transaction(function() session:on_commit(tell "deep") end, nested)
        session:on_commit(tell "middle")
        pcall(session.transaction, session, function()
          session:on_commit(tell "undone")
          error "no"
        end, nested)
      end, nested)
      pcall(session.transaction, session, function()
        session:transaction(function() session:on_commit(tell "undone with it") end, nested)
        error "no"
      end, nested)
      session:on_commit(tell "outer")
    end)
    assert.same({ "deep", "middle", "outer" }, log)
  end)

  it("run as ever in a session with an observer that raises", function()
    session:transaction(function()
      session:on_commit(tell "committed")
      session:on_rollback(tell "rolled back")
      session:observe(function() error "observed" end)
      note:count()
    end)
    session:observe(nil)
    assert.same({ "committed" }, log)
  end)
end)
