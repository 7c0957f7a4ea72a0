-- Attributes that the app config declares: in sessions, rules, the self-test and on the command line.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local CONFIG = [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}}}}
]]
local MODEL = 'model "order" { table = "orders" }\n'

describe("attributes", function()
  local app, folder
  local function open(config, rules)
    app, folder = App.open({ ["shunt.yaml"] = CONFIG .. config, ["rules/a.lua"] = MODEL .. (rules or "") }, { "main" })
  end
  local function close()
    if app then
      app:close()
      App.remove(folder)
    end
    app = nil
  end
  after_each(close)

  --- The problems of an application that does not load, as lines.
  local function refused(config, rules)
    local path = App.folder()
    App.fill(path, { ["shunt.yaml"] = CONFIG .. config, ["rules/a.lua"] = MODEL .. (rules or "") }, { "main" })
    local ok, problem = pcall(shunt.open, path .. "/shunt.yaml")
    App.remove(path)
    assert.is_false(ok)
    local lines = {}
    for i, one in ipairs(problem.problems) do
      lines[i] = ("%s:%d: %s"):format(one.file:match "[^/]*$", one.line, one.message)
    end
    return table.concat(lines, "\n")
  end

  local function has(text, part) assert.truthy(text:find(part, 1, true), text) end

  it("that are not declared may have any name and value", function()
    open ""
    app:session({ attrs = { plan = "x", n = 1.5 } }):close()
    assert.is_nil(app:describe().attributes)
  end)

  it("that are declared are the only ones of a session", function()
    open "attributes: {plan: [free, pro], age: integer}\n"
    local problem = App.raises("SHUNT_E_NOT_FOUND", app.session, app, { attrs = { plam = "pro" } })
    has(problem.message, "there is no attribute 'plam' among the attributes of the app config; did you mean 'plan'?")
    problem = App.raises("SHUNT_E_USAGE", app.session, app, { attrs = { plan = "por" } })
    has(problem.message, "the attribute 'plan' takes 'free' or 'pro', not 'por'; did you mean 'pro'?")
    App.raises("SHUNT_E_USAGE", app.session, app, { attrs = { age = "7" } })
    app:session({ attrs = { plan = "pro", age = 7 } }):close()
  end)

  it("that a rule misspells, or compares with another value, are found when the application is opened", function()
    local text = refused("attributes: {plan: [free, pro], age: integer}\n", [[
rule "a" { stage = "override", client = "main", when = function(req) return req.attrs.plam == "pro" end }
rule "b" { stage = "override", client = "main", when = function(req) return "por" == req.attrs.plan end }
rule "c" { stage = "override", client = "main", when = function(req) return req:one_of("attrs.age", { 1, "b" }) end }
rule "d" { stage = "override", client = "main", when = function(req) return (function() return req.attrs.agee end)() > 7 end }
]])
    has(text, "a.lua:2: a rule reads req.attrs.plam: there is no attribute 'plam'")
    has(text, "a.lua:3: a rule reads req.attrs.plan: the attribute 'plan' takes 'free' or 'pro', not 'por'; did you mean 'pro'?")
    has(text, "a.lua:4: a rule reads req.attrs.age: the attribute 'age' takes an integer, not 'b'")
    has(text, "a.lua:5: a rule reads req.attrs.agee: there is no attribute 'agee' among the attributes of the app config; did you mean 'age'?")
  end)

  it("that a rule computes are found when they are read", function()
    open("attributes: {plan: [free, pro]}\n", [[
local LIST = { "por" }
rule "a" { stage = "override", op = "read", client = "main", when = function(req) return req.attrs["pl" .. "am"] end }
rule "b" { stage = "override", op = "write", client = "main", when = function(req) return req:one_of("attrs.plan", LIST) end }
]])
    local session <close> = app:session {}
    local problem = App.raises("SHUNT_E_RULE", session.resolve, session, "order")
    has(problem.message, "there is no attribute 'plam'")
    problem = App.raises("SHUNT_E_RULE", session.resolve, session, "order", { op = "write" })
    has(problem.message, "takes 'free' or 'pro', not 'por'")
    assert.equal(4, problem.line)
  end)

  it("are checked in the self-test and in their own section", function()
    has(refused "attributes: {plan: [free]}\nrules: {selftest: [{model: order, attrs: {plan: pro}, expect: {client: main}}]}\n",
      "the rules' selftest: the attribute 'plan' takes 'free', not 'pro'")
    local text = refused "attributes:\n  plan: txt\n  age: []\n  on: [{a: 1}, 2]\n  at: 7\n"
    has(text, "shunt.yaml:3: attributes.plan is txt: give text, integer, number or boolean, or a list of its values; did you mean 'text'?")
    has(text, "shunt.yaml:4: attributes.age has no values")
    has(text, "shunt.yaml:5: attributes.on lists a map")
    has(text, "shunt.yaml:6: attributes.at is 7")
  end)

  it("are refused on the command line with status 2", function()
    open "attributes: {plan: [free, pro]}\n"
    for _, attr in ipairs { "plam=pro", "plan=por" } do
      local pipe = assert(io.popen(("%s resolve order --attr %s -c %s/shunt.yaml 2>&1"):format(os.getenv "SHUNT_BIN" or "build/shunt",
        attr, folder)))
      has(pipe:read "a", "did you mean")
      assert.equal(2, select(3, pipe:close()))
    end
  end)

  it("take the values that their declaration says, at random", function()
    local random = Random.new(Random.seed())
    print("SHUNT_SEED=" .. Random.seed())
    local pool = { "a", "b", "", "text", 0, 1, -7, 2.0, 2.5, 1e300, true, false }
    local accepts = {
      text = function(v) return type(v) == "string" end,
      integer = function(v) return type(v) == "number" and math.tointeger(v) ~= nil end,
      number = function(v) return type(v) == "number" end,
      boolean = function(v) return type(v) == "boolean" end,
    }
    local words = { "text", "integer", "number", "boolean" }
    for _ = 1, 40 do
      local declared, lines = {}, {}
      for i = 1, random:int(1, 5) do
        local name = "a" .. i
        if random:chance(50) then
          local word = random:of(words)
          declared[name], lines[#lines + 1] = accepts[word], ("%s: %s"):format(name, word)
        else
          local values, shown = random:some(pool, random:int(1, 4)), {}
          for k, value in ipairs(values) do shown[k] = type(value) == "string" and ("%q"):format(value) or tostring(value) end
          declared[name] = function(v)
            for _, value in ipairs(values) do
              if value == v then return true end
            end
            return false
          end
          lines[#lines + 1] = ("%s: [%s]"):format(name, table.concat(shown, ", "))
        end
      end
      open("attributes: {" .. table.concat(lines, ", ") .. "}\n")
      for _ = 1, 40 do
        local name, value = "a" .. random:int(1, 6), random:of(pool)
        local ok, session = pcall(app.session, app, { attrs = { [name] = value } })
        local expected = declared[name] ~= nil and declared[name](value)
        assert(ok == expected, ("%s = %s with %s: %s"):format(name, tostring(value), table.concat(lines, ", "), tostring(session)))
        if ok then session:close() end
      end
      close()
    end
  end)
end)
