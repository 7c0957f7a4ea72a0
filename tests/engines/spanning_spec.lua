-- What a transaction does about accesses elsewhere: an error, unless the configuration or the call says otherwise.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"

local rules = [[
model "parent" { table = "parents", relations = { children = has_many("child", "parent_id", { order = "id" }) } }
model "child" { table = "children", client = "second" }
]]

for _, engine in ipairs(Engines.all) do
  describe("a transaction that is not to be spanned on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, parents, children
    local alone = { client = "main" }

    setup(function()
      world = Engines.open { clients = { main = engine, second = engine == "pg" and "mysql" or "pg" }, default = "main", rules = rules }
      session = world.session
      session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
      session:execute("second", "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER, name VARCHAR(20))")
      parents, children = session:model "parent", session:model "child"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM parents")
      session:execute("second", "DELETE FROM children")
    end)

    it("refuses whatever would run elsewhere, naming both, and goes on", function()
      local include = { include = { children = true } }
      session:transaction(function()
        parents:insert { id = 1, name = "Ada" }
        for _, access in ipairs {
          function() children:select() end,
          function() children:insert { id = 1, parent_id = 1, name = "x" } end,
          function() children:insert_bulk { { id = 1, parent_id = 1, name = "x" } } end,
          function() parents:select(include) end,
          function() parents:insert({ id = 2, name = "Bo", children = { { id = 1, name = "x" } } }, include) end,
          function() parents:delete({ id = 1 }, include) end,
          function() session:query("second", "SELECT 1") end,
          function() session:columns("second", "children") end,
        } do
          local problem = Engines.raises("SHUNT_E_TRANSACTION", access)
          assert.is_truthy(problem.message:find("to 'second', outside of the transaction on 'main'", 1, true))
          assert.equal("second", problem.client)
        end
        parents:insert { id = 3, name = "Cy" }
      end, alone)
      assert.equal(2, parents:count())
      assert.equal(0, children:count())
    end)

    it("lets a transaction be begun where it is wanted", function()
      session:transaction(function()
        session:transaction(function() children:insert { id = 1, parent_id = 1, name = "x" } end, { client = "second" })
        Engines.raises("SHUNT_E_TRANSACTION", children.select, children)
      end, alone)
      assert.equal(1, children:count())
    end)

    it("does not say so while it is not in force", function()
      session:transaction(function()
        session:transaction(function() assert.equal(0, children:count()) end, { client = "main", propagation = "NOT_SUPPORTED" })
        Engines.raises("SHUNT_E_TRANSACTION", children.count, children)
      end, alone)
      assert.equal(0, children:count())
    end)

    it("is no part of one that may be spanned, and takes in one that does not mind", function()
      session:transaction(function()
        for _, propagation in ipairs { "REQUIRED", "NESTED" } do
          Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function() end, { spanning = "error", propagation = propagation })
          Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function() end, { spanning = "join", propagation = propagation })
        end
      end, { spanning = "run" })
      session:transaction(function()
        session:transaction(function() Engines.raises("SHUNT_E_TRANSACTION", children.count, children) end, { spanning = "run" })
      end, alone)
      session:transaction(function() assert.equal(0, children:count()) end, { client = "main", spanning = "run" })
    end)

    it("needs a transaction", function()
      for propagation, code in pairs { SUPPORTS = "SHUNT_E_TRANSACTION", NEVER = "SHUNT_E_USAGE", NOT_SUPPORTED = "SHUNT_E_USAGE" } do
        Engines.raises(code, session.transaction, session, function() end, { spanning = "error", propagation = propagation })
      end
    end)
  end)
end

describe("a transaction that is not to be spanned", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  -- which are made beside it, so that they stay where it is rolled back
  it("takes in a job on its own datasource, also where the queue has no tables yet", function()
    local world = Engines.open { clients = { main = "pg" }, yaml = "jobs: {client: main}\n" }
    local session = world.session
    App.fill(world.folder, { ["jobs/note.lua"] = 'job "note" { handler = function() end }' })
    session:transaction(function() session:push("note", 1) end, { spanning = "error" })
    assert.equal(1, #session:jobs())
    world:close()
  end)
end)
