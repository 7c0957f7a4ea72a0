-- Jobs: declared in Lua files, pushed by sessions, run by workers in this process and in others.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Workers = require "tests.spec.support.workers"
local watchdog = require "tests.support.watchdog"

local CONFIG = [[
database:
  defaultClient: main
  base: {engine: sqlite3}
  clients:
    main:  {connection: {filename: main.db}}
    other: {connection: {filename: other.db}}
    iso:   {clone: default, connection: {filename: iso.db}}
instance:
  instances:
    "":   {id: 1}
    team: {id: 2}
    iso:  {id: 3, isolate: true, isolateClient: iso}
rules: {path: [rules]}
]]

local RULES = [[
model "note" { table = "notes", instance_column = "iid" }
model "fixed" { table = "notes", client = "other" }
rule "pro" { stage = "override", model = "plan", when = function(req) return req.attrs.plan == "pro" end, client = "other" }
model "plan" { table = "notes" }
]]

local JOBS = [[
local shunt = require "shunt"
local runs = 0

job "add" { handler = function(_, data) return data.a + data.b end }
job "echo" { handler = function(_, data) return data end }
job "note" { handler = function(session, data) session:model("note"):insert { body = data } end }
job "where" {
  handler = function(session, _, job)
    local notes = {}
    for i, row in ipairs(session:model("note"):select { order = "id" }) do notes[i] = row.body end
    return {
      current = session:resolve("note").client, fixed = session:resolve("fixed").client, plan = session:resolve("plan").client,
      level = session:level(), pinned_by = session:resolve("note").pinned_by, notes = notes, attempt = job.attempt, name = job.name, queue = job.queue,
    }
  end,
}
job "third time" {
  retry = 5, backoff = "1ms",
  handler = function(_, _, job)
    if job.attempt < 3 then error("not yet: " .. job.attempt) end
    return job.attempt
  end,
}
job "never" { retry = 1, backoff = "1ms", handler = function() error { code = "mine" } end }
job "refused" { retry = 0, handler = function(session) session:model("nothing"):count() end }
job "endless" {
  retry = 0, timeout = "100ms",
  handler = function()
    while true do
      pcall(function() while true do runs = runs + 1 end end)
    end
  end,
}
job "endless in a coroutine" {
  retry = 0, timeout = "100ms",
  handler = function() return coroutine.wrap(function() while true do runs = runs + 1 end end)() end,
}
job "endless in SQL" {
  retry = 0, timeout = "100ms",
  handler = function(session)
    local sql = "WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
    while true do pcall(session.query, session, "main", sql, nil, { timeout = "1h" }) end
  end,
}
job "waits too long" {
  retry = 0, timeout = "100ms",
  handler = function(session) return session:push_async("far away", nil) end,
}
job "far away" { handler = function() end }
job "all or nothing" {
  retry = 0, transaction = true,
  handler = function(session, data)
    session:model("note"):insert { body = data.body }
    if data.fail then error(data.fail, 0) end
    return session:resolve("note").client
  end,
}
job "on other" {
  transaction = "other",
  handler = function(session)
    session:execute("other", "INSERT INTO notes (body) VALUES ('on other')")
    return "done"
  end,
}
job "hook fails" {
  retry = 0, transaction = true,
  handler = function(session)
    session:model("note"):insert { body = "committed" }
    session:on_commit(function() error("the hook failed", 0) end)
  end,
}
job "bad result" { retry = 0, handler = function() return print end }
job "closes" { retry = 0, handler = function(session) session:close() end }
job "blocks" {
  handler = function(session, data)
    session:model("note"):insert { body = "started" }
    while not io.open(data.file) do session:model("note"):count() end
    session:model("note"):insert { body = "ended" }
  end,
}
job "chain" { handler = function(session, data) if data > 0 then session:push("chain", data - 1) end end }
job "nested" { handler = function(session, data) return session:push_async("add", data) * 10 end }
]]

