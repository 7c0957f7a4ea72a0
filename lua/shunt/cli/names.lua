--- "Did you mean", with the library's own distance.
local core = require "shunt.core"

local names = {}

--- "; did you mean 'x'?", or "". If two names are equally near, the first in the alphabet.
---@param name string
---@param known table<string, any> the names are its keys
---@return string
function names.hint(name, known)
  local list = {}
  for other in pairs(known) do list[#list + 1] = other end
  table.sort(list)
  return core.hint(name, list)
end

return names
