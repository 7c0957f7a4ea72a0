--- Files as the specs and the checks read them.
--- Use: local files = require "tests.files"; local text = files.read "README.md"
local M = {}

--- The text of a file, or nil if it can't be opened.
---@param path string
---@return string?
function M.try_read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text
end

--- The text of a file, which must be there.
---@param path string
---@return string
function M.read(path)
  return M.try_read(path) or error("can't read " .. path, 2)
end

return M
