-- The Lua API: the methods and options that the binding registers, the stubs for the Lua language server and the manual agree.
local core = require "shunt.core"
local shunt = require "shunt"
local Shop = require "tests.spec.support.shop"

local read = require("tests.files").read
local sorted = require("tests.spec.support.show").sorted_keys

--- What the stubs declare: the fields of each class, its parent, and the parameters of each function.
local function parse(text)
  local classes, functions, params = {}, {}, {}
  for line in text:gmatch "[^\n]+" do
    local name, parent = line:match "^%-%-%-@class ([%w_.]+):?%s*([%w_.]*)"
    if name then
      classes[name] = { fields = {}, parent = parent }
      classes.last = classes[name]
    end
    local field = line:match "^%-%-%-@field ([%w_]+)"
    if field then classes.last.fields[field] = true end
    local param, type_name = line:match "^%-%-%-@param ([%w_]+) (.+)$"
    if param then params[param] = type_name end
    local of, separator, method = line:match "^function ([%w_]+)([.:])([%w_]+)"
    if of then
      functions[of .. separator .. method] = params
      params = {}
    end
  end
  return classes, functions
end

local classes, functions = parse(read "lua/shunt/types/shunt.lua")

--- The options in a parameter's type: a class, or a table written in place.
local function options_of(type_name)
  local out = {}
  local inline = type_name:match "^(%b{})"
  if inline then
    for name in inline:gmatch "([%w_]+)%s*:" do out[name] = true end
    return out
  end
  local class = classes[type_name:match "^[%w_.]+"]
  while class do
    for name in pairs(class.fields) do out[name] = true end
    class = classes[class.parent]
  end
  return out
end

local METHODS = { app = core.app_methods, session = core.session_methods, model = core.model_methods, worker = core.worker_methods,
  blob = core.blob_methods }

describe("the stubs", function()
  for of, methods in pairs(METHODS) do
    it("declare the methods of " .. of, function()
      local declared = {}
      for name in pairs(functions) do declared[name:match("^" .. of .. ":(.+)$") or false] = true end
      declared[false] = nil
      assert.same(sorted(methods), sorted(declared))
    end)
  end

  it("declare the functions of the module", function()
    local declared, there = {}, {}
    for name in pairs(functions) do declared[name:match "^shunt%.(.+)$" or false] = true end
    declared[false] = nil
    for name, value in pairs(shunt) do
      if type(value) == "function" then there[name] = true end
    end
    assert.same(sorted(there), sorted(declared))
  end)

  for of, names in pairs(core.options) do
    it("declare the options of " .. of, function()
      local params = functions[of]
      assert(params, of .. " is not declared")
      local taken = {}
      for _, name in ipairs(names) do taken[name] = true end
      assert.same(sorted(taken), sorted(options_of(params.options or params.request)))
    end)
  end

  it("declare no options of a function that takes none", function()
    local MADE_IN_LUA = { ["shunt.has_one"] = true, ["shunt.has_many"] = true, ["shunt.belongs_to"] = true,
      ["shunt.belongs_to_many"] = true }
    for name, params in pairs(functions) do
      if params.options and not MADE_IN_LUA[name] then assert(core.options[name], name) end
    end
  end)
end)

describe("what the module returns", function()
  local shop
  setup(function() shop = Shop.open() end)
  teardown(function() shop:close() end)

  --- Every key is declared, and every field that is declared without a question mark is there.
  local function agrees(value, name)
    local optional = {}
    for field, type_name in read("lua/shunt/types/shunt.lua"):match("@class " .. name .. "\n(.-)\n\n"):gmatch "@field ([%w_]+) (%S+)" do
      optional[field] = type_name:sub(-1) == "?" or type_name:find "nil$" ~= nil
    end
    for key in pairs(value) do assert(optional[key] ~= nil, name .. " has an undeclared field " .. key) end
    for field, may_be_nil in pairs(optional) do assert(may_be_nil or value[field] ~= nil, name .. " lacks " .. field) end
  end

  it("has the declared fields", function()
    local app, session = shop.app, shop.session
    agrees(app:pools()[1], "shunt.pool")
    agrees(app:limits()[1], "shunt.limit")
    agrees(app:statistics(), "shunt.statistics")
    agrees(app:statistics().rules[1], "shunt.rule_statistics")
    agrees(session:resolve "user", "shunt.decision")
    local _, problem = pcall(session.resolve, session, "usr")
    agrees(problem, "shunt.error")
    agrees(select(2, session:model("user"):select { limit = 1 }), "shunt.meta")
  end)

  it("has the declared fields in what an observer gets", function()
    local session, seen = shop.session, nil
    session:observe(function(statement) seen = statement end)
    session:model("user"):select { limit = 1 }
    session:observe(nil)
    agrees(seen, "shunt.statement")
  end)
end)

describe("the manual", function()
  local manual = ""
  local pipe = assert(io.popen "find README.md rules -name '*.md'")
  for path in pipe:lines() do manual = manual .. read(path) end
  pipe:close()

  for of, methods in pairs(METHODS) do
    it("names the methods of " .. of, function()
      local missing = {}
      for name in pairs(methods) do
        if not manual:find("[:.`]" .. name .. "%f[^%w_]") then missing[#missing + 1] = of .. ":" .. name end
      end
      assert.same({}, missing)
    end)
  end

  it("names the functions of the module", function()
    for name, value in pairs(shunt) do
      if type(value) == "function" then assert(manual:find("%f[%w_]" .. name .. "%f[^%w_]"), "shunt." .. name) end
    end
  end)

  for of, names in pairs(core.options) do
    it("names the options of " .. of, function()
      for _, name in ipairs(names) do assert(manual:find("%f[%w_]" .. name .. "%f[^%w_]"), name) end
    end)
  end
end)
