-- Bulk loads use COPY. COPY must write the rows that INSERT would write, and refuse the rows that INSERT would refuse, with the same
-- error. A table for which it would differ is not loaded with COPY.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local null, blob = shunt.null, shunt.blob
local seed = Random.seed()
local ROWS = 600

local rules = [[
model "loaded" { table = "loaded" }
model "inserted" { table = "inserted" }
model "tenant" { table = "loaded", instance_column = "iid" }
]]

local texts = { "", " ", "a", "7", "null", "\\N", "\\.", "\\", "a\tb", "line\nline\r", "\\x41", "grüß 😀", "'\"`;,", "{}", "(1)", "\b\f\v", "ab   " }
local numbers = { 0, 1, -1, 7, 32767, 32768, 2147483648, math.mininteger, math.maxinteger, 9007199254740993, 0.0, -0.5, 1.5, 0.1, 1e20, 1e300, 2.0 }
local others = { true, false, "2026-11-24", "2026-11-24 12:00:00.1234567+02", "12:00:00.5", "P1Y2M3DT4H5M6S", "1 day", "now is never", "101", "10.0.0.1",
  "0e37df36-f698-11e6-8dd4-cb9ced3df976", '{"a": [1, "b\\n\\t\\\\"]}', "{1,NULL,-3}", '{a,"b c",NULL,"d\\"e"}', "[1,5)", "high", "<a>x</a>",
  "123456789.125", "NaN", "Infinity", ("x"):rep(70), "bad \xff text", "nul \0 text", null }

local blobs = { blob "", blob "a\0b\\\n", blob "\xff\xfe" }

-- Those that take no load stand behind.
local types = { "smallint", "integer", "bigint", "real", "double precision", "numeric", "numeric(10,2)", "boolean", "text", "varchar(10)", "char(5)",
  '"char"', "bytea", "date", "time", "time(1)", "timetz", "timestamp", "timestamp(1)", "timestamptz", "interval", "uuid", "json", "jsonb", "xml",
  "inet", "integer[]", "text[]", "int4range", "varbit", "loaded_kind", "loaded_number", "loaded_word", "loaded_bytes",
  "integer NOT NULL", "text CHECK (v <> 'a')" }
local unloaded = { "name", "bit(3)", "varbit(2)", "interval year", "interval(1)", "varchar(3)[]" }

