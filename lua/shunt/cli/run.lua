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

-- One function for each -e, one for a script.
local function chunks_of(args)
  local chunks = {}
  local function add(chunk, message)
    if not chunk then failure.raise(failure.SHORT, message) end
    chunks[#chunks + 1] = chunk
  end
  for _, code in ipairs(args.execute or {}) do add(load(code, "=(command line)")) end
  if #chunks > 0 then return chunks end
  if not args.script then failure.usage "missing argument 'SCRIPT.lua': name a program, - for standard input, or -e CODE" end
  if args.script == "-" then
    add(loadfile())
  else
    if not host.exists(args.script) then failure.usage("there is no %s", args.script) end
    add(loadfile(args.script))
  end
  return chunks
end

function run.run(args)
  local chunks = chunks_of(args)
  preset(args)
  _G.arg = { [0] = args.script or "-e", table.unpack(args.rest) }
  local way
  local function handler(problem)
    way = traceback()
    return problem
  end
  for _, chunk in ipairs(chunks) do
    local ok, err = xpcall(chunk, handler, table.unpack(args.rest))
    if not ok then return failure.report(err, way) end
  end
  return failure.DONE
end

return run
