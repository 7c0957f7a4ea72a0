-- What writes do, what they refuse, and what is left behind where they fail.

local shunt = require "shunt"
local App = require "tests.spec.support.app"

local null = shunt.null

local rules = [[
  model "user" { table = "users", client = "a", instance_column = "iid", relations = {
    profile = has_one("profile", "user_id"),
    orders = has_many("order", "user_id", { order = "id" }),
    roles = belongs_to_many("role_user", "role", "user_id", "role_id", { order = "id" }),
    visits = has_many("visit", "user_id", { order = "id" }),
  } }
  model "visit" {
    table = function(req)
      local part = req:mod("where.user_id", 2)
      return part and ("visits_%02d"):format(part) or "visits"
    end,
    client = function(req) return req:mod("where.user_id", 2) == 1 and "c" or "b" end,
  }
  model "profile" { table = "profiles", client = "a", relations = { user = belongs_to("user", "user_id") } }
  model "order" { table = "orders", client = "b", instance_column = "iid", relations = {
    user = belongs_to("user", "user_id"),
    lines = has_many("line", "order_id", { order = "id" }),
  } }
  model "line" { table = "lines", client = "b" }
  model "role" { table = "roles", client = "c", relations = {
    users = belongs_to_many("role_user", "user", "role_id", "user_id"),
  } }
  model "role_user" { table = "role_user", client = "c" }
  model "plain" { table = "plains" }
  model "coded" { table = "coded", primary_key = "code", client = "a" }
]]

local tables = {
  a = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, iid INTEGER, name TEXT NOT NULL, email TEXT UNIQUE, age INTEGER DEFAULT 18)",
    "CREATE TABLE profiles (id INTEGER PRIMARY KEY, user_id INTEGER, bio TEXT)",
    "CREATE TABLE coded (code TEXT PRIMARY KEY, label TEXT)",
  },
  b = {
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, iid INTEGER, user_id INTEGER, total REAL CHECK (total >= 0))",
    "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, product TEXT NOT NULL)",
  },
  c = {
    "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE role_user (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, role_id INTEGER NOT NULL CHECK (role_id < 100))",
    "INSERT INTO roles VALUES (1, 'admin'), (2, 'editor'), (3, 'reader')",
  },
}

for client, name in pairs { b = "visits_00", c = "visits_01" } do
  table.insert(tables[client], "CREATE TABLE " .. name .. " (id INTEGER PRIMARY KEY, user_id INTEGER, page TEXT CHECK (page <> 'bad'))")
end

local home = {
  users = "a", profiles = "a", coded = "a", plains = "a", orders = "b", lines = "b", roles = "c", role_user = "c", visits_00 = "b", visits_01 = "c",
}
local app, folder, s, other

before_each(function()
  local yaml = App.database_yaml({ "a", "b", "c" }, "a") .. [[
instance:
  instances:
    "": {id: 1}
    acme: {id: 7}
    globex: {id: 8}
rules: {path: [rules]}
]]
  app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules }, { "a", "b", "c" })
  s, other = app:session { instance = "acme" }, app:session { instance = "globex" }
  for client, list in pairs(tables) do
    for _, sql in ipairs(list) do s:execute(client, sql) end
    s:execute(client, "CREATE TABLE plains (id INTEGER PRIMARY KEY, v TEXT)")
  end
end)

after_each(function()
  if app then app:close() end
  if folder then App.remove(folder) end
  app, folder = nil, nil
end)

-- What a table holds, by a statement of its own.
local function all(name, client)
  return (app:session():query(client or home[name], "SELECT * FROM " .. name .. " ORDER BY 1"))
end

local function everything()
  local out = {}
  for name in pairs(home) do out[name] = all(name) end
  return out
end

local function pluck(rows, column)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row[column] end
  return out
end

