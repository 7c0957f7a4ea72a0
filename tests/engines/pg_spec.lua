-- What PostgreSQL does in its own way, and models don't notice: orders, collations, patterns, keys that no column could hold.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"

local null = shunt.null

local rules = [[
model "thing" { table = "things" }
model "owner" { table = "owners", relations = {
  things = has_many("thing", "owner_id", { order = "id" }),
  words = belongs_to_many("link", "word", "owner_id", "word_id", { order = { "-word", "id" } }),
  priced = belongs_to_many("link", "word", "owner_id", "word_id", { order = { "price", "id" }, limit = 5 }),
} }
model "link" { table = "links" }
model "word" { table = function(req) local part = req:mod("where.id", 3); return part and "words_" .. part or "words" end }
]]

local function ids(rows)
  local list = {}
  for i, row in ipairs(rows) do list[i] = row.id end
  return list
end

describe("PostgreSQL", function()
  if not Engines.url "pg" then
    pending "is not tried: SHUNT_TEST_PG is not set (sh tests/engines/with-servers.sh COMMAND sets it)"
    return
  end

  local world, session

  local function execute(...)
    for _, sql in ipairs { ... } do session:execute("main", sql) end
  end

  setup(function()
    world = Engines.open { clients = { main = "pg" }, rules = rules }
    session = world.session
  end)
  teardown(function() world:close() end)
  before_each(function() execute "DROP TABLE IF EXISTS things, owners, links, words, words_0, words_1, words_2 CASCADE" end)

  it("shows under a table the rows of those that inherit from it, which its key does not tell apart", function()
    execute("CREATE TABLE ancestors (id integer PRIMARY KEY, v integer)", "CREATE TABLE heirs (w integer) INHERITS (ancestors)",
      "INSERT INTO ancestors VALUES (1, 10)", "INSERT INTO heirs VALUES (1, 20, 30)")
    local ancestor = session:model("thing"):new_instance(nil, "ancestors")
    assert.equal(2, #ancestor:select { where = { id = 1 } })
    assert.equal(1, #ancestor:select { where = { id = 1 }, limit = 1 })
    assert.is_table(ancestor:get(1))
    assert.equal(2, #ancestor:mget { 1 })
  end)

  it("takes ? for parameters, and ?? for an operator's question mark", function()
    local row = session:query("main", [[SELECT '{"a": 1}'::jsonb ?? ? AS has, '?' AS text, E'\'?' AS more -- ?]], { "a" })[1]
    assert.same({ has = true, text = "?", more = "'?" }, row)
  end)

  it("has nulls before everything else, as other engines do", function()
    execute("CREATE TABLE things (id int PRIMARY KEY, n int, kind text)", "INSERT INTO things VALUES (1, 5, 'a'), (2, NULL, NULL), (3, 1, 'a')")
    local things = session:model "thing"
    assert.same({ 2, 3, 1 }, ids(things:select { order = "n" }))
    assert.same({ 1, 3, 2 }, ids(things:select { order = "-n" }))
    local groups = things:aggregate { group = "kind", count = true }
    assert.equal(null, groups[1].kind)
    assert.equal(2, groups[2].count)
  end)

  it("finds patterns in any case, without an escape, and in values that are not texts", function()
    execute("CREATE TABLE things (id int PRIMARY KEY, name text)", "INSERT INTO things VALUES (1, 'Anna'), (10, 'banana'), (2, 'a\\b'), (3, NULL)")
    local things = session:model "thing"
    assert.same({ 1, 2 }, ids(things:select { where = { name = { like = "a%" } }, order = "id" }))
    assert.same({ 2 }, ids(things:select { where = { name = { like = "a\\_" } } }))
    assert.same({ 1, 10 }, ids(things:select { where = { id = { like = "1%" } }, order = "id" }))
  end)

  it("finds letters beyond ASCII in any case where the column's collation knows them", function()
    for collation, any_case in pairs { C = false, ["en-x-icu"] = true } do
      execute(('CREATE TABLE things (id int PRIMARY KEY, name text COLLATE "%s")'):format(collation),
        "INSERT INTO things VALUES (1, 'Änne'), (2, 'ä'), (3, 'Anne')")
      local things = session:model "thing"
      session:columns("main", "things")
      local function like(pattern) return ids(things:select { where = { name = { like = pattern } }, order = "id" }) end
      assert.same(any_case and { 1, 2 } or { 2 }, like "ä%", collation)
      assert.same({ 3 }, like "aN%", collation)
      assert.same({ 1 }, like "Än_E", collation)
      execute "DROP TABLE things"
    end
    execute("DROP COLLATION IF EXISTS shunt_loose CASCADE",
      "CREATE COLLATION shunt_loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
      "CREATE TABLE things (id int PRIMARY KEY, name text COLLATE shunt_loose)", "INSERT INTO things VALUES (1, 'a')")
    session:columns("main", "things")
    local things = session:model "thing"
    Engines.raises("SHUNT_E_USAGE", things.select, things, { where = { name = { like = "a%" } } })
  end)

  it("compares a column of numbers with numbers that it can't hold", function()
    execute("CREATE TABLE things (id smallint PRIMARY KEY, price numeric(10,2), score float8)",
      "INSERT INTO things VALUES (1, 1.50, 0.1), (2, 2.00, 1e300), (3, NULL, 9007199254740992)")
    local things = session:model "thing"
    local function found(where) return ids(things:select { where = where, order = "id" }) end
    assert.same({}, found { id = 1.5 })
    assert.same({ 2, 3 }, found { id = { gt = 1.5 } })
    assert.same({ 1, 2, 3 }, found { id = { lt = 1 << 40 } })
    assert.same({ 1, 2, 3 }, found { id = { lt = 1e300 } })
    assert.same({ 1, 2 }, found { id = { 1, 2.0, 2.5, 1 << 40, "70000" } })
    assert.same({ 2 }, found { id = { between = { 1.5, 2.5 } } })
    assert.same({ 1 }, found { price = 1.5 })
    assert.same({ 1 }, found { price = "1.500" })
    assert.same({ 1 }, found { score = 0.1 })
    assert.same({ 2 }, found { score = { gt = math.maxinteger } })
    assert.same({ 2 }, found { id = " 2 " })
    Engines.raises("SHUNT_E_USAGE", found, { id = "two" })
  end)

  it("finds nothing by a key that its column can't hold", function()
    execute("CREATE TABLE things (id smallint PRIMARY KEY)", "INSERT INTO things VALUES (1)")
    local things = session:model "thing"
    for _, key in ipairs { 1, "1", 1.0, " 1 ", true } do assert.equal(1, things:get(key).id) end
    for _, key in ipairs { 1.5, "one", 1 << 40, "1e400", "", shunt.blob "1" } do assert.is_nil(things:get(key)) end
    assert.same({ 1, 1 }, ids(things:mget { "one", 1, 1 << 40, 1.0 }))
    execute("DROP TABLE things", "CREATE TABLE things (id uuid PRIMARY KEY)", "INSERT INTO things VALUES ('0e37df36-f698-11e6-8dd4-cb9ced3df976')")
    assert.is_truthy(things:get "0E37DF36-f698-11e6-8dd4-cb9ced3df976")
    for _, key in ipairs { 7, "0e37df36", "" } do assert.is_nil(things:get(key)) end
  end)

  it("has keys of an enum, a domain and a date, and others beside them", function()
    execute("DROP TYPE IF EXISTS size CASCADE", "CREATE TYPE size AS ENUM ('small', 'large')", "CREATE TABLE owners (id text PRIMARY KEY)",
      "INSERT INTO owners VALUES ('small'), ('tiny'), ('2026-11-24')", "CREATE TABLE things (id int PRIMARY KEY, owner_id size)",
      "INSERT INTO things VALUES (1, 'small'), (2, 'large')")
    local owners = session:model "owner"
    local function found()
      local by_owner = {}
      for _, owner in ipairs(owners:select { include = { things = true } }) do by_owner[owner.id] = ids(owner.things) end
      return by_owner
    end
    assert.same({ small = { 1 }, tiny = {}, ["2026-11-24"] = {} }, found())
    execute("DROP TABLE things", "CREATE TABLE things (id int PRIMARY KEY, owner_id date)", "INSERT INTO things VALUES (3, '2026-11-24')")
    session:columns("main", "things")
    assert.same({ small = {}, tiny = {}, ["2026-11-24"] = { 3 } }, found())
  end)

  it("gives sums and averages of integers as numbers, and those of decimals exactly", function()
    execute("CREATE TABLE things (id int PRIMARY KEY, n bigint, price numeric(30,2))",
      "INSERT INTO things VALUES (1, 9007199254740993, 12345678901234567890.25), (2, 1, 0.50)")
    local row = session:model("thing"):aggregate { sum = { "n", "price" }, avg = { "n", "id" }, min = "price", count = true }
    assert.equal(9007199254740994, row.sum_n)
    assert.equal("integer", math.type(row.sum_n))
    assert.equal("12345678901234567890.75", row.sum_price)
    assert.equal(1.5, row.avg_id)
    assert.equal("float", math.type(row.avg_n))
    assert.equal("0.50", row.min_price)
  end)

  -- Words in three tables, so that no single statement orders them, and in one, which says what their order is.
  local function make_words(collation)
    local definition = ('(id int PRIMARY KEY, word text COLLATE "%s", price numeric(40,20))'):format(collation)
    execute("CREATE TABLE owners (id int PRIMARY KEY)", "INSERT INTO owners VALUES (1), (2)",
      "CREATE TABLE links (id serial PRIMARY KEY, owner_id int, word_id int)", "CREATE TABLE words " .. definition)
    for part = 0, 2 do execute(("CREATE TABLE words_%d %s"):format(part, definition)) end
    local words = { "a", "B", "b", "A", "ä", "Z", "z", "é", "e", "E", "", " ", "co-op", "coop", "10", "9", 'quo"te', "back\\slash", "tab\t", null }
    for id, word in ipairs(words) do
      local price = id % 4 == 0 and null or ("%s.00000000000000000%d"):format(id % 3 == 0 and "12345678901234567" or "-1", id % 10)
      for _, name in ipairs { "words", "words_" .. id % 3 } do
        session:execute("main", ("INSERT INTO %s VALUES (?, ?, ?)"):format(name), { id, word, price })
      end
      session:execute("main", "INSERT INTO links (owner_id, word_id) VALUES (1, ?)", { id })
      if id % 2 == 0 then session:execute("main", "INSERT INTO links (owner_id, word_id) VALUES (2, ?)", { id }) end
    end
  end

  for _, collation in ipairs { "C", "en-x-icu", "und-x-icu", "shunt_loose" } do
    it("orders rows of several tables as it orders those of one, by the collation " .. collation, function()
      if collation == "shunt_loose" then
        execute("DROP COLLATION IF EXISTS shunt_loose CASCADE",
          "CREATE COLLATION shunt_loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)")
      end
      make_words(collation)
      local expected = ids(session:query("main", "SELECT id FROM words ORDER BY word DESC NULLS LAST, id"))
      local by_price = ids(session:query("main", "SELECT id FROM words ORDER BY price NULLS FIRST, id LIMIT 5"))
      local owners = session:model("owner"):select { order = "id", include = { words = true, priced = true } }
      assert.same(expected, ids(owners[1].words))
      assert.same(by_price, ids(owners[1].priced))
      local even = {}
      for _, id in ipairs(expected) do if id % 2 == 0 then even[#even + 1] = id end end
      assert.same(even, ids(owners[2].words))
    end)
  end

  it("has keys that are equal though they differ, where a collation says so", function()
    execute("DROP COLLATION IF EXISTS shunt_loose CASCADE",
      "CREATE COLLATION shunt_loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
      "CREATE TABLE owners (id text PRIMARY KEY)", "INSERT INTO owners VALUES ('resume'), ('RÉSUMÉ'), ('other'), ('ab')",
      'CREATE TABLE things (id int PRIMARY KEY, owner_id text COLLATE shunt_loose)',
      "INSERT INTO things VALUES (1, 'résumé'), (2, 'Resume'), (3, 'AB'), (4, 'a-b')")
    local found = {}
    for _, owner in ipairs(session:model("owner"):select { include = { things = true } }) do found[owner.id] = ids(owner.things) end
    assert.same({ resume = { 1, 2 }, ["RÉSUMÉ"] = { 1, 2 }, other = {}, ab = { 3 } }, found)
  end)

  -- what leaves something, and what would find it on the same connection
  local left = {
    { "SET search_path = public", "SELECT current_setting('search_path') <> '\"$user\", public' AS found" },
    { "SELECT set_config('shunt.tenant', 'acme', false)", "SELECT coalesce(current_setting('shunt.tenant', true), '') <> '' AS found" },
    { "CREATE TEMP TABLE passing AS SELECT 1 AS id", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "SELECT 1 AS id INTO TEMPORARY passing", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "CREATE TABLE pg_temp.passing (id int)", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "CREATE TEMP VIEW passing AS SELECT 1 AS id", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "DO $$ BEGIN CREATE TEMP TABLE passing (id int); END $$", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "CALL leave()", "SELECT to_regclass('passing') IS NOT NULL AS found" },
    { "PREPARE passing AS SELECT 1", "SELECT count(*) > 0 AS found FROM pg_prepared_statements WHERE name = 'passing'" },
    { "LISTEN passing", "SELECT count(*) > 0 AS found FROM pg_listening_channels()", from_commit = true },
    { "SELECT pg_advisory_lock(7)", "SELECT count(*) > 0 AS found FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()" },
  }

  for _, case in ipairs(left) do
    it("lets no session find what another one left: " .. case[1], function()
      execute "CREATE OR REPLACE PROCEDURE leave() LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE passing (id int); END $$"
      session:transaction(function() -- which goes on after it
        execute("CREATE TABLE things (id int PRIMARY KEY)", case[1])
        session:model("thing"):insert { id = 1 }
        assert.equal(not case.from_commit, session:query("main", case[2])[1].found)
      end)
      local other <close> = world.app:session()
      assert.is_false(other:query("main", case[2])[1].found)
      assert.equal(1, other:model("thing"):count())
    end)
  end

  it("keeps a connection, as new", function()
    local backend = "SELECT pg_backend_pid() AS pid"
    local before = session:query("main", backend)[1].pid
    session:transaction(function()
      execute("SET LOCAL search_path = public", "CREATE TABLE things (id int PRIMARY KEY, temp int)")
      session:query("main", "SELECT set_config('shunt.tenant', ?, true)", { "acme" })
      session:query("main", "SELECT temp FROM things")
    end)
    assert.equal(before, session:query("main", backend)[1].pid)
    execute "SET search_path = public"
    assert.equal(before, session:query("main", backend)[1].pid)
    assert.equal('"$user", public', session:query("main", "SHOW search_path")[1].search_path)
  end)

  it("takes as many values as libpq describes, and refuses more before it sends them", function()
    local most = 7498
    local function count_of(n)
      local values = {}
      for i = 1, n do values[i] = i end
      return session:query("main", ("SELECT count(*) AS n FROM (VALUES (?::int)%s) AS list(v)"):format((", (?)"):rep(n - 1)), values)[1].n
    end
    local backend = session:query("main", "SELECT pg_backend_pid() AS pid")[1].pid
    assert.equal(most, count_of(most))
    for _, n in ipairs { most + 1, 65535, 70000 } do
      assert.matches(n .. " values, and one of pg takes 7498", Engines.raises("SHUNT_E_USAGE", count_of, n).message, 1, true)
    end
    assert.equal(backend, session:query("main", "SELECT pg_backend_pid() AS pid")[1].pid)
  end)

  it("splits keys and rows at that limit, and refuses a longer where", function()
    execute "CREATE TABLE things (id int PRIMARY KEY, v numeric)"
    local thing, rows, keys, decimals = session:model "thing", {}, {}, {}
    for i = 1, 10000 do rows[i], keys[i] = { id = i, v = i + 0.5 }, i end
    for i = 1, 7498 do decimals[i] = i + 0.5 end
    assert.equal(10000, thing:insert_bulk(rows))
    assert.equal(10000, thing:count { where = { id = keys } })
    assert.equal(10000, #thing:mget(keys))
    for i = 1, 10000 do rows[i].v = i + 0.25 end
    assert.equal(10000, thing:update_bulk(rows))
    for i = 1, 7498 do decimals[i] = i + 0.25 end
    assert.equal(7498, thing:count { where = { v = decimals } })
    decimals[7499] = 0.5
    local problem = Engines.raises("SHUNT_E_USAGE", thing.count, thing, { where = { v = decimals } })
    assert.matches("7498", problem.message, 1, true)
  end)
end)

describe("a connection to PostgreSQL", function()
  local url = Engines.url("pg", nil, true)
  if not url then return end

  local user, password, rest = url:match "^%a+://([^:]*):([^@]*)@(.*)$"
  local folder

  -- A folder with a file that holds the password, under config/ and under rules/, and nothing where the test runs.
  local function with(connection, declared)
    local yaml = "database: {defaultClient: main, clients: {main: {engine: pg, connection: {" .. connection .. "}}}}\n"
    local secret = ("*:*:*:*:%s\n"):format(password)
    folder = App.folder()
    App.fill(folder, { ["config/shunt.yaml"] = yaml, ["config/rules/a.lua"] = declared or "", ["config/keys/pass"] = secret,
      ["config/rules/keys/other"] = secret })
    assert(os.execute(("chmod 600 '%s/config/keys/pass' '%s/config/rules/keys/other'"):format(folder, folder)))
    local app <close> = shunt.open(folder .. "/config/shunt.yaml")
    local session <close> = app:session()
    return session:query(declared and "other" or "main", "SELECT current_user::text AS name")[1].name
  end

  after_each(function()
    if folder then App.remove(folder) end
    folder = nil
  end)

  local bare = ("postgresql://%s@%s"):format(user, rest)

  it("finds files beside the one that names them", function()
    assert.equal(user, with(("url: %q, passfile: keys/pass"):format(bare)))
    App.remove(folder)
    local inside = bare .. (bare:find("?", 1, true) and "&" or "?") .. "passfile=keys/pass"
    assert.equal(user, with(("url: %q"):format(inside)))
    App.remove(folder)
    -- the app config's own path stays when another client clones its client; a rule file's is beside the rule file
    assert.equal(user, with(("url: %q, passfile: keys/pass"):format(bare), 'datasource "other" { clone = "main" }'))
    App.remove(folder)
    assert.equal(user, with(("url: %q"):format(bare), 'datasource "other" { clone = "main", connection = { passfile = "keys/other" } }'))
    App.remove(folder)
    local problem = Engines.raises("SHUNT_E_DATASOURCE", with, ("url: %q, passfile: pass"):format(bare))
    assert.is_truthy(tostring(problem):find "password")
  end)

  it("takes durations, and bare numbers as libpq does", function()
    for _, timeouts in ipairs { "connect_timeout: 500ms", "connect_timeout: 10", "connect_timeout: 0", "connect_timeout: 1m, keepalives_idle: 30s",
      "tcp_user_timeout: 5s, keepalives_interval: 1500ms" } do
      assert.equal(user, with(("url: %q, %s"):format(url, timeouts)))
      App.remove(folder)
    end
    for _, timeout in ipairs { "soon", "5 s", "1.5s", "99999999999", "100000000h" } do
      local problem = Engines.raises("SHUNT_E_CONFIG", with, ("url: %q, connect_timeout: %q"):format(url, timeout))
      assert.is_truthy(tostring(problem):find("connect_timeout takes a duration", 1, true))
      assert.is_true(problem.client == "main" or problem.line == 1) -- found when connecting, or when the application is opened
      App.remove(folder)
    end
    folder = nil
  end)
end)
