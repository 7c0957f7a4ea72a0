-- What a read can ask for beyond conditions, on every engine: distinct rows, the place of nulls in an order, having, row locks.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local null = shunt.null
local seed = Random.seed()
local rounds = 60

local rules = [[
for _, engine in ipairs { "sqlite3", "pg", "mysql" } do
  model("by_n_" .. engine) { client = engine, parts = { tables = "slice_%d", n = 3 },
    table = function(req) return ("slice_%d"):format(req:mod("where.n", 3) or 0) end }
  model("sliced_" .. engine) { client = engine, parts = { tables = "slice_%d", n = 3 },
    table = function(req) return ("slice_%d"):format(req:mod("where.id", 3) or 0) end }
  model(engine) { table = "things", client = engine, relations = { parent = belongs_to(engine, "parent_id") } }
end
model "spread" { parts = { clients = { "sqlite3", "pg" } }, table = "things",
  client = function(req) return (req:mod("where.id", 2) or 0) == 0 and "sqlite3" or "pg" end }
model "auto" { table = "things", client = "pg", relations = { parent = belongs_to("pg", "parent_id", { autoload = true }) } }
rule "reads go to the replica" { stage = "refine", model = "pg", op = "read", when = function(req) return req.attrs.replica == true end,
  client = "replica" }
]]

local function random_rows(random)
  local out = {}
  local function maybe(value) return random:chance(25) and null or value end
  for id = 1, 40 do
    out[id] = { id = id, parent_id = maybe(random:int(1, 40)), n = maybe(random:int(1, 4)), m = maybe(random:int(-2, 2)),
      t = maybe(random:of { "a", "b", "c" }) }
  end
  return out
end

local function key_of(row, columns)
  local parts = {}
  for i, name in ipairs(columns) do parts[i] = row[name] == null and "null" or ("%s=%q"):format(name, row[name]) end
  return table.concat(parts, ",")
end

-- Terms as { column, descending, nulls_last }.
local function before(a, b, terms)
  for _, term in ipairs(terms) do
    local x, y = a[term[1]], b[term[1]]
    if x ~= y then
      if x == null or y == null then return (x == null) ~= term[3] end
      return (x < y) ~= term[2]
    end
  end
  return false
end

local function random_term(random, column)
  local descending, roll = random:chance(50), random:int(1, 3)
  local last = roll == 1 and descending or roll == 2
  local words = roll == 1 and "" or roll == 2 and random:of { " nulls last", " NULLS LAST" } or " nulls first"
  return { column, descending, last }, (descending and "-" or "") .. column .. words
end

