--- Values of Lua as the console prints them.
local shunt = require "shunt"
local output = require "shunt.cli.output"
local terminal = require "shunt.cli.terminal"

local show = {}

local DEEPEST, WIDEST, MOST = 6, 80, 200

local function text(value) return '"' .. terminal.clean(value):gsub('"', '\\"') .. '"' end

local function scalar(value)
  if value == shunt.null then return "null" end
  if shunt.is_blob(value) then return ("<%s>"):format(terminal.counted(#value, "byte")) end
  if type(value) == "string" then return text(value) end
  return terminal.clean(tostring(value))
end

local function key(name)
  if type(name) == "string" and name:find "^[%a_][%w_]*$" then return name end
  return "[" .. scalar(name) .. "]"
end

local shown

-- The entries of a table: a list first, then the other keys in their order.
local function entries(value, depth, seen)
  local out, n = {}, #value
  for i = 1, math.min(n, MOST) do out[i] = shown(value[i], depth, seen) end
  local others = {}
  for _, name in ipairs(output.keys(value)) do
    if not (math.type(name) == "integer" and name >= 1 and name <= n) then others[#others + 1] = name end
  end
  for i = 1, math.min(#others, MOST) do out[#out + 1] = key(others[i]) .. " = " .. shown(value[others[i]], depth, seen) end
  if n > MOST or #others > MOST then out[#out + 1] = ("… (%d more)"):format(math.max(n - MOST, 0) + math.max(#others - MOST, 0)) end
  return out
end

function shown(value, depth, seen)
  local meta = getmetatable(value)
  if type(value) ~= "table" or type(meta) == "table" and meta.__tostring then return scalar(value) end
  if next(value) == nil then return "{}" end
  if seen[value] or depth >= DEEPEST then return "{…}" end
  seen[value] = true
  local list = entries(value, depth + 1, seen)
  seen[value] = nil
  local line = "{ " .. table.concat(list, ", ") .. " }"
  if terminal.width(line) + 2 * depth <= WIDEST and not line:find("\n", 1, true) then return line end
  local indent = ("  "):rep(depth + 1)
  return "{\n" .. indent .. table.concat(list, ",\n" .. indent) .. "\n" .. ("  "):rep(depth) .. "}"
end

--- A value as text: tables with their fields, on one line if it is short.
---@return string
function show.value(value)
  if type(value) == "string" then return text(value) end
  return shown(value, 0, {})
end

-- What runs below the user's lines, and between them.
local BELOW = "\n%s*%[C%]: in function 'xpcall'.*"
local BETWEEN = { "\n[^\n]*shunt/cli/console%.lua:[^\n]*", "\n%s*%(%.%.%.tail calls%.%.%.%)" }

--- Handler of errors: an error of the user's Lua gets a traceback, unless it would only repeat the line.
function show.traced(err)
  if type(err) ~= "string" then return err end
  local way = debug.traceback(nil, 2):gsub(BELOW, "")
  for _, frames in ipairs(BETWEEN) do way = way:gsub(frames, "") end
  local _, frames = way:gsub("\n%s*[^%[%s]", "")
  return frames > 1 and err .. "\n" .. way or err
end

return show
