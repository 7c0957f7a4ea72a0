--- An application with jobs of every kind, for one test: three SQLite files, a tenant that shares them and an isolated one.
--- Use: local at = Jobs.open(); at.session:push("add", { a = 1, b = 2 }); at:drain(); at:close()

local App = require "tests.spec.support.app"
local Workers = require "tests.spec.support.workers"
local watchdog = require "tests.support.watchdog"

local M = {}

M.CONFIG = [[
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
local runs, unfinished = 0, nil

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
job "raises" {
  retry = 0,
  handler = function(_, what)
    if what == "nil" then error() end
    if what == "number" then error(42) end
    if what == "yield" then coroutine.yield() end
    if what == "bytes" then error("\xff", 0) end
    error(setmetatable({}, { __tostring = function() error "no" end }))
  end,
}
job "leaves open" {
  retry = 0,
  handler = function(session)
    unfinished = coroutine.wrap(function()
      session:transaction(function()
        session:execute("main", "INSERT INTO notes (body) VALUES ('left')")
        coroutine.yield()
      end, { client = "main" })
    end)
    unfinished()
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

---@class JobsApp
---@field app table
---@field folder string
---@field session table
local At = {}
At.__index = At

--- jobs: the job file, and config: the app config, where they are not the ones above. Ended by a watchdog where it hangs.
---@param jobs? string
---@param config? string
---@return JobsApp
function M.open(jobs, config)
  local self = setmetatable({ dog = watchdog.start(300) }, At)
  self.app, self.folder = App.open({ ["shunt.yaml"] = config or M.CONFIG, ["rules/models.lua"] = RULES, ["jobs/all.lua"] = jobs or JOBS },
    { "main", "other", "iso" })
  self.session = self.app:session {}
  for _, client in ipairs { "main", "other", "iso" } do self.session:execute(client, TABLE) end
  return self
end

function At:close()
  self.app:close()
  App.remove(self.folder)
  self.dog:stop()
end

--- The notes that a client has, in the order in which they were written.
---@param client string
---@return string[]
function At:bodies(client)
  local list = {}
  for i, row in ipairs(self.session:query(client, "SELECT body FROM notes ORDER BY id")) do list[i] = row.body end
  return list
end

--- Runs everything that is due, in this process, and gives what became of it.
---@param opts? table
---@return table status
function At:drain(opts)
  opts = opts or {}
  opts.drain = true
  local worker <close> = self.app:worker(opts)
  Workers.eventually("nothing is due any more", function() return worker:status().threads == 0 end)
  return worker:status()
end

return M
