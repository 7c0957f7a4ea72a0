--- Values of the command line: reading and writing them.
local shunt = require "shunt"
local core = require "shunt.core"
local failure = require "shunt.cli.failure"

local values = {}

local WORDS = { ["true"] = true, ["false"] = false, null = shunt.null }
local NUMBER = { "^-?0$", "^-?[1-9]%d*$", "^-?0%.%d+$", "^-?[1-9]%d*%.%d+$" }

local QUOTED = '^".*"$'

-- A string as JSON writes it.
local function quoted_text(text)
  local ok, value = pcall(shunt.json_decode, text)
  if not ok then failure.usage('a value in quotes is a text as JSON writes it, such as "7" or "a \\"b\\"", not %s', text) end
  return value
end

--- A number, true, false or null if the text looks like one; a string in quotes is what JSON reads; any other text is a string.
--- A text that a number would not keep (leading zeros, digits beyond 64 bits) stays a string.
---@param text string
function values.parse(text)
  if WORDS[text] ~= nil then return WORDS[text] end
  if text:find(QUOTED) then return quoted_text(text) end
  local mantissa = text:match "^(.-)[eE][+-]?%d+$" or text
  for _, pattern in ipairs(NUMBER) do
    if mantissa:find(pattern) then
      local number = tonumber(text)
      local whole = text:find "^-?%d+$" ~= nil
      if whole and math.type(number) ~= "integer" then return text end
      return number
    end
  end
  return text
end

--- Splits `name=value`.
---@return string name, any value
function values.pair(text, flag)
  local name, value = text:match "^([^=]+)=(.*)$"
  if not name then failure.usage("%s takes name=value, not '%s'", flag, text) end
  return name, values.parse(value)
end

--- `name=value` pairs as a table. A name that is given twice is an error.
---@param list string[]
---@return table<string, any>
function values.pairs(list, flag)
  local out = {}
  for _, text in ipairs(list or {}) do
    local name, value = values.pair(text, flag)
    if out[name] ~= nil then failure.usage("%s gives '%s' twice", flag, name) end
    out[name] = value
  end
  return out
end

local OPERATORS = { ["="] = "eq", ["!="] = "ne", [">="] = "gte", ["<="] = "lte", [">"] = "gt", ["<"] = "lt", ["~"] = "like" }

-- A where as JSON: an object, in which null is a value.
local function json_where(text, flag)
  local ok, where = pcall(shunt.json_decode, text)
  if not ok then failure.usage("%s: this is not JSON: %s", flag, text) end
  return where
end

-- Where the text in quotes that begins at `from` ends; nil if it does not end, or something else than a comma follows.
local function quotes_end(text, from)
  local at = from + 1
  while at <= #text and text:sub(at, at) ~= '"' do at = at + (text:sub(at, at) == "\\" and 2 or 1) end
  return text:find("^%s*$", at + 1) and at or text:find("^%s*,", at + 1) and at
end

