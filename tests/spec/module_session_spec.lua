--- What a session of the Lua module keeps: its current datasource, its transactions, its observer.

local Shop = require "tests.spec.support.shop"
local failure, has = Shop.failure, Shop.has

describe("the module", function()
  local shop, app, session, user

  before_each(function()
    shop = Shop.open()
    app, session = shop.app, shop.session
    user = session:model "user"
  end)

  after_each(function() shop:close() end)

  describe("when it switches the datasource", function()
    local note
    local function where() return session:resolve("note").client end

    before_each(function() note = session:model "note" end)

    it("runs the function there, passes arguments and results, and comes back", function()
      local got = table.pack(session:switch_db("other", function(...)
        note:insert { body = "there" }
        return where(), ...
      end, nil, 2, nil))
      assert.same({ "other", nil, 2, nil, n = 4 }, got)
      assert.equal("main", where())
      assert.equal(0, note:count())
      assert.equal(1, note:count { client = "other" })
    end)

    it("nests", function()
      session:switch_db("other", function()
        session:switch_db("shop", function() assert.equal("shop", where()) end)
        assert.equal("other", where())
      end)
      assert.equal("main", where())
    end)

    it("comes back after an error, which stays the same value", function()
      local problem = { "mine" }
      local ok, raised = pcall(session.switch_db, session, "other", function() error(problem) end)
      assert.is_false(ok)
      assert.is_true(rawequal(problem, raised))
      assert.equal("main", where())
      failure("SHUNT_E_NOT_FOUND", session.switch_db, session, "nowhere", where)
      failure("SHUNT_E_USAGE", session.switch_db, session, "other")
      assert.equal("main", where())
    end)

    it("keeps the traceback of an error", function()
      local function deep() error "oops" end
      local _, trace = xpcall(session.switch_db, debug.traceback, session, "other", function() deep() end)
      has(trace, "deep")
    end)

    it("is off while a coroutine is suspended, and on again when that goes on", function()
      local co = coroutine.wrap(function()
        return session:switch_db("other", function(first)
          local second = coroutine.yield(where(), first)
          local third = session:switch_db("shop", function() return coroutine.yield(where(), second) end)
          return where(), third
        end, 1)
      end)
      assert.same({ "other", 1 }, { co() })
      assert.equal("main", where())
      assert.same({ "shop", 2 }, { co(2) })
      assert.equal("main", where())
      assert.same({ "other", 3 }, { co(3) })
      assert.equal("main", where())
    end)

    it("lets coroutines interleave", function()
      local function worker(client)
        return coroutine.wrap(function()
          session:switch_db(client, function()
            for _ = 1, 5 do coroutine.yield(where()) end
          end)
        end)
      end
      local a, b = worker "other", worker "shop"
      for _ = 1, 5 do
        assert.equal("other", a())
        assert.equal("shop", b())
        assert.equal("main", where())
      end
    end)

    it("comes back after an error in a coroutine, the value the same and what was open closed", function()
      local problem, closed = {}, nil
      local co = coroutine.create(function()
        session:switch_db("other", function()
          local _ <close> = setmetatable({}, { __close = function() closed = where() end })
          coroutine.yield()
          error(problem)
        end)
      end)
      assert(coroutine.resume(co))
      local ok, raised = coroutine.resume(co)
      assert.is_false(ok)
      assert.is_true(rawequal(problem, raised))
      assert.equal("other", closed)
      assert.equal("main", where())
    end)

    it("leaves nothing switched when a coroutine is given up", function()
      local closed
      local function start()
        local co = coroutine.create(function()
          session:switch_db("other", function()
            local _ <close> = setmetatable({}, { __close = function() closed = where() end })
            coroutine.yield()
          end)
        end)
        assert(coroutine.resume(co))
        return co
      end
      assert.is_true(coroutine.close(start()))
      assert.equal("other", closed)
      start()
      collectgarbage()
      assert.equal("main", where())
    end)

    it("takes along what has no client of its own, and nothing else", function()
      local function places()
        local list = {}
        for i, model in ipairs { "note", "role", "user", "order" } do list[i] = session:resolve(model).client end
        return list
      end
      assert.same({ "main", "main", "main", "shop" }, places())
      session:switch_db("other", function()
        assert.same({ "other", "other", "main", "shop" }, places())
        note:insert { body = "there" }
        user:insert { name = "Ada" }
        session:transaction(function() assert.same({ "other", "other", "main", "shop" }, places()) end)
      end)
      assert.equal(1, note:count { client = "other" })
      assert.equal(1, user:count { client = "main" })
    end)

    it("knows the effective default, which is not the same as no client", function()
      local acme <close> = app:session { instance = "acme" } -- its default is other
      local function place(model, client) return acme:resolve(model, { client = client }).client end
      assert.equal("main", place "user")
      assert.equal("other", place("user", "default"))
      acme:switch_db("shop", function()
        assert.equal("shop", place "note")
        assert.equal("other", place("note", "default"))
        acme:switch_db("default", function() assert.equal("other", place "note") end)
        acme:switch_db(nil, function() assert.equal("other", place "note") end)
        acme:model("note"):new_instance("default"):insert { body = "by default" }
        acme:transaction(function()
          assert.equal("transaction", acme:resolve("note", { client = "default" }).pinned_by)
          assert.is_nil(acme:resolve("note").pinned_by)
        end, { client = "default" })
        acme:transaction(function()
          assert.is_nil(acme:resolve("note", { client = "default" }).pinned_by)
          assert.equal("transaction", acme:resolve("note").pinned_by)
        end, { client = "shop" })
      end)
      assert.equal(1, note:count { client = "other" })
    end)

    it("can be caught inside by pcall and goes on there", function()
      session:switch_db("other", function()
        assert.is_false(pcall(error, "x"))
        assert.equal("other", where())
      end)
    end)
  end)

  describe("with transactions", function()
    local note
    before_each(function() note = session:model "note" end)

    it("commits when the function returns, and gives its results", function()
      local got = table.pack(session:transaction(function(given)
        assert.equal(session, given)
        note:insert { body = "kept" }
        return nil, "b", nil
      end))
      assert.same({ n = 3, [2] = "b" }, got)
      assert.equal(1, note:count())
    end)

    it("rolls back when it raises, and raises the same value", function()
      local problem = setmetatable({}, { __tostring = function() return "mine" end })
      local ok, raised = pcall(session.transaction, session, function()
        note:insert { body = "lost" }
        assert.equal(1, note:count())
        error(problem)
      end)
      assert.is_false(ok)
      assert.is_true(rawequal(problem, raised))
      assert.equal(0, note:count())
    end)

    it("joins one that is open, whose commit fails where the inner one was rolled back", function()
      failure("SHUNT_E_TRANSACTION", session.transaction, session, function()
        note:insert { body = "outer" }
        pcall(session.transaction, session, function() error "inner" end)
      end)
      assert.equal(0, note:count())
      session:transaction(function() session:transaction(function() note:insert { body = "x" } end) end)
      assert.equal(1, note:count())
    end)

    it("goes on over the yields of a coroutine", function()
      local co = coroutine.wrap(function()
        return session:transaction(function()
          note:insert { body = "one" }
          return coroutine.yield "half"
        end)
      end)
      assert.equal("half", co())
      assert.equal("done", co "done")
      assert.equal(1, note:count())
    end)

    it("rolls back when its coroutine is closed or collected", function()
      for _, give_up in ipairs { coroutine.close, function() end } do
        local co = coroutine.create(function()
          session:transaction(function()
            note:insert { body = "lost" }
            coroutine.yield()
          end)
        end)
        assert(coroutine.resume(co))
        give_up(co)
        co = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
        assert.equal(0, note:count())
      end
    end)

    it("rolls back inside a switched coroutine that fails", function()
      local co = coroutine.create(function()
        session:switch_db("other", function()
          session:transaction(function()
            note:insert { body = "lost" }
            coroutine.yield()
            error "no"
          end)
        end)
      end)
      assert(coroutine.resume(co))
      assert.is_false(coroutine.resume(co))
      assert.equal(0, note:count { client = "other" })
    end)

    it("is rolled back by the session's end", function()
      local mine = app:session()
      local co = coroutine.create(function()
        mine:transaction(function()
          mine:model("note"):insert { body = "lost" }
          coroutine.yield()
        end)
      end)
      assert(coroutine.resume(co))
      mine:close()
      assert.equal(0, note:count())
      local ok, problem = coroutine.resume(co)
      assert.is_false(ok)
      has(problem, "the session is closed")
    end)

    it("says of a decision what holds it, in its trace too", function()
      local free = session:resolve "note"
      assert.is_nil(free.pinned_by)
      session:transaction(function()
        local held = session:resolve "note"
        assert.equal("transaction", held.pinned_by)
        assert.same({
          stage = "session", rule = "transaction", source = "", verdict = "pinned to", detail = "main, level 0",
          result = "pinned to main, level 0",
        }, held.trace[#held.trace])
        assert.equal(#free.trace + 1, #held.trace)
        assert.is_nil(session:resolve("order").pinned_by)
        assert.is_nil(session:resolve("note", { client = "other" }).pinned_by)
        session:transaction(function() assert.is_nil(session:resolve("note").pinned_by) end, { propagation = "NOT_SUPPORTED" })
      end, { client = "main" })
      assert.is_nil(session:resolve("note").pinned_by)
    end)

    it("refuses what it does not know or can't do", function()
      failure("SHUNT_E_USAGE", session.transaction, session, function() end, { clint = "main" })
      failure("SHUNT_E_USAGE", session.transaction, session)
      failure("SHUNT_E_USAGE", session.transaction, session, function() end, { propagation = "SOMETIMES" })
      failure("SHUNT_E_USAGE", session.transaction, session, function() end, { spanning = "sometimes" })
      failure("SHUNT_E_USAGE", session.transaction, session, function() end, { retry = -1 })
      failure("SHUNT_E_NOT_FOUND", session.transaction, session, function() end, { client = "nowhere" })
    end)
  end)

  describe("with an observer", function()
    it("passes each statement, its datasource and values", function()
      shop:fill()
      local seen = {}
      session:observe(function(statement) seen[#seen + 1] = statement end)
      user:select { where = { id = 1 }, include = "orders" }
      session:observe(nil)
      user:count()
      assert.equal(2, #seen)
      assert.equal("main", seen[1].client)
      assert.equal("shop", seen[2].client)
      has(seen[1].sql, "?")
      assert.same({ 1 }, seen[1].params)
      assert.equal(2, seen[2].rows)
      assert.equal("integer", math.type(seen[1].duration_ns))
    end)

    it("gives the call's result, or its own error, whatever the function raises", function()
      local note, seen = session:model "note", 0
      for i, raised in ipairs { "text", {}, setmetatable({}, { __tostring = function() error "no" end }) } do
        session:observe(function()
          seen = seen + 1
          error(raised)
        end)
        assert.equal("Ada" .. i, user:insert { name = "Ada" .. i }.name)
        assert.equal("kept", session:transaction(function() return note:insert { body = "kept" }.body end))
        failure("SHUNT_E_NOT_FOUND", session.query, session, "main", "SELECT 1 FROM nowhere")
        assert.equal(1, session:query("main", "SELECT 1 AS one")[1].one)
      end
      session:observe(function() coroutine.yield() end)
      assert.equal(3, user:count())
      session:observe(nil)
      assert.equal(12, seen)
      assert.equal(3, note:count { client = "main" })
    end)

    it("warns of what the function raises", function()
      local path = shop.folder .. "/script.lua"
      local file = assert(io.open(path, "w"))
      file:write(([[
        local session = require "shunt".open("%s/shunt.yaml"):session()
        session:observe(function() error("not seen", 0) end)
        print(session:query("main", "SELECT 1 AS one")[1].one)
      ]]):format(shop.folder))
      file:close()
      local pipe = assert(io.popen(("%s run '%s' 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", path)))
      assert.equal("Lua warning: shunt: an observer failed: not seen\n1\n", pipe:read "a")
      pipe:close()
    end)

    it("keeps the function from using its session", function()
      local told = {}
      session:observe(function()
        for _, fn in ipairs {
          function() user:count() end,
          function() session:close() end,
          function() app:close() end,
          function() session:switch_db("other", print) end,
          function() session:observe(nil) end,
        } do
          told[#told + 1] = select(2, pcall(fn))
        end
      end)
      user:count()
      assert.equal(5, #told)
      for _, problem in ipairs(told) do has(problem, "in a call") end
    end)

    it("survives the collection of an open transaction in the middle of a call", function()
      local note = session:model "note"
      local co = coroutine.create(function()
        session:transaction(function()
          note:insert { body = "lost" }
          coroutine.yield()
        end)
      end)
      assert(coroutine.resume(co))
      local other <close> = app:session()
      other:observe(function()
        co = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
      end)
      other:model("user"):count()
      assert.equal(0, note:count())
    end)
  end)
end)
