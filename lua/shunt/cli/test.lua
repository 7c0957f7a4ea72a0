--- shunt test: runs the application's busted specs, and prints the rule coverage.
local application = require "shunt.cli.application"
local coverage = require "shunt.cli.coverage"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local watch = require "shunt.cli.watch"

local test = {}

local FOR_PEOPLE = { utfTerminal = true, plainTerminal = true }

local function need(module)
  local found, value = pcall(require, module)
  if found then return value end
  failure.raise(failure.SHORT, "busted is missing: install it (on Debian: apt-get install lua-busted)")
end

--- What busted makes of the arguments and its file .busted; nil if it was asked for its help, which is printed then.
local function options_of(arguments)
  local cli = need "busted.modules.cli" { standalone = false, output = "plainTerminal" }
  cli:set_name "shunt test"
  local options, message = cli:parse(table.move(arguments, 0, #arguments, 0, {}))
  if options then return options end
  message = tostring(message):gsub("^shunt test: error: ", ""):gsub("; re%-run with %-%-help for usage%.$", "")
  if not message:find "^Usage: " then failure.usage("busted: %s", message) end
  print(message)
end

--- Runs busted in this process. It calls os.exit after a failure, and returns otherwise.
---@param arguments string[]
---@return integer status
local function run_busted(arguments)
  local runner = need "busted.runner"
  local exit, over = os.exit, {}
  _G.arg = arguments
  os.exit = function(code) -- luacheck: ignore 122
    over.code = code
    error(over, 0)
  end
  local ok, err = xpcall(runner, function(e) return e == over and e or debug.traceback(tostring(e), 2) end,
    { standalone = false })
  os.exit = exit -- luacheck: ignore 122
  if ok then return failure.DONE end
  if err ~= over then failure.raise(failure.SHORT, err) end
  return (over.code == 0 or over.code == true) and failure.DONE or failure.SHORT
end

--- The folder or the files of the specs.
local function paths_of(app, args)
  local paths = args.paths
  if #paths == 0 then
    paths = { app.folder .. "spec" }
    if not host.list(paths[1]) then
      failure.usage("there is no folder %s: write specs there, or name them", paths[1])
    end
  end
  for _, path in ipairs(paths) do
    if not host.exists(path) then failure.usage("there is no %s", path) end
  end
  return paths
end

--- busted's command line. What follows -- comes last: it overrides the flags.
local function arguments_of(app, args)
  local out = { [0] = "shunt test", "--ignore-lua" } -- .busted may name another Lua, which would lack this process's app
  for _, pattern in ipairs(args.filter or {}) do out[#out + 1] = "--filter=" .. pattern end
  if args.output then out[#out + 1] = "--output=" .. args.output end
  table.move(args.rest or {}, 1, #(args.rest or {}), #out + 1, out)
  local paths = paths_of(app, args)
  return table.move(paths, 1, #paths, #out + 1, out)
end

--- A percentage; nil if it is not given.
local function minimum(text)
  if not text then return nil end
  local n = text:find "^%d+%.?%d*$" and tonumber(text)
  if not n or n > 100 then failure.usage("--min-coverage takes a percentage from 0 to 100, not '%s'", text) end
  return n
end

--- Prints the coverage and writes it to files. Whether it is enough.
local function report(app, files, options, least)
  local covered = coverage.of(app)
  covered:print(FOR_PEOPLE[options.output] and io.stdout or io.stderr)
  covered:write(files)
  if not least or covered:percent() >= least then return true end
  io.stdout:flush()
  io.stderr:write(("shunt: the rule coverage is %.1f %%, less than the %g %% of --min-coverage\n"):format(covered:percent(), least))
  return false
end

function test.run(args)
  local least = minimum(args.min_coverage)
  if args.watch then return watch.run(args, args.words) end
  local app = application.open(args, "test")
  local arguments = arguments_of(app, args)
  local options = options_of(arguments)
  if not options then return failure.DONE end
  local runs = not (options.list or options.version)
  local files = coverage.open(runs and args.coverage or nil)
  require("shunt.busted").use(app.app)
  local status = run_busted(arguments)
  io.stdout:flush()
  if not runs then return status end
  return report(app, files, options, least) and status or failure.SHORT
end

return test
