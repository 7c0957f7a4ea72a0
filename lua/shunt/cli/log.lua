--- --log: the events of the application, one line each, on standard error.
local shunt = require "shunt"
local terminal = require "shunt.cli.terminal"

local log = {}

local function plain(event)
  local seconds = event.time // 1 | 0
  local time = ("%s.%03dZ"):format(os.date("!%FT%T", seconds), (event.time - seconds) * 1000 // 1 | 0)
  return terminal.clean(("%s %s %s: %s"):format(time, event.severity, event.kind, event.text))
end

--- Prints the events of this app, if the flags ask for it.
---@param app any
---@param args table
function log.attach(app, args)
  if not args.log then return end
  local line = args.json and shunt.json or plain
  app:on(function(event) io.stderr:write(line(event), "\n") end, { severity = args.log })
end

return log
