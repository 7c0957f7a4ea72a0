-- Where a transaction begins: with its first access, wherever the rules send that, or where the host says.

local Engines = require "tests.engines.support.engines"

local rules = [[
model "parent" { table = "parents", client = "two" }
model "child" { table = "children" }
model "spread" { table = "spread",
  client = function(req) return ({ [0] = "one", "two" })[req:mod("where.id", 2)] end }
model "copied" { table = "copied" }
model "only_copied" { table = "copied", client = "main" }
rule "the snapshot is one of a copy" {
  stage = "refine", model = "only_copied",
  when = function(req) return req.transaction and req.transaction.read_only end,
  client = function() return pick { "one", "two" } end }
rule "reads outside of transactions go to the copy" {
  stage = "refine", model = "copied", op = "read",
  when = function(req) return not req.in_transaction end, client = "two" }
rule "what only reads stays on one of the copies" {
  stage = "refine", model = "copied", op = "read",
  when = function(req) return req.transaction and req.transaction.read_only end,
  client = function() return pick { "one", "two" } end }
rule "reads go to the copy unless a client is asked for" {
  stage = "refine", model = { "asked", "asked_child", "asked_elsewhere" }, op = "read",
  when = function(req) return req.attrs.replica and not req.explicit and req.client == "one" end, client = "two" }
model "asked" { table = "parents", client = "one", relations = {
  children = has_many("asked_child", "id"), far = has_many("asked_elsewhere", "id") } }
model "asked_child" { table = "children" }
model "asked_elsewhere" { table = "copied", client = "two" }
rule "says it all" {
  stage = "refine", model = "child", client = function(req)
    if not req.attrs.told then return end
    local t = req.transaction
    local place = t and ("%s %s %s"):format(t.client, t.read_only, t.isolation) or "outside"
    return deny(place .. (req.wrote and " wrote" or ""))
  end }
]]

