--- What a command that takes long is doing, on one line of standard error that is overwritten: on a terminal only.
local host = require "shunt.cli.host"
local terminal = require "shunt.cli.terminal"

local progress = {}

local FIRST_NS, PAUSE_NS = 500000000, 100000000 -- a command that ends at once shows nothing

local shows = host.isatty(2) and os.getenv "TERM" ~= "dumb"
local due, shown = host.now_ns() + FIRST_NS, false

local function write(now, format, ...)
  due, shown = now + PAUSE_NS, true
  io.stdout:flush()
  io.stderr:write("\r\27[K", terminal.clean(format:format(...)), "\r")
end

--- Shows how far the command is, unless it has done so just before. Calling it for every step is cheap.
---@param format string
function progress.show(format, ...)
  local now = shows and host.now_ns()
  if now and now >= due then write(now, format, ...) end
end

--- The same at once: before a step that may wait.
---@param format string
function progress.waits(format, ...)
  if shows then write(host.now_ns(), format, ...) end
end

--- Removes the line: before other output, and at the end.
function progress.done()
  if not shown then return end
  io.stderr:write "\r\27[K"
  shown = false
end

return progress
