-- Relations from every engine to every other: keys compare by value, whatever types hold them on either side.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"

local MIN, MAX = math.mininteger, math.maxinteger
local blob = shunt.blob

local text_types = { sqlite3 = "TEXT", pg = "text", mysql = "VARCHAR(100)" }
local integer_types = { sqlite3 = "INTEGER", pg = "bigint", mysql = "BIGINT" }
local unsigned_types = { sqlite3 = "TEXT", pg = "numeric(20)", mysql = "BIGINT UNSIGNED" }
local uuids = { "0e37df36-f698-11e6-8dd4-cb9ced3df976", "ffffffff-ffff-4fff-bfff-ffffffffffff", "00000000-0000-0000-0000-000000000000" }

-- name, the parent's key type and the child's by engine, values (of the parent's key; as the child has them where they differ),
-- and one that no parent has
local kinds = {
  { "integers", integer_types, integer_types, { MIN, -1, 0, 1, 9007199254740993, MAX }, dangling = 4 },
  { "small integers", { sqlite3 = "INTEGER", pg = "smallint", mysql = "TINYINT" }, integer_types, { -128, 0, 127 }, dangling = 1 << 40 },
  { "large keys in small columns", integer_types, { sqlite3 = "INTEGER", pg = "smallint", mysql = "TINYINT" }, { 1, 2, 127 },
    dangling = 3, more = { 1 << 40, MAX } },
  { "texts", text_types, text_types, { "", "a", "A", "ß", "😀", "1", "01", "é" }, dangling = "b" },
  { "integers and texts", integer_types, text_types, { 1, -7, MAX, 0 }, { "1", "-7", "9223372036854775807", "0" }, dangling = "x" },
  { "texts and integers", text_types, integer_types, { "1", "-7", "0" }, { 1, -7, 0 }, dangling = 4, more = { "x", "", "1.5", "12345678901234567890" } },
  { "uuids", { sqlite3 = "TEXT", pg = "uuid", mysql = "CHAR(36)" }, { sqlite3 = "TEXT", pg = "uuid", mysql = "CHAR(36)" }, uuids,
    dangling = "0e37df36-f698-11e6-8dd4-cb9ced3df977" },
  { "texts and uuids", text_types, { sqlite3 = "TEXT", pg = "uuid", mysql = "CHAR(36)" }, uuids, dangling = "0e37df36-f698-11e6-8dd4-cb9ced3df977",
    more = { "not one", "7" } },
  { "unsigned integers", unsigned_types, unsigned_types,
    { "0", "5", "9223372036854775807", "9223372036854775808", "18446744073709551614", "18446744073709551615" }, dangling = "18446744073709551613" },
  { "floats", { sqlite3 = "REAL", pg = "double precision", mysql = "DOUBLE" }, { sqlite3 = "REAL", pg = "double precision", mysql = "DOUBLE" },
    { 0.1, -1.5, 1e300, 3.0 }, dangling = 2.5 },
  { "floats and integers", { sqlite3 = "REAL", pg = "double precision", mysql = "DOUBLE" }, integer_types, { 1.0, -3.0 }, { 1, -3 },
    dangling = 2, more = { 1.5, 1e300 } },
  { "decimals", { sqlite3 = "REAL", pg = "numeric(10,2)", mysql = "DECIMAL(10,2)" }, { sqlite3 = "REAL", pg = "numeric(10,2)", mysql = "DECIMAL(10,2)" },
    { 1.5, -0.25, 100.0 }, dangling = 2.5 },
  { "booleans", { sqlite3 = "INTEGER", pg = "boolean", mysql = "TINYINT(1)" }, { sqlite3 = "INTEGER", pg = "boolean", mysql = "TINYINT(1)" }, { true, false } },
  { "dates", { sqlite3 = "TEXT", pg = "date", mysql = "DATE" }, { sqlite3 = "TEXT", pg = "date", mysql = "DATE" }, { "2026-11-24", "1000-01-01" },
    dangling = "2026-11-25" },
  { "times", { sqlite3 = "TEXT", pg = "timestamp", mysql = "DATETIME" }, { sqlite3 = "TEXT", pg = "timestamp", mysql = "DATETIME" },
    { "2026-11-24 12:00:00", "1000-01-01 00:00:00" }, dangling = "2026-11-24 12:00:01" },
  { "blobs", { sqlite3 = "BLOB", pg = "bytea", mysql = "VARBINARY(20)" }, { sqlite3 = "BLOB", pg = "bytea", mysql = "VARBINARY(20)" },
    { blob "", blob "\0\xff", blob "a" }, dangling = blob "b" },
}

local function model_name(kind, side, engine) return ("%s_%d_%s"):format(side, kind, engine) end

local function rules()
  local out = {}
  for number in ipairs(kinds) do
    for _, engine in ipairs(Engines.all) do
      local children, parents = {}, {}
      for _, other in ipairs(Engines.all) do
        children[#children + 1] = ("to_%s = has_many(%q, \"fk\", { key = \"k\", order = \"id\" })"):format(other, model_name(number, "child", other))
        parents[#parents + 1] = ("to_%s = belongs_to(%q, \"fk\", { key = \"k\", order = \"id\" })"):format(other, model_name(number, "parent", other))
      end
      out[#out + 1] = ("model %q { table = \"parent_%d\", client = %q, relations = { %s } }")
        :format(model_name(number, "parent", engine), number, engine, table.concat(children, ", "))
      out[#out + 1] = ("model %q { table = \"child_%d\", client = %q, relations = { %s } }")
        :format(model_name(number, "child", engine), number, engine, table.concat(parents, ", "))
    end
  end
  return table.concat(out, "\n")
end

-- Parents 1, 2, … in the order of the values, then those that no child has; children 11 and 12 of parent 1, 21 and 22 of parent 2
-- and so on, then one that dangles and one without a parent.
local function fill(session, number, kind, engine)
  session:execute(engine, ("CREATE TABLE parent_%d (id INTEGER PRIMARY KEY, k %s)"):format(number, kind[2][engine]))
  session:execute(engine, ("CREATE TABLE child_%d (id INTEGER PRIMARY KEY, fk %s)"):format(number, kind[3][engine]))
  local parents, children = {}, {}
  for i, value in ipairs(kind[4]) do
    local fk = kind[5] and kind[5][i]
    if fk == nil then fk = value end
    parents[#parents + 1] = { id = i, k = value }
    children[#children + 1] = { id = 10 * i + 1, fk = fk }
    children[#children + 1] = { id = 10 * i + 2, fk = fk }
  end
  for _, value in ipairs(kind.more or {}) do parents[#parents + 1] = { id = #parents + 1, k = value } end
  parents[#parents + 1] = { id = #parents + 1, k = shunt.null }
  if kind.dangling then children[#children + 1] = { id = 901, fk = kind.dangling } end
  children[#children + 1] = { id = 902, fk = shunt.null }
  session:model(model_name(number, "parent", engine)):insert_bulk(parents)
  session:model(model_name(number, "child", engine)):insert_bulk(children)
end

describe("relations between engines", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session

  setup(function()
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = rules() }
    session = world.session
  end)
  teardown(function() world:close() end)

  for number, kind in ipairs(kinds) do
    describe("over " .. kind[1], function()
      setup(function()
        for _, engine in ipairs(Engines.all) do fill(session, number, kind, engine) end
      end)

      for _, from in ipairs(Engines.all) do
        for _, to in ipairs(Engines.all) do
          it(("lead from %s to %s"):format(from, to), function()
            local relation = "to_" .. to
            local parents = session:model(model_name(number, "parent", from)):select { order = "id", include = { [relation] = true } }
            for _, parent in ipairs(parents) do
              local found, expected = {}, parent.id <= #kind[4] and { 10 * parent.id + 1, 10 * parent.id + 2 } or {}
              for i, child in ipairs(parent[relation]) do found[i] = child.id end
              assert.same(expected, found, "children of parent " .. parent.id)
            end
            local children = session:model(model_name(number, "child", from)):select { order = "id", include = { [relation] = true } }
            for _, child in ipairs(children) do
              local expected = child.id < 900 and child.id // 10 or nil
              local parent = child[relation]
              assert.equal(expected, parent and parent ~= shunt.null and parent.id or nil, "parent of child " .. child.id)
            end
          end)
        end
      end
    end)
  end
end)
