-- The links of belongs_to_many from Lua and the command: what is given, and what is refused, naming the place.

local shunt = require "shunt"
local App = require "tests.spec.support.app"

local rules = [[
model "user" { table = "users", client = "a", relations = {
  roles = belongs_to_many("member", "role", "user_id", "role_id", { order = { "link.since", "name" } }),
  orders = has_many("order", "user_id", { order = "user.name" }),
} }
model "order" { table = "orders", client = "b", relations = { user = belongs_to("user", "user_id") } }
model "role" { table = "roles", client = "c", relations = {
  users = belongs_to_many("member", "user", "role_id", "user_id", { order = "id" }),
} }
model "member" { table = "members", client = "b" }
model "coded" { table = "codes", client = "a", relations = { others = belongs_to_many("coding", "coded", "one", "other") } }
model "coding" { table = "codings", client = "a", primary_key = { "one", "other" } }
model "chained" { table = "chains", client = "a", relations = {
  others = belongs_to_many("member", "chained", "user_id", "role_id"), link = has_many("order", "user_id"),
} }
]]

local tables = {
  a = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)", "CREATE TABLE chains (id INTEGER PRIMARY KEY, link TEXT, note TEXT)",
    "CREATE TABLE codes (id TEXT PRIMARY KEY)", "CREATE TABLE codings (one TEXT, other TEXT, note TEXT, PRIMARY KEY (one, other))",
    "INSERT INTO codes VALUES ('7'), ('007')", "INSERT INTO users VALUES (1, 'Ada'), (2, 'Bo')", "INSERT INTO chains VALUES (1, 'x', 'n'), (2, 'y', 'n')",
  },
  b = {
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER)",
    "CREATE TABLE members (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, role_id INTEGER NOT NULL, since TEXT, active INTEGER)",
    "INSERT INTO members VALUES (1, 1, 1, '2026', 1), (2, 1, 2, '2024', 0), (3, 2, 1, '2025', 1), (4, 1, 1, '2020', 0)",
  },
  c = { "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT)", "INSERT INTO roles VALUES (1, 'admin'), (2, 'editor'), (3, 'reader')" },
}

local yaml = App.database_yaml({ "a", "b", "c" }, "a") .. "rules: {path: [rules]}\n"

