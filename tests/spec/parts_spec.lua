-- What a model's parts are declared as, and which accesses are refused because they don't say which part they mean.

local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"
local shunt = require "shunt"

local yaml = [[
database:
  defaultClient: main
  clients:
    main:  {engine: sqlite3, connection: {filename: main.db, create: true}}
    other: {engine: sqlite3, connection: {filename: other.db, create: true}}
instance: {instances: {"": {id: 1}, acme: {id: 2}, globex: {id: 3}}}
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

  it("gives no row twice where a view with all rows is the part, and a list leads to it and to a table", function()
    with(by_table:gsub('"orders_0"', '"orders"'):format(', parts = { tables = "orders" }'), function(s)
      fill(s)
      s:execute("main", "CREATE VIEW orders AS SELECT * FROM orders_0 UNION ALL SELECT * FROM orders_1")
      s:execute("main", "INSERT INTO orders_0 VALUES (9, NULL, 90)")
      assert.equal(3, s:model("order"):count { where = { user_id = { 1, shunt.null, 4 } } })
      assert.equal(2, s:model("order"):count { where = { user_id = { 1, 4 } } })
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

  it("is not asked by a condition on every related row that gives the value: others lie elsewhere", function()
    with([[model "user" { table = "users", relations = { orders = has_many("order", "id") } } ]] .. by_table:format "", function(s)
      fill(s)
      s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
      s:execute("main", "INSERT INTO users VALUES (1), (2), (3)")
      local function users(how) return s:model("user"):count { where = { orders = { [how] = { user_id = 3 } } } } end
      assert.equal(1, users "some")
      assert.equal(2, users "none")
      App.raises("SHUNT_E_USAGE", users, "every")
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

describe("a part", function()
  local function count_of(app, instance) return app:session({ instance = instance }):model("order"):count() end

  -- Rows of acme have the ids 1 to 4, those of globex 5 to 9.
  local function fill_both(app)
    for _, client in ipairs { "main", "other" } do
      for n = 0, 1 do app:session():execute(client, ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER)"):format(n)) end
    end
    for id = 1, 9 do app:session({ instance = id < 5 and "acme" or "globex" }):model("order"):insert { id = id, user_id = id } end
  end

  local function check(app)
    fill_both(app)
    assert.equal(4, count_of(app, "acme"))
    assert.equal(5, count_of(app, "globex"))
    local acme = app:session({ instance = "acme" }):model "order"
    assert.is_nil(acme:get(7))
    assert.equal(4, acme:delete { id = { gt = 0 } })
    assert.equal(0, count_of(app, "acme"))
    assert.equal(5, count_of(app, "globex"))
  end

  it("does not change the client that rules chose by the instance", function()
    with([[
      rule "acme" { stage = "model", model = "order", instance = "acme", client = "main" }
      rule "globex" { stage = "override", model = "order", instance = "globex", client = "other" }
      model "order" { table = function(req) local n = req:mod("where.user_id", 2); return n and "orders_" .. n or "orders_0" end,
        parts = { clients = { "main", "other" }, tables = { "orders_0", "orders_1" } } }
    ]], function(_, app) check(app) end)
  end)

  it("does not change the table that rules chose by the instance", function()
    with([[
      model "order" {
        client = function(req) local n = req:mod("where.user_id", 2); return n == 1 and "other" or "main" end,
        table = function(req) return req.instance.name == "acme" and "orders_0" or "orders_1" end,
        parts = { clients = { "main", "other" } },
      }
    ]], function(_, app) check(app) end)
  end)

  it("takes the place of what a refine rule answers without a value", function()
    for _, default in ipairs { "", 'else return { client = "main", table = "orders_0" }' } do
      with(([[
        model "order" { table = "orders_0", parts = { clients = { "main", "other" }, tables = { "orders_0", "orders_1" } } }
        rule "place" { stage = "refine", model = "order", client = function(req)
          local n = req:mod("where.user_id", 4)
          if n then return { client = n < 2 and "main" or "other", table = "orders_" .. n %% 2 } %s end
        end }
      ]]):format(default), function(s, app)
        fill_both(app)
        assert.equal(9, s:model("order"):count())
        assert.equal(7, s:model("order"):get(7).user_id)
      end)
    end
  end)

  it("gives way to a refine rule that does not look at the column", function()
    with([[
      model "order" { table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 0) end,
        parts = { tables = "orders_%d", n = 2 } }
      rule "archive" { stage = "refine", model = "order", op = "read", client = "other" }
    ]], function(s, app)
      fill_both(app)
      assert.equal(0, s:model("order"):count())
      assert.equal(9, s:model("order"):delete { id = { gt = 0 } })
    end)
  end)

  it("may have a key that another part has, too: limits and one-row relations hold", function()
    for _, clients in ipairs { '"main"', '"main", "other"' } do
      with(([[
        model "user" { table = "users", relations = { order = has_one("order", "id") } }
        model "order" { parts = { clients = { %s }, tables = { "orders_0", "orders_1" } },
          table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 0) end,
          client = function(req) return req.where.user_id and "main" or "main" end }
      ]]):format(clients), function(s)
        for _, client in ipairs { "main", "other" } do
          for n = 0, 1 do
            s:execute(client, ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER)"):format(n))
            s:execute(client, ("INSERT INTO orders_%d VALUES (1, %d)"):format(n, n))
          end
        end
        s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
        s:execute("main", "INSERT INTO users VALUES (1)")
        local order = s:model "order"
        assert.equal(1, #order:select { where = { id = 1 }, limit = 1 })
        assert.equal(0, #order:select { where = { id = 1 }, limit = 1, offset = 4 })
        assert.equal(1, s:model("user"):select({ include = { order = true } })[1].order.id)
      end)
    end
  end)

  it("may be one of more than an engine unites", function()
    with([[ model "order" { table = function(req) return "orders_" .. (req:mod("where.user_id", 900) or 0) end,
      parts = { tables = "orders_%d", n = 900 } } ]], function(s)
      s:transaction(function()
        for n = 0, 899 do
          s:execute("main", ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER)"):format(n))
          s:execute("main", ("INSERT INTO orders_%d VALUES (?, ?)"):format(n), { n, n })
        end
      end)
      local order = s:model "order"
      assert.equal(900, order:count())
      assert.equal(899, order:get(899).user_id)
      assert.equal(897, order:select({ order = { "-id" }, limit = 1, offset = 2 })[1].id)
      assert.equal(900, order:update({ id = 1 }, { all = true }))
      assert.equal(900, order:aggregate({ sum = { "id" } }).sum_id)
    end)
  end)

  it("keeps its rows: an update that would move some is refused", function()
    with(by_table:format ', parts = { tables = "orders_%d", n = 2 }', function(s)
      fill(s)
      for _, options in ipairs { { all = true }, { where = { total = { gt = 0 } } }, { where = { user_id = { 1, 2 } } } } do
        local e = App.raises("SHUNT_E_USAGE", function() s:model("order"):update({ user_id = 3 }, options) end)
        assert(tostring(e):find("an update moves no rows", 1, true), tostring(e))
      end
      assert.equal(1, s:model("order"):count { where = { user_id = 3 } })
      assert.equal(6, s:model("order"):count())
    end)
  end)
end)

describe("rules that read another column for some values of one", function()
  local rules = [[
    model "user" { table = "users", relations = { orders = has_many("order", "user_id") } }
    model "order" { parts = { tables = "orders_%d", n = 2 }, table = function(req)
      if req.where.kind == 1 then return "orders_" .. (req:mod("where.user_id", 2) or 0) end
      return "orders_0"
    end }
  ]]

  local function fill_kinds(s)
    s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
    for n = 0, 1 do s:execute("main", ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER, kind INTEGER)"):format(n)) end
    for id = 1, 4 do s:execute("main", "INSERT INTO users VALUES (?)", { id }) end
    for id = 1, 8 do s:model("order"):insert { id = id, user_id = (id + 1) // 2, kind = id % 2 + 1 } end
  end

  it("lead an include of these values to every place", function()
    with(rules, function(s)
      fill_kinds(s)
      local users = s:model("user"):select { order = { "-id" }, include = { orders = { where = { kind = { 1, 2 } } } } }
      for _, user in ipairs(users) do assert.equal(2, #user.orders, user.id) end
    end)
  end)

  it("refuse an update that would move a row", function()
    with(rules, function(s)
      fill_kinds(s)
      App.raises("SHUNT_E_USAGE", function()
        s:model("order"):update({ user_id = 4 }, { where = { user_id = 3, kind = { 1, 2 } } })
      end)
    end)
  end)

  it("refuse a key whose stored spelling is the one for which they do", function()
    with(rules, function(s)
      fill_kinds(s)
      assert.equal(2, #s:model("order"):select { where = { kind = 1, user_id = { 2, 3 } } })
      App.raises("SHUNT_E_USAGE", function() s:model("order"):insert { id = 9, kind = "1" } end)
    end)
  end)
end)

local function refused_outside(fn, ...)
  local e = App.raises("SHUNT_E_RULE", fn)
  for _, word in ipairs { "not one of the model's parts", "correct the rule, or add the place to parts", ... } do
    assert(tostring(e):find(word, 1, true), tostring(e))
  end
  return e
end

describe("a place that rules choose by a value and that is not a part", function()
  local by_key = [[
    model "order" { parts = { tables = "orders_%%d", n = 2 }, table = function(req) return "orders_" .. (req:mod("where.user_id", %d) or 0) end%s }
  ]]

  it("is refused for reads and writes alike, before anything is sent", function()
    with(by_key:format(3, ""), function(s)
      fill(s)
      s:execute("main", "CREATE TABLE orders_2 (id INTEGER PRIMARY KEY, user_id INTEGER, total INTEGER)")
      s:execute("main", "INSERT INTO orders_2 VALUES (9, 2, 90)")
      local order = s:model "order"
      for _ = 1, 2 do
        for _, access in ipairs {
          function() order:select { where = { user_id = 2 } } end, function() order:count { where = { user_id = { 1, 2 } } } end,
          function() order:insert { id = 10, user_id = 5 } end, function() order:insert_bulk { { id = 11, user_id = 3 }, { id = 10, user_id = 5 } } end,
          function() order:update({ total = 1 }, { where = { user_id = 2 } }) end, function() order:delete { user_id = 2 } end,
          function() order:update({ user_id = 2 }, { where = { user_id = 1 } }) end,
        } do
          local e = refused_outside(access, "model 'order'", "its table function", "table orders_2 on main", "where.user_id = ")
          assert.equal("rules/models.lua", e.file)
          assert.equal(1, e.line)
        end
      end
      assert.equal("where.user_id", s:resolve("order", { where = { user_id = 2 } }).outside)
      assert.is_nil(s:resolve("order", { where = { user_id = 3 } }).outside)
      assert.equal(1, s:query("main", "SELECT count(*) AS n FROM orders_2")[1].n)
      assert.equal(6, order:count())
    end)
  end)

  it("is refused by the rule that chose the client, also with null and in includes", function()
    with([[
      model "user" { table = "users", relations = { orders = has_many("order", "user_id") } }
      model "order" { parts = { clients = { "main" }, tables = { "orders_0", "orders_1" } },
        table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 1) end }
      rule "special" { stage = "model", model = "order", client = "other",
        when = function(req) return (req.where.user_id or 4) == 4 end }
    ]], function(s)
      fill(s)
      s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
      s:execute("main", "INSERT INTO users VALUES (1), (4)")
      local order = s:model "order"
      assert.equal(6, order:count())
      assert.equal(1, order:count { where = { user_id = 1 } })
      assert.equal(4, refused_outside(function() order:count { where = { user_id = 4 } } end, "the rule 'special'").line)
      refused_outside(function() order:insert { id = 9, user_id = shunt.null } end, "where.user_id = null", "orders_1 on other")
      refused_outside(function() s:model("user"):select { include = { orders = true } } end, "the rule 'special'", "this read")
    end)
  end)

  it("is refused in all parts that a first column leaves open", function()
    with([[
      model "order" { parts = { tables = "orders_%d", n = 2 }, client = function(req) return req.where.kind == 1 and "other" or "main" end,
        table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 0) end }
    ]], function(s)
      for _, client in ipairs { "main", "other" } do
        for n = 0, 1 do s:execute(client, ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER, kind INTEGER)"):format(n)) end
      end
      local order = s:model "order"
      assert.equal(0, order:count { where = { kind = 2 } })
      refused_outside(function() order:count { where = { kind = 1 } } end, "its client function", "where.kind = 1")
      refused_outside(function() order:insert { id = 1, kind = 1, user_id = 1 } end, "orders_1 on other")
    end)
  end)

  it("is not what something else chose: a replica, a pick, the instance, the call's client or table", function()
    with([[
      datasource "r1" { clone = "main", role = "replica" }
      datasource "r2" { clone = "main", role = "replica" }
      model "order" { parts = { tables = "orders_%d", n = 2 }, table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 0) end }
      rule "globex" { stage = "override", model = "order", instance = "globex", client = "other" }
      rule "any" { stage = "model", model = "order", client = function() return pick { "r1", "r2", policy = "random" } end }
      rule "writes" { stage = "refine", model = "order", op = "write", client = { "r1", "r2" }, to = "main" }
      rule "replicas" { stage = "refine", model = "order", op = "read", client = function(req)
        if req.client ~= "other" then return pick { "r2", "r1" } end
      end }
    ]], function(s, app)
      fill(s)
      for _ = 1, 20 do
        assert.equal(1, s:model("order"):count { where = { user_id = 3 } })
        assert.equal(6, s:model("order"):count())
      end
      assert.equal(1, s:model("order"):update({ total = 1 }, { where = { user_id = 3 } }))
      for n = 0, 1 do s:execute("other", ("CREATE TABLE orders_%d (id INTEGER PRIMARY KEY, user_id INTEGER)"):format(n)) end
      app:session({ instance = "globex" }):model("order"):insert { id = 1, user_id = 1 }
      assert.equal(1, s:query("other", "SELECT count(*) AS n FROM orders_1")[1].n)
      assert.equal(0, s:model("order"):new_instance("other"):count { where = { user_id = 2 } })
      assert.equal(1, s:model("order"):count { where = { user_id = 3 }, table = "orders_1" })
    end)
  end)

  it("is decided with all that an access of all parts depends on, also if it is remembered", function()
    with([[
      model "order" { parts = { clients = { "main", "other" } }, table = function(req)
        if req.where.user_id then return "orders_1" end
        return req.attrs.old and "orders_0" or "orders_1"
      end }
    ]], function(_, app)
      fill(app:session())
      for _ = 1, 2 do
        assert.equal(1, app:session():model("order"):count { where = { user_id = 3 } })
        refused_outside(function() app:session({ attrs = { old = true } }):model("order"):count { where = { user_id = 3 } } end)
      end
    end)
  end)

  it("is no part of one numbered table either, but fine beside one table that has all rows", function()
    local rules = [[model "order" { parts = { tables = %s }, table = function(req) return "orders_" .. (req:mod("where.user_id", 2) or 0) end }]]
    with(rules:format '"orders_%d", n = 1', function(s)
      fill(s)
      refused_outside(function() s:model("order"):count { where = { user_id = 1 } } end)
    end)
    with(rules:format '"orders_0"', function(s)
      fill(s)
      assert.equal(1, s:model("order"):count { where = { user_id = 1 } })
    end)
  end)

  it("is not compared if an access of all parts is refused anyway", function()
    with([[
      model "order" { parts = { clients = { "main", "other" } }, table = function(req)
        return "orders_" .. req.where.user_id % 2
      end }
    ]], function(s)
      fill(s)
      assert.equal(1, s:model("order"):count { where = { user_id = 3 } })
      App.raises("SHUNT_E_RULE", function() s:model("order"):count() end)
    end)
  end)
end)

describe("rules and parts that disagree at random", function()
  local seed = Random.seed()
  local KEYS, ROUNDS = 12, 60
  local places = {}
  for _, client in ipairs { "main", "other" } do
    for n = 0, 2 do places[#places + 1] = { client = client, table = "orders_" .. n } end
  end

  -- The place of each remainder, and the places that are declared.
  local function draw(random)
    local world = { n = random:int(2, 5), place_of = {}, parts = {}, declared = {} }
    for b = 0, world.n - 1 do world.place_of[b] = random:of(places) end
    for _, place in ipairs(places) do
      local used = false
      for b = 0, world.n - 1 do used = used or world.place_of[b] == place end
      if random:chance(used and 80 or 20) then
        world.parts[#world.parts + 1] = ("{ client = %q, table = %q }"):format(place.client, place.table)
        world.declared[place] = true
      end
    end
    return #world.parts > 1 and world or draw(random)
  end

  local forms = {
    [[model "order" { parts = P, client = function(req) local p = place(req) return p and p.client end,
        table = function(req) local p = place(req) return p and p.table or "orders_0" end }]],
    [[model "order" { parts = P, table = "orders_0" }
      rule "place" { stage = "override", model = "order", client = place }]],
    [[model "order" { parts = P, table = "orders_1" }
      rule "place" { stage = "refine", model = "order", client = place }]],
    [[model "order" { parts = P, table = "orders_0" }
      rule "place" { stage = "model", model = "order", client = place }
      datasource "copy" { clone = "main", role = "replica" }
      rule "copies" { stage = "refine", model = "order", op = "read", client = "main", to = pick and function() return pick { "copy", "main" } end }]],
  }

  local function rules_of(world, form)
    local list = {}
    for b = 0, world.n - 1 do
      list[#list + 1] = ("[%d] = { client = %q, table = %q }"):format(b, world.place_of[b].client, world.place_of[b].table)
    end
    return ([[
      local P, places = { %s }, { %s }
      local function place(req) local b = req:mod("where.user_id", %d) return b and places[b] end
      %s
      model "user" { table = "users", client = "main", relations = { orders = has_many("order", "user_id") } }
    ]]):format(table.concat(world.parts, ", "), table.concat(list, ", "), world.n, form)
  end

  -- A null leads to the model's own table on the default client.
  local function place_for(world, form, key)
    if key ~= shunt.null then return world.place_of[key % world.n] end
    return places[form:find 'table = "orders_1"' and 2 or 1]
  end

  local function try(world, form, s)
    local order, stored = s:model "order", 0
    for _, place in ipairs(places) do
      s:execute(place.client, ("CREATE TABLE %s (id INTEGER PRIMARY KEY, user_id INTEGER)"):format(place.table))
    end
    s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY)")
    for id = 0, KEYS do
      local key = id < KEYS and id or shunt.null
      local inside = world.declared[place_for(world, form, key)]
      local function insert() order:insert { id = id, user_id = key } end
      local function read() return order:count { where = { user_id = key } } end
      local function include()
        s:execute("main", "DELETE FROM users")
        s:execute("main", "INSERT INTO users VALUES (?)", { id })
        return #s:model("user"):select({ include = { orders = true } })[1].orders
      end
      if inside then
        insert()
        stored = stored + 1
        assert.equal(1, read())
        if key ~= shunt.null then assert.equal(1, include()) end
      else
        for _, access in ipairs { insert, read, key ~= shunt.null and include or nil } do refused_outside(access) end
      end
      assert.equal(stored, order:count())
    end
  end

  it(("never give fewer rows: the access is refused (SHUNT_SEED=%d)"):format(seed), function()
    local random = Random.new(seed)
    for round = 1, ROUNDS do
      local world, form = draw(random), forms[1 + round % #forms]
      local ok, problem = pcall(with, rules_of(world, form), function(s) try(world, form, s) end)
      assert(ok, ("round %d, SHUNT_SEED=%d: %s\n%s"):format(round, seed, tostring(problem), rules_of(world, form)))
    end
  end)
end)

describe("a pick for each of several values", function()
  local rules = [[
    datasource "copy" { clone = "main", role = "replica" }
    local places = %s
    model "order" { table = "orders", client = function(req)
      local policy = req.attrs.policy
      return req.where.user_id and pick { places[1], places[2], policy = policy, key = policy == "hash" and req.where.user_id or nil } or "main"
    end }
    rule "writes" { stage = "override", model = "order", op = "write", client = function(req)
      return places[2] == "other" and pick { "main", "other", policy = "hash", key = req.where.user_id } or "main"
    end }
  ]]

  local function check(places, policies)
    with(rules:format(places), function(s, app)
      for _, client in ipairs { "main", "other" } do s:execute(client, "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER)") end
      local ids = {}
      for id = 1, 20 do
        s:model("order"):insert { id = id, user_id = id }
        ids[id] = id
      end
      for _, policy in ipairs(policies) do
        local order = app:session({ attrs = { policy = policy } }):model "order"
        for n = 1, 20 do
          local some = table.move(ids, 1, n, 1, {})
          assert.equal(n, order:count { where = { user_id = some } })
          assert.equal(n, #order:select { where = { user_id = some } })
        end
      end
      local there = s:query("other", "SELECT count(*) AS n FROM orders")[1].n
      assert.equal(places:find "other" ~= nil, there > 0 and there < 20)
    end)
  end

  it("reads one of the replicas, by every policy", function()
    check('{ "main", "copy" }', { "round_robin", "random", "least_busy", "hash" })
  end)

  it("reads each place that the hash of the value leads to", function() check('{ "main", "other" }', { "hash" }) end)
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

describe("a sharding key whose column compares without case", function()
  local rules = [[
    local function place(req) return "words_" .. (req:bucket("where.word", 8) or 0) end
    model "word" { parts = { tables = "words_%d", n = 8 }, table = place, primary_key = { "word", "n" } }
    model "book" { table = "books", relations = { words = has_many("word", "word", { key = "title" }) } }
    model "loose" { table = place, primary_key = { "word", "n" } }
  ]]

  local function make(s)
    for b = 0, 7 do
      s:execute("main", ("CREATE TABLE words_%d (word TEXT COLLATE NOCASE, n INTEGER, x INTEGER, PRIMARY KEY (word, n))"):format(b))
    end
    s:execute("main", "CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT COLLATE NOCASE)")
    s:execute("main", "INSERT INTO books VALUES (1, 'One'), (2, 'oNE')")
    for i, word in ipairs { "one", "One", "oNe", "ONE", "two" } do s:model("word"):insert { word = word, n = i, x = 0 } end
  end

  it("is asked in all parts, and stored in one", function()
    with(rules, function(s)
      make(s)
      local word = s:model "word"
      assert.equal(4, word:count { where = { word = "onE" } })
      assert.equal(5, #word:select { where = { word = { "onE", "TWO" } } })
      assert.equal(2, #word:mget { { word = "ONE", n = 1 }, { word = "one", n = 2 }, { word = "two", n = 1 } })
      assert.equal(1, word:get { word = "ONE", n = 1 }.n)
      for _, book in ipairs(s:model("book"):select { include = { words = true } }) do assert.equal(4, #book.words) end
      assert.equal(4, word:update({ x = 7 }, { where = { word = "oNE" } }))
      assert.equal(1, word:update { word = "ONE", n = 1, x = 8 })
      assert.equal(4, word:increment({ word = "one" }, { x = 1 }))
      assert.equal(4, word:delete { word = "one" })
      assert.equal(1, word:count())
      s:model("loose"):insert { word = "a", n = 1 } -- without parts, the place is all there is
      assert.equal(1, s:model("loose"):count { where = { word = "a" } })
    end)
  end)

  it("is refused where the rows must be in one part", function()
    with(rules, function(s)
      make(s)
      local word, book = s:model "word", s:model "book"
      for _, access in ipairs {
        function() word:insert({ word = "ONE", n = 9 }, { on_conflict = { "word", "n" } }) end,
        function() word:insert_bulk({ { word = "ONE", n = 9 } }, { on_conflict = { "word", "n" } }) end,
        function() word:update_bulk { { word = "ONE", n = 1, x = 2 } } end,
        function() book:count { where = { words = { some = { word = "one" } } } } end,
      } do
        local e = App.raises("SHUNT_E_USAGE", access)
        for _, text in ipairs { "where.word", "byte by byte", "collation" } do assert(tostring(e):find(text, 1, true), tostring(e)) end
      end
      local e = App.raises("SHUNT_E_USAGE", function() word:update({ word = "uno" }, { where = { word = "one" } }) end)
      assert(tostring(e):find("an update moves no rows", 1, true), tostring(e))
      assert.equal(5, word:count())
    end)
  end)
end)

describe("an upsert into parts", function()
  it("needs the sharding key in its unique key, so that the other row is in the same part", function()
    with([[
      model "account" { parts = { tables = "accounts_%d", n = 4 }, primary_key = "id",
        table = function(req) local b = req:mod("where.id", 4); return "accounts_" .. (b or 0) end }
    ]], function(s)
      for b = 0, 3 do s:execute("main", ("CREATE TABLE accounts_%d (id INTEGER PRIMARY KEY, email TEXT UNIQUE, n INTEGER)"):format(b)) end
      local account = s:model "account"
      account:insert { id = 1, email = "a", n = 1 }
      for _, write in ipairs {
        function() account:insert({ id = 2, email = "a", n = 2 }, { on_conflict = "email", update = "n" }) end,
        function() account:insert_bulk({ { id = 2, email = "a", n = 2 } }, { on_conflict = "email" }) end,
      } do
        local e = App.raises("SHUNT_E_USAGE", write)
        assert(tostring(e):find("where.id, which on_conflict lacks", 1, true), tostring(e))
      end
      assert.equal(1, account:count())
      assert.equal(5, account:insert({ id = 1, email = "b", n = 5 }, { on_conflict = "id", update = "n" }).n)
    end)
  end)
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
