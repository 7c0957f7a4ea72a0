--- shunt worker: runs jobs until a signal ends it.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local jobs = require "shunt.jobs"
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local worker = {}

local LOOK_MS = 50

local function say(text)
  print(text)
  io.stdout:flush()
end

-- One line for each thing that happens -------------------------------------------------------------------------------

local function at(time)
  local seconds = time // 1 | 0
  return ("%s.%03dZ"):format(os.date("!%FT%T", seconds), (time - seconds) * 1000 // 1 | 0)
end

--- An event of a job. Its text names the job, and a failure its file and line.
local function event_line(event) return terminal.clean(("%s %s"):format(at(event.time), event.text)) end

--- What the command itself says: as text, or as an object with the fields.
---@param fields table with its kind
local function announce(args, fields, text)
  if not args.json then return say(text) end
  fields.time = host.time_ms() / 1000
  say(shunt.json(fields))
end

--- Prints the events of jobs, and of the clock that they go by.
local function log_jobs(app, args)
  local line = args.json and shunt.json or event_line
  app:on("job.*", function(event) say(line(event)) end)
  app:on("lease.lost", function(event) say(line(event)) end)
  app:on("clock.leapt", function(event) say(line(event)) end)
  app:on("events.dropped", function(event) say(line(event)) end)
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

-- Running ------------------------------------------------------------------------------------------------------------

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

local function declared(app)
  local ok, names = pcall(jobs.names, app)
  if not ok then error(failure.code(names) and failure.loading(names) or names, 0) end
  if #names == 0 then failure.usage "no jobs are declared; jobs.path in the app config names their files" end
  return names
end

local function announce_ready(args, threads, queues, names)
  announce(args, { kind = "worker.ready", threads = threads, queues = queues, jobs = names }, ("ready: %s, queues: %s, jobs: %s")
    :format(terminal.counted(threads, "thread"), queues and table.concat(queues, ", ") or "all", table.concat(names, ", ")))
end

--- Serves metrics, if that is asked for, until its result is closed.
local function serve_metrics(args, app)
  if not args.metrics then return nil end
  local server, address = host.serve(app, args.metrics)
  if not server then failure.usage("--metrics: %s", address) end
  announce(args, { kind = "worker.metrics", address = address }, ("metrics: http://%s/metrics"):format(address))
  return server
end

local function announce_end(args, app, status)
  app:poll() -- the last jobs
  announce(args, { kind = "worker.ended", completed = status.completed, failed = status.failed, released = status.released },
    ("%s done, %d failed%s"):format(terminal.counted(status.completed, "job"), status.failed,
      status.released > 0 and (", %d left to others"):format(status.released) or ""))
end

local function stop(args, running, status, signal)
  announce(args, { kind = "worker.stopping", signal = signal, running = status.running }, ("%s: %s, ending"):format(signal,
    status.running == 0 and "nothing runs" or "waiting for " .. terminal.counted(status.running, "job")))
  running:stop()
  return running:status()
end

function worker.run(args)
  local concurrency = values.count(args.concurrency, "--concurrency")
  if concurrency == 0 then failure.usage "--concurrency must be at least 1: with 0 no job would run" end
  local app = application.open(args, nil, true).app
  local names = declared(app)
  log_jobs(app, args)
  host.hold_signals(true) -- before there are threads
  local _ <close> = serve_metrics(args, app)
  local queues = #args.queue > 0 and args.queue or nil
  local running <close> = app:worker { queues = queues, concurrency = concurrency, drain = args.once }
  if not args.once then announce_ready(args, concurrency or 4, queues, names) end
  local status, signal = watch(running)
  host.hold_signals(false) -- a second signal ends the program at once; other workers run its jobs again
  if signal then status = stop(args, running, status, signal) end
  announce_end(args, app, status)
  return args.once and status.problem and failure.status(status.problem) or failure.DONE
end

return worker
