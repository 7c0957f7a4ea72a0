--- Decisions in Lua: objects whose fields are made on demand, and which are kept for the next call that decides the same.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"
local Shop = require "tests.spec.support.shop"
local failure, has = Shop.failure, Shop.has

local RULES = [[
model "user" { table = "users", client = "main", relations = {
  orders = has_many("order", "user_id"), notes = has_many("note", "user_id", { client = "_inherit_" }) } }
model "order" { table = function(req) return "orders_" .. (req:mod("where.user_id", 4) or "all") end, client = "shop" }
model "note" { client = function(req) if req.attrs.big then return "other" end end }
model "any" { table = function(req) uncacheable "a test" return "any_" .. req.where.id end }
model "level" { client = function(req) return req.level > 0 and "other" or "shop" end }
rule "notes are read-only" { stage = "guard", model = "note", op = "write", deny = "read-only" }
rule "in a transaction" { stage = "refine", model = "level", client = function(req) return req.in_transaction and "main" or nil end }
]]

local function copy(decision)
  local out = {}
  for name, value in pairs(decision) do out[name] = value end
  return out
end

describe("a decision", function()
  local app, folder, session

  before_each(function()
    app, folder = App.open { ["shunt.yaml"] = Shop.config, ["rules/models.lua"] = RULES }
    session = app:session()
  end)

  after_each(function()
    app:close()
    App.remove(folder)
  end)

  it("has its fields in pairs, and no others", function()
    for _, options in ipairs { { op = "read" }, { op = "write" }, { every_rule = true } } do
      local decision = session:resolve("note", options)
      local fields = copy(decision)
      for name, value in pairs(fields) do assert.same(value, decision[name], name) end
      assert.equal(options.op == "write", fields.client == nil)
      assert.equal(options.op == "write" and "read-only" or nil, fields.denied)
      assert.is_nil(decision.colour)
      assert.is_nil(decision[1])
    end
  end)

  it("is the same object where it comes from the cache", function()
    session:resolve("user")
    local known = session:resolve("user", { op = "read" })
    assert.is_true(known.remembered)
    assert.is_true(rawequal(known, session:resolve "user"))
    assert.is_false(rawequal(known, session:resolve("user", { op = "write" })))
    assert.equal("write", session:resolve("user", { op = "write" }).op)
  end)

  it("that is not from the cache is an object of its own", function()
    local first = session:resolve("any", { where = { id = 1 } })
    assert.equal("any_1", first.table)
    assert.equal("any_2", session:resolve("any", { where = { id = 2 } }).table)
    assert.equal("any_1", first.table)
    session:resolve "user"
    session:transaction(function()
      assert.equal("transaction", session:resolve("user").pinned_by)
      assert.is_nil(session:resolve("user", { client = "other" }).pinned_by)
    end, { client = "main" })
    assert.is_nil(session:resolve("user").pinned_by)
  end)

  it("equals one with the same fields", function()
    local mine, other = app:session(), app:session()
    for _, of in ipairs { mine, other } do of:resolve "user" of:resolve "note" end
    assert.same(mine:resolve "user", other:resolve "user")
    assert.is_true(mine:resolve "user" == other:resolve "user")
    assert.are_not.same(mine:resolve "user", mine:resolve "note")
    assert.are_not.same(mine:resolve "user", mine:resolve("user", { every_rule = true }))
  end)

  it("prints well", function()
    assert.equal("read of user: client main, table users, level 0, by 'model client' (rules/standard/model.lua:6)",
      (tostring(session:resolve "user"):gsub("by '.-' %(.-%)", "by 'model client' (rules/standard/model.lua:6)")))
    assert.equal("write of note: denied, read-only, by 'notes are read-only' (rules/models.lua:7)",
      tostring(session:resolve("note", { op = "write" })))
  end)

  it("is an object in JSON, alone and within a table", function()
    local decision = session:resolve "order"
    assert.equal(shunt.json(copy(decision)), shunt.json(decision))
    assert.equal(shunt.json { copy(decision) }, shunt.json { decision })
  end)

  it("can't be changed, and its lists are copies", function()
    session:resolve "user"
    local decision = session:resolve "user"
    has(failure("SHUNT_E_USAGE", function() decision.client = "other" end), "can't be changed")
    local fields = copy(decision)
    decision.trace[1].rule = "another"
    decision.depends_on[1] = "nothing"
    assert.same(fields, copy(session:resolve "user"))
  end)

  it("outlives its session and its app", function()
    local kept = {}
    for i, model in ipairs { "user", "user", "order", "note" } do kept[i] = session:resolve(model) end
    local copies = {}
    for i, decision in ipairs(kept) do copies[i] = copy(decision) end
    session:close()
    app:close()
    collectgarbage()
    for i, decision in ipairs(kept) do assert.same(copies[i], copy(decision)) end
  end)

  it("is of the generation that decided", function()
    session:close()
    session = app:session { follow = true }
    for generation = 1, 4 do
      local client = generation % 2 == 0 and "other" or "main"
      App.write(folder .. "/rules/models.lua", (RULES:gsub('"main"', ('"%s"'):format(client), 1)))
      app:reload()
      for _ = 1, 3 do
        local decision = session:resolve "user"
        assert.same({ client, app:generation() }, { decision.client, decision.generation })
      end
    end
  end)

  it("gives client_of its client, or the reason why it has no client", function()
    assert.equal("main", session:client_of "user")
    assert.equal("shop", session:client_of("order", "write"))
    assert.same({ nil, "read-only" }, { session:client_of("note", "write") })
    has(failure("SHUNT_E_NOT_FOUND", session.client_of, session, "usr"), "did you mean 'user'")
    has(failure("SHUNT_E_USAGE", session.client_of, session, "user", "update"), 'op is "read" or "write"')
    failure("SHUNT_E_USAGE", session.client_of, session)
  end)

  -- Options of many kinds are borrowed from their table; where = {column = {eq = value}} says the same, and is converted.
  it("is the same whatever way its options are written, and whatever the session did before", function()
    local random = Random.new(Random.seed())
    print("SHUNT_SEED=" .. Random.seed())
    local function one_of(list) return random:of(list) end
    local function any(model)
      return { op = one_of { "read", "write" }, client = random:int(1, 4) == 1 and one_of { "main", "default" } or nil,
        current = random:int(1, 4) == 1 and "other" or nil, level = random:int(1, 6) == 1 and session:level() or nil,
        where = model == "order" and random:int(1, 2) == 1 and { user_id = random:int(1, 9) } or nil }
    end
    local function converted(options)
      local out = {}
      for name, value in pairs(options) do out[name] = value end
      out.where = { nothing = { eq = 1 } } -- no rule reads it
      for column, value in pairs(options.where or {}) do out.where[column] = { eq = value } end
      return out
    end
    local function without_memory(decision)
      local out = copy(decision)
      out.remembered, out.not_remembered = nil, nil
      return out
    end
    local function check(n)
      for _ = 1, n do
        local model = one_of { "user", "order", "note", "level" }
        local options = any(model)
        local decision = session:resolve(model, options)
        local anew = session:resolve(model, converted(options))
        assert.same(without_memory(anew), without_memory(decision))
        local client, why = session:client_of(model, options.op)
        local plain = session:resolve(model, { op = options.op })
        assert.same({ plain.client, plain.denied }, { client, why })
      end
    end
    for _ = 1, 30 do
      check(20)
      session:switch_db(one_of { "main", "shop", "other" }, check, 10)
      session:switch_db_isolate(check, 10)
      session:transaction(function() check(10) end, { client = one_of { "main", "shop" } })
    end
  end)
end)
