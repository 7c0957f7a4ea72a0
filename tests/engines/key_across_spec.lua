-- Relations from every engine to every other over columns of random types, against a join on one undivided database, which holds
-- a number for each value. A value is spelled as a column's type may spell it.

local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local seed = Random.seed()
local rounds = tonumber(os.getenv "SHUNT_ROUNDS") or 60

-- ---- families of types: the values, and for each engine its types with the spellings of a value that they hold ----

local function quoted(text) return "'" .. text .. "'" end

local function within(low, high)
  return function(n) return n >= low and n <= high and { tostring(n) } or {} end
end

local integers = { -1, 0, 1, 7, 127, 255, 40000, 1 << 40, 9007199254740993, 9007199254740992, math.maxinteger }
local any_integer = within(math.mininteger, math.maxinteger)
local function integer_text(n) return { quoted(tostring(n)) } end
-- A text that is a key may be any spelling of the number; one that is looked for is its usual text.
local function integer_texts(n)
  if n < 0 or n > 1 << 53 then return integer_text(n) end
  return { quoted(tostring(n)), quoted("00" .. n), quoted(n .. ".0"), quoted(" " .. n) }
end

local stamps = { "2026-01-01 00:00:00", "2026-01-01 10:00:00", "2026-01-01 10:00:00.5", "2026-01-01 10:00:00.123456", "1999-12-31 00:00:00" }
local function up_to(digits)
  return function(stamp)
    local fraction = stamp:match "%.(%d+)" or ""
    return #fraction <= digits and { quoted(stamp) } or {}
  end
end
local function midnight(stamp) return stamp:match "00:00:00$" and { quoted(stamp:sub(1, 10)) } or {} end
local function stamp_texts(stamp) return { quoted(stamp), quoted((stamp:gsub(" ", "T"))), quoted((stamp:gsub(" ", "T")) .. "Z") } end
local function zoned(stamp) return { quoted(stamp .. "+00"), quoted((stamp:gsub(" 10:", " 12:"):gsub(" 00:", " 02:")) .. "+02") } end

local uuids = { "0e37df36-f698-11e6-8dd4-cb9ced3df976", "ffffffff-ffff-4fff-bfff-ffffffffffff", "00000000-0000-0000-0000-00000000000a" }
local function uuid_text(u) return { quoted(u) } end
local function uuid_texts(u) return { quoted(u), quoted(u:upper()), quoted((u:gsub("-", ""))), quoted("{" .. u .. "}") } end

local words = { "", "a", "A", "b", "ab", "ß", "é", "日", "😀", "\\", '"', "{1,2}", "null", "%", "?" }
local function word(w) return { quoted((w:gsub("'", "''"))) } end
local function mysql_word(w) return { quoted((w:gsub("\\", "\\\\"))) } end

local decimals = { "0", "1", "1.5", "-2.25", "0.1", "1000.0001", "123456789.5" }
local function decimal(d) return { d } end
local function decimal_texts(d) return { quoted(d), quoted(d:find "%." and d .. "0" or d .. ".00") } end

-- key: several spellings as text, only for the parent's end, and only if the child's column is not text.
local families = {
  { values = integers, types = {
    sqlite3 = { { "INTEGER", any_integer }, { "TEXT", integer_text }, { "TEXT", integer_texts, key = true } },
    pg = { { "smallint", within(-32768, 32767) }, { "integer", within(-2147483648, 2147483647) }, { "bigint", any_integer },
      { "numeric", any_integer }, { "numeric(24,4)", any_integer }, { "text", integer_texts, key = true } },
    mysql = { { "TINYINT", within(-128, 127) }, { "INT", within(-2147483648, 2147483647) }, { "BIGINT", any_integer },
      { "BIGINT UNSIGNED", within(0, math.maxinteger) }, { "DECIMAL(24,4)", any_integer }, { "VARCHAR(30)", integer_texts, key = true } },
  } },
  { values = decimals, types = {
    sqlite3 = { { "NUMERIC", decimal }, { "REAL", decimal }, { "TEXT", decimal_texts, key = true } },
    pg = { { "numeric", decimal }, { "numeric(20,4)", decimal }, { "double precision", decimal } },
    mysql = { { "DECIMAL(20,4)", decimal }, { "DOUBLE", decimal } },
  } },
  { values = stamps, types = {
    sqlite3 = { { "TEXT", stamp_texts, key = true } },
    pg = { { "timestamp", up_to(6) }, { "timestamp(1)", up_to(1) }, { "timestamptz", zoned }, { "date", midnight } },
    mysql = { { "DATETIME(6)", up_to(6) }, { "DATETIME", up_to(0) }, { "DATE", midnight }, { "TIMESTAMP(3) NULL", up_to(3) } },
  } },
  { values = uuids, types = {
    sqlite3 = { { "TEXT", uuid_text }, { "TEXT COLLATE NOCASE", uuid_text }, { "TEXT", uuid_texts, key = true } },
    pg = { { "uuid", uuid_texts }, { "text", uuid_text } },
    mysql = { { "CHAR(36)", uuid_text }, { "VARCHAR(40)", uuid_texts, key = true } },
  } },
  { values = words, types = {
    sqlite3 = { { "TEXT", word } },
    pg = { { "text", word }, { "varchar(20)", word } },
    mysql = { { "VARCHAR(20)", mysql_word }, { "VARCHAR(20) COLLATE utf8mb4_nopad_bin", mysql_word, server = "mariadb" }, { "TEXT", mysql_word } },
  } },
}

