-- shunt check walks over the values that rules distinguish, and finds each way out of an isolated instance.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local BINARY = os.getenv "SHUNT_BIN" or "build/shunt"
local ROUNDS = 40
local CONFIG = [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}}, iso: {engine: sqlite3, connection: {filename: iso.db}}}}
instance: {instances: {acme: {id: 2, isolate: true, isolateClient: iso, config: {tier: {name: gold-7}}}}}
]]

local function capture(command)
  local pipe = assert(io.popen(command .. " 2>&1", "r"))
  local text = pipe:read "a"
  pipe:close()
  return text
end

describe("shunt check", function()
  local folder
  after_each(function()
    if folder then App.remove(folder) end
    folder = nil
  end)

  local function fill(rules, config, module)
    folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = CONFIG .. (config or ""), ["rules/lib/m.lua"] = module or "return {}",
      ["rules/a.lua"] = 'model "order" { table = "orders" }\n' .. rules }, { "main", "iso" })
  end

  local function check()
    local text = capture(("%s check --json -c %s/shunt.yaml"):format(BINARY, folder))
    local ok, found = pcall(shunt.json_decode, text)
    assert(ok, text)
    return found
  end

  it("prints each leak with the command that shows it, and how much it has tried", function()
    fill [[
rule "archive" { stage = "override", model = "order", client = "main", op = "read",
  when = function(req) return req.attrs.plan == "pro" and req:mod("where.user id", 3) == 2 end }
]]
    local text = capture(("%s check -c %s/shunt.yaml"):format(BINARY, folder))
    local command = text:match "leak: order of the isolated instance 'acme' goes to main[^\n]*\n  shunt (explain [^\n]*)\n"
    assert.equal(("explain order --instance acme --attr plan=pro --where 'user id=2' -c %s/shunt.yaml"):format(folder), command)
    assert.truthy(capture(BINARY .. " " .. command):find("goes to main", 1, true))
    assert.truthy(text:find("\nchecked %d+ requests, with values of attrs%.plan, where%.user id\n"), text)
    local found = check()
    assert.same({ 1, false, { "attrs.plan", "where.user id" } }, { found.leaks, found.walked.sampled, found.walked.fields })
    assert.truthy(found.findings[1].explain:find("--attr plan=pro", 1, true))
  end)

  it("prints a command that gives the value itself, whatever it looks like", function()
    local literals = { '"7"', '"true"', '"null"', [["\"7\""]], [["it's \"x\" $HOME `id`"]], '"a b"', '"a=b"', '""', '"-x"', [["a\nb"]],
      [["\""]], '"1e5"', '"ä"', "7", "7.5", "0.1", "-1", "true", "1e300", "9007199254740993" }
    local rules = {}
    for i, literal in ipairs(literals) do
      local field = i % 2 == 0 and "attrs.c" or "where.c"
      rules[i] = ('model "m%d" { table = "t" }\nrule "r%d" { stage = "override", model = "m%d", op = "read", client = "main", '
        .. "when = function(req) return req.%s == %s end }"):format(i, i, i, field, literal)
    end
    fill(table.concat(rules, "\n"))
    local text = capture(("%s check -c %s/shunt.yaml"):format(BINARY, folder))
    for i, literal in ipairs(literals) do
      local command = text:match(("leak: m%d [^\n]*\n  shunt (explain [^\n]*)\n"):format(i))
      assert.truthy(command, literal .. ": " .. text)
      assert.truthy(capture(BINARY .. " " .. command):find("goes to main", 1, true), command)
    end
  end)

  it("tries the declared values of an attribute, whatever a rule does with them", function()
    fill([[
rule "long names" { stage = "override", model = "order", client = "main", when = function(req) return #(req.attrs.plan or "") > 8 end }
]], "attributes: {plan: [free, enterprise]}\n")
    assert.truthy(check().findings[1].explain:find("--attr plan=enterprise", 1, true))
  end)

  it("reports a rule that fails with a value that it knows", function()
    fill [[
rule "typo" { stage = "override", op = "read", client = function(req) if req.attrs.plan == "pro" then return "mian" end end }
]]
    local found = check()
    assert.equal(1, found.errors)
    assert.truthy(found.findings[1].explain:find("shunt explain order --attr plan=pro -c", 1, true))
    assert.truthy(found.findings[1].message:find("mian", 1, true))
  end)

  it("says that it has not tried everything", function()
    local conditions = {}
    for i = 1, 12 do conditions[i] = ("(req.attrs.a%d == 'x' and 1 or 0)"):format(i) end
    fill(([[
rule "many" { stage = "override", client = "main", when = function(req) return %s == 12 end }
]]):format(table.concat(conditions, " + ")))
    assert.is_true(check().walked.sampled)
    local text = capture(("%s check -c %s/shunt.yaml"):format(BINARY, folder))
    assert.truthy(text:find("; there are more values or combinations of attrs.a1, [^\n]* than were tried\n"), text)
    assert.equal(12, #check().walked.cut)
  end)

  it("names the fields whose values are more than it tries", function()
    fill [[
rule "many" { stage = "override", model = "order", client = "main", when = function(req)
  return req:bucket("where.id", 100000) == 77777 end }
]]
    assert.same({ "where.id" }, check().walked.cut)
    assert.equal(1, check().leaks)
    App.remove(folder)
    fill [[
local many = {}
for i = 1, 2000 do many["key " .. i] = i end
rule "many" { stage = "override", model = "order", client = "main", when = function(req) return many[req.attrs.plan or 0] == 0 end }
]]
    assert.same({ "attrs.plan" }, check().walked.cut)
  end)

  it("tries accesses without a model", function()
    fill [[
rule "own SQL" { stage = "override", client = "main", when = function(req) return req.model == nil end }
]]
    local found = check()
    assert.equal(1, found.leaks)
    assert.equal("SQL without a model", found.findings[1].path)
    local shown = capture(BINARY .. found.findings[1].explain:match "^shunt( .*)$")
    assert.truthy(shown:find("SQL without a model (read) for the instance acme", 1, true), shown)
    assert.truthy(shown:find("goes to main (sqlite3, primary), level 0", 1, true), shown)
    local resolved = capture(("%s resolve --no-model --instance acme -c %s/shunt.yaml"):format(BINARY, folder))
    assert.truthy(resolved:find "main" and not resolved:find "table", resolved)
    assert.truthy(capture(("%s resolve order --no-model -c %s/shunt.yaml"):format(BINARY, folder)):find("--no-model", 1, true))
  end)

  it("reports no mistake where a rule does not take a value that it holds elsewhere", function()
    fill [[
local EU = { de = true }
rule "land" { stage = "override", model = "order", client = "main", when = function(req) return EU[req.attrs.land or 0] and req.attrs.x == EU end }
rule "age" { stage = "override", model = "order", client = "main", when = function(req) return (req.attrs.age or 0) > 65 and req.attrs.x == EU end }
rule "length" { stage = "override", model = "order", client = "main", when = function(req) return #(req.attrs.c or "") == 3 end }
rule "part" { stage = "override", model = "order", client = "main", when = function(req) return req:mod("where.id", 7) == 8 end }
]]
    local found = check()
    assert.same({ 0, 1 }, { found.errors, found.leaks })
    assert.truthy(found.findings[1].explain:find("--attr c=...", 1), found.findings[1].explain)
  end)

  it("finds the way out of a rule that always needs an attribute", function()
    fill [[
rule "raw" { stage = "override", model = "order", instance = "acme", client = "main",
  when = function(req) return req.attrs.c:find "^pro%d+$" and req.attrs.d:upper() == "X" end }
]]
    local found = check()
    assert.same({ 1, 1 }, { found.errors, found.leaks })
  end)

  it("shows a text that looks like a number as text", function()
    fill [[
rule "year" { stage = "override", model = "order", client = "main", when = function(req) return req.attrs.year == "2020" end }
]]
    local found = check()
    assert.truthy(found.findings[1].explain:find([[--attr 'year="2020"' ]], 1, true), found.findings[1].explain)
    assert.truthy(capture(BINARY .. found.findings[1].explain:match "^shunt( .*)$"):find("goes to main", 1, true))
  end)

  -- Where a rule may hold a literal: each returns an expression for it, and may add lines to the rule file or its module.
  local HOLDERS = {
    function(literal) return literal end,
    function(literal) return ("(function() local v = %s return v end)()"):format(literal) end,
    function(literal) return ("select(2, 0, %s)"):format(literal) end,
    function(literal) return ("({ 'first', %s })[2]"):format(literal) end,
    function(literal, world) return world.declare(literal) end,
    function(literal, world) return world.declare(("{ deep = { value = %s } }"):format(literal)) .. ".deep.value" end,
    function(literal, world) return world.declare(("{ 'first', %s }"):format(literal)) .. "[2]" end,
    function(literal, world) return world.declare(("function() return %s end"):format(literal)) .. "()" end,
    function(literal, world)
      local made = tonumber(literal) and ("%s + 1 - 1"):format(literal) or ("('x' .. %s):sub(2)"):format(literal)
      return world.declare(made)
    end,
    function(literal, world) return "M." .. world.export(literal) end,
    function(literal, world) return "M." .. world.export(("function() return %s end"):format(literal)) .. "()" end,
  }

  local function held(literal, random, world)
    return random:of(HOLDERS)(type(literal) == "string" and ("%q"):format(literal) or tostring(literal), world)
  end

  local function text_of(random) return "v" .. random:int(1, 9) end

  local PATTERNS = { "^v%d$", "^p.o$", "[^%a]%a+x$", "^(a?)b-c*d$", "^%u%l+%s%d%d$", "^[%d_]z%.org$", "%f[%w]eu%-", "^%b()$" }

  -- Each form: the code of a condition on a field.
  local FORMS = {
    function(path, random, world) return ("%s == %s"):format(path, held(text_of(random), random, world)) end,
    function(path, random, world) return ("%s == %s"):format(held(random:int(-900, 900), random, world), path) end,
    function(path, random, world) return ("%s == %s"):format(path, held(random:int(1, 99) + 0.25, random, world)) end,
    function(path, random, world)
      return ("%s(%s, %s)"):format(world.declare "function(a, b) return a == b end", path, held(text_of(random), random, world))
    end,
    function(path, random, world)
      return ("%s[%s or 0] == 'there'"):format(world.declare(("{ [%q] = 'there' }"):format(text_of(random))), path)
    end,
    function(path, random, world)
      return ("%s[%s or 0] == 'there'"):format(world.declare(("{ [%d] = 'there' }"):format(random:int(2, 900))), path)
    end,
    function(path, random, world)
      local n = random:int(-300, 300)
      return ("(%s or %d) > %s"):format(path, n - 9, held(n, random, world))
    end,
    function(path, random, world)
      local n = random:int(1, 9) * 1000
      return ("(math.type(%s) and %s > %s and %s < %s)"):format(path, path, held(n, random, world), path, held(n + 1, random, world))
    end,
    function(path, random, world) return ("(%s or ''):find(%s)"):format(path, held(random:of(PATTERNS), random, world)) end,
    function(path, random, world) return ("(%s or ''):match(%s)"):format(path, held(random:of(PATTERNS), random, world)) end,
    function(path, random, world) return ("(%s or ''):sub(-2) == %s"):format(path, held(text_of(random), random, world)) end,
    function(path, random, world) return ("#(%s or '') == %s"):format(path, held(random:int(1, 40), random, world)) end,
    function(path, random, world)
      local value = random:of { "a", "b", 7 }
      return ("req:one_of(%q, { 'c', %s })"):format(path:sub(5), held(value, random, world))
    end,
    function(path, random, world)
      local n = random:int(2, 60)
      return ("req:bucket(%q, %s) == %d"):format(path:sub(5), held(n, random, world), random:int(0, n - 1))
    end,
    function(path, random)
      local n = random:int(2, 250)
      return ("req:bucket(%q, %d) == %d"):format(path:sub(5), n, random:int(0, n - 1))
    end,
    function(path, random, world)
      local n = random:int(2, 60)
      return ("(math.type(%s) == 'integer' and req:mod(%q, %s) == %d)"):format(path, path:sub(5), held(n, random, world),
        random:int(0, n - 1))
    end,
    function(path, random, world) return ("req:prefix(%q, %s)"):format(path:sub(5), held(text_of(random), random, world)) end,
    function(path) return ("%s == req.instance.name"):format(path) end,
    function(path) return ("%s == req.instance.config.tier.name"):format(path) end,
    function(path) return ("%s == req.op"):format(path) end,
    function(path) return ("%s == true"):format(path) end,
    function(path) return ("%s == false"):format(path) end,
    function(path) return ("type(%s) == 'string'"):format(path) end,
    function(path) return ("%s == nil"):format(path) end,
  }

  -- A rule with random conditions: its file, its module, and the conditions for messages.
  local function draw(random, fields, leads_out)
    local lines, module, names = {}, {}, 0
    local world = {}
    local function name()
      names = names + 1
      return "K" .. names
    end
    function world.declare(value)
      local made = name()
      lines[#lines + 1] = ("local %s = %s"):format(made, value)
      return made
    end
    function world.export(value)
      local made = name()
      module[#module + 1] = ("%s = %s"):format(made, value)
      return made
    end
    local conditions = {}
    for i, path in ipairs(random:some({ "req.attrs.a", "req.where.b", "req.attrs.c", "req.where.d" }, fields)) do
      conditions[i] = random:of(FORMS)(path, random, world)
    end
    local target = "model = 'order'"
    if random:chance(25) then
      target = "op = 'write'"
      table.insert(conditions, 1, "req.model == nil")
    end
    if not leads_out then conditions[#conditions + 1] = "req.attrs.z == 'p' and req.attrs.z == 'q'" end
    local code = table.concat(conditions, " and ")
    return ("local M = require 'lib.m'\n%s\nrule 'r' { stage = 'override', instance = 'acme', %s, client = 'main', when = function(req) return %s end }\n")
      :format(table.concat(lines, "\n"), target, code), ("return { %s }\n"):format(table.concat(module, ", "))
  end

  it("finds a random way out, and reports nothing without one", function()
    local seed = Random.seed()
    print("SHUNT_SEED=" .. seed)
    local random = Random.new(seed)
    local cuts = 0
    for round = 1, ROUNDS do
      local leads_out, fields = random:chance(75), random:int(1, 3)
      local rules, module = draw(random, fields, leads_out)
      fill(rules, nil, module)
      local found = check()
      local shown = ("round %d:\n%s%s"):format(round, rules, module)
      assert.equal(0, found.errors, shown)
      local cut = #found.walked.cut > 0
      assert(not cut or fields > 1, "not all was tried in " .. shown)
      assert(found.leaks == (leads_out and 1 or 0) or cut and found.leaks == 0, ("%d leaks in %s"):format(found.leaks, shown))
      cuts = cuts + (found.leaks == 0 and cut and leads_out and 1 or 0)
      if found.leaks == 1 then
        local explained = capture(BINARY .. found.findings[1].explain:match "^shunt( .*)$")
        assert(explained:find("goes to main", 1, true), explained .. shown)
      end
      App.remove(folder)
      folder = nil
    end
    assert(cuts <= ROUNDS // 20, "too many ways out were not found, although check said that there is more to try")
  end)
end)

describe("a value on the command line", function()
  -- The program brings this module.
  package.preload["shunt.cli.host"] = package.preload["shunt.cli.host"] or function() return { isatty = function() return false end } end
  local values = require "shunt.cli.values"
  local seed = Random.seed()
  local pieces = { '"', "7", "-", ".", "e", "0", "true", "null", " ", "\\", "\n", "\127", "ä", "=", "'", "{", "\u{2028}" }

  local function draw(random)
    local kind = random:int(1, 4)
    if kind == 1 then return random:int(-9, 9) * 10 ^ random:int(-300, 300) / random:int(1, 7) end
    if kind == 2 then return random:int(math.mininteger // 2, math.maxinteger // 2) * random:int(1, 2) end
    local text = ""
    for _ = 1, random:int(0, 5) do text = text .. pieces[random:int(1, #pieces)] end
    return text
  end

  it(("is read back as it was written (SHUNT_SEED=%d)"):format(seed), function()
    local random = Random.new(seed)
    local special = { shunt.null, true, false, "", math.huge, -math.huge, 1.0, -0.0, math.mininteger, "\xff\n" }
    for i = 1, 5000 do
      local value = special[i]
      if i > #special then value = draw(random) end
      local argument = values.argument(value)
      local back = values.parse(argument)
      assert.same({ value, math.type(value) }, { back, math.type(back) }, argument)
      assert.is_true(value == "\xff\n" or not argument:find "%c", argument)
    end
  end)

  it("in quotes that is not JSON is refused", function()
    for _, text in ipairs { '"a"b"', '"\\"', '"\n"' } do
      local ok, problem = pcall(values.parse, text)
      assert.is_false(ok)
      assert.truthy(tostring(problem.message or problem):find("a value in quotes is a text as JSON writes it", 1, true))
    end
  end)
end)
