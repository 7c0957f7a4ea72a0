--- Walks the space of requests for one access: the attributes and where values that rules read, with the values that they
--- distinguish. A decision names the fields that it depends on. So a field is given values only where a rule read it.
local output = require "shunt.cli.output"

local walk = {}

local MOST_PARTS = 64    -- of mod and bucket
local MOST_LOOSE = 32    -- literals that stand beside no field
local MOST_TRIES = 30000 -- decisions of a walk over all accesses
local FEWEST_TRIES = 4
local OTHER = "other"
local MODES = { _auto_ = true, _inherit_ = true, _initial_ = true } -- literals of the standard rules

--- ---- values ----

---@class shunt.cli.domain
---@field values any[]
---@field made_up table<any, true> values that no rule and no declaration names
---@field partial boolean there are more

local function new_domain() return { values = {}, made_up = {}, seen = {}, partial = false } end

local function add(domain, value, made_up)
  if value == nil or domain.seen[value] then return end
  domain.seen[value] = true
  domain.values[#domain.values + 1] = value
  domain.made_up[value] = made_up
end

local function add_use(domain, use)
  local value = use.value
  if use.kind == "parts" then
    for part = 0, math.min(value, MOST_PARTS) - 1 do add(domain, part) end
    domain.partial = domain.partial or value > MOST_PARTS
  elseif use.kind == "order" and type(value) == "number" then
    for step = -1, 1 do add(domain, value + step) end
  elseif use.kind ~= "read" then
    add(domain, value)
  end
end

--- One value beyond those that rules compare with.
local function add_other(domain)
  local highest
  for _, value in ipairs(domain.values) do
    if math.type(value) == "integer" and (not highest or value > highest) then highest = value end
  end
  if highest then add(domain, highest + 1, true) end
  if #domain.values == 0 then
    add(domain, 1, true)
    add(domain, true, true)
  end
  add(domain, OTHER, true)
end

local TAKES = {
  text = function(value) return type(value) == "string" end,
  integer = function(value) return math.type(value) == "integer" end,
  number = function(value) return type(value) == "number" end,
  boolean = function(value) return type(value) == "boolean" end,
}

--- Only values that the attribute may have. Any text and number is then a value that a session may bring.
local function fit(domain, attribute)
  local takes, fitting = TAKES[attribute.type], new_domain()
  add_other(domain)
  for _, value in ipairs({ true, false, table.unpack(domain.values) }) do
    if takes(value) then add(fitting, value) end
  end
  if attribute.type ~= "text" and #fitting.values == 0 then add(fitting, 1) end
  fitting.partial = domain.partial
  return fitting
end

local function domain_of(walker, field)
  local domain = new_domain()
  local attribute = walker.attributes[field]
  if attribute and attribute.type == "list" then
    for _, value in ipairs(attribute.values) do add(domain, value) end
    return domain
  end
  for _, use in ipairs(walker.uses[field] or {}) do add_use(domain, use) end
  for _, use in ipairs(walker.loose) do add_use(domain, use) end
  domain.partial = domain.partial or walker.more_loose
  if attribute then return fit(domain, attribute) end
  add_other(domain)
  return domain
end

--- ---- requests ----

local function copy(of)
  local out = {}
  for key, value in pairs(of) do out[key] = value end
  return out
end

local function with(request, field, value)
  local group, name = field:match "^(%a+)%.(.*)$"
  local out = copy(request)
  out[group] = copy(request[group])
  out[group][name] = value
  return out
end

--- The first field that the decision depends on and that is not fixed yet.
local function next_field(decision, fixed)
  for _, field in ipairs(decision and decision.depends_on or {}) do
    if not fixed[field] and (field:find "^attrs%." or field:find "^where%.") then return field end
  end
end

---@class shunt.cli.walker
---@field combinations integer decisions that were tried
---@field sampled boolean whether some combinations were left out
---@field fields table<string, true>
local Walker = {}
Walker.__index = Walker

function Walker:domain(field)
  local known = self.domains[field]
  if not known then
    known = domain_of(self, field)
    self.domains[field], self.fields[field] = known, true
    self.sampled = self.sampled or known.partial
  end
  return known
end

function Walker:try(request, made_up, visit)
  local decision, err = self.app:try(request)
  self.combinations, self.left = self.combinations + 1, self.left - 1
  visit(request, decision, err, made_up)
  return decision
end

--- Every combination, as long as there are tries left.
function Walker:each(request, decision, fixed, made_up, visit)
  local field = next_field(decision, fixed)
  if not field then return end
  local domain, inner = self:domain(field), copy(fixed)
  inner[field] = true
  self:each(request, decision, inner, made_up, visit) -- absent first: then the first leak has the fewest values
  for _, value in ipairs(domain.values) do
    if self.left <= 0 then
      self.short = true
      return
    end
    local changed, odd = with(request, field, value), made_up or domain.made_up[value]
    self:each(changed, self:try(changed, odd, visit), inner, odd, visit)
  end
end

function Walker:random(n)
  self.state = (self.state * 6364136223846793005 + 1442695040888963407) -- Knuth's MMIX generator: the same walk each time
  return (self.state >> 33) % n + 1
end

--- One combination, each field of it drawn.
function Walker:sample(request, decision, visit)
  local fixed, made_up = {}, nil
  local field = next_field(decision, fixed)
  while field do
    local domain = self:domain(field)
    local value = domain.values[self:random(#domain.values + 1)] -- nil: it is absent
    fixed[field] = true
    if value ~= nil then
      request, made_up = with(request, field, value), made_up or domain.made_up[value]
      decision = self:try(request, made_up, visit)
    end
    field = next_field(decision, fixed)
  end
end

--- Calls visit(request, decision or nil, error, made_up) for every combination; if there are too many, for some.
---@param request shunt.cli.request with neither attributes nor where
function Walker:over(request, visit)
  local samples = self.most // 4
  self.left, self.short = self.most - samples, false
  local decision = self:try(request, nil, visit)
  self:each(request, decision, {}, nil, visit)
  if not self.short then return end
  self.sampled = true
  for _ = 1, samples do self:sample(request, decision, visit) end
end

---@param app shunt.cli.application
---@param accesses integer how many are going to be walked over
---@return shunt.cli.walker
function walk.new(app, accesses)
  local self = setmetatable({ app = app, combinations = 0, sampled = false, fields = {}, domains = {}, uses = {}, loose = {},
    attributes = {}, more_loose = false, state = 1, most = math.max(FEWEST_TRIES, MOST_TRIES // math.max(accesses, 1)) }, Walker)
  for _, attribute in ipairs(app.catalog.attributes or {}) do self.attributes["attrs." .. attribute.name] = attribute end
  for _, use in ipairs(app.catalog.uses) do
    if use.field then
      self.uses[use.field] = self.uses[use.field] or {}
      table.insert(self.uses[use.field], use)
    elseif not MODES[use.value] then
      self.more_loose = #self.loose >= MOST_LOOSE
      if not self.more_loose then self.loose[#self.loose + 1] = use end
    end
  end
  return self
end

--- The fields that were given values, sorted.
function Walker:names() return output.keys(self.fields) end

return walk
