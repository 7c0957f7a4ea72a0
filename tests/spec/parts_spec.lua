-- What a model's parts are declared as, and which accesses are refused because they don't say which part they mean.

local App = require "tests.spec.support.app"
local shunt = require "shunt"

local yaml = [[
database:
  defaultClient: main
  clients:
    main:  {engine: sqlite3, connection: {filename: main.db, create: true}}
    other: {engine: sqlite3, connection: {filename: other.db, create: true}}
rules: {path: [rules]}
]]

local function open(rules) return App.open { ["shunt.yaml"] = yaml, ["rules/models.lua"] = rules } end

-- Runs fn with a session of an application with these rules.
local function with(rules, fn)
  local app, folder = open(rules)
  local session = app:session()
  local ok, problem = pcall(fn, session, app)
  app:close()
  App.remove(folder)
  if not ok then error(problem, 0) end
end

local function problem_of(rules)
  local ok, problem = pcall(open, rules)
  assert(not ok, "the rules load")
  return tostring(problem)
end

local by_table = [[
model "order" { table = function(req) local n = req:mod("where.user_id", 2); return n and "orders_" .. n or "orders_0" end %s }
]]

local function fill(s)
  for n = 0, 1 do s:execute("main", ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER, total INTEGER)"):format(n)) end
  for id = 1, 6 do s:execute("main", ("INSERT INTO orders_%d VALUES (?, ?, ?)"):format(id % 2), { id, id, id * 10 }) end
end

