--- The shunt command: parses the command line, runs one command, returns the exit status.
local failure = require "shunt.cli.failure"
local parser = require "shunt.cli.parser"
local progress = require "shunt.cli.progress"

local function dispatch(arguments)
  local program = parser.build()
  local ours, theirs = parser.split(arguments)
  local args = program:parse(parser.join(ours))
  if not args.command then parser.leave(io.stderr, program:get_help(), failure.USAGE) end
  args.config, args.env = args.config or args.before_config, args.env or args.before_env
  args.log = args.log or args.before_log
  args.rest, args.words = theirs, arguments
  return require("shunt.cli." .. args.command).run(args)
end

--- A mistake inside shunt keeps its traceback; errors that are meant for the user don't need one.
local function handler(err)
  if type(err) == "string" then return debug.traceback(err, 2) end
  return err
end

---@param arguments string[]
---@return integer status
return function(arguments)
  local ok, result = xpcall(dispatch, handler, arguments)
  progress.done()
  if ok then return result end
  return parser.left(result) or failure.report(result)
end
