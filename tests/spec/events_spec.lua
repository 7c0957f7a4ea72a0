-- Events: what app:on gets, when, and what the command's --log prints of them.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Jobs = require "tests.spec.support.jobs"
local Workers = require "tests.spec.support.workers"

local SECRET = "hunter2"
local CONFIG = [[
database:
  defaultClient: main
  clients:
    main: {engine: sqlite3, connection: {filename: main.db, create: true}}
    far: {engine: pg, connection: {host: 127.0.0.1, port: 1, user: u, password: ]] .. SECRET .. [[, database: d}}
events: {slowStatement: 10ms, slowRule: 1ms}
models: {thing: {table: things}}
]]
local RULES = [[
rule "counts" { stage = "override", client = function(req)
  local n = 0
  for _ = 1, 200000 do n = n + 1 end
end }
]]
local LONG = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT max(n), '" .. SECRET
  .. "' FROM c WHERE n <> ?"

describe("events", function()
  local app, folder, session, seen

  local function note(event) seen[#seen + 1] = event end
  local function kinds()
    local out = {}
    for i, event in ipairs(seen) do out[i] = event.kind end
    seen = {}
    return out
  end
  local function last(kind)
    for i = #seen, 1, -1 do
      if seen[i].kind == kind then return seen[i] end
    end
    return error("there is no event " .. kind)
  end

  before_each(function()
    seen = {}
    app, folder = App.open({ ["shunt.yaml"] = CONFIG, ["rules/counts.lua"] = RULES })
    session = app:session {}
  end)
  after_each(function()
    app:close()
    App.remove(folder)
  end)

  it("come after the call in which they happen", function()
    local quiet = app:on("statement.*", note, { severity = "error" })
    app:on(note)
    session:query("main", "SELECT 1")
    local event = seen[1]
    assert.same({ "connection.opened", "debug", "main", 0, 1 }, { event.kind, event.severity, event.client, event.level, event.open })
    assert.equal("client 'main', level 0: connection 1 was opened", event.text)
    assert.is_true(math.abs(event.time - os.time()) < 60)
    assert.same({ "connection.opened" }, kinds())
    session:query("main", "SELECT 1")
    assert.same({}, kinds())
    quiet()
  end)

  it("say which statement is slow, without its values", function()
    app:on("statement.slow", note)
    session:query("main", LONG, { SECRET })
    local event = last "statement.slow"
    assert.same({ "warning", "main", "SHUNT_OK" }, { event.severity, event.client, event.status })
    assert.is_true(event.duration_ms >= 10)
    assert.equal("WITH RECURSIVE c(n) AS (SELECT ? UNION ALL SELECT n + ? FROM c WHERE n < ?) SELECT max(n), ? FROM c WHERE n <> ?",
      event.sql)
    assert.is_nil(shunt.json(event):find(SECRET, 1, true))
    assert.is_nil(event.model)
    session:execute("main", "CREATE TABLE things (id INTEGER)")
    session:query(nil, LONG, { SECRET }, { model = "thing", op = "read" })
    event = last "statement.slow"
    assert.same({ "thing", "default client" }, { event.model, event.rule })
    assert.truthy(event.source:find("default.lua:%d+$"), event.source)
  end)

  it("say which rule is slow, when it is asked", function()
    app:on("rule.*", note)
    session:resolve "thing"
    local event = last "rule.slow"
    assert.same({ "counts", "thing" }, { event.rule, event.model })
    assert.truthy(event.source:find("rules/counts.lua:1", 1, true))
    seen = {}
    session:resolve "thing" -- from the cache
    assert.same({}, seen)
  end)

  it("say that a datasource can't be reached, and show no password", function()
    app:on(note, { severity = "warning" })
    for _ = 1, 6 do App.raises("SHUNT_E_DATASOURCE", session.query, session, "far", "SELECT 1") end
    local opened = last "circuit.opened"
    assert.same({ "error", "far", 5, "SHUNT_E_DATASOURCE" }, { opened.severity, opened.client, opened.failures, opened.code })
    for _, event in ipairs(seen) do assert.is_nil(shunt.json(event):find(SECRET, 1, true)) end
    assert.same({ "connection.failed", "connection.failed", "connection.failed", "connection.failed", "circuit.opened",
      "connection.failed" }, kinds())
  end)

  it("say whether a reload was done or refused", function()
    app:on("reload.*", note)
    app:reload()
    app:poll()
    assert.equal(2, last("reload.done").generation)
    App.write(folder .. "/rules/counts.lua", "rule 'x' {}\n")
    assert.is_false(pcall(app.reload, app))
    app:poll()
    local refused = last "reload.refused"
    assert.same({ "error", 1 }, { refused.severity, refused.line })
    assert.truthy(refused.file:find("rules/counts.lua", 1, true))
  end)

  it("end with the function that app:on returns", function()
    local stop = app:on("connection.*", note)
    session:query("main", "SELECT 1")
    stop()
    stop()
    assert.is_false(pcall(session.query, session, "far", "SELECT 1"))
    assert.same({ "connection.opened" }, kinds())
    app:on(note)
    app:close()
    stop()
  end)

  it("reach every callback, even if one fails, and callbacks may use the app", function()
    local depth = 0
    app:on(function() error "mine" end)
    app:on(function(event)
      depth = depth + 1
      assert(depth == 1, "a callback inside of a callback")
      session:query("main", "SELECT 1")
      if event.kind == "connection.opened" then app:reload() end
      depth = depth - 1
    end)
    app:on(note)
    session:query("main", "SELECT 1")
    assert.same({ "connection.opened" }, kinds())
    app:poll()
    assert.same({ "reload.done" }, kinds())
  end)

  it("stop when a callback closes the app", function()
    app:on(function() app:close() end)
    session:query("main", "SELECT 1")
    App.raises("SHUNT_E_USAGE", app.poll, app)
    App.raises("SHUNT_E_USAGE", app.on, app, note)
  end)

  it("are dropped, and counted, once too many wait", function()
    local function cause(event)
      if event.kind == "reload.done" and #seen == 1 then
        for _ = 1, 1005 do app:reload() end
      end
    end
    app:on(note)
    app:on("reload.done", cause)
    app:reload()
    app:poll()
    app:poll()
    assert.equal(1002, #seen)
    assert.same({ "events.dropped", 5, "warning" }, { seen[1002].kind, seen[1002].count, seen[1002].severity })
  end)

  it("are refused by a name that no event has", function()
    local err = App.raises("SHUNT_E_USAGE", app.on, app, "connection.open", note)
    assert.truthy(err.message:find("connection.opened", 1, true))
    App.raises("SHUNT_E_USAGE", app.on, app, "nothing.*", note)
    App.raises("SHUNT_E_USAGE", app.on, app, "connection.*")
    App.raises("SHUNT_E_USAGE", app.on, app, 7, note)
    App.raises("SHUNT_E_USAGE", app.on, app, note, { severity = "loud" })
    App.raises("SHUNT_E_USAGE", app.on, app, note, { level = "info" })
  end)
end)

describe("events of a worker", function()
  local at

  before_each(function() at = Jobs.open() end)
  after_each(function() at:close() end)

  it("of all its threads reach the state that opened the app", function()
    local seen = {}
    at.app:on("job.*", function(event) seen[#seen + 1] = event end)
    at.session:push("refused")
    local worker <close> = at.app:worker { concurrency = 2 }
    Workers.eventually("the job is dead", function()
      worker:status()
      return #seen == 2
    end)
    assert.same({ "job.started", "refused", "" }, { seen[1].kind, seen[1].job, seen[1].instance })
    assert.same({ "job.dead", "error", "refused", 1, "default" },
      { seen[2].kind, seen[2].severity, seen[2].job, seen[2].attempt, seen[2].queue })
  end)
end)

describe("the command's --log", function()
  local folder
  local binary = os.getenv "SHUNT_BIN" or "build/shunt"

  local function logged(arguments)
    local pipe = assert(io.popen(("%s %s -c %s/shunt.yaml 2>&1 >/dev/null"):format(binary, arguments, folder)))
    local text = pipe:read "a"
    pipe:close()
    return text
  end

  before_each(function()
    folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = CONFIG, ["rules/counts.lua"] = RULES })
  end)
  after_each(function() App.remove(folder) end)

  it("prints events on standard error, from a severity on", function()
    local text = logged "resolve thing --log"
    assert.truthy(text:find "^%d+%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ warning rule%.slow: .*rules/counts%.lua:1: rule 'counts' took %d+ ms")
    assert.equal("", logged "resolve --log=error thing")
    assert.equal("", logged "resolve --log error thing")
    assert.equal(text:match "rule%.slow", logged("--log resolve thing"):match "rule%.slow")
    assert.truthy(logged("resolve --log loud"):find("loud", 1, true))
  end)

  it("prints JSON lines with --json", function()
    local event = shunt.json_decode(logged "resolve --log thing --json")
    assert.same({ "rule.slow", "warning", "counts" }, { event.kind, event.severity, event.rule })
  end)

  it("works for a program that is run, and leaves the program's own arguments alone", function()
    App.write(folder .. "/main.lua", [[
      local app <close> = require("shunt").open()
      local session <close> = app:session {}
      session:resolve "thing"
      io.stderr:write("arguments: ", table.concat({ ... }, " "), "\n")
    ]])
    local pipe = assert(io.popen(("%s -c %s/shunt.yaml run --log %s/main.lua --log debug 2>&1"):format(binary, folder, folder)))
    local text = pipe:read "a"
    pipe:close()
    assert.truthy(text:find("warning rule.slow", 1, true))
    assert.truthy(text:find("arguments: --log debug", 1, true), text)
  end)

  it("is not needed to see that a callback of a program that is run has failed", function()
    App.write(folder .. "/main.lua", [[
      local app <close> = require("shunt").open()
      app:on(function() error "oops" end)
      app:reload()
    ]])
    local text = logged(("-c %s/shunt.yaml run %s/main.lua"):format(folder, folder))
    assert.truthy(text:find "callback of app:on failed: .*main%.lua:2: oops", text)
  end)
end)
