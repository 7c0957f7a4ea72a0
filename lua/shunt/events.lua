--- app:on and app:observe: deliver events and statements to callbacks. Events wait in C (src/bind/event_queue.c) until the next call of the module.
local core = require "shunt.core"
local ipairs, pairs, pcall, setmetatable, table, tostring, type, warn =
  ipairs, pairs, pcall, setmetatable, table, tostring, type, warn

local events = {}

core.options["app:on"] = { "severity" }

---@class shunt.subscription
---@field fn function
---@field kind string a kind, or with `group` the beginning of kinds
---@field group boolean
---@field severity integer

local subscribed = setmetatable({}, { __mode = "k" }) -- by app: a list of subscriptions

local function matches(subscription, event)
  if core.severities[event.severity] < subscription.severity then return false end
  if not subscription.group then return event.kind == subscription.kind end
  return event.kind:sub(1, #subscription.kind) == subscription.kind
end

local function call(of, fn, event)
  local ok, err = pcall(fn, event)
  if ok then return end
  local shown, text = pcall(tostring, err)
  warn("shunt: a callback of ", of, " failed: ", shown and text or "an error that can't be shown")
end

--- A callback may add and end subscriptions: an event goes to those that exist when it arrives.
local function dispatcher(list)
  return function(event)
    for _, subscription in ipairs(table.move(list, 1, #list, 1, {})) do
      if matches(subscription, event) then call("app:on", subscription.fn, event) end
    end
  end
end

--- Asks the library for events from the lowest severity that a subscription wants.
local function update(app)
  local list, least, name = subscribed[app], nil, "error"
  for _, subscription in ipairs(list) do
    if not least or subscription.severity < least then least, name = subscription.severity, subscription.name end
  end
  core.events_set(app, #list > 0 and dispatcher(list) or nil, name)
end

local function parse_kind(kind)
  if type(kind) ~= "string" then core.usage("app:on: the kind of event must be text, not a " .. type(kind)) end
  local prefix = kind:match "^([^*]*)%*$"
  for _, known in ipairs(core.event_kinds) do
    if known == kind or prefix and known:sub(1, #prefix) == prefix then return prefix or kind, prefix ~= nil end
  end
  return core.usage(("app:on: unknown kind of event '%s'%s"):format(kind, core.hint(kind, core.event_kinds)))
end

local function parse_severity(options)
  if options ~= nil and type(options) ~= "table" then core.usage("app:on: options must be a table, not a " .. type(options)) end
  local name = options and options.severity or "debug"
  for key in pairs(options or {}) do
    if key ~= "severity" then core.usage(("app:on: unknown option '%s'; the only one is severity"):format(tostring(key))) end
  end
  if not core.severities[name] then
    core.usage(("app:on: unknown severity '%s'; use debug, info, warning or error"):format(tostring(name)))
  end
  return name
end

--- app:on([kind,] fn [, options]). Returns a function that ends the subscription.
function core.app_methods.on(app, kind, fn, options)
  if type(kind) == "function" then kind, fn, options = "*", kind, fn end
  app:poll() -- raises if it is closed
  local prefix, group = parse_kind(kind)
  if type(fn) ~= "function" then core.usage("app:on needs a function, not a " .. type(fn)) end
  local name = parse_severity(options)
  local subscription = { fn = fn, kind = prefix, group = group, severity = core.severities[name], name = name }
  local list = subscribed[app] or {}
  list[#list + 1] = subscription
  subscribed[app] = list
  update(app)
  return function()
    for i, other in ipairs(list) do
      if other == subscription then
        table.remove(list, i)
        return update(app)
      end
    end
  end
end

--- app:observe(fn): gets each statement of all sessions; nil ends it.
function core.app_methods.observe(app, fn)
  if fn ~= nil and type(fn) ~= "function" then core.usage("app:observe takes a function, or nil to end it, not a " .. type(fn)) end
  core.observer_set(app, fn and function(statement) call("app:observe", fn, statement) end)
end

return events
