-- Jobs under fire: workers killed at random while they run thousands of jobs, and tenants added and removed meanwhile; the
-- scenario that gives levels their reason; long data on a slow line; and hosts whose clocks are wrong. SHUNT_SEED brings the
-- kills of a run back, as far as two machines are alike.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"
local Leap = require "tests.spec.support.leap"
local Random = require "tests.spec.support.random"
local Workers = require "tests.spec.support.workers"
local watchdog = require "tests.support.watchdog"

local JOBS_IN_ALL = math.tointeger(tonumber(os.getenv "SHUNT_JOBS" or 2000)) -- make nightly runs ten thousand
local PLAIN, EXACT, ORDERED = JOBS_IN_ALL * 2 // 5, JOBS_IN_ALL * 2 // 5, JOBS_IN_ALL // 5
local PROCESSES, TENANTS = 4, 8
local LAST = JOBS_IN_ALL // 10 -- jobs; from there on all tenants are there

-- "plain" writes and is completed in two steps, so that a kill in between leads to a second effect. The others do both in
-- one transaction on the queue's own datasource.
local JOBS = [[
local function write(kind)
  return function(session, n) session:model("effect"):insert { kind = kind, n = n } end
end
job "plain"   { retry = 50, backoff = "1ms", handler = write "plain" }
job "exact"   { retry = 50, backoff = "1ms", transaction = "main", handler = write "exact" }
job "ordered" { retry = 50, backoff = "1ms", transaction = "main", concurrency = 1, handler = write "ordered" }
]]

local effects = {
  sqlite3 = "CREATE TABLE effects (id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, n INTEGER NOT NULL, tenant INTEGER NOT NULL)",
  pg = "CREATE TABLE effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, n integer NOT NULL, tenant integer NOT NULL)",
}

-- "ordered" jobs are of one tenant that stays: their order holds among the jobs that a worker knows.
local function tenant_of(kind, n) return kind == "ordered" and 0 or n % TENANTS + 1 end
local function name_of(tenant) return tenant == 0 and "" or "t" .. tenant end

