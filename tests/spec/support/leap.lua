--- Other programs whose wall clock is set by a test: tests/support/leap.c.
--- Use: local clock = Leap.new(); os.execute(clock.environment .. " program"); clock:set(86400); clock:close()

local M = {}

---@class Leap
---@field environment string the words before a command
---@field path string
local Leap = {}
Leap.__index = Leap

local build = os.getenv "SHUNT_BUILD" or "build"
M.binary = os.getenv "SHUNT_BIN" or "build/shunt" -- runs programs with the sanitizers that the library has

--- What a program has in its environment, so that its clock is what the file says, or "storm". Where it has the address
--- sanitizer, leap.so comes before that.
---@param file string
---@return string
function M.environment(file)
  return ("SHUNT_LEAP='%s' LD_PRELOAD=\"$LD_PRELOAD $PWD/%s/tests/leap.so\" ASAN_OPTIONS=\"$ASAN_OPTIONS:verify_asan_link_order=0\"")
    :format(file, build)
end

---@return Leap
function M.new()
  local self = setmetatable({ path = os.tmpname() }, Leap)
  self.environment = M.environment(self.path)
  self:set(0)
  return self
end

--- How far the clock is off from now on.
---@param seconds integer
function Leap:set(seconds) M.set(self.path, seconds) end

--- The same for a file. Programs have it in their memory: it is never shorter.
---@param path string
---@param seconds integer
function M.set(path, seconds)
  local file = io.open(path, "r+b") or assert(io.open(path, "wb"))
  assert(file:write(string.pack("=i8", seconds * 1000000000)))
  assert(file:close())
end

function Leap:close() os.remove(self.path) end

return M
