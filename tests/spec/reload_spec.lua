-- Reloading: all of it or nothing, published in one step; a session ends in the generation it began in, or follows.

local App = require "tests.spec.support.app"

local yaml = App.database_yaml({ "a", "b", "c" }, "a")

local function models(client) return ('model "note" { table = "notes", client = %q }\n'):format(client) end

describe("a reload", function()
  local app, folder

  local function write(path, text) App.write(folder .. "/" .. path, text) end

  local function where(session) return session:resolve("note").client end

  before_each(function()
    app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/models.lua"] = models "a" }, { "a", "b", "c" })
    local s <close> = app:session()
    for _, client in ipairs { "a", "b", "c" } do s:execute(client, "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)") end
  end)

  after_each(function()
    app:close()
    App.remove(folder)
  end)

  it("gives the next generation, and sessions opened from then on are in it", function()
    local old <close> = app:session()
    assert.equal(1, app:generation())
    write("rules/models.lua", models "b")
    assert.equal(2, app:reload())
    assert.equal(2, app:generation())
    local new <close> = app:session()
    assert.same({ "a", 1 }, { where(old), old:resolve("note").generation })
    assert.same({ "b", 2 }, { where(new), new:resolve("note").generation })
    assert.equal(2, app:describe().generation)
  end)

  it("leaves a session where it began, for as long as it lives, through any number of them", function()
    local old <close> = app:session()
    old:model("note"):insert { body = "first" }
    for i = 1, 20 do
      write("rules/models.lua", models(i % 2 == 0 and "b" or "c"))
      app:reload()
    end
    assert.equal("first", old:model("note"):get(1).body)
    assert.equal(1, old:resolve("note").generation)
  end)

  it("takes along a session that follows, at its next call outside of a transaction", function()
    local s <close> = app:session { follow = true }
    local note = s:model "note"
    note:insert { body = "in a" }
    s:transaction(function()
      write("rules/models.lua", models "b")
      app:reload()
      assert.equal(1, s:resolve("note").generation)
      assert.equal(1, note:count())
    end)
    assert.equal(2, s:resolve("note").generation)
    assert.equal(0, note:count())
  end)

  it("takes the switches of a session along", function()
    local s <close> = app:session { follow = true }
    write("rules/models.lua", 'model "note" { table = "notes" }')
    app:reload()
    s:switch_db("c", function()
      assert.equal("c", where(s))
      app:reload()
      assert.same({ "c", 3 }, { where(s), s:resolve("note").generation })
    end)
    assert.equal("a", where(s))
  end)

  it("says what is gone that a session stands on, and leaves the session where it was", function()
    write("shunt.yaml", yaml .. "instance: {instances: {acme: {id: 7}}}\n")
    app:reload()
    local s <close> = app:session { instance = "acme", follow = true }
    assert.equal("a", where(s))
    write("shunt.yaml", yaml)
    app:reload()
    local problem = App.raises("SHUNT_E_NOT_FOUND", s.resolve, s, "note")
    assert.truthy(problem.message:find("acme", 1, true))
    write("shunt.yaml", yaml .. "instance: {instances: {acme: {id: 7}}}\n")
    app:reload()
    assert.same({ "a", 4 }, { where(s), s:resolve("note").generation })
  end)

  it("says which attribute is gone that a session has, and leaves the session where it was", function()
    local function declare(attributes) write("shunt.yaml", yaml .. "attributes: " .. attributes .. "\n") app:reload() end
    declare "{plan: [free, pro], age: integer}"
    local s <close> = app:session { attrs = { plan = "free", age = 1 }, follow = true }
    s:switch_db("c", function()
      for attributes, code in pairs { ["{plan: [pro], age: integer}"] = "SHUNT_E_USAGE", ["{plan: [free]}"] = "SHUNT_E_NOT_FOUND" } do
        declare(attributes)
        local refused = App.raises(code, s.resolve, s, "note")
        local at_opening = App.raises(code, app.session, app, { attrs = { plan = "free", age = 1 } })
        assert.equal(at_opening.message, refused.message)
      end
    end)
    declare "{plan: [free], age: number}"
    assert.same({ "a", 5 }, { where(s), s:resolve("note").generation })
  end)

  it("that fails changes nothing and says each mistake", function()
    local s <close> = app:session { follow = true }
    write("rules/models.lua", 'model "note" { table = "notes", client = "z" }\nrule "r" { stage = "nowhere" }\n')
    local problem = App.raises("SHUNT_E_CONFIG|SHUNT_E_NOT_FOUND|SHUNT_E_RULE", app.reload, app)
    assert.equal(2, #problem.problems)
    assert.equal(1, app:generation())
    assert.same({ "a", 1 }, { where(s), s:resolve("note").generation })
    write("rules/models.lua", "model (")
    App.raises("SHUNT_E_RULE|SHUNT_E_CONFIG", app.reload, app)
    os.remove(folder .. "/shunt.yaml")
    App.raises("SHUNT_E_CONFIG", app.reload, app)
    assert.equal("a", where(s))
  end)

  it("keeps the connections of clients whose settings are what they were", function()
    local s <close> = app:session { follow = true }
    s:model("note"):count()
    local function opened(client)
      for _, pool in ipairs(app:pools()) do
        if pool.client == client then return pool.opened, pool.open end
      end
    end
    assert.equal(1, opened "a")
    write("rules/models.lua", models "a" .. "-- changed\n")
    app:reload()
    s:model("note"):count()
    assert.equal(1, opened "a")
    write("shunt.yaml", (yaml:gsub("a.db}", "a.db, busyTimeout: 1s}")))
    app:reload()
    assert.same({ 1, 0 }, { opened "a" }) -- what has been counted stays
    s:model("note"):count()
    assert.same({ 2, 1 }, { opened "a" })
  end)
end)

describe("the rules' selftest", function()
  local rules = [[
    model "note" { table = "notes", relations = { again = has_many("note", "note_id", { client = "_inherit_" }) } }
    rule "pro" { stage = "override", model = "note", when = function(req) return req.attrs.plan == "pro" end, client = "b" }
    rule "none for acme" { stage = "guard", model = "note", instance = "acme", deny = "closed" }
    rule "parts" { stage = "refine", model = "note", to = function(req)
      local b = req:mod("where.id", 2)
      return b and { table = "notes_" .. b, level = 3 } or nil
    end }
  ]]
  local head = yaml .. "instance: {instances: {acme: {id: 7}}}\nrules:\n  path: [rules]\n  selftest:\n"

  local function open(tests)
    local app, folder = App.open { ["shunt.yaml"] = head .. tests, ["rules/models.lua"] = rules }
    app:close()
    App.remove(folder)
  end

  it("passes where each request is answered as it says", function()
    open [[
    - {model: note, expect: {client: a, table: notes}}
    - {model: note, attrs: {plan: pro}, expect: {client: b}}
    - {model: note, instance: acme, expect: {denied: true}}
    - {model: note, where: {id: 3}, client: c, expect: {client: c, table: notes_1}}
    - {relation: note.again, attrs: {plan: pro}, expect: {client: b}}
]]
  end)

  it("fails the loading at the place of each wrong answer", function()
    local problem = App.raises("SHUNT_E_RULE", open, [[
    - {model: note, expect: {client: b}}
    - {model: note, instance: acme, expect: {client: a}}
    - {model: note, expect: {denied: true}}
    - {model: nothing, expect: {client: a}}
    - {model: note, where: {id: x}, expect: {client: a}}
]])
    assert.equal(5, #problem.problems)
    local lines, texts = {}, {}
    for i, p in ipairs(problem.problems) do lines[i], texts[i] = p.line, p.message end
    local first = select(2, head:gsub("\n", "\n")) + 1
    assert.same({ first, first + 1, first + 2, first + 3, first + 4 }, lines)
    assert.truthy(texts[1]:find("client is a, not 'b' (by the rule 'default client' at", 1, true), texts[1])
    assert.truthy(texts[2]:find("closed", 1, true))
    assert.truthy(texts[3]:find("is not denied", 1, true))
    assert.truthy(texts[4]:find("nothing", 1, true))
  end)

  it("is checked for its keys and types", function()
    local problem = App.raises("SHUNT_E_CONFIG", open, "    - {modle: note, op: raed, expect: {client: 7}}\n    - 3\n")
    assert.equal(4, #problem.problems)
  end)

  it("keeps a reload back that would fail it", function()
    local app, folder = App.open { ["shunt.yaml"] = head .. "    - {model: note, expect: {client: a}}\n", ["rules/models.lua"] = rules }
    App.write(folder .. "/rules/models.lua", 'model "note" { table = "notes", client = "c" }')
    App.raises("SHUNT_E_RULE", app.reload, app)
    assert.equal(1, app:generation())
    app:close()
    App.remove(folder)
  end)
end)

describe("with watch: true", function()
  local function wait_for(what)
    for _ = 1, 400 do
      if what() then return true end
      os.execute "sleep 0.02"
    end
    return false
  end

  local app, folder

  before_each(function()
    app, folder = App.open { ["shunt.yaml"] = yaml .. "rules: {path: [rules]}\nwatch: true\n", ["rules/models.lua"] = models "a",
      ["rules/deep/er/part.lua"] = "return 'a'" }
  end)

  after_each(function()
    app:close()
    App.remove(folder)
  end)

  local function client()
    local s <close> = app:session()
    return s:resolve("note").client
  end

  it("a changed rule file is reloaded by itself, and a new one, and one that is gone", function()
    App.write(folder .. "/rules/models.lua", models "b")
    assert.is_true(wait_for(function() return client() == "b" end))
    App.write(folder .. "/rules/zz.lua", 'rule "to c" { stage = "override", client = "c" }')
    assert.is_true(wait_for(function() return client() == "c" end))
    os.remove(folder .. "/rules/zz.lua")
    assert.is_true(wait_for(function() return client() == "b" end))
    assert.is_true(app:watched())
  end)

  it("a changed module below the rules counts, and so does the app config", function()
    App.write(folder .. "/rules/models.lua", 'model "note" { table = "notes", client = require "deep.er.part" }')
    local before = app:generation()
    assert.is_true(wait_for(function() return app:generation() > before and app:watched() end))
    App.write(folder .. "/rules/deep/er/part.lua", "return 'c'")
    assert.is_true(wait_for(function() return client() == "c" end))
    App.write(folder .. "/shunt.yaml", yaml .. "models: {note: {client: b}}\nrules: {path: [rules]}\nwatch: true\n")
    assert.is_true(wait_for(function() return client() == "b" end))
  end)

  it("a mistake keeps the old generation and is reported, until it is mended", function()
    App.write(folder .. "/rules/models.lua", "model (")
    assert.is_true(wait_for(function() return not app:watched() end))
    local ok, problem = app:watched()
    assert.is_false(ok)
    assert.equal("SHUNT_E_RULE", problem.code)
    assert.equal("a", client())
    App.write(folder .. "/rules/models.lua", models "c")
    assert.is_true(wait_for(function() return client() == "c" end))
    assert.is_true(app:watched())
  end)

  it("a folder that went and came back empty is seen to be filled", function()
    local test = "  selftest: [{model: note, expect: {client: b}}]\n"
    App.write(folder .. "/rules/models.lua", models "b")
    App.write(folder .. "/shunt.yaml", yaml .. "rules:\n  path: [rules]\n" .. test .. "watch: true\n")
    assert.is_true(wait_for(function() return client() == "b" and app:config():find("selftest", 1, true) end))
    local function problem_has(text)
      return wait_for(function()
        local ok, problem = app:watched()
        return not ok and problem.message:find(text, 1, true) ~= nil
      end)
    end
    assert(os.execute("mv " .. folder .. "/rules " .. folder .. "/before"))
    assert.is_true(problem_has "can't be read")
    assert(os.execute("mkdir " .. folder .. "/rules"))
    assert.is_true(problem_has "selftest")
    App.write(folder .. "/rules/models.lua", models "b" .. 'rule "to c" { stage = "override", model = "note", env = "none", client = "c" }\n')
    assert.is_true(wait_for(function() return app:watched() end))
    assert.equal("b", client())
  end)

  it("what datasources and logs write is no change", function()
    local before = app:generation()
    for _, name in ipairs { "a.db", "a.db-journal", "app.log", "rules/.models.lua.swp", "rules/models.lua~" } do
      App.write(folder .. "/" .. name, "")
    end
    os.remove(folder .. "/a.db-journal")
    os.execute "sleep 0.5"
    assert.equal(before, app:generation())
    assert.is_true(app:watched())
  end)

  it("taken out again ends it", function()
    local before = app:generation()
    App.write(folder .. "/shunt.yaml", yaml .. "rules: {path: [rules]}\n")
    assert.is_true(wait_for(function() return app:generation() > before end))
    before = app:generation()
    App.write(folder .. "/rules/models.lua", models "c")
    os.execute "sleep 0.5"
    assert.equal(before, app:generation())
    assert.equal(before + 1, app:reload())
  end)
end)
