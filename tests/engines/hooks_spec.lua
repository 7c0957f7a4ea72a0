-- The hooks that run after a transaction, on every engine: which, when, in which order, with which session, and those that fail.

local Engines = require "tests.engines.support.engines"

local rules = 'model "parent" { table = "parents" }\n'

-- O and I: hooks of the outer and of the inner transaction; c, r and a: on_commit, on_rollback, on_all_commit, added in
-- that order, the outer one's first. The bar is the inner one's end. A failure of the inner one is caught.
local combinations = {
  -- propagation    inner    outer    what runs
  { "REQUIRED",      "ok",    "ok",    "| Oc Oa Ic Ia" },
  { "REQUIRED",      "ok",    "fails", "| Or Ir" },
  { "REQUIRED",      "fails", "ok",    "| Or Ir" }, -- the outer commit is refused
  { "REQUIRED",      "fails", "fails", "| Or Ir" },
  { "NESTED",        "ok",    "ok",    "| Oc Oa Ic Ia" },
  { "NESTED",        "ok",    "fails", "| Or Ir" },
  { "NESTED",        "fails", "ok",    "| Oc Oa Ir" },
  { "NESTED",        "fails", "fails", "| Or Ir" },
  { "REQUIRES_NEW",  "ok",    "ok",    "Ic | Oc Oa Ia" },
  { "REQUIRES_NEW",  "ok",    "fails", "Ic | Or" },
  { "REQUIRES_NEW",  "fails", "ok",    "Ir | Oc" }, -- no longer have all been committed
  { "REQUIRES_NEW",  "fails", "fails", "Ir | Or" },
  { "NOT_SUPPORTED", "ok",    "ok",    "Ic | Oc Oa Ia" },
  { "NOT_SUPPORTED", "ok",    "fails", "Ic | Or" },
  { "NOT_SUPPORTED", "fails", "ok",    "Ic | Oc Oa Ia" },
  { "NOT_SUPPORTED", "fails", "fails", "Ic | Or" },
}

