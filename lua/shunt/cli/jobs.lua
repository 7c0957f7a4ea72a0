--- shunt jobs: lists, shows, pushes, retries and deletes jobs.
local actions = require "shunt.cli.action"
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local rows = require "shunt.cli.rows"
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local jobs = {}

local LIMIT = 50

local FIRST_S, LAST_S = -62167219200, 253402300799 -- of the years 0 to 9999

local function shown(value)
  if value == shunt.null or value == nil then return "" end
  return terminal.clean(tostring(value))
end

--- A time in ms since 1970, as text in UTC. A row that was not written by shunt may hold anything.
local function at(ms)
  local seconds = math.type(ms) == "integer" and ms // 1000
  if not seconds or seconds < FIRST_S or seconds > LAST_S then return shown(ms) end
  return os.date("!%F %T", seconds)
end

local function print_list(list)
  local table_rows = { { "id", "queue", "name", "state", "instance", "run at", "attempts", "error" } }
  for i, row in ipairs(list) do
    table_rows[i + 1] = { shown(row.id), shown(row.queue), shown(row.name), shown(row.state), shown(row.instance), at(row.run_at),
      shown(row.attempts), shown(row.error) }
  end
  if #list == 0 then return print "no jobs" end
  terminal.print_table(table_rows)
end

local ACTIONS = {}

function ACTIONS.list(session, args)
  local list, meta = session:jobs { queue = args.queue, instance = args.instance, state = args.state,
    limit = values.count(args.limit, "--limit") or LIMIT }
  if not args.json then return print_list(list) end
  for _, row in ipairs(list) do print(rows.json(row, meta)) end
end

local function id_of(args, action)
  if not args.id then failure.usage("jobs %s needs the ID of a job", action) end
  return values.count(args.id, "ID")
end

local TIMES = { run_at = true, created_at = true, started_at = true, finished_at = true }

function ACTIONS.show(session, args)
  local id = id_of(args, "show")
  local list, meta = session:jobs { id = id }
  local row = list[1]
  if not row then failure.usage("there is no job %d; it is done, or was purged", id) end
  if args.json then return print(rows.json(row, meta)) end
  local lines = {}
  for _, column in ipairs(meta.columns) do
    local value = TIMES[column] and at(row[column]) or shown(row[column])
    if value ~= "" then lines[#lines + 1] = { column, value } end
  end
  terminal.print_table(lines)
end

function ACTIONS.push(session, args)
  if not args.id then failure.usage "jobs push needs the NAME of a job" end
  local ok, data = pcall(shunt.json_decode, args.data or "null")
  if not ok then failure.usage("jobs push: the data is not JSON: %s", args.data) end
  local id, existed = session:push(args.id, data, { queue = args.queue, delay = values.duration(args.delay, "--delay"),
    unique = args.unique })
  if args.json then return print(('{"id":%d,"pushed":%s}'):format(id, not existed)) end
  print(existed and ("job %d with this key was there already; nothing was pushed"):format(id) or ("job %d pushed"):format(id))
end

local function tell(args, n, key, words)
  print(args.json and ('{"%s":%d}'):format(key, n) or ("%s %s"):format(terminal.counted(n, "job"), words))
end

function ACTIONS.retry(session, args)
  local id = args.id and values.count(args.id, "ID")
  tell(args, session:jobs_retry { id = id, queue = args.queue, instance = args.instance }, "retried", "ready again")
end

function ACTIONS.purge(session, args)
  local older = values.duration(args.older, "--older", true)
  tell(args, session:jobs_purge { queue = args.queue, instance = args.instance, state = args.state, older = older }, "deleted",
    "deleted")
end

function jobs.run(args)
  actions.check("jobs", args)
  local app = application.open(args)
  local session <close> = app.app:session { instance = args.action == "push" and args.instance or nil }
  ACTIONS[args.action](session, args)
  return failure.DONE
end

return jobs
