-- Tables of other schemas, as {schema, name} and as "schema.name": of models, of relations, of rules and of calls.

local Engines = require "tests.engines.support.engines"

local rules = [[
model "log" { table = { schema = "%s_a", name = "log" }, relations = {
  lines = has_many("line", "log_id", { order = "id" }),
  others = has_many("line", "log_id", { order = "id", table = { schema = "%s_b", name = "line" } }),
} }
model "line" { table = "%s_a.line" }
model "all" { parts = { { table = "%s_a.log" }, { table = "%s_b.log" } },
  table = function(req) return { schema = "%s_" .. (req.where.id == 1 and "a" or "b"), name = "log" } end }
model "tenant" { table = function(req) return { schema = "%s_" .. (req.instance.name == "b" and "b" or "a"), name = "log" } end }
model "moved" { table = "log" }
rule "the tenant's schema" { stage = "refine", model = "moved", instance = "b", client = function() return { table = { schema = "%s_b", name = "log" } } end }
model "odd" { table = { schema = "%s_a", name = "o.d\"d`" } }
]]

for _, engine in ipairs(Engines.all) do
  describe("schemas on " .. engine, function()
    if engine ~= "sqlite3" and not Engines.url(engine) then
      pending "are not tried: there is no server (sh tests/engines/with-servers.sh COMMAND starts one)"
      return
    end

    local world, session, prefix
    local quote = engine == "mysql" and "`" or '"'

    local function quoted(name) return quote .. name:gsub(quote, quote .. quote) .. quote end

    -- SQLite has no schemas: there, the point is a part of the name.
    local function name_of(schema, name)
      if engine == "sqlite3" then return quoted(prefix .. "_" .. schema .. "." .. name) end
      return quoted(prefix .. "_" .. schema) .. "." .. quoted(name)
    end

    local function make(schema, name, columns) session:execute("main", ("CREATE TABLE %s (%s)"):format(name_of(schema, name), columns)) end

    setup(function()
      prefix = "s" .. tostring(os.time()) .. engine
      world = Engines.open { clients = { main = engine }, rules = rules:gsub("%%s", prefix),
        yaml = "instance: {instances: {a: {id: 1}, b: {id: 2}}}\n" }
      session = world.session
      for _, schema in ipairs { "a", "b" } do
        if engine ~= "sqlite3" then session:execute("main", "CREATE SCHEMA " .. quoted(prefix .. "_" .. schema)) end
        make(schema, "log", "id integer PRIMARY KEY, v varchar(20), n integer")
        make(schema, "line", "id integer PRIMARY KEY, log_id integer, v varchar(20)")
      end
      make("a", 'o.d"d`', "id integer PRIMARY KEY, v varchar(20)")
      session:execute("main", "CREATE TABLE log (id integer PRIMARY KEY, w varchar(20))")
    end)
    teardown(function()
      if engine == "mysql" then
        for _, schema in ipairs { "a", "b" } do session:execute("main", "DROP DATABASE " .. quoted(prefix .. "_" .. schema)) end
      end
      world:close()
    end)

    it("are parts of a model", function()
      local all = session:model "all"
      assert.same({ 1, 2 }, { all:insert({ id = 1, v = "x", n = 1 }).id, all:insert({ id = 2, v = "y", n = 2 }).id })
      assert.same({ { id = 1, v = "x", n = 1 }, { id = 2, v = "y", n = 2 } }, (all:select { order = "id" }))
      assert.same({ 2, 1 }, { all:count(), session:model("log"):count() })
      assert.equal(2, all:increment(nil, { n = 1 }, { all = true }))
      assert.equal(5, tonumber(all:aggregate({ sum = "n" }).sum_n))
      assert.equal(2, all:delete(nil, { all = true }))
    end)

    it("are read, written and related as other tables are", function()
      local logs = session:model "log"
      session:model("line"):insert_bulk { { id = 1, log_id = 1, v = "l" }, { id = 2, log_id = 1, v = "m" } }
      local row = logs:insert({ id = 1, v = "x", n = 1 }, { include = "lines" })
      assert.same({ 1, "x", 2 }, { row.id, row.v, #row.lines })
      assert.equal(1, logs:increment({ id = 1 }, { n = 4 }))
      assert.equal(2, logs:insert_bulk({ { id = 2, v = "y", n = 0 }, { id = 1, v = "z", n = 7 } }, { on_conflict = "id", update = "v" }))
      assert.equal(2, logs:update_bulk { { id = 1, n = 8 }, { id = 2, n = 9 } })
      assert.same({ { id = 1, v = "z", n = 8 }, { id = 2, v = "y", n = 9 } }, (logs:select { order = "id" }))
      assert.equal(2, logs:count())
      assert.equal(17, tonumber(logs:aggregate({ sum = "n" }).sum_n))
      session:model("line"):new_instance(nil, { schema = prefix .. "_b", name = "line" }):insert { id = 9, log_id = 1, v = "o" }
      local all = logs:get(1, { include = { lines = { limit = 1 }, others = true } })
      assert.same({ 1, 1, 9 }, { #all.lines, #all.others, all.others[1].id })
      assert.equal(1, #session:model("line"):select { table = { schema = prefix .. "_b", name = "line" } })
      assert.same("id", session:columns("main", prefix .. "_a.log")[1].name)
      local many = {}
      for i = 1, 600 do many[i] = { id = 100 + i, v = "many" } end
      assert.equal(600, logs:insert_bulk(many))
      assert.equal(600, logs:delete { v = "many" })
      assert.equal(1, logs:delete({ id = 1 }, { include = "lines" }))
      assert.equal(0, session:model("line"):count())
      session:model("odd"):insert { id = 1, v = "odd" }
      assert.equal("odd", session:model("odd"):get(1).v)
    end)

    it("are chosen by tenant, by a function and by a rule", function()
      for _, name in ipairs { "a", "b" } do
        local of <close> = world.app:session { instance = name }
        of:model("tenant"):insert { id = 50, v = name }
      end
      for _, name in ipairs { "a", "b" } do
        local of <close> = world.app:session { instance = name }
        assert.equal(name, of:model("tenant"):get(50).v)
        assert.equal(prefix .. "_" .. name .. ".log", of:resolve("tenant").table)
      end
      local b <close> = world.app:session { instance = "b" }
      assert.equal("b", b:model("moved"):get(50).v)
      assert.is_nil(session:model("moved"):get(50))
    end)

    it("are not found, found twice, or named wrongly, and it says so", function()
      local model = session:model "log"
      local problem = Engines.raises("SHUNT_E_NOT_FOUND", function() model:select { table = { schema = prefix .. "_a", name = "lig" } } end)
      assert.truthy(problem.message:find(prefix .. "_a.lig", 1, true), problem.message)
      if engine ~= "sqlite3" then
        assert.truthy(problem.message:find("did you mean 'log'?", 1, true), problem.message)
        session:execute("main", ("CREATE TABLE %s (id integer PRIMARY KEY)"):format(quoted(prefix .. "_b.line")))
        Engines.raises("SHUNT_E_USAGE", function() session:columns("main", prefix .. "_b.line") end)
        session:execute("main", ("DROP TABLE %s"):format(quoted(prefix .. "_b.line")))
      end
      local wrongs = { { schema = "a" }, { name = "a" }, { schema = "a.b", name = "c" }, { schema = "a", name = "b", nome = "c" }, { "a" }, {}, 7 }
      for _, wrong in ipairs(wrongs) do
        Engines.raises("SHUNT_E_USAGE", function() model:select { table = wrong } end)
        Engines.raises("SHUNT_E_USAGE", function() model:insert({ id = 3 }, { table = wrong }) end)
      end
      Engines.raises("SHUNT_E_USAGE", function() model:new_instance(nil, { schema = "a" }) end)
    end)
  end)
end

describe("a table in another schema", function()
  local App = require "tests.spec.support.app"

  local function problems_of(text)
    local ok, problem = pcall(App.open, { ["shunt.yaml"] = App.database_yaml({ "a" }, "a") .. "rules: {path: [rules]}\n", ["rules/m.lua"] = text }, { "a" })
    assert.is_false(ok, text)
    return tostring(problem)
  end

  it("is checked where it is declared", function()
    local wrong = {
      ['model "m" { table = { schema = "a" } }'] = "its name is missing",
      ['model "m" { table = { name = "a" } }'] = "its schema is missing",
      ['model "m" { table = { schema = "a", namee = "b" } }'] = "did you mean 'name'?",
      ['model "m" { table = { schema = "a.b", name = "c" } }'] = "can't have a point",
      ['model "m" { table = { "a" } }'] = "takes text",
      ['model "m" { relations = { r = has_many("m", "id", { table = { schema = "a" } }) } }'] = "its name is missing",
      ['rule "r" { stage = "refine", to = "a", table = { schema = "a" } }'] = "its name is missing",
      ['rule "r" { stage = "refine", to = { table = { schema = "a", naem = "b" } } }'] = "did you mean 'name'?",
    }
    for text, words in pairs(wrong) do
      local told = problems_of(text)
      assert.truthy(told:find(words, 1, true), text .. ": " .. told)
      assert.truthy(told:find("rules/m.lua:1", 1, true), text .. ": " .. told)
    end
  end)
end)
