--- shunt run: runs a Lua host program in which require "shunt" works.
local shunt = require "shunt"
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local log = require "shunt.cli.log"

local run = {}

--- shunt.open takes -c and --env if the program names no others. --log is for every app that the program opens.
local function preset(args)
  local open = shunt.open
  shunt.open = function(path, options)
    local merged = {}
    for name, value in pairs(options or {}) do merged[name] = value end
    merged.env = merged.env or args.env
    local app = open(path or application.path(args), merged)
    log.attach(app, args)
    return app
  end
end

--- A traceback without the command's own part.
local function traceback() return (debug.traceback(nil, 3):gsub("\n%s*%[C%]: in function 'xpcall'.*", "")) end

function run.run(args)
  if not host.exists(args.script) then failure.usage("there is no %s", args.script) end
  local chunk, message = loadfile(args.script)
  if not chunk then failure.raise(failure.SHORT, message) end
  preset(args)
  _G.arg = { [0] = args.script, table.unpack(args.rest) }
  local way
  local ok, err = xpcall(chunk, function(problem)
    way = traceback()
    return problem
  end, table.unpack(args.rest))
  if ok then return failure.DONE end
  return failure.report(err, way)
end

return run
