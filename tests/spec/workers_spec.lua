-- Workers: which jobs they take, and when; how they end; schedules; workers in other processes, and the commands.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Jobs = require "tests.spec.support.jobs"
local Workers = require "tests.spec.support.workers"

describe("workers", function()
  local at, app, folder, session

  local function open(jobs, config)
    at = Jobs.open(jobs, config)
    app, folder, session = at.app, at.folder, at.session
  end
  local function reopen(jobs, config)
    at:close()
    open(jobs, config)
  end

  before_each(function() open() end)
  after_each(function() at:close() end)

  describe("a worker", function()
    it("takes the jobs of its queues alone", function()
      session:push("note", "mine", { queue = "q" })
      session:push("note", "not mine")
      local status = at:drain { queues = "q" }
      assert.same({ 1, 0 }, { status.completed, status.failed })
      assert.same({ "mine" }, at:bodies "main")
      at:drain()
      assert.same({ "mine", "not mine" }, at:bodies "main")
    end)

    it("takes lower priorities first, and those of one in the order they came in", function()
      for i, priority in ipairs { 0, 5, -5, 0, -5 } do session:push("note", tostring(i), { priority = priority }) end
      session:push("note", "later", { delay = "1h" })
      at:drain { concurrency = 1 }
      assert.same({ "3", "5", "1", "4", "2" }, at:bodies "main")
      assert.equal(1, #session:jobs { state = "ready" })
    end)

    it("that drains goes on while jobs push others", function()
      session:push("chain", 20)
      local status = at:drain { concurrency = 2 }
      assert.same({ 21, 0, 0 }, { status.completed, status.failed, status.running })
    end)

    it("stops in time: a job that runs longer is broken off, and goes back to its queue", function()
      local worker = app:worker { concurrency = 1 }
      session:push("blocks", { file = folder .. "/go" })
      Workers.eventually("it runs", function() return #at:bodies "main" == 1 end)
      assert.is_false(worker:stop "10ms")
      worker:close()
      App.raises("SHUNT_E_USAGE", worker.status, worker)
      local jobs = session:jobs {}
      assert.same({ 1, "ready" }, { #jobs, jobs[1].state })
      App.write(folder .. "/go", "")
      at:drain()
      assert.same({ "started", "started", "ended" }, at:bodies "main")
    end)

    it("lets no job wait for another one that no worker will run", function()
      local worker = app:worker { concurrency = 1 }
      session:push("nested", { a = 1, b = 2 })
      Workers.eventually("it waits", function() return #session:jobs() == 2 end)
      assert.is_false(worker:stop "10ms")
      worker:close()
      assert.same({ 0, 0, 2 }, { #session:jobs { state = "dead" }, #session:jobs { state = "running" }, #session:jobs { state = "ready" } })
    end)

    it("that is stopped lets what runs end, and takes nothing more", function()
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      session:push("blocks", { file = folder .. "/go" })
      session:push("note", "later")
      Workers.eventually("it runs", function() return #at:bodies "main" == 1 end)
      App.write(folder .. "/go", "")
      assert.is_true(worker:stop())
      assert.same({ "started", "ended" }, at:bodies "main")
      assert.equal(1, #session:jobs { state = "ready" })
      assert.equal(0, worker:status().threads)
    end)

    it("is ended with its application", function()
      app:worker {}
      session:push("note", "x")
    end)

    it("says what is wrong with its options", function()
      for _, opts in ipairs { { concurrency = 0 }, { concurrency = 1e6 }, { queues = 7 }, { lease = 5 }, { threads = 2 }, { drain = 1 } } do
        App.raises("SHUNT_E_USAGE", app.worker, app, opts)
      end
    end)
  end)

  it("that are dead can be tried again, and old ones deleted", function()
    reopen [[
      local n = 0
      job "second try" { retry = 0, handler = function() n = n + 1; if not io.open(os.getenv "PWD" .. "/none") and n < 2 then error "no" end end }
    ]]
    local id = session:push "second try"
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    Workers.eventually("it is dead", function() return #session:jobs { state = "dead" } == 1 end)
    assert.equal("not done", App.raises("SHUNT_E_NOT_FOUND", session.jobs_retry, session, { id = id + 1 }).outcome)
    assert.equal(1, session:jobs_retry { id = id })
    Workers.eventually("it is done", function() return #session:jobs {} == 0 end)
    assert.equal(0, session:jobs_retry())
    assert.equal(0, session:jobs_purge { state = "dead", older = "1h" })
    App.raises("SHUNT_E_USAGE", session.jobs_purge, session, { state = "ready" })
  end)

  it("with a schedule are pushed once for a minute, whatever number of workers", function()
    for _, config in ipairs { Jobs.CONFIG, Jobs.CONFIG .. "jobs: {client: main}\n" } do
      reopen([[job "each minute" {
        schedule = "* * * * *",
        handler = function(session, data) session:execute("other", "INSERT INTO notes (body) VALUES (?)", { tostring(data.minute) }) end,
      }]], config)
      local before = os.time() // 60 * 60
      do
        local workers = { app:worker {}, app:worker {}, app:worker {} }
        Workers.eventually("it ran", function() return #at:bodies "other" > 0 end)
        for _, worker in ipairs(workers) do worker:close() end
      end
      at:drain()
      local allowed, seen = {}, {}
      for minute = before, os.time(), 60 do allowed[tostring(minute)] = true end
      for _, minute in ipairs(at:bodies "other") do
        assert.truthy(allowed[minute], minute)
        assert.is_nil(seen[minute])
        seen[minute] = true
      end
    end
  end)

  describe("in other processes", function()
    it("run, and the waiting caller gets the result", function()
      local process = Workers.start(folder, "--concurrency 2")
      assert.equal(5, session:push_async("add", { a = 2, b = 3 }, { timeout = "30s" }))
      local iso <close> = app:session { instance = "iso" }
      assert.equal("iso", iso:push_async("where", nil, { timeout = "30s" }).current)
      App.raises("SHUNT_E_RULE", session.push_async, session, "never", nil, { timeout = "30s" })
      process:signal "TERM"
      local status, output = process:wait()
      assert.equal(0, status)
      assert.truthy(output:find("SIGTERM: nothing runs, ending", 1, true), output)
      assert.truthy(output:find("2 jobs done, 2 failed", 1, true), output)
    end)

    it("are let end by a signal, and nothing more is taken", function()
      local process = Workers.start(folder, "--concurrency 1")
      session:push("blocks", { file = folder .. "/go" })
      session:push("note", "later")
      Workers.eventually("it runs", function() return #at:bodies "main" == 1 end)
      process:signal "INT"
      Workers.eventually("it knows", function() return process:output():find("SIGINT: waiting for 1 job", 1, true) end)
      App.write(folder .. "/go", "")
      assert.equal(0, (process:wait()))
      assert.same({ "started", "ended" }, at:bodies "main")
      assert.equal(1, #session:jobs { state = "ready" })
    end)

    it("are ended at once by a second signal", function()
      local process = Workers.start(folder, "--concurrency 1")
      session:push("blocks", { file = folder .. "/go" })
      Workers.eventually("it runs", function() return #at:bodies "main" == 1 end)
      process:signal "TERM"
      Workers.eventually("it knows", function() return process:output():find("waiting for 1 job", 1, true) end)
      process:signal "TERM"
      assert.equal(128 + 15, (process:wait()))
    end)

    it("that are killed are done by others", function()
      reopen(nil, Jobs.CONFIG .. "jobs: {lease: 1s}\n")
      local process = Workers.start(folder, "--concurrency 1")
      session:push("blocks", { file = folder .. "/go" })
      Workers.eventually("it runs", function() return #at:bodies "main" == 1 end)
      process:signal "KILL"
      process:wait()
      App.write(folder .. "/go", "")
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      Workers.eventually("another has done it", function() return #session:jobs {} == 0 end)
      assert.same({ "started", "started", "ended" }, at:bodies "main")
    end)

    it("are checked by the command before any runs", function()
      App.write(folder .. "/jobs/all.lua", 'job "a" { handler = print }\njob "b" {}\njob "c" { handler = print, retry = "often" }\n')
      local pipe = assert(io.popen(("%s check -c %s/shunt.yaml 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", folder)))
      local text = pipe:read "a"
      assert.equal(1, select(3, pipe:close()))
      assert.truthy(text:find("jobs/all.lua:2: error: job 'b': handler must be", 1, true), text)
      assert.truthy(text:find("jobs/all.lua:3: error: job 'c': retry must be", 1, true), text)
    end)

    local function command(arguments)
      local pipe = assert(io.popen(("%s jobs %s -c %s/shunt.yaml 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", arguments, folder)))
      local text = pipe:read "a"
      return text, select(3, pipe:close())
    end

    it("are dead if their row can't be read, the others run, and the command shows all of them", function()
      reopen(nil, Jobs.CONFIG .. "jobs: {client: main}\n")
      for i = 1, 3 do session:push("note", tostring(i)) end
      session:execute("main", [[UPDATE shunt_jobs SET envelope = '{"instance":"","current":null,"attrs":[],"level":-1}' WHERE id = 1]])
      session:execute("main", "UPDATE shunt_jobs SET finished_at = 9000000000000000000, retry = 'often', "
        .. "failures = 2000000000, lost = x'00', data = x'ff00', envelope = 7 WHERE id = 2")
      local status, output = Workers.start(folder, "--once"):wait()
      assert.equal(0, status)
      assert.same({ "3" }, at:bodies "main")
      assert.truthy(output:find("job 'note' %(1%): attempt 1 failed after %d+ ms, and it was the last: the job's envelope can't be read: "
        .. "'level' is wrong"), output)
      assert.truthy(output:find("\n1 job done, 2 failed\n", 1, true), output)
      local text = command "list"
      assert.truthy(text:find("1 +default +note +dead.-'level' is wrong") and text:find "2 +default +note +dead", text)
      session:execute("main", "UPDATE shunt_jobs SET created_at = 'soon', run_at = 9000000000000000000 WHERE id = 2")
      text = command "show 2"
      assert.truthy(text:find "created_at +soon" and text:find "retry +often", text)
      assert.same({ "2 jobs ready again\n", 0 }, { command "retry" })
      assert.truthy(select(2, Workers.start(folder, "--once"):wait()):find("\n0 jobs done, 2 failed\n", 1, true))
      assert.same({ "2 jobs deleted\n", 0 }, { command "purge" })
    end)

    it("are listed, tried again and deleted by the command", function()
      assert.same({ "no jobs\n", 0 }, { command "list" })
      session:push "refused"
      session:push("note", "x", { queue = "q" })
      local process = Workers.start(folder, "--once --queue default")
      local status, output = process:wait()
      assert.equal(0, status)
      assert.truthy(output:find("Z job 'refused' %(1%): attempt 1 failed after %d+ ms, and it was the last: %S+/jobs/all.lua:%d+: there is no model 'nothing'"),
        output)
      assert.truthy(output:find "\n0 jobs done, 1 failed\n$", output)
      local text = command "list"
      assert.truthy(text:find "id +queue +name +state" and text:find "refused +dead" and text:find "note +ready", text)
      text = command "list --json --state dead"
      local row = shunt.json_decode(text)
      assert.same({ "refused", "dead", 1 }, { row.name, row.state, row.attempts })
      assert.same({ "1 job ready again\n", 0 }, { command "retry" })
      assert.same({ '{"retried":0}\n', 0 }, { command "retry --json" })
      assert.equal(4, select(2, command("retry 99")) == 2 and 4)
      Workers.start(folder, "--once"):wait()
      assert.same({ "x" }, at:bodies "main")
      assert.same({ "0 jobs deleted\n", 0 }, { command "purge --older 1h" })
      assert.same({ "1 job deleted\n", 0 }, { command "purge --state dead" })
      assert.equal(2, select(2, command "retry --state dead"))
      assert.equal(2, select(2, command "list 7"))
      assert.equal(2, select(2, command "explode"))
    end)
  end)
end)
