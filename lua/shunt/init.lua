--- shunt: routing rules decide where each access to a model or relation goes, and shunt carries it out.
---
---     local shunt = require "shunt"
---     local app <close> = shunt.open("shunt.yaml")
---     local session <close> = app:session { instance = "acme" }
---     local users = session:model("user"):select { where = { age = { gte = 18 } }, include = { "orders.lines" } }
---
--- What is here needs Lua itself: coroutines and the order in which blocks are left. The rest is in C, in shunt.core.
local core = require "shunt.core"
local debug, error, ipairs, pairs, pcall, select, setmetatable, type =
  debug, error, ipairs, pairs, pcall, select, setmetatable, type
local close, create, isyieldable = coroutine.close, coroutine.create, coroutine.isyieldable
local resume, status, yield = coroutine.resume, coroutine.status, coroutine.yield
local pack, unpack = table.pack, table.unpack

local shunt = {
  VERSION = core.version,
  null = core.null,
  open = core.open,
  is_error = core.is_error,
  blob = core.blob,
  is_blob = core.is_blob,
  json = core.json,
  json_decode = core.json_decode,
  object = core.object,
  waits = core.waits,
}

-- Errors name the line that called shunt, not the lines of this module that the call went through.
local source = debug.getinfo(1, "S").source
local home = source:match "^(@.*[/\\])[^/\\]*$"
if home then core.home(home) end

local function need_function(fn, where)
  if type(fn) ~= "function" then core.usage(where .. " needs a function, not a " .. type(fn)) end
end

-- Relations made on the spot, for `with` -----------------------------------------------------------------------------

local function maker(kind, ...)
  local names = { ... }
  return function(...)
    local opts = select(#names + 1, ...)
    if opts ~= nil and type(opts) ~= "table" then
      core.usage(kind .. ": options must be a table, not a " .. type(opts))
    end
    local made = {}
    for key, value in pairs(opts or {}) do made[key] = value end
    for i, name in ipairs(names) do
      local value = select(i, ...)
      if type(value) ~= "string" then core.usage(kind .. ": " .. name .. " must be text, not a " .. type(value)) end
      made[name] = value
    end
    made.kind = kind
    return made
  end
end

shunt.has_one = maker("has_one", "target", "foreign_key")
shunt.has_many = maker("has_many", "target", "foreign_key")
shunt.belongs_to = maker("belongs_to", "target", "foreign_key")
shunt.belongs_to_many = maker("belongs_to_many", "through", "target", "foreign_key", "through_key")

-- Another current datasource for a while -------------------------------------------------------------------------------

local function run_switched(session, client, co, ...)
  local _ <close> = core.switch(session, client)
  return resume(co, ...)
end

-- Ends what the coroutine left open (transactions, say), with the datasource it was running with.
local function end_coroutine(block)
  local open, guard = pcall(core.switch, block.session, block.client)
  local _ <close> = open and guard or nil
  return close(block.co)
end

-- For a block that its caller gave up while it was suspended.
local given_up = {
  __close = function(block)
    if status(block.co) ~= "suspended" then return end
    local ok, problem = end_coroutine(block)
    if not ok then error(problem, 0) end
  end,
}

-- Where fn may yield it runs in a coroutine of its own, and the switch is on only while that runs: whoever is resumed
-- in between sees the session as it was.
local function switch_in_coroutine(session, client, fn, ...)
  local co = create(fn)
  local block <close> = setmetatable({ co = co, session = session, client = client }, given_up)
  local passed = pack(...)
  while true do
    local got = pack(run_switched(session, client, co, unpack(passed, 1, passed.n)))
    if not got[1] then
      local traceback = debug.traceback(co)
      local _, problem = end_coroutine(block)
      if core.is_error(problem) and not problem.traceback then problem.traceback = traceback end
      error(problem, 0)
    end
    if status(co) == "dead" then return unpack(got, 2, got.n) end
    passed = pack(yield(unpack(got, 2, got.n)))
  end
end

function core.session_methods.switch_db(session, client, fn, ...)
  need_function(fn, "session:switch_db")
  if isyieldable() then return switch_in_coroutine(session, client, fn, ...) end
  local _ <close> = core.switch(session, client)
  return fn(...)
end

-- Transactions ---------------------------------------------------------------------------------------------------------

local function committed(transaction, ...)
  core.commit(transaction)
  return ...
end

function core.session_methods.transaction(session, fn, opts)
  need_function(fn, "session:transaction")
  local transaction <close> = core.begin(session, opts) -- left without a commit, it is rolled back
  return committed(transaction, fn(session))
end

return shunt
