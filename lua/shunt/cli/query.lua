--- shunt query: rows of a model, with their relations.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local names = require "shunt.cli.names"
local rows = require "shunt.cli.rows"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local query = {}

local FOR_PEOPLE = { table = true, expanded = true }

--- Checks that every relation of "orders.lines" exists, from model to model.
local function check_include(app, model, path)
  for name in path:gmatch "[^.]+" do
    local known = {}
    for _, relation in ipairs(app.models[model].relations or {}) do known[relation.name] = relation end
    if not known[name] then
      failure.usage("--include %s: '%s' has no relation '%s'%s", path, model, name, names.hint(name, known))
    end
    model = known[name].target
  end
end

--- "orders" asks for the rows, "orders:count" for their number, "roles:link" for the rows with their links.
local function include_of(app, model, list)
  local include = {}
  for _, text in ipairs(list or {}) do
    local path, option = text:match "^(.*):(%l+)$"
    if option ~= "count" and option ~= "link" then path, option = text, nil end
    check_include(app, model, path)
    include[path] = option and { [option] = true } or include[path] or true
  end
  return next(include) and include or nil
end

--- Prints each statement of a session.
---@param to file*
function query.observer(to)
  return function(statement)
    local client = statement.client
    if (statement.level or 0) > 0 then client = ("%s, level %d"):format(client, statement.level) end
    local parts = {}
    local count = type(statement.params) == "table" and #statement.params or 0
    if count > 0 then parts[1] = terminal.counted(count, "parameter") end
    parts[#parts + 1] = terminal.counted(statement.rows or 0, "row")
    if terminal.interactive and statement.duration_ns then
      parts[#parts + 1] = ("%.2f ms"):format(statement.duration_ns / 1e6)
    end
    local line = ("-- [%s] %s -- %s"):format(client, terminal.clean(statement.sql), table.concat(parts, ", "))
    to:write(to == io.stdout and terminal.paint("dim", line) or line, "\n")
  end
end

-- Adds the columns that every row equals a value in.
local function add_equalities(out, where)
  for column, condition in pairs(where) do
    if column == "_and" then
      for _, part in ipairs(condition) do add_equalities(out, part) end
    elseif column:sub(1, 1) ~= "_" then
      local value = condition
      if type(condition) == "table" then value = condition.eq end
      if type(value) ~= "table" then out[column] = value end
    end
  end
  return out
end

--- The equalities among the conditions, which rules see as req.where.
local function equalities(conditions) return add_equalities({}, conditions) end

--- Where the rows are read: at the place that the call asks for, or where the relation leads.
local function target(app, request)
  if not request.relation then return request.client end
  local decision = app:decide(request)
  if decision.denied then
    failure.raise(failure.SHORT, ("%s (rule '%s', %s)"):format(decision.denied, decision.rule, decision.source))
  end
  return decision.client, decision.table
end

function query.run(args)
  local format = rows.format(args)
  local app = application.open(args)
  local conditions = values.conditions(args.where, "--where")
  local request = app:request(args, equalities(conditions))
  local include = include_of(app, request.model, values.names(args.include))
  local client, from = target(app, request)
  local options = {
    where = next(conditions) and conditions or nil, columns = values.names(args.columns), order = values.names(args.order),
    limit = values.count(args.limit, "--limit"), offset = values.count(args.offset, "--offset"), include = include,
    distinct = args.distinct or nil, client = client, table = from, timeout = values.duration(args.timeout, "--timeout"),
    deleted = args.deleted,
  }

  local session <close> = app:session(request)
  if args.sql then session:observe(query.observer(FOR_PEOPLE[format] and io.stdout or io.stderr)) end
  local function read() return session:model(request.model):select(options) end
  local list, meta
  if request.current then
    session:switch_db(request.current, function() list, meta = read() end)
  else
    list, meta = read()
  end
  rows.print(list, meta, format)
  return failure.DONE
end

return query
