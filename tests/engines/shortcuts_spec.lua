-- A call that needs no statement, as it asks for nothing, succeeds or is refused as the same call does that asks for something: wrong
-- parts of it are drawn at random. Also with parts on several datasources.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local DRAWN = 500 -- for each world

local rules = [[
model "user" { table = "users", relations = { orders = has_many("order", "user_id"), roles = belongs_to_many("link", "role", "user_id", "role_id") } }
model "order" { table = "orders", relations = { user = belongs_to("user", "user_id") } }
model "role" { table = "roles" }
model "link" { table = "links" }
model "event" {
  table = "events",
  client = function(req) local b = req:mod("where.user_id", 2); return b == 1 and "second" or "main" end,
  parts = { { client = "main" }, { client = "second" } },
}
model "code" { -- its parts have primary keys of differing types
  table = "codes",
  client = function(req) local b = req:mod("where.user_id", 2); return b == 1 and "second" or "main" end,
  parts = { { client = "main" }, { client = "second" } },
}
]]

local tables = {
  "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(40), age INTEGER)",
  "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, total INTEGER)",
  "CREATE TABLE roles (id INTEGER PRIMARY KEY, name VARCHAR(40))",
  "CREATE TABLE links (user_id INTEGER, role_id INTEGER, PRIMARY KEY (user_id, role_id))",
  "CREATE TABLE events (id INTEGER PRIMARY KEY, user_id INTEGER, name VARCHAR(40), age INTEGER)",
  "CREATE TABLE codes (id %s PRIMARY KEY, user_id INTEGER, name VARCHAR(40), age INTEGER)",
  "INSERT INTO users VALUES (1, 'Ada', 36), (2, 'Bo', 4)",
  "INSERT INTO orders VALUES (1, 1, 5)",
  "INSERT INTO roles VALUES (1, 'admin')",
  "INSERT INTO links VALUES (1, 1)",
}

-- ---- what may be wrong ----

local conditions = {
  { nope = 1 }, { nope = {} }, { age = { near = 3 } }, { age = { between = { 1 } } }, { age = { between = { 1, 2, 3 } } },
  { age = "abc" }, { age = { gt = "abc" } }, { age = { 1, "abc" } }, { age = true }, { name = { like = 5 } }, { age = { like = "a%" } },
  { _or = { { age = 3 }, { nope = 1 } } }, { _not = { nope = 1 } }, { name = { contains = 5 } }, { age = { gt = shunt.null } },
  { _nand = { age = 1 } }, { name = { starts_with = false } },
}
local related = { { orders = { nope = 1 } }, { orders = { _not = { nope = 1 } } }, { roles = { nope = 1 } }, { orders = { total = "abc" } } }
local orders = { { "nope" }, { "-nope" }, { "name", "orders.total" }, { "name sideways" }, { "age", "nope nulls last" }, { "" } }
local more = {
  function() return { columns = { "nope" } } end,
  function() return { columns = { "id", "id." } } end,
  function() return { include = { nope = true } } end,
  function() return { offset = -1 } end,
  function() return { client = "nope" } end,
  function() return { lock = "nope" } end,
  function() return { nowait = true } end,
  function() return { having = { age = 1 } } end,
  function() return { sideways = true } end,
}

local function draw_where(r, model)
  local pool = model == "user" and r:chance(30) and related or conditions
  return r:of(pool)
end

local right = { {}, { order = { "-name" } }, { columns = { "name" } }, { where = { age = { gt = 1 } } }, { columns = { "age" }, order = { "id" } } }

-- Options with one wrong part, or with none.
local function draw(r, model)
  local kind = r:int(1, 4)
  if kind == 4 then return r:of(right) end
  if kind == 1 then return { where = draw_where(r, model), order = r:chance(50) and { "-id" } or nil } end
  if kind == 2 then return { order = r:of(orders), where = r:chance(50) and { id = 1 } or nil } end
  return r:of(more)()
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

local function with_where(options, extra)
  local out = copy(options)
  out.where = { _and = { options.where or { id = { gte = 0 } }, extra } }
  return out
end

-- ---- the calls: each gives one that asks for something and one that asks for nothing ----

local drained = function(m, options)
  for _ in m:each(options) do end
end

