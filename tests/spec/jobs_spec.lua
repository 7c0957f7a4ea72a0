-- Jobs: declared in Lua files, pushed by sessions, run in sessions like those.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Jobs = require "tests.spec.support.jobs"
local Workers = require "tests.spec.support.workers"

describe("jobs", function()
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
        "2: job 'b': transaction must be true, a client, or a table with the options of session:transaction, not 7",
        "3: job 'c': schedule: minute 61 is not from 0 to 59",
        "3: job 'c': transaction: unknown option 'isolaton'; did you mean 'isolation'?",
        "4: job 'd' has no declaration",
        "5: job 'c': it is already declared at ",
        "6: job 'e': handler must be a function(session, data), not nothing",
        "7: job: a name must be text, not 7",
      } do
        assert.truthy(got[i] and got[i]:find(part, 1, true), ("%s\nwanted: %s"):format(got[i], part))
      end
      assert.equal(15, #got, table.concat(got, "\n"))
    end)

    it("in files that don't run are reported with the line", function()
      local problem = problems_of "local x = 1\njob {"
      assert.truthy(problem.file:find "jobs/all%.lua$")
      assert.equal(2, problem.line)
      problem = problems_of "local x = 1\nlocal y = nil + x"
      assert.same({ 2, "attempt to perform arithmetic on a nil value" }, { problem.line, problem.message })
      problem = problems_of 'local x = 1\nerror("lib/mail.lua:70: no", 0)' -- as of a module that it requires
      assert.same({ "lib/mail.lua:70: no" }, { problem.message, problem.line })
    end)

    it("after their file was loaded are refused", function()
      reopen [[job "late" { retry = 0, handler = function() job "later" { handler = print } end }]]
      session:push "late"
      at:drain()
      assert.truthy(session:jobs()[1].error:find("only while their files load", 1, true))
    end)

    it("may lie in several files and folders, and share modules", function()
      reopen('job "a" { handler = function() return require("jobs_shared").word end }', Jobs.CONFIG .. "jobs: {path: [jobs, more.lua]}\n")
      App.fill(folder, { ["more.lua"] = 'job "b" { handler = type }', ["jobs/z.txt"] = "no Lua", ["lib/jobs_shared.lua"] = "return { word = 'shared' }" })
      local before = package.path
      package.path = folder .. "/lib/?.lua;" .. before
      local worker <close> = app:worker { concurrency = 1 } -- luacheck: ignore 211
      package.path = before
      assert.equal("shared", session:push_async("a", nil, { timeout = "10s" }))
      assert.truthy(session:push "b")
    end)

    it("may be missing with their folder, unless jobs.path names it", function()
      os.remove(folder .. "/jobs/all.lua")
      local problem = App.raises("SHUNT_E_NOT_FOUND", session.push, session, "any")
      assert.truthy(problem.message:find("declares no jobs", 1, true))
      App.raises("SHUNT_E_USAGE", app.worker, app)
      for _, path in ipairs { "nowhere", "myjobs" } do
        reopen(nil, Jobs.CONFIG .. ("jobs: {path: %s}\n"):format(path))
        problem = App.raises("SHUNT_E_CONFIG", app.worker, app)
        assert.truthy(problem.message:find("no such file or folder", 1, true))
      end
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
      local first, existed = session:push("add", { a = 1, b = 1 }, { unique = "k" })
      assert.is_false(existed)
      assert.same({ first, true }, { session:push("add", { a = 1, b = 1 }, { unique = "k" }) })
      assert.not_equal(first, session:push("add", { a = 1, b = 1 }, { unique = "l" }))
      at:drain()
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
      at:drain()
      assert.same({ "sent" }, at:bodies "main")
    end)

    it("in a transaction on the queue's datasource commit with it", function()
      reopen(nil, Jobs.CONFIG .. "jobs: {client: main}\n")
      pcall(session.transaction, session, function()
        assert.truthy(session:push("note", "dropped"))
        error "no"
      end, { client = "main" })
      session:transaction(function()
        assert.truthy(session:push("note", "sent"))
        App.raises("SHUNT_E_CONFLICT", session.push_async, session, "add", { a = 1, b = 1 })
      end, { client = "main" })
      at:drain()
      assert.same({ "sent" }, at:bodies "main")
    end)

    it("before the first access of a transaction are a part of it wherever it goes then", function()
      reopen(nil, Jobs.CONFIG .. "jobs: {client: main}\n")
      local note = session:model "note"
      for _, place in ipairs { "main", "other", "nowhere" } do
        pcall(session.transaction, session, function()
          assert.is_nil(session:push("note", "dropped with " .. place))
          if place ~= "nowhere" then note:insert({ body = "rolled back" }, { client = place }) end
          error "no"
        end)
        session:transaction(function()
          assert.is_nil(session:push("note", "sent with " .. place))
          if place ~= "nowhere" then note:insert({ body = "on " .. place }, { client = place }) end
          assert.equal(0, #session:jobs { state = "ready" })
        end)
        assert.equal(1, #session:jobs { state = "ready" })
        at:drain()
      end
      assert.same({ "on main", "sent with main", "sent with other", "sent with nowhere" }, at:bodies "main")
      assert.same({ "on other" }, at:bodies "other")
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

    it("no more after the last try, and the waiting caller gets the error", function()
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
      assert.same({ "kept" }, at:bodies "main")
      assert.equal("done", wait_for "on other")
      assert.same({ "on other" }, at:bodies "other")
    end)

    it("in a transaction are done with its commit, whatever hooks do", function()
      reopen(nil, Jobs.CONFIG .. "jobs: {client: main}\n")
      worker = app:worker { concurrency = 1 }
      session:push "hook fails"
      Workers.eventually("it is done", function() return worker:status().completed == 1 end)
      assert.same({ "committed" }, at:bodies "main")
      assert.truthy(worker:status().problem.message:find("the hook failed", 1, true))
      assert.same({ 0, 0 }, { worker:status().failed, #session:jobs() })
    end)

    it("and fail with whatever they raise", function()
      local problem = App.raises("SHUNT_E_RULE", wait_for, "raises", "text that says nothing of itself")
      assert.truthy(problem.message:find("an error was raised, and its __tostring failed", 1, true), problem.message)
      for what, said in pairs { ["nil"] = "nil", number = "42", yield = "attempt to yield from outside a coroutine" } do
        problem = App.raises("SHUNT_E_RULE", wait_for, "raises", what)
        assert.equal("job 'raises' failed: " .. said, problem.message)
      end
      problem = App.raises("SHUNT_E_RULE", wait_for, "raises", "bytes")
      assert.equal("job 'raises' failed: \u{FFFD}", problem.message)
    end)

    it("and fail where they leave a transaction open", function()
      for _, config in ipairs { Jobs.CONFIG, Jobs.CONFIG .. "jobs: {client: main}\n" } do
        reopen(nil, config)
        worker = app:worker { concurrency = 1 }
        local problem = App.raises("SHUNT_E_USAGE", wait_for, "leaves open")
        assert.truthy(problem.message:find("another coroutine has begun a transaction", 1, true), problem.message)
        assert.same({}, at:bodies "main")
      end
    end)

    it("and fail where what they return can't be written, or where they close their session", function()
      App.raises("SHUNT_E_USAGE", wait_for, "bad result")
      local problem = App.raises("SHUNT_E_USAGE", wait_for, "closes")
      assert.truthy(problem.message:find("closed by its worker", 1, true))
    end)

    it("no earlier than they are due, even if a caller waits for them", function()
      App.raises("SHUNT_E_TIMEOUT", session.push_async, session, "add", { a = 1, b = 1 }, { delay = "1h", timeout = "50ms" })
    end)
  end)
end)
