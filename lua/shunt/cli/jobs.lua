--- shunt jobs: what is in the queues, and what to do about it.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local flags = require "shunt.cli.flags"
local rows = require "shunt.cli.rows"
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local jobs = { summary = "List jobs, have dead ones tried again, delete old ones." }

local LIMIT = 50

function jobs.options(parser)
  parser:argument "action":argname "list|retry|purge":choices { "list", "retry", "purge" }:description "What to do."
  parser:argument "id":argname "ID":args "?":description "retry: this one. Default: every dead one."
  parser:option "--queue":argname "Q":description "Only jobs of this queue."
  local states = parser:option "--state":argname "STATE":choices { "ready", "running", "done", "dead" }
  states:description "list: only those that are ready, running, done or dead. purge: done or dead. Default: both."
  parser:option "--older":argname "T":description "purge: that have been so for this long, as in 90m or 24h."
  parser:option "--limit":argname "N":description(("list: at most so many, the newest first. Default: %d; 0: all."):format(LIMIT))
  flags.json(parser)
end

--- Times are in ms since 1970; people get UTC.
local function at(ms)
  if ms == shunt.null or ms == nil then return "" end
  return os.date("!%F %T", ms // 1000)
end

local function shown(value)
  if value == shunt.null or value == nil then return "" end
  return terminal.clean(tostring(value))
end

local function print_list(list)
  local table_rows = { { "id", "queue", "name", "state", "run at", "attempts", "error" } }
  for i, row in ipairs(list) do
    table_rows[i + 1] = { shown(row.id), shown(row.queue), shown(row.name), shown(row.state), at(row.run_at), shown(row.attempts),
      shown(row.error) }
  end
  if #list == 0 then return print "no jobs" end
  terminal.print_table(table_rows)
end

local ACTIONS = {}

function ACTIONS.list(session, args)
  local list, meta = session:jobs { queue = args.queue, state = args.state, limit = values.count(args.limit, "--limit") or LIMIT }
  if not args.json then return print_list(list) end
  for _, row in ipairs(list) do print(rows.json(row, meta)) end
end

local function tell(args, n, key, words)
  print(args.json and ('{"%s":%d}'):format(key, n) or ("%s %s"):format(terminal.counted(n, "job"), words))
end

function ACTIONS.retry(session, args)
  tell(args, session:jobs_retry { id = values.count(args.id, "ID"), queue = args.queue }, "retried", "ready again")
end

function ACTIONS.purge(session, args)
  local older = values.duration(args.older, "--older")
  tell(args, session:jobs_purge { queue = args.queue, state = args.state, older = older }, "deleted", "deleted")
end

local TAKES = { list = { queue = true, state = true, limit = true }, retry = { queue = true, id = true },
  purge = { queue = true, state = true, older = true } }

function jobs.run(args)
  for _, name in ipairs { "id", "state", "older", "limit" } do
    if args[name] and not TAKES[args.action][name] then
      failure.usage("jobs %s takes no %s", args.action, name == "id" and "ID" or "--" .. name)
    end
  end
  local app = application.open(args)
  local session <close> = app.app:session {}
  ACTIONS[args.action](session, args)
  return failure.DONE
end

return jobs
