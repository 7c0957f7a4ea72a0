--- A thread of a worker, in its own Lua state: runs handlers, and pushes scheduled jobs. The threads are in C (src/bind/thread.c)
--- and call the two functions that this module returns.
local core = require "shunt.core"
local cron = require "shunt.cron"
require "shunt"
local jobs = require "shunt.jobs"

local error, xpcall = error, xpcall

local MOST_MADE_UP = 60 -- missed minutes that are made up, after an outage or a change of the clock
local MOST_BACK = 2 -- minutes that a clock may be set back without a minute coming twice, as in src/jobs/schedule.c
local MINUTE_MS = 60000

--- An error gets its place here: a transaction around the handler passes it on from somewhere else.
local function handle(declaration, session, data, info)
  local ok, result = xpcall(declaration.handler, core.place_error, session, data, info)
  if not ok then error(result, 0) end
  return result
end

---@param job userdata
---@param session shunt.session
---@param info shunt.job_info
local function run(declaration, job, session, info)
  local data = core.json_decode(info.data)
  if data == core.null then data = nil end
  info.data = nil
  local function work()
    core.job_start(job)
    core.job_complete(job, core.json(handle(declaration, session, data, info)))
  end
  if declaration.transaction then
    session:transaction(work, declaration.transaction)
  else
    work()
  end
end

--- The first worker that asks for an instance and a minute pushes the job for it; in one transaction if the queue is on a
--- client. All workers ask in the same order: so they never wait for each other in a circle.
local function push_due(session, client, declaration, minute, instances)
  local function push()
    for _, instance in ipairs(instances) do
      if core.schedule_due(session, declaration.name, instance, minute * MINUTE_MS) then
        core.push(session, declaration, core.json { minute = minute * 60 }, { instance = instance })
      end
    end
  end
  if client then
    session:transaction(push, { client = client })
  else
    push()
  end
end

--- Pushes the jobs of every minute since the last call, and returns the milliseconds until the next minute. The minutes are
--- those of the queue's clock: hosts' clocks differ. If it goes back, schedules go on from there.
local function ticker(app, declared)
  local client = app:describe().jobs.client
  local last
  return function()
    local session <close> = app:session {}
    local now = core.queue_time(session) // MINUTE_MS
    if last and now < last - MOST_BACK then last = now - 1 end
    for minute = last and math.max(last + 1, now - MOST_MADE_UP) or now, now do
      for _, declaration in pairs(declared) do
        if declaration.schedule and cron.matches(declaration.schedule, minute * 60) then
          push_due(session, client, declaration, minute, jobs.scheduled_for(app, declaration))
        end
      end
      last = minute
    end
    return MINUTE_MS - core.queue_time(session) % MINUTE_MS
  end
end

---@param app shunt.app
return function(app)
  local declared = jobs.of(app)
  local tick -- of the one thread that keeps schedules
  return function(job, session, info) return run(declared[info.name], job, session, info) end, function()
    tick = tick or ticker(app, declared)
    return tick()
  end
end
