--- Routing rules under busted: `assert.routes(request, expected)` and `assert.denies(request, reason)`.
---
---     require "shunt.busted"
---
---     it("keeps EU tenants' orders in the EU", function()
---       assert.routes({ model = "order", instance = "acme-eu" }, { client = "order-eu" })
---       assert.denies({ model = "audit", op = "write" }, "the audit log is read-only")
---     end)
---
--- `shunt test` opens the application. Under plain busted it is the one that SHUNT_APP names, or shunt.yaml in the working
--- folder, in the environment test. A failure shows the expected decision, the actual one, and its trace.
local shunt = require "shunt"
local core = require "shunt.core"
local luassert = require "luassert"
local say = require "say"
local util = require "luassert.util"

---@class shunt.busted
---@field app any the application under test
local busted = {}

local current

--- Makes app the application under test.
---@param app any
function busted.use(app) current = app end

--- Opens an application, and makes it the one under test. The environment is test unless options.env names another.
---@param path? string
---@param options? { env: string? }
function busted.open(path, options)
  local merged = { env = "test" }
  for name, value in pairs(options or {}) do merged[name] = value end
  current = shunt.open(path or os.getenv "SHUNT_APP" or "shunt.yaml", merged)
  return current
end

setmetatable(busted, {
  __index = function(_, name)
    if name == "app" then return current or busted.open() end
  end,
})

---@class shunt.busted.request: shunt.request
---@field model? string
---@field instance? string
---@field attrs? table<string, any>

local OF_SESSION = { instance = true, attrs = true, level = true }
local OF_REQUEST = { table = true }
for _, of in ipairs(core.request_options) do OF_REQUEST[of.option] = true end
local IN_REQUEST = { model = true }
for _, set in ipairs { OF_SESSION, OF_REQUEST } do
  for name in pairs(set) do IN_REQUEST[name] = true end
end
local DECISION = core.decision_fields
local IN_DECISION = {}
for _, name in ipairs(DECISION) do IN_DECISION[name] = true end

--- A mistake in a spec: luassert raises its text at the line of the spec.
local Mistake = {}

local function wrong(format, ...) error(setmetatable({ text = format:format(...) }, Mistake), 0) end