-- ---- one round ----

local function types_of(family, engine, is_key)
  local out = {}
  for _, type in ipairs(family.types[engine] or {}) do
    if (is_key or not type.key) and (not type.server or type.server == Engines.mysql_kind()) then out[#out + 1] = type end
  end
  return out
end

local function is_text(type) return type[1]:find "TEXT" or type[1]:find "CHAR" or type[1] == "text" end

local function new_columns(random, from, to)
  local columns = {}
  for i = 1, random:chance(40) and 1 or random:int(1, 3) do
    local family, parents, children
    repeat
      family = random:of(families)
      parents, children = types_of(family, from, true), types_of(family, to, false)
    until #parents > 0 and #children > 0
    local parent, child
    repeat
      parent, child = random:of(parents), random:of(children)
    until not (parent.key and is_text(child))
    columns[i] = { family = family, parent = parent, child = child }
  end
  return columns
end

local function names(letter, n)
  local list = {}
  for i = 1, n do list[i] = letter .. i end
  return list
end

-- A table on the engine and the numbers of its values in the undivided database.
local function fill(random, session, engine, name, columns, side, most)
  local definitions, numbers = {}, {}
  for i, column in ipairs(columns) do
    definitions[i] = ("k%d %s"):format(i, column[side][1])
    numbers[i] = ("k%d INTEGER"):format(i)
  end
  session:execute(engine, ("CREATE TABLE %s (id INTEGER PRIMARY KEY, %s)"):format(name, table.concat(definitions, ", ")))
  session:execute("whole", ("CREATE TABLE %s (id INTEGER PRIMARY KEY, %s)"):format(name, table.concat(numbers, ", ")))
  for id = 1, most do
    local stored, numbered = {}, {}
    for i, column in ipairs(columns) do
      local most_values = #column.family.values
      local number = random:int(1, #columns > 1 and math.min(4, most_values) or most_values)
      local spellings = column[side][2](column.family.values[(number + column.shift) % most_values + 1])
      local null = #spellings == 0 or random:chance(8)
      stored[i], numbered[i] = null and "NULL" or random:of(spellings), null and "NULL" or tostring(number)
    end
    session:execute(engine, ("INSERT INTO %s VALUES (%d, %s)"):format(name, id, table.concat(stored, ", ")))
    session:execute("whole", ("INSERT INTO %s VALUES (%d, %s)"):format(name, id, table.concat(numbered, ", ")))
  end
end

local function text_of(columns)
  local out = {}
  for i, column in ipairs(columns) do out[i] = column.parent[1] .. " -> " .. column.child[1] end
  return table.concat(out, ", ")
end

local function ids(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.id end
  return out
end

describe("keys across engines (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local random, cases, rules, world = Random.new(seed), {}, {}, nil
  for round = 1, rounds do
    local from, to = random:of(Engines.all), random:of(Engines.all)
    local columns = new_columns(random, from, to)
    for _, column in ipairs(columns) do column.shift = random:int(0, 20) end
    cases[round] = { from = from, to = to, columns = columns }
    local key = '{"' .. table.concat(names("k", #columns), '", "') .. '"}'
    rules[round] = ('model "p%d" { client = %q, relations = { many = has_many("c%d", %s, { key = %s, order = "id" }) } }\n'
      .. 'model "c%d" { client = %q }'):format(round, from, round, key, key, round, to)
  end

  setup(function()
    print(("key_across: SHUNT_SEED=%d, %d rounds"):format(seed, rounds))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql", whole = "sqlite3" }, default = "sqlite3",
      rules = table.concat(rules, "\n") }
  end)
  teardown(function() world:close() end)

  for round, case in ipairs(cases) do
    it(("join as in an undivided database: %d, %s to %s, %s"):format(round, case.from, case.to, text_of(case.columns)), function()
      local session, p, c, on = world.session, "p" .. round, "c" .. round, {}
      fill(random, session, case.from, p, case.columns, "parent", random:int(1, 30))
      fill(random, session, case.to, c, case.columns, "child", random:int(1, 40))
      for i in ipairs(case.columns) do on[i] = ("p.k%d = c.k%d"):format(i, i) end
      local children, gone, left, least = {}, {}, {}, random:int(1, 10)
      for _, row in ipairs(session:query("whole", ("SELECT p.id AS p, c.id AS c FROM %s p JOIN %s c ON %s ORDER BY p.id, c.id")
        :format(p, c, table.concat(on, " AND ")))) do
        children[row.p] = children[row.p] or {}
        table.insert(children[row.p], row.c)
        if row.p >= least then gone[row.c] = true end
      end
      local limit = random:int(1, 3)
      local whole = session:model(p):select { order = "id", include = { many = true } }
      local cut = session:model(p):select { order = "id", include = { many = { limit = limit } } }
      for i, row in ipairs(whole) do
        local expected = children[row.id] or {}
        assert.same(expected, ids(row.many), "children of " .. row.id)
        assert.same(table.move(expected, 1, limit, 1, {}), ids(cut[i].many), ("children of %d, limit %d"):format(row.id, limit))
      end
      for _, id in ipairs(ids(session:model(c):select { order = "id" })) do left[#left + 1] = not gone[id] and id or nil end
      session:model(p):delete({ id = { gte = least } }, { include = { many = true } })
      assert.same(left, ids(session:model(c):select { order = "id" }), "children left by a delete")
    end)
  end
end)
