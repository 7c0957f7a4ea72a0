--- Commands with actions: what each action takes.
local commands = require "shunt.cli.commands"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"

local action = {}

--- Flags and arguments that not every action takes are refused for the others.
---@param command string
---@param args table
function action.check(command, args)
  local taken, special = {}, {}
  for name, list in pairs(commands.by_name[command].takes) do
    for _, taking in ipairs(list) do
      special[taking] = true
      taken[taking] = taken[taking] or name == args.action
    end
  end
  for _, name in ipairs(output.keys(special)) do
    local given = args[name:lower():gsub("^%-%-", "")]
    if given and not taken[name] then failure.usage("%s %s takes no %s", command, args.action, name) end
  end
end

return action
