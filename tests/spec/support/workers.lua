--- `shunt worker` in processes of their own, for one test.
--- Use: local w = Workers.start(folder, "--queue mail"); …; w:signal "TERM"; local status, output = w:wait()

local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local files = require "tests.files"

local M = {}

local PATIENCE_S = 60

local binary = Command.binary

local function read(path) return files.try_read(path) or "" end

--- Waits until fn gives something, and gives that; fails with what where it never does.
---@param what string
---@param fn fun(): any
function M.eventually(what, fn)
  local give_up = os.time() + PATIENCE_S
  repeat
    local got = fn()
    if got then return got end
    os.execute "sleep 0.02"
  until os.time() > give_up
  error(("%s: not within %d s"):format(what, PATIENCE_S), 2)
end

---@class WorkerProcess
---@field pid string
---@field base string of its files' names
local Process = {}
Process.__index = Process

local started = 0

--- Starts it on the application in folder; back when it is ready, unless options say --once.
---@param folder string
---@param options? string
---@param environment? string such as "A=1 B=2"
---@return WorkerProcess
function M.start(folder, options, environment)
  started = started + 1
  local base = ("%s/.worker-%d"):format(folder, started)
  App.write(base .. ".sh", ("%s %s worker -c %s/shunt.yaml %s >%s.out 2>&1 </dev/null & echo $! >%s.pid\nwait $!\necho $? >%s.status\n")
    :format(environment or "", binary, folder, options or "", base, base, base))
  assert(os.execute(("sh %s.sh >/dev/null 2>&1 &"):format(base)))
  local self = setmetatable({ base = base }, Process)
  self.pid = M.eventually("the worker's number", function() return read(base .. ".pid"):match "%d+" end)
  if not (options or ""):find("--once", 1, true) then
    M.eventually("a worker is ready", function()
      if read(base .. ".status") ~= "" then error("the worker ended: " .. self:output(), 0) end
      return self:output():find("ready:", 1, true)
    end)
  end
  return self
end

function Process:signal(name) os.execute(("kill -%s %s 2>/dev/null"):format(name, self.pid)) end

function Process:output() return read(self.base .. ".out") end

--- Waits until it has ended, and gives its exit status and what it printed.
---@return integer status
---@return string output
function Process:wait()
  local status = M.eventually("the worker's end", function() return read(self.base .. ".status"):match "%d+" end)
  return math.tointeger(tonumber(status)), self:output()
end

return M
