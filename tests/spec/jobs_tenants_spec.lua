-- Jobs and tenants: unique keys, filters, schedules, and jobs that a worker's process can't run yet.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Jobs = require "tests.spec.support.jobs"
local Random = require "tests.spec.support.random"
local Workers = require "tests.spec.support.workers"

local function config(tenants, more)
  local lines = {}
  for i, name in ipairs(tenants) do lines[i] = ("    %s: {id: %d}\n"):format(name, 10 + i) end
  return [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}},
  other: {engine: sqlite3, connection: {filename: other.db}}, iso: {engine: sqlite3, connection: {filename: iso.db}}}}
instance:
  instances:
    "": {id: 1}
]] .. table.concat(lines) .. (more or "")
end

local JOBS = [[
job "report" { retry = 0, handler = function() end }
job "who" { retry = 0, handler = function(session, data, job)
  local row = { instance = job.instance, current = session:resolve("note").client, plan = session:resolve("plan").client }
  session:model("note"):insert { body = job.instance .. ":" .. tostring(data) }
  return row
end }
job "new model" { retry = 0, handler = function(session) session:model("later"):count() end }
]]

local EACH = [[
job "each" {
  schedule = "* * * * *", instances = { "t*", "other" },
  handler = function(session, data) session:model("note"):insert { body = tostring(data.minute) } end,
}
]]