local function hint(name, known)
  local list = {}
  for other in pairs(known) do list[#list + 1] = other end
  table.sort(list)
  return core.hint(tostring(name), list)
end

--- The decision on a request: a table, or the name of a model.
local function decide(request)
  if type(request) == "string" then request = { model = request } end
  if type(request) ~= "table" then wrong("a request is a table such as {model = \"user\"}, not a %s", type(request)) end
  local options, asked = {}, {}
  for name, value in pairs(request) do
    if OF_SESSION[name] then
      options[name] = value
    elseif OF_REQUEST[name] then
      asked[name] = value
    elseif name ~= "model" then
      wrong("a request has no field '%s'%s", tostring(name), hint(name, IN_REQUEST))
    end
  end
  asked.every_rule = true
  local session <close> = busted.app:session(options)
  return session:resolve(request.model, asked)
end

local function named(list, key)
  local out = {}
  for _, entry in ipairs(list) do out[entry[key or "name"]] = true end
  return out
end

--- The values that a field of a decision can have: names of the application, or fixed words.
local VALUES = {
  client = function(catalog) return named(catalog.clients) end,
  model = function(catalog) return named(catalog.models) end,
  relation = function(catalog)
    local out = {}
    for _, model in ipairs(catalog.models) do
      for name in pairs(named(model.relations or {}, "full_name")) do out[name] = true end
    end
    return out
  end,
  rule = function(catalog) return named(catalog.rules) end,
  op = function() return { read = true, write = true } end,
  role = function() return { primary = true, replica = true } end,
  engine = function() return { sqlite3 = true, pg = true, mysql = true } end,
}

--- What no decision of this application can have: "there is no client 'mian'; did you mean 'main'?"; nil if there is no such mistake.
local function impossible(expected)
  local catalog
  for _, name in ipairs(DECISION) do
    local value, values = expected[name], VALUES[name]
    if values and type(value) == "string" then
      catalog = catalog or busted.app:describe()
      local known = values(catalog)
      if not known[value] then return ("there is no %s '%s'%s"):format(name, value, hint(value, known)) end
    end
  end
end

local function shown(value)
  if type(value) == "string" then return ("%q"):format(value) end
  if type(value) ~= "table" then return tostring(value) end
  local items = {}
  for _, item in ipairs(value) do items[#items + 1] = shown(item) end
  return "{" .. table.concat(items, ", ") .. "}"
end

--- The named fields as "client = "main", level = 0", in the order of a decision.
local function fields(of, names)
  local out = {}
  for _, name in ipairs(DECISION) do
    if names[name] ~= nil then out[#out + 1] = ("%s = %s"):format(name, shown(of[name])) end
  end
  return table.concat(out, ", ")
end

local function trace(decision)
  local lines = { "The way to it:" }
  for _, step in ipairs(decision.trace) do
    lines[#lines + 1] = ("  %-8s  %s (%s): %s"):format(step.stage, step.rule, step.source, step.result)
  end
  return table.concat(lines, "\n")
end

--- Sets the assertion's message: luassert formats its arguments.
local function set_message(arguments, text)
  arguments[1] = text
  arguments.n, arguments.nofmt = 1, { true }
end

local function tell(arguments, expected, negated, got, decision)
  set_message(arguments, ("Expected %s:\n  %s\nGot:\n  %s\n%s"):format(negated and "anything but" or "the decision to have",
    expected, got, trace(decision)))
end

--- The text of a mistake, or of an error of the library, which a spec causes by a wrong name, or a rule by failing.
local function text_of(err)
  if getmetatable(err) == Mistake then return err.text end
  if not shunt.is_error(err) then error(err, 0) end
  err.caller = nil -- it is luassert
  return err.traceback and ("%s\n%s"):format(err, err.traceback) or tostring(err)
end

--- The assertion, which fails whether it is negated or not if it can't be tried. luassert raises what fails at the line of the
--- spec; an error raised here would point to this file.
local function assertion(try)
  return function(state, arguments)
    local ok, holds, values = pcall(try, state, arguments)
    if ok then return holds, values end
    set_message(arguments, text_of(holds))
    return not state.mod
  end
end

local function same(a, b)
  if type(a) == "table" and type(b) == "table" then return util.deepcompare(a, b, true) end
  return a == b
end

local function routes(state, arguments)
  local request, expected = arguments[1], arguments[2]
  if type(expected) == "string" then expected = { client = expected } end
  if type(expected) ~= "table" or next(expected) == nil then
    wrong "assert.routes takes a request and what the decision must have, such as {client = \"main\"}"
  end
  for name in pairs(expected) do
    if not IN_DECISION[name] then wrong("a decision has no field '%s'%s", tostring(name), hint(name, IN_DECISION)) end
  end
  local decision = decide(request)
  local holds = true
  for name, value in pairs(expected) do holds = holds and same(decision[name], value) end
  local mistake = not holds and impossible(expected)
  if mistake and not state.mod then wrong("%s", mistake) end
  local interesting = { denied = decision.denied, rule = decision.rule, source = decision.source }
  for name in pairs(expected) do interesting[name] = true end
  local wanted = fields(expected, expected) .. (mistake and ("\n  (%s)"):format(mistake) or "")
  tell(arguments, wanted, not state.mod, fields(decision, interesting), decision)
  return holds, { decision }
end

local function denies(state, arguments)
  local request, reason = arguments[1], arguments[2]
  if reason ~= nil and type(reason) ~= "string" then
    wrong("assert.denies takes a request and a part of the reason, not a %s", type(reason))
  end
  local decision = decide(request)
  local holds = decision.denied ~= nil and (reason == nil or decision.denied:find(reason, 1, true) ~= nil)
  local got = { client = not decision.denied or nil, denied = decision.denied, rule = decision.rule, source = decision.source }
  local expected = reason and ("a denial that says %q"):format(reason) or "a denial"
  tell(arguments, expected, not state.mod, fields(decision, got), decision)
  return holds, { decision }
end

say:set_namespace "en"
say:set("assertion.shunt", "%s")
luassert:register("assertion", "routes", assertion(routes), "assertion.shunt", "assertion.shunt")
luassert:register("assertion", "denies", assertion(denies), "assertion.shunt", "assertion.shunt")

return busted
