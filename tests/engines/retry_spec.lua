-- `retry`: a transaction that the engine gave up for the sake of another one is begun anew.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"

local rules = 'model "account" { table = "accounts" }\n'

-- Another program, which locks row 2, says so, and then wants row 1.
local opponent = [[
local session = require "shunt".open(%q):session()
local accounts, tries = session:model "account", 0
session:transaction(function()
  tries = tries + 1
  accounts:update { id = 2, balance = 20 }
  if tries == 1 then print "locked"; io.stdout:flush() end
  accounts:update { id = 1, balance = 10 }
end, { retry = 5 })
print(tries)
]]

for _, engine in ipairs(Engines.servers) do
  describe("a transaction that is retried on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, other, accounts

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = rules }
      session, other = world.session, world.app:session()
      session:execute("main", "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
      accounts = session:model "account"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM accounts")
      accounts:insert_bulk { { id = 1, balance = 1 }, { id = 2, balance = 1 } }
    end)

    it("gets out of a deadlock, whichever transaction is its victim", function()
      local path = world.folder .. "/opponent.lua"
      App.write(path, opponent:format(world.folder .. "/shunt.yaml"))
      local pipe, tries, rolled_back, committed = nil, 0, 0, 0
      session:transaction(function()
        tries = tries + 1
        session:on_rollback(function() rolled_back = rolled_back + 1 end)
        session:on_commit(function() committed = committed + 1 end)
        accounts:update { id = 1, balance = 100 }
        if tries == 1 then
          pipe = assert(io.popen(("%s run '%s' 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", path)))
          assert.equal("locked", pipe:read "l")
        end
        accounts:update { id = 2, balance = 200 }
      end, { retry = 5 })
      local theirs = pipe:read "n"
      pipe:close()
      assert.is_true(tries + theirs > 2)
      assert.equal(tries - 1, rolled_back)
      assert.equal(1, committed)
      local sum = other:query("main", "SELECT sum(balance) AS sum FROM accounts")[1].sum
      assert.is_true(tonumber(sum) == 300 or tonumber(sum) == 30) -- one of them, whole, was the last
    end)

    it("is given up after so many times, with the engine's error", function()
      local tries = 0
      local function conflict()
        tries = tries + 1
        session:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE")
        local quick <close> = world.app:session()
        quick:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE NOWAIT")
      end
      for _, retry in ipairs { 0, 2 } do
        tries = 0
        local problem = Engines.raises("SHUNT_E_CONFLICT", session.transaction, session, conflict, { retry = retry })
        assert.is_truthy(problem.engine_code or problem.sqlstate)
        assert.equal(retry + 1, tries)
      end
    end)

    it("is tried once where it is a part of another, which is what would have to be begun anew", function()
      local tries, outer
      local function inner()
        tries = tries + 1
        local quick <close> = world.app:session()
        quick:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE NOWAIT")
      end
      for _, propagation in ipairs { "REQUIRED", "NESTED", "SUPPORTS" } do
        tries, outer = 0, 0
        Engines.raises("SHUNT_E_CONFLICT", session.transaction, session, function()
          outer = outer + 1
          session:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE")
          session:transaction(inner, { retry = 3, propagation = propagation })
        end, { retry = 1 })
        assert.equal(2, tries)
        assert.equal(2, outer)
      end
    end)

    it("is not tried again for any other error", function()
      for _, raise in ipairs {
        function() accounts:insert { id = 1, balance = 1 } end,
        function() error "mine" end,
        function() error { code = "SHUNT_E_CONFLICT", engine_code = 1 } end,
      } do
        local tries = 0
        assert.is_false(pcall(session.transaction, session, function()
          tries = tries + 1
          raise()
        end, { retry = 3 }))
        assert.equal(1, tries)
      end
    end)

    it("is a transaction of its own each time, results and all", function()
      local tries = 0
      local got = table.pack(session:transaction(function()
        tries = tries + 1
        accounts:insert { id = 2 + tries, balance = tries }
        if tries == 2 then return nil, "b", nil end
        session:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE")
        local quick <close> = world.app:session()
        quick:query("main", "SELECT balance FROM accounts WHERE id = 1 FOR UPDATE NOWAIT")
      end, { retry = 3 }))
      assert.same({ n = 3, [2] = "b" }, got)
      assert.equal(0, other:model("account"):count { where = { id = 3 } })
      assert.equal(1, other:model("account"):count { where = { id = 4 } })
    end)
  end)
end

describe("a transaction that is retried on pg", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  it("gets past a serialization failure, in a statement or at its commit", function()
    local world = Engines.open { clients = { main = "pg" }, rules = rules }
    local session, other = world.session, world.app:session()
    session:execute("main", "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
    local serializable = { isolation = "serializable", retry = 3 }
    local function total(s) return tonumber(s:query("main", "SELECT coalesce(sum(balance), 0) AS sum FROM accounts")[1].sum) end
    for _, at_commit in ipairs { true, false } do
      session:execute("main", "DELETE FROM accounts")
      local tries = 0
      session:transaction(function()
        tries = tries + 1
        local sum = total(session)
        if tries == 1 and not at_commit then
          other:transaction(function() other:model("account"):insert { id = 1, balance = total(other) + 10 } end, serializable)
        end
        session:model("account"):insert { id = 2, balance = sum + 100 }
        if tries == 1 and at_commit then
          other:transaction(function() other:model("account"):insert { id = 1, balance = total(other) + 10 } end, serializable)
        end
      end, serializable)
      assert.equal(2, tries) -- one after the other, in whatever order
      assert.equal(120, total(session))
    end
    world:close()
  end)
end)