describe("a model whose rules choose the place by a column", function()
  it("is not asked without a value for it: the error names the column, the place and the way out", function()
    with(by_table:format "", function(s)
      fill(s)
      local order = s:model "order"
      local accesses = {
        function() order:select() end, function() order:select { where = { user_id = { gt = 1 } } } end,
        function() order:select { where = { id = 3 } } end, function() order:get(3) end,
        function() order:count { where = { _not = { user_id = 1 } } } end, function() order:aggregate { count = true } end,
        function() order:update({ total = 1 }, { where = { total = 10 } }) end, function() order:delete { total = 10 } end,
        function() order:insert { id = 7, total = 1 } end, function() order:mget { 1, 2 } end,
      }
      for _, access in ipairs(accesses) do
        local e = App.raises("SHUNT_E_USAGE", access)
        for _, word in ipairs { "where.user_id", "parts" } do assert(tostring(e):find(word, 1, true), tostring(e)) end
        assert.equal("rules/models.lua", e.file)
        assert.equal(1, e.line)
      end
      assert.equal(6, s:query("main", "SELECT (SELECT count(*) FROM orders_0) + (SELECT count(*) FROM orders_1) AS n")[1].n)
    end)
  end)

  it("names the rule that read the column, even if the decision was remembered", function()
    with([[
      model "order" { table = "orders_0" }
      rule "orders of the second user" { stage = "model", model = "order",
        when = function(req) return req.where.user_id == 2 end, client = "other" }
    ]], function(s)
      fill(s)
      for _ = 1, 3 do
        local e = App.raises("SHUNT_E_USAGE", function() s:model("order"):select() end)
        assert.equal("orders of the second user", e.rule)
        assert.equal(2, e.line)
      end
      assert.equal(1, #s:model("order"):select { where = { user_id = 4 } })
    end)
  end)

  it("is asked in the parts of listed values, without parts declared", function()
    with(by_table:format "", function(s)
      fill(s)
      local function ids(where)
        local list = {}
        for i, row in ipairs(s:model("order"):select { where = where, order = { "id" } }) do list[i] = row.id end
        return list
      end
      assert.same({ 1, 2, 3, 4 }, ids { user_id = { 1, 2, 3, 4 } })
      assert.same({ 3 }, ids { user_id = { 3 } })
      assert.same({ 1, 4 }, ids { _or = { { user_id = 1 }, { user_id = { 4, 9 } } } })
      assert.same({}, ids { user_id = {} })
      App.raises("SHUNT_E_USAGE", function() ids { _or = { { user_id = 1 }, { id = 4 } } } end)
    end)
  end)

  it("takes null for a value", function()
    with(by_table:format "", function(s)
      fill(s)
      s:model("order"):insert { id = 9, user_id = shunt.null }
      assert.equal(9, s:model("order"):select({ where = { user_id = shunt.null } })[1].id)
    end)
  end)

  it("is asked in all parts that it declares", function()
    for _, parts in ipairs { '{ tables = "orders_%d", n = 2 }', '{ tables = { "orders_0", "orders_1" } }',
      '{ { table = "orders_0" }, { table = "orders_1", client = "main" } }',
      'function() return { tables = "orders_%d", n = 2 } end' } do
      with(by_table:format(", parts = " .. parts), function(s)
        fill(s)
        assert.equal(6, s:model("order"):count())
        assert.equal(50, s:model("order"):get(5).total)
        assert.equal(3, s:model("order"):update({ total = 0 }, { where = { user_id = { gt = 3 } } }))
        assert.equal(60, s:model("order"):aggregate({ sum = { "total" } }).sum_total)
        App.raises("SHUNT_E_USAGE", function() s:model("order"):insert { id = 7, total = 1 } end)
      end)
    end
  end)

  it("is written in all parts or in none", function()
    with(by_table:format ', parts = { tables = "orders_%d", n = 2 }', function(s)
      fill(s)
      s:execute("main", "CREATE UNIQUE INDEX one_total ON orders_1 (total)")
      App.raises("SHUNT_E_CONSTRAINT", function() s:model("order"):update({ total = 5 }, { all = true }) end)
      assert.equal(6, s:model("order"):count { where = { total = { gte = 10 } } })
    end)
  end)

  it("may be read by guards without a value", function()
    with([[
      model "order" { table = "orders_0" }
      rule "users are known" { stage = "guard", check = function(req) if req.where.user_id == 13 then return deny "13" end end }
    ]], function(s)
      fill(s)
      assert.equal(3, s:model("order"):count())
      App.raises("SHUNT_E_DENIED", function() s:model("order"):count { where = { user_id = 13 } } end)
    end)
  end)
end)

describe("parts that are declared wrong", function()
  for parts, message in pairs {
    ['"orders"'] = "they are {tables",
    ["{}"] = "there are none",
    ['{ tables = "orders_%d" }'] = "needs n",
    ['{ tables = "orders", n = 4 }'] = "n needs a name of tables",
    ['{ tables = "orders_%s", n = 4 }'] = "no other %",
    ['{ tables = "orders_%d_%d", n = 4 }'] = "no other %",
    ['{ tables = "orders_%d", n = 0 }'] = "",
    ['{ tables = "orders_%d", m = 4, n = 4 }'] = "'m'",
    ['{ clients = { "mian" } }'] = "did you mean 'main'",
    ['{ { table = "a" }, "b" }'] = "each item of the list is a map",
    ["{ { tabel = 1 } }"] = "did you mean 'table'",
    ['function() return nil + 1 end'] = "arithmetic",
  } do
    it("are refused: " .. parts, function()
      local problem = problem_of(('model "order" { table = "orders", parts = %s }'):format(parts))
      assert(problem:find(message, 1, true) and problem:find("rules/models.lua:1", 1, true), problem)
    end)
  end
end)

describe("an update of the sharding key", function()

  it("is refused where the rows may be in another part, and changes nothing", function()
    local app, folder = App.open { ["shunt.yaml"] = [[
database: {defaultClient: a, clients: {a: {engine: sqlite3, connection: {filename: a.db, create: true}}}}
rules: {path: [rules]}
]], ["rules/models.lua"] = [[model "p" { client = "a", parts = { tables = "p_%d", n = 3 },
  table = function(req) return ("p_%d"):format(req:mod("where.k", 3) or 0) end }]] }
    local session = app:session()
    for i = 0, 2 do session:execute("a", ("CREATE TABLE p_%d (id INTEGER PRIMARY KEY, k INTEGER, n INTEGER)"):format(i)) end
    local p = session:model "p"
    p:insert { id = 1, k = 3 }
    for _, where in ipairs { { id = 1 }, { k = { gt = 0 } }, { k = { 3, 4 } } } do
      App.raises("SHUNT_E_USAGE", function() p:update({ k = 4 }, { where = where }) end)
    end
    App.raises("SHUNT_E_USAGE", function() p:update { id = 1, k = 4 } end)
    assert.equal(1, p:update({ k = 6 }, { where = { id = 1, k = 3 } }))
    assert.equal(1, p:update { id = 1, n = 5 })
    assert.same({ id = 1, k = 6, n = 5 }, p:get { k = 6 })
    app:close()
    App.remove(folder)
  end)
end)
