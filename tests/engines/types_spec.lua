-- Declared types of a model: the same Lua values on every engine, whatever the columns are there.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local show = require "tests.spec.support.show"

local ROUNDS = 60

local tables = {
  sqlite3 = {
    { n = "INTEGER", x = "REAL", d = "DECIMAL(12,2)", b = "BOOLEAN", t = "STRING", p = "BLOB", day = "DATE", clock = "TIME", at = "DATETIME",
      j = "JSON", u = "UUID" },
    { n = "BIGINT", x = "DOUBLE", d = "NUMERIC(12,2)", b = "INTEGER", t = "VARCHAR(40)", p = "BLOB", day = "TEXT", clock = "TEXT", at = "TEXT",
      j = "TEXT", u = "TEXT" },
  },
  pg = {
    { n = "bigint", x = "double precision", d = "numeric(12,2)", b = "boolean", t = "text", p = "bytea", day = "date", clock = "time",
      at = "timestamp", j = "json", u = "uuid" },
    { n = "bigint", x = "double precision", d = "numeric(12,2)", b = "boolean", t = "varchar(40)", p = "bytea", day = "date", clock = "time(6)",
      at = "timestamptz", j = "text", u = "char(36)" },
  },
  mysql = {
    { n = "BIGINT", x = "DOUBLE", d = "DECIMAL(12,2)", b = "BOOLEAN", t = "VARCHAR(40)", p = "BLOB", day = "DATE", clock = "TIME(6)",
      at = "DATETIME(6)", j = "JSON", u = "CHAR(36)" },
    { n = "BIGINT", x = "DOUBLE", d = "DECIMAL(12,2)", b = "BIT(1)", t = "TEXT", p = "VARBINARY(40)", day = "DATE", clock = "TIME(6)",
      at = "TIMESTAMP(6) NULL", j = "LONGTEXT", u = "CHAR(36)" },
  },
}
local names = { "n", "x", "d", "b", "t", "p", "day", "clock", "at", "j", "u" }

local rules = [[
  local types = { n = "integer", x = "number", d = "decimal", b = "boolean", t = "text", p = "blob", day = "date", clock = "time",
    at = "datetime", j = "json", u = "uuid" }
  for _, name in ipairs { "sqlite3", "pg", "mysql" } do
    model("spread_" .. name) { client = name, parts = { tables = "part_%d", n = 2 }, types = { d = "decimal", b = "boolean" },
      table = function(req) return ("part_%d"):format(req:bucket("where.id", 2) or 0) end }
    for i = 1, 2 do
      model(name .. i) { table = "things" .. i, client = name, types = types, relations = { others = has_many(name .. i, "n", { key = "n" }) } }
    end
  end]]

local function hex(random, n)
  local parts = {}
  for i = 1, n do parts[i] = ("%x"):format(random:int(0, 15)) end
  return table.concat(parts)
end

local function day(random) return ("%04d-%02d-%02d"):format(random:int(1971, 2037), random:int(1, 12), random:int(1, 28)) end

local function clock(random)
  local out = ("%02d:%02d:%02d"):format(random:int(0, 23), random:int(0, 59), random:int(0, 59))
  return random:chance(50) and out .. "." .. random:int(1, 9) or out
end