local function instances_of(tenants)
  local list = { '"": {id: 0}' }
  for _, tenant in ipairs(tenants) do list[#list + 1] = ("t%d: {id: %d}"):format(tenant, tenant) end
  return ("instance: {instances: {%s}}\n"):format(table.concat(list, ", "))
end

local ALL = {}
for tenant = 1, TENANTS do ALL[tenant] = tenant end

for _, engine in ipairs { "sqlite3", "pg" } do
  describe("jobs on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, processes, dog

    setup(function()
      dog = watchdog.start(600)
      world = Engines.open { clients = { main = engine }, max = 8, rules = 'model "effect" { table = "effects", instance_column = "tenant" }\n',
        yaml = "watch: true\njobs: {client: main, lease: 1s}\n" .. instances_of(ALL) }
      App.fill(world.folder, { ["jobs/all.lua"] = JOBS })
      session, processes = world.session, {}
      session:execute("main", effects[engine])
    end)
    teardown(function()
      for _, process in pairs(processes) do process:signal "KILL" end
      for _, process in pairs(processes) do process:wait() end
      world:close()
      dog:stop()
    end)

    local function push_all()
      session:transaction(function()
        for i = 1, math.max(PLAIN, EXACT, ORDERED) do
          for kind, most in pairs { plain = PLAIN, exact = EXACT, ordered = ORDERED } do
            if i <= most then session:push(kind, i, { instance = name_of(tenant_of(kind, i)) }) end
          end
        end
      end)
    end

    local function left()
      return session:query("main", "SELECT count(*) AS n FROM shunt_jobs")[1].n
    end

    --- Workers read it again on their own, and those that start later read this one.
    local function set_tenants(tenants)
      local path = world.folder .. "/shunt.yaml"
      local text = assert(assert(io.open(path)):read "a"):gsub("instance: [^\n]*\n", function() return instances_of(tenants) end)
      App.write(path .. ".new", text)
      assert(os.rename(path .. ".new", path))
    end

    --- Kills one now and then, in the middle of whatever it does, and starts another in its place.
    local function run_under_fire(random)
      local kills = 0
      for i = 1, PROCESSES do processes[i] = Workers.start(world.folder, "--concurrency 2") end
      local before, since = left(), os.time()
      while before > 0 do
        os.execute(("sleep 0.%02d"):format(random:int(5, 60)))
        local i = random:int(1, PROCESSES)
        processes[i]:signal "KILL"
        processes[i]:wait()
        processes[i] = Workers.start(world.folder, "--concurrency 2")
        kills = kills + 1
        if kills % 4 == 0 then set_tenants(before > LAST and random:some(ALL, random:int(1, TENANTS)) or ALL) end
        local now = left()
        if now < before then since = os.time() end
        assert(os.time() - since < 60, ("%d jobs are left, and none was done for a minute"):format(now))
        before = now
      end
      return kills
    end

    --- How often each number of a kind is there, and the numbers in the order in which they were written.
    local function written(kind)
      local counts, order = {}, {}
      for i, row in ipairs(session:query("main", "SELECT n, tenant FROM effects WHERE kind = ? ORDER BY id", { kind })) do
        assert(row.tenant == tenant_of(kind, row.n), ("%s job %d ran under tenant %d"):format(kind, row.n, row.tenant))
        counts[row.n] = (counts[row.n] or 0) + 1
        order[i] = row.n
      end
      return counts, order
    end

    it("take effect at least once, and once in a transaction, in order one at a time, even if workers are killed", function()
      local seed = Random.seed()
      push_all()
      local began = os.time()
      local kills = run_under_fire(Random.new(seed))
      local counts, order = written "plain"
      print(("%s: seed %d, %d jobs, %d workers killed, %d effects of plain jobs repeated, %d s"):format(engine, seed,
        PLAIN + EXACT + ORDERED, kills, #order - PLAIN, os.time() - began))
      for n = 1, PLAIN do assert(counts[n], ("seed %d: plain job %d was lost"):format(seed, n)) end
      counts, order = written "exact"
      for n = 1, EXACT do assert(counts[n] == 1, ("seed %d: exact job %d took effect %d times"):format(seed, n, counts[n] or 0)) end
      assert.equal(EXACT, #order)
      _, order = written "ordered"
      assert.equal(ORDERED, #order)
      for n = 1, ORDERED do assert(order[n] == n, ("seed %d: ordered job %d came at place %d"):format(seed, order[n], n)) end
      assert.equal(0, #session:jobs { state = "dead" })
    end)
  end)
end

-- ---- levels ----

local LEVEL_JOBS = [[
job "raise" {
  retry = 0,
  handler = function(session, id)
    session:model("account"):update { id = id, balance = 100 }
    return session:resolve("account").level
  end,
}
]]

-- Every pool has one connection, and no caller gives up waiting for it in the time that a test may take.
local function open_with_levels(engine, database)
  local world = Engines.open {
    clients = { main = engine }, max = 1, pool = "acquireTimeout: 10m", database = database,
    rules = 'model "account" { table = "accounts" }\n',
  }
  App.fill(world.folder, { ["jobs/all.lua"] = LEVEL_JOBS })
  world.session:execute("main", "CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
  world.session:model("account"):insert_bulk { { id = 1, balance = 1 }, { id = 2, balance = 2 } }
  return world
end

for _, engine in ipairs(Engines.servers) do
  describe("a transaction that waits for a job on its own datasource, on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, dog
    before_each(function() dog = watchdog.start(300) end)
    after_each(function()
      world:close()
      dog:stop()
    end)

    local function wait_in_transaction()
      local session = world.session
      local worker <close> = world.app:worker { concurrency = 1 } -- luacheck: ignore 211
      return session:transaction(function()
        session:model("account"):update { id = 1, balance = 50 }
        return session:push_async("raise", 2)
      end)
    end

    local function balances()
      local list = {}
      for i, row in ipairs(world.session:model("account"):select { order = "id" }) do list[i] = row.balance end
      return list
    end

    it("gets its result, for the job ran one level up", function()
      world = open_with_levels(engine)
      assert.equal(1, wait_in_transaction())
      assert.same({ 50, 100 }, balances())
    end)

    it("fails at once where levels are off, because it would wait for ever", function()
      world = open_with_levels(engine, "maxLevel: 0")
      local problem = Engines.raises("SHUNT_E_CONFLICT", wait_in_transaction)
      assert.truthy(problem.message:find("job 'raise'", 1, true), problem.message)
      -- Whose wait begins last gets the error: the job is dead then, or goes on after the transaction has ended.
      local dead = #world.session:jobs { state = "dead" } == 1
      assert.equal(dead and "not done" or "unknown", problem.outcome)
      assert.same({ 1, dead and 2 or 100 }, balances())
    end)
  end)
end

-- ---- long data, on a slow line ----

describe("a job that brings 8 MB, on a line that needs 8 s for that,", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local SIZE, RATE = 8000000, 1000000 -- a claim may take 5 s
  local relay, world, session, worker

  before_each(function()
    relay = Faults.relay "pg"
    world = Engines.open { clients = { main = "pg" }, tcp = { main = relay.address }, connection = { main = "sslmode: disable" },
      yaml = "jobs: {client: main, lease: 2s}\n" }
    session = world.session
    App.fill(world.folder, { ["jobs/all.lua"] = [[
      job "long"  { retry = 1, backoff = "1ms", priority = -1, handler = function(_, data) return #data end }
      job "short" { retry = 1, backoff = "1ms", priority = -1, timeout = "1s", handler = function(_, data) return #data end }
      job "quick" { handler = function() return "done" end }
    ]] })
  end)
  after_each(function()
    worker:close()
    world:close()
    relay:close()
  end)

  local function push_on_slow_line(name)
    session:push(name, ("x"):rep(SIZE))
    relay:rate(RATE)
    worker = world.app:worker { concurrency = 1 }
  end

  it("is done", function()
    push_on_slow_line "long"
    local id = session:push "quick"
    Workers.eventually("both are done", function() return #session:jobs { id = id } == 0 end)
    assert.same({ 2, 0 }, { worker:status().completed, worker:status().failed })
    assert.is_nil(worker:status().problem)
  end)

  it("is dead with its reason if its timeout does not allow that, and the job behind it runs", function()
    push_on_slow_line "short"
    local id = session:push "quick"
    Workers.eventually("the other one is done", function() return #session:jobs { id = id } == 0 end)
    Workers.eventually("it is dead", function() return worker:status().failed == 2 end)
    relay:rate(0)
    local dead = session:jobs { state = "dead" }
    assert.same({ 1, "short", 2 }, { #dead, dead[1].name, dead[1].attempts })
    assert.truthy(dead[1].error:find("^SHUNT_E_TIMEOUT: "), dead[1].error)
  end)
end)

-- ---- clocks of hosts ----

describe("schedules of hosts whose clocks are an hour or a day off", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, clock

  before_each(function()
    clock = Leap.new()
    world = Engines.open { clients = { main = "pg" }, yaml = "jobs: {client: main}\n" }
    App.fill(world.folder, { ["jobs/all.lua"] = 'job "each minute" { schedule = "* * * * *", handler = print }' })
  end)
  after_each(function()
    world:close()
    clock:close()
  end)

  it("are pushed once for each minute of the server", function()
    local seen = {}
    for _, off in ipairs { 86400, 0, -86400, 3600, -3600, 0 } do
      local from = os.time()
      local pipe = assert(io.popen(("%s %s run tests/spec/support/ticks.lua '%s' '%s' %d 2>&1")
        :format(clock.environment, Leap.binary, world.folder, clock.path, off)))
      local output = pipe:read "a"
      assert.truthy(pipe:close(), output)
      local step = shunt.json_decode(output)
      assert.truthy(math.abs(step.time - off - from) < 60, "the host's clock is not off")
      assert.truthy(step.now >= from // 60 * 60 and step.now <= os.time())
      seen[step.now] = true
    end
    local pushed = 0
    for _, row in ipairs(world.session:jobs()) do
      local minute = shunt.json_decode(row.data).minute
      assert.truthy(seen[minute], ("%d was pushed, and was no minute of the server then"):format(minute))
      seen[minute] = nil
      pushed = pushed + 1
    end
    assert.truthy(pushed > 0)
    assert.is_nil(next(seen), "a minute was not pushed")
  end)
end)
