-- What shunt.busted adds to busted: assert.routes and assert.denies, their negations and their messages.

local App = require "tests.spec.support.app"
local support = require "shunt.busted"

describe("shunt.busted", function()
  local app, folder

  setup(function()
    app, folder = App.open({
      ["shunt.yaml"] = App.database_yaml({ "main", "other", "iso" }, "main")
        .. "instance: {instances: {iso: {id: 2, isolate: true, isolateClient: iso}}}\nrules: {path: [rules]}\n",
      ["shunt.test.yaml"] = "models: {pet: {client: other}}\n",
      ["rules/a.lua"] = [[
model "user" { table = "users", relations = { pets = has_many("pet", "user_id") } }
model "pet" { table = function(req) return req.where.user_id == 7 and "pets_07" or "pets" end }
rule "pros elsewhere" { stage = "override", model = "user", client = function(req) if req.attrs.plan == "pro" then return "other" end end }
rule "no writing" { stage = "guard", model = "user", op = "write", deny = "users are read-only" }
rule "fails" { stage = "override", model = "user", client = function(req) if req.attrs.boom then return nil .. "" end end }
]],
    }, { "main", "other", "iso" })
    support.use(app)
  end)

  teardown(function()
    app:close()
    App.remove(folder)
  end)

  local function message(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return tostring(err)
  end

  local HOLD = {
    { { model = "user" }, { client = "main", table = "users", level = 0, op = "read", role = "primary", engine = "sqlite3" } },
    { "user", "main" },
    { { model = "user", instance = "iso" }, { client = "iso" } },
    { { model = "user", attrs = { plan = "pro" } }, { client = "other", rule = "pros elsewhere", source = "rules/a.lua:3" } },
    { { model = "user", client = "other" }, { client = "other" } },
    { { model = "user", current = "other" }, { client = "other" } },
    { { relation = "user.pets", where = { user_id = 7 } }, { model = "pet", relation = "user.pets", table = "pets_07" } },
    { { relation = "user.pets", parent = "other", relation_client = "_inherit_" }, { client = "other" } },
    { { model = "user", op = "write" }, { denied = "users are read-only" } },
  }
  for i, case in ipairs(HOLD) do
    it(("routes case %d, and the negation fails"):format(i), function()
      local decision = assert.routes(case[1], case[2])
      assert.is_table(decision.trace)
      local text = message(assert.is_not.routes, case[1], case[2])
      assert(text:find("Expected anything but", 1, true), text)
    end)
  end

  it("fails with what was expected, what came, and the trace with sources", function()
    local text = message(assert.routes, { model = "user" }, { client = "other", level = 0 })
    for _, part in ipairs { 'client = "other", level = 0', 'client = "main", level = 0', "The way to it:", "pros elsewhere",
      "rules/a.lua:3", "rules/standard/", "chose main" } do
      assert(text:find(part, 1, true), ("expected %s in:\n%s"):format(part, text))
    end
    assert.is_not.routes({ model = "user" }, { client = "other", level = 0 })
  end)

  it("knows a denial, by the whole reason or a part of it", function()
    assert.denies({ model = "user", op = "write" })
    assert.denies({ model = "user", op = "write" }, "read-only")
    assert.is_not.denies({ model = "user", op = "write" }, "too late")
    assert.is_not.denies({ model = "user" })
    local text = message(assert.denies, { model = "user" }, "read-only")
    assert(text:find('a denial that says "read-only"', 1, true) and text:find('client = "main"', 1, true), text)
    text = message(assert.denies, { model = "user", op = "write" }, "too late")
    assert(text:find("users are read-only", 1, true), text)
  end)

  it("refuses what makes no sense rather than passing it", function()
    assert(message(assert.routes, { modle = "user" }, { client = "main" }):find "no field 'modle'")
    assert(message(assert.routes, { model = "user" }, { cleint = "main" }):find "no field 'cleint'")
    assert(message(assert.routes, { model = "user" }, {}):find "what the decision must have")
    assert(message(assert.is_not.routes, { model = "usr" }, { client = "main" }):find "usr")
    assert(message(assert.is_not.routes, { model = "user", attrs = { boom = true } }, { client = "x" }):find "rules/a.lua:5")
    assert(message(assert.denies, { model = "user" }, 7):find "part of the reason")
  end)

  it("points to the line of the spec, with the nearest name", function()
    local function at_this_line(fn, ...)
      local here = debug.getinfo(fn, "S")
      local text = message(fn, ...)
      assert.equal(("%s:%d:"):format(here.short_src, here.linedefined), text:match "^[^:]*:%d+:", text)
      return text
    end
    local CASES = {
      [function() assert.routes({ modle = "user" }, { client = "main" }) end] = "no field 'modle'; did you mean 'model'?",
      [function() assert.routes({ model = "user", atrs = {} }, "main") end] = "no field 'atrs'; did you mean 'attrs'?",
      [function() assert.routes({ model = "user" }, { cleint = "main" }) end] = "no field 'cleint'; did you mean 'client'?",
      [function() assert.routes("usr", "main") end] = "there is no model 'usr'; did you mean 'user'?",
      [function() assert.denies({ model = "user", instance = "isp" }) end] = "there is no instance 'isp'; did you mean 'iso'?",
      [function() assert.denies({ model = "user" }, 7) end] = "a part of the reason, not a number",
      [function() assert.is_not.denies(7) end] = "not a number",
      [function() assert.routes("user", "mian") end] = "there is no client 'mian'; did you mean 'main'?",
      [function() assert.is_not.routes("user", "mian") end] = "there is no client 'mian'; did you mean 'main'?",
      [function() assert.is_not.routes("user", { rule = "pros elswhere" }) end] = "did you mean 'pros elsewhere'?",
      [function() assert.is_not.routes("user", { relation = "user.pet" }) end] = "did you mean 'user.pets'?",
      [function() assert.is_not.routes("user", { op = "raed" }) end] = "there is no op 'raed'; did you mean 'read'?",
      [function() assert.is_not.routes("user", { role = "primery" }) end] = "did you mean 'primary'?",
      [function() assert.is_not.routes("user", { engine = "sqlite" }) end] = "did you mean 'sqlite3'?",
      [function() assert.is_not.routes({ model = "user", attrs = { boom = 1 } }, "main") end] = "rules/a.lua:5: ",
    }
    for fn, told in pairs(CASES) do
      local text = at_this_line(fn)
      assert(text:find(told, 1, true), ("expected %s in:\n%s"):format(told, text))
      assert.is_nil(text:find("luassert", 1, true), text)
    end
  end)

  it("opens another application in the environment test", function()
    local opened = support.open(folder .. "/shunt.yaml")
    assert.equal("test", opened:describe().env)
    assert.equal(opened, support.app)
    assert.routes("pet", { client = "other" })
    support.use(app)
    assert.routes("pet", { client = "main" })
    opened:close()
  end)
end)
