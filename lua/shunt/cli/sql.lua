--- shunt sql: one SQL statement on a client.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local rows = require "shunt.cli.rows"
local terminal = require "shunt.cli.terminal"
local values = require "shunt.cli.values"

local sql = {}

local NO_RELATIONS = {}

--- A row holds one value for each name.
local function check_names(columns)
  local seen = {}
  for _, name in ipairs(columns) do
    if seen[name] then failure.usage("the result has two columns '%s': rename one with AS", terminal.clean(name)) end
    seen[name] = true
  end
end

--- Runs a statement and prints its rows; without a result, the number of rows that it wrote.
---@param session any
---@param client string?
---@param text string
---@param params shunt.value[]
---@param options shunt.sql_options
---@param format string as rows.format gives it
function sql.print(session, client, text, params, options, format)
  local written = 0
  session:observe(function(statement) written = written + statement.affected end)
  local list, meta = session:query(client, text, params, options)
  session:observe(nil)
  if #meta.columns > 0 then
    check_names(meta.columns)
    rows.print(list, meta, format)
  elseif format == "table" or format == "expanded" then
    print(("(%s written)"):format(terminal.counted(written, "row")))
  else
    rows.print({ { written = written } }, { columns = { "written" }, relations = NO_RELATIONS }, format)
  end
end

function sql.run(args)
  local format = rows.format(args)
  local app = application.open(args)
  app:check_client(args.client)
  local params = {}
  for i, text in ipairs(args.values) do params[i] = values.parse(text) end
  local text = args.sql == "-" and io.read "a" or args.sql
  local session <close> = app:session(app:session_of(args))
  sql.print(session, args.client, text, params, { op = args.op, timeout = values.duration(args.timeout, "--timeout") }, format)
  return failure.DONE
end

return sql
