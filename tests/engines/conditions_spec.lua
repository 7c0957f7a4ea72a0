-- Conditions on every engine: random trees of every operator on random rows, against an evaluation in plain Lua; lists of any
-- length; what is refused.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Evaluate = require "tests.engines.support.evaluate"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local null = shunt.null
local seed = Random.seed()
local trees = tonumber(os.getenv "SHUNT_CONDITIONS") or 400

-- t compares by its bytes, u ignores the case of ASCII; its order depends on the engine. PostgreSQL has no such type that needs no extension.
local tables = {
  sqlite3 = "id INTEGER PRIMARY KEY, n INTEGER, m INTEGER, d TEXT, t TEXT, u TEXT COLLATE NOCASE",
  pg = [[id INTEGER PRIMARY KEY, n INTEGER, m BIGINT, d DATE, t TEXT, u TEXT COLLATE "C"]],
  mysql = "id INTEGER PRIMARY KEY, n INTEGER, m BIGINT, d DATE, t VARCHAR(50), u VARCHAR(50) COLLATE utf8mb4_general_ci",
}
local folded = { sqlite3 = true, mysql = true }
local letters = { "a", "A", "b", "B", "%", "_", "!", "\\", "'", '"', "-" }
local rules = {}
for _, engine in ipairs(Engines.all) do
  rules[#rules + 1] = ("model %q { table = \"things\", client = %q }"):format(engine, engine)
end

local function text(random, most, more)
  local out = {}
  for i = 1, random:int(0, most) do out[i] = more and random:chance(10) and more or random:of(letters) end
  return table.concat(out)
end

local function cell(random, make) return random:chance(15) and null or make() end

local function number(random) return random:int(-3, 12) end

local function day(random) return ("2026-01-%02d"):format(random:int(1, 9)) end

local makers = { n = number, m = number, d = day, t = function(random) return text(random, 4, "ß") end, u = function(random) return text(random, 4) end }

local function random_rows(random)
  local out = {}
  for id = 1, 60 do
    out[id] = { id = id }
    for _, column in ipairs { "n", "m", "d", "t", "u" } do
      out[id][column] = cell(random, function() return makers[column](random) end)
    end
  end
  return out
end

-- ---- random conditions ----

local same_kind = { n = "m", m = "n", t = "t" } -- texts of different collations can't be compared on every engine

local function pattern(random)
  if random:chance(50) then return random:of { "%", "_" } .. text(random, 2) .. random:of { "", "%" } end
  local escape = random:of { "!", "\\", "ß", "-" }
  local out = {}
  for i = 1, random:int(1, 4) do
    local letter = random:of(letters)
    out[i] = (letter == escape or random:chance(30)) and escape .. letter or letter
  end
  return { table.concat(out) .. random:of { "", "%" }, escape = escape }
end

local function operators_of(column)
  local all = { "eq", "ne", "in", "not_in" }
  if column ~= "u" then all = { "eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "between", "not_between" } end
  if same_kind[column] then all[#all + 1] = "column" end
  if column == "t" or column == "u" then
    for _, name in ipairs { "like", "ilike", "contains", "starts_with", "ends_with" } do all[#all + 1] = name end
  end
  return all
end

local function operand(random, column, op)
  local make = makers[column]
  if op == "in" or op == "not_in" then
    local out = {}
    for i = 1, random:int(0, 4) do out[i] = random:chance(15) and null or make(random) end
    return out
  end
  if op == "between" or op == "not_between" then return { make(random), make(random) } end
  if op == "like" or op == "ilike" then return pattern(random) end
  if op == "contains" or op == "starts_with" or op == "ends_with" then return text(random, 2) end
  if op == "column" then return same_kind[column] end
  if same_kind[column] and random:chance(25) then return shunt.column(same_kind[column]) end
  if (op == "eq" or op == "ne") and random:chance(20) then return null end
  return make(random)
end

local function condition(random, depth)
  local roll = random:int(1, 10)
  if depth < 3 and roll <= 3 then
    local parts = {}
    for i = 1, random:int(0, 3) do parts[i] = condition(random, depth + 1) end
    return { [random:of { "_or", "_and" }] = parts }
  end
  if depth < 3 and roll == 4 then return { _not = condition(random, depth + 1) } end
  local out = {}
  for _ = 1, random:int(1, 2) do
    local column = random:of { "n", "m", "d", "t", "u" }
    local op = random:of(operators_of(column))
    out[column] = out[column] or {}
    out[column][op] = operand(random, column, op)
  end
  return out
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
    rows = random_rows(Random.new(seed))
    for _, engine in ipairs(Engines.all) do
      session:execute(engine, ("CREATE TABLE things (%s)"):format(tables[engine]))
      session:model(engine):insert_bulk(rows)
    end
  end)
  teardown(function() world:close() end)

  for _, engine in ipairs(Engines.all) do
    it("hold for the rows for which they hold in Lua, on " .. engine, function()
      local random = Random.new(seed + 1)
      for number_of_tree = 1, trees do
        local where = condition(random, 1)
        local expected = ids(Evaluate.rows(rows, where, { null = null, folded = { u = folded[engine] } }))
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