local TABLE = "CREATE TABLE notes (id INTEGER PRIMARY KEY, iid INTEGER, body TEXT)"

describe("jobs", function()
  local app, folder, session, dog

  local function open(jobs, config)
    app, folder = App.open({ ["shunt.yaml"] = config or CONFIG, ["rules/models.lua"] = RULES, ["jobs/all.lua"] = jobs or JOBS },
      { "main", "other", "iso" })
    session = app:session {}
    for _, client in ipairs { "main", "other", "iso" } do session:execute(client, TABLE) end
  end

  before_each(function()
    dog = watchdog.start(120)
    open()
  end)
  after_each(function()
    app:close()
    App.remove(folder)
    dog:stop()
  end)

  local function reopen(jobs, config)
    app:close()
    App.remove(folder)
    open(jobs, config)
  end

  local function bodies(client)
    local list = {}
    for i, row in ipairs(session:query(client, "SELECT body FROM notes ORDER BY id")) do list[i] = row.body end
    return list
  end

  --- Everything that is due, in this process.
  local function drain(opts)
    opts = opts or {}
    opts.drain = true
    local worker <close> = app:worker(opts)
    Workers.eventually("nothing is due any more", function() return worker:status().threads == 0 end)
    return worker:status()
  end

  describe("declared", function()
    local function problems_of(text)
      reopen(text)
      return App.raises("SHUNT_E_CONFIG", session.push, session, "any")
    end

    it("with a mistake are all told at once, each with its place", function()
      local problem = problems_of [[
job "a" { handler = 1, retrie = 3, retry = -1 }
job "b" { handler = print, timeout = 5, backoff = "soon", queue = "", concurrency = 0, priority = "high", transaction = 7 }
job "c" { handler = print, schedule = "61 * * * *", transaction = { isolaton = "serializable" } }
job "d"
job "c" { handler = print }
job "e" {}
job (7) {}
]]
      local got = {}
      for i, one in ipairs(problem.problems) do
        assert.truthy(one.file:find "jobs/all%.lua$", one.file)
        got[i] = ("%d: %s"):format(one.line, one.message)
      end
      table.sort(got)
      for i, part in ipairs {
        "1: job 'a': handler must be a function(session, data), not 1",
        "1: job 'a': retry must be a whole number from 0 on, not -1",
        "1: job 'a': unknown key 'retrie'; did you mean 'retry'?",
        "2: job 'b': backoff must be a duration such as 500ms, 5s, 2m or 1h, not 'soon'",
        "2: job 'b': concurrency must be a whole number from 1 on, not 0",
        "2: job 'b': priority must be a whole number, not 'high'",
        "2: job 'b': queue must be text, not ''",
        "2: job 'b': timeout must be a duration such as 500ms, 5s, 2m or 1h, not 5",
        "2: job 'b': transaction must be true, a client or a table of what session:transaction takes, not 7",
        "3: job 'c': schedule: minute 61 is not from 0 to 59",
        "3: job 'c': transaction: unknown option 'isolaton'; did you mean 'isolation'?",
        "4: job 'd': nothing is declared of it",
        "5: job 'c': it is declared already, at ",
        "6: job 'e': handler must be a function(session, data), not nothing",
        "7: job: a name must be text, not 7",
      } do
        assert.truthy(got[i] and got[i]:find(part, 1, true), ("%s\nwanted: %s"):format(got[i], part))
      end
      assert.equal(15, #got, table.concat(got, "\n"))
    end)

    it("in files that don't run are told with the line", function()
      local problem = problems_of "local x = 1\njob {"
      assert.truthy(problem.file:find "jobs/all%.lua$")
      assert.equal(2, problem.line)
      problem = problems_of "local x = 1\nlocal y = nil + x"
      assert.same({ 2, "attempt to perform arithmetic on a nil value" }, { problem.line, problem.message })
    end)

    it("after their file was loaded are refused", function()
      reopen [[job "late" { retry = 0, handler = function() job "later" { handler = print } end }]]
      session:push "late"
      drain()
      assert.truthy(session:jobs()[1].error:find("not later", 1, true))
    end)

    it("may lie in several files and folders, and share modules", function()
      reopen('job "a" { handler = function() return require("jobs_shared").word end }', CONFIG .. "jobs: {path: [jobs, more.lua]}\n")
      App.fill(folder, { ["more.lua"] = 'job "b" { handler = type }', ["jobs/z.txt"] = "no Lua", ["lib/jobs_shared.lua"] = "return { word = 'shared' }" })
      local before = package.path
      package.path = folder .. "/lib/?.lua;" .. before
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      package.path = before
      assert.equal("shared", session:push_async("a", nil, { timeout = "10s" }))
      assert.truthy(session:push "b")
    end)

    it("are none where there is no folder, and a named one must be there", function()
      os.remove(folder .. "/jobs/all.lua")
      local problem = App.raises("SHUNT_E_NOT_FOUND", session.push, session, "any")
      assert.truthy(problem.message:find("no job is declared", 1, true))
      App.raises("SHUNT_E_USAGE", app.worker, app)
      reopen(nil, CONFIG .. "jobs: {path: nowhere}\n")
      problem = App.raises("SHUNT_E_CONFIG", app.worker, app)
      assert.truthy(problem.message:find("nothing of this name", 1, true))
    end)
  end)

  describe("pushed", function()
    it("by a name that is not declared are not found, with the nearest one", function()
      local problem = App.raises("SHUNT_E_NOT_FOUND", session.push, session, "ad")
      assert.truthy(problem.message:find("did you mean 'add'?", 1, true))
      assert.truthy(problem.caller:find("app.lua", 1, true)) -- the line that called
      App.raises("SHUNT_E_NOT_FOUND", session.push_async, session, "nothing like it")
      App.raises("SHUNT_E_USAGE", session.push, session)
    end)

    it("with options that make no sense are refused", function()
      for _, opts in ipairs {
        { delay = 5 }, { delay = "soon" }, { retry = -1 }, { priority = 1.5 }, { unique = 7 }, { queue = {} }, { timeout = "1s" }, { later = true },
      } do
        App.raises("SHUNT_E_USAGE", session.push, session, "add", nil, opts)
      end
      App.raises("SHUNT_E_USAGE", session.push_async, session, "add", nil, { timeout = "0s" })
      App.raises("SHUNT_E_USAGE", session.push, session, "add", print)
      assert.equal(0, #session:jobs())
    end)

    it("carry what the declaration and the call say", function()
      reopen [[job "one" { handler = print, queue = "q1", priority = 5, retry = 9 }]]
      session:push "one"
      session:push("one", nil, { queue = "q2", priority = -1, retry = 0, unique = "k" })
      local second, first = table.unpack((session:jobs()))
      assert.same({ "q1", 5, 9 }, { first.queue, first.priority, first.retry })
      assert.same({ "q2", -1, 0, "k" }, { second.queue, second.priority, second.retry, second.unique_key })
    end)

    it("with a unique key are one for as long as it waits", function()
      local first = session:push("add", { a = 1, b = 1 }, { unique = "k" })
      assert.equal(first, session:push("add", { a = 1, b = 1 }, { unique = "k" }))
      assert.not_equal(first, session:push("add", { a = 1, b = 1 }, { unique = "l" }))
      drain()
      assert.not_equal(first, session:push("add", { a = 1, b = 1 }, { unique = "k" }))
    end)

    it("in a transaction elsewhere are sent after its commit, and dropped by a rollback", function()
      session:transaction(function()
        assert.is_nil(session:push("note", "sent"))
        local other <close> = app:session {}
        assert.equal(0, #other:jobs())
      end)
      pcall(session.transaction, session, function()
        session:push("note", "dropped")
        error "no"
      end)
      drain()
      assert.same({ "sent" }, bodies "main")
    end)

    it("in a transaction on the queue's datasource commit with it", function()
      reopen(nil, CONFIG .. "jobs: {client: main}\n")
      pcall(session.transaction, session, function()
        assert.truthy(session:push("note", "dropped"))
        error "no"
      end)
      session:transaction(function()
        assert.truthy(session:push("note", "sent"))
        App.raises("SHUNT_E_CONFLICT", session.push_async, session, "add", { a = 1, b = 1 })
      end)
      drain()
      assert.same({ "sent" }, bodies "main")
    end)
  end)

  describe("run", function()
    local worker
    before_each(function() worker = app:worker { concurrency = 2 } end)
    after_each(function() worker:close() end)

    local function wait_for(name, data, in_session)
      in_session = in_session or session
      return in_session:push_async(name, data, { timeout = "30s" })
    end

    it("give what their handlers return, as JSON keeps it", function()
      assert.equal(5, wait_for("add", { a = 2, b = 3 }))
      local value = { list = { 1, 2.5, "x" }, none = shunt.null, yes = true }
      assert.same(value, wait_for("echo", value))
      assert.is_nil(wait_for("echo", nil))
      assert.is_nil(wait_for("echo", shunt.null))
      assert.equal(false, wait_for("echo", false))
      assert.equal(50, wait_for("nested", { a = 2, b = 3 }))
    end)

    it("in a session like the one that pushed them", function()
      local team <close> = app:session { instance = "team", attrs = { plan = "pro" } }
      local iso <close> = app:session { instance = "iso" }
      team:model("note"):insert { body = "of the team" }
      session:model("note"):insert { body = "of the default" }
      iso:model("note"):insert { body = "isolated" }
      local got = wait_for("where", nil, team)
      assert.same({ "main", "other", "other", { "of the team" } }, { got.current, got.fixed, got.plan, got.notes })
      assert.same({ 1, "where", "default", 1, "job" }, { got.attempt, got.name, got.queue, got.level, got.pinned_by })
      got = wait_for("where", nil, iso)
      assert.same({ "iso", "other", "iso", { "isolated" } }, { got.current, got.fixed, got.plan, got.notes })
      got = wait_for("where", nil)
      assert.same({ "main", { "of the default" } }, { got.current, got.notes })
      team:switch_db("other", function()
        assert.same({ "other", {} }, { wait_for("where", nil, team).current, wait_for("where", nil, team).notes })
      end)
    end)

    it("again after failures, until one does not fail", function()
      assert.equal(3, wait_for "third time")
    end)

    it("no more after the last try, and whoever waits gets the error", function()
      local problem = App.raises("SHUNT_E_RULE", wait_for, "never")
      assert.truthy(problem.message:find("job 'never' failed", 1, true))
      local dead = session:jobs { state = "dead" }
      assert.same({ 1, "never", 2 }, { #dead, dead[1].name, dead[1].attempts })
      problem = App.raises("SHUNT_E_NOT_FOUND", wait_for, "refused")
      assert.truthy(problem.message:find("nothing", 1, true))
    end)

    it("no longer than their timeout, whatever they catch", function()
      for _, name in ipairs { "endless", "endless in a coroutine" } do
        local problem = App.raises("SHUNT_E_TIMEOUT", wait_for, name)
        assert.truthy(problem.message:find("longer than its timeout, 100 ms", 1, true), problem.message)
      end
      App.raises("SHUNT_E_TIMEOUT", wait_for, "endless in SQL")
      assert.equal(2, wait_for("add", { a = 1, b = 1 })) -- both threads are there again
      worker:close()
      worker = app:worker { queues = { "lonely" } }
      session:push("waits too long", nil, { queue = "lonely" })
      Workers.eventually("the wait in the handler has ended", function() return #session:jobs { state = "dead" } == 4 end)
      assert.truthy(session:jobs({ state = "dead" })[1].error:find("TIMEOUT", 1, true))
    end)

    it("in a transaction do all or nothing", function()
      assert.equal("main", wait_for("all or nothing", { body = "kept" }))
      App.raises("SHUNT_E_RULE", wait_for, "all or nothing", { body = "dropped", fail = "no" })
      assert.same({ "kept" }, bodies "main")
      assert.equal("done", wait_for "on other")
      assert.same({ "on other" }, bodies "other")
    end)

    it("in a transaction are done with its commit, whatever hooks do", function()
      reopen(nil, CONFIG .. "jobs: {client: main}\n")
      worker = app:worker { concurrency = 1 }
      session:push "hook fails"
      Workers.eventually("it is done", function() return worker:status().completed == 1 end)
      assert.same({ "committed" }, bodies "main")
      assert.truthy(worker:status().problem.message:find("the hook failed", 1, true))
      assert.same({ 0, 0 }, { worker:status().failed, #session:jobs() })
    end)

    it("and fail where what they return can't be written, or where they close their session", function()
      App.raises("SHUNT_E_USAGE", wait_for, "bad result")
      local problem = App.raises("SHUNT_E_USAGE", wait_for, "closes")
      assert.truthy(problem.message:find("closed by its worker", 1, true))
    end)

    it("no earlier than they are due, whoever waits for them", function()
      App.raises("SHUNT_E_TIMEOUT", session.push_async, session, "add", { a = 1, b = 1 }, { delay = "1h", timeout = "50ms" })
    end)
  end)

  describe("a worker", function()
    it("takes the jobs of its queues alone", function()
      session:push("note", "mine", { queue = "q" })
      session:push("note", "not mine")
      local status = drain { queues = "q" }
      assert.same({ 1, 0 }, { status.completed, status.failed })
      assert.same({ "mine" }, bodies "main")
      drain()
      assert.same({ "mine", "not mine" }, bodies "main")
    end)

    it("takes lower priorities first, and those of one in the order they came in", function()
      for i, priority in ipairs { 0, 5, -5, 0, -5 } do session:push("note", tostring(i), { priority = priority }) end
      session:push("note", "later", { delay = "1h" })
      drain { concurrency = 1 }
      assert.same({ "3", "5", "1", "4", "2" }, bodies "main")
      assert.equal(1, #session:jobs { state = "ready" })
    end)

    it("that drains goes on while jobs push others", function()
      session:push("chain", 20)
      local status = drain { concurrency = 2 }
      assert.same({ 21, 0, 0 }, { status.completed, status.failed, status.running })
    end)

    it("lets nobody keep it: what runs after the time to stop is broken off, and goes back to its queue", function()
      local worker = app:worker { concurrency = 1 }
      session:push("blocks", { file = folder .. "/go" })
      Workers.eventually("it runs", function() return #bodies "main" == 1 end)
      assert.is_false(worker:stop "10ms")
      worker:close()
      App.raises("SHUNT_E_USAGE", worker.status, worker)
      local jobs = session:jobs {}
      assert.same({ 1, "ready" }, { #jobs, jobs[1].state })
      App.write(folder .. "/go", "")
      drain()
      assert.same({ "started", "started", "ended" }, bodies "main")
    end)

    it("that is stopped lets what runs end, and takes nothing more", function()
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      session:push("blocks", { file = folder .. "/go" })
      session:push("note", "later")
      Workers.eventually("it runs", function() return #bodies "main" == 1 end)
      App.write(folder .. "/go", "")
      assert.is_true(worker:stop())
      assert.same({ "started", "ended" }, bodies "main")
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

  it("that failed for good can be tried again, and those that are old deleted", function()
    reopen [[
      local n = 0
      job "second try" { retry = 0, handler = function() n = n + 1; if not io.open(os.getenv "PWD" .. "/none") and n < 2 then error "no" end end }
    ]]
    local id = session:push "second try"
    local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
    Workers.eventually("it is dead", function() return #session:jobs { state = "dead" } == 1 end)
    App.raises("SHUNT_E_NOT_FOUND", session.jobs_retry, session, { id = id + 1 })
    assert.equal(1, session:jobs_retry { id = id })
    Workers.eventually("it is done", function() return #session:jobs {} == 0 end)
    assert.equal(0, session:jobs_retry())
    assert.equal(0, session:jobs_purge { state = "dead", older = "1h" })
    App.raises("SHUNT_E_USAGE", session.jobs_purge, session, { state = "ready" })
  end)

  it("with a schedule are pushed once for a minute, whatever number of workers", function()
    for _, config in ipairs { CONFIG, CONFIG .. "jobs: {client: main}\n" } do
      reopen([[job "each minute" {
        schedule = "* * * * *",
        handler = function(session, data) session:execute("other", "INSERT INTO notes (body) VALUES (?)", { tostring(data.minute) }) end,
      }]], config)
      local before = os.time() // 60 * 60
      do
        local workers = { app:worker {}, app:worker {}, app:worker {} }
        Workers.eventually("it ran", function() return #bodies "other" > 0 end)
        for _, worker in ipairs(workers) do worker:close() end
      end
      drain()
      local allowed, seen = {}, {}
      for minute = before, os.time(), 60 do allowed[tostring(minute)] = true end
      for _, minute in ipairs(bodies "other") do
        assert.truthy(allowed[minute], minute)
        assert.is_nil(seen[minute])
        seen[minute] = true
      end
    end
  end)

  describe("in other processes", function()
    it("run, and whoever waits gets the result", function()
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
      Workers.eventually("it runs", function() return #bodies "main" == 1 end)
      process:signal "INT"
      Workers.eventually("it knows", function() return process:output():find("SIGINT: waiting for 1 job", 1, true) end)
      App.write(folder .. "/go", "")
      assert.equal(0, (process:wait()))
      assert.same({ "started", "ended" }, bodies "main")
      assert.equal(1, #session:jobs { state = "ready" })
    end)

    it("that are killed are done by others", function()
      reopen(nil, CONFIG .. "jobs: {lease: 1s}\n")
      local process = Workers.start(folder, "--concurrency 1")
      session:push("blocks", { file = folder .. "/go" })
      Workers.eventually("it runs", function() return #bodies "main" == 1 end)
      process:signal "KILL"
      process:wait()
      App.write(folder .. "/go", "")
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      Workers.eventually("another has done it", function() return #session:jobs {} == 0 end)
      assert.same({ "started", "started", "ended" }, bodies "main")
    end)

    it("are listed, tried again and deleted by the command", function()
      local function command(arguments)
        local pipe = assert(io.popen(("%s jobs %s -c %s/shunt.yaml 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt", arguments, folder)))
        local text = pipe:read "a"
        return text, select(3, pipe:close())
      end
      assert.same({ "no jobs\n", 0 }, { command "list" })
      session:push "refused"
      session:push("note", "x", { queue = "q" })
      local process = Workers.start(folder, "--once --queue default")
      local status, output = process:wait()
      assert.same({ 0, "0 jobs done, 1 failed\n" }, { status, output })
      local text = command "list"
      assert.truthy(text:find "id +queue +name +state" and text:find "refused +dead" and text:find "note +ready", text)
      text = command "list --json --state dead"
      local row = shunt.json_decode(text)
      assert.same({ "refused", "dead", 1 }, { row.name, row.state, row.attempts })
      assert.same({ "1 job ready again\n", 0 }, { command "retry" })
      assert.same({ '{"retried":0}\n', 0 }, { command "retry --json" })
      assert.equal(4, select(2, command("retry 99")) == 2 and 4)
      Workers.start(folder, "--once"):wait()
      assert.same({ "x" }, bodies "main")
      assert.same({ "0 jobs deleted\n", 0 }, { command "purge --older 1h" })
      assert.same({ "1 job deleted\n", 0 }, { command "purge --state dead" })
      assert.equal(2, select(2, command "retry --state dead"))
      assert.equal(2, select(2, command "list 7"))
      assert.equal(2, select(2, command "explode"))
    end)
  end)
end)
