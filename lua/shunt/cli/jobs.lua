--- shunt jobs: lists, retries and deletes jobs.
local application = require "shunt.cli.application"
local commands = require "shunt.cli.commands"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local rows = require "shunt.cli.rows"
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local jobs = {}

local LIMIT = 50

--- A time in ms since 1970, as text in UTC.
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

--- Flags and arguments that not every action takes are refused for the others.
local function check_action(args)
  local taken, special = {}, {}
  for action, names in pairs(commands.by_name.jobs.takes) do
    for _, name in ipairs(names) do
      special[name] = true
      taken[name] = taken[name] or action == args.action
    end
  end
  for _, name in ipairs(output.keys(special)) do
    local given = args[name:lower():gsub("^%-%-", "")]
    if given and not taken[name] then failure.usage("jobs %s takes no %s", args.action, name) end
  end
end

function jobs.run(args)
  check_action(args)
  local app = application.open(args)
  local session <close> = app.app:session {}
  ACTIONS[args.action](session, args)
  return failure.DONE
end

return jobs
