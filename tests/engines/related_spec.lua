-- Conditions over relations: some, none, every. Random ones, with both ends on one datasource and on several, against an
-- evaluation in Lua.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Evaluate = require "tests.engines.support.evaluate"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local seed = Random.seed()
local rounds = tonumber(os.getenv "SHUNT_CONDITIONS") or 60

-- Where parents, children, links and tags are.
local places = {}
for _, engine in ipairs(Engines.all) do places[#places + 1] = { engine, engine, engine, engine } end
for i, engine in ipairs(Engines.all) do
  local second, third = Engines.all[i % 3 + 1], Engines.all[(i + 1) % 3 + 1]
  places[#places + 1] = { engine, second, third, engine }
  places[#places + 1] = { engine, engine, second, third }
  places[#places + 1] = { engine, third, engine, second }
end

local function rules()
  local out = {}
  for i, place in ipairs(places) do
    out[i] = ([[
model "parent_@" { table = "parents", client = "%s", relations = {
  children = has_many("child_@", "parent_id", { key = "k" }), grown = has_many("child_@", "parent_id", { key = "k", where = { n = { gt = 2 } } }),
  boss = belongs_to("parent_@", "boss_id", { client = "%s" }), staff = has_many("parent_@", "boss_id", { client = "%s" }),
  first = has_one("child_@", "parent_id", { key = "k" }), three = has_many("child_@", "parent_id", { key = "k", limit = 3 }),
  tags = belongs_to_many("link_@", "tag_@", "parent_id", "tag_id", { key = "k" }) } }
model "child_@" { table = "children", client = "%s", relations = { parent = belongs_to("parent_@", "parent_id", { key = "k" }) } }
model "link_@" { table = "links", client = "%s" }
model "tag_@" { table = "tags", client = "%s" }
]]):format(place[1], place[1], place[1], place[2], place[3], place[4]):gsub("@", i)
  end
  return table.concat(out)
end

local function random_data(random)
  local function maybe(value) return random:chance(20) and null or value end
  local data = { parents = {}, children = {}, links = {}, tags = {} }
  for id = 1, 14 do data.parents[id] = { id = id, k = maybe(random:int(1, 9)), boss_id = maybe(random:int(1, 16)), n = maybe(random:int(0, 5)) } end
  for id = 1, 20 do data.children[id] = { id = id, parent_id = maybe(random:int(1, 11)), n = maybe(random:int(0, 5)) } end
  for id = 1, 6 do data.tags[id] = { id = id, n = maybe(random:int(0, 5)) } end
  for id = 1, 20 do data.links[id] = { id = id, parent_id = maybe(random:int(1, 11)), tag_id = maybe(random:int(1, 7)) } end
  return data
end

-- ---- in Lua ----

local function matching(rows, column, value)
  local out = {}
  for _, row in ipairs(rows) do
    if value ~= null and row[column] == value then out[#out + 1] = row end
  end
  return out
end

local related_rows = {
  parents = {
    children = function(data, row) return matching(data.children, "parent_id", row.k), "children" end,
    grown = function(data, row)
      local out = {}
      for _, child in ipairs(matching(data.children, "parent_id", row.k)) do
        if child.n ~= null and child.n > 2 then out[#out + 1] = child end
      end
      return out, "children"
    end,
    first = function(data, row) return matching(data.children, "parent_id", row.k), "children" end,
    boss = function(data, row) return matching(data.parents, "id", row.boss_id), "parents" end,
    staff = function(data, row) return matching(data.parents, "boss_id", row.id), "parents" end,
    tags = function(data, row)
      local out = {}
      for _, link in ipairs(matching(data.links, "parent_id", row.k)) do
        for _, tag in ipairs(matching(data.tags, "id", link.tag_id)) do out[#out + 1] = tag end
      end
      return out, "tags"
    end,
  },
  children = { parent = function(data, row) return matching(data.parents, "k", row.parent_id), "parents" end },
  tags = {},
}

local function how_of(data, model)
  local how = { null = null, folded = {} }
  function how.related(name, condition, row)
    local find = related_rows[model][name]
    if not find then return nil end
    local rows, target = find(data, row)
    for op, where in pairs(condition) do
      local fulfilled = 0
      for _, other in ipairs(rows) do
        if Evaluate.holds(where, other, how_of(data, target)) == true then fulfilled = fulfilled + 1 end
      end
      if op == "some" and fulfilled == 0 or op == "none" and fulfilled > 0 or op == "every" and fulfilled < #rows then return false end
    end
    return true
  end
  return how
end

-- ---- random conditions ----

local relations = { parents = { "children", "grown", "boss", "staff", "tags", "first" }, children = { "parent" }, tags = {} }
local target_of = { children = "children", grown = "children", first = "children", boss = "parents", staff = "parents", tags = "tags", parent = "parents" }

local function condition(random, model, depth)
  local roll = random:int(1, 10)
  if roll <= 2 and depth < 4 then
    return { [random:of { "_or", "_and" }] = { condition(random, model, depth + 1), condition(random, model, depth + 1) } }
  end
  if roll == 3 and depth < 4 then return { _not = condition(random, model, depth + 1) } end
  if roll <= 8 and depth < 4 and #relations[model] > 0 then
    local name, out = random:of(relations[model]), {}
    for _ = 1, random:chance(20) and 2 or 1 do
      out[random:of { "some", "none", "every" }] = random:chance(20) and {} or condition(random, target_of[name], depth + 1)
    end
    return { [name] = out }
  end
  return { n = { [random:of { "gt", "lte", "ne" }] = random:int(0, 5) } }
end

local function ids(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.id end
  table.sort(out)
  return out
end

local tables = {
  parents = "id INTEGER PRIMARY KEY, k INTEGER, boss_id INTEGER, n INTEGER", children = "id INTEGER PRIMARY KEY, parent_id INTEGER, n INTEGER",
  links = "id INTEGER PRIMARY KEY, parent_id INTEGER, tag_id INTEGER", tags = "id INTEGER PRIMARY KEY, n INTEGER",
}

describe("conditions over relations (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session, data

  setup(function()
    print(("related: SHUNT_SEED=%d, %d conditions a place"):format(seed, rounds))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3",
      yaml = "instance: {instances: {'': {id: 7}, one: {id: 1}}}\n", rules = rules() .. [[
model "raw" { table = "raw" }
model "worded" { table = "parents", client = "sqlite3", relations = { notes = has_many("note", "parent_id", { client = "sqlite3" }),
  far = has_many("note", "parent_id", { client = "pg" }), parted = has_many("part", "parent_id") } }
model "note" { table = "notes" }
model "part" { client = "sqlite3", table = function(req) return req:mod("where.parent_id", 2) == 0 and "children" or "tags" end }
model "pair" { client = "pg", table = "pairs", primary_key = { "a", "b" }, relations = { parts = has_many("piece", { "a", "b" }, { client = "pg" }),
  far = has_many("piece", { "a", "b" }, { client = "mysql" }) } }
model "piece" { table = "pieces" }
model "slice" { parts = { tables = "slice_%d", n = 3 }, client = "sqlite3",
  table = function(req) return ("slice_%d"):format(req:mod("where.parent_id", 3) or 0) end,
  relations = { parent = belongs_to("parent_1", "parent_id", { key = "k", client = "sqlite3" }) } }
model "tenant" { table = "tenants", client = "sqlite3", instance_column = "iid", relations = { mine = has_many("tenant", "boss", { client = "sqlite3" }) } }
]] }
    session = world.session
    data = random_data(Random.new(seed))
    for _, engine in ipairs(Engines.all) do
      for name, columns in pairs(tables) do
        session:execute(engine, ("CREATE TABLE %s (%s)"):format(name, columns))
      end
    end
    for i = 1, 3 do
      for model, name in pairs { parent = "parents", child = "children", link = "links", tag = "tags" } do
        session:model(model .. "_" .. i):insert_bulk(data[name])
      end
    end
  end)
  teardown(function() world:close() end)

  for i, place in ipairs(places) do
    it(("hold for the rows for which they hold in Lua: %s"):format(table.concat(place, ", ")), function()
      local random = Random.new(seed + i)
      local parents = session:model("parent_" .. i)
      for _ = 1, rounds do
        local where = condition(random, "parents", 1)
        local expected = ids(Evaluate.rows(data.parents, where, how_of(data, "parents")))
        local ok, got = pcall(parents.select, parents, { where = where, columns = "id" })
        if not ok then error(("%s\n%s"):format(tostring(got), show.source(where, null)), 0) end
        assert.same(expected, ids(got), show.source(where, null))
      end
      local children = session:model("child_" .. i)
      local where = { parent = { some = { tags = { some = {} } } } }
      assert.same(ids(Evaluate.rows(data.children, where, how_of(data, "children"))), ids(children:select { where = where }))
      assert.equal(#Evaluate.rows(data.children, where, how_of(data, "children")), children:count { where = where })
    end)
  end

  for i, engine in ipairs(Engines.all) do
    it("choose the rows that are written, on " .. engine, function()
      local ok, problem = pcall(session.transaction, session, function()
        local children = session:model("child_" .. i)
        local where = { parent = { some = { n = { gt = 1 } } } }
        local expected = #Evaluate.rows(data.children, where, how_of(data, "children"))
        assert.equal(expected, children:update({ n = 9 }, { where = where, all = true }))
        assert.equal(expected, children:delete(where, { all = true }))
        error("away", 0)
      end, { client = engine })
      assert.is_false(ok)
      assert.equal("away", problem)
    end)
  end

  it("never leave the instance", function()
    session:execute("sqlite3", "CREATE TABLE tenants (id INTEGER PRIMARY KEY, iid INTEGER, boss INTEGER)")
    session:execute("sqlite3", "INSERT INTO tenants VALUES (1, 1, NULL), (2, 1, 1), (3, 1, NULL), (4, 2, 3)")
    local one <close> = world.app:session { instance = "one" }
    assert.same({ 1 }, ids(one:model("tenant"):select { where = { mine = { some = {} } } }))
    assert.same({ 2, 3 }, ids(one:model("tenant"):select { where = { mine = { none = {} } } }))
  end)

  it("compare all columns of a key", function()
    session:execute("pg", "CREATE TABLE pairs (a INTEGER, b TEXT, PRIMARY KEY (a, b))")
    session:execute("pg", "CREATE TABLE pieces (id INTEGER PRIMARY KEY, a INTEGER, b TEXT, n INTEGER)")
    session:execute("mysql", "CREATE TABLE pieces (id INTEGER PRIMARY KEY, a INTEGER, b VARCHAR(9), n INTEGER)")
    session:execute("pg", "INSERT INTO pairs VALUES (1, 'x'), (1, 'y'), (2, 'x')")
    session:execute("pg", "INSERT INTO pieces VALUES (1, 1, 'y', 5), (2, 2, 'x', 0), (3, 1, 'z', 5)")
    local pairs_of = session:model "pair"
    assert.same({ { a = 1, b = "y" } }, (pairs_of:select { where = { parts = { some = { n = { gt = 1 } } } } }))
    assert.equal(1, pairs_of:count { where = { parts = { none = {} } } })
    session:execute("mysql", "INSERT INTO pieces VALUES (1, 1, 'x', 5), (2, 2, 'y', 0)")
    assert.same({ { a = 1, b = "x" } }, (pairs_of:select { where = { far = { some = {} } } }))
    assert.equal(2, pairs_of:count { where = { far = { none = {} } } })
  end)

  it("hold for the rows of all parts", function()
    for i = 0, 2 do session:execute("sqlite3", ("CREATE TABLE slice_%d (id INTEGER PRIMARY KEY, parent_id INTEGER)"):format(i)) end
    for id = 1, 12 do session:model("slice"):insert { id = id, parent_id = id } end
    local expected = {}
    for id = 1, 12 do
      if #matching(data.parents, "k", id) > 0 then expected[#expected + 1] = id end
    end
    assert.same(expected, ids(session:model("slice"):select { where = { parent = { some = {} } } }))
    assert.equal(#expected, session:model("slice"):count { where = { parent = { some = {} } } })
  end)

  it("that can't be asked are refused", function()
    session:execute("sqlite3", "CREATE TABLE notes (id INTEGER PRIMARY KEY, parent_id TEXT)")
    session:execute("pg", "CREATE TABLE notes (id INTEGER PRIMARY KEY, parent_id TEXT)")
    local function refused(code, model, where, words)
      local problem = Engines.raises(code, session.model(session, model).select, session:model(model), { where = where })
      assert.truthy(problem.message:find(words, 1, true), problem.message)
    end
    refused("SHUNT_E_NOT_FOUND", "parent_1", { childrn = { some = {} } }, "has no relation 'childrn'; did you mean")
    refused("SHUNT_E_USAGE", "parent_1", { three = { some = {} } }, "it has a limit")
    assert.same({}, session:model("worded"):select { where = { notes = { some = {} } } })
    assert.same({}, session:model("worded"):select { where = { far = { some = {} } } })
    refused("SHUNT_E_USAGE", "worded", { parted = { some = {} } }, "chooses the place by where.parent_id")
    local deep = {}
    for _ = 1, 8 do deep = { boss = { some = deep } } end
    refused("SHUNT_E_USAGE", "parent_1", deep, "nested more than 6 deep")
    for i = 1, 3 do
      deep = { n = 1 }
      for _ = 1, 6 do deep = { boss = { every = deep } } end
      assert.is_table(session:model("parent_" .. i):select { where = deep })
    end
    local problem = Engines.raises("SHUNT_E_USAGE", session.model(session, "parent_1").aggregate, session:model "parent_1",
      { count = true, group = "n", having = { children = { some = {} } } })
    assert.truthy(problem.message:find("no condition over a relation", 1, true), problem.message)
  end)

  it("over two datasources take a stated number of keys", function()
    local rows = {}
    for i = 1, 10001 do rows[i] = { id = 1000 + i, parent_id = i } end
    local i = 4 -- parents on sqlite3, children on pg
    session:model("child_" .. i):insert_bulk(rows)
    local parents = session:model("parent_" .. i)
    local problem = Engines.raises("SHUNT_E_USAGE", parents.select, parents, { where = { children = { some = {} } } })
    assert.truthy(problem.message:find("more than 10000 keys", 1, true), problem.message)
    session:model("child_" .. i):delete { id = { gt = 11000 } }
    assert.is_true(#parents:select { where = { children = { some = {} } } } > 0)
    session:model("child_" .. i):delete { id = { gt = 1000 } }
  end)

  it("filter included rows, too", function()
    local where = { parent = { some = { n = { gt = 2 } } } }
    for i = 1, #places do
      for _, limit in ipairs { false, 2 } do
        local rows = session:model("parent_" .. i):select { order = "id",
          include = { children = { where = where, order = "id", limit = limit or nil } } }
        for k, row in ipairs(rows) do
          local expected = {}
          for _, child in ipairs(matching(data.children, "parent_id", row.k)) do
            if Evaluate.holds(where, child, how_of(data, "children")) and #expected < (limit or 99) then expected[#expected + 1] = child.id end
          end
          assert.same(expected, ids(row.children), ("place %d, row %d"):format(i, k))
        end
      end
    end
  end)
end)

-- Keys that the engine's own = compares otherwise than by value, or not at all.
local u1, u2 = "0e37df36-f698-11e6-8dd4-cb9ced3df976", "00000000-0000-0000-0000-000000000001"
local unlike = {
  { "pg", "bigint", "double precision", { 1, 9007199254740993, math.maxinteger }, { 1.0, 2.0 ^ 53, 2.0 ^ 63 }, { 1 } },
  { "pg", "numeric", "real", { 1, 9007199254740993 }, { 1.0, 2.0 ^ 53 }, { 1 } },
  { "pg", "text", "char(5)", { "a ", "a", "b" }, { "a", "b", "c" }, { 1, 2, 3 } },
  { "pg", "bigint", "oid", { 1, -1, 4294967295 }, { 1, 4294967295, 7 }, { 1, 3 } },
  { "pg", "integer", "text", { 1, 7, 12 }, { "1", "07", "12" }, { 1, 3 } },
  { "pg", "uuid", "text", { u1, u2 }, { u1, u2:upper() .. "x" }, { 1 } },
  { "pg", "timestamptz", "text", { "2026-11-24 10:00:00+00", "2026-11-24 11:00:00+00" }, { "2026-11-24 10:00:00+00", "x" }, { 1 } },
  { "pg", "boolean", "integer", { true, false }, { 1, 7 }, { 1 } },
  { "pg", "date", "varchar(20)", { "2026-11-24", "2026-11-25" }, { "2026-11-24", "today" }, { 1 } },
  { "sqlite3", "INTEGER", "TEXT", { 1, 7, 8 }, { "1", "07", "x" }, { 1, 2 } },
  { "mysql", "bigint", "double", { 1, 9007199254740993, math.maxinteger }, { 1.0, 2.0 ^ 53, 2.0 ^ 63 }, { 1 } },
  { "mysql", "bigint", "varchar(20)", { 1, 5, 7 }, { "1", "5 apples", "07" }, { 1 } },
}

describe("conditions over relations with keys of different types", function()
  if Engines.missing() then return end

  -- Parents and children with these keys; what the condition finds.
  local function found(case)
    local engine, parent_type, child_type, parents, children = table.unpack(case)
    local world = Engines.open { clients = { db = engine }, rules = [[
      model "parent" { table = "parents", client = "db", relations = { children = has_many("child", "k", { key = "k" }) } }
      model "child" { table = "children", client = "db" }]] }
    local session = world.session
    session:execute("db", ("CREATE TABLE parents (id int PRIMARY KEY, k %s)"):format(parent_type))
    session:execute("db", ("CREATE TABLE children (id int PRIMARY KEY, k %s)"):format(child_type))
    for id, k in ipairs(parents) do session:model("parent"):insert { id = id, k = k } end
    for id, k in ipairs(children) do session:model("child"):insert { id = id, k = k } end
    session:model("parent"):insert { id = 99 }
    local ok, rows = pcall(function() return session:model("parent"):select { where = { children = { some = {} } } } end)
    local included = {}
    for _, row in ipairs(session:model("parent"):select { include = { children = true }, order = "id" }) do
      if #row.children > 0 then included[#included + 1] = row.id end
    end
    world:close()
    return ok, rows, included
  end

  for _, engine in ipairs(Engines.all) do
    it("find the rows of all parts, on " .. engine, function()
      local world = Engines.open { clients = { db = engine }, rules = [[
        model "slice" { parts = { tables = "slice_%d", n = 3 },
          table = function(req) return ("slice_%d"):format(req:mod("where.parent_id", 3) or 0) end,
          relations = { parent = belongs_to("parent", "parent_id", { key = "k" }) } }
        model "parent" { table = "parents" }]] }
      local session <close> = world.app:session()
      for i = 0, 2 do session:execute("db", ("CREATE TABLE slice_%d (id INTEGER PRIMARY KEY, parent_id INTEGER)"):format(i)) end
      session:execute("db", "CREATE TABLE parents (id INTEGER PRIMARY KEY, k VARCHAR(9))")
      for id = 1, 9 do session:model("slice"):insert { id = id, parent_id = id } end
      for id = 1, 5 do session:model("parent"):insert { id = id, k = tostring(id * 2) } end
      local slices = session:model "slice"
      assert.same({ 2, 4, 6, 8 }, ids(slices:select { where = { parent = { some = {} } } }))
      assert.same({ 1, 3, 5, 7, 9 }, ids(slices:select { where = { parent = { none = {} } } }))
      assert.equal(5, slices:delete { parent = { none = {} } })
      assert.equal(4, slices:count())
      session:close()
      world:close()
    end)
  end

  for _, case in ipairs(unlike) do
    it(("find what an include finds: %s, %s and %s"):format(case[1], case[2], case[3]), function()
      local ok, rows, included = found(case)
      assert(ok, tostring(rows))
      assert.same(case[6], ids(rows))
      assert.same(included, ids(rows))
    end)
  end

  it("are refused where neither the engine nor an include compares by value", function()
    local ok, problem = found { "mysql", "varchar(20)", "set('1','2')", { "1", "01", "2" }, { "1", "2", "1,2" } }
    if ok then return assert.same({ 1, 3 }, ids(problem)) end
    assert.equal("SHUNT_E_USAGE", problem.code)
    assert.matches("compares by value", problem.message)
  end)
end)
