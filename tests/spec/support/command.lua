--- The shunt command of this build, and what it prints.
--- Use: local Command = require "tests.spec.support.command"; local text, status = Command.capture(Command.binary .. " --help")

local M = {}

--- What a shell command writes to its standard output, and its exit status.
---@param command string
---@return string, integer
function M.capture(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read "a"
  return text, select(3, pipe:close())
end

--- A word of a shell command.
---@param text string
---@return string
function M.quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local here = M.capture "pwd":gsub("\n", "")

--- The path of the command, which holds in every folder.
M.binary = os.getenv "SHUNT_BIN" or here .. "/build/shunt"
if M.binary:sub(1, 1) ~= "/" then M.binary = here .. "/" .. M.binary end

return M
