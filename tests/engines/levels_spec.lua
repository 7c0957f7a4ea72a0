-- Levels: work that goes one up never waits for a connection that the session holds below, on every engine that has them.

local Engines = require "tests.engines.support.engines"

local rules = [[
model "parent" { table = "parents" }
model "far" { table = "parents" }
rule "far above" { stage = "refine", model = "far", client = function() return { level = 9 } end }
]]

for _, engine in ipairs(Engines.all) do
  describe("levels on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local has_levels = engine ~= "sqlite3"
    local world, session, other, parents

    setup(function()
      world = Engines.open { clients = { main = engine, second = engine }, default = "main", rules = rules, max = has_levels and 1 or 4 }
      session, other = world.session, world.app:session { level = 5 }
      for _, client in ipairs { "main", "second" } do
        session:execute(client, "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
      end
      parents = session:model "parent"
    end)
    teardown(function() world:close() end)
    before_each(function()
      session:execute("main", "DELETE FROM parents")
      assert.equal(0, session:level())
    end)

    --- "main 1": where accesses go, and at which level.
    local function where(s)
      local d = (s or session):resolve "parent"
      return d.client .. " " .. d.level
    end
    local function at(client, level) return client .. " " .. (has_levels and level or 0) end

    it("go one up in switch_db_isolate, on the same datasource, with arguments and results", function()
      local got = table.pack(session:switch_db_isolate(function(...)
        assert.equal(1, session:level())
        return where(), ...
      end, nil, 2, nil))
      assert.same({ at("main", 1), nil, 2, nil, n = 4 }, got)
      session:switch_db("second", function()
        session:switch_db_isolate(function()
          assert.equal(at("second", 1), where())
          session:switch_db("main", function()
            session:switch_db_isolate(function() assert.equal(at("main", 2), where()) end)
          end)
          assert.equal(at("second", 1), where())
        end)
        assert.equal(at("second", 0), where())
      end)
    end)

    it("come down after an error, which stays the same value", function()
      local problem = {}
      local ok, raised = pcall(session.switch_db_isolate, session, function()
        pcall(session.switch_db_isolate, session, error, "caught")
        assert.equal(1, session:level())
        error(problem)
      end)
      assert.is_false(ok)
      assert.is_true(rawequal(problem, raised))
      Engines.raises("SHUNT_E_USAGE", session.switch_db_isolate, session)
    end)

    it("are up while their coroutine runs, and only then", function()
      local function worker(times)
        return coroutine.wrap(function()
          session:switch_db_isolate(function()
            for _ = 1, times do coroutine.yield(session:level()) end
            session:switch_db_isolate(function() coroutine.yield(session:level()) end)
          end)
        end)
      end
      local a, b = worker(1), worker(2)
      for _, step in ipairs { { a, 1 }, { b, 1 }, { a, 2 }, { b, 1 }, { b, 2 } } do
        assert.equal(step[2], step[1]())
        assert.equal(0, session:level())
      end
    end)

    it("are left where they were by a coroutine that is given up", function()
      for _, give_up in ipairs { coroutine.close, function() end } do
        local co = coroutine.create(function()
          session:switch_db_isolate(function()
            session:transaction(function()
              parents:insert { id = 1, name = "lost" }
              session:transaction(coroutine.yield, { propagation = "NOT_SUPPORTED" })
            end)
          end)
        end)
        assert(coroutine.resume(co))
        assert.equal(1, session:level()) -- of the transaction, which is not over
        give_up(co)
        co = nil -- luacheck: ignore
        collectgarbage()
        collectgarbage()
        assert.equal(0, session:level())
        assert.equal(0, parents:count())
      end
    end)

    it("have connections of their own: with one in each pool nothing waits for itself", function()
      if not has_levels then return end
      session:transaction(function()
        parents:insert { id = 1, name = "below" }
        session:switch_db_isolate(function()
          assert.equal(0, parents:count())
          parents:insert { id = 2, name = "above" }
        end)
        session:transaction(function() parents:insert { id = 3, name = "new" } end, { propagation = "REQUIRES_NEW" })
        session:transaction(function() parents:insert { id = 4, name = "outside" } end, { propagation = "NOT_SUPPORTED" })
        assert.equal(3, other:model("parent"):count())
      end)
      assert.equal(4, parents:count())
    end)

    it("wait for a row that the suspended transaction has locked, but not for ever", function()
      if engine ~= "pg" then return end -- SQLite is asked before it begins, and MySQL has a limit
      local quick = Engines.open { clients = { main = engine }, rules = rules, pool = "acquireTimeout: 20ms" }
      quick.session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
      local model = quick.session:model "parent"
      model:insert { id = 1, name = "before" }
      quick.session:transaction(function()
        model:update { id = 1, name = "outer" }
        local problem = Engines.raises("SHUNT_E_CONFLICT", quick.session.transaction, quick.session,
          function() model:update { id = 1, name = "inner" } end, { propagation = "REQUIRES_NEW" })
        assert.equal("55P03", problem.sqlstate)
      end)
      assert.equal("outer", model:get(1).name)
      quick:close()
    end)

    it("of two coroutines need two sessions", function()
      local new = { propagation = "REQUIRES_NEW", read_only = true }
      local function start(of)
        return coroutine.wrap(function()
          of:transaction(function() coroutine.yield(of:level()) end, new)
          return of:level()
        end)
      end
      local a, b, c, level = start(session), start(session), start(other), other:level()
      assert.equal(1, a())
      assert.equal(level + 1, c())
      Engines.raises("SHUNT_E_USAGE", b)
      assert.equal(0, a()) -- the first one ends first
      assert.equal(level, c())
    end)

    it("end at database.maxLevel, and nothing is half begun then", function()
      local deepest = 0
      local function deeper()
        deepest = session:level()
        session:switch_db_isolate(deeper)
      end
      local problem = Engines.raises("SHUNT_E_TRANSACTION", deeper)
      assert.is_truthy(problem.message:find("the highest is 8 (database.maxLevel)", 1, true))
      assert.equal(8, deepest)
      local top = world.app:session { level = 8 }
      for _, propagation in ipairs { "REQUIRES_NEW", "NOT_SUPPORTED" } do
        Engines.raises("SHUNT_E_TRANSACTION", top.transaction, top, function() end, { propagation = propagation })
        assert.equal(8, top:level())
      end
      top:transaction(function() assert.equal("transaction", top:resolve("parent").pinned_by) end, { client = "main" })
      top:close()
      problem = Engines.raises("SHUNT_E_USAGE", world.app.session, world.app, { level = 9 })
      assert.is_truthy(problem.message:find("from 0 to 8", 1, true))
      Engines.raises("SHUNT_E_USAGE", session.resolve, session, "parent", { level = 9 })
      problem = Engines.raises("SHUNT_E_RULE", session.resolve, session, "far")
      assert.equal("far above", problem.rule)
    end)
  end)
end

describe("without levels", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  it("everything is at 0", function()
    local world = Engines.open { clients = { main = "pg" }, rules = rules, yaml = "  maxLevel: 0\n" }
    local session = world.session
    session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    session:switch_db_isolate(function()
      assert.equal(0, session:level())
      assert.equal(0, session:resolve("parent").level)
    end)
    assert.equal(0, session:resolve("parent", { level = 3 }).level)
    assert.equal(0, session:resolve("far").level)
    session:transaction(function()
      session:model("parent"):insert { id = 1, name = "Ada" }
      session:transaction(function()
        assert.equal(0, session:level())
        assert.equal(0, session:model("parent"):count())
      end, { propagation = "NOT_SUPPORTED" })
      assert.equal(1, session:model("parent"):count())
    end)
    Engines.raises("SHUNT_E_USAGE", world.app.session, world.app, { level = 1 })
    world:close()
  end)

  it("database.maxLevel is a whole number", function()
    local App = require "tests.spec.support.app"
    for _, wrong in ipairs { "-1", "1001", "many" } do
      local yaml = "database: {defaultClient: main, maxLevel: %s, clients: {main: {engine: sqlite3, connection: {filename: a.db}}}}\n"
      local problem = Engines.raises("SHUNT_E_CONFIG", App.open, { ["shunt.yaml"] = yaml:format(wrong) })
      assert.is_truthy(problem.message:find("database.maxLevel", 1, true))
    end
  end)
end)
