-- Attempts to get past the separation of tenants, and the limits of a call.

local shunt = require "shunt"
local App = require "tests.spec.support.app"

local yaml = App.database_yaml({ "main", "iso" }, "main") .. [[
instance:
  isolation: strict
  instances:
    "": {id: 1}
    other: {id: 2}
    iso: {id: 3, isolate: true, isolateClient: iso}
rules: {path: [rules]}
]]

local rules = [[
  model "user" { table = "users", instance_column = "iid" }
  local relations = {}
  for i = 1, 10 do relations["r" .. i] = has_many("node", "p" .. i, { autoload = true }) end
  model "node" { table = "nodes", relations = relations }
]]

local app, folder, s

setup(function()
  app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/m.lua"] = rules }, { "main", "iso" })
  s = app:session()
  s:execute("main", "CREATE TABLE users (id INTEGER PRIMARY KEY, iid INTEGER, name TEXT)")
  local parents = {}
  for i = 1, 10 do parents[i] = ", p" .. i .. " INTEGER" end
  s:execute("main", "CREATE TABLE nodes (id INTEGER PRIMARY KEY" .. table.concat(parents) .. ")")
  s:execute("main", "INSERT INTO nodes (id) VALUES (1)")
end)

teardown(function()
  app:close()
  App.remove(folder)
end)

local function code_of(fn, ...)
  local ok, err = pcall(fn, ...)
  return not ok and err.code or nil, not ok and tostring(err) or nil
end

describe("the instance column", function()
  it("can't be set to another's by a write that also names a column the session has not seen", function()
    local user = app:session({ instance = "other" }):model "user"
    user:insert { id = 1, name = "Bo" }
    s:execute("main", "ALTER TABLE users ADD COLUMN a1 TEXT")
    assert.equal("SHUNT_E_USAGE", code_of(user.update, user, { a1 = "x", iid = 1 }, { where = { id = 1 } }))
    s:execute("main", "ALTER TABLE users ADD COLUMN a2 TEXT")
    assert.equal("SHUNT_E_USAGE", code_of(user.insert, user, { a2 = "x", iid = 1 }))
    s:execute("main", "ALTER TABLE users ADD COLUMN a3 TEXT")
    assert.equal("SHUNT_E_USAGE", code_of(user.insert_bulk, user, { { a3 = "x", iid = 1 } }))
    s:execute("main", "ALTER TABLE users ADD COLUMN z4 TEXT")
    assert.equal("SHUNT_E_USAGE", code_of(user.update, user, { iid = 1, z4 = "x" }, { where = { id = 1 } }))
    assert.equal(1, user:update({ z4 = "x", IID = 2 }, { where = { id = 1 } }))
    assert.same({ { id = 1, iid = 2 } }, (s:query("main", "SELECT id, iid FROM users")))
  end)
end)

describe("strict isolation", function()
  it("holds for SQL and transactions that name their datasource", function()
    local iso = app:session { instance = "iso" }
    assert.equal("SHUNT_E_DENIED", code_of(iso.query, iso, "main", "SELECT 1"))
    assert.equal("SHUNT_E_DENIED", code_of(iso.execute, iso, "main", "DELETE FROM users"))
    assert.equal("SHUNT_E_DENIED", code_of(iso.columns, iso, "main", "users"))
    assert.equal("SHUNT_E_DENIED", code_of(iso.transaction, iso, function() end, { client = "main" }))
    assert.same({ { x = 1 } }, (iso:query("iso", "SELECT 1 AS x")))
    assert.same({ { x = 1 } }, (iso:query("default", "SELECT 1 AS x")))
    assert.equal(1, iso:transaction(function() return 1 end, { client = "iso" }))
    assert.equal(1, s:transaction(function() return 1 end, { client = "iso" }))
  end)
end)

describe("SQL of the user's", function()
  it("opens no other database and ends no transaction, whatever stands before the word", function()
    for _, before in ipairs { "", " ", "\xEF\xBB\xBF", ";\xEF\xBB\xBF ", "/* */\xEF\xBB\xBF--\n" } do
      for _, sql in ipairs { "ATTACH ':memory:' AS x", "SAVEPOINT x", "COMMIT" } do
        assert.equal("SHUNT_E_USAGE", code_of(s.execute, s, "main", before .. sql))
        assert.equal("SHUNT_E_USAGE", code_of(s.transaction, s, function()
          s:execute("main", before .. sql)
        end, { client = "main" }))
      end
    end
    assert.equal(1, #s:query("main", "PRAGMA database_list"))
  end)

  it("leaves nothing behind for the next one who gets the connection", function()
    s:execute("main", "PRAGMA foreign_keys = OFF")
    assert.same({ { foreign_keys = 1 } }, (s:query("main", "PRAGMA foreign_keys")))
    s:execute("main", "CREATE TEMP TABLE nodes (id INTEGER PRIMARY KEY)")
    assert.equal(1, s:model("node"):count())
  end)
end)

describe("relations that load themselves", function()
  it("are refused where each leads to all the others, and nothing is read", function()
    local node = s:model "node"
    local statements = 0
    s:observe(function() statements = statements + 1 end)
    local code, message = code_of(node.select, node, {})
    s:observe(nil)
    assert.equal("SHUNT_E_USAGE", code)
    assert.truthy(message:find("more than 1000 relations", 1, true))
    assert.equal(0, statements)
  end)
end)

describe("declarations", function()
  it("count as the memory of rules", function()
    local other = App.folder()
    App.fill(other, {
      ["shunt.yaml"] = App.database_yaml({ "main" }, "main") .. "rules: {path: [rules], memory: 4MiB}\n",
      ["rules/m.lua"] = [[
        local list = {}
        for i = 1, 1000 do list[i] = ("x"):rep(1000) end
        for i = 1, 100000 do pcall(function() instance("i" .. i) { id = i, config = { list = list } } end) end
      ]],
    }, { "main" })
    local ok, err = pcall(shunt.open, other .. "/shunt.yaml")
    App.remove(other)
    assert.falsy(ok)
    assert.equal("SHUNT_E_LIMIT", err.code)
    assert.equal(3, err.line)
    assert.truthy(err.message:find("memory", 1, true))
  end)
end)
