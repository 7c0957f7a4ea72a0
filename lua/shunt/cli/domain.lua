--- The values that `shunt check` gives an attribute or a column: those that rules mention beside it, and all texts and numbers
--- that the functions of the rules hold, since a function may compare a field with any of them by way of a local variable, a
--- table or another function.
local core = require "shunt.core"
local shunt = require "shunt"
local example = require "shunt.cli.example"

local MOST_PARTS = 256       -- of mod and bucket
local MOST_GUESSED = 64      -- parts, if their number is no literal beside the field
local MOST_HASHED = 1 << 18  -- values on the way to each part of a bucket
local LONGEST = 64           -- text, made for a rule that compares a length
local OTHER, LAST = "other", "~"

---@class shunt.cli.domain
---@field values any[] those that rules mention beside the field come first
---@field known table<any, true> values that a rule or the app config names for the field
---@field partial boolean there are more
local Domain = {}
Domain.__index = Domain

--- The value as an attribute of the type takes it; nil if it takes no such value.
local TAKES = {
  text = function(value) return type(value) == "string" and value or math.type(value) and tostring(value) or nil end,
  integer = function(value) return math.tointeger(math.type(value) and value) end,
  number = function(value) return math.type(value) and value or nil end,
  boolean = function(value)
    if type(value) == "boolean" then return value end
  end,
}

local function any(value) return value end
local function none() return nil end

local function new_domain(takes) return setmetatable({ values = {}, known = {}, seen = {}, partial = false, takes = takes or any }, Domain) end

function Domain:add(given, known)
  local value = self.takes(given)
  if value == nil or self.seen[value] then return end
  self.seen[value], self.known[value] = true, known
  self.values[#self.values + 1] = value
end

--- A number, and those on both sides of it.
function Domain:add_bound(value, known)
  self:add(value, known)
  self:add(value + 1, known)
  self:add(value - 1, known)
  self:add(value + 0.5)
end

--- Of very many parts, those at the beginning and those that a rule names.
local function wanted_parts(n, numbers)
  local wanted = {}
  for part = 0, math.min(n, MOST_PARTS) - 1 do wanted[#wanted + 1] = part end
  for _, number in ipairs(n > MOST_PARTS and numbers or {}) do
    for part = math.max(number - 1, MOST_PARTS), math.min(number + 1, n - 1) do wanted[#wanted + 1] = part end
  end
  return wanted
end

--- Whole numbers in their order, until each wanted part of req:bucket has one.
function Domain:add_buckets(n, wanted)
  local missing, left, value = {}, 0, 0
  for _, part in ipairs(wanted) do
    left = left + (missing[part] and 0 or 1)
    missing[part] = true
  end
  while left > 0 and value < MOST_HASHED do
    local part = core.bucket(value, n)
    if missing[part] then
      missing[part], left = nil, left - 1
      self:add(value, true)
    end
    value = value + 1
  end
end

function Domain:add_parts(kind, n, numbers)
  if n < 1 then return end
  local wanted = wanted_parts(n, numbers)
  self.partial = self.partial or n > MOST_PARTS
  if kind == "buckets" then return self:add_buckets(n, wanted) end
  for _, part in ipairs(wanted) do self:add(part, true) end
end

---@class shunt.cli.constants what the rule files hold
---@field uses table<string, table[]> by field
---@field texts string[]
---@field text table<string, true> the same
---@field numbers number[]
---@field bounds table<number, true> numbers that are not only looked up
---@field whole integer[]
---@field parts table[] uses of mod and bucket on a field that is no literal
local Constants = {}
Constants.__index = Constants

--- The number of parts may be any whole number of the rules.
function Domain:add_guessed_parts(kind, constants)
  for _, n in ipairs(constants.whole) do
    if n <= MOST_GUESSED then self:add_parts(kind, n, {}) else self.partial = true end
  end
end

function Domain:add_use(use, constants)
  local value = use.value
  if use.kind == "parts" or use.kind == "buckets" then
    if math.type(value) == "integer" then
      self:add_parts(use.kind, value, constants.whole)
    else
      self:add_guessed_parts(use.kind, constants)
    end
  elseif use.kind == "order" and math.type(value) then
    self:add_bound(value, true)
  elseif use.kind ~= "read" then
    self:add(value, true)
    if use.kind == "order" then self:add(tostring(value) .. "!") end
  end
end

function Domain:add_constants(constants)
  for _, text in ipairs(constants.texts) do
    self:add(text)
    self:add(math.tointeger(tonumber(text)))
    for _, matching in ipairs(example.of(text)) do self:add(matching) end
  end
  for _, number in ipairs(constants.numbers) do
    if constants.bounds[number] then self:add_bound(number) else self:add(number) end
  end
  for _, length in ipairs(constants.whole) do
    for n = length, length + 1 do
      if n > 0 and n <= LONGEST then self:add(("x"):rep(n)) end
    end
  end
end

--- Values beyond those of the rules.
function Domain:add_others(constants)
  local highest = 0
  for _, number in ipairs(constants.whole) do highest = math.max(highest, number) end
  for _, value in ipairs { OTHER, highest + 1, true, false, LAST } do self:add(value) end
end

--- The domain of a field such as "attrs.plan".
---@param attribute? {type: string, values: any[]} as the app config declares it
---@param clients string[] names that a rule may compare with
---@return shunt.cli.domain
function Constants:domain(field, attribute, clients)
  local domain = new_domain(attribute and TAKES[attribute.type])
  if attribute and attribute.type == "list" then
    for _, value in ipairs(attribute.values) do domain:add(value, true) end
    domain.takes = none
    return domain
  end
  for _, use in ipairs(self.uses[field] or {}) do domain:add_use(use, self) end
  for _, use in ipairs(self.parts) do domain:add_use(use, self) end
  domain:add_others(self)
  domain:add_constants(self)
  for _, name in ipairs(clients) do domain:add(name) end
  if field:find "^where%." then domain:add(shunt.null) end
  domain.partial = domain.partial or self.cut
  return domain
end

local constants = {}

local function add_constant(self, use)
  local value = use.value
  if type(value) == "string" then
    self.texts[#self.texts + 1], self.text[value] = value, true
  elseif math.type(value) then
    if not self.seen[value] then
      self.numbers[#self.numbers + 1] = value
      if math.type(value) == "integer" then self.whole[#self.whole + 1] = value end
    end
    self.seen[value] = true
    self.bounds[value] = self.bounds[value] or use.kind == "order" or nil
  end
end

---@param catalog table the result of app:describe()
---@return shunt.cli.constants
function constants.of(catalog)
  local self = setmetatable({ uses = {}, texts = {}, text = {}, numbers = {}, bounds = {}, whole = {}, parts = {}, seen = {},
    cut = catalog.uses_cut }, Constants)
  for _, use in ipairs(catalog.uses) do
    if use.field then
      self.uses[use.field] = self.uses[use.field] or {}
      table.insert(self.uses[use.field], use)
    end
  end
  for _, use in ipairs(catalog.uses) do
    if use.field or self.uses[use.value] then -- the latter is the path of a field
      goto continue
    elseif use.kind == "parts" or use.kind == "buckets" then
      self.parts[#self.parts + 1] = use
    else
      add_constant(self, use)
    end
    ::continue::
  end
  return self
end

return constants