describe("links", function()
  local app, folder, session, users

  before_each(function()
    app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules }, { "a", "b", "c" })
    session = app:session {}
    users = session:model "user"
    for client, list in pairs(tables) do
      for _, sql in ipairs(list) do session:execute(client, sql) end
    end
  end)
  after_each(function()
    app:close()
    App.remove(folder)
  end)

  local function refused(code, words, fn, ...)
    local problem = App.raises(code, fn, ...)
    assert.matches(words, problem.message, 1, true)
  end

  local function update(roles) return users:update({ id = 1, roles = roles }, { include = "roles" }) end

  it("come with each row, which is a table of its own", function()
    local rows, meta = users:select { include = { roles = { link = true } }, order = "id" }
    assert.same({
      { id = 1, name = "admin", link = { id = 4, user_id = 1, role_id = 1, since = "2020", active = 0 } },
      { id = 2, name = "editor", link = { id = 2, user_id = 1, role_id = 2, since = "2024", active = 0 } },
      { id = 1, name = "admin", link = { id = 1, user_id = 1, role_id = 1, since = "2026", active = 1 } },
    }, rows[1].roles)
    assert.equal("has_one", meta.relations.roles.relations.link.kind)
    assert.same({ "id", "user_id", "role_id", "since", "active" }, meta.relations.roles.relations.link.columns)
    assert.not_equal(rows[1].roles[1], rows[2].roles[1])
    local plain = users:select { include = "roles", order = "id" }
    assert.equal(plain[1].roles[1], plain[2].roles[1])
  end)

  it("show the columns asked for, at any depth, and relations below", function()
    local row = users:get(1, { include = { roles = {
      link = { columns = "since", where = { active = 0 } }, limit = 1, offset = 1, include = { users = { link = { columns = { "active" } } } },
    } } })
    assert.same({ { id = 2, name = "editor", link = { since = "2024" }, users = { { id = 1, name = "Ada", link = { active = 0 } } } } }, row.roles)
    assert.same({}, users:get(1, { include = { roles = { link = { where = { id = 99 } } } } }).roles)
    assert.same({}, users:get(1, { include = { roles = { link = true, limit = 0 } } }).roles)
    assert.is_nil(users:get(1, { include = { roles = { link = false } } }).roles[1].link)
    local shown = users:mget({ 2, 1 }, { include = { roles = { link = { columns = "since" }, where = { id = 1 }, order = "-link.since" } } })
    assert.same({ "2025" }, { shown[1].roles[1].link.since })
    assert.same({ "2026", "2020" }, { shown[2].roles[1].link.since, shown[2].roles[2].link.since })
  end)

  it("have no order where rows are counted or aggregated, and no other rows are read for it", function()
    local statements = App.watch(session)
    local row = users:get(1, { include = { roles = { sum = "id" }, orders = { count = "id", max = "id" } } })
    assert.same({ { sum_id = 4 }, { count_id = 0, max_id = shunt.null } }, { row.roles, row.orders })
    assert.equal(2, users:get(2, { include = { roles = { count = true }, orders = { count = true } } }).roles + 1)
    assert.equal(8, #statements)
    for _, statement in ipairs(statements) do
      assert.is_nil(statement.sql:find("ORDER BY", 1, true), statement.sql)
      assert.is_nil(statement.sql:find("since", 1, true), statement.sql)
    end
  end)

  it("belong to relations that are made on the spot, too", function()
    local row = users:get(1, {
      with = { jobs = shunt.belongs_to_many("member", "role", "user_id", "role_id", { order = "-link.since" }) },
      include = { jobs = { link = { columns = "since" } } },
    })
    assert.same({ "2026", "2024", "2020" }, { row.jobs[1].link.since, row.jobs[2].link.since, row.jobs[3].link.since })
  end)

  it("are refused where they make no sense", function()
    local function select(roles) return users:select { include = { roles = roles } } end
    refused("SHUNT_E_USAGE", "link must be true or a table", select, { link = 3 })
    refused("SHUNT_E_USAGE", "did you mean 'columns'", select, { link = { column = "since" } })
    refused("SHUNT_E_USAGE", "where must be", select, { link = { where = 7 } })
    refused("SHUNT_E_NOT_FOUND", "model 'member' has no column 'sinc'", select, { link = { columns = "sinc" } })
    refused("SHUNT_E_NOT_FOUND", "model 'member' has no column 'sinc'", select, { link = { where = { sinc = 1 } } })
    refused("SHUNT_E_NOT_FOUND", "model 'member' has no column 'sinc'", select, { link = true, order = "link.sinc" })
    refused("SHUNT_E_USAGE", "its link takes a where and no columns", select, { link = true, count = true })
    refused("SHUNT_E_USAGE", "'user.orders' has no links", users.select, users, { include = { orders = { link = true } } })
    refused("SHUNT_E_NOT_FOUND", "neither a column 'link.since' nor a relation 'link'", users.select, users,
      { include = { orders = { order = "link.since" } } })
    refused("SHUNT_E_NOT_FOUND", "neither a column 'link.since' nor a relation 'link'", users.select, users, { order = "link.since" })
  end)

  it("give way to nothing of the same name: that is an error, until it is left out", function()
    local chained = session:model "chained"
    refused("SHUNT_E_USAGE", "model 'chained' has a column of that name", chained.select, chained, { include = { others = { link = true } } })
    refused("SHUNT_E_USAGE", "the name of the relation 'chained.link'", chained.select, chained,
      { include = { others = { link = true, include = "link" } } })
    local row = chained:get(1, { include = { others = { columns = { "id", "note" }, link = { columns = "since" }, order = "link.since" } } })
    assert.same({ id = 1, note = "n", link = { since = "2020" } }, row.others[1])
  end)

  it("are written with their columns, and refuse others' columns", function()
    update { { id = 3, link = { since = "2030", active = shunt.null } }, { id = 2, link = { since = "2031" } }, { name = "owner", link = { active = 5 } } }
    local function links(role) return (session:query("b", "SELECT since, active FROM members WHERE user_id = 1 AND role_id = ?", { role })) end
    assert.same({ { since = "2030", active = shunt.null } }, links(3))
    assert.same({ { since = "2031", active = 0 } }, links(2))
    assert.same({ { since = shunt.null, active = 5 } }, links(4))
    local before = session:query("b", "SELECT * FROM members")
    refused("SHUNT_E_USAGE", "'role_id' of a link is the key of its target", update, { { id = 3, link = { role_id = 2 } } })
    refused("SHUNT_E_USAGE", "'user_id' of a link is the key of its parent", update, { { id = 3, link = { user_id = 2 } } })
    refused("SHUNT_E_NOT_FOUND", "model 'member' has no column 'sinc'", update, { { id = 3, link = { sinc = 2 } } })
    refused("SHUNT_E_USAGE", "a row must be a table of columns", update, { { id = 3, link = { 1, 2 } } })
    refused("SHUNT_E_USAGE", "'since' is a table", update, { { id = 3, link = { since = {} } } })
    refused("SHUNT_E_USAGE", "'user.orders': a row gives columns of its link", users.update, users,
      { id = 1, orders = { { link = { since = 1 } } } }, { include = "orders" })
    refused("SHUNT_E_USAGE", "'link' is a table", users.insert, users, { name = "Cy", link = { since = 1 } })
    assert.same(before, (session:query("b", "SELECT * FROM members")))
  end)

  it("don't take one text for another, though both are digits", function()
    local coded = session:model "coded"
    local function link(to) return coded:update({ id = "7", others = { { id = "7", link = to } } }, { include = "others" }) end
    refused("SHUNT_E_USAGE", "'one' of a link is the key of its parent", link, { one = "007" })
    refused("SHUNT_E_USAGE", "'other' of a link is the key of its target", link, { other = "7.0" })
    link { one = "7", other = 7, note = "n" }
    assert.same({ { one = "7", other = "7", note = "n" } }, (session:query("a", "SELECT * FROM codings")))
  end)

  it("of one row are distinguished by the through model's key", function()
    update { { id = 1, link = { id = 4, since = "new" } }, { id = 1, link = { id = 9, since = "third" } } }
    assert.same({ { id = 1, since = "2026" }, { id = 4, since = "new" }, { id = 9, since = "third" } },
      (session:query("b", "SELECT id, since FROM members WHERE user_id = 1 AND role_id = 1 ORDER BY id")))
    refused("SHUNT_E_NOT_FOUND", "no link with the primary key", update, { { id = 1, deleted = true, link = { id = 999 } } })
    update { { id = 1, deleted = true, link = { id = 4, since = "whatever" } } }
    update { { id = 1, link = { since = "all" } } }
    assert.same({ { id = 1, since = "all" }, { id = 9, since = "all" } },
      (session:query("b", "SELECT id, since FROM members WHERE user_id = 1 AND role_id = 1 ORDER BY id")))
  end)

  it("come back with an insert", function()
    local row = users:insert({ name = "Cy", roles = { { id = 2, link = { since = "now" } } } }, { include = { roles = { link = { columns = "since" } } } })
    assert.same({ { id = 2, name = "editor", link = { since = "now" } } }, row.roles)
  end)

  it("are shown by the command, as JSON and as a table", function()
    local binary = os.getenv "SHUNT_BIN" or "build/shunt"
    local function run(arguments)
      local pipe = assert(io.popen(("%s query user %s -c %s/shunt.yaml 2>&1"):format(binary, arguments, folder)))
      local text = pipe:read "a"
      pipe:close()
      return text
    end
    local line = '{"id":2,"name":"Bo","roles":[{"id":1,"name":"admin","link":{"id":3,"user_id":2,"role_id":1,"since":"2025","active":1}}]}\n'
    assert.equal(line, run "--include roles:link --where id=2 --json")
    assert.equal(line, run "--include roles:link,roles --where id=2 --json")
    assert.matches("link\n%s+id  user_id  role_id  since  active\n", run "--include roles:link --where id=2")
    assert.matches('"orders":0', run "--include orders:count --where id=2 --json", 1, true)
    assert.matches("'user.orders' has no links", run "--include orders:link", 1, true)
    assert.matches("no relation 'orders:links'", run "--include orders:links", 1, true)
  end)
end)

describe("the order of a relation", function()
  local function problems(relation)
    local model = ('model "user" { relations = { others = %s } }\nmodel "member" {}'):format(relation)
    return App.raises("SHUNT_E_CONFIG", App.open, { ["shunt.yaml"] = yaml, ["rules/m.lua"] = model }, { "a", "b", "c" }).message
  end

  it("names columns of links only where there are links", function()
    assert.matches("relation 'user.others': order names a column of a link, but only a belongs_to_many has links",
      problems 'has_many("member", "user_id", { order = { "id", "-link.since" } })', 1, true)
    assert.matches("relation 'user.others': order names no column of the link",
      problems 'belongs_to_many("member", "user", "a", "b", { order = "-link. nulls last" })', 1, true)
  end)
end)
