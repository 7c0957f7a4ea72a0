--- Splits an SQL script into its statements: ; inside '…', "…", […], `…` and comments ends nothing.

local M = {}

local closing = { ["'"] = "'", ['"'] = '"', ["["] = "]", ["`"] = "`" }

-- The position behind whatever begins at i: a quoted thing, a comment, or one character.
local function skip(text, i)
  local c = text:sub(i, i)
  local close = closing[c]
  if close then
    local at = i
    repeat
      at = assert(text:find(close, at + 1, true), "an unfinished " .. c .. " in the script")
      -- A doubled quote is one that stands in the text.
      local doubled = close ~= "]" and text:sub(at + 1, at + 1) == close
      if doubled then at = at + 1 end
    until not doubled
    return at + 1, false
  end
  local two = text:sub(i, i + 1)
  if two == "--" then return (text:find("\n", i, true) or #text) + 1, true end
  if two == "/*" then
    local _, last = text:find("*/", i + 2, true)
    return assert(last, "an unfinished comment in the script") + 1, true
  end
  return i + 1, false
end

--- The script's statements, without comments and the ; at their ends.
---@param text string
---@return string[]
function M.split(text)
  if text:sub(1, 3) == "\u{FEFF}" then text = text:sub(4) end
  local statements, parts, from, i = {}, {}, 1, 1
  local function finish(last)
    parts[#parts + 1] = text:sub(from, last)
    local statement = table.concat(parts):match "^%s*(.-)%s*$"
    if statement ~= "" then statements[#statements + 1] = statement end
    parts = {}
  end
  while true do
    local at = text:find("[;'\"%[`%-/]", i)
    if not at then break end
    if text:sub(at, at) == ";" then
      finish(at - 1)
      from, i = at + 1, at + 1
    else
      local behind, comment = skip(text, at)
      if comment then
        parts[#parts + 1] = text:sub(from, at - 1) .. " "
        from = behind
      end
      i = behind
    end
  end
  finish(#text)
  return statements
end

return M
