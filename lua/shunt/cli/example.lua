--- Texts that a Lua pattern matches: what a rule may look for with find and match.
local example = {}

local OF_CLASS = {
  a = "a", c = "\1", d = "1", g = "a", l = "a", p = ".", s = " ", u = "A", w = "a", x = "1",
  A = "1", C = "a", D = "a", G = " ", L = "A", P = "a", S = "a", U = "a", W = ".", X = "x",
}

--- A character outside of a set such as [^%d].
local function outside(set)
  for _, character in ipairs { "a", "1", "A", ".", " ", "_", "x" } do
    if character:find(set) then return character end
  end
  return ""
end

--- One character that the set [..] at `from` takes, and the position behind the set.
local function of_set(pattern, from)
  local first = pattern:sub(from + 1, from + 1) == "^" and from + 2 or from + 1
  local close = first
  repeat
    close = close + (pattern:sub(close, close) == "%" and 2 or 1)
  until close > #pattern or pattern:sub(close, close) == "]"
  if first == from + 2 then return outside(pattern:sub(from, close)), close + 1 end
  local character = pattern:sub(first, first)
  if character == "%" then character = OF_CLASS[pattern:sub(first + 1, first + 1)] or pattern:sub(first + 1, first + 1) end
  return character, close + 1
end

--- One character, or a balanced pair, that the item at `from` takes, and the position behind the item.
local function of_item(pattern, from)
  local character = pattern:sub(from, from)
  if character == "." then return "a", from + 1 end
  if character == "[" then return of_set(pattern, from) end
  if character ~= "%" then return character, from + 1 end
  local class = pattern:sub(from + 1, from + 1)
  if class == "b" then return pattern:sub(from + 2, from + 3), from + 4 end
  if class == "f" then return "", select(2, of_set(pattern, from + 2)) end
  return OF_CLASS[class] or class, from + 2
end

--- The text in which each item that may be absent appears `times` times.
local function made(pattern, times)
  local out, at = {}, pattern:sub(1, 1) == "^" and 2 or 1
  while at <= #pattern and pattern:sub(at) ~= "$" do
    if pattern:find("^[()]", at) then
      at = at + 1
    else
      local text, behind = of_item(pattern, at)
      local repeats = pattern:match("^[*?-]", behind)
      out[#out + 1] = repeats and text:rep(times) or text
      at = behind + ((repeats or pattern:find("^%+", behind)) and 1 or 0)
    end
  end
  return table.concat(out)
end

--- Up to two texts that match the pattern: the shortest, and one with each item once. None if it has no characters that are
--- special in patterns.
---@param pattern string
---@return string[]
function example.of(pattern)
  local out = {}
  for times = 0, pattern:find "[%^%$%(%)%%%.%[%*%+%-%?]" and 1 or -1 do
    local ok, text = pcall(made, pattern, times)
    local fine, found = pcall(string.find, ok and text or "", pattern)
    if ok and fine and found and text ~= out[1] then out[#out + 1] = text end
  end
  return out
end

return example