describe("jobs and tenants:", function()
  local at, app, folder, session

  local function open(tenants, more, jobs)
    at = Jobs.open(jobs or JOBS, config(tenants or { "t1", "t2", "t3" }, more))
    app, folder, session = at.app, at.folder, at.session
  end
  after_each(function() at:close() end)

  local function of(name, opts)
    opts = opts or {}
    opts.instance = name
    return app:session(opts)
  end

  it("a unique key is compared as its scope says, on random pushes", function()
    open()
    local random = Random.new(Random.seed())
    local ids, waiting = {}, {}
    for i = 1, 300 do
      local name, instance = random:of { "report", "who" }, random:of { "t1", "t2", "t3", "" }
      local queue, key, scope = random:of { "default", "q" }, random:of { "k", "l" }, random:of { "job", "queue" }
      local model = scope == "queue" and table.concat({ scope, queue, key }, "|")
        or table.concat({ scope, queue, key, name, instance }, "|")
      local s <close> = of(random:of { instance, "t1" })
      local id = s:push(name, i, { instance = instance, queue = queue, unique = key, unique_scope = scope })
      assert.equal(waiting[model] or id, id, ("push %d: %s"):format(i, model))
      assert(waiting[model] or not ids[id], ("push %d: %s has the job of another key"):format(i, model))
      waiting[model], ids[id] = id, true
    end
    for _, row in ipairs(session:jobs {}) do assert.truthy(ids[row.id]) end
  end)

  it("push_async does not return the result of another job or tenant", function()
    open()
    local t1 <close> = of "t1"
    local t2 <close> = of "t2"
    local id = t1:push("who", 1, { unique = "daily", unique_scope = "queue" })
    assert.equal(id, t2:push("report", 1, { unique = "daily", unique_scope = "queue" }))
    local problem = App.raises("SHUNT_E_CONFLICT", t2.push_async, t2, "who", 2, { unique = "daily", unique_scope = "queue", timeout = "5s" })
    assert.truthy(problem.message:find("its result is not for this caller", 1, true), problem.message)
    App.raises("SHUNT_E_CONFLICT", t1.push_async, t1, "report", 2, { unique = "daily", unique_scope = "queue", timeout = "5s" })
    App.raises("SHUNT_E_USAGE", t1.push, t1, "report", 2, { unique = "daily", unique_scope = "world" })
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    assert.equal("t2", t2:push_async("who", 2, { unique = "daily", timeout = "10s" }).instance)
  end)

  it("a job for another instance takes no attributes and no datasource along", function()
    open()
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    local t1 <close> = of("t1", { attrs = { plan = "pro" } })
    t1:switch_db("other", function()
      assert.same({ instance = "t1", current = "other", plan = "other" }, t1:push_async("who", 1, { timeout = "10s" }))
      assert.same({ instance = "t1", current = "other", plan = "other" }, t1:push_async("who", 1, { timeout = "10s", instance = "t1" }))
      assert.same({ instance = "t2", current = "main", plan = "main" }, t1:push_async("who", 1, { timeout = "10s", instance = "t2" }))
    end)
    App.raises("SHUNT_E_NOT_FOUND", t1.push, t1, "who", 1, { instance = "t22" })
    assert.same({ { iid = 12 } }, (session:query("main", "SELECT iid FROM notes")))
  end)

  it("list, retry and purge select by instance", function()
    open()
    local ids = {}
    for _, name in ipairs { "t1", "t2", "" } do ids[name] = session:push("new model", nil, { instance = name }) end
    assert.equal(3, at:drain().failed)
    local rows = session:jobs { instance = "t1" }
    assert.same({ 1, "t1", "dead", ids.t1 }, { #rows, rows[1].instance, rows[1].state, rows[1].id })
    assert.equal(1, #session:jobs { instance = "" })
    assert.equal("t2", session:jobs { id = ids.t2 }[1].instance)
    assert.equal(1, session:jobs_retry { instance = "t2" })
    assert.equal(0, session:jobs_purge { instance = "t2" })
    App.raises("SHUNT_E_USAGE", session.jobs_purge, session, { state = "ready" })
    assert.equal(1, session:jobs_purge { instance = "t2", state = "ready" })
    assert.equal(1, session:jobs_purge { instance = "t1", older = "0s" })
    assert.same({ ids[""] }, { session:jobs {}[1].id, session:jobs {}[2] })
  end)

  it("a schedule pushes once for each instance that it names, however many workers there are", function()
    open({ "t1", "t2", "x1", "other" }, nil, EACH)
    local workers = { app:worker {}, app:worker {}, app:worker {} }
    Workers.eventually("all ran", function()
      return session:query("main", "SELECT count(DISTINCT iid) AS n FROM notes")[1].n == 3
    end)
    for _, worker in ipairs(workers) do worker:close() end
    local rows = session:query("main", "SELECT iid, body, count(*) AS n FROM notes GROUP BY iid, body")
    local allowed = { [11] = true, [12] = true, [14] = true }
    for _, row in ipairs(rows) do
      assert.truthy(allowed[row.iid], tostring(row.iid))
      assert.equal(1, row.n)
    end
  end)

  it("instances belong to a schedule", function()
    open()
    App.write(folder .. "/jobs/all.lua", [[
job "a" { handler = print, instances = "*" }
job "b" { handler = print, schedule = "@daily", instances = 7 }
job "c" { handler = print, schedule = "@daily", instances = {} }
]])
    local other <close> = shunt.open(folder .. "/shunt.yaml")
    local problem = App.raises("SHUNT_E_CONFIG", other.worker, other)
    local got = {}
    for i, one in ipairs(problem.problems) do got[i] = one.message end
    table.sort(got)
    assert.truthy(got[1]:find("job 'a': instances says for whom a schedule pushes it", 1, true), got[1])
    assert.truthy(got[2]:find("job 'b': instances must be a name, a pattern", 1, true), got[2])
    assert.truthy(got[3]:find("job 'c': instances must be", 1, true), got[3])
  end)

  describe("a job that this process can't run", function()
    local function write_config(tenants) App.write(folder .. "/shunt.yaml", config(tenants)) end

    it("because the tenant is unknown waits for a reload, and costs no attempt", function()
      open({ "t1" })
      local events = {}
      app:on("job.released", function(event) events[#events + 1] = event end)
      write_config { "t1", "t9" }
      local other <close> = shunt.open(folder .. "/shunt.yaml")
      local pushing <close> = other:session { instance = "t9" }
      for i = 1, 5 do pushing:push("who", i) end
      session:push("who", 6, { instance = "t1" })
      local worker <close> = app:worker { concurrency = 2 }
      Workers.eventually("the other one's job is done", function() return worker:status().completed == 1 end)
      Workers.eventually("it is released", function() return worker:status().released > 0 end)
      app:poll()
      assert.same({ "t9", "who" }, { events[1].instance, events[1].job })
      assert.truthy(events[1].text:find("there is no instance 't9'", 1, true), events[1].text)
      local rows = session:jobs { state = "ready", instance = "t9" }
      assert.same({ 5, 0 }, { #rows, rows[5].attempts })
      assert.truthy(rows[5].error:find("t9", 1, true))
      app:reload()
      Workers.eventually("all are done", function() return worker:status().completed == 6 end)
      assert.same({ 0, 0 }, { worker:status().failed, #session:jobs {} })
    end)

    it("because the tenant is unknown is done by another worker", function()
      open({ "t1" })
      local ignorant <close> = app:worker { concurrency = 2 }
      write_config { "t1", "t9" }
      local other <close> = shunt.open(folder .. "/shunt.yaml")
      local pushing <close> = other:session { instance = "t9" }
      local worker <close> = other:worker { concurrency = 1 }
      for i = 1, 50 do pushing:push("who", i) end
      Workers.eventually("all are done", function() return worker:status().completed == 50 end)
      assert.equal(0, ignorant:status().failed + worker:status().failed)
      assert(ignorant:status().released <= 3)
    end)

    it("because the model is unknown waits for a reload; it fails if the pushing process did not know it either", function()
      open({ "t1" })
      session:push "new model"
      assert.equal(1, at:drain().failed)
      local rules = assert(io.open(folder .. "/rules/models.lua")):read "a"
      App.write(folder .. "/rules/models.lua", rules .. '\nmodel "later" { table = "notes" }\n')
      local other <close> = shunt.open(folder .. "/shunt.yaml")
      local pushing <close> = other:session {}
      pushing:push "new model"
      local worker <close> = app:worker { concurrency = 1 }
      Workers.eventually("it is released", function() return worker:status().released == 1 end)
      app:reload()
      Workers.eventually("it is done", function() return worker:status().completed == 1 end)
      assert.equal(0, worker:status().failed)
    end)
  end)

  describe("the command", function()
    local function command(arguments)
      local pipe = assert(io.popen(("%s %s -c %s/shunt.yaml 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", arguments, folder)))
      local text = pipe:read "a"
      return text, select(3, pipe:close())
    end

    it("pushes, shows and selects by instance", function()
      open()
      local text, status = command [[jobs push who '{"a": 1}' --instance t2 --unique k --json]]
      assert.equal(0, status, text)
      local id = shunt.json_decode(text).id
      assert.same({ id = id, pushed = true }, shunt.json_decode(text))
      assert.same({ ("job %d with this key was there already; nothing was pushed\n"):format(id), 0 },
        { command "jobs push who --instance t2 --unique k" })
      assert.same({ id = id, pushed = false }, shunt.json_decode((command "jobs push who --instance t2 --unique k --json")))
      text = command(("jobs show %d"):format(id))
      assert.truthy(text:find "instance +t2\n" and text:find 'data +{"a":1}\n' and text:find "unique_scope +job\n", text)
      assert.equal("t2", shunt.json_decode((command(("jobs show %d --json"):format(id)))).instance)
      assert.truthy(command("jobs list --instance t2"):find("who", 1, true))
      assert.same({ "no jobs\n", 0 }, { command "jobs list --instance t1" })
      assert.same({ "0 jobs ready again\n", 0 }, { command "jobs retry --instance t2" })
      assert.same({ "1 job deleted\n", 0 }, { command "jobs purge --instance t2 --state ready --older 0s" })
      for _, wrong in ipairs {
        "push", "push nowhere", "push who '{'", "push who --instance t22", "show", "show 77", "show x", "show 1 --queue q", "list --delay 1s",
        "purge --state running", "retry 1 2",
      } do
        text, status = command("jobs " .. wrong)
        assert.equal(2, status, wrong .. ": " .. text)
      end
    end)

    it("worker logs each job, as text or as JSON, and what it left to others", function()
      open()
      session:push("who", 1, { instance = "t1" })
      App.write(folder .. "/jobs/more.lua", 'job "breaks" { retry = 1, backoff = "1h",\n  handler = function()\n    error "no"\n  end }\n'
        .. 'job "dies" { retry = 0, handler = function() error "no" end }')
      command "jobs push breaks --instance t2"
      local function run()
        local kinds, by_kind = {}, {}
        for line in command "worker --once --concurrency 1 --json":gmatch "[^\n]+" do
          local event = shunt.json_decode(line)
          kinds[#kinds + 1], by_kind[event.kind] = event.kind, event
        end
        return kinds, by_kind
      end
      local kinds, events = run()
      assert.same({ "job.started", "job.done", "job.started", "job.failed", "worker.ended" }, kinds)
      local done, failed, ended = events["job.done"], events["job.failed"], events["worker.ended"]
      assert.same({ "who", "t1", "integer" }, { done.job, done.instance, math.type(done.duration_ms) })
      assert.same({ "breaks", "t2", 1, 3 }, { failed.job, failed.instance, failed.attempt, failed.line })
      assert.truthy(failed.file:find "jobs/more%.lua$")
      assert.same({ 1, 1, 0 }, { ended.completed, ended.failed, ended.released })
      command "jobs push dies"
      assert.same({ "job.started", "job.dead", "worker.ended" }, (run()))
      command "jobs push who --instance t3"
      App.write(folder .. "/shunt.yaml", config { "t1" })
      local text = command "worker --once --concurrency 1"
      assert.truthy(text:find("who' (4, instance 't3'): left to other workers, or until a reload: there is no instance 't3'", 1, true), text)
      assert.truthy(text:find("0 jobs done, 0 failed, 1 left to others\n", 1, true), text)
    end)
  end)

  it("jobs that are done stay for jobs.keep", function()
    open(nil, "jobs: {keep: 1h}\n")
    local id = session:push("who", 1, { instance = "t1" })
    at:drain()
    local row = session:jobs { id = id }[1]
    assert.same({ "done", "t1", 1 }, { row.state, row.instance, row.attempts })
    assert(row.started_at >= row.created_at and row.finished_at >= row.started_at)
    assert.truthy(row.result:find("t1", 1, true))
    at:close()
    open(nil, "jobs: {keep: 1s}\n")
    session:push("who", 1)
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    Workers.eventually("it is kept", function() return #session:jobs { state = "done" } == 1 end)
    worker:close()
    os.execute "sleep 1.1"
    local later <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    Workers.eventually("it is deleted", function() return #session:jobs {} == 0 end)
  end)
end)
