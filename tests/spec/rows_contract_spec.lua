-- What reads give: values without loss, the shapes of rows, options, and relations by the letter of the manual.

local shunt = require "shunt"
local App = require "tests.spec.support.app"

local null = shunt.null

local rules = [[
  model "thing" { table = "things" }
  model "person" { table = "people", relations = {
    pets = has_many("pet", "person_id", { order = "name" }),
    cats = has_many("pet", "person_id", { where = { kind = "cat" }, order = "name" }),
    pet_names = has_many("pet", "person_id", { columns = { "name" }, order = { "-name" } }),
    first_pet = has_one("pet", "person_id", { order = "id" }),
    two_pets = has_many("pet", "person_id", { order = "id", limit = 2 }),
    boss = belongs_to("person", "boss_id"),
    team = has_many("person", "boss_id", { order = "id" }),
    clubs = belongs_to_many("membership", "club", "person_id", "club_id", { order = "name" }),
    badges = has_many("badge", "person_code", { key = "code", order = "id" }),
  } }
  model "pet" { table = "pets", client = "b", relations = { owner = belongs_to("person", "person_id", { client = "a" }) } }
  model "club" { table = "clubs", client = "c", relations = {
    members = belongs_to_many("membership", "person", "club_id", "person_id", { client = "a", through_client = "b", order = "id" }),
  } }
  model "membership" { table = "memberships", client = "b" }
  model "badge" { table = "badges", client = "c", relations = { owner = belongs_to("person", "person_code", { key = "code", client = "a" }) } }
  model "loaded" { table = "people", client = "a", relations = {
    pets = has_many("pet", "person_id", { order = "id", autoload = true }),
  } }
]]

local tables = {
  a = {
    "CREATE TABLE things (id INTEGER PRIMARY KEY, i INTEGER, r REAL, t TEXT, b BLOB, n, d DECIMAL(10,2))",
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, boss_id INTEGER, code TEXT, age INTEGER)",
    [[INSERT INTO people VALUES (1, 'Ada', NULL, '1', 36), (2, 'Bo', 1, '2', 20), (3, 'Cy', 1, 'x', 50), (4, 'Di', 2, NULL, NULL),
      (5, 'Ed', 99, '2', 20)]],
  },
  b = {
    "CREATE TABLE pets (id INTEGER PRIMARY KEY, person_id TEXT, name TEXT, kind TEXT)",
    [[INSERT INTO pets VALUES (1, '1', 'Tom', 'cat'), (2, '1', 'Rex', 'dog'), (3, '2', 'Kit', 'cat'), (4, NULL, 'Stray', 'cat'),
      (5, '77', 'Lost', 'dog'), (6, '1', 'Zoe', 'cat')]],
    "CREATE TABLE memberships (id INTEGER PRIMARY KEY, person_id INTEGER, club_id INTEGER)",
    "INSERT INTO memberships VALUES (1, 1, 2), (2, 1, 1), (3, 1, 2), (4, 2, 1), (5, 3, 9), (6, NULL, 1), (7, 4, NULL)",
  },
  c = {
    "CREATE TABLE clubs (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO clubs VALUES (1, 'Chess'), (2, 'Art'), (3, 'Empty')",
    "CREATE TABLE badges (id INTEGER PRIMARY KEY, person_code INTEGER, label TEXT)",
    "INSERT INTO badges VALUES (1, 2, 'swim'), (2, 1, 'run'), (3, 2, 'jump'), (4, 3, 'none')",
  },
}

local app, folder, s

setup(function()
  local yaml = App.database_yaml({ "a", "b", "c" }, "a") .. "rules: {path: [rules]}\n"
  app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules }, { "a", "b", "c" })
  s = app:session()
  for client, list in pairs(tables) do
    for _, sql in ipairs(list) do s:execute(client, sql) end
  end
end)

teardown(function()
  if app then app:close() end
  if folder then App.remove(folder) end
end)

local function pluck(rows, column)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row[column] end
  return out
end

