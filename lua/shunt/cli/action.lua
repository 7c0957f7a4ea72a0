--- Commands with actions: what each action takes.
local commands = require "shunt.cli.commands"
local failure = require "shunt.cli.failure"

local action = {}

--- Whether the action takes the flag or argument. Those that no action names are for all of them.
---@param command shunt.cli.command
---@return boolean
function action.takes(command, action_name, name)
  local named = false
  for of, list in pairs(command.takes or {}) do
    for _, taking in ipairs(list) do
      if taking == name and of == action_name then return true end
      named = named or taking == name
    end
  end
  return not named
end

--- Refuses flags and arguments that the action does not take.
---@param name string of the command
---@param args table
function action.check(name, args)
  local command = commands.by_name[name]
  local function check(declared)
    local given = args[declared:lower():gsub("^%-%-", "")]
    if given and not action.takes(command, args.action, declared) then failure.usage("%s %s takes no %s", name, args.action, declared) end
  end
  for _, declared in ipairs(command.arguments) do check(declared[1]) end
  for _, flag in ipairs(command.flags) do check(flag[1]) end
end

return action
