--- The parser of the command line, made from the declarations in commands.lua.
local argparse = require "argparse"
local commands = require "shunt.cli.commands"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"

local parser = {}

local WIDTH, MARGIN = 100, 30

--- Raised to leave the parser with something to print.
local Leave = {}

---@param stream file*
function parser.leave(stream, text, status)
  error(setmetatable({ stream = stream, text = text, status = status }, Leave), 0)
end

--- Prints what leave was given, and returns its status; nil for any other error.
---@return integer?
function parser.left(err)
  if getmetatable(err) ~= Leave then return nil end
  err.stream:write(err.text, "\n")
  return err.status
end

--- Exits of our own in place of argparse's, which would end the process.
local function own_exits(of)
  of:flag(commands.help[1]):description(commands.help[3]):action(function()
    parser.leave(io.stdout, of:get_help(), failure.DONE)
  end)
  function of.error(self, message)
    parser.leave(io.stderr, ("shunt: %s\n\n%s"):format(message, self:get_usage()), failure.USAGE)
  end
  return of
end

--- What an argument is called in the table of arguments: "SCRIPT.lua" is script.
local function target(argument) return argument.target or argument[1]:match "^%a+":lower() end

local function add_argument(to, declared)
  local argument = to:argument(declared[1]):target(target(declared)):argname(declared[1]):description(declared[2])
  if declared.args then argument:args(declared.args) end
  if declared.choices then argument:choices(declared.choices) end
end

--- Adds the value to the list of another flag, behind a `false`.
local function add_alternative(name)
  return function(result, _, value)
    local list = result[name] or {}
    result[name] = table.move({ false, value }, 1, 2, #list + 1, list)
  end
end

--- The flags before the command and those after it are kept apart, for the parser forgets the former at the latter.
---@param prefix? string of the name that the value gets
local function add_flag(to, declared, prefix)
  if declared == commands.help then return end
  if not declared[2] then
    to:flag(declared[1]):description(declared[3])
    return
  end
  local name, alias = declared[1]:match "^(%S+) ?(%S*)$"
  local option = to:option(name):argname(declared[2]):description(declared[3] .. (alias ~= "" and " Also: " .. alias .. "." or ""))
  if alias ~= "" then option:hidden_name(alias) end
  option:target((prefix or "") .. declared[1]:match "%-%-(%S+)":gsub("-", "_"))
  if declared.choices then option:choices(declared.choices) end
  if declared.many then option:count "*" end
  if declared.alternative_of then option:action(add_alternative(declared.alternative_of)) end
end

local function add_command(to, declared)
  local names = declared.name .. (declared.alias and " " .. declared.alias or "")
  local command = own_exits(to:command(names):add_help(false):summary(declared.summary):hidden(declared.hidden or false))
  command:description(declared.summary .. (declared.details and "\n\n" .. declared.details or ""))
  for _, argument in ipairs(declared.arguments) do add_argument(command, argument) end
  for _, flag in ipairs(commands.flags(declared)) do add_flag(command, flag) end
  return command
end

local function epilog()
  local out = {}
  for i, entry in ipairs(commands.exit_status) do out[i] = ("  %d  %s"):format(entry[1], entry[2]) end
  return "Exit status:\n" .. table.concat(out, "\n")
end

--- The parser, and the one of each command by its name.
function parser.build()
  local program = own_exits(argparse("shunt"):add_help(false))
  program:description "Routing rules in Lua decide where each access to a model or relation goes."
  program:epilog(epilog()):help_description_margin(MARGIN):help_max_width(WIDTH):usage_max_width(WIDTH)
  program:require_command(false):command_target "command"
  program:flag(commands.version[1]):description(commands.version[3]):action(function()
    parser.leave(io.stdout, "shunt " .. host.version, failure.DONE)
  end)
  for _, flag in ipairs(commands.config) do add_flag(program, flag, "before_") end
  local by_name = {}
  for _, command in ipairs(commands.list) do by_name[command.name] = add_command(program, command) end
  return program, by_name
end

local function is_choice(flag, word)
  for _, choice in ipairs(flag.choices) do
    if choice == word then return true end
  end
  return false
end

--- Whether one of the flags takes the next word.
local function takes_value(flags, word, next_word)
  for _, flag in ipairs(flags) do
    for name in flag[1]:gmatch "%S+" do
      if name == word and flag[2] then return not flag.default or is_choice(flag, next_word) end
    end
  end
  return false
end

--- The position behind the options that begin at i.
local function after_options(arguments, i, flags)
  while arguments[i] and arguments[i]:find "^%-." and arguments[i] ~= "--" do
    i = i + (takes_value(flags, arguments[i], arguments[i + 1]) and 2 or 1)
  end
  return i
end

-- Whether one of these arguments is the flag, by one of its names.
local function has(arguments, first, last, names)
  for i = first, math.min(last, #arguments) do
    for name in names:gmatch "%S+" do
      if arguments[i] == name or arguments[i]:sub(1, #name + 1) == name .. "=" then return true end
    end
  end
  return false
end

local function split_at_dashes(arguments, from)
  for i = from, #arguments do
    if arguments[i] == "--" then return table.move(arguments, 1, i - 1, 1, {}), table.move(arguments, i + 1, #arguments, 1, {}) end
  end
  return arguments, nil
end

--- What follows the script of `shunt run` belongs to the script, options included: it is kept from the parser. So is what
--- follows `-e CODE`, and what follows `--` of `shunt test`.
---@return string[] ours, string[]? theirs
function parser.split(arguments)
  local i = after_options(arguments, 1, commands.config)
  if arguments[i] == "--" then i = i + 1 end
  local command = commands.by_name[arguments[i]]
  if command and command.hands_on then return split_at_dashes(arguments, i + 1) end
  if not command or not command.rest then return arguments, nil end
  local last = i -- of our own arguments
  if not command.without_config then
    local first = i + 1
    last = after_options(arguments, first, commands.flags(command))
    local stops = arguments[last] == "--"
    if command.in_place and has(arguments, first, last - 1, command.in_place) then
      last = stops and last or last - 1
    elseif stops then
      last = last + 1
    end
  end
  return table.move(arguments, 1, last, 1, {}), table.move(arguments, last + 1, #arguments, 1, {})
end

local negative, optional = {}, {}
for _, command in ipairs(commands.list) do
  for _, flag in ipairs(command.flags) do negative[flag[1]] = negative[flag[1]] or flag.negative end
end

for _, flag in ipairs(commands.config) do optional[flag[1]] = flag.default and flag end

--- `--order -id`, `--limit -1`: the value looks like an option. Joined with "=" it is read as the value. `--log` without a
--- value gets its default.
function parser.join(arguments)
  local out = {}
  for i, argument in ipairs(arguments) do
    local pattern, flag = negative[out[#out]], optional[argument]
    if flag and not is_choice(flag, arguments[i + 1]) then argument = argument .. "=" .. flag.default end
    if pattern and argument:find(pattern) then
      out[#out] = out[#out] .. "=" .. argument
    else
      out[#out + 1] = argument
    end
  end
  return out
end

return parser
