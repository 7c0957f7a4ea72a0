--- Values as Lua source, with sorted keys: for rule files that are generated, and for the messages of failing tests.

local M = {}

local function key_text(k)
  if type(k) == "string" and k:match "^[%a_][%w_]*$" and k ~= "and" and k ~= "or" and k ~= "not" and k ~= "in" then return k end
  if type(k) == "string" then return ("[%q]"):format(k) end
  return "[" .. tostring(k) .. "]"
end

--- The keys besides those of the list, in the order of their texts.
---@param t table
---@return any[]
function M.sorted_keys(t)
  local keys = {}
  for k in pairs(t) do
    if math.type(k) ~= "integer" or k < 1 or k > #t then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

--- The value as Lua source. `null` is how shunt.null is written. A table with the field `_source` is that text.
---@param v any
---@param null any
---@return string
function M.source(v, null)
  if v == null and v ~= nil then return "null" end
  if type(v) == "string" then return (("%q"):format(v):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\0", "\\0")) end
  if type(v) ~= "table" then return tostring(v) end
  if v._source then return v._source end
  local parts = {}
  for _, item in ipairs(v) do parts[#parts + 1] = M.source(item, null) end
  for _, k in ipairs(M.sorted_keys(v)) do parts[#parts + 1] = key_text(k) .. " = " .. M.source(v[k], null) end
  if #parts == 0 then return "{}" end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

--- The first place where two values differ, as text; nil if they don't differ. Integers and floats differ.
---@param expected any
---@param actual any
---@param null any
---@param path? string
---@return string?
function M.difference(expected, actual, null, path)
  path = path or "result"
  local same_kind = type(expected) == type(actual) and math.type(expected) == math.type(actual)
  if type(expected) ~= "table" or type(actual) ~= "table" or expected == null or actual == null then
    if same_kind and (expected == actual or expected ~= expected and actual ~= actual) then return nil end
    return ("%s: expected %s, got %s"):format(path, M.source(expected, null), M.source(actual, null))
  end
  if #expected ~= #actual then
    return ("%s: expected %d rows, got %d\n  expected %s\n  got      %s"):format(path, #expected, #actual,
      M.source(expected, null), M.source(actual, null))
  end
  for k, v in pairs(expected) do
    local sub = M.difference(v, actual[k], null, path .. "." .. tostring(k))
    if sub then return sub end
  end
  for k, v in pairs(actual) do
    if expected[k] == nil then return ("%s.%s: expected nothing, got %s"):format(path, tostring(k), M.source(v, null)) end
  end
  return nil
end

return M
