-- Conditions on every engine: random trees of every operator on random rows, against an evaluation in plain Lua; lists of any
-- length; what is refused.

local shunt = require "shunt"
local Conditions = require "tests.engines.support.conditions"
local Engines = require "tests.engines.support.engines"
local Evaluate = require "tests.engines.support.evaluate"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local seed = Random.seed()
local trees = tonumber(os.getenv "SHUNT_CONDITIONS") or 400

local rules = {}
for _, engine in ipairs(Engines.all) do
  rules[#rules + 1] = ("model %q { table = \"things\", client = %q }"):format(engine, engine)
end

-- ---- the specs ----

local function ids(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.id end
  table.sort(out)
  return out
end

describe("conditions (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session, rows

  setup(function()
    print(("conditions: SHUNT_SEED=%d, %d trees"):format(seed, trees))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3",
      rules = table.concat(rules, "\n") }
    session = world.session
    rows = Conditions.rows(Random.new(seed))
    for _, engine in ipairs(Engines.all) do
      session:execute(engine, ("CREATE TABLE things (%s)"):format(Conditions.tables[engine]))
      session:model(engine):insert_bulk(rows)
    end
  end)
  teardown(function() world:close() end)

  for _, engine in ipairs(Engines.all) do
    it("hold for the rows for which they hold in Lua, on " .. engine, function()
      local random = Random.new(seed + 1)
      for number_of_tree = 1, trees do
        local where = Conditions.tree(random, 1)
        local expected = ids(Evaluate.rows(rows, where, { null = null, folded = { u = Conditions.folded[engine] } }))
        local ok, got = pcall(session.model(session, engine).select, session:model(engine), { where = where, columns = "id" })
        if not ok then error(("tree %d: %s\n%s"):format(number_of_tree, tostring(got), show.source(where, null))) end
        assert.same(expected, ids(got), ("tree %d: %s"):format(number_of_tree, show.source(where, null)))
      end
    end)

    describe("with long lists on " .. engine, function()
      local function check(column, list)
        local there = {}
        for _, value in ipairs(list) do there[value] = true end
        local inside, outside = {}, {}
        for _, row in ipairs(rows) do
          if row[column] ~= null then table.insert(there[row[column]] and inside or outside, row.id) end
        end
        local model = session:model(engine)
        assert.same(inside, ids(model:select { where = { [column] = list } }))
        assert.same(outside, ids(model:select { where = { [column] = { not_in = list } } }))
        list[#list + 1] = null
        assert.equal(#rows - #outside, model:count { where = { [column] = list } })
        assert.equal(#outside, model:count { where = { [column] = { not_in = list } } })
      end

      it("finds integers", function()
        local list = {}
        for i = 1, 100000 do list[i] = i * 3 end
        list[#list + 1] = -3
        list[#list + 1] = math.maxinteger
        check("n", list)
        list = {}
        for i = 1, 70000 do list[i] = i * 2 - 100 end
        check("m", list)
      end)

      it("finds texts, whatever is in them", function()
        local list = {}
        for i = 1, 70000 do list[i] = ("x%d\"\\\1"):format(i) end
        for i = 1, #rows, 2 do
          if rows[i].t ~= null then list[#list + 1] = rows[i].t end
        end
        check("t", list)
      end)

      it("finds texts as the collation compares", function()
        local list = { "A" }
        for i = 1, 70000 do list[#list + 1] = "x" .. i end
        local expected = session:model(engine):count { where = { u = "A" } }
        assert.equal(expected, session:model(engine):count { where = { u = list } })
      end)
    end)

    it("that make no sense are refused on " .. engine, function()
      local model = session:model(engine)
      local function refused(where, words)
        local problem = Engines.raises("SHUNT_E_USAGE", model.select, model, { where = where })
        assert.truthy(problem.message:find(words, 1, true), problem.message)
      end
      refused({ t = { contains = 5 } }, "takes text, not an integer")
      refused({ t = { like = { "a!", escape = "!" } } }, "ends in its escape character")
      refused({ t = { like = { "a", escape = "!!" } } }, "one character")
      refused({ t = { like = { "a", escape = "%" } } }, "one character")
      refused({ t = { like = { "a", "!" } } }, "takes text")
      refused({ n = { not_between = { 1 } } }, "not_between takes a list of two values")
      refused({ n = { lt = shunt.column "" } }, "the name of a column")
      refused({ n = { ["in"] = shunt.column "m" } }, "a list of values")
      if engine ~= "pg" then refused({ n = { lt = shunt.column "t" } }, "can't be compared with the type") end
      Engines.raises("SHUNT_E_NOT_FOUND", model.select, model, { where = { n = { lt = shunt.column "nothing" } } })
    end)
  end

  it("between columns of different kinds are refused", function()
    assert.has_error(function() session:model("pg"):select { where = { n = shunt.column "t" } } end)
    Engines.raises("SHUNT_E_USAGE", session.model(session, "mysql").select, session:model "mysql", { where = { d = shunt.column "t" } })
  end)
end)
