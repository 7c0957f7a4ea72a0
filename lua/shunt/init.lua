--- shunt: routing rules decide where each access to a model or relation goes, and shunt carries it out.
---
---     local shunt = require "shunt"
---     local app <close> = shunt.open("shunt.yaml")
---     local session <close> = app:session { instance = "acme" }
---     local users = session:model("user"):select { where = { age = { gte = 18 } }, include = { "orders.lines" } }
---
--- This file holds the parts that need coroutines and to-be-closed variables. The rest is in C, in shunt.core.
local core = require "shunt.core"
local debug, error, ipairs, pairs, pcall, select, setmetatable, type =
  debug, error, ipairs, pairs, pcall, select, setmetatable, type
local close, create, isyieldable = coroutine.close, coroutine.create, coroutine.isyieldable
local resume, status, yield = coroutine.resume, coroutine.status, coroutine.yield
local pack, unpack = table.pack, table.unpack
local min, random = math.min, math.random

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

-- Errors name the line that called shunt, not a line of this module.
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
      local is_key = name:find "key" and type(value) == "table"
      if type(value) ~= "string" and not is_key then core.usage(kind .. ": " .. name .. " must be text, not a " .. type(value)) end
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

-- Columns in conditions ------------------------------------------------------------------------------------------------

--- The column of this name as the right side of a condition: `{ ended = { lt = shunt.column "began" } }`.
function shunt.column(name)
  if type(name) ~= "string" then core.usage("shunt.column takes the name of a column, not a " .. type(name)) end
  return { column = name }
end

-- Switching the current datasource or the level -----------------------------------------------------------------------

local function run_switched(switch, session, client, co, ...)
  local _ <close> = switch(session, client)
  return resume(co, ...)
end

-- Closes what the coroutine left open, such as transactions, with its own datasource and level.
local function end_coroutine(block)
  local open, guard = pcall(block.switch, block.session, block.client)
  local _ <close> = open and guard or nil
  return close(block.co)
end

-- Ends a block whose caller abandoned it while it was suspended.
local given_up = {
  __close = function(block)
    if status(block.co) ~= "suspended" then return end
    local ok, problem = end_coroutine(block)
    if not ok then error(problem, 0) end
  end,
}

-- If the caller may yield, fn runs in a coroutine of its own, and the switch is on only while that coroutine runs. Other
-- coroutines see the session without the switch.
local function switch_in_coroutine(switch, session, client, fn, ...)
  local co = create(fn)
  local block <close> = setmetatable({ co = co, switch = switch, session = session, client = client }, given_up)
  local passed = pack(...)
  while true do
    local got = pack(run_switched(switch, session, client, co, unpack(passed, 1, passed.n)))
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

local function run_with(switch, session, client, fn, ...)
  if isyieldable() then return switch_in_coroutine(switch, session, client, fn, ...) end
  local _ <close> = switch(session, client)
  return fn(...)
end

function core.session_methods.switch_db(session, client, fn, ...)
  need_function(fn, "session:switch_db")
  return run_with(core.switch, session, client, fn, ...)
end

function core.session_methods.switch_db_isolate(session, fn, ...)
  need_function(fn, "session:switch_db_isolate")
  return run_with(core.level_up, session, nil, fn, ...)
end

-- Transactions ---------------------------------------------------------------------------------------------------------

local function committed(transaction, ...)
  core.commit(transaction)
  return ...
end

local function run_in(transaction, session, fn)
  local open <close> = transaction -- rolled back if the block is left without a commit
  return committed(open, fn(session))
end

local function with_traceback(problem)
  if core.is_error(problem) and not problem.traceback then problem.traceback = debug.traceback() end
  return problem
end

-- A coroutine that dies by an error closes nothing, so the error is caught until the transaction has ended.
local function run_once(transaction, session, fn)
  if not isyieldable() then return run_in(transaction, session, fn) end
  local got = pack(xpcall(run_in, with_traceback, transaction, session, fn))
  if not got[1] then error(got[2], 0) end
  return unpack(got, 2, got.n)
end

-- The engine rolled the transaction back for another one, and nothing of it is done. If hooks failed too, the error must reach the
-- caller.
local function may_retry(problem)
  return core.is_error(problem) and problem.code == "SHUNT_E_CONFLICT" and problem.outcome == "not done" and not problem.failures
    and (problem.engine_code or problem.sqlstate) ~= nil
end

local LONGEST_PAUSE_MS = 200

function core.session_methods.transaction(session, fn, opts)
  need_function(fn, "session:transaction")
  local transaction, retries = core.begin(session, opts)
  for tried = 1, retries do
    local got = pack(pcall(run_in, transaction, session, fn))
    if got[1] then return unpack(got, 2, got.n) end
    if not may_retry(got[2]) then error(got[2], 0) end
    core.pause(random() * min(2 ^ tried * 2, LONGEST_PAUSE_MS))
    transaction = core.begin(session, opts)
  end
  return run_once(transaction, session, fn)
end

require "shunt.jobs" -- adds session:push and the other methods of jobs, and app:worker
require "shunt.events" -- adds app:on

return shunt
