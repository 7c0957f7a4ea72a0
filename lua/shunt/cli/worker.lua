--- shunt worker: runs jobs until a signal ends it.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local jobs = require "shunt.jobs"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local worker = {}

local LOOK_MS = 100

local function say(...)
  print(...)
  io.stdout:flush()
end

--- Prints a problem of a thread; the same one only once in a row.
local function reporter()
  local before
  return function(problem)
    local line = problem and failure.full_line(problem)
    if line and line ~= before then io.stderr:write("shunt: ", line, " [", problem.code, "]\n") end
    before = line
  end
end

--- Waits until the worker has ended by itself or a signal has come.
---@return table status, string? signal
local function watch(running)
  local report = reporter()
  while true do
    local signal = host.next_signal(LOOK_MS)
    local status = running:status()
    report(status.problem)
    if signal or status.threads == 0 then return status, signal end
  end
end

function worker.run(args)
  local concurrency = values.count(args.concurrency, "--concurrency")
  if concurrency == 0 then failure.usage "--concurrency must be at least 1: with 0 no job would run" end
  local app = application.open(args)
  local ok, names = pcall(jobs.names, app.app)
  if not ok then error(failure.code(names) and failure.loading(names) or names, 0) end
  if #names == 0 then failure.usage "no jobs are declared; jobs.path in the app config names their files" end
  host.hold_signals(true) -- before there are threads
  local queues = #args.queue > 0 and args.queue or nil
  local running <close> = app.app:worker { queues = queues, concurrency = concurrency, drain = args.once }
  if not args.once then
    say(("ready: %s, queues: %s, jobs: %s"):format(terminal.counted(concurrency or 4, "thread"),
      queues and table.concat(queues, ", ") or "all", table.concat(names, ", ")))
  end
  local status, signal = watch(running)
  host.hold_signals(false) -- a second signal ends the program at once; other workers run its jobs again
  if signal then
    say(("%s: %s, ending"):format(signal, status.running == 0 and "nothing runs"
      or "waiting for " .. terminal.counted(status.running, "job")))
    running:stop()
    status = running:status()
  end
  say(("%s done, %d failed"):format(terminal.counted(status.completed, "job"), status.failed))
  return args.once and status.problem and failure.status(status.problem) or failure.DONE
end

return worker