local calls = {
  { "limit = 0", function(m, o) return m:select(o) end, function(m, o) o = copy(o); o.limit = 0; return m:select(o) end },
  { "limit = 0, offset", function(m, o) return m:select(o) end, function(m, o) o = copy(o); o.limit, o.offset = 0, o.offset or 3; return m:select(o) end },
  { "each, limit = 0", drained, function(m, o) o = copy(o); o.limit = 0; return drained(m, o) end },
  { "empty list", function(m, o) return m:select(with_where(o, { id = { 1, 2 } })) end, function(m, o) return m:select(with_where(o, { id = {} })) end },
  { "empty alternatives", function(m, o) return m:select(with_where(o, { _or = { { id = 1 } } })) end,
    function(m, o) return m:select(with_where(o, { _or = {} })) end },
  { "count of an empty list", function(m, o) return m:count(with_where(o, { id = { 1, 2 } })) end,
    function(m, o) return m:count(with_where(o, { id = {} })) end },
  { "mget", function(m, o) return m:mget({ 1, 2 }, o) end, function(m, o) return m:mget({}, o) end },
  { "mget of null", function(m, o) return m:mget({ 1, 2 }, o) end, function(m, o) return m:mget({ shunt.null }, o) end },
  { "mget in parts of which one can't have the key", function(m, o) return m:mget({ "1", "x" }, o) end,
    function(m, o) return m:mget({ "x" }, o) end, of = "code" },
  { "update", function(m, o) return m:update({ name = "x" }, with_where(o, { id = { 7, 8 } })) end,
    function(m, o) return m:update({ name = "x" }, with_where(o, { id = {} })) end },
  { "delete", function(m, o) return m:delete(with_where(o, { id = { 7, 8 } }).where, { client = o.client }) end,
    function(m, o) return m:delete(with_where(o, { id = {} }).where, { client = o.client }) end },
}

-- A relation whose rows are limited to none.
for _, relation in ipairs { "orders", "roles" } do
  local function included(m, o, limit)
    local inner = copy(o)
    inner.limit = limit
    return m:select { include = { [relation] = inner } }
  end
  calls[#calls + 1] = { "include of " .. relation .. ", limit = 0", function(m, o) return included(m, o) end, function(m, o) return included(m, o, 0) end,
    of = "user" }
end

-- Without a row, no rule can say in which table the columns of on_conflict are.
local writes = {
  { update = { "name" } }, { client = "nope" }, { sideways = true }, { returning = { "nope" } }, { where = { id = 1 } }, { all = true },
  { include = { nope = true } }, { on_conflict = 7 }, { timeout = "soon" }, { increment = { age = 1 } },
}

local bulks = {
  { "insert_bulk", function(m, o) return m:insert_bulk({ { id = 50, user_id = 1, name = "x" } }, o) end, function(m, o) return m:insert_bulk({}, o) end },
  { "update_bulk", function(m, o) return m:update_bulk({ { id = 50, name = "x" } }, o) end, function(m, o) return m:update_bulk({}, o) end },
}

-- Both succeed, or both fail in the same way.
local function compare(m, call, options, seen)
  local ok, full = pcall(call[2], m, options)
  local fine, short = pcall(call[3], m, options)
  local what = ("%s with %s:\n%s\n%s"):format(call[1], shunt.json(options), ok and "no error" or tostring(full), fine and "no error" or tostring(short))
  if ok then
    assert.is_true(fine, what)
    return
  end
  seen[call[1]] = (seen[call[1]] or 0) + 1
  assert.is_false(fine, what)
  assert.equal(full.code, short.code, what)
  assert.equal(full.message, short.message, what)
end

for _, engine in ipairs(Engines.all) do
  describe("A call that asks for nothing, on " .. engine, function()
    local why = engine ~= "sqlite3" and Engines.missing()
    if why then
      pending(why)
      return
    end
    local world

    setup(function()
      world = Engines.open { clients = { main = engine, second = engine }, default = "main", rules = rules }
      for client, key in pairs { main = "VARCHAR(40)", second = "INTEGER" } do
        for _, sql in ipairs(tables) do world.session:execute(client, (sql:gsub("%%s", key))) end
      end
      world.session:model("event"):insert_bulk { { id = 1, user_id = 1, name = "a", age = 1 }, { id = 2, user_id = 2, name = "b", age = 2 } }
    end)
    teardown(function() world:close() end)

    for _, model in ipairs { "user", "event", "code" } do
      it("is refused as one that asks for something: " .. model, function()
        local seed = Random.seed()
        local r, seen = Random.new(seed), {}
        print("\nSHUNT_SEED=" .. seed)
        for _ = 1, DRAWN do
          local call = r:of(calls)
          if (call.of or model) == model then compare(world.session:model(model), call, draw(r, model), seen) end
        end
        for _, call in ipairs(calls) do assert.is_truthy(seen[call[1]] or call.of and call.of ~= model, call[1]) end
      end)
    end

    it("is refused as one that writes something", function()
      for _, call in ipairs(bulks) do
        local seen = {}
        for _, options in ipairs(writes) do compare(world.session:model "event", call, options, seen) end
        assert.is_true(seen[call[1]] >= 8, seen[call[1]])
      end
    end)
  end)
end
