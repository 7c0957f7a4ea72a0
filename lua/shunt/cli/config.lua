--- shunt config: the merged configuration.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"

local config = { summary = "Print the merged configuration, secrets hidden." }

function config.options() end

function config.run(args)
  local text = application.open(args).app:config()
  io.write(text, text:sub(-1) == "\n" and "" or "\n")
  return failure.DONE
end

return config
