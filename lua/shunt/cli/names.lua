--- "Did you mean", by the library's own measure.
local core = require "shunt.core"

local names = {}

--- "; did you mean 'x'?", or nothing. Of two that are equally near, the first in the alphabet.
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
