-- The page of the manual about the sandbox: it names what rules may use and nothing else, and its claims hold.

local App = require "tests.spec.support.app"
local read = require("tests.files").try_read
local sorted = require("tests.spec.support.show").sorted_keys

local CONFIG = [[
database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: main.db}}}}
rules: {path: rules%s}
]]
local PAGE = assert(read "rules/manual/sandbox.md")

-- In a rule and here: what a function returns or raises, as text.
local SHOWN = [[
local function shown(f)
  local t = table.pack(pcall(f))
  if not t[1] then return "error: " .. tostring(t[2]):gsub("^[^ ]-:%d+: ", "") end
  for i = 2, t.n do t[i] = tostring(t[i]) end
  return table.concat(t, ", ", 2, t.n)
end
]]

-- The rows of the tables below a heading, as lists of cells.
local function rows_of(heading)
  local level = heading:match "^#+"
  local section = assert(PAGE:match("\n" .. heading .. "\n(.-)\n" .. level .. " "), heading)
  local rows = {}
  for line in section:gmatch "[^\n]+" do
    local row = {}
    for cell in line:gmatch "|%s*([^|]-)%s*%f[|]" do row[#row + 1] = cell end
    if row[1] and row[1]:find "^`" then rows[#rows + 1] = row end
  end
  assert(#rows > 0, heading)
  return rows
end

local function literal(cell)
  return cell:match "^`(.*)`$" or ""
end

local function matches(text, expected)
  return text:find("^" .. expected:gsub("%p", "%%%0"):gsub("\u{2026}", ".*") .. "$") ~= nil
end

describe("the page about the sandbox", function()
  local app, folder
  after_each(function()
    if app then
      app:close()
      App.remove(folder)
    end
    app = nil
  end)

  local function open(top, codes, limits)
    local files = { ["shunt.yaml"] = CONFIG:format(limits or "") }
    local rules = { top }
    for i, code in ipairs(codes) do
      rules[#rules + 1] = ([[
rule "code %d" { stage = "override", priority = %d, when = function(req) return req.attrs.i == %d end, client = function(req)
%s
end }]]):format(i, i, i, code)
    end
    files["rules/a.lua"] = table.concat(rules, "\n")
    app, folder = App.open(files, { "main" })
  end

  local function ask(attrs)
    local session <close> = app:session { attrs = attrs }
    return session:resolve(nil, { no_model = true })
  end

  -- What is there is found by name, since nothing lists the globals. Each name of the environment stands in the sources.
  local function candidates()
    local names = {}
    for name in pairs(_G) do names[name] = true end
    local pipe = assert(io.popen "cat src/rule/*.c")
    for name in pipe:read("a"):gmatch '"([%a_][%w_]*)"' do names[name] = load("local " .. name) and true or nil end
    pipe:close()
    return sorted(names)
  end

  it("names what a rule may use, and nothing else", function()
    local code = { "local found = {} local function try(name, get) local ok, value = pcall(get)",
      "if not ok then return end",
      "if type(value) == 'table' then for key in pairs(value) do found[#found + 1] = name .. '.' .. key end",
      "elseif name:find '^req:' == nil or type(value) == 'function' then found[#found + 1] = name end end" }
    for _, name in ipairs(candidates()) do
      code[#code + 1] = ("try('%s', function() return %s end) try('req:%s', function() return req.%s end)"):format(name, name, name, name)
    end
    code[#code + 1] = "return deny(table.concat(found, ' '))"
    open("", { table.concat(code, "\n") }, ", instructions: 1000000000, timeout: 10s")
    local there, named = {}, {}
    for name in ask({ i = 1 }).denied:gmatch "%S+" do there[name] = true end
    there.req, there["req:where"], there["req:attrs"] = nil, nil, nil
    for _, row in ipairs(rows_of "## Functions") do
      for name in row[1]:gmatch "`([^`]+)`" do
        assert(not named[name], name)
        named[name] = true
      end
    end
    assert.same(sorted(there), sorted(named))
    assert(#sorted(there) > 75)
  end)

  it("shows what differs from Lua", function()
    local rows, codes = rows_of "## What differs from Lua", {}
    for i, row in ipairs(rows) do codes[i] = SHOWN .. "return deny(shown(function() " .. literal(row[1]) .. " end))" end
    open("", codes)
    for i, row in ipairs(rows) do
      local code, theirs, ours = literal(row[1]), literal(row[2]), literal(row[3])
      local globals = setmetatable({ string = {} }, { __index = _G }) -- which the code may change
      local in_lua = load(SHOWN .. "return shown(function() " .. code .. " end)", "=lua", "t", globals)()
      local in_rule = ask({ i = i }).denied
      if theirs ~= "" then assert(matches(in_lua, theirs), code .. " gives in Lua " .. in_lua) end
      assert(matches(in_rule, ours), code .. " gives in a rule " .. in_rule)
      assert.are_not.equal(in_lua, in_rule)
    end
  end)

  it("says what is not there", function()
    local codes, names = {}, {}
    for _, row in ipairs(rows_of "## What is not there") do
      for name in row[1]:gmatch "`([^`]+)`" do
        names[#names + 1] = name
        codes[#codes + 1] = ("return deny(tostring(pcall(function() return %s end)))"):format(name)
      end
    end
    open("", codes)
    for i, name in ipairs(names) do
      assert.is_not_nil(load("return " .. name)(), name)
      assert.equal("false", ask({ i = i }).denied, name)
    end
  end)

  -- Calls with their costs. The rest of a round is a few instructions.
  local SETUP = [[
local long, digits, items, many, list, keys = ("x"):rep(6400), ("1"):rep(6400), ("%a"):rep(100), {}, {}, {}
for i = 1, 4000 do many[i] = 65 end
for i = 1, 1024 do list[i] = -i end
for i = 1, 1024 do keys["k" .. i] = i end
]]
  local COPY <const> = 6400 // 64 + 8
  local GROWTH <const> = 8 * 11 + 1024 * 16 // 64 -- of an empty table to 1,024 values
  -- A text grows in buffers of 1, 2, 4 and 8 KiB, into each of which what is there is copied; or gets the last at once.
  local ROOM <const> = 8192 // 64 + 8
  local GROWN <const> = 15 * 1024 // 64 + 4 * 8 + 7680 // 64
  local COSTS = {
    { "local _ = {}", 8 },
    { "local _ = #list", 8 },
    { "local _ = digits + 1", 400 },
    { "pcall(function() return string.foo end)", 100 + 25 },
    { "local _ = tonumber(digits)", 400 },
    { "local _ = select('#', table.unpack(many))", 1000 + 1001 },
    { "local _ = math.max(table.unpack(many))", 1000 + 1001 },
    { "for _ in ipairs(list) do end", 1024 },
    { "local _ = pairs(list)", 2 * 1024 + 256 * 10 + 32 * 1024 // 64 + 16 * 1024 // 64 },
    { "for _ in pairs(keys) do end", 2 * 1024 + 256 * 10 + 4013 // 64 * 10 + 32 * 1024 // 64 + 16 * 1024 // 64 + 1024 },
    { "local _ = rawlen(list)", 8 },
    { "local _ = string.byte(long, 1, 4000)", 1000 },
    { "local _ = string.char(table.unpack(many))", 2000 + 2 * COPY },
    { "local _ = string.find(long, 'y')", 100 },
    { "local _ = string.find(long, 'xy')", 6400 },
    { "local _ = string.find(long, '[y]')", 1600 },
    { "local _ = string.find('', long)", 400 },
    { "local _ = string.format('%s', long)", 100 + ROOM + COPY },
    { "local _ = string.format('%q', long)", 800 + GROWN + COPY },
    { "local _ = string.format(long)", 400 + 100 + 2 * COPY },
    { "for _ in string.gmatch(long, 'x') do end", 6400 * 3 },
    { "local _ = string.gsub(long, 'x', '')", 3200 },
    { "local _ = string.len(long)", 0 },
    { "local _ = string.lower(long)", 800 + 2 * COPY },
    { "local _ = string.reverse(long)", 800 + 2 * COPY },
    { "local _ = string.match(long, '^x*$')", 1600 + COPY },
    { "local _ = string.match(long, '^.*$')", COPY },
    { "local _ = string.match('', items)", 800 + 200 * 40 // 64 + 8 },
    { "local _ = string.rep('x', 6400)", 100 + ROOM + COPY },
    { "local _ = string.sub(long, 2)", 100 + COPY },
    { "local _ = table.concat(many)", 4000 + GROWN + 8000 // 64 + 8 },
    { "local t = table.move(list, 1, 1024, 1, {})", 1024 + GROWTH },
    { "local t = table.move(list, 1, 1024, 1, {}) table.insert(t, 1, 0) table.remove(t, 1)", 3 * 1024 + 2 * GROWTH },
    { "local _ = table.pack(table.unpack(many))", 2000 + 4000 * 16 // 64 },
    { "local t = table.move(list, 1, 1024, 1, {}) table.sort(t)", 1024 + GROWTH + 2 * 1024 + 5 * 1024 + 2 * (1024 * 16 // 64 + 8) },
    { "local _ = utf8.char(table.unpack(many))", 1000 + 4000 + 262 },
    { "local _ = utf8.codepoint(long, 1, 4000)", 1000 },
    { "for _ in utf8.codes(long) do end", 6400 },
    { "local _ = utf8.len(long)", 400 },
    { "local _ = utf8.offset(long, 1)", 400 },
    { "local _ = deny 'why'", 8 },
    { "local _ = req:bucket('attrs.text', 4)", 400 },
    { "local _ = req:one_of('env', keep)", 100 + 400 },
    { "local _ = req:prefix('env', long)", 400 },
  }

  it("says what each call costs", function()
    local LIMIT <const> = 200000
    local codes, wrong = {}, {}
    for i, cost in ipairs(COSTS) do
      codes[i] = "for _ = 1, req.attrs.n do " .. cost[1] .. " end return nil"
    end
    open(SETUP .. "local keep = {} for i = 1, 100 do keep[i] = long:sub(1, 64) end", codes, ", instructions: " .. LIMIT .. ", timeout: 10s")
    local function fits(i, n)
      local ok, problem = pcall(ask, { i = i, n = n, text = ("x"):rep(6400) })
      assert(ok or tostring(problem):find "instructions", problem)
      return ok
    end
    for i, cost in ipairs(COSTS) do
      local low, high = 1, LIMIT
      while high - low > 1 + low // 50 do
        local middle = (low + high) // 2
        if fits(i, middle) then low = middle else high = middle end
      end
      local measured = LIMIT / low
      if measured < cost[2] * 0.95 or measured > cost[2] * 1.05 + 20 then
        wrong[#wrong + 1] = ("%s costs %.0f, and should cost %d"):format(cost[1], measured, cost[2])
      end
    end
    assert.same({}, wrong)
  end)

  it("says where the limits are", function()
    local codes = {
      [[local t = {} for i = 1, req.attrs.n do t["k" .. i] = i end return "main"]],
      [[local t = {} for i = 1, req.attrs.n do t[i] = i end return "main"]],
      [[local _ = ("x"):rep(req.attrs.n) return "main"]],
      [[local _ = ("x"):rep(req.attrs.n // 2) local __ = _ .. _ return "main"]],
      [[local _ = many.k10000 return "main"]],
      [[pcall(function() while true do end end) return "main"]],
    }
    open("local many = {} for i = 1, 10000 do many['k' .. i] = i end", codes, ", timeout: 10s")
    local function holds(i, n, problem)
      assert.equal("main", ask({ i = i, n = n }).client)
      if problem then App.raises("SHUNT_E_LIMIT", function() ask { i = i, n = 2 * n } end, problem) end
    end
    holds(1, 4096, "4096 keys in a table")
    App.raises("SHUNT_E_LIMIT", function() ask { i = 1, n = 4097 } end, "4096 keys in a table")
    holds(2, 50000)
    holds(3, 1 << 20, "1048576 bytes of memory for one text")
    App.raises("SHUNT_E_LIMIT", function() ask { i = 3, n = (1 << 20) + 1 } end, "one text")
    holds(4, 1 << 20, "1048576 bytes of memory for one text")
    holds(5, 1)
    App.raises("SHUNT_E_LIMIT", function() ask { i = 6 } end, "instructions")
  end)

  it("says what loading may use", function()
    local function loads(limits, text)
      open(text, {}, limits)
      app:close()
      App.remove(folder)
      app = nil
    end
    local function fails(problem, limits, text)
      App.raises("SHUNT_E_LIMIT", function() loads(limits, text) end, problem)
    end
    loads(", instructions: 20000, timeout: 10s", "for i = 1, 16 * 19000 do end")
    fails("320000 instructions", ", instructions: 20000, timeout: 10s", "for i = 1, 16 * 21000 do end")
    fails("80 ms of computing time", ", instructions: 1000000000, timeout: 5ms", "while true do end")
    local collide = "local t = {} for i = 1, 200000 do t[i * ((1 << 18) - 1)] = true end"
    fails("in one step that can't be stopped", ", instructions: 1000000000, timeout: 5ms", collide)
    loads("", "for i = 1, 16 do rule('r' .. i) { stage = 'override', client = 'main' } end")
    local ok, problem = pcall(loads, "", "for i = 1, 130 do rule('r' .. i) { stage = 'none', client = 'main' } end")
    assert.is_false(ok)
    assert.matches("\nand 30 more", tostring(problem), 1, true)
  end)

  it("says what names that rules compute lead to", function()
    open("", { "for k = 1, req.attrs.n do local _ = req.where['c' .. req.attrs.from + k] end return 'main'" }, ", instructions: 100000000, timeout: 10s")
    for from = 0, 9500, 500 do ask { i = 1, from = from, n = 500 } end
    local known <const> = { i = 1, from = 0, n = 10 }
    local new <const> = { i = 1, from = 20000, n = 10 }
    ask(known)
    assert.is_true(ask(known).remembered)
    ask(new)
    assert.is_false(ask(new).remembered)
    ask { i = 1, from = 30000, n = 990 }
    App.raises("SHUNT_E_LIMIT", function() ask { i = 1, from = 30000, n = 1001 } end, "by computed names")
  end)

  it("says what a rule can't change or keep", function()
    open("local t = { list = {} }", {
      "return deny(select(2, pcall(function() t.n = 1 end)))",
      "return deny(select(2, pcall(table.insert, t.list, 1)))",
      "return deny(tostring(#table.move(t.list, 1, #t.list, 1, {})))",
      "return deny(select(2, pcall(require, 'lib.a')))",
      "return deny(tostring(req.instance.config == req.instance.config))",
    })
    assert.matches("this table is frozen once the rules are loaded", ask({ i = 1 }).denied)
    assert.matches("this table is frozen once the rules are loaded", ask({ i = 2 }).denied)
    assert.equal("0", ask({ i = 3 }).denied)
    assert.matches("require modules at the top of a rule file", ask({ i = 4 }).denied)
    assert.equal("true", ask({ i = 5 }).denied)
    for code, problem in pairs {
      ["local n = 0 rule 'x' { stage = 'override', when = function() n = n + 1 end, client = 'main' }"] = "writes to the upvalue 'n'",
      ["local next = pairs {} rule 'x' { stage = 'override', when = function() return next() end, client = 'main' }"] = "an iterator of pairs",
      ["local next = ('x'):gmatch 'x' rule 'x' { stage = 'override', when = function() return next() end, client = 'main' }"] = "an iterator of string.gmatch",
    } do
      App.write(folder .. "/rules/a.lua", code)
      local ok, why = pcall(app.reload, app)
      assert.is_false(ok)
      assert.matches(problem, tostring(why), 1, true)
    end
  end)
end)
