-- shunt check walks over the values that rules distinguish, and finds each way out of an isolated instance.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local BINARY = os.getenv "SHUNT_BIN" or "build/shunt"
local CONFIG = [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}}, iso: {engine: sqlite3, connection: {filename: iso.db}}}}
instance: {instances: {acme: {id: 2, isolate: true, isolateClient: iso}}}
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

  local function fill(rules, config)
    folder = App.folder()
    App.fill(folder, { ["shunt.yaml"] = CONFIG .. (config or ""), ["rules/a.lua"] = 'model "order" { table = "orders" }\n' .. rules },
      { "main", "iso" })
  end

  local function check()
    local text = capture(("%s check --json -c %s/shunt.yaml"):format(BINARY, folder))
    local ok, found = pcall(shunt.json_decode, text)
    assert(ok, text)
    return found
  end

  it("prints each leak with the command that shows it, and how much it has tried", function()
    fill [[
rule "archive" { stage = "override", client = "main", op = "read",
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
rule "long names" { stage = "override", client = "main", when = function(req) return #(req.attrs.plan or "") > 8 end }
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
    assert.truthy(text:find("; there are more combinations than were tried\n", 1, true), text)
  end)

  -- Each form: the code of a condition on a field, and a value for which it holds.
  local FORMS = {
    function(path, random)
      local value = "v" .. random:int(1, 9)
      return ("%s == %q"):format(path, value), value
    end,
    function(path, random)
      local value = "v" .. random:int(1, 9)
      return ("(function() local v = %s return %q == v end)()"):format(path, value), value
    end,
    function(path, random)
      local n = random:int(-300, 300)
      return ("(math.type(%s) == 'integer' and %s > %d)"):format(path, path, n), n + 1
    end,
    function(path, random)
      local n = random:int(1, 9) * 100000
      return ("(math.type(%s) == 'integer' and %d <= %s and %s < %d)"):format(path, n, path, path, n + 2), n
    end,
    function(path, random)
      local value = "v" .. random:int(1, 9)
      return ("SETS[%s or 0] == %q"):format(path, value), "key-" .. value
    end,
    function(path, random)
      local field = path:sub(5)
      local value = random:of { "a", "b", 7 }
      return ("req:one_of(%q, { 'c', %s })"):format(field, type(value) == "string" and ("%q"):format(value) or value), value
    end,
    function(path, random)
      local n = random:int(2, 20)
      local part = random:int(0, n - 1)
      return ("(math.type(%s) == 'integer' and req:mod(%q, %d) == %d)"):format(path, path:sub(5), n, part), part
    end,
    function(path, random)
      local value = "v" .. random:int(1, 9)
      return ("req:prefix(%q, %q)"):format(path:sub(5), value), value
    end,
    function(path) return ("%s == true"):format(path), true end,
    function(path) return ("%s == nil"):format(path), nil end,
  }

  it("finds a random way out, and reports nothing without one", function()
    local seed = Random.seed()
    print("SHUNT_SEED=" .. seed)
    local random = Random.new(seed)
    local sets = {}
    for i = 1, 9 do sets[i] = ("['key-v%d'] = 'v%d'"):format(i, i) end
    for round = 1, 20 do
      local conditions = {}
      for i, path in ipairs(random:some({ "req.attrs.a", "req.where.b", "req.attrs.c", "req.where.d" }, random:int(1, 3))) do
        conditions[i] = random:of(FORMS)(path, random)
      end
      local leads_out = random:chance(75)
      if not leads_out then conditions[#conditions + 1] = "req.attrs.z == 'p' and req.attrs.z == 'q'" end
      local code = table.concat(conditions, " and ")
      fill(("local SETS = { %s }\nrule 'r' { stage = 'override', instance = 'acme', client = 'main', when = function(req) return %s end }\n")
        :format(table.concat(sets, ", "), code))
      local found = check()
      assert.equal(0, found.errors, code)
      assert(found.leaks == (leads_out and 1 or 0), ("round %d: %d leaks by %s"):format(round, found.leaks, code))
      if leads_out then
        local shown = capture(BINARY .. found.findings[1].explain:match "^shunt( .*)$")
        assert(shown:find("goes to main", 1, true), shown)
      end
      App.remove(folder)
      folder = nil
    end
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
