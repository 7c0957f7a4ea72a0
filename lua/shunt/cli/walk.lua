--- Walks the space of requests for one access: the attributes and where values that rules read, with the values of domain.lua.
--- A decision names the fields that it depends on. So a field is given values only where a rule read it.
local constants = require "shunt.cli.domain"
local output = require "shunt.cli.output"

local walk = {}

local MOST_STEPS = 1000000 -- of a walk over all accesses: a decision takes one for each rule, and some more
local MORE_STEPS = 20
local FEWEST_TRIES = 256   -- of one access
local MOST_CLIENTS = 64    -- names that are tried as values

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

local function is_field(name) return name:find "^attrs%." or name:find "^where%." end

---@class shunt.cli.walker
---@field combinations integer decisions that were tried
---@field fields table<string, true>
---@field cut table<string, true> fields of which some values or combinations were left out
local Walker = {}
Walker.__index = Walker

--- The fields that the decision depends on and that are not fixed yet. If it failed, a rule may need any field.
function Walker:open_fields(decision, fixed)
  local out = {}
  for _, field in ipairs(decision and decision.depends_on or self.read) do
    if is_field(field) and not fixed[field] then out[#out + 1] = field end
  end
  return out
end

function Walker:domain(field)
  local known = self.domains[field]
  if not known then
    known = self.constants:domain(field, self.attributes[field], self.clients)
    self.domains[field], self.fields[field] = known, true
    if known.partial then self.cut[field] = true end
  end
  return known
end

--- ---- what a rule sees of the request beside attributes and columns, and may compare them with ----

local function add_leaves(out, of)
  if type(of) == "table" then
    for _, key in ipairs(output.keys(of)) do add_leaves(out, of[key]) end
  elseif type(of) == "string" or math.type(of) then
    out[#out + 1] = of
  end
end

function Walker:seen_values(request)
  local out = { request.model, request.relation, request.op, self.app.catalog.env }
  local instance = self.app.instances[request.instance or ""] or {}
  add_leaves(out, { instance.name, instance.id, instance.title, instance.config })
  return out
end

--- ---- the walk ----

---@class shunt.cli.try a request that was tried
---@field request shunt.cli.request
---@field decision table?
---@field odd boolean? whether it has a value that stands beside its field nowhere

function Walker:try(request, odd)
  local decision, err = self.app:try(request)
  self.combinations, self.left = self.combinations + 1, self.left - 1
  if not decision then self.failed = true end
  for _, field in ipairs(decision and decision.depends_on or {}) do self.asked[field] = true end
  self.visit(request, decision, err, odd)
  return { request = request, decision = decision, odd = odd }
end

local function each_value(domain, seen_values)
  local i, n = 0, #domain.values
  return function()
    i = i + 1
    if i <= n then return domain.values[i] end
    while i - n <= #seen_values do
      local value = domain.takes(seen_values[i - n])
      if value ~= nil and not domain.seen[value] then return value end
      i = i + 1
    end
  end
end

--- Tries the values of one further field. False if there are no tries left.
function Walker:vary(node, field, fixed, queue)
  local domain = self:domain(field)
  for value in each_value(domain, self.own) do
    if self.left <= 0 then return false end
    local child = self:try(with(node.request, field, value), node.odd or not domain.known[value])
    child.fixed = fixed
    local refused = node.decision and not child.decision -- a rule does not take the value: other values go on
    if not refused and #self:open_fields(child.decision, fixed) > 0 then
      queue.last = queue.last + 1
      queue[queue.last] = child
    end
  end
  return true
end

--- All requests with one value, then all with two, and so on: the first leak has the fewest values. False if there are no
--- tries left.
function Walker:each(root)
  local queue, at = { root, last = 1 }, 1
  while at <= queue.last do
    local node, fixed = queue[at], copy(queue[at].fixed)
    queue[at], at = nil, at + 1
    for _, field in ipairs(self:open_fields(node.decision, fixed)) do
      fixed[field] = true -- the fields before it stay absent
      if not self:vary(node, field, copy(fixed), queue) then return false end
    end
  end
  return true
end

function Walker:random(n)
  self.state = (self.state * 6364136223846793005 + 1442695040888963407) -- Knuth's MMIX generator: the same walk each time
  return (self.state >> 33) % n + 1
end

--- One combination, each field of it drawn.
function Walker:sample(node)
  local fixed = {}
  local field = self:open_fields(node.decision, fixed)[1]
  while field do
    local domain = self:domain(field)
    local value = domain.values[self:random(#domain.values + 1)] -- nil: it is absent
    fixed[field], self.cut[field] = true, true
    if value ~= nil then node = self:try(with(node.request, field, value), node.odd or not domain.known[value]) end
    field = self:open_fields(node.decision, fixed)[1]
  end
end

--- Calls visit(request, decision or nil, error, odd) for every combination; if there are too many, for some.
---@param request shunt.cli.request with neither attributes nor where
---@param visit function
function Walker:over(request, visit)
  local share = math.max(FEWEST_TRIES, (self.most - self.combinations) // math.max(self.accesses, 1))
  local samples = share // 4
  self.accesses, self.left, self.visit, self.own = self.accesses - 1, share - samples, visit, self:seen_values(request)
  self.asked, self.failed = {}, false
  local root = self:try(request)
  root.fixed = {}
  if self:each(root) then return end
  for _ = 1, samples do self:sample(root) end
end

--- Whether a decision of the last walk depends on the field; one that failed may depend on any.
---@return boolean
function Walker:depends_on(field) return self.failed or self.asked[field] == true end

---@param app shunt.cli.application
---@param accesses integer how many are going to be walked over
---@return shunt.cli.walker
function walk.new(app, accesses)
  local clients, held = output.keys(app.clients), constants.of(app.catalog)
  held.cut = held.cut or #clients > MOST_CLIENTS
  local self = setmetatable({ app = app, accesses = accesses, most = MOST_STEPS // (#app.catalog.rules + MORE_STEPS),
    constants = held, clients = table.move(clients, 1, MOST_CLIENTS, 1, {}), read = output.keys(held.uses), attributes = {},
    domains = {}, combinations = 0, fields = {}, cut = {}, state = 1 }, Walker)
  for _, attribute in ipairs(app.catalog.attributes or {}) do self.attributes["attrs." .. attribute.name] = attribute end
  return self
end

--- The fields that were given values, sorted.
---@return string[]
function Walker:names() return output.keys(self.fields) end

--- Those of which something was left out, sorted.
---@return string[]
function Walker:cut_names() return output.keys(self.cut) end

return walk
