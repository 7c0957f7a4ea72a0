--- Finds single changes of a request that lead elsewhere. Each change was tried.
local shunt = require "shunt"
local core = require "shunt.core"
local application = require "shunt.cli.application"
local failure = require "shunt.cli.failure"
local output = require "shunt.cli.output"
local values = require "shunt.cli.values"

local changes = {}

local MOST_NAMES = 200  -- names of one kind that are tried
local MOST_OUTCOMES = 8 -- outcomes listed for each field
local MOST_VALUES = 3   -- outcomes listed for each column or attribute

---@class shunt.cli.change
---@field field string
---@field flag string the change on the command line: "with --client user-pg", "without --client"
---@field decision table
---@field also integer how many further values have the same outcome

local function copy(request, name, value)
  local out = {}
  for k, v in pairs(request) do out[k] = v end
  out[name] = value
  return out
end

local function with_member(request, group, name, value)
  local members = {}
  for k, v in pairs(request[group]) do members[k] = v end
  members[name] = value
  return copy(request, group, members)
end

local function outcome(d)
  return table.concat({ d.denied and "denied" or d.client, d.denied or d.table or "", tostring(d.level) }, "\0")
end

local function some_keys(set)
  local all = output.keys(set)
  return table.move(all, 1, math.min(#all, MOST_NAMES), 1, {})
end

--- Source files of rules and models, each once.
local function sources(app)
  local out = {}
  for _, group in ipairs { app.catalog.rules, app.catalog.models } do
    for _, item in ipairs(group) do
      local file = type(item.source) == "string" and not item.standard and item.source:match "^(.-%.lua):%d+"
      if file then out[file] = true end
    end
  end
  return output.keys(out)
end

--- Values that rule files mention on a line with the field: likely values of a comparison.
local function mentioned(app, group, name)
  local found, order = {}, {}
  local function add(value)
    if not found[value] then
      found[value] = true
      order[#order + 1] = value
    end
  end
  local field = ("%s.%s"):format(group, name)
  for _, path in ipairs(sources(app)) do
    local file = io.open(app.folder .. path, "r") or io.open(path, "r")
    for line in file and file:lines() or function() end do
      if line:find(field, 1, true) then
        for _, text in line:gmatch "([\"'])(.-)%1" do
          if text ~= field and #text <= 40 then add(text) end
        end
        for digits in line:gmatch "%f[%w_%.]%d+%f[^%w_%.]" do
          local n = math.tointeger(tonumber(digits))
          if n then
            add(n)
            add(n + 1)
            add(n - 1)
          end
        end
      end
    end
    if file then file:close() end
  end
  return order
end

local GUESSES = { where = { 1, 2, 3, "a" }, attrs = { true, false, 1, "a" } }

--- The values that the app config lists for an attribute.
local function listed(app, group, name)
  for _, attribute in ipairs(group == "attrs" and app.catalog.attributes or {}) do
    if attribute.name == name and attribute.type == "list" then return attribute.values end
  end
end

--- Values to try for a column or an attribute.
local function candidates(app, group, name, given)
  local all = listed(app, group, name)
  if all then return all end
  local out = mentioned(app, group, name)
  if math.type(given) == "integer" then
    for step = 1, 3 do out[#out + 1] = given + step end
  end
  return table.move(GUESSES[group], 1, #GUESSES[group], #out + 1, out)
end

--- Collects the outcomes of one field that differ from the base.
local function collector(base, list, most)
  local seen, told = { [outcome(base)] = false }, 0
  return function(field, flag, decision)
    if not decision then return end
    local key = outcome(decision)
    if seen[key] then
      seen[key].also = seen[key].also + 1
    elseif seen[key] == nil and told < most then
      seen[key] = { field = field, flag = flag, decision = decision, also = 0 }
      list[#list + 1] = seen[key]
      told = told + 1
    end
  end
end

local function flag_of(name, value)
  if value == nil then return "without " .. name end
  return ("with %s %s"):format(name, values.quoted(value))
end

local function try_names(app, request, base, list, field, option, candidate_names)
  local collect, flag = collector(base, list, MOST_OUTCOMES), application.flag(option)
  if request[option] ~= nil then collect(field, flag_of(flag), (app:try(copy(request, option, nil)))) end
  for _, name in ipairs(candidate_names) do
    if name ~= request[option] then collect(field, flag_of(flag, name), (app:try(copy(request, option, name)))) end
  end
end

local function try_members(app, request, base, list, group, flag)
  local wanted = {}
  for name in pairs(request[group]) do wanted[name] = true end
  for _, field in ipairs(base.depends_on) do
    local name = field:match(group .. "%.([%w_%-]+)")
    if name then wanted[name] = true end
  end
  for _, name in ipairs(output.keys(wanted)) do
    local field = group .. "." .. name
    local collect = collector(base, list, MOST_VALUES)
    local given = request[group][name]
    if given ~= nil then
      local was = ("%s %s=%s"):format(flag, name, values.argument(given))
      collect(field, "without " .. was, (app:try(with_member(request, group, name, nil))))
    end
    for _, value in ipairs(candidates(app, group, name, given)) do
      if value ~= given then
        local pair = ("%s=%s"):format(name, values.argument(value))
        collect(field, flag_of(flag, pair), (app:try(with_member(request, group, name, value))))
      end
    end
  end
end

local function try_environments(app, request, base, list)
  local collect = collector(base, list, MOST_OUTCOMES)
  for _, env in ipairs(application.environments(app.path)) do
    local ok, other = false, nil
    if env ~= app.catalog.env then ok, other = pcall(shunt.open, app.path, { env = env }) end
    if ok then
      collect("env", flag_of("--env", env), (application.of(other, app.path):try(request)))
      other:close()
    elseif other and not failure.code(other) then
      error(other, 0)
    end
  end
end

--- The changes that lead elsewhere, field by field.
---@param app shunt.cli.application
---@param request shunt.cli.request
---@param base table the decision on the request as it is
---@return shunt.cli.change[]
function changes.find(app, request, base)
  local list = {}
  local clients = some_keys(app.clients)
  local modes = table.move(clients, 1, #clients, 4, { "_inherit_", "_initial_", "_auto_" })
  for _, of in ipairs(core.request_options) do
    local names = of.kind == "CLIENT" and clients or of.kind == "MODE" and modes
    if names and (request.relation or not application.NEEDS_RELATION[of.option]) then
      try_names(app, request, base, list, of.field, of.option, names)
    end
  end
  try_names(app, request, base, list, "instance", "instance", some_keys(app.instances))
  try_environments(app, request, base, list)
  local op = request.op == "read" and "write" or "read"
  collector(base, list, 1)("op", "with --op " .. op, (app:try(copy(request, "op", op))))
  try_members(app, request, base, list, "where", "--where")
  try_members(app, request, base, list, "attrs", "--attr")
  return list
end

return changes
