--- The shunt command of this build, and what it prints.
--- Use: local Command = require "tests.spec.support.command"; local text, status = Command.capture(Command.binary .. " --help")

local read = require("tests.files").read

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

--- Runs the command in a folder, without standard input.
---@param folder string
---@param arguments string as a shell reads them
---@param environment? string "NAME=value …"
---@return integer status, string out, string err
function M.run(folder, arguments, environment)
  local log = folder .. "/.stderr"
  local out, status = M.capture(("cd %s && env -u SHUNT_ENV -u SHUNT_APP %s %s %s 2>%s </dev/null"):format(M.quoted(folder),
    environment or "", M.quoted(M.binary), arguments, M.quoted(log)))
  return status, out, read(log)
end

---@param text string
---@return string[]
function M.lines(text)
  local out = {}
  for line in text:gmatch "[^\n]+" do out[#out + 1] = line end
  return out
end

return M
