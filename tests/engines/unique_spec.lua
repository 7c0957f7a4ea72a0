-- Unique pushes from several transactions of one thread: none waits for a transaction that could not end meanwhile.
-- Each session has a coroutine of its own, so that their transactions are open at the same time.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local watchdog = require "tests.support.watchdog"

local ROUNDS, STEPS, ACTORS = 10, 60, 3
local KEYS = { "a", "b", "c", "d" }
local LONGEST_S = 4 -- of a step on a busy machine; a push that waits takes 5 s

for _, engine in ipairs { "sqlite3", "pg" } do
  describe("unique pushes of one thread on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, dog
    setup(function()
      dog = watchdog.start(300)
      world = Engines.open { clients = { main = engine }, max = 8, yaml = "jobs: {client: main}\n" }
      App.fill(world.folder, { ["jobs/all.lua"] = 'job "j" { retry = 0, handler = function() error "no" end }\n' })
      session = world.session
      session:push "j" -- the tables are there
    end)
    teardown(function()
      world:close()
      dog:stop()
    end)

    --- Takes commands: nested ones in a transaction or a savepoint, until they say how that ends.
    local function actor()
      local s = world.app:session { timeout = engine == "sqlite3" and "100ms" or nil }
      local function obey(depth)
        local result
        while true do
          local command = coroutine.yield(result)
          if command.kind == "end" then
            if command.fails then error("rolled back", 0) end
            return
          elseif command.kind == "begin" then
            pcall(s.transaction, s, function() return obey(depth + 1) end, { client = "main", propagation = depth > 0 and "NESTED" or nil })
            result = nil
          else
            result = table.pack(pcall(s.push, s, "j", nil, { unique = command.key }))
          end
        end
      end
      local thread = coroutine.create(function() return obey(0) end)
      assert(coroutine.resume(thread))
      local function tell(command)
        local ok, result = coroutine.resume(thread, command)
        assert(ok, result)
        return result
      end
      return { depth = 0, tell = tell, close = function() s:close() end }
    end

    --- What a push must give: the id of that key, "new", or the code of an error.
    local function expected(model, me, key, others_open)
      local held = model.held[key]
      if model.ids[key] and not held then return engine == "sqlite3" and others_open and "any" or model.ids[key] end
      if held and held.by == me then return held.id end
      if held then return "SHUNT_E_CONFLICT" end
      return engine == "sqlite3" and others_open and "busy" or "new"
    end

    local function push(model, me, key, others_open)
      local want = expected(model, me, key, others_open)
      local result = me.tell { kind = "push", key = key }
      local ok, got = result[1], result[2]
      if want == "any" then return end
      if want == "busy" then
        assert(not ok and got.code ~= "SHUNT_E_CONFLICT", tostring(got))
      elseif type(want) == "string" and want ~= "new" then
        assert(not ok and got.code == want, ("%s instead of %s"):format(tostring(got), want))
      else
        assert(ok, tostring(got))
        if want == "new" then
          for _, id in pairs(model.ids) do assert(id ~= got) end
          if me.depth > 0 then
            model.held[key] = { by = me, depth = me.depth, id = got }
          else
            model.ids[key] = got
          end
        else
          assert.equal(want, got)
        end
      end
    end

    local function finish(model, me, fails)
      me.tell { kind = "end", fails = fails }
      for key, held in pairs(model.held) do
        if held.by == me and held.depth == me.depth then
          if fails or me.depth == 1 then model.held[key] = nil end
          if not fails and me.depth == 1 then model.ids[key] = held.id end
          if not fails then held.depth = me.depth - 1 end
        end
      end
      me.depth = me.depth - 1
    end

    local function step(random, model, actors)
      local me, key, action = random:of(actors), random:of(KEYS), random:int(1, 10)
      local others_open = false
      for _, other in ipairs(actors) do others_open = others_open or (other ~= me and other.depth > 0) end
      if action <= 2 and me.depth < 2 and not (engine == "sqlite3" and others_open) then
        me.tell { kind = "begin" }
        me.depth = me.depth + 1
      elseif action <= 4 and me.depth > 0 then
        finish(model, me, random:chance(50))
      else
        push(model, me, key, others_open)
      end
    end

    it("give the id of the key, or SHUNT_E_CONFLICT at once", function()
      local seed = Random.seed()
      print("SHUNT_SEED=" .. seed)
      local random = Random.new(seed)
      for _ = 1, ROUNDS do
        local model, actors = { ids = {}, held = {} }, {}
        session:jobs_purge { instance = "", state = "ready" }
        for i = 1, ACTORS do actors[i] = actor() end
        for _ = 1, STEPS do
          local since = os.time()
          step(random, model, actors)
          assert(os.time() - since <= LONGEST_S, "a step has waited")
        end
        for _, one in ipairs(actors) do
          while one.depth > 0 do finish(model, one, false) end
        end
        local ids = {}
        for _, row in ipairs(session:jobs { state = "ready" }) do ids[row.unique_key] = row.id end
        assert.same(model.ids, ids)
        for _, one in ipairs(actors) do one.close() end
      end
    end)

    it("say which session holds the key, and leave its own transaction alone", function()
      session:jobs_purge { instance = "", state = "ready" }
      local other <close> = world.app:session {}
      session:transaction(function()
        local id = session:push("j", nil, { unique = "k" })
        local problem = App.raises("SHUNT_E_CONFLICT", other.push, other, "j", nil, { unique = "k" })
        assert.truthy(problem.message:find("session %d+ has pushed the unique key 'k' in a transaction that is still open in this thread"),
          problem.message)
        assert.equal("main", problem.client)
        assert.equal(id, session:push("j", nil, { unique = "k" }))
      end, { client = "main" })
      assert.equal(1, #session:jobs { state = "ready" })
    end)

    it("are not waited for by retry and purge", function()
      session:jobs_purge { instance = "", state = "ready" }
      session:push "j"
      local worker = world.app:worker { drain = true, concurrency = 1 }
      repeat local status = worker:status() until status.threads == 0
      worker:close()
      local other <close> = world.app:session { timeout = engine == "sqlite3" and "100ms" or nil }
      local since = os.time()
      session:transaction(function()
        assert.equal(1, session:jobs_purge { state = "dead" })
        local ok, n = pcall(other.jobs_retry, other)
        assert(engine == "sqlite3" and not ok or n == 0, tostring(n))
        ok, n = pcall(other.jobs_purge, other, { state = "dead" })
        assert(engine == "sqlite3" and not ok or n == 0, tostring(n))
      end, { client = "main" })
      assert(os.time() - since <= LONGEST_S)
    end)
  end)
end
