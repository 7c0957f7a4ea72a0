--- The nearest of a set of names, for "did you mean": the same measure as the library's own messages have.
local names = {}

local LONGEST = 64

--- Letters to insert, delete, replace or swap with their neighbour.
local function distance(a, b)
  local rows = { [0] = {} }
  for j = 0, #b do rows[0][j] = j end
  for i = 1, #a do
    local row, up, up2 = { [0] = i }, rows[i - 1], rows[i - 2]
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(up[j] + 1, row[j - 1] + 1, up[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], up2[j - 2] + 1)
      end
    end
    rows[i] = row
  end
  return rows[#a][#b]
end

--- The nearest name that is near enough to be meant, or nil. Of two that are equally near, the first in the alphabet.
---@param name string
---@param known table<string, any> the names are its keys
---@return string?
function names.nearest(name, known)
  local allowed = #name < 4 and 1 or math.max(2, #name // 3)
  local best, least = nil, allowed
  if name == "" or #name > LONGEST then return nil end
  for other in pairs(known) do
    if other ~= "" and math.abs(#other - #name) <= least then
      local d = distance(name, other)
      if d < least or d == least and (not best or other < best) then
        best, least = other, d
      end
    end
  end
  return best
end

--- "; did you mean 'x'?", or nothing.
---@return string
function names.hint(name, known)
  local near = names.nearest(name, known)
  return near and ("; did you mean '%s'?"):format(near) or ""
end

return names