-- What is given, and what every engine gives.
local draw = {
  n = function(random) local v = random:next() >> random:int(1, 60) return v, v end,
  x = function(random) local v = random:int(-9999, 9999) / 8 return random:chance(20) and math.tointeger(v) or v, v end,
  d = function(random)
    local cents = random:int(-99999, 99999)
    local text = ("%s%d.%02d"):format(cents < 0 and "-" or "", math.abs(cents) // 100, math.abs(cents) % 100)
    return random:chance(30) and cents / 100 or text, text
  end,
  b = function(random) local v = random:chance(50) return random:chance(30) and (v and 1 or 0) or v, v end,
  t = function(random) local v = random:of { "a", "007", "1.50", "12", "ä", " x" } return v, v end,
  p = function(random) local v = random:of { "", "a", "ab\255"} return shunt.blob(v), shunt.blob(v) end,
  day = function(random) local v = day(random) return random:chance(30) and v .. " 00:00:00" or v, v end,
  clock = function(random) local v = clock(random) return random:chance(30) and v .. (v:find "%." and "00" or "") or v, v end,
  at = function(random)
    local d, c = day(random), clock(random)
    return d .. random:of { " ", "T" } .. c .. random:of { "", "Z", "+00:00" }, d .. " " .. c
  end,
  j = function(random) local v = random:of { '{"a": [1, 2]}', "[]", "7", "true" } return v, v end,
  u = function(random)
    local h = hex(random, 32)
    local v = ("%s-%s-%s-%s-%s"):format(h:sub(1, 8), h:sub(9, 12), h:sub(13, 16), h:sub(17, 20), h:sub(21))
    return random:of { v, v:upper(), h }, v
  end,
}

describe("declared types", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session

  setup(function()
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = rules }
    session = world.session
    for engine, list in pairs(tables) do
      for i, columns in ipairs(list) do
        local parts = {}
        for _, name in ipairs(names) do parts[#parts + 1] = name .. " " .. columns[name] end
        session:execute(engine, ("CREATE TABLE things%d (id INTEGER NOT NULL PRIMARY KEY, %s)"):format(i, table.concat(parts, ", ")))
      end
    end
  end)
  teardown(function() world:close() end)

  local function each_model(fn)
    for _, engine in ipairs(Engines.all) do
      for i = 1, 2 do fn(session:model(engine .. i), engine .. i) end
    end
  end

  it("give the same values on every engine, and find rows by them", function()
    local seed = Random.seed()
    local random = Random.new(seed)
    -- a STRING of SQLite would make 007 a number: shunt refuses that
    local kept_as_numbers = { ["007"] = true, ["1.50"] = true }
    for id = 1, ROUNDS do
      local given, expected = { id = id }, { id = id }
      for _, name in ipairs(names) do
        if random:chance(10) then
          given[name], expected[name] = shunt.null, shunt.null
        else
          given[name], expected[name] = draw[name](random)
        end
      end
      each_model(function(model, name)
        local function same(got)
          local problem = show.difference(expected, got, shunt.null)
          assert(not problem, problem and ("SHUNT_SEED=%d, %s: %s"):format(seed, name, problem))
        end
        if name == "sqlite31" and kept_as_numbers[given.t] then
          Engines.raises("SHUNT_E_CONSTRAINT", function() model:insert(given) end)
          return
        end
        same(model:insert(given))
        same(model:get(id))
        same(model:select({ where = { id = id } })[1])
        for _, column in ipairs(names) do
          if column ~= "j" and column ~= "p" then
            for _, value in ipairs { given[column], expected[column] } do
              assert(model:count { where = { id = id, [column] = value } } == 1,
                ("SHUNT_SEED=%d, %s: %s is not found by %s"):format(seed, name, column, show.source(value, shunt.null)))
            end
          end
        end
        model:update(given)
        local row = model:get(id, { include = { others = true } })
        for _, other in ipairs(row.others) do
          if other.id == id then same(other) end
        end
        local least = model:aggregate { min = { "d", "day", "at", "clock" }, where = { id = id } }
        for _, column in ipairs { "d", "day", "at", "clock" } do
          assert.equal(expected[column], least["min_" .. column], ("SHUNT_SEED=%d, %s"):format(seed, name))
        end
      end)
    end
  end)

  it("hold for models whose rows are spread over several tables", function()
    for _, engine in ipairs(Engines.all) do
      local boolean = engine == "pg" and "boolean" or "INTEGER"
      for i = 0, 1 do
        session:execute(engine, ("CREATE TABLE part_%d (id INTEGER NOT NULL PRIMARY KEY, d DECIMAL(12,2), b %s)"):format(i, boolean))
      end
      local spread = session:model("spread_" .. engine)
      for id = 1, 6 do assert.equal(id .. ".50", spread:insert({ id = id, d = id + 0.5, b = id % 2 == 0 }).d) end
      local rows = spread:select { order = "id" }
      for id = 1, 6 do assert.same({ id = id, d = id .. ".50", b = id % 2 == 0 }, rows[id]) end
      assert.equal("2.50", spread:mget({ 1, 2 })[2].d)
      assert.same({ min_d = "1.50", max_d = "6.50" }, spread:aggregate { min = "d", max = "d" })
      assert.equal(3, spread:count { where = { b = true } })
    end
  end)

  it("refuse what is of another type, and store nothing", function()
    local wrong = { n = { 1.5, "x", "1.5" }, x = { "x", shunt.blob "1" }, d = { "x", true, 0 / 0 }, b = { 2, "perhaps", 0.5 }, p = { 1 },
      day = { "2026-11-24 12:00:00", 20261124, "24.11.2026" }, clock = { "noon", 12 }, at = { "2026-11-24 12:00:00+02", "now" }, u = { "x", 7 },
      t = { true } }
    each_model(function(model, name)
      local before = model:count()
      for column, list in pairs(wrong) do
        for _, value in ipairs(list) do
          local problem = Engines.raises("SHUNT_E_USAGE", function() model:insert { id = 1000000, [column] = value } end)
          assert(problem.message:find("'" .. column .. "'", 1, true), name .. ": " .. problem.message)
        end
      end
      assert.equal(before, model:count())
    end)
  end)

  it("name the column where the database holds something else", function()
    session:execute("sqlite3", "INSERT INTO things1 (id, b) VALUES (2000000, 2)")
    local problem = Engines.raises("SHUNT_E_DATASOURCE", function() session:model("sqlite31"):get(2000000) end)
    assert.is_truthy(problem.message:find("'b' holds 2", 1, true), problem.message)
    session:execute("sqlite3", "DELETE FROM things1 WHERE id = 2000000")
  end)

  it("are described, and a misspelt one is a mistake with its place", function()
    local described
    for _, model in ipairs(world.app:describe().models) do
      if model.name == "pg1" then described = model.types end
    end
    assert.equal("datetime", described.at)
    local yaml = "database: {defaultClient: a, clients: {a: {engine: sqlite3, connection: {filename: a.db, create: true}}}}\n"
    local problem = App.raises("SHUNT_E_CONFIG", function()
      App.open { ["shunt.yaml"] = yaml .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = 'model "thing" { types = { done = "boolea" } }' }
    end)
    assert.is_truthy(problem.message:find("did you mean 'boolean'", 1, true), problem.message)
  end)

  it("are compared by shunt check --online", function()
    local here = assert(io.popen("pwd", "r")):read "l"
    local function check()
      local command = ("cd %s && %s/%s check --online 2>&1"):format(world.folder, here, os.getenv "SHUNT_BIN" or "build/shunt")
      local pipe = assert(io.popen(command, "r"))
      local out = pipe:read "a"
      return pipe:close(), out
    end
    local ok, out = check()
    assert(ok, out)
    session:execute("pg", "ALTER TABLE things1 ALTER COLUMN day TYPE text")
    ok, out = check()
    assert.is_nil(ok)
    local message = "model pg1 declares that 'day' is of the type date, and in the table things1 on pg it is text"
    assert.is_truthy(out:find(message, 1, true), out)
  end)
end)