describe("values", function()
  local cases = {
    { "the smallest 64-bit integer", "i", math.mininteger }, { "the greatest 64-bit integer", "i", math.maxinteger },
    { "an integer that no double holds", "i", 9007199254740993 }, { "zero", "i", 0 }, { "a double", "r", 0.1 },
    { "a double without decimals", "r", 3.0 }, { "a very small double", "r", 5e-324 }, { "a very great double", "r", 1.7976931348623157e308 },
    { "text", "t", "Grüße, 世界" }, { "empty text", "t", "" }, { "text with NUL bytes", "t", "a\0b\0" }, { "text that looks like a number", "t", "007" },
    { "text of SQL", "t", "'; DROP TABLE things; --" }, { "null", "i", null }, { "long text", "t", ("x"):rep(100000) },
    { "an integer in an untyped column", "n", 5 }, { "text in an untyped column", "n", "5" }, { "a double in an untyped column", "n", 5.5 },
  }
  for _, case in ipairs(cases) do
    it("come back as they went: " .. case[1], function()
      local row = s:model("thing"):insert { [case[2]] = case[3] }
      local again = s:model("thing"):get(row.id)
      assert.equal(case[3], row[case[2]])
      assert.equal(case[3], again[case[2]])
      assert.equal(math.type(case[3]), math.type(again[case[2]]))
      assert.equal(case[3], s:query("a", "SELECT ? AS v", { case[3] })[1].v)
    end)
  end

  it("come back as they went: blobs", function()
    for _, bytes in ipairs { "", "\0\1\255", ("\200"):rep(5000) } do
      local row = s:model("thing"):insert { b = shunt.blob(bytes) }
      local back = s:model("thing"):get(row.id).b
      assert.is_true(shunt.is_blob(back))
      assert.equal(bytes, back:bytes())
      assert.equal("blob", s:query("a", "SELECT typeof(b) AS t FROM things WHERE id = ?", { row.id })[1].t)
    end
  end)

  it("come back as they went: what was left out is null, not absent", function()
    local row = s:model("thing"):get(s:model("thing"):insert({}).id)
    for _, column in ipairs { "i", "r", "t", "b", "n", "d" } do assert.equal(null, row[column]) end
  end)
end)

