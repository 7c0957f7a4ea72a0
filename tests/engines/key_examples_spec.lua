-- Relations and look-ups by key in examples: what other data layers, or shunt itself, once got wrong silently.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local seed = Random.seed()

-- Name, the parent's engine and type, the child's, then pairs of a parent's value and what the child has, both as SQL; `false`:
-- they are not related.
local pairs_of = {
  { "datetimes of other precisions", "mysql", "DATETIME", "mysql", "DATETIME(6)", { { "'2026-01-01 10:00:00'", "'2026-01-01 10:00:00'" } } },
  { "a date and a datetime", "mysql", "DATE", "mysql", "DATETIME",
    { { "'2026-01-01'", "'2026-01-01'" }, { "'2026-01-02'", "'2026-01-02 10:00:00'", false } } },
  { "a datetime and a date", "mysql", "DATETIME", "mysql", "DATE",
    { { "'2026-01-01'", "'2026-01-01'" }, { "'2026-01-02 10:00:00'", "'2026-01-02'", false } } },
  { "timestamptz and timestamp", "pg", "timestamptz", "pg", "timestamp", { { "'2026-01-01 12:00:00+02'", "'2026-01-01 10:00:00'" } } },
  { "timestamptz and datetime", "pg", "timestamptz", "mysql", "DATETIME", { { "'2026-01-01 12:00:00+02'", "'2026-01-01 10:00:00'" } } },
  { "datetime and text", "mysql", "DATETIME", "sqlite3", "TEXT", { { "'2026-01-01 10:00:00'", "'2026-01-01 10:00:00'" } } },
  { "ISO 8601 and datetime", "sqlite3", "TEXT", "mysql", "DATETIME(3)",
    { { "'2026-01-01T10:00:00Z'", "'2026-01-01 10:00:00'" }, { "'2026-01-01T11:00:00.5'", "'2026-01-01 11:00:00.500'" },
      { "'2026-01-01T12:00:00+02:00'", "'2026-01-01 12:00:00'", false }, { "'soon'", "'2026-01-03'", false } } },
  { "networks", "sqlite3", "TEXT", "pg", "inet",
    { { "'10.0.0.1'", "'10.0.0.1'" }, { "'::0001'", "'::1'" }, { "'10.0.0'", "'10.0.0.0'", false }, { "''", "'10.0.0.9'", false } } },
  { "intervals", "sqlite3", "TEXT", "pg", "interval", { { "'24:00:00'", "'1 day'" }, { "'long'", "'2 days'", false } } },
  { "jsonb", "sqlite3", "TEXT", "pg", "jsonb", { { "'{\"b\":1,\"a\":2}'", "'{\"a\": 2, \"b\": 1}'" }, { "'{'", "'{}'", false } } },
  { "enums", "sqlite3", "TEXT", "pg", "shunt_mood", { { "'sad'", "'sad'" }, { "'Sad'", "'happy'", false } } },
  { "uuids without hyphens", "sqlite3", "TEXT", "pg", "uuid",
    { { "'0E37DF36F69811E68DD4CB9CED3DF976'", "'0e37df36-f698-11e6-8dd4-cb9ced3df976'" },
      { "'{ffffffff-ffff-4fff-bfff-ffffffffffff}'", "'ffffffff-ffff-4fff-bfff-ffffffffffff'" }, { "'-'", "'00000000-0000-0000-0000-000000000000'", false } } },
  { "hardware addresses", "mysql", "VARCHAR(20)", "pg", "macaddr", { { "'08-00-2B-01-02-03'", "'08:00:2b:01:02:03'" } } },
  { "char(n) and text", "pg", "char(6)", "mysql", "VARCHAR(10)", { { "'a'", "'a'" } } },
  { "text and char(n)", "sqlite3", "TEXT", "pg", "char(6)", { { "'a  '", "'a'" } } },
  { "integers beyond 2^53 and decimals", "sqlite3", "INTEGER", "pg", "numeric(20,4)",
    { { "9007199254740993", "9007199254740993" }, { "9007199254740995", "9007199254740994", false } } },
  { "integers beyond 2^53 and MySQL's decimals", "sqlite3", "INTEGER", "mysql", "DECIMAL(20,4)",
    { { "9007199254740993", "9007199254740993" }, { "9007199254740995", "9007199254740994", false } } },
  { "decimals and integers beyond 2^53", "pg", "numeric(20,4)", "sqlite3", "INTEGER",
    { { "9007199254740993", "9007199254740993" }, { "1.5", "1", false } } },
  { "texts and numbers", "sqlite3", "TEXT", "pg", "numeric",
    { { "'1.5'", "1.50" }, { "'1.2.3'", "1.2", false }, { "'10.0.0.1'", "10", false }, { "' 7 '", "7" }, { "'1e400'", "9", false } } },
  { "texts and real", "sqlite3", "TEXT", "pg", "real",
    { { "'0.1'", "0.1" }, { "'1e39'", "'Infinity'", false }, { "'1e-300'", "0", false }, { "'NaN'", "'NaN'" } } },
  { "texts and MySQL's numbers", "sqlite3", "TEXT", "mysql", "DOUBLE", { { "'1e400'", "1e300", false }, { "'1.5'", "1.5" }, { "'5 apples'", "5", false } } },
  { "names of more than 63 bytes", "sqlite3", "TEXT", "pg", "name",
    { { "'" .. ("x"):rep(63) .. "'", "'" .. ("x"):rep(63) .. "'" }, { "'" .. ("y"):rep(64) .. "'", "'" .. ("y"):rep(63) .. "'", false } } },
  { "NaN", "pg", "float8", "pg", "float8", { { "'NaN'", "'NaN'" }, { "26.5", "26.5" }, { "'Infinity'", "'Infinity'" } } },
  { "1.5 and a text, within SQLite", "sqlite3", "REAL", "sqlite3", "TEXT", { { "1.5", "'1.5'" }, { "1.0", "'01'" }, { "2", "'2x'", false } } },
  { "years", "sqlite3", "INTEGER", "mysql", "YEAR", { { "1", "2001", false }, { "1999", "1999" }, { "0", "'0000'" } } },
  { "negative and unsigned", "sqlite3", "INTEGER", "mysql", "BIGINT UNSIGNED", { { "-1", "18446744073709551615", false }, { "5", "5" } } },
  { "words in a column of numbers", "sqlite3", "INTEGER", "mysql", "VARCHAR(10) COLLATE utf8mb4_general_ci", { { "'abc'", "'ABC'" }, { "1", "'1'" } } },
  { "an enum", "sqlite3", "TEXT", "mysql", "ENUM('x','y')", { { "'X'", "'x'", false }, { "'y'", "'y'" }, { "'1'", "'x'", false } } },
  { "a set", "sqlite3", "INTEGER", "mysql", "SET('x','y')", { { "1", "'x'", false }, { "'x,y'", "'x,y'" } } },
  { "texts that a character set lacks", "sqlite3", "TEXT", "mysql", "VARCHAR(10) CHARACTER SET latin1",
    { { "'日'", "'?'", false }, { "'É'", "'é'" } } },
  { "xml", "sqlite3", "TEXT", "pg", "xml", { { "'<a/>'", "'<a/>'" }, { "'<'", "'<b/>'", false } } },
  { "points", "sqlite3", "TEXT", "pg", "point", { { "'(1,2)'", "'(1,2)'" }, { "'?'", "'(0,0)'", false } } },
}

