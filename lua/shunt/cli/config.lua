--- shunt config: the merged configuration, or what a configuration may hold.
local application = require "shunt.cli.application"
local core = require "shunt.core"
local failure = require "shunt.cli.failure"
local man_config = require "shunt.cli.man_config"

local config = {}

--- The flags that print something other than the configuration.
local FORMS = {
  defaults = function() return core.settings "defaults" end,
  schema = function() return core.settings "schema" end,
  man = man_config.page,
}

local function text_of(args)
  local given
  for name in pairs(FORMS) do
    if args[name] and given then
      failure.usage "--defaults, --schema and --man exclude each other: give one of them"
    elseif args[name] then
      given = name
    end
  end
  return given and FORMS[given]() or application.open(args).app:config()
end

function config.run(args)
  local text = text_of(args)
  io.write(text, text:sub(-1) == "\n" and "" or "\n")
  return failure.DONE
end

return config
