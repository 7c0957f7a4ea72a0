--- The shunt command: parses the command line, runs one command, returns the exit status.
local argparse = require "argparse"
local failure = require "shunt.cli.failure"
local flags = require "shunt.cli.flags"
local host = require "shunt.cli.host"

local COMMANDS = { "init", "resolve", "explain", "query", "check", "topology", "config", "test", "run", "worker", "jobs", "bench" }

local EPILOG = [[
Exit status: 0 done; 1 a check fell short or a guard denied; 2 usage; 3 config or
rules don't load; 4 a datasource failed. See shunt(1).]]

--- Raised to leave the parser with something to print.
local Leave = {}

local function leave(stream, text, status) error(setmetatable({ stream = stream, text = text, status = status }, Leave), 0) end

--- Our own ways out in place of argparse's, which would end the process.
local function own_exits(parser)
  parser:flag "-h --help":description "Show this help and exit.":action(function()
    leave(io.stdout, parser:get_help(), failure.DONE)
  end)
  function parser.error(self, message)
    leave(io.stderr, ("shunt: %s\n\n%s"):format(message, self:get_usage()), failure.USAGE)
  end
  return parser
end

local function build()
  local parser = own_exits(argparse("shunt"):add_help(false))
  parser:description "Routing rules in Lua decide where each access to a model or relation goes."
  parser:epilog(EPILOG):help_description_margin(30)
  parser:require_command(false):command_target "command"
  parser:flag "--version":description "Show the version and exit.":action(function()
    leave(io.stdout, "shunt " .. host.version, failure.DONE)
  end)
  flags.config(parser, "before_")
  local modules = {}
  for _, name in ipairs(COMMANDS) do
    local module = require("shunt.cli." .. name)
    local command = own_exits(parser:command(name):add_help(false):summary(module.summary):description(module.summary))
    module.options(command)
    if not module.without_config then flags.config(command) end
    modules[name] = module
  end
  local help = own_exits(parser:command "help":add_help(false):summary "Show help for a command.")
  help:argument "topic":argname "COMMAND":args "?"
  modules.help = {
    run = function(args)
      if not args.topic then leave(io.stdout, parser:get_help(), failure.DONE) end
      for _, command in ipairs(parser._commands) do
        if command._name == args.topic then leave(io.stdout, command:get_help(), failure.DONE) end
      end
      help:error(("unknown command '%s'"):format(args.topic))
    end,
  }
  return parser, modules
end

local TAKES_VALUE = { ["-c"] = true, ["--config"] = true, ["--env"] = true }

--- What follows the script of `shunt run` belongs to the script, options included: it is kept from the parser.
---@return string[] ours, string[] theirs
local function split(arguments)
  local function after_options(i)
    while arguments[i] and arguments[i]:sub(1, 1) == "-" and arguments[i] ~= "--" do
      i = i + (TAKES_VALUE[arguments[i]] and 2 or 1)
    end
    return i
  end
  local i = after_options(1)
  if arguments[i] ~= "run" then return arguments, {} end
  i = after_options(i + 1)
  if arguments[i] == "--" then i = i + 1 end
  return table.move(arguments, 1, i, 1, {}), table.move(arguments, i + 1, #arguments, 1, {})
end

local TAKES_MINUS = { ["--order"] = "^%-[^-]", ["--limit"] = "^%-%d", ["--offset"] = "^%-%d", ["--level"] = "^%-%d" }

--- `--order -id`, `--limit -1`: the value looks like an option, and is none.
local function join_minus(arguments)
  local out = {}
  for _, argument in ipairs(arguments) do
    local pattern = TAKES_MINUS[out[#out]]
    if pattern and argument:find(pattern) then
      out[#out] = out[#out] .. "=" .. argument
    else
      out[#out + 1] = argument
    end
  end
  return out
end

local function dispatch(arguments)
  local parser, modules = build()
  local ours, theirs = split(arguments)
  ours = join_minus(ours)
  local args = parser:parse(ours)
  if not args.command then leave(io.stderr, parser:get_help(), failure.USAGE) end
  args.config, args.env = args.config or args.before_config, args.env or args.before_env
  if args.command == "run" then args.arguments = theirs end
  return modules[args.command].run(args)
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
  if ok then return result end
  if getmetatable(result) == Leave then
    result.stream:write(result.text, "\n")
    return result.status
  end
  return failure.report(result)
end