describe("many rows at once on PostgreSQL (SHUNT_SEED=" .. seed .. ")", function()
  if not Engines.url "pg" then
    pending "are not tried: SHUNT_TEST_PG is not set (sh tests/engines/with-servers.sh COMMAND sets it)"
    return
  end

  local world, session, told

  local function execute(...)
    for _, sql in ipairs { ... } do session:execute("main", sql) end
  end

  local function bulk(name, rows)
    told = {}
    session:observe(function(statement) told[#told + 1] = statement end)
    local ok, result = pcall(function() return session:model(name):insert_bulk(rows) end)
    session:observe(nil)
    if ok then return result end
    return nil, result
  end

  -- The COPY among what was told since, if it was one.
  local function copy()
    for _, statement in ipairs(told) do
      if statement.sql:find "^COPY" then return statement end
    end
  end

  local function rows_of(n, row)
    local rows = {}
    for i = 1, n do rows[i] = row(i) end
    return rows
  end

  local function number(sql) return session:query("main", sql)[1].n end

  local function make(definition)
    execute("DROP TABLE IF EXISTS loaded, inserted CASCADE", "CREATE TABLE loaded " .. definition, "CREATE TABLE inserted (LIKE loaded INCLUDING ALL)")
    session:columns("main", "loaded")
    session:columns("main", "inserted")
  end

  local function assert_equal_tables()
    for _, pair in ipairs { { "loaded", "inserted" }, { "inserted", "loaded" } } do
      local sql = "SELECT count(*) AS n FROM (SELECT t::text FROM %s AS t EXCEPT ALL SELECT t::text FROM %s AS t) AS u"
      assert.equal(0, number(sql:format(pair[1], pair[2])))
    end
  end

  setup(function()
    print(("load: SHUNT_SEED=%d"):format(seed))
    world = Engines.open { clients = { main = "pg" }, rules = rules, yaml = "instance: {instances: {tenant: {id: 5}}}\n" }
    session = world.session
    execute("CREATE TYPE loaded_kind AS ENUM ('high', 'low')", "CREATE DOMAIN loaded_number AS integer CHECK (VALUE < 10)",
      "CREATE DOMAIN loaded_word AS varchar(5)", "CREATE DOMAIN loaded_bytes AS bytea")
  end)
  teardown(function() world:close() end)

  -- Which values a column takes, by one insert each, and how it refuses the others.
  local function try_each(name)
    local model, good, refused = session:model "inserted", {}, {}
    for _, list in ipairs { texts, numbers, others, blobs } do
      for _, v in ipairs(list) do
        local ok, problem = pcall(model.insert, model, { id = 1, v = v })
        if ok then
          if list ~= blobs or name:find "byte" then good[#good + 1] = v end
          execute "DELETE FROM inserted"
        else
          refused[#refused + 1] = { value = v, code = problem.code, sqlstate = problem.sqlstate }
        end
      end
    end
    return good, refused
  end

  local function try_type(name, loads)
    local random = Random.new(seed)
    make(("(id integer PRIMARY KEY, v %s, w text)"):format(name))
    local good, refused = try_each(name)
    assert.is_true(#good > 0)
    local function row(id) return { id = id, v = random:of(good), w = random:of(texts) } end
    local rows = rows_of(ROWS, row)
    session:transaction(function()
      for _, each in ipairs(rows) do session:model("inserted"):insert(each) end
    end)
    assert.equal(ROWS, bulk("loaded", rows))
    assert.equal(loads, copy() ~= nil)
    assert_equal_tables()
    for _ = 1, math.min(#refused, 8) do
      local wrong = random:of(refused)
      rows = rows_of(ROWS, function(id) return row(ROWS + id) end)
      rows[random:int(1, ROWS)].v = wrong.value
      local done, problem = bulk("loaded", rows)
      assert.is_nil(done)
      assert.equal(wrong.code, problem.code)
      assert.equal(wrong.sqlstate, problem.sqlstate)
      assert.equal("main", problem.client)
      assert.equal(ROWS, number "SELECT count(*) AS n FROM loaded")
    end
  end

  for _, name in ipairs(types) do
    it("of " .. name .. " are what inserts of each make them, and refused as those are", function() try_type(name, true) end)
  end
  for _, name in ipairs(unloaded) do
    it("of " .. name .. " too, which no load writes as an insert does", function() try_type(name, false) end)
  end

  it("are reported as one statement", function()
    make "(id integer PRIMARY KEY, v text)"
    assert.equal(ROWS, bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = "a" } end)))
    local statement = copy()
    assert.equal('COPY "loaded" ("id", "v") FROM STDIN', statement.sql)
    assert.equal(ROWS, statement.affected)
    assert.equal("main", statement.client)
    assert.is_nil(bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = "a" } end)))
    assert.equal("SHUNT_E_CONSTRAINT", copy().code)
  end)

  it("leave nothing behind where one of them is there already, alone or in a transaction that goes on", function()
    make "(id integer PRIMARY KEY, v text)"
    local function many(first) return rows_of(ROWS, function(id) return { id = first + id, v = "a" } end) end
    session:transaction(function()
      assert.equal(ROWS, bulk("loaded", many(0)))
      local done, problem = bulk("loaded", many(ROWS - 1))
      assert.is_nil(done)
      assert.equal("SHUNT_E_CONSTRAINT", problem.code)
      assert.equal("23505", problem.sqlstate)
      assert.is_not_nil(copy())
      assert.equal(ROWS, bulk("loaded", many(10000)))
    end)
    assert.equal(2 * ROWS, number "SELECT count(*) AS n FROM loaded")
  end)

  it("get their defaults, and generated keys in their order", function()
    make "(id serial PRIMARY KEY, v text, w text DEFAULT 'there', x int GENERATED ALWAYS AS (1 + 1) STORED)"
    assert.equal(ROWS, bulk("loaded", rows_of(ROWS, function(i) return { v = "v" .. i } end)))
    assert.is_not_nil(copy())
    assert.equal(ROWS, number "SELECT count(*) AS n FROM loaded WHERE v = 'v' || id AND w = 'there' AND x = 2")
  end)

  it("get their instance, and no other", function()
    make "(id integer PRIMARY KEY, iid integer, v text)"
    local tenant <close> = world.app:session { instance = "tenant" }
    local rows = rows_of(ROWS, function(id) return { id = id, v = "a" } end)
    assert.equal(ROWS, tenant:model("tenant"):insert_bulk(rows))
    assert.equal(ROWS, number "SELECT count(*) AS n FROM loaded WHERE iid = 5")
    execute "DELETE FROM loaded"
    rows[7].iid = 6
    Engines.raises("SHUNT_E_USAGE", function() tenant:model("tenant"):insert_bulk(rows) end)
  end)

  it("go through triggers, which may leave some out", function()
    make "(id integer PRIMARY KEY, v text)"
    execute("CREATE OR REPLACE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS "
      .. "'BEGIN NEW.v := ''seen''; IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END'",
      "CREATE TRIGGER odd BEFORE INSERT ON loaded FOR EACH ROW EXECUTE FUNCTION odd()")
    assert.equal(ROWS // 2, bulk("loaded", rows_of(ROWS, function(id) return { id = id } end)))
    assert.is_not_nil(copy())
    assert.equal(ROWS // 2, number "SELECT count(*) AS n FROM loaded WHERE v = 'seen'")
  end)

  it("end when their time is up, and report that error", function()
    make "(id integer PRIMARY KEY, v text)"
    execute("CREATE OR REPLACE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END'",
      "CREATE TRIGGER doze BEFORE INSERT ON loaded FOR EACH ROW EXECUTE FUNCTION doze()")
    -- more than any buffer takes, so that the time is up while they are sent
    local rows = rows_of(ROWS, function(id) return { id = id, v = ("x"):rep(30000) } end)
    local function insert() session:model("loaded"):insert_bulk(rows, { timeout = "300ms" }) end
    Engines.raises("SHUNT_E_TIMEOUT", insert)
    local ok, problem
    Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function() ok, problem = pcall(insert) end)
    assert.is_false(ok)
    assert.equal("SHUNT_E_TIMEOUT", problem.code)
    assert.equal("main", problem.client)
    assert.equal(0, number "SELECT count(*) AS n FROM loaded")
  end)

  -- What a load would write otherwise than an insert does, or not at all.
  local elsewhere = {
    ["a table with a rule"] = { "CREATE RULE twice AS ON INSERT TO loaded DO ALSO INSERT INTO inserted VALUES (NEW.*)" },
    ["a table with row security"] = { "ALTER TABLE loaded ENABLE ROW LEVEL SECURITY", "ALTER TABLE loaded FORCE ROW LEVEL SECURITY",
      "CREATE POLICY low ON loaded USING (true) WITH CHECK (id <= 10000)", "INSERT INTO inserted SELECT generate_series(1, " .. ROWS .. "), 'a'" },
    ["a view"] = { "ALTER TABLE loaded RENAME TO below", "CREATE VIEW loaded AS SELECT * FROM below",
      "INSERT INTO inserted SELECT generate_series(1, " .. ROWS .. "), 'a'" },
  }
  for what, statements in pairs(elsewhere) do
    it("are inserted into " .. what .. ", not loaded", function()
      make "(id integer PRIMARY KEY, v text)"
      execute(table.unpack(statements))
      assert.equal(ROWS, bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = "a" } end)))
      assert.is_nil(copy())
      assert_equal_tables()
      if what == "a view" then execute("DROP VIEW loaded", "DROP TABLE below") end
    end)
  end

  it("are inserted where a blob is given to a column of something else", function()
    make "(id integer PRIMARY KEY, v loaded_kind)"
    assert.equal(ROWS, bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = blob "high" } end)))
    assert.is_nil(copy())
    assert.equal(ROWS, number "SELECT count(*) AS n FROM loaded WHERE v = 'high'")
  end)

  it("are refused a column that the database alone fills", function()
    make "(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)"
    local done, problem = bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = "a" } end))
    assert.is_nil(done)
    assert.equal("428C9", problem.sqlstate)
    assert.is_nil(copy())
  end)

  it("go into partitions", function()
    execute("DROP TABLE IF EXISTS loaded, inserted CASCADE", "CREATE TABLE loaded (id integer, v text) PARTITION BY LIST (v)",
      "CREATE TABLE loaded_a PARTITION OF loaded FOR VALUES IN ('a')", "CREATE TABLE loaded_b PARTITION OF loaded FOR VALUES IN ('b')")
    session:columns("main", "loaded")
    assert.equal(ROWS, bulk("loaded", rows_of(ROWS, function(id) return { id = id, v = id % 3 == 0 and "a" or "b" } end)))
    assert.is_not_nil(copy())
    assert.equal(ROWS // 3, number "SELECT count(*) AS n FROM loaded_a")
  end)

  it("are many more than fit into a buffer, with what is large among them", function()
    make "(id integer PRIMARY KEY, v text, w bytea)"
    local rows = rows_of(5000, function(id) return { id = id, v = ("x"):rep(id % 500), w = blob(("\\\0"):rep(id % 90)) } end)
    rows[77].v, rows[78].w = ("\t\\"):rep(3000000), blob(("\\\0\n"):rep(1000000))
    assert.equal(5000, bulk("loaded", rows))
    assert.equal(6000000, number "SELECT length(v) AS n FROM loaded WHERE id = 77")
    assert.equal(3000000, number "SELECT length(w) AS n FROM loaded WHERE id = 78")
    assert.equal(5000, number "SELECT count(*) AS n FROM loaded WHERE id IN (77, 78) OR (length(v) = id % 500 AND length(w) = 2 * (id % 90))")
  end)
end)