for _, engine in ipairs(Engines.all) do
  describe("hooks on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, other, parents

    setup(function()
      world = Engines.open { clients = { main = engine, second = "sqlite3" }, default = "main", rules = rules }
      session, other = world.session, world.app:session()
      session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
      session:execute("second", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
      parents = session:model "parent"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM parents")
      session:execute("second", "DELETE FROM parents")
    end)

    local function add_hooks(log, who, also)
      for _, hook in ipairs { { "on_commit", "c" }, { "on_rollback", "r" }, { "on_all_commit", "a" } } do
        pcall(session[hook[1]], session, function() -- one that runs at once may fail at once
          log[#log + 1] = who .. hook[2]
          if also then also() end
        end)
      end
    end

    --- What ran, and what the outer transaction raised.
    local function try(propagation, inner, outer, also)
      local log = {}
      local function fail_if(how) if how == "fails" then error("as it is to", 0) end end
      -- SQLite has one writer: of two transactions beside each other, one only reads
      local options = { propagation = propagation, read_only = engine == "sqlite3" and propagation == "REQUIRES_NEW" or nil }
      local _, problem = pcall(session.transaction, session, function()
        add_hooks(log, "O", also)
        pcall(session.transaction, session, function()
          add_hooks(log, "I", also)
          fail_if(inner)
        end, options)
        log[#log + 1] = "|"
        fail_if(outer)
      end)
      return table.concat(log, " "), problem
    end

    for _, c in ipairs(combinations) do
      local title = ("of %s that %s in one that %s"):format(c[1], c[2] == "ok" and "ends well" or "fails",
        c[3] == "ok" and "is to be committed" or "fails")

      it(title .. " are " .. c[4], function()
        assert.equal(c[4], (try(c[1], c[2], c[3])))
        assert.equal(0, session:level())
      end)

      it(title .. " run even if each of them fails", function()
        local ran, problem = try(c[1], c[2], c[3], function() error("a hook", 0) end)
        assert.equal(c[4], ran)
        local of_outer = select(2, ran:gsub("^.*|", ""):gsub("%a+", ""))
        assert.equal("SHUNT_E_TRANSACTION", problem.code)
        assert.equal(of_outer, #problem.failures)
        for _, failure in ipairs(problem.failures) do assert.equal("a hook", failure) end
        assert.equal(c[3] == "ok" and not (c[1] == "REQUIRED" and c[2] == "fails") and "done" or "not done", problem.outcome)
        if c[3] == "fails" then assert.equal("as it is to", problem.cause) end
        assert.equal(0, session:level())
      end)
    end

    it("see what was committed, and so does everybody", function()
      local seen
      session:transaction(function()
        parents:insert { id = 1, name = "Ada" }
        session:on_commit(function(s)
          seen = { s:model("parent"):count(), other:model("parent"):count(), s:resolve("parent").pinned_by }
        end)
      end)
      assert.same({ 1, 1 }, seen)
    end)

    it("that fail do not undo a commit", function()
      local problem = Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
        parents:insert { id = 1, name = "Ada" }
        session:on_commit(function() parents:insert { id = 1, name = "Bo" } end)
        session:on_commit(function() error { mine = true } end)
        session:on_commit(function() parents:insert { id = 2, name = "Cy" } end)
      end)
      assert.equal("done", problem.outcome)
      assert.equal("main", problem.client)
      assert.is_truthy(problem.message:find("the transaction on 'main' was committed, but 2 hooks failed: ", 1, true))
      assert.equal("SHUNT_E_CONSTRAINT", problem.failures[1].code)
      assert.is_true(problem.failures[2].mine)
      assert.equal(2, other:model("parent"):count())
    end)

    it("have the current datasource and the level of when they were added", function()
      local told = {}
      local function tell(s) told[#told + 1] = ("%s %d"):format(s:resolve("parent").client, s:level()) end
      session:transaction(function()
        session:on_commit(tell)
        session:switch_db("second", function()
          session:transaction(function()
            session:on_commit(tell)
            session:switch_db_isolate(function()
              session:transaction(function() session:on_commit(tell) end, { client = "second" })
            end)
          end, { client = "second" })
        end)
        assert.equal("main", session:resolve("parent").client)
      end, { client = "main" })
      -- SQLite has no levels, so that what begins one up joins
      assert.same({ "second 0", "second 1", "main 0" }, told)
      assert.equal("main 0", (session:resolve("parent").client .. " " .. session:level()))
    end)

    it("of one beside another are no part of that, on whatever level they are", function()
      local seen
      session:transaction(function()
        assert.equal(0, parents:count())
        session:transaction(function()
          parents:insert { id = 1, name = "Ada" }
          session:on_commit(function(s)
            seen = { s:resolve("parent").pinned_by or "nothing" }
            parents:insert { id = 2, name = "Bo" }
            s:on_commit(function() seen[2] = other:model("parent"):count() end)
          end)
        end, { propagation = "REQUIRES_NEW" })
        assert.same({ "nothing", 2 }, seen)
        assert.equal("transaction", session:resolve("parent").pinned_by)
      end, { read_only = true })
      assert.equal(2, parents:count())
    end)

    it("may begin transactions, whose hooks run at their ends", function()
      local log = {}
      local function note(word) return function() log[#log + 1] = word end end
      session:transaction(function()
        session:on_commit(function(s)
          s:transaction(function()
            parents:insert { id = 1, name = "Ada" }
            s:on_commit(note "inner")
            s:on_all_commit(note "inner all")
          end)
          log[#log + 1] = "first"
        end)
        session:on_commit(note "second")
        session:on_all_commit(note "all")
      end)
      assert.same({ "inner", "inner all", "first", "second", "all" }, log)
      assert.equal(1, other:model("parent"):count())
    end)

    it("of a transaction that can't be committed are those of a rollback", function()
      local log = {}
      local ok = pcall(session.transaction, session, function()
        session:on_commit(function() log[#log + 1] = "commit" end)
        session:on_rollback(function() log[#log + 1] = "rollback" end)
        parents:insert { id = 1, name = "Ada" }
        pcall(parents.insert, parents, { id = 1, name = "Bo" })
      end)
      assert.same({ ok and "commit" or "rollback" }, log) -- PostgreSQL says no
      assert.equal(engine ~= "pg", ok)
    end)
  end)
end
