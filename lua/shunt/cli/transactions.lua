--- shunt transactions: lists and resolves transactions over several datasources that a crash has left prepared.
local action = require "shunt.cli.action"
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local rows = require "shunt.cli.rows"
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"

local transactions = {}

local COLUMNS = { "id", "client", "decision", "ended", "age_ms", "pid", "process", "coordinator", "participants", "error" }

local function shown(value)
  if value == shunt.null or value == nil then return "" end
  return terminal.clean(tostring(value))
end

local function print_list(list)
  if #list == 0 then return print "no prepared transactions" end
  local lines = { COLUMNS }
  for i, row in ipairs(list) do
    local line = {}
    for k, column in ipairs(COLUMNS) do line[k] = shown(row[column]) end
    lines[i + 1] = line
  end
  terminal.print_table(lines)
end

--- A datasource that could not be asked, or a transaction that resolve has left: then something is still to do.
local function is_left(list, resolve)
  for _, row in ipairs(list) do
    if row.id == nil or row.id == shunt.null or (resolve and row.ended ~= true) then return true end
  end
  return false
end

function transactions.run(args)
  action.check("transactions", args)
  local resolve = args.action == "resolve"
  local app <close> = application.open(args).app
  local list, meta = app:transactions { resolve = resolve, id = args.id }
  if args.json then
    for _, row in ipairs(list) do print(rows.json(row, meta)) end
  else
    print_list(list)
  end
  return is_left(list, resolve) and failure.DATASOURCE or failure.DONE
end

return transactions