-- The next value of a list, and where the text goes on behind its comma; nil at the end. A text in quotes may hold commas.
local function next_value(text, from)
  if from > #text + 1 then return nil end
  local first = text:match('^%s*()"', from)
  local last = first and quotes_end(text, first)
  if last then return text:sub(first, last), (text:find(",", last + 1, true) or #text + 1) + 1 end
  local comma = text:find(",", from, true) or #text + 1
  return text:sub(from, comma - 1):match "^%s*(.-)%s*$", comma + 1
end

-- "1, 2, 3" or "(1, 2, 3)". Nothing between the parentheses is an empty list.
local function list_of(text)
  text = text:match "^%s*%((.*)%)%s*$" or text
  local out = {}
  if not text:find "%S" then return out end
  local value, at = next_value(text, 1)
  while value do
    out[#out + 1] = values.parse(value)
    value, at = next_value(text, at)
  end
  return out
end

-- "id in 1,2" and "id not in 1,2".
local function membership(text)
  local column, rest = text:match "^%s*([^%s=!<>~]+)%s+(.*)$"
  if not column then return nil end
  local operator, list = "in", rest:match "^[iI][nN]%s*(%(.*)$" or rest:match "^[iI][nN]%s+(.*)$"
  if not list then
    operator, list = "not_in", rest:match "^[nN][oO][tT]%s+[iI][nN]%s*(%(.*)$" or rest:match "^[nN][oO][tT]%s+[iI][nN]%s+(.*)$"
  end
  if list then return column, operator, list_of(list) end
end

local function comparison(text)
  local column, operator, value = text:match "^([^=!<>~]+)([!<>]=)(.*)$"
  if not column then column, operator, value = text:match "^([^=!<>~]+)([=<>~])(.*)$" end
  if column then return column, OPERATORS[operator], values.parse(value) end
end

local function condition(out, text, flag)
  local column, name, value = membership(text)
  if not column then column, name, value = comparison(text) end
  if not name then
    failure.usage("%s takes column=value (or != > >= < <= ~ in place of =), 'column in 1,2', 'column not in 1,2', or a where as "
      .. "JSON, not '%s'", flag, text)
  end
  out[column] = out[column] or {}
  if out[column][name] ~= nil then failure.usage("%s gives '%s' of '%s' twice", flag, name, column) end
  out[column][name] = value
end

-- Conditions that all hold.
local function all_of(list, flag)
  local out, wheres = {}, {}
  for _, text in ipairs(list) do
    if text:find "^%s*{" then
      wheres[#wheres + 1] = json_where(text, flag)
    else
      condition(out, text, flag)
    end
  end
  for column, operators in pairs(out) do
    if operators.eq ~= nil and next(operators, next(operators)) == nil then out[column] = operators.eq end
  end
  if #wheres > 0 then out._and = wheres end
  return out
end

--- Conditions as a where: `c=v c!=v c>v c>=v c<v c<=v c~pattern`, `c in v,v`, `c not in v,v`, or a whole where in JSON, which
--- begins with {. All of them hold, unless `false` stands between them: then those before it hold, or those behind it.
---@param list (string|false)[]
---@return table<string, any>
function values.conditions(list, flag)
  local groups = { {} }
  for _, text in ipairs(list or {}) do
    if text then
      table.insert(groups[#groups], text)
    elseif #groups[#groups] > 0 then
      groups[#groups + 1] = {}
    end
  end
  if #groups == 1 then return all_of(groups[1], flag) end
  local alternatives = {}
  for i, group in ipairs(groups) do alternatives[i] = all_of(group, flag) end
  return { _or = alternatives }
end

--- The names of a flag that may be given several times, each time with names separated by commas.
---@param list string[]
---@return string[]?
function values.names(list)
  local out = {}
  for _, text in ipairs(list or {}) do
    for name in text:gmatch "[^,]+" do out[#out + 1] = name end
  end
  return #out > 0 and out or nil
end

--- A whole number from 0 on.
---@return integer?
function values.count(text, flag)
  if text == nil then return nil end
  local number = text:find "^%d+$" and math.tointeger(tonumber(text))
  if not number then failure.usage("%s takes a whole number, not '%s'", flag, text) end
  return number
end

--- A duration, as the library takes it; greater than zero, unless `zero` is allowed.
---@param zero? boolean
---@return string?
function values.duration(text, flag, zero)
  if text == nil then return nil end
  if not text:find "^%d+m?[smh]$" then failure.usage("%s takes a duration such as 500ms, 5s, 2m or 1h, not '%s'", flag, text) end
  if not zero and not text:find "[1-9]" then failure.usage("%s must be longer than 0, not '%s'", flag, text) end
  return text
end

--- nil for null and "": the catalog is JSON, where both mean that there is no value.
function values.some(value)
  if value == shunt.null or value == "" then return nil end
  return value
end

-- A float with all of its digits.
local function float(value)
  if value == math.huge or value == -math.huge then return value > 0 and "1e999" or "-1e999" end
  local short = tostring(value)
  if tonumber(short) == value then return short end
  local long = ("%.17g"):format(value)
  return long:find "[.e]" and long or long .. ".0" -- so that it stays a float
end

-- A string, in quotes if it would be read as another value without them, or would not stay on its line.
local function text_argument(value)
  local plain = not value:find "%c" and not value:find(QUOTED) and type(values.parse(value)) == "string"
  if plain or not utf8.len(value) then return value end -- JSON has no other bytes than UTF-8
  return (core.json(value):gsub("\127", "\\u007f"))
end

--- A value as an argument of the command line, the reverse of parse.
---@return string
function values.argument(value)
  if value == shunt.null then return "null" end
  if type(value) == "string" then return text_argument(value) end
  return math.type(value) == "float" and float(value) or tostring(value)
end

--- `text` as one argument of a shell command.
---@return string
function values.quoted(text)
  if text:find "^[%w%._%-/:=@%%+,]+$" then return text end
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

return values
