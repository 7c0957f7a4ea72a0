--- Whether what a column gives back means what was given: an independent answer, by families of types.
--- Use: Meaning.number(given, got)

local shunt = require "shunt"
local Document = require "tests.engines.support.document"

local M = {}

-- ---- numbers, as digits and a power of ten ----

--- The float with as few digits as mean it.
function M.shortest(number)
  if number ~= number then return "NaN" end
  if number == math.huge or number == -math.huge then return number > 0 and "Infinity" or "-Infinity" end
  for precision = math.abs(number) < 0x1p-1022 and 1 or 15, 17 do
    local out = ("%." .. precision .. "g"):format(number)
    if tonumber(out) == number then return out end
  end
end

--- "-12.50e1" and -125 are one number: its sign, digits and exponent as text. Returns nil for other values.
---@param value any
---@return string?
function M.decimal(value)
  if type(value) == "boolean" then return value and "1e0" or "0" end
  if math.type(value) == "integer" then value = tostring(value) end
  if math.type(value) == "float" then value = M.shortest(value) end
  if type(value) ~= "string" then return nil end
  if value == "NaN" or value:match "^%-?Infinity$" then return value end
  local sign, whole, fraction, exponent = value:match "^%s*([+-]?)(%d*)%.?(%d*)[eE]?([+-]?%d*)%s*$"
  if not whole or whole .. fraction == "" or value:match "[eE]%s*$" or value:match "%d%d*[+-]" and not value:match "[eE]" then return nil end
  local digits, power = (whole .. fraction):gsub("^0+", ""), (math.tointeger(tonumber(exponent)) or 0) - #fraction
  local bare = digits:gsub("0+$", "")
  if bare == "" then return "0" end
  return ("%s%se%d"):format(sign == "-" and "-" or "", bare, power + #digits - #bare)
end

function M.number(given, got)
  if type(given) == "number" and given == got then return true end
  local a = M.decimal(given)
  if math.type(given) == "float" and type(got) == "string" then -- a decimal of 15 digits, or all that the float has
    return a == M.decimal(got) or M.decimal(("%.15g"):format(given)) == M.decimal(got) or tonumber(got) == given
  end
  return a ~= nil and a == M.decimal(got)
end

--- A boolean, or a number or word that stands for one.
function M.boolean(given, got)
  if type(given) == "boolean" then return given == got end
  if type(given) == "number" then return given == (got and 1 or 0) end
  return true -- a text: the engine reads it
end

-- ---- texts and bytes ----

local function bytes_of(value) return shunt.is_blob(value) and value:bytes() or value end

function M.text(given, got)
  if type(given) == "boolean" then return M.number(given, got) or tostring(given) == got end
  if type(given) == "number" then return M.number(given, got) end
  return bytes_of(given) == bytes_of(got)
end

--- Blanks at the end mean nothing.
function M.padded(given, got)
  if type(given) ~= "string" then return M.text(given, (got:gsub(" +$", ""))) end
  return given:gsub(" +$", "") == got:gsub(" +$", "")
end

--- A list of labels, in any order.
function M.set(given, got)
  local a, b = {}, {}
  if type(given) ~= "string" then return false end
  for label in given:gmatch "[^,]+" do a[label] = true end
  for label in got:gmatch "[^,]+" do b[label] = true end
  for label in pairs(a) do if not b[label] then return false end end
  for label in pairs(b) do if not a[label] then return false end end
  return given == "" or not given:match "^[%d%s+-]+$"
end

--- What SQLite's columns without a type keep: everything, but a boolean is an integer.
function M.same(given, got)
  if type(given) == "boolean" then return got == (given and 1 or 0) end
  return math.type(given) == math.type(got) and given == got
end

--- A column that changes numbers to texts and texts to numbers, and is no number itself: every character counts.
function M.spelled(given, got)
  if type(given) == "string" and type(got) == "number" then
    return given == tostring(math.tointeger(got) or got) or given == M.shortest(got + 0.0)
  end
  return type(given) == "number" and M.number(given, got) or M.text(given, got)
end

--- A column of numbers that takes other texts as well.
function M.loose_number(given, got)
  if type(got) == "number" then return M.number(given, got) end
  return M.text(given, got)
end

--- A document with all of its members and numbers.
function M.json(given, got)
  if given == got then return true end
  if type(given) == "boolean" then given = tostring(given) end
  if type(given) == "number" then given = math.type(given) == "float" and M.shortest(given) or tostring(given) end
  local canonical = type(given) == "string" and Document.canonical(given)
  return canonical and canonical == Document.canonical(got)
end

-- ---- dates and times ----

function M.year(given, got)
  if type(given) == "boolean" or shunt.is_blob(given) then return false end
  if type(given) == "string" and not given:match "^%d%d%d%d$" then return false end
  return M.number(given, got)
end

local function date_of(text)
  local y, m, d, rest = text:match "^(%d%d%d%d+)%-(%d%d?)%-(%d%d?)(.*)$"
  return y and ("%d-%d-%d"):format(math.tointeger(tonumber(y)), tonumber(m), tonumber(d)), rest
end

local function time_of(text)
  local sign, h, m, s, fraction = text:match "^(%-?)(%d+):(%d%d?)(:?%d?%d?)(%.?%d*)$"
  if not h then return nil end
  s = s == "" and 0 or tonumber(s:sub(2))
  return s and ("%s%d:%d:%d%s"):format(sign, tonumber(h), tonumber(m), s, fraction:gsub("0+$", ""):gsub("%.$", ""))
end

function M.date(given, got)
  if type(given) ~= "string" then return false end
  if given == got then return true end
  local day, rest = date_of(given)
  return day ~= nil and day == date_of(got) and (rest == "" or rest:match "^[ T]+00:00:?0*%.?0*$" ~= nil)
end

function M.time(given, got)
  if type(given) ~= "string" then return false end
  local time = time_of(given)
  return given == got or time ~= nil and time == time_of(got)
end

function M.datetime(given, got)
  if type(given) ~= "string" then return false end
  if given == got then return true end
  if given:match " BC$" then return got:match " BC$" and M.datetime(given:sub(1, -4), got:sub(1, -4)) end
  local day, rest = date_of(given)
  local got_day, got_rest = date_of(got)
  if not day or day ~= got_day then return false end
  local time = rest == "" and "0:0:0" or time_of((rest:gsub("^[ T]+", "")))
  return time ~= nil and time == time_of((got_rest:gsub("^ ", "")))
end

return M
