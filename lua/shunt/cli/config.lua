--- shunt config: the merged configuration, or what a configuration may hold.
local application = require "shunt.cli.application"
local core = require "shunt.core"
local failure = require "shunt.cli.failure"

local config = {}

local function text_of(args)
  if args.defaults and args.schema then failure.usage "--defaults and --schema exclude each other: give one of them" end
  if args.defaults then return core.settings "defaults" end
  if args.schema then return core.settings "schema" end
  return application.open(args).app:config()
end

function config.run(args)
  local text = text_of(args)
  io.write(text, text:sub(-1) == "\n" and "" or "\n")
  return failure.DONE
end

return config