describe("insert", function()
  it("gives the row back as the database has it, with its generated key and its defaults", function()
    local row = s:model("user"):insert { name = "Ada" }
    assert.same({ id = 1, iid = 7, name = "Ada", email = null, age = 18 }, row)
    assert.same({ row }, all "users")
    assert.equal(2, s:model("user"):insert({ name = "Bo" }).id)
  end)

  it("keeps a key that is given", function()
    assert.equal(40, s:model("user"):insert({ id = 40, name = "Ada" }).id)
    assert.same({ code = "x1", label = "X" }, s:model("coded"):insert { code = "x1", label = "X" })
    assert.equal("X", s:model("coded"):get("x1").label)
  end)

  it("takes null and a row of nothing", function()
    assert.equal(null, s:model("user"):insert({ name = "Ada", age = null }).age)
    assert.equal(1, s:model("plain"):insert({}).id)
  end)

  it("refuses what a constraint of the database refuses, and writes nothing", function()
    s:model("user"):insert { name = "Ada", email = "ada@example.org" }
    local before = everything()
    local err = App.raises("SHUNT_E_CONSTRAINT", function() s:model("user"):insert { name = "Bo", email = "ada@example.org" } end)
    assert.equal("a", err.client)
    assert.matches("email", err.message)
    App.raises("SHUNT_E_CONSTRAINT", function() s:model("user"):insert { age = 3 } end)
    assert.same(before, everything())
  end)

  it("goes to a client that is asked for", function()
    s:model("plain"):new_instance("b"):insert { v = "there" }
    assert.equal(0, #all("plains", "a"))
    assert.same({ { id = 1, v = "there" } }, all("plains", "b"))
    s:model("plain"):insert({ v = "here" }, { client = "c" })
    assert.same({ { id = 1, v = "here" } }, all("plains", "c"))
  end)

  it("goes to a table that is asked for", function()
    s:execute("a", "CREATE TABLE plains_2 (id INTEGER PRIMARY KEY, v TEXT)")
    s:model("plain"):new_instance(nil, "plains_2"):insert { v = "x" }
    assert.equal(0, #all "plains")
    assert.equal(1, #all("plains_2", "a"))
  end)
end)

describe("insert_bulk", function()
  it("writes all rows and says how many", function()
    assert.equal(3, s:model("user"):insert_bulk { { name = "A" }, { name = "B", age = 3 }, { name = "C", email = null } })
    assert.same({ "A", "B", "C" }, pluck(all "users", "name"))
    assert.same({ 7, 7, 7 }, pluck(all "users", "iid"))
    assert.same({ 18, 3, 18 }, pluck(all "users", "age"))
    assert.equal(0, s:model("user"):insert_bulk {})
  end)

  it("writes all or nothing", function()
    App.raises("SHUNT_E_CONSTRAINT", function()
      s:model("user"):insert_bulk { { name = "A", email = "x" }, { name = "B", email = "y" }, { name = "C", email = "x" } }
    end)
    assert.equal(0, #all "users")
  end)

  it("writes more rows than a statement takes parameters", function()
    local rows = {}
    for i = 1, 40000 do rows[i] = { v = "v" .. i } end
    assert.equal(40000, s:model("plain"):insert_bulk(rows))
    local sum = s:query("a", "SELECT count(*) AS n, count(DISTINCT v) AS d FROM plains")[1]
    assert.same({ n = 40000, d = 40000 }, sum)
  end)
end)

describe("update", function()
  before_each(function() s:model("user"):insert_bulk { { name = "A", age = 1 }, { name = "B", age = 2 }, { name = "C", age = 3 } } end)

  it("changes the row of its primary key, and no other", function()
    assert.equal(1, s:model("user"):update { id = 2, name = "Bo" })
    assert.same({ "A", "Bo", "C" }, pluck(all "users", "name"))
    assert.same({ 1, 2, 3 }, pluck(all "users", "age"))
    assert.equal(0, s:model("user"):update { id = 99, name = "none" })
  end)

  it("changes the rows of a where", function()
    assert.equal(2, s:model("user"):update({ age = 30 }, { where = { age = { gte = 2 } } }))
    assert.same({ 1, 30, 30 }, pluck(all "users", "age"))
  end)

  it("sets null", function()
    s:model("user"):update { id = 1, age = null }
    assert.equal(null, all("users")[1].age)
  end)

  it("without key and where is refused, unless all are meant", function()
    local before = everything()
    App.raises("SHUNT_E_USAGE", function() s:model("user"):update { name = "X" } end)
    App.raises("SHUNT_E_USAGE", function() s:model("user"):update({ name = "X" }, { where = {} }) end)
    assert.same(before, everything())
    assert.equal(3, s:model("user"):update({ name = "X" }, { all = true }))
    assert.same({ "X", "X", "X" }, pluck(all "users", "name"))
  end)
end)

describe("delete", function()
  before_each(function() s:model("user"):insert_bulk { { name = "A", age = 1 }, { name = "B", age = 2 }, { name = "C", age = 3 } } end)

  it("takes the rows of a where, and no other", function()
    assert.equal(1, s:model("user"):delete { id = 2 })
    assert.equal(0, s:model("user"):delete { id = 2 })
    assert.same({ "A", "C" }, pluck(all "users", "name"))
    assert.equal(0, s:model("user"):delete { id = {} })
    assert.equal(2, #all "users")
  end)

  it("without where is refused, unless all are meant", function()
    App.raises("SHUNT_E_USAGE", function() s:model("user"):delete() end)
    App.raises("SHUNT_E_USAGE", function() s:model("user"):delete {} end)
    assert.equal(3, #all "users")
    assert.equal(3, s:model("user"):delete(nil, { all = true }))
    assert.equal(0, #all "users")
  end)

  it("with include takes the rows of those relations too, and links, not what they link to", function()
    s:model("user"):insert({
      name = "D", profile = { bio = "d" }, orders = { { total = 1, lines = { { product = "p" }, { product = "q" } } }, { total = 2 } },
      roles = { { id = 1 }, { id = 2 } },
    }, { include = { profile = true, orders = { include = { lines = true } }, roles = true } })
    s:model("order"):insert { user_id = 1, total = 9 }
    assert.equal(1, s:model("user"):delete({ id = 4 }, { include = { profile = true, orders = { include = { lines = true } }, roles = true } }))
    assert.same({ "A", "B", "C" }, pluck(all "users", "name"))
    assert.same({}, all "profiles")
    assert.same({ 9.0 }, pluck(all "orders", "total"))
    assert.same({}, all "lines")
    assert.same({}, all "role_user")
    assert.equal(3, #all "roles")
  end)
end)

describe("the instance column", function()
  local mine, theirs

  before_each(function()
    mine = s:model("user"):insert { name = "Mine" }
    theirs = other:model("user"):insert { name = "Theirs" }
  end)

  it("is stamped on what is inserted", function()
    assert.same({ 7, 8 }, pluck(all "users", "iid"))
    s:model("user"):insert_bulk { { name = "Bulk" } }
    assert.equal(7, all("users")[3].iid)
  end)

  it("can't be given as another one's: not on insert, not on update", function()
    pcall(function() s:model("user"):insert { name = "X", iid = 8 } end)
    pcall(function() s:model("user"):insert_bulk { { name = "X", iid = 8 } } end)
    pcall(function() s:model("user"):insert_bulk { { name = "X", iid = 7 }, { name = "Y", iid = 8 } } end)
    pcall(function() s:model("user"):insert_bulk { { name = "X" }, { name = "Y", iid = 8 }, { name = "Z", iid = null } } end)
    pcall(function() s:model("user"):update { id = mine.id, iid = 8 } end)
    pcall(function() s:model("user"):update({ iid = 8 }, { where = { id = mine.id } }) end)
    pcall(function() s:model("user"):update({ iid = null }, { all = true }) end)
    for _, row in ipairs(all "users") do assert.equal(row.name == "Theirs" and 8 or 7, row.iid) end
  end)

  it("hides other instances' rows from every read", function()
    local m = s:model "user"
    assert.is_nil(m:get(theirs.id))
    assert.is_nil(m:get { name = "Theirs" })
    assert.is_nil(m:get { id = theirs.id, iid = 8 })
    assert.same({ "Mine" }, pluck(m:select(), "name"))
    assert.same({ "Mine" }, pluck(m:mget { mine.id, theirs.id }, "name"))
    assert.equal(1, m:count())
    assert.equal(1, m:aggregate({ count = true }).count)
    assert.same({}, (m:select { where = { _or = { { iid = 8 }, { name = "Theirs" } } } }))
    assert.same({ "Mine" }, pluck(m:select { where = { _or = { { id = theirs.id }, { id = mine.id } } } }, "name"))
    assert.same({ "Mine" }, pluck(m:select { where = { _not = { iid = 7, name = "x" } } }, "name"))
  end)

  it("is not removed by an explicit client or table", function()
    assert.same({ "Mine" }, pluck(s:model("user"):new_instance("a"):select(), "name"))
    assert.same({ "Mine" }, pluck(s:model("user"):new_instance("a", "users"):select(), "name"))
    assert.same({ "Mine" }, pluck(s:model("user"):select { client = "a", table = "users" }, "name"))
  end)

  it("is not removed by an include", function()
    s:model("order"):insert { user_id = mine.id, total = 1 }
    other:model("order"):insert { user_id = mine.id, total = 2 }
    assert.same({ 1.0 }, pluck(s:model("user"):get(mine.id, { include = { orders = true } }).orders, "total"))
    assert.same({ 1.0 }, pluck(s:model("user"):get(mine.id, { include = { orders = { where = { _or = { { iid = 8 }, { iid = 7 } } } } } }).orders, "total"))
    local spot = { orders = shunt.has_many("order", "user_id", { where = { total = { gt = 0 } } }) }
    assert.same({ 1.0 }, pluck(s:model("user"):get(mine.id, { with = spot }).orders, "total"))
    s:model("profile"):insert { user_id = theirs.id, bio = "p" }
    assert.is_nil(s:model("profile"):get(1, { include = { user = true } }).user)
  end)

  it("keeps updates and deletes to the session's own rows", function()
    assert.equal(0, s:model("user"):update { id = theirs.id, name = "X" })
    assert.equal(0, s:model("user"):update({ name = "X" }, { where = { name = "Theirs" } }))
    assert.equal(1, s:model("user"):update({ age = 5 }, { all = true }))
    assert.equal(0, s:model("user"):delete { id = theirs.id })
    assert.equal(0, s:model("user"):delete { _or = { { iid = 8 }, { id = theirs.id } } })
    assert.equal(1, s:model("user"):delete(nil, { all = true }))
    assert.same({ theirs }, all "users")
  end)

  it("keeps nested writes to the session's own rows", function()
    local order = other:model("order"):insert { user_id = theirs.id, total = 3 }
    pcall(function()
      s:model("user"):update({ id = mine.id, orders = { { id = order.id, total = 99 } } }, { include = { orders = true } })
    end)
    pcall(function()
      s:model("user"):update({ id = mine.id, orders = { { id = order.id, deleted = true } } }, { include = { orders = true } })
    end)
    pcall(function() s:model("user"):update({ id = theirs.id, profile = { bio = "x" } }, { include = { profile = true } }) end)
    pcall(function() s:model("user"):delete({ id = theirs.id }, { include = { orders = true } }) end)
    assert.same({ order }, all "orders")
    assert.same({}, all "profiles")
    s:model("user"):update({ id = mine.id, orders = { { total = 4, iid = 7 } } }, { include = { orders = true } })
    assert.equal(7, all("orders")[2].iid)
  end)
end)

describe("nested writes", function()
  local include = { profile = true, orders = { include = { lines = true } }, roles = true }

  local function ada()
    return s:model("user"):insert({
      name = "Ada", profile = { bio = "hello" },
      orders = { { total = 1, lines = { { product = "p" }, { product = "q" } } }, { total = 2 } },
      roles = { { id = 1 }, { id = 3 } },
    }, { include = include })
  end

  it("insert the rows of has_one, has_many and belongs_to_many along, over all datasources, and give them back", function()
    local row = ada()
    assert.equal("hello", row.profile.bio)
    assert.same({ 1.0, 2.0 }, pluck(row.orders, "total"))
    assert.same({ "p", "q" }, pluck(row.orders[1].lines, "product"))
    assert.same({}, row.orders[2].lines)
    assert.same({ "admin", "reader" }, pluck(row.roles, "name"))
    assert.same({ { id = 1, user_id = row.id, bio = "hello" } }, all "profiles")
    assert.same({ row.id, row.id }, pluck(all "orders", "user_id"))
    assert.same({ 7, 7 }, pluck(all "orders", "iid"))
    assert.same({ row.orders[1].id, row.orders[1].id }, pluck(all "lines", "order_id"))
    assert.same({ 1, 3 }, pluck(all "role_user", "role_id"))
    assert.equal(3, #all "roles")
    assert.same(row, s:model("user"):get(row.id, { include = include }))
  end)

  it("update a child with a primary key, insert one without, delete one that is marked", function()
    local row = ada()
    s:model("user"):update({
      id = row.id, age = 40,
      orders = { { id = row.orders[1].id, total = 10 }, { total = 30 }, { id = row.orders[2].id, deleted = true } },
    }, { include = { orders = true } })
    assert.same({ 10.0, 30.0 }, pluck(all "orders", "total"))
    assert.same({ row.id, row.id }, pluck(all "orders", "user_id"))
    assert.equal(40, all("users")[1].age)
    assert.equal(2, #all "lines")
  end)

  it("leave children alone that are not mentioned", function()
    local row = ada()
    s:model("user"):update({ id = row.id, orders = { { total = 5 } } }, { include = { orders = true } })
    assert.same({ 1.0, 2.0, 5.0 }, pluck(all "orders", "total"))
    s:model("user"):update({ id = row.id, name = "Ada L" }, { include = { orders = true } })
    assert.equal(3, #all "orders")
  end)

  it("write has_one: update, delete, insert", function()
    local row = ada()
    s:model("user"):update({ id = row.id, profile = { id = row.profile.id, bio = "again" } }, { include = { profile = true } })
    assert.same({ "again" }, pluck(all "profiles", "bio"))
    s:model("user"):update({ id = row.id, profile = { id = row.profile.id, deleted = true } }, { include = { profile = true } })
    assert.same({}, all "profiles")
    s:model("user"):update({ id = row.id, profile = { bio = "new" } }, { include = { profile = true } })
    assert.same({ row.id }, pluck(all "profiles", "user_id"))
  end)

  it("link and unlink with belongs_to_many", function()
    local row = ada()
    s:model("user"):update({ id = row.id, roles = { { id = 2 }, { id = 1, deleted = true } } }, { include = { roles = true } })
    local linked = pluck(all "role_user", "role_id")
    table.sort(linked)
    assert.same({ 2, 3 }, linked)
    assert.same({ "admin", "editor", "reader" }, pluck(all "roles", "name"))
  end)

  it("insert a target of belongs_to_many that has no key yet, and link it", function()
    local row = s:model("user"):insert({ name = "Bo", roles = { { name = "owner" } } }, { include = { roles = true } })
    assert.same({ "owner" }, pluck(row.roles, "name"))
    assert.equal("owner", all("roles")[4].name)
    assert.same({ 4 }, pluck(all "role_user", "role_id"))
  end)

  it("unlink only the row's own links", function()
    local row, second = ada(), s:model("user"):insert({ name = "Bo", roles = { { id = 1 } } }, { include = { roles = true } })
    s:model("user"):update({ id = row.id, roles = { { id = 1, deleted = true } } }, { include = { roles = true } })
    assert.same({ "admin" }, pluck(s:model("user"):get(second.id, { include = { roles = true } }).roles, "name"))
    assert.same({ "reader" }, pluck(s:model("user"):get(row.id, { include = { roles = true } }).roles, "name"))
  end)

  it("don't touch a child that belongs to another parent", function()
    local row, second = ada(), s:model("user"):insert { name = "Bo" }
    local before = all "orders"
    pcall(function() s:model("user"):update({ id = second.id, orders = { { id = row.orders[1].id, deleted = true } } }, { include = { orders = true } }) end)
    assert.same(before, all "orders")
  end)

  it("of a relation that is not included are refused, and nothing is written", function()
    local before = everything()
    App.raises("SHUNT_E_USAGE|SHUNT_E_NOT_FOUND", function() s:model("user"):insert { name = "Bo", orders = { { total = 1 } } } end)
    assert.same(before, everything())
  end)

  local failures = {
    { "in the first child's datasource", { orders = { { total = 1 }, { total = -1 } } } },
    { "in a grandchild", { orders = { { total = 1, lines = { { product = "p" }, { product = null } } } } } },
    { "in the last datasource", { orders = { { total = 1, lines = { { product = "p" } } } }, roles = { { id = 1 }, { id = 100 } } } },
    { "for a column that is not there", { orders = { { total = 1, colour = "red" } }, roles = { { id = 1 } } } },
  }
  for _, case in ipairs(failures) do
    it("that fail half-way leave nothing on any datasource: " .. case[1], function()
      ada()
      local before = everything()
      local record = { name = "Fails", profile = { bio = "f" } }
      for k, v in pairs(case[2]) do record[k] = v end
      App.raises("SHUNT_E_CONSTRAINT|SHUNT_E_USAGE|SHUNT_E_NOT_FOUND", function() s:model("user"):insert(record, { include = include }) end)
      assert.same(before, everything())
      record.name, record.id = "Changed", 1
      App.raises("SHUNT_E_CONSTRAINT|SHUNT_E_USAGE|SHUNT_E_NOT_FOUND", function() s:model("user"):update(record, { include = include }) end)
      assert.same(before, everything())
      ada()
    end)
  end

  it("join a transaction that is open, and go with it", function()
    local before = everything()
    pcall(function()
      s:transaction(function()
        ada()
        error "no"
      end, { client = "a" })
    end)
    assert.same(before.users, all "users")
    assert.same(before.profiles, all "profiles")
  end)

  it("insert rows that bring their own keys, if they say that they are new", function()
    local row = s:model("user"):insert({ id = 5, name = "Ada", profile = { id = 71, bio = "b", new = true },
      orders = { { id = 61, total = 1, new = true, lines = { { id = 51, product = "p", new = true } } }, { total = 2, new = false } },
      roles = { { id = 2 }, { id = 9, name = "own", new = true } } },
      { include = { profile = true, orders = { include = { lines = true } }, roles = true } })
    assert.equal(71, row.profile.id)
    assert.same({ 61, 62 }, pluck(row.orders, "id"))
    assert.same({ 51 }, pluck(row.orders[1].lines, "id"))
    assert.same({ 2, 9 }, pluck(row.roles, "id"))
    s:model("user"):update({ id = 5, orders = { { id = 61, total = 7 }, { id = 90, new = true } }, roles = { { id = 10, new = true } } },
      { include = { "orders", "roles" } })
    assert.same({ 61, 62, 90 }, pluck(all "orders", "id"))
    assert.equal(7, all("orders")[1].total)
    assert.same({ 2, 9, 10 }, pluck(all "role_user", "role_id"))
    local before = everything()
    for code, orders in pairs { SHUNT_E_CONSTRAINT = { { id = 99, new = true }, { id = 90, new = true } },
      SHUNT_E_USAGE = { { id = 90, new = true, deleted = true } }, SHUNT_E_NOT_FOUND = { { id = 99 } } } do
      App.raises(code, function() s:model("user"):update({ id = 5, orders = orders }, { include = "orders" }) end)
      assert.same(before, everything())
    end
    App.raises("SHUNT_E_CONSTRAINT", function() s:model("user"):update({ id = 5, roles = { { id = 9, new = true } } }, { include = "roles" }) end)
    assert.same(before, everything())
  end)
end)

describe("a partitioned model", function()
  local function pages(name) return pluck(all(name), "page") end

  it("gets each row where its values say", function()
    s:model("visit"):insert { user_id = 1, page = "odd" }
    s:model("visit"):insert { user_id = 2, page = "even" }
    assert.equal(4, s:model("visit"):insert_bulk {
      { user_id = 3, page = "a" }, { user_id = 4, page = "b" }, { user_id = 5, page = "c" }, { user_id = 6, page = "d" },
    })
    assert.same({ "even", "b", "d" }, pages "visits_00")
    assert.same({ "odd", "a", "c" }, pages "visits_01")
  end)

  it("gets nested rows where their parent's key says", function()
    for i = 1, 2 do
      local row = s:model("user"):insert({ name = "U" .. i, visits = { { page = "x" .. i }, { page = "y" .. i } } }, { include = { visits = true } })
      assert.same({ "x" .. i, "y" .. i }, pluck(row.visits, "page"))
    end
    assert.same({ "x2", "y2" }, pages "visits_00")
    assert.same({ "x1", "y1" }, pages "visits_01")
    s:model("user"):update({ id = 1, visits = { { id = 1, page = "z1" }, { id = 2, deleted = true } } }, { include = { visits = true } })
    assert.same({ "z1" }, pages "visits_01")
    assert.same({ "x2", "y2" }, pages "visits_00")
    s:model("user"):delete({ id = { 1, 2 } }, { include = { visits = true } })
    assert.same({}, pages "visits_00")
    assert.same({}, pages "visits_01")
  end)

  it("is updated and deleted in the part that the where names", function()
    s:model("visit"):insert_bulk { { user_id = 1, page = "a" }, { user_id = 2, page = "b" } }
    assert.equal(1, s:model("visit"):update({ page = "changed" }, { where = { user_id = 1, page = "a" } }))
    assert.equal(0, s:model("visit"):update({ page = "changed" }, { where = { user_id = 1, page = "b" } }))
    assert.equal(1, s:model("visit"):delete { user_id = 2 })
    assert.same({}, pages "visits_00")
    assert.same({ "changed" }, pages "visits_01")
  end)

  it("keeps all parts as they were where one row of many is refused", function()
    App.raises("SHUNT_E_CONSTRAINT", function()
      s:model("visit"):insert_bulk { { user_id = 1, page = "a" }, { user_id = 2, page = "b" }, { user_id = 3, page = "c" }, { user_id = 4, page = "bad" } }
    end)
    assert.same({}, pages "visits_00")
    assert.same({}, pages "visits_01")
  end)

  it("never has a row in a part that reads would not search", function()
    s:model("visit"):insert { user_id = 1, page = "a" }
    pcall(function() s:model("visit"):update({ user_id = 2 }, { where = { user_id = 1 } }) end)
    for _, row in ipairs(all "visits_01") do assert.equal(1, row.user_id % 2) end
    for _, row in ipairs(all "visits_00") do assert.equal(0, row.user_id % 2) end
  end)
end)

describe("bad input", function()
  local drop = "'; DROP TABLE users; --"
  local kept

  before_each(function()
    s:model("user"):insert { name = "Ada", age = 36 }
    kept = everything()
  end)

  after_each(function() assert.same(kept, everything()) end)

  local refused = {
    -- name, codes, call, what the message names
    { "an unknown model", "SHUNT_E_NOT_FOUND", function() s:model("usr"):select() end, "usr" },
    { "an unknown column in where", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { where = { nme = 1 } } end, "nme" },
    { "an unknown column in order", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { order = "nme" } end, "nme" },
    { "an unknown column in columns", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { columns = { "nme" } } end, "nme" },
    { "an unknown column in insert", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):insert { name = "x", nme = 1 } end, "nme" },
    { "an unknown column in insert_bulk", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE",
      function() s:model("user"):insert_bulk { { name = "x" }, { name = "y", nme = 1 } } end, "nme" },
    { "an unknown column in update", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):update { id = 1, nme = 1 } end, "nme" },
    { "an unknown column in delete", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):delete { nme = 1 } end, "nme" },
    { "an unknown column in aggregate", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):aggregate { sum = "nme" } end, "nme" },
    { "an unknown column in group", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):aggregate { count = true, group = "nme" } end, "nme" },
    { "an unknown relation", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):get(1, { include = { ordrs = true } }) end, "ordrs" },
    { "an unknown relation further in", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE",
      function() s:model("user"):get(1, { include = { "orders.linse" } }) end, "linse" },
    { "an unknown relation of resolve", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:resolve(nil, { relation = "user.ordrs" }) end, "ordrs" },
    { "an unknown operator", "SHUNT_E_USAGE|SHUNT_E_NOT_FOUND", function() s:model("user"):select { where = { age = { gtt = 1 } } } end, "gtt" },
    { "an unknown option", "SHUNT_E_USAGE|SHUNT_E_NOT_FOUND", function() s:model("user"):select { wher = {} } end, "wher" },
    { "an unknown client", "SHUNT_E_NOT_FOUND", function() s:model("user"):select { client = "zz" } end, "zz" },
    { "an unknown client of a query", "SHUNT_E_NOT_FOUND", function() s:query("zz", "SELECT 1") end, "zz" },
    { "an unknown table", "SHUNT_E_NOT_FOUND|SHUNT_E_DATASOURCE", function() s:model("user"):select { table = "nowhere" } end, "nowhere" },
    { "a where that is no table", "SHUNT_E_USAGE", function() s:model("user"):select { where = "id = 1" } end, "where" },
    { "a function as a value", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = print } } end, "age" },
    { "a list for gt", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = { gt = { 1, 2 } } } } end, "age" },
    { "one value for between", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = { between = { 1 } } } } end, "age" },
    { "a value for in", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = { ["in"] = 5 } } } end, "age" },
    { "a table inside a list", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = { 1, { 2 } } } } end, "age" },
    { "text where a number column is compared", "SHUNT_E_USAGE", function() s:model("user"):select { where = { age = "many" } } end, "age" },
    { "_or that is no list", "SHUNT_E_USAGE", function() s:model("user"):select { where = { _or = 5 } } end, "_or" },
    { "a negative limit", "SHUNT_E_USAGE", function() s:model("user"):select { limit = -1 } end, "limit" },
    { "a limit that is text", "SHUNT_E_USAGE", function() s:model("user"):select { limit = "many" } end, "limit" },
    { "a row that is no table", "SHUNT_E_USAGE", function() s:model("user"):insert "Ada" end },
    { "a row that is a list", "SHUNT_E_USAGE", function() s:model("user"):insert { "Ada" } end },
    { "a function in a row", "SHUNT_E_USAGE", function() s:model("user"):insert { name = print } end, "name" },
    { "an update without where", "SHUNT_E_USAGE", function() s:model("user"):update { name = "x" } end },
    { "a delete without where", "SHUNT_E_USAGE", function() s:model("user"):delete() end },
    { "an update of a where with an unknown operator", "SHUNT_E_USAGE|SHUNT_E_NOT_FOUND",
      function() s:model("user"):update({ name = "x" }, { where = { age = { gtt = 1 } } }) end, "gtt" },
    { "invalid SQL", "SHUNT_E_DATASOURCE|SHUNT_E_USAGE", function() s:query("a", "SELEC 1") end },
    { "too few parameters", "SHUNT_E_USAGE", function() s:query("a", "SELECT ? AS x, ? AS y", { 1 }) end },
    { "too many parameters", "SHUNT_E_USAGE", function() s:query("a", "SELECT ? AS x", { 1, 2 }) end },
    { "SQL as a column of where", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { where = { [drop] = 1 } } end },
    { "SQL as a column of insert", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):insert { name = "x", [drop] = 1 } end },
    { "SQL as a column of update", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):update { id = 1, [drop] = 1 } end },
    { "SQL as a column to read", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { columns = { drop } } end },
    { "SQL as an order", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { order = { "name; DROP TABLE users" } } end },
    { "SQL as a table", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE|SHUNT_E_DATASOURCE", function() s:model("user"):select { table = drop } end },
    { "SQL as a table of new_instance", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE|SHUNT_E_DATASOURCE",
      function() s:model("user"):new_instance(nil, drop):insert { name = "x" } end },
    { "a quote in a table", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE|SHUNT_E_DATASOURCE",
      function() s:model("user"):select { table = 'users" UNION SELECT * FROM "users' } end },
    { "SQL as a client", "SHUNT_E_NOT_FOUND", function() s:model("user"):select { client = drop } end },
    { "SQL as a model", "SHUNT_E_NOT_FOUND", function() s:model(drop):select() end },
    { "SQL as a relation", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):get(1, { include = { [drop] = true } }) end },
    { "SQL as an operator", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { where = { age = { [drop] = 1 } } } end },
    { "SQL as a foreign key made on the spot", "SHUNT_E_NOT_FOUND|SHUNT_E_USAGE",
      function() s:model("user"):get(1, { with = { x = shunt.has_many("order", drop) } }) end },
  }
  for _, case in ipairs(refused) do
    it("is refused: " .. case[1], function()
      local err = App.raises(case[2], case[3])
      assert.is_string(err.message)
      if case[4] then assert.is_truthy(err.message:find(case[4], 1, true), "the message does not name it: " .. err.message) end
      assert.is_true(#s:model("user"):select() == 1)
    end)
  end

  it("suggests the nearest name", function()
    assert.matches("orders", App.raises("SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):get(1, { include = { ordrs = true } }) end).message)
    assert.matches("name", App.raises("SHUNT_E_NOT_FOUND|SHUNT_E_USAGE", function() s:model("user"):select { where = { nme = "x" } } end).message)
  end)

  it("as a value is a value like any other", function()
    local row = s:model("user"):insert { name = drop, email = drop }
    assert.equal(drop, s:model("user"):get({ name = drop }).name)
    assert.same({ row.id }, pluck(s:model("user"):select { where = { name = { drop, "x" } } }, "id"))
    assert.same({ row.id }, pluck(s:model("user"):select { where = { name = { like = "%DROP%" } } }, "id"))
    assert.equal(1, s:model("user"):update({ email = "e" .. drop }, { where = { email = drop } }))
    assert.equal(drop, s:query("a", "SELECT ? AS v", { drop })[1].v)
    assert.equal(1, s:model("user"):delete { name = drop })
  end)
end)

describe("a transaction", function()
  local function names() return pluck(all "users", "name") end

  it("commits where its function returns, and gives what that returns", function()
    local result = s:transaction(function()
      s:model("user"):insert { name = "A" }
      s:model("user"):insert { name = "B" }
      return "done"
    end)
    assert.equal("done", result)
    assert.same({ "A", "B" }, names())
  end)

  it("rolls back where its function raises, and raises that", function()
    local ok, err = pcall(function()
      s:transaction(function()
        s:model("user"):insert { name = "A" }
        error({ mine = true })
      end)
    end)
    assert.is_false(ok)
    assert.is_true(err.mine)
    assert.same({}, names())
    s:model("user"):insert { name = "after" }
    assert.same({ "after" }, names())
  end)

  it("sees its own writes, and no other session does before it commits", function()
    s:transaction(function()
      s:model("user"):insert { name = "A" }
      assert.equal(1, s:model("user"):count())
      assert.same({}, names())
    end)
    assert.same({ "A" }, names())
  end)

  it("is joined by one inside it", function()
    s:transaction(function()
      s:model("user"):insert { name = "A" }
      s:transaction(function() s:model("user"):insert { name = "B" } end)
      assert.same({}, names())
    end)
    assert.same({ "A", "B" }, names())
  end)

  it("can't commit once one that joined it has failed", function()
    App.raises("SHUNT_E_TRANSACTION", function()
      s:transaction(function()
        s:model("user"):insert { name = "A" }
        pcall(function()
          s:transaction(function()
            s:model("user"):insert { name = "B" }
            error "inner"
          end)
        end)
      end)
    end)
    assert.same({}, names())
  end)

  it("of one datasource leaves another's alone", function()
    pcall(function()
      s:transaction(function()
        s:model("user"):insert { name = "A" }
        s:model("role"):insert { name = "kept" }
        error "no"
      end, { client = "a", spanning = "run" })
    end)
    assert.same({}, names())
    assert.equal("kept", all("roles")[4].name)
  end)

  it("is on the client that it was asked on", function()
    pcall(function()
      s:transaction(function()
        s:model("role"):insert { name = "gone" }
        error "no"
      end, { client = "c" })
    end)
    assert.equal(3, #all "roles")
  end)

  it("stays on its datasource after a switch", function()
    pcall(function()
      s:transaction(function()
        s:switch_db("b", function() s:model("plain"):insert { v = "on b" } end)
        s:model("plain"):insert { v = "on a" }
        error "no"
      end, { client = "a", spanning = "run" })
    end)
    assert.same({}, all("plains", "a"))
    assert.same({ "on b" }, pluck(all("plains", "b"), "v"))
  end)

  it("is rolled back where its coroutine is closed", function()
    local co = coroutine.create(function()
      s:transaction(function()
        s:model("user"):insert { name = "A" }
        coroutine.yield()
      end)
    end)
    assert(coroutine.resume(co))
    coroutine.close(co)
    assert.same({}, names())
    s:model("user"):insert { name = "after" }
    assert.same({ "after" }, names())
  end)

  it("is rolled back where its session is closed", function()
    local session = app:session { instance = "acme" }
    local co = coroutine.create(function()
      session:transaction(function()
        session:model("user"):insert { name = "A" }
        coroutine.yield()
      end)
    end)
    assert(coroutine.resume(co))
    session:close()
    assert.same({}, names())
  end)

  it("of a failed statement goes on with the others", function()
    s:transaction(function()
      s:model("user"):insert { name = "A", email = "x" }
      App.raises("SHUNT_E_CONSTRAINT", function() s:model("user"):insert { name = "B", email = "x" } end)
      s:model("user"):insert { name = "C" }
    end)
    assert.same({ "A", "C" }, names())
  end)
end)

describe("switch_db", function()
  local function current() return s:resolve("plain").client end

  it("sends what has no client of its own to another datasource, and gives what its function returns", function()
    assert.equal("a", current())
    assert.equal("x", s:switch_db("b", function()
      assert.equal("b", current())
      assert.equal("c", s:resolve("role").client)
      s:model("plain"):insert { v = "b" }
      return "x"
    end))
    assert.equal("a", current())
    assert.same({ "b" }, pluck(all("plains", "b"), "v"))
  end)

  it("is restored where its function raises", function()
    local ok = pcall(function() s:switch_db("b", function() error "no" end) end)
    assert.is_false(ok)
    assert.equal("a", current())
  end)

  it("nests", function()
    s:switch_db("b", function()
      s:switch_db("c", function() assert.equal("c", current()) end)
      assert.equal("b", current())
      pcall(function() s:switch_db("c", function() error "no" end) end)
      assert.equal("b", current())
    end)
    assert.equal("a", current())
  end)

  it("is restored where a coroutine ends in the middle of it", function()
    local finished = coroutine.create(function() s:switch_db("b", function() coroutine.yield() end) end)
    assert(coroutine.resume(finished))
    assert.equal("a", current()) -- the switch is the coroutine's own
    assert(coroutine.resume(finished))
    assert.equal("dead", coroutine.status(finished))
    assert.equal("a", current())
    local closed = coroutine.create(function() s:switch_db("b", function() coroutine.yield() end) end)
    assert(coroutine.resume(closed))
    coroutine.close(closed)
    assert.equal("a", current())
  end)

  it("to an unknown client is an error, and switches nothing", function()
    App.raises("SHUNT_E_NOT_FOUND", function() s:switch_db("zz", function() error "not called" end) end)
    assert.equal("a", current())
  end)
end)