local function rules()
  local out = {}
  for number, example in ipairs(pairs_of) do
    out[#out + 1] = ([[
model "parent_N" { table = "parent_N", client = "P", relations = {
  many = has_many("child_N", "fk", { key = "k", order = "id" }), cut = has_many("child_N", "fk", { key = "k", limit = 1 }) } }
model "child_N" { table = "child_N", client = "C" }]]):gsub("N", number):gsub('"P"', ("%q"):format(example[2])):gsub('"C"', ("%q"):format(example[4]))
  end
  out[#out + 1] = [[
model "moment" { table = "moments", client = "mysql", primary_key = "at" }
model "net" { table = "nets", client = "pg", primary_key = "address", relations = { hosts = has_many("host", "net") } }
model "host" { table = "hosts", client = "pg" }
model "tag" { table = "tags", client = "sqlite3" }
model "tagging" { table = "taggings", client = "sqlite3" }
model "post" { table = "posts", client = "sqlite3", relations = { tags = belongs_to_many("tagging", "tag", "post_id", "tag_id") } }]]
  return table.concat(out, "\n")
end

local function ids(rows)
  local out = {}
  for i, row in ipairs(rows) do out[i] = row.id end
  return out
end

describe("keys of other types (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session
  setup(function()
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql" }, default = "sqlite3", rules = rules() }
    session = world.session
    session:execute("pg", "CREATE TYPE shunt_mood AS ENUM ('sad', 'happy')")
  end)
  teardown(function() world:close() end)

  -- Parent i has child i, if they are related, and no other.
  for number, example in ipairs(pairs_of) do
    local name, from, parent_type, to, child_type, values = table.unpack(example)
    it(("relate %s: %s on %s to %s on %s"):format(name, parent_type, from, child_type, to), function()
      session:execute(from, ("CREATE TABLE parent_%d (id INTEGER PRIMARY KEY, k %s)"):format(number, parent_type))
      session:execute(to, ("CREATE TABLE child_%d (id INTEGER PRIMARY KEY, fk %s)"):format(number, child_type))
      for i, pair in ipairs(values) do
        session:execute(from, ("INSERT INTO parent_%d VALUES (%d, %s)"):format(number, i, pair[1]))
        session:execute(to, ("INSERT INTO child_%d VALUES (%d, %s)"):format(number, i, pair[2]))
      end
      local function check()
        local parents = session:model("parent_" .. number):select { order = "id", include = { many = true, cut = true } }
        for i, pair in ipairs(values) do
          local expected = pair[3] == false and {} or { i }
          assert.same(expected, ids(parents[i].many), ("children of %s"):format(pair[1]))
          assert.same(expected, ids(parents[i].cut), ("the first child of %s"):format(pair[1]))
        end
      end
      check()
      session:transaction(check, { client = to, spanning = "run" })
      session:model("parent_" .. number):delete({}, { all = true, include = { many = true } })
      local left = {}
      for i, pair in ipairs(values) do left[#left + 1] = pair[3] == false and i or nil end
      assert.same(left, ids(session:model("child_" .. number):select { order = "id" }), "children left by a delete")
    end)
  end

  it("are looked up in the type of their column, so that its index serves", function()
    session:execute("mysql", "CREATE TABLE moments (at DATETIME(6) PRIMARY KEY, n INTEGER)")
    session:execute("mysql", "INSERT INTO moments VALUES ('2026-01-01 10:00:00', 1)")
    local moments, statements = session:model "moment", App.watch(session)
    assert.equal(1, moments:get("2026-01-01 10:00:00").n)
    assert.equal(1, moments:get("2026-01-01T10:00:00.000Z").n)
    assert.is_nil(moments:get("2026-01-01 10:00:00.5"))
    assert.is_nil(moments:get("some day"))
    assert.equal(1, moments:update { at = "2026-01-01 10:00:00", n = 2 })
    assert.matches("WHERE `at` = CAST(? AS DATETIME(6))", statements[1].sql, 1, true)
    session:observe(nil)
  end)

  it("of a network find its rows after an insert, and in a transaction a bad one fails nothing", function()
    session:execute("pg", "CREATE TABLE nets (address inet PRIMARY KEY)")
    session:execute("pg", "CREATE TABLE hosts (id serial PRIMARY KEY, net inet, name text)")
    local nets, hosts = session:model "net", session:model "host"
    local row = nets:insert({ address = "10.0.0.0/8", hosts = { { name = "a" }, { name = "b" } } }, { include = { hosts = true } })
    assert.same({ 1, 2 }, ids(row.hosts))
    session:transaction(function()
      assert.is_nil(nets:get("no network"))
      assert.equal(1, #nets:mget { "x", "10.0.0.0/8", "10.0.0.0/99" })
      assert.equal("10.0.0.0/8", nets:get("10.0.0.0/8").address)
    end, { client = "pg" })
    nets:delete({ address = "10.0.0.0/8" }, { include = { hosts = true } })
    assert.equal(0, hosts:count())
  end)

  -- Many bad keys among good ones are found by dividing the list.
  it("that the engine refuses are found among many", function()
    session:execute("pg", "DELETE FROM nets")
    local random, wanted, expected = Random.new(seed), {}, {}
    for i = 1, 200 do
      local address = random:chance(10) and "bad " .. i or ("10.1.%d.%d"):format(i // 256, i % 256)
      wanted[i] = address
      if not address:find "bad" and random:chance(70) then
        session:execute("pg", "INSERT INTO nets VALUES (CAST(? AS inet))", { address })
        expected[#expected + 1] = address
      end
    end
    local found = {}
    for i, row in ipairs(session:model "net":mget(wanted)) do found[i] = row.address end
    assert.same(expected, found)
  end)

  it("of links are cut by the target's key", function()
    session:execute("sqlite3", "CREATE TABLE posts (id INTEGER PRIMARY KEY)")
    session:execute("sqlite3", "CREATE TABLE tags (id INTEGER PRIMARY KEY)")
    session:execute("sqlite3", "CREATE TABLE taggings (id INTEGER PRIMARY KEY, post_id INTEGER, tag_id INTEGER)")
    session:execute("sqlite3", "INSERT INTO posts VALUES (1)")
    session:execute("sqlite3", "INSERT INTO tags VALUES (1), (2), (3), (4)")
    session:execute("sqlite3", "INSERT INTO taggings VALUES (1, 1, 4), (2, 1, 3), (3, 1, 1), (4, 1, 2)")
    local function tags(options) return ids(session:model "post":get(1, { include = { tags = options } }).tags) end
    assert.same({ 1, 2 }, tags { limit = 2 })
    assert.same({ 3, 4 }, tags { offset = 2 })
    assert.same({ 4, 3 }, tags { limit = 2, order = "-id" })
  end)
end)

