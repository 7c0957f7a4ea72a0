-- Random calls, each made twice: with the Lua module on one application, and as JSON with shunt_call, in a host program, on
-- another one like it. Results and errors are the same, and so is what the databases hold at the end.

local core = require "shunt.core"
local shunt = require "shunt"
local Calls = require "tests.engines.support.calls"
local Command = require "tests.spec.support.command"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local NUMBER = math.tointeger(tonumber(os.getenv "SHUNT_CALLS" or 150)) -- for each pair of engines
local host = Command.binary:gsub("/[^/]*$", "/tests/calls")

-- ---- in Lua ----

local function close(block) debug.getmetatable(block).__close(block) end

-- What shunt_call says if something else than the innermost is to be ended: Lua's functions end what they have begun.
local ENDED_BY = { transaction = "commit or rollback", switch = "switch_pop", level = "level_pop" }

local Lua = {}
Lua.__index = Lua

function Lua:open(kind, block) self.blocks[#self.blocks + 1] = { kind = kind, block = block } end

function Lua:take(kind)
  local last = self.blocks[#self.blocks]
  if not last then core.usage(("no call of this session has opened a %s"):format(kind)) end
  if last.kind ~= kind then core.usage(("a %s was opened last: end it first, with %s"):format(last.kind, ENDED_BY[last.kind])) end
  self.blocks[#self.blocks] = nil
  return last.block
end

function Lua:model(call) return self.session:model(call.on) end

function Lua:select(call) return (self:model(call):select(call.options)) end
function Lua:get(call)
  if call.id == nil then return self:model(call):get(nil, call.options) end
  return self:model(call):get(call.id, call.options)
end
function Lua:mget(call) return (self:model(call):mget(call.ids, call.options)) end
function Lua:count(call) return self:model(call):count(call.options) end
function Lua:aggregate(call) return self:model(call):aggregate(call.options) end
function Lua:insert(call) return self:model(call):insert(call.row, call.options) end
function Lua:insert_bulk(call) return (self:model(call):insert_bulk(call.rows, call.options)) end
function Lua:update(call) return self:model(call):update(call.row, call.options) end
function Lua:update_bulk(call) return self:model(call):update_bulk(call.rows, call.options) end
function Lua:increment(call) return self:model(call):increment(call.where, call.by, call.options) end
function Lua:delete(call) return self:model(call):delete(nil, call.options) end
function Lua:resolve(call) return self.session:resolve(call.on, call.options) end
function Lua:query(call) return (self.session:query(call.client, call.on, call.params, call.options)) end
function Lua:execute(call) return self.session:execute(call.client, call.on, call.params, call.options) end
function Lua:table_columns(call) return self.session:columns(call.client, call.on) end
function Lua:switch_push(call)
  self:open("switch", core.switch(self.session, call.on))
  return null
end
function Lua:switch_pop() return close(self:take "switch") or null end
function Lua:level_push()
  self:open("level", core.level_up(self.session))
  return self.session:level()
end
function Lua:level_pop() return close(self:take "level") or self.session:level() end
function Lua:begin(call)
  self:open("transaction", (core.begin(self.session, call.options)))
  return self.skip
end
function Lua:commit() return core.commit(self:take "transaction") or null end
function Lua:rollback() return close(self:take "transaction") or null end
function Lua:push(call)
  local id, existed = self.session:push(call.on, call.data, call.options)
  return { id = id or null, existed = existed }
end
function Lua:jobs(call) return (self.session:jobs(call.options)) end
function Lua:jobs_purge(call) return self.session:jobs_purge(call.options) end

-- ---- as JSON ----

local IS_OBJECT = { where = true, _not = true, some = true, none = true, every = true, row = true, by = true, set = true, having = true }
local OF_LIST = { _or = "where", _and = "where", rows = "row", orders = "row", roles = "row", lines = "row" }

-- A value as JSON's: a table that is empty becomes a list or an object, as its name says.
local function as_json(value, name)
  if shunt.is_blob(value) then return { _blob = shunt.json_decode(shunt.json(value)) } end
  if type(value) ~= "table" then return value end
  if value.escape and value[1] then return { pattern = value[1], escape = value.escape } end
  local out = {}
  for key, item in pairs(value) do
    if type(key) == "number" then out[key] = as_json(item, OF_LIST[name]) else out[key] = as_json(item, name == "include" and "where" or key) end
  end
  if next(out) == nil and IS_OBJECT[name] then return shunt.object() end
  return out
end

local function text_of(call)
  local out = as_json(call.options or {})
  for _, name in ipairs { "id", "ids", "row", "rows", "by", "where", "client", "params", "data" } do
    if call[name] ~= nil then out[name] = as_json(call[name], name) end
  end
  out[call.verb] = call.on == nil and (call.verb == "resolve" and null or true) or call.on
  return shunt.json(out)
end

-- ---- what they give ----

local UNLIKE = { remembered = true, not_remembered = true, run_at = true, created_at = true, worker = true, unique = true } -- unique: numbers of indexes

-- As JSON has it: nil is null, and a name that is not there is null, too.
local function comparable(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do
    if not UNLIKE[key] and item ~= null then out[key] = comparable(item) end
  end
  return out
end

local ABOUT_LUA = { ["model:increment: the increments"] = "increment: by", ["model:"] = "", ["session:"] = "" }

local function without_names(message, world)
  for _, database in pairs(world.database_of) do message = message:gsub(database, "DATABASE") end
  return (message:gsub(world.folder:gsub("%p", "%%%0"), "FOLDER"))
end

local function failure_of(problem, world)
  if not shunt.is_error(problem) then return tostring(problem) end
  local message = problem.message:gsub("[\n\t]", " ")
  for lua, json in pairs(ABOUT_LUA) do
    if message:sub(1, #lua) == lua then message = json .. message:sub(#lua + 1) end
  end
  return ("!%s\t%s\t%s\t%d\t%s"):format(problem.code, problem.outcome, problem.sqlstate or "", problem.engine_code or 0,
    without_names(message, world))
end

local function run_in_lua(calls, world, session)
  local lua = setmetatable({ session = session, blocks = {}, skip = {} }, Lua)
  local out = {}
  for i, call in ipairs(calls) do
    local got = table.pack(pcall(lua[call.verb], lua, call))
    if not got[1] then
      out[i] = failure_of(got[2], world)
    elseif got[2] == lua.skip then
      out[i] = lua.skip
    else
      out[i] = { value = shunt.json_decode(shunt.json(got[2])) }
    end
  end
  for i = #lua.blocks, 1, -1 do close(lua.blocks[i].block) end
  return out, lua.skip
end

local function run_in_host(calls, world, session)
  local texts = {}
  for i, call in ipairs(calls) do texts[i] = text_of(call) end
  local path = world.folder .. "/calls.json"
  local file <close> = assert(io.open(path, "wb"))
  file:write(table.concat(texts, "\n"), "\n")
  file:close()
  local command = ("%s %s %s <%s 2>&1"):format(host, Command.quoted(world.folder .. "/shunt.yaml"), Command.quoted(session),
    Command.quoted(path))
  local text, status = Command.capture(command)
  local replies = {}
  for line in text:gmatch "[^\n]*" do replies[#replies + 1] = line end
  assert(status == 0 and #replies > #calls, "the host ended with " .. tostring(status) .. "\n" .. text:sub(-2000))
  return replies, texts
end

local function compare(expected, reply, world)
  if type(expected) == "string" then
    local got = without_names(reply:gsub("\tline %d+ column %d+: ", "\t"), world)
    if not expected:find("did you mean", 1, true) then got = got:gsub("; did you mean '[^']*'%?$", "") end -- arguments have names here
    return expected ~= got and ("expected %s\ngot      %s"):format(expected, got) or nil
  end
  if reply:sub(1, 1) == "!" then return "expected a result\ngot      " .. reply end
  return show.difference(comparable(expected.value), comparable(shunt.json_decode(reply)), null)
end

local PAIRS = { { "sqlite3", "sqlite3" }, { "sqlite3", "pg" }, { "pg", "mysql" }, { "mysql", "sqlite3" } }

describe("a call as JSON", function()
  local seed = Random.seed()
  for _, engines in ipairs(PAIRS) do
    local missing = (engines[1] .. engines[2]) ~= "sqlite3sqlite3" and Engines.missing()
    local run = missing and pending or it
    run(("does what the same call does in Lua, on %s and %s"):format(engines[1], engines[2]), function()
      print(("SHUNT_SEED=%d"):format(seed))
      local worlds = { Calls.world(engines), Calls.world(engines) }
      local random = Random.new(seed)
      local calls = Calls.draw(random, NUMBER)
      local mine <close> = worlds[1].app:session { attrs = { plan = "pro" } }
      local expected, skip = run_in_lua(calls, worlds[1], mine)
      local replies, texts = run_in_host(calls, worlds[2], '{"attrs":{"plan":"pro"}}')
      local failures, refused = {}, 0
      for i in ipairs(calls) do
        local difference = expected[i] ~= skip and compare(expected[i], replies[i], worlds[2])
        if difference then failures[#failures + 1] = ("call %d: %s\n%s"):format(i, texts[i], difference) end
        if type(expected[i]) == "string" then refused = refused + 1 end
      end
      local contents = show.difference(Calls.contents(worlds[1]), Calls.contents(worlds[2]), null)
      for _, world in ipairs(worlds) do world:close() end
      assert(#failures == 0, ("%d of %d calls differ\n%s"):format(#failures, #calls, table.concat(failures, "\n", 1, math.min(#failures, 5))))

      assert(not contents, contents)
      assert(refused < #calls * 3 / 4, refused .. " of the calls were refused")
    end)
  end
end)
