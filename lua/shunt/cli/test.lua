--- shunt test: runs the application's busted specs, and prints the rule coverage.
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local host = require "shunt.cli.host"
local terminal = require "shunt.cli.terminal"

local test = {}

local FOR_PEOPLE = { utfTerminal = true, plainTerminal = true }

local function need(module)
  local found, value = pcall(require, module)
  if found then return value end
  failure.raise(failure.SHORT, "busted is missing: install it (on Debian: apt-get install lua-busted)")
end

--- What busted makes of the arguments and its file .busted; nil if it refuses them, which it says itself when it runs.
local function options_of(arguments)
  local cli = need "busted.modules.cli" { standalone = false, output = "plainTerminal" }
  cli:set_name "shunt test"
  return (cli:parse(table.move(arguments, 0, #arguments, 0, {})))
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

--- Prints which rules decided.
---@param out file* beside the output for programs, it is standard error
local function coverage(app, out)
  app:refresh()
  local total, decided, lines = 0, 0, {}
  for _, rule in ipairs(app.catalog.rules) do
    if not rule.standard then
      total = total + 1
      if rule.decided > 0 then
        decided = decided + 1
      else
        lines[#lines + 1] = { rule.asked > 0 and "never decided" or "never asked", rule.source, rule.name }
      end
    end
  end
  out:write(("rule coverage: %d of %s decided at least once\n"):format(decided, terminal.counted(total, "rule")))
  for _, line in ipairs(terminal.table(lines, "  ")) do out:write(line, "\n") end
end

function test.run(args)
  local app = application.open(args, "test")
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
  require("shunt.busted").use(app.app)
  local arguments = { [0] = "shunt test", "--ignore-lua" } -- .busted may name another Lua, which would lack this process's app
  for _, pattern in ipairs(args.filter or {}) do arguments[#arguments + 1] = "--filter=" .. pattern end
  if args.output then arguments[#arguments + 1] = "--output=" .. args.output end
  table.move(paths, 1, #paths, #arguments + 1, arguments)
  local options = options_of(arguments)
  local status = run_busted(arguments)
  io.stdout:flush()
  coverage(app, (not options or FOR_PEOPLE[options.output]) and io.stdout or io.stderr)
  return status
end

return test