for _, engine in ipairs(Engines.all) do
  describe("a transaction on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, parents, children, spread

    setup(function()
      world = Engines.open { clients = { one = engine, two = engine, main = engine }, default = "one", rules = rules }
      session = world.session
      for _, client in ipairs { "one", "two" } do
        for _, name in ipairs { "parents", "children", "spread", "copied" } do
          session:execute(client, ("CREATE TABLE %s (id INTEGER PRIMARY KEY)"):format(name))
        end
      end
    end)
    teardown(function() world:close() end)
    before_each(function()
      for _, client in ipairs { "one", "two" } do
        for _, name in ipairs { "parents", "children", "spread", "copied" } do world.session:execute(client, "DELETE FROM " .. name) end
      end
      session = world.app:session()
      parents, children, spread = session:model "parent", session:model "child", session:model "spread"
    end)
    after_each(function() session:close() end)

    local function fails(fn, options)
      local ok, problem = pcall(session.transaction, session, function()
        fn()
        error("undo it", 0)
      end, options)
      assert.is_false(ok)
      assert.equal("undo it", problem)
    end

    it("begins where the rules send its first access, a write or a read, of a model or by hand", function()
      for _, access in ipairs {
        function() parents:insert { id = 1 } end, function() parents:count() end, function() session:query("two", "SELECT 1") end,
        function() session:execute("two", "INSERT INTO parents VALUES (2)") end,
        function() session:columns("two", "parents") end,
        function() for _ in parents:each() do end end,
        function() parents:insert_bulk { { id = 3 }, { id = 4 } } end,
      } do
        fails(function()
          access()
          parents:insert { id = 7 }
          assert.equal("two", session:resolve("parent").client)
          assert.equal("transaction", session:resolve("parent").pinned_by)
          Engines.raises("SHUNT_E_TRANSACTION", children.insert, children, { id = 1 })
        end)
        assert.equal(0, parents:count())
      end
    end)

    it("begins nothing without an access", function()
      local seen = {}
      session:observe(function(statement) seen[#seen + 1] = statement.sql end)
      local hooked = false
      assert.equal(5, session:transaction(function()
        assert.is_nil(session:resolve("child").pinned_by)
        session:on_commit(function() hooked = true end)
        return 5
      end))
      session:observe(nil)
      assert.same({}, seen)
      assert.is_true(hooked)
    end)

    it("begins where the host says: on a client, for a model, for the rows that a model routes", function()
      fails(function() Engines.raises("SHUNT_E_TRANSACTION", parents.count, parents) end, { client = "one" })
      fails(function()
        parents:insert { id = 1 }
        Engines.raises("SHUNT_E_TRANSACTION", children.count, children)
      end, { model = "parent" })
      for id, place in pairs { [4] = "one", [5] = "two" } do
        fails(function()
          assert.equal("transaction", session:resolve("spread", { where = { id = id } }).pinned_by)
          assert.equal(place, session:resolve("spread", { where = { id = id } }).client)
          spread:insert { id = id }
          Engines.raises("SHUNT_E_TRANSACTION", spread.insert, spread, { id = id + 1 })
        end, { model = "spread", where = { id = id } })
      end
      assert.equal(0, parents:count())
    end)

    it("says what it can't make of a place", function()
      for code, options in pairs {
        SHUNT_E_USAGE = { model = "spread" }, SHUNT_E_NOT_FOUND = { model = "nothing" },
      } do
        Engines.raises(code, session.transaction, session, error, options)
      end
      for _, options in ipairs {
        { model = "child", client = "one" }, { clients = { "one" }, client = "one" }, { where = { id = 1 } },
        { isolation = "chaos" }, { spanning = "maybe" },
      } do
        Engines.raises("SHUNT_E_USAGE", session.transaction, session, error, options)
      end
    end)

    it("that only reads has its snapshot where all its reads go", function()
      session:execute("one", "INSERT INTO copied VALUES (1)")
      local copied, other = session:model "copied", world.app:session()
      assert.equal(0, copied:count()) -- of the copy
      for _ = 1, 8 do
        session:transaction(function()
          local first = copied:count()
          local place = session:resolve("copied").client
          assert.equal("transaction", session:resolve("copied").pinned_by)
          other:execute(place, "INSERT INTO copied VALUES (9)")
          for _ = 1, 4 do assert.equal(first, copied:count()) end
        end, { read_only = true, isolation = "repeatable read" })
        other:execute("one", "DELETE FROM copied WHERE id = 9")
        other:execute("two", "DELETE FROM copied WHERE id = 9")
      end
      other:close()
    end)

    it("that only reads begins for a model where the rules send its reads", function()
      session:execute("one", "INSERT INTO copied VALUES (1)")
      session:execute("two", "INSERT INTO copied VALUES (1)")
      for _ = 1, 8 do
        session:transaction(function()
          local place = session:resolve("copied").client
          assert.equal("transaction", session:resolve("copied").pinned_by)
          assert.equal(1, session:model("copied"):count())
          assert.equal(place, session:resolve("copied").client)
        end, { model = "only_copied", read_only = true })
      end
    end)

    it("takes in several datasources, named ahead or as they come, which commit as one", function()
      local function both()
        parents:insert { id = 1 }
        children:insert { id = 1 }
      end
      for _, options in ipairs { { spanning = "join" }, { clients = { "one", "two" } } } do
        if engine == "sqlite3" then -- neither can prepare
          local problem = Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, both, options)
          assert.is_truthy(problem.message:find("can't be committed as one", 1, true), problem.message)
          assert.same({ 0, 0 }, { parents:count(), children:count() })
        else
          fails(both, options)
          assert.same({ 0, 0 }, { parents:count(), children:count() })
          session:transaction(both, options)
          assert.same({ 1, 1 }, { parents:count(), children:count() })
          parents:delete({}, { all = true })
          children:delete({}, { all = true })
        end
      end
      session:transaction(function() -- two that only read need no preparing
        assert.same({ 0, 0 }, { parents:count(), children:count() })
      end, { clients = { "one", "two" }, read_only = true })
    end)

    it("begins again elsewhere, where a savepoint took back its first access", function()
      session:transaction(function()
        pcall(session.transaction, session, function()
          parents:insert { id = 1 }
          error "undo it"
        end, { propagation = "NESTED" })
        children:insert { id = 1 }
      end)
      assert.equal(0, parents:count())
      assert.equal(1, children:count())
    end)

    it("or a call that asks for a client holds it for what it includes, where that lies there", function()
      local told <close> = world.app:session { attrs = { replica = true } }
      session:execute("one", "INSERT INTO parents VALUES (1)")
      session:execute("one", "INSERT INTO children VALUES (1)")
      session:execute("two", "INSERT INTO copied VALUES (1)")
      local include = { children = true, far = true }
      local rows = told:model("asked"):select { client = "one", include = include }
      assert.same({ { 1 }, { 1 } }, { { rows[1].children[1] and rows[1].children[1].id }, { rows[1].far[1] and rows[1].far[1].id } })
      assert.equal(1, told:model("asked"):count { client = "one", where = { children = { some = { id = 1 } } } })
      assert.same({}, (told:model("asked"):select { include = include }))
      session:execute("two", "DELETE FROM copied")
    end)

    it("is seen by the rules, and so is what the session has written", function()
      local told <close> = world.app:session { attrs = { told = true } }
      local function said(client)
        return told:resolve("child", { client = client }).denied
      end
      local function has(text, part) assert.is_truthy(text:find(part, 1, true), text) end
      has(said(), "outside")
      told:transaction(function()
        has(said(), "nil false nil")
        told:execute("two", "INSERT INTO parents VALUES (5)")
        has(said(), "two false nil")
        has(said "two", "two false nil wrote")
      end)
      has(said "two", "outside wrote")
      told:transaction(function()
        told:query("one", "SELECT 1")
        has(said(), "one true serializable")
      end, { read_only = true, isolation = "serializable" })
      assert.is_nil(said():find("wrote", 1, true))
    end)
  end)
end
