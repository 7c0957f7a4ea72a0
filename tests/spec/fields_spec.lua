-- The stubs and the flags name the fields that the C code declares: SHUNT_REQUEST_MAP, SHUNT_DECISION_MAP and the maps of
-- src/rule/request.h.
local core = require "shunt.core"
local commands = require "shunt.cli.commands"

local read = require("tests.files").read

local function sorted(list)
  table.sort(list)
  return list
end

--- The names of the fields of a class in a file of stubs.
local function stubs(path, class)
  local body = read(path):match("%-%-%-@class " .. class:gsub("%.", "%%.") .. "\n(.-)\n[^-]")
  local names = {}
  for name in (body .. "\n"):gmatch "%-%-%-@field ([%w_]+)" do names[#names + 1] = name end
  return sorted(names)
end

--- The first string in each line of an X-macro.
local function map(path, macro)
  local body = read(path):match("#define " .. macro .. "%(X%)(.-)\n\n")
  local names = {}
  for name in body:gmatch 'X%([^")]*"([%w_]+)"' do names[#names + 1] = name end
  return names
end

describe("fields", function()
  it("of a request are what the stub of its options says", function()
    local options = { "table", "every_rule", "no_model" }
    for _, of in ipairs(core.request_options) do options[#options + 1] = of.option end
    assert.same(sorted(options), stubs("lua/shunt/types/shunt.lua", "shunt.request"))
  end)

  it("of a decision are what its stub says", function()
    assert.same(sorted(table.move(core.decision_fields, 1, #core.decision_fields, 1, {})),
      stubs("lua/shunt/types/shunt.lua", "shunt.decision"))
  end)

  it("that rules see are what the stubs of rule files say", function()
    local fields = map("src/shunt.h", "SHUNT_REQUEST_MAP")
    for _, name in ipairs(map("src/rule/request.h", "RULE_FIELD_MAP")) do fields[#fields + 1] = name end
    assert.same(sorted(fields), stubs("lua/shunt/types/rules.lua", "shunt.rules.request"))
    assert.same(sorted(map("src/rule/request.h", "RULE_INSTANCE_MAP")),
      stubs("lua/shunt/types/rules.lua", "shunt.rules.instance"))
  end)

  it("of a request have a flag each", function()
    local known = {}
    for _, flag in ipairs(commands.by_name.resolve.flags) do known[flag[1]] = true end
    for _, of in ipairs(core.request_options) do assert.is_true(known["--" .. of.option:gsub("_", "-")], of.option) end
  end)
end)
