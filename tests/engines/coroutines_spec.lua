-- Coroutines that share a session, or have one each, and yield, fail, are closed, killed or forgotten at random places: a
-- transaction commits where its function returned, and leaves nothing otherwise, also where it joined one of another
-- coroutine that has ended before it; a session whose transaction belongs to another coroutine says so; and no connection
-- stays busy.

local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local seed = Random.seed()
local PROGRAMS, COROUTINES, STEPS = 60, 4, 40

local rules = [[ model "parent" { table = "parents" } ]]

local last_id = 0
local function new_id()
  last_id = last_id + 1
  return last_id
end

-- ---- programs ----

-- A world of one program: kept are the ids that must be there in the end.
local function new_task(random, program)
  local task = { open = 0 }
  local function insert(session, list)
    local id = new_id()
    session:model("parent"):insert { id = id }
    list[#list + 1] = id
  end
  -- A coroutine that joins the transaction of the one that made it, and is suspended in it: neither can commit.
  local function help(session, nested)
    local helper = coroutine.create(function()
      pcall(session.transaction, session, function()
        for _ = 1, 3 do
          pcall(insert, session, {})
          coroutine.yield()
        end
      end, { propagation = nested and "NESTED" or "REQUIRED", isolation = program.isolation })
    end)
    coroutine.resume(helper)
    program.helpers[#program.helpers + 1] = helper
  end
  local function block(session, depth, list)
    for _ = 1, random:int(1, 3) do
      if random:chance(5) then help(session, random:chance(50)) end
      insert(session, list)
      if random:chance(40) then coroutine.yield() end
      if depth < 3 and random:chance(30) then
        local inner, nested = {}, random:chance(50)
        local ok = pcall(session.transaction, session, function()
          block(session, depth + 1, inner)
          if random:chance(30) then error("fails", 0) end
        end, { propagation = nested and "NESTED" or "REQUIRED", isolation = program.isolation })
        if ok then table.move(inner, 1, #inner, #list + 1, list) elseif not nested then error("doomed", 0) end
      end
      if random:chance(10) then error("fails", 0) end
      if random:chance(10) then
        for _ in session:model("parent"):each() do
          if random:chance(50) then coroutine.yield() end
          if random:chance(20) then error("fails in a loop", 0) end
          if random:chance(50) then break end
        end
      end
    end
  end
  task.co = coroutine.create(function()
    local session = program.shared or program.app:session()
    task.session = session
    for _ = 1, random:int(1, 3) do
      local list = {}
      local run = random:chance(70) and pcall or function(fn, ...) return true, fn(...) end
      task.open = 1
      local ok = run(session.transaction, session, function() block(session, 1, list) end, { isolation = program.isolation })
      task.open = 0
      if ok then for _, id in ipairs(list) do program.kept[id] = true end end
    end
  end)
  return task
end

local function is_other(problem) return type(problem) == "table" and problem.code == "SHUNT_E_USAGE" end

-- Whether another task has a transaction open on the shared session and is alive.
local function has_holder(program, task)
  for _, other in ipairs(program.tasks) do
    if other ~= task and other.open == 1 and coroutine.status(other.co) == "suspended" then return true end
  end
end

local function kill(co)
  debug.sethook(co, function() error("killed", 0) end, "", 1)
  coroutine.resume(co)
  debug.sethook(co)
end

local function resume_helper(random, program)
  local index = random:int(1, #program.helpers)
  local helper = program.helpers[index]
  local way = random:int(1, 4)
  if way == 1 then
    coroutine.close(helper)
  elseif way == 2 then
    kill(helper)
  else
    coroutine.resume(helper)
  end
  if coroutine.status(helper) == "dead" then table.remove(program.helpers, index) end
end

local function step(random, program)
  if #program.helpers > 0 and random:chance(30) then return resume_helper(random, program) end
  local index = random:int(1, #program.tasks)
  local task = program.tasks[index]
  if not task then return end
  local way = random:int(1, 20)
  if way == 1 then
    coroutine.close(task.co)
    table.remove(program.tasks, index)
  elseif way == 2 then
    kill(task.co)
    if random:chance(50) then table.remove(program.tasks, index) end
  elseif way == 3 then
    table.remove(program.tasks, index) -- forgotten
    task = nil -- luacheck: ignore
    collectgarbage()
    collectgarbage()
  else
    local held = program.shared and has_holder(program, task)
    local ok, problem = coroutine.resume(task.co)
    if not ok then
      table.remove(program.tasks, index)
      if held then assert(is_other(problem) or type(problem) == "string" or #program.helpers > 0, tostring(problem)) end
    end
  end
end

local function run(random, program)
  for _ = 1, COROUTINES do program.tasks[#program.tasks + 1] = new_task(random, program) end
  for _ = 1, STEPS do
    if #program.tasks == 0 then break end
    step(random, program)
  end
  for _, task in ipairs(program.tasks) do
    while coroutine.status(task.co) == "suspended" and not (program.shared and has_holder(program, task)) do
      coroutine.resume(task.co)
    end
  end
  for _, task in ipairs(program.tasks) do coroutine.close(task.co) end
  while #program.helpers > 0 do resume_helper(random, program) end
end

--- Four sessions, each with a transaction of a coroutine that is suspended in it and forgotten.
local function abandon_four(app)
  for i = 1, 4 do
    local session = app:session { timeout = "20s" }
    local co = coroutine.create(function()
      session:transaction(function()
        session:model("parent"):insert { id = i }
        coroutine.yield()
      end)
    end)
    assert(coroutine.resume(co))
  end
end

for _, engine in ipairs(Engines.all) do
  describe("coroutines on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world

    setup(function()
      -- SQLite has one writer, so that two open transactions would wait for each other
      world = Engines.open { clients = { main = engine }, rules = rules, max = COROUTINES + 2 }
      world.session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    end)
    teardown(function() world:close() end)

    for number = 1, PROGRAMS do
      local shared = number % 2 == 0 or engine == "sqlite3"
      it(("keep what returned, and nothing else: %s, program %d of SHUNT_SEED=%d"):format(shared and "one session" or "a session each",
        number, seed), function()
        local random = Random.new(seed * 100 + number)
        world.session:execute("main", "DELETE FROM parents")
        local session <close> = world.app:session()
        local program = { app = world.app, shared = shared and session or nil, kept = {}, tasks = {}, helpers = {},
          -- under repeatable read, MySQL's own server keeps gap locks on rows that a savepoint rolled back
          isolation = engine == "mysql" and Engines.mysql_kind() == "mysql" and "read committed" or nil }
        run(random, program)
        session:query("main", "SELECT 1") -- whatever was left is ended
        local there = {}
        for _, row in ipairs(world.session:query("main", "SELECT id FROM parents")) do there[row.id] = true end
        assert.same(program.kept, there)
        program.tasks = {}
        collectgarbage()
        for _, pool in ipairs(world.app:pools()) do assert.equal(0, pool.busy, pool.client) end
      end)
    end

    describe("one after the other,", function()
      local narrow, app

      before_each(function()
        narrow = Engines.open { clients = { main = engine }, rules = rules, max = 1 }
        app = narrow.app
        narrow.session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
      end)
      after_each(function() narrow:close() end)

      it("end what one of them left by an error, before anything else runs", function()
        local session <close> = app:session()
        local co = coroutine.create(function()
          session:transaction(function()
            session:model("parent"):insert { id = 1 }
            error "no"
          end)
        end)
        assert.is_false(coroutine.resume(co))
        assert.equal("committed", session:transaction(function()
          session:model("parent"):insert { id = 2 }
          return "committed"
        end))
        session:close()
        assert.equal(1, narrow.session:model("parent"):count())
      end)

      it("free the connection of a session that died with its coroutine, also in a loop over rows", function()
        narrow.session:execute("main", "INSERT INTO parents VALUES (1), (2)")
        local dead = {}
        for i = 1, 3 do
          dead[i] = coroutine.create(function()
            local session = app:session()
            for _ in session:model("parent"):each() do error "no" end
          end)
          assert.is_false(coroutine.resume(dead[i]))
        end
        assert.equal(2, narrow.session:model("parent"):count())
      end)

      it("free the connection of one that was abandoned in a transaction, before another session waits for it", function()
        abandon_four(app)
        assert.equal(0, narrow.session:model("parent"):count())
      end)

      it("free a SQLite file's lock likewise", function()
        local wide = Engines.open { clients = { main = engine }, rules = rules, max = 8 }
        wide.session:execute("main", "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        abandon_four(wide.app)
        collectgarbage()
        assert.equal(0, wide.session:model("parent"):count())
        wide:close()
      end)

      it("do not join each other's transactions", function()
        local session <close> = app:session()
        local co = coroutine.create(function()
          session:transaction(function()
            session:model("parent"):insert { id = 1 }
            coroutine.yield()
          end)
        end)
        assert(coroutine.resume(co))
        for _, use in ipairs {
          function() session:transaction(function() end) end, function() session:model("parent"):count() end,
          function() session:query("main", "SELECT 1") end,
        } do
          local problem = Engines.raises("SHUNT_E_USAGE", use)
          assert.is_truthy(problem.message:find("another coroutine", 1, true), problem.message)
        end
        assert(coroutine.resume(co))
        assert.equal(1, session:model("parent"):count())
      end)

      it("do nothing more in a transaction whose outer one has ended", function()
        local session <close> = app:session()
        local problems, co = {}, nil
        Engines.raises("SHUNT_E_USAGE", function()
          session:transaction(function()
            co = coroutine.create(function()
              session:transaction(function()
                session:model("parent"):insert { id = 1 }
                coroutine.yield()
                for _, use in ipairs {
                  function() session:model("parent"):insert { id = 2 } end,
                  function() session:execute("main", "INSERT INTO parents VALUES (3)") end,
                  function() session:transaction(function() session:model("parent"):insert { id = 4 } end) end,
                } do
                  problems[#problems + 1] = Engines.raises("SHUNT_E_TRANSACTION", use)
                end
              end)
            end)
            assert(coroutine.resume(co))
          end)
        end)
        local ok, problem = coroutine.resume(co)
        assert.is_false(ok)
        assert.equal("SHUNT_E_TRANSACTION", problem.code)
        assert.equal(3, #problems)
        assert.equal(0, session:model("parent"):count())
      end)

      it("may read in the transaction of the one that resumed them", function()
        local session <close> = app:session()
        session:transaction(function()
          session:model("parent"):insert { id = 1 }
          local each = coroutine.wrap(function()
            for _, row in ipairs(session:model("parent"):select {}) do coroutine.yield(row.id) end
          end)
          assert.equal(1, each())
        end)
      end)
    end)
  end)
end
