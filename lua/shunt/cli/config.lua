--- shunt config: the merged configuration.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"

local config = {}

function config.run(args)
  local text = application.open(args).app:config()
  io.write(text, text:sub(-1) == "\n" and "" or "\n")
  return failure.DONE
end

return config