describe("a read", function()
  it("gets by primary key, by where, or nothing", function()
    assert.equal("Bo", s:model("person"):get(2).name)
    assert.equal("Bo", s:model("person"):get({ name = "Bo" }).name)
    assert.equal("Ed", s:model("person"):get({ age = 20 }, { order = "-id" }).name)
    assert.is_nil(s:model("person"):get(44))
    assert.is_nil(s:model("person"):get { name = "Nobody" })
  end)

  it("gets several in the order of the keys, without those that are not there", function()
    assert.same({ "Cy", "Ada" }, pluck(s:model("person"):mget { 3, 44, 1 }, "name"))
    assert.same({}, (s:model("person"):mget {}))
  end)

  local selections = {
    { "a value", { id = 2 }, { 2 } }, { "several columns at once", { age = 20, name = "Ed" }, { 5 } }, { "a list", { name = { "Ada", "Di" } }, { 1, 4 } },
    { "an empty list", { name = {} }, {} }, { "null", { age = null }, { 4 } }, { "not null", { boss_id = { ne = null } }, { 2, 4, 3, 5 } },
    { "gt and lte", { age = { gt = 20, lte = 50 } }, { 1, 3 } }, { "between", { age = { between = { 20, 36 } } }, { 1, 2, 5 } },
    { "in", { id = { ["in"] = { 1, 2 } } }, { 1, 2 } }, { "not_in", { id = { not_in = { 1, 2 } } }, { 4, 3, 5 } },
    { "not_in of nothing", { id = { not_in = {} } }, { 1, 2, 3, 4, 5 } }, { "like", { name = { like = "%d%" } }, { 1, 4, 5 } },
    { "ne", { name = { ne = "Ada" } }, { 2, 3, 4, 5 } }, { "_or", { _or = { { id = 1 }, { name = "Ed" } } }, { 1, 5 } },
    { "_or of nothing", { _or = {} }, {} }, { "_and", { _and = { { age = 20 }, { id = { gt = 2 } } } }, { 5 } },
    { "_not", { _not = { id = { 1, 2, 3 } } }, { 4, 5 } },
    { "_or beside a column", { age = 20, _or = { { id = 1 }, { id = 2 } } }, { 2 } },
    { "_not of _or", { _not = { _or = { { id = 1 }, { age = 20 } } } }, { 3 } },
  }
  for _, case in ipairs(selections) do
    it("selects by " .. case[1], function()
      local ids = pluck(s:model("person"):select { where = case[2] }, "id")
      table.sort(ids)
      local expected = table.move(case[3], 1, #case[3], 1, {})
      table.sort(expected)
      assert.same(expected, ids)
      assert.equal(#expected, s:model("person"):count { where = case[2] })
    end)
  end

  it("orders, limits, skips and picks columns", function()
    local rows = s:model("person"):select { columns = { "name" }, order = { "age", "-id" }, limit = 3, offset = 1 }
    assert.same({ { name = "Ed" }, { name = "Bo" }, { name = "Ada" } }, rows)
    assert.same({}, (s:model("person"):select { limit = 0 }))
  end)

  it("aggregates, in all and by group", function()
    local all = s:model("person"):aggregate { count = true, sum = "age", avg = "age", min = "age", max = { "age", "id" } }
    assert.same({ count = 5, sum_age = 126, avg_age = 31.5, min_age = 20, max_age = 50, max_id = 5 }, all)
    local groups = s:model("pet"):aggregate { count = true, group = "kind", order = "kind" }
    assert.same({ { kind = "cat", count = 4 }, { kind = "dog", count = 2 } }, groups)
  end)

  it("gives a session's statements to its observer, and to no other", function()
    local other = app:session()
    local seen = App.watch(other)
    s:model("person"):get(1)
    assert.equal(0, #seen)
    other:model("pet"):get(1)
    assert.equal(1, #seen)
    assert.equal("b", seen[1].client)
    assert.equal(1, seen[1].rows)
    other:close()
  end)
end)

describe("an include", function()
  local function person(id, include)
    return s:model("person"):get(id, { include = include })
  end

  it("gives an array for has_many, empty where there is nothing", function()
    assert.same({ "Rex", "Tom", "Zoe" }, pluck(person(1, { pets = true }).pets, "name"))
    assert.same({}, person(3, { pets = true }).pets)
    assert.same({}, person(4, { clubs = true }).clubs)
  end)

  it("gives a row or nil for has_one and belongs_to", function()
    assert.equal("Tom", person(1, { first_pet = true }).first_pet.name)
    assert.is_nil(person(3, { first_pet = true }).first_pet)
    assert.equal("Ada", person(2, { boss = true }).boss.name)
    assert.is_nil(person(1, { boss = true }).boss)
    assert.is_nil(person(5, { boss = true }).boss)
  end)

  it("takes a list of names, and dotted ones", function()
    local row = person(1, { "pets", "team.team", "team.clubs" })
    assert.equal(3, #row.pets)
    assert.same({ "Di" }, pluck(row.team[1].team, "name"))
    assert.same({ "Chess" }, pluck(row.team[1].clubs, "name"))
    assert.same({}, row.team[2].clubs)
  end)

  it("keeps a link's duplicates, as a join does", function()
    assert.same({ "Art", "Art", "Chess" }, pluck(person(1, { clubs = true }).clubs, "name"))
  end)

  it("gives no row for a dangling or a null key", function()
    assert.same({}, person(3, { clubs = true }).clubs)
    assert.is_nil(s:model("pet"):get(4, { include = { owner = true } }).owner)
    assert.is_nil(s:model("pet"):get(5, { include = { owner = true } }).owner)
  end)

  it("compares keys by value: 1 here and \"1\" there are the same", function()
    assert.equal("Ada", s:model("pet"):get(1, { include = { owner = true } }).owner.name)
    assert.same({ "swim", "jump" }, pluck(person(2, { badges = true }).badges, "label"))
    assert.same({ "swim", "jump" }, pluck(person(5, { badges = true }).badges, "label"))
    assert.same({}, person(3, { badges = true }).badges)
    assert.equal("Ada", s:model("badge"):get(2, { include = { owner = true } }).owner.name)
  end)

  it("takes a number that text spells in another way for what it is", function()
    for i, spelling in ipairs { "01", "1.0", "+1", " 1" } do
      s:execute("b", "INSERT INTO pets VALUES (?, ?, 'Odd', 'bird')", { 100 + i, spelling })
      assert.equal("Ada", s:model("pet"):get(100 + i, { include = { owner = true } }).owner.name)
      s:execute("b", "DELETE FROM pets WHERE id > 100")
    end
  end)

  it("has the relation's where, order, columns and limit", function()
    assert.same({ "Tom", "Zoe" }, pluck(person(1, { cats = true }).cats, "name"))
    assert.same({ { name = "Zoe" }, { name = "Tom" }, { name = "Rex" } }, person(1, { pet_names = true }).pet_names)
    assert.same({ "Tom", "Rex" }, pluck(person(1, { two_pets = true }).two_pets, "name"))
  end)

  it("narrows the relation's where and replaces its order", function()
    local row = person(1, { cats = { where = { name = { ne = "Tom" } } } })
    assert.same({ "Zoe" }, pluck(row.cats, "name"))
    assert.same({ "Zoe", "Tom" }, pluck(person(1, { cats = { order = "-name" } }).cats, "name"))
  end)

  it("limits and skips per parent row", function()
    local rows = s:model("person"):select { order = "id", include = { pets = { order = "id", limit = 1, offset = 1 } } }
    assert.same({ "Rex" }, pluck(rows[1].pets, "name"))
    assert.same({}, rows[2].pets)
    rows = s:model("person"):select { order = "id", include = { clubs = { order = "name", limit = 2 } } }
    assert.same({ "Art", "Art" }, pluck(rows[1].clubs, "name"))
    assert.same({ "Chess" }, pluck(rows[2].clubs, "name"))
  end)

  it("does not show columns that only the keys needed", function()
    local row = s:model("person"):get(1, { columns = { "name" }, include = { pets = { columns = { "kind" } } } })
    assert.same({ name = "Ada", pets = { { kind = "dog" }, { kind = "cat" }, { kind = "cat" } } }, row)
  end)

  it("loads relations with autoload, unless the call turns them off", function()
    assert.equal(3, #s:model("loaded"):get(1).pets)
    assert.is_nil(s:model("loaded"):get(1, { include = { pets = false } }).pets)
  end)

  it("takes relations made on the spot", function()
    local row = s:model("person"):get(1, { with = { dogs = shunt.has_many("pet", "person_id", { where = { kind = "dog" } }) } })
    assert.same({ "Rex" }, pluck(row.dogs, "name"))
    row = s:model("club"):get(2, {
      with = { people = shunt.belongs_to_many("membership", "person", "club_id", "person_id", { client = "a" }) },
      include = { people = { columns = { "name" } } },
    })
    assert.same({ { name = "Ada" }, { name = "Ada" } }, row.people)
  end)

  it("follows a self-relation to any depth", function()
    local row = person(1, { team = { include = { team = { include = { boss = { include = { boss = true } } } } } } })
    assert.equal("Ada", row.team[1].team[1].boss.boss.name)
  end)

  it("runs no statement for what has no keys", function()
    local session = app:session()
    local seen = App.watch(session)
    session:model("person"):get(1, { include = { boss = true } })
    assert.equal(1, #seen)
    session:model("person"):select { where = { id = {} }, include = { pets = true } }
    assert.is_true(#seen <= 2)
    session:close()
  end)

  it("asks in pieces where there are more keys than a statement takes parameters, and gives the same", function()
    s:execute("a", "CREATE TABLE many_parents (id INTEGER PRIMARY KEY)")
    s:execute("a", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000) INSERT INTO many_parents SELECT i FROM n")
    s:execute("b", "CREATE TABLE many_children (id INTEGER PRIMARY KEY, person_id INTEGER, name TEXT)")
    s:execute("b", [[WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 80000)
      INSERT INTO many_children SELECT i, i * 7919 % 75000 + 1, 'c' || i FROM n]])
    local session = app:session()
    local seen = App.watch(session)
    local rows = session:model("person"):select { table = "many_parents", include = { pets = { table = "many_children", order = "-id", limit = 1 } } }
    assert.equal(70000, #rows)
    assert.is_true(#seen >= 4 and #seen <= 6, #seen .. " statements")
    local greatest = {}
    for _, row in ipairs((session:query("b", "SELECT person_id, max(id) AS id FROM many_children GROUP BY person_id"))) do
      greatest[row.person_id] = row.id
    end
    for _, row in ipairs(rows) do
      assert(#row.pets == (greatest[row.id] and 1 or 0) and (not greatest[row.id] or row.pets[1].id == greatest[row.id]), "wrong row of " .. row.id)
    end
    session:close()
  end)
end)