local function random_order(random, columns)
  local terms, order = {}, {}
  for i, column in ipairs(random:some(columns, random:int(1, #columns))) do terms[i], order[i] = random_term(random, column) end
  return terms, order
end

describe("reads (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session, rows

  setup(function()
    print(("reads: SHUNT_SEED=%d"):format(seed))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql", replica = "pg" }, default = "sqlite3",
      rules = rules }
    session = world.session
    rows = random_rows(Random.new(seed))
    for _, engine in ipairs { "sqlite3", "pg", "mysql", "replica" } do
      session:execute(engine, "CREATE TABLE things (id INTEGER PRIMARY KEY, parent_id INTEGER, n INTEGER, m INTEGER, t VARCHAR(9))")
      if engine ~= "replica" then session:model(engine):insert_bulk(rows) end
    end
  end)
  teardown(function() world:close() end)

  local function ids_of(list)
    local out = {}
    for i, row in ipairs(list) do out[i] = row.id end
    return out
  end

  for _, engine in ipairs(Engines.all) do
    it("order nulls first or last, on " .. engine, function()
      local random = Random.new(seed + 1)
      for _ = 1, rounds do
        local terms, order = random_order(random, { "n", "m", "t" })
        terms[#terms + 1], order[#order + 1] = { "id", false, false }, "id"
        local expected = table.move(rows, 1, #rows, 1, {})
        table.sort(expected, function(a, b) return before(a, b, terms) end)
        assert.same(ids_of(expected), ids_of(session:model(engine):select { order = order }), table.concat(order, ", "))
      end
    end)

    it("give distinct rows in pages, and count them, on " .. engine, function()
      local random = Random.new(seed + 2)
      for _ = 1, rounds do
        local columns = random:some({ "n", "m", "t" }, random:int(1, 3))
        local terms, order = random_order(random, columns)
        local ordered, seen, expected = {}, {}, {}
        for _, term in ipairs(terms) do ordered[term[1]] = true end
        for _, name in ipairs(columns) do -- what is left ends the order of a page
          if not ordered[name] then terms[#terms + 1] = { name, false, false } end
        end
        for _, row in ipairs(rows) do
          if not seen[key_of(row, columns)] then expected[#expected + 1] = row end
          seen[key_of(row, columns)] = true
        end
        table.sort(expected, function(a, b) return before(a, b, terms) end)
        local limit, offset, got = random:int(1, 9), random:int(0, 9), {}
        for i, row in ipairs(session:model(engine):select { columns = columns, distinct = true, order = order, limit = limit, offset = offset }) do
          got[i] = key_of(row, columns)
        end
        local page = {}
        for i = 1, math.min(limit, #expected - offset) do page[i] = key_of(expected[offset + i], columns) end
        assert.same(page, got, table.concat(order, ", "))
        assert.equal(#expected, session:model(engine):count { columns = columns, distinct = true })
        assert.equal(#page, session:model(engine):count { columns = columns, distinct = true, limit = limit, offset = offset })
      end
    end)

    it("choose groups by having, on " .. engine, function()
      local random = Random.new(seed + 3)
      local groups = {}
      for _, row in ipairs(rows) do
        local g = groups[row.t] or { t = row.t, count = 0, sum_n = null, max_m = null }
        groups[row.t] = g
        g.count = g.count + 1
        if row.n ~= null then g.sum_n = (g.sum_n == null and 0 or g.sum_n) + row.n end
        if row.m ~= null and (g.max_m == null or row.m > g.max_m) then g.max_m = row.m end
      end
      local compare = { gt = function(a, b) return a > b end, lte = function(a, b) return a <= b end, ne = function(a, b) return a ~= b end }
      for _ = 1, rounds do
        local column, op = random:of { "count", "sum_n", "max_m" }, random:of { "gt", "lte", "ne" }
        local value = random:int(-2, 30) / random:of { 1, 2 }
        if random:chance(20) then value = ("%g"):format(value) end -- text that looks like a number
        local expected, got = {}, {}
        for _, g in pairs(groups) do
          if g[column] ~= null and compare[op](g[column], tonumber(value)) then expected[#expected + 1] = g.t == null and "null" or g.t end
        end
        for i, g in ipairs(session:model(engine):aggregate { count = true, sum = "n", max = "m", group = "t", having = { [column] = { [op] = value } } }) do
          got[i] = g.t == null and "null" or g.t
        end
        table.sort(expected)
        table.sort(got)
        assert.same(expected, got, ("%s %s %s"):format(column, op, value))
      end
    end)

    it("take having with other operators, and refuse what makes no sense, on " .. engine, function()
      local model = session:model(engine)
      local function groups(having)
        local out = {}
        for i, g in ipairs(model:aggregate { count = true, sum = "n", max = "t", group = "t", having = having, where = { t = { ne = null } } }) do
          out[i] = g.t
        end
        return out
      end
      assert.same({ "a" }, groups { t = "a" })
      assert.same({ "b", "c" }, groups { max_t = { gt = "a" } })
      assert.same({ "a", "b", "c" }, groups { _or = { { count = { between = { 1, 100 } } }, { sum_n = { 1, 2, "3" } } } })
      assert.same({}, groups { sum_n = null })
      assert.same({ "a", "b", "c" }, groups { count = { gte = shunt.column "count" }, _or = { {} } })
      local function refused(code, options, words)
        local problem = Engines.raises(code, model.aggregate, model, options)
        assert.truthy(problem.message:find(words, 1, true), problem.message)
      end
      refused("SHUNT_E_NOT_FOUND", { count = true, group = "t", having = { counts = 1 } }, "did you mean 'count'")
      refused("SHUNT_E_USAGE", { count = true, having = { count = 1 } }, "there is no group")
      refused("SHUNT_E_USAGE", { count = true, group = "t", having = { count = "many" } }, "it is numeric")
    end)

    it("are the same from all parts of a model, on " .. engine, function()
      for i = 0, 2 do
        session:execute(engine, ("CREATE TABLE slice_%d (id INTEGER PRIMARY KEY, n INTEGER)"):format(i))
      end
      local model, expected, different = session:model("sliced_" .. engine), {}, {}
      for id = 1, 30 do
        model:insert { id = id, n = id % 4 == 0 and null or id % 5 }
        expected[id] = id
        different[id % 4 == 0 and null or id % 5] = true
      end
      local list = {}
      for row in model:each { order = "id" } do list[#list + 1] = row.id end
      assert.same(expected, list)
      local n = 0
      for _ in pairs(different) do n = n + 1 end
      assert.equal(n, #model:select { columns = "n", distinct = true })
      assert.equal(n, model:count { columns = "n", distinct = true })
      assert.equal(30, model:count { where = { id = shunt.column "id" } })
      assert.equal(n - 1, #model:aggregate { count = true, group = "n", having = { n = { ne = null } } })
      session:transaction(function()
        assert.same({ 30, 29, 28, 27 }, ids_of(model:select { order = "-id", limit = 4, lock = "update" }))
        assert.equal(7, model:get(7, { lock = "update" }).id)
      end, { client = engine })
      Engines.raises("SHUNT_E_TRANSACTION", model.select, model, { lock = "update" })
      local by_n = session:model("by_n_" .. engine)
      assert.same({ 7, 1 }, ids_of(by_n:mget { 7, 1 }))
      local problem = Engines.raises("SHUNT_E_USAGE", session.transaction, session,
        function() by_n:mget({ 7, 1 }, { lock = "update" }) end, { client = engine })
      assert.truthy(problem.message:find("in several parts", 1, true), problem.message)
    end)

    it("refuse distinct where it has no meaning, on " .. engine, function()
      local model = session:model(engine)
      local function refused(method, options, words)
        local problem = Engines.raises("SHUNT_E_USAGE", model[method], model, table.unpack(options))
        assert.truthy(problem.message:find(words, 1, true), problem.message)
      end
      refused("select", { { columns = "n", distinct = true, order = "m" } }, "can't be ordered by 'm'")
      refused("select", { { columns = "n", distinct = true, include = "parent" } }, "distinct rows include no relations")
      refused("count", { { distinct = true } }, "name the columns")
      refused("mget", { { 1 }, { distinct = true } }, "unknown option 'distinct'")
      refused("select", { { include = { parent = { distinct = true } } } }, "unknown option 'distinct'")
    end)

    it("lock rows only in a transaction that writes, on " .. engine, function()
      local model = session:model(engine)
      local function refused(code, words, fn, ...)
        local problem = Engines.raises(code, fn, ...)
        assert.truthy(problem.message:find(words, 1, true), problem.message)
      end
      refused("SHUNT_E_TRANSACTION", "none is open on '" .. engine .. "'", model.select, model, { lock = "update" })
      refused("SHUNT_E_TRANSACTION", "none is open", model.get, model, 1, { lock = "share" })
      refused("SHUNT_E_TRANSACTION", "none is open", model.mget, model, { 1, 2 }, { lock = "share" })
      refused("SHUNT_E_USAGE", '"update" or "share"', model.select, model, { lock = "both" })
      refused("SHUNT_E_USAGE", "needs lock", model.select, model, { nowait = true })
      session:transaction(function()
        refused("SHUNT_E_TRANSACTION", "is read-only", model.select, model, { lock = "update" })
      end, { client = engine, read_only = true })
      session:transaction(function()
        refused("SHUNT_E_USAGE", "exclude each other", model.select, model, { lock = "update", nowait = true, skip_locked = true })
        assert.same({ 1, 2 }, ids_of(model:select { where = { id = { 1, 2 } }, order = "id", limit = 5, lock = "update" }))
        assert.same({ 2, 1 }, ids_of(model:mget({ 2, 1 }, { lock = "share", nowait = true })))
        assert.equal(3, model:get(3, { lock = "update", skip_locked = true, include = "parent" }).id)
        assert.equal(3, model:get({ id = 3 }, { lock = "share" }).id)
      end, { client = engine })
    end)
  end

  it("refuse a relation that loads itself with distinct rows", function()
    local problem = Engines.raises("SHUNT_E_USAGE", session.model(session, "auto").select, session:model "auto", { columns = "n", distinct = true })
    assert.truthy(problem.message:find("'parent'", 1, true), problem.message)
    assert.is_true(#session:model("auto"):select { columns = "n", distinct = true, include = { parent = false } } > 0)
  end)

  for _, engine in ipairs(Engines.servers) do
    it("keep others from locked rows, on " .. engine, function()
      local other <close> = world.app:session { timeout = "10s" }
      local model, others = session:model(engine), other:model(engine)
      local function ids(lock, more)
        local options = { where = { id = { lte = 4 } }, order = "id", columns = "id", lock = lock }
        for k, v in pairs(more or {}) do options[k] = v end
        return ids_of(others:select(options))
      end
      session:transaction(function()
        assert.equal(2, model:get(2, { lock = "update" }).id)
        other:transaction(function() assert.same({ 1, 3, 4 }, ids("update", { skip_locked = true })) end, { client = engine })
        other:transaction(function() assert.same({ 1, 3, 4 }, ids("share", { skip_locked = true })) end, { client = engine })
        assert.same({ 1, 2, 3, 4 }, ids()) -- a plain read does not mind
        for _, lock in ipairs { "update", "share" } do
          local problem = Engines.raises("SHUNT_E_CONFLICT", other.transaction, other,
            function() ids(lock, { nowait = true }) end, { client = engine })
          assert.equal(engine, problem.client)
        end
      end, { client = engine })
      session:transaction(function()
        assert.equal(2, model:get(2, { lock = "share" }).id)
        other:transaction(function() assert.same({ 1, 2, 3, 4 }, ids("share", { nowait = true })) end, { client = engine })
        other:transaction(function() assert.same({ 1, 3, 4 }, ids("update", { skip_locked = true })) end, { client = engine })
      end, { client = engine })
      other:transaction(function() assert.same({ 1, 2, 3, 4 }, ids("update", { nowait = true })) end, { client = engine })
    end)
  end

  it("that need all rows on one datasource say so", function()
    local model = session:model "spread"
    local function refused(fn, ...)
      local problem = Engines.raises("SHUNT_E_USAGE", fn, model, ...)
      assert.truthy(problem.message:find("its rows lie on several datasources", 1, true), problem.message)
    end
    refused(model.select, { columns = "n", distinct = true })
    refused(model.count, { columns = "n", distinct = true })
    refused(model.each)
    refused(model.aggregate, { count = true, group = "n", having = { count = { gt = 1 } } })
    assert.is_true(#model:select { where = { id = 2 }, columns = "n", distinct = true } == 1)
  end)

  it("that lock are writes for rules", function()
    local reader <close> = world.app:session { attrs = { replica = true } }
    assert.is_nil(reader:model("pg"):get(1)) -- the replica is empty
    reader:transaction(function() assert.equal(1, reader:model("pg"):get(1, { lock = "update" }).id) end, { client = "pg" })
    local problem = Engines.raises("SHUNT_E_TRANSACTION", reader.transaction, reader,
      function() reader:model("pg"):get(1, { lock = "update" }) end, { client = "replica" })
    assert.truthy(problem.message:find("goes to 'pg', outside of the transaction on 'replica'", 1, true), problem.message)
  end)
end)
