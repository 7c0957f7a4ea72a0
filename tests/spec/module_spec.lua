--- The Lua module as a whole: opening, resolving, closing, and what the collector may do to it.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
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

  describe("when it opens an application", function()
    it("reports every mistake with its place", function()
      local folder <close> = setmetatable({ path = App.folder() }, { __close = function(f) App.remove(f.path) end })
      App.fill(folder.path, {
        ["shunt.yaml"] = "database:\n  defaultClient: nowhere\n  cleints: {}\nrules: {path: [rules]}\n",
        ["rules/x.lua"] = 'model "x" {',
      })
      local problem = failure("SHUNT_E_CONFIG", shunt.open, folder.path .. "/shunt.yaml")
      assert.is_true(#problem.problems >= 2)
      for _, one in ipairs(problem.problems) do
        assert.is_true(shunt.is_error(one))
        assert.is_truthy(one.file)
        assert.is_true(one.line >= 1)
        has(problem, one.message)
      end
      has(problem, "did you mean")
    end)

    it("names the line that called in its errors", function()
      local problem = failure("SHUNT_E_USAGE", function() shunt.open("shunt.yaml", { evn = "test" }) end)
      has(problem.message, "did you mean 'env'")
      has(problem.caller, "module_spec.lua:")
      has(problem, "[SHUNT_E_USAGE]")
    end)

    it("describes the catalog and gives the merged configuration", function()
      local described = app:describe()
      assert.equal("main", described.default_client)
      assert.equal(3, #described.clients)
      local names = {}
      for _, model in ipairs(described.models) do names[model.name] = model end
      assert.equal("orders", names.order.table)
      assert.equal("shop", names.order.client)
      assert.equal(3, #names.user.relations)
      has(app:config(), "defaultClient")
    end)
  end)

  describe("when it resolves", function()
    it("gives the decision with its trace", function()
      local decision = session:resolve("order", { op = "write", where = { user_id = 3 } })
      assert.equal("shop", decision.client)
      assert.equal("sqlite3", decision.engine)
      assert.equal("orders", decision.table)
      assert.equal("write", decision.op)
      assert.equal(0, decision.level)
      assert.is_nil(decision.relation)
      assert.is_true(#decision.trace > 0)
      for _, step in ipairs(decision.trace) do
        assert.is_truthy(step.stage and step.rule and step.source and step.result)
      end
      assert.is_truthy(decision.source:find(":%d+$"))
      assert.equal("chose shop", decision.trace[#decision.trace].result)
    end)

    it("takes a relation in place of the model", function()
      local decision = session:resolve(nil, { relation = "user.orders", relation_client = "_inherit_", parent = "other" })
      assert.equal("other", decision.client)
      assert.equal("user.orders", decision.relation)
    end)

    it("has a denial in the decision, and raises it from an access", function()
      local free = app:session { attrs = { plan = "free" } }
      local decision = free:resolve("note", { op = "write" })
      assert.equal("the free plan reads only", decision.denied)
      assert.is_nil(decision.client)
      assert.equal("notes are not written on a free plan", decision.rule)
      local note = free:model "note"
      has(failure("SHUNT_E_DENIED", note.insert, note, { body = "x" }), "the free plan reads only")
      assert.equal(0, note:count())
    end)

    it("raises a rule's failure with rule, place and traceback, and goes on", function()
      local broken = app:session { attrs = { broken = true } }
      local problem = failure("SHUNT_E_RULE", broken.resolve, broken, "role")
      assert.equal("breaks", problem.rule)
      has(problem.file, "models.lua")
      assert.is_true(problem.line > 1)
      has(problem, "a rule gone wrong")
      assert.is_truthy(problem.traceback)
      assert.equal("main", broken:resolve("user").client)
    end)

    it("refuses unknown names and options with the nearest one", function()
      has(failure("SHUNT_E_NOT_FOUND", session.resolve, session, "usr"), "did you mean 'user'")
      has(failure("SHUNT_E_USAGE", session.resolve, session, "user", { wher = {} }), "did you mean 'where'")
      failure("SHUNT_E_USAGE", session.resolve, session)
      failure("SHUNT_E_USAGE", session.resolve, session, "user", { op = "delete" })
      failure("SHUNT_E_USAGE", session.resolve, session, "user", { level = -1 })
    end)
  end)

  describe("when something is closed", function()
    it("refuses every use with an error value", function()
      local note = session:model "note"
      session:close()
      session:close()
      for _, fn in ipairs {
        function() session:resolve "user" end,
        function() session:model "user" end,
        function() session:query("main", "SELECT 1") end,
        function() session:switch_db("other", print) end,
        function() session:transaction(print) end,
        function() session:observe(print) end,
        function() user:select() end,
        function() note:insert { body = "x" } end,
      } do
        has(failure("SHUNT_E_USAGE", fn), "the session is closed")
      end
      app:close()
      app:close()
      has(failure("SHUNT_E_USAGE", app.session, app), "the app is closed")
      has(failure("SHUNT_E_USAGE", app.describe, app), "the app is closed")
    end)

    it("closes the sessions with their app", function()
      app:close()
      has(failure("SHUNT_E_USAGE", user.count, user), "the session is closed")
    end)

    it("closes at the end of a block", function()
      local kept
      do
        local mine <close> = app:session()
        kept = mine
      end
      has(failure("SHUNT_E_USAGE", kept.resolve, kept, "user"), "the session is closed")
    end)

    it("keeps an app alive as long as its sessions and models", function()
      local function model_alone() return shunt.open(shop.folder .. "/shunt.yaml"):session():model "note" end
      local note = model_alone()
      collectgarbage()
      collectgarbage()
      note:insert { body = "x" }
      assert.equal(1, note:count())
    end)
  end)

  describe("under a collector that never rests", function()
    local function everything()
      shop:fill()
      for i = 1, 20 do
        user:select { include = { "orders.lines", "profile", "roles" } }
        pcall(user.insert, user, { name = "Ada" })
        pcall(user.select, user, { where = { age = { nope = i } } })
        pcall(session.transaction, session, function()
          session:switch_db("other", function() session:model("note"):insert { body = tostring(i) } end)
          error "back"
        end)
        app:session():model("user"):count()
        shunt.json(user:select { include = "orders" })
      end
      assert.equal(3, user:count())
    end

    after_each(function() collectgarbage("incremental", 200, 100) end)

    it("works generationally", function()
      collectgarbage("generational", 1, 1)
      everything()
    end)

    it("works with a step at every line", function()
      collectgarbage("incremental", 100, 1000)
      debug.sethook(function() collectgarbage "step" end, "l")
      local ok, problem = pcall(everything)
      debug.sethook()
      assert.is_true(ok, tostring(problem))
    end)
  end)
end)
