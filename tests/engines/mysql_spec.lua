-- What MySQL and MariaDB have of their own: collations, statements that commit by themselves, options, and long values.

local shunt = require "shunt"
local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local mariadb = Engines.mysql_kind() == "mariadb"

describe("texts on mysql", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local texts = {
    "a", "A", "a ", "á", "Á  ", "e\u{301}", "é", "E", "ß", "ss", "SS", "s", "i", "I", "ı", "İ", "aa", "å", "Å", "ch", "cH", "CH", "日本", "😀",
    "", " ", "\ta", "a\t", "5", "５", "5.0", "a_b", "a-b", "a b", "ab", "a\0", "zz", "Z",
  }

  local collations = {
    "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_bin", "utf8mb4_turkish_ci", "utf8mb4_danish_ci", "utf8mb4_spanish2_ci", "utf8mb4_croatian_ci",
    "latin1_swedish_ci", "latin1_german2_ci", "latin1_bin", "ucs2_unicode_ci",
  }
  -- and those that only one of the two servers has
  for _, collation in ipairs(mariadb and { "utf8mb4_general_nopad_ci", "utf8mb4_unicode_520_nopad_ci", "utf8mb4_nopad_bin" }
    or { "utf8mb4_0900_ai_ci", "utf8mb4_0900_as_ci", "utf8mb4_0900_as_cs", "utf8mb4_0900_bin", "utf8mb4_da_0900_ai_ci" }) do
    table.insert(collations, collation)
  end

  local rules = [[
model "parent" { table = "parents", client = "here", relations = { children = has_many("child", "k", { key = "k", order = "id" }) } }
model "child" { table = "children", client = "there", relations = { parent = belongs_to("there", "k", { key = "k" }) } }
model "there" { table = "parents_there", client = "there", relations = { children = has_many("child", "k", { key = "k", order = "id" }) } }
model "one" { table = "ones", client = "here", relations = { parts = belongs_to_many("link", "part", "one_id", "part_id", { order = "name" }) } }
model "link" { table = "links", client = "here" }
model "part" { client = "there", table = function(req)
  local n = req:mod("where.id", 3)
  return n and ("parts_%d"):format(n) or "parts_0"
end }
]]

  local world, session

  setup(function()
    world = Engines.open { clients = { here = "sqlite3", there = "mysql" }, default = "here", rules = rules }
    session = world.session
    session:execute("here", "CREATE TABLE parents (id INTEGER PRIMARY KEY, k TEXT)")
    session:execute("here", "CREATE TABLE ones (id INTEGER PRIMARY KEY)")
    session:execute("here", "CREATE TABLE links (id INTEGER PRIMARY KEY, one_id INTEGER, part_id INTEGER)")
    session:execute("here", "INSERT INTO ones VALUES (1)")
    for i, text in ipairs(texts) do
      session:execute("here", "INSERT INTO parents VALUES (?, ?)", { i, text })
      session:execute("here", "INSERT INTO links VALUES (?, 1, ?)", { i, i })
    end
  end)

  teardown(function() world:close() end)

  local function ids(rows)
    local out = {}
    for i, row in ipairs(rows) do out[i] = row.id end
    return out
  end

  -- A column that can't hold all of them has those that it can.
  local function fill(name, collation)
    session:execute("there", "DROP TABLE IF EXISTS " .. name)
    session:execute("there", ("CREATE TABLE %s (id INTEGER PRIMARY KEY, k VARCHAR(20) CHARACTER SET %s COLLATE %s)")
      :format(name, collation:match "^[^_]+", collation))
    for i, text in ipairs(texts) do
      local ok, problem = pcall(session.execute, session, "there", ("INSERT INTO %s VALUES (?, ?)"):format(name), { i, text })
      if not ok then assert.equal("SHUNT_E_CONSTRAINT", problem.code) end
    end
  end

  for _, collation in ipairs(collations) do
    it("match the keys of another engine as " .. collation .. " does", function()
      fill("children", collation)
      local matched = 0
      for _, parent in ipairs(session:model("parent"):select { include = { children = true }, order = "id" }) do
        -- a text that the column's character set can't write can't be asked for, and is equal to nothing there
        local ok, found = pcall(session.query, session, "there", "SELECT id FROM children WHERE k = ? ORDER BY id", { parent.k })
        if not ok then assert.equal("SHUNT_E_USAGE", found.code) end
        local expected = ok and ids(found) or {}
        assert.same(expected, ids(parent.children), ("parent %q"):format(parent.k))
        matched = matched + #expected
      end
      assert.is_true(matched > 20)
    end)

    it("match keys of their own engine as " .. collation .. " does", function()
      fill("children", collation)
      fill("parents_there", collation)
      local expected = session:query("there",
        "SELECT p.id AS parent, c.id FROM parents_there AS p JOIN children AS c ON c.k = p.k ORDER BY p.id, c.id")
      local at = 0
      for _, parent in ipairs(session:model("there"):select { include = { children = true }, order = "id" }) do
        for _, child in ipairs(parent.children) do
          at = at + 1
          assert.same({ parent = parent.id, id = child.id }, expected[at])
        end
      end
      assert.equal(#expected, at)
    end)

    it("are merged from several tables in the order of " .. collation, function()
      for n = 0, 2 do
        session:execute("there", ("DROP TABLE IF EXISTS parts_%d"):format(n))
        session:execute("there", ("CREATE TABLE parts_%d (id INTEGER PRIMARY KEY, name VARCHAR(20) CHARACTER SET %s COLLATE %s)")
          :format(n, collation:match "^[^_]+", collation))
      end
      for i, text in ipairs(texts) do
        pcall(session.execute, session, "there", ("INSERT INTO parts_%d VALUES (?, ?)"):format(i % 3), { i, text })
      end
      local expected = session:query("there", "SELECT * FROM (SELECT * FROM parts_0 UNION ALL SELECT * FROM parts_1 UNION ALL "
        .. "SELECT * FROM parts_2) AS parts ORDER BY name, id")
      local one = session:model("one"):get(1, { include = { parts = true } })
      assert.same(ids(expected), ids(one.parts))
      assert.is_true(#expected > 20)
    end)
  end

  it("of plain letters are matched without asking the server what they weigh", function()
    session:execute("there", "DROP TABLE IF EXISTS children")
    session:execute("there", "CREATE TABLE children (id INTEGER PRIMARY KEY, k VARCHAR(20) COLLATE utf8mb4_unicode_ci)")
    session:execute("there", "INSERT INTO children VALUES (1, 'A'), (2, 'ss'), (3, 'a-b')")
    local statements = App.watch(session)
    local rows = session:model("parent"):select { where = { id = { 1, 2, 10, 33 } }, include = { children = true }, order = "id" }
    session:observe(nil)
    local found = {}
    for _, row in ipairs(rows) do table.insert(found, ids(row.children)) end
    assert.same({ { 1 }, { 1 }, { 2 }, { 3 } }, found)
    assert.equal(2, #statements)
  end)

  it("are compared with like as they are written, backslashes too", function()
    session:execute("there", "DROP TABLE IF EXISTS children")
    session:execute("there", "CREATE TABLE children (id INTEGER PRIMARY KEY, k VARCHAR(20))")
    for i, text in ipairs { "a\\b", "a%b", "ab", "a\\%b", "a'b", "\\" } do session:execute("there", "INSERT INTO children VALUES (?, ?)", { i, text }) end
    local child = session:model "child"
    local function like(pattern) return ids(child:select { where = { k = { like = pattern } }, order = "id" }) end
    assert.same({ 1, 4 }, like "a\\%")
    assert.same({ 1 }, like "a\\b")
    assert.same({ 4 }, like "a\\_b")
    assert.same({ 6 }, like "\\")
    assert.same({ 1, 4, 6 }, like "%\\%")
  end)

  it("are found with like in any case, by their letters where the collation distinguishes these", function()
    local cased = { utf8mb4_bin = true, [mariadb and "utf8mb4_nopad_bin" or "utf8mb4_0900_bin"] = true,
      latin1_general_cs = true, latin1_bin = true, utf8mb4_unicode_ci = false }
    for collation, apart in pairs(cased) do
      session:execute("there", "DROP TABLE IF EXISTS children")
      session:execute("there", ("CREATE TABLE children (id INTEGER PRIMARY KEY, k VARCHAR(20) CHARACTER SET %s COLLATE %s)")
        :format(collation:match "^[^_]+", collation))
      for i, text in ipairs { "Anna", "anna", "Änne", "ä\\B", "B%n" } do
        session:execute("there", "INSERT INTO children VALUES (?, ?)", { i, text })
      end
      local child = session:model "child"
      local function like(pattern) return ids(child:select { where = { k = { like = pattern } }, order = "id" }) end
      assert.same({ 1, 2 }, like "%n_A", collation)
      assert.same(apart and { 1, 2 } or { 1, 2, 3 }, like "aN%", collation)
      assert.same(apart and { 3, 4 } or { 1, 2, 3, 4 }, like "ä%", collation)
      assert.same({ 4 }, like "Ä\\b", collation)
      assert.same({ 5 }, like "b%N", collation)
      assert.equal(5 - #like "a%", child:count { where = { _not = { k = { like = "A%" } } } })
    end
  end)

  it("are no numbers, whatever they begin with", function()
    session:execute("there", "DROP TABLE IF EXISTS children")
    session:execute("there", "CREATE TABLE children (id INTEGER PRIMARY KEY, k VARCHAR(20))")
    for i, text in ipairs { "5", "5 apples", "05", "five", "5.5", "1e1", "10" } do
      session:execute("there", "INSERT INTO children VALUES (?, ?)", { i, text })
    end
    local child = session:model "child"
    local function where(k) return ids(child:select { where = { k = k }, order = "id" }) end
    assert.same({ 1 }, where(5))
    assert.same({ 1, 5, 7 }, where { 5, 5.5, 10 })
    assert.same({}, where(0))
    assert.same({}, where(false))
    assert.equal(1, child:update({ k = "six" }, { where = { k = 5 } }))
    assert.equal(0, child:delete { k = 0 })
  end)
end)

describe("numbers on mysql", function()
  if Engines.missing() then return end
  local world, session

  before_each(function()
    world = Engines.open { clients = { main = "mysql" }, rules = 'model "amount" { table = "amounts" }' }
    session = world.session
    session:execute("main", "CREATE TABLE amounts (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(38, 10))")
  end)
  after_each(function() world:close() end)

  it("are found to the last digit", function()
    local amounts = session:model "amount"
    local near = { "12345678901234567890.1234567890", "12345678901234567890.1234567891" }
    amounts:insert { id = "18446744073709551615", d = near[1] }
    amounts:insert { id = "18446744073709551614", d = near[2] }
    assert.equal(1, amounts:count { where = { d = near[1] } })
    assert.equal(1, amounts:count { where = { d = { near[2], 1, "1.5" } } })
    assert.equal(1, amounts:count { where = { d = { gt = near[1] } } })
    assert.equal(near[2], amounts:get("18446744073709551614").d)
    assert.equal(1, amounts:count { where = { id = { "18446744073709551614", 7, "8" } } })
    session:execute("main", "CREATE TABLE bits (id BIT(64) PRIMARY KEY, v INTEGER)")
    local bits = amounts:new_instance(nil, "bits")
    assert.equal(2, bits:insert_bulk { { id = "18446744073709551615", v = 1 }, { id = "7", v = 2 } })
    assert.equal(1, bits:get("18446744073709551615").v)
    assert.equal(1, bits:count { where = { id = { gt = 7 } } })
    assert.equal(1, bits:update({ id = "18446744073709551614" }, { where = { id = "18446744073709551615" } }))
    assert.equal("18446744073709551614", bits:select({ order = "-id" })[1].id)
    local ids = {}
    for _, row in ipairs(amounts:mget { "18446744073709551615", "18446744073709551614", 3 }) do table.insert(ids, row.id) end
    assert.same({ "18446744073709551615", "18446744073709551614" }, ids)
    assert.equal(1, amounts:delete { id = { "18446744073709551614" } })
  end)

  it("are exact whatever the statement was given before", function()
    local exact = "-1234567890123456789012345678.0123456789"
    for id, value in ipairs { 1, exact, 1.5, exact, shunt.null, exact } do
      session:execute("main", "INSERT INTO amounts VALUES (?, ?)", { id, value })
      if value == exact then assert.equal(exact, session:query("main", "SELECT d FROM amounts WHERE id = ?", { id })[1].d) end
    end
  end)

  it("of a table's own are given with the row, and 0 is a number like others", function()
    session:execute("main", "CREATE TABLE numbered (id INTEGER PRIMARY KEY AUTO_INCREMENT, v INTEGER DEFAULT 3)")
    local plain <close> = world.app:session()
    local numbered = plain:model("amount"):new_instance(nil, "numbered")
    assert.same({ id = 1, v = 3 }, numbered:insert {})
    assert.same({ id = 2, v = 4 }, numbered:insert { v = 4 })
    assert.same({ id = 0, v = 5 }, numbered:insert { id = 0, v = 5 })
    assert.equal(2, numbered:insert_bulk { {}, {} })
    assert.equal(5, numbered:count())
  end)
end)

describe("statements on mysql", function()
  if Engines.missing() then return end
  local world, session

  before_each(function()
    world = Engines.open { clients = { main = "mysql" }, rules = 'model "thing" { table = "things" }' }
    session = world.session
    session:execute("main", "CREATE TABLE things (id INTEGER PRIMARY KEY AUTO_INCREMENT, t LONGTEXT, b LONGBLOB, v INTEGER)")
  end)
  after_each(function() world:close() end)

  it("that commit by themselves are refused in a transaction, and it goes on", function()
    session:transaction(function()
      session:model("thing"):insert { v = 1 }
      for _, sql in ipairs { "CREATE TABLE others (id INTEGER)", " /* now */ alter table things ADD COLUMN w INTEGER", "TRUNCATE things",
        "/*!999999 SELECT */ DROP TABLE things" } do
        Engines.raises("SHUNT_E_TRANSACTION", session.execute, session, "main", sql)
      end
      Engines.raises("SHUNT_E_USAGE", session.execute, session, "main", "/*!999999 SELECT */ COMMIT")
      session:execute("main", "CREATE TEMPORARY TABLE passing (id INTEGER)")
      session:execute("main", "INSERT INTO passing VALUES (1)")
    end)
    assert.equal(1, session:model("thing"):count())
  end)

  it("that commit unseen lose the transaction with an error, and leave the pool whole", function()
    session:execute("main", "CREATE PROCEDURE sneak() COMMIT")
    Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
      session:model("thing"):insert { v = 1 }
      session:execute("main", "CALL sneak()")
    end)
    Engines.raises("SHUNT_E_USAGE", session.execute, session, "main", "SET autocommit = 0")
    Engines.raises("SHUNT_E_USAGE", session.execute, session, "main", "/*! START TRANSACTION */")
    Engines.raises("SHUNT_E_USAGE", session.execute, session, "main", "USE mysql")
    Engines.raises("SHUNT_E_USAGE", session.execute, session, "main", "LOCK TABLES things WRITE")
    session:model("thing"):insert { v = 2 }
    local other <close> = world.app:session()
    assert.equal(2, other:model("thing"):count())
  end)

  it("behind a comment that hides its own end are not known: they may change a table, or end the transaction", function()
    session:execute("main", "CREATE TABLE hidden (id INTEGER PRIMARY KEY)")
    local hidden = session:model("thing"):new_instance(nil, "hidden")
    hidden:insert { id = 1 }
    session:execute("main", "/*!999999 -- */ ALTER TABLE hidden ADD COLUMN n INTEGER DEFAULT 5 /*\n*/ COMMENT 'seen'")
    assert.same({ id = 1, n = 5 }, hidden:get(1))
    Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
      hidden:insert { id = 2 }
      session:execute("main", "/*!999999 SELECT /* */ SELECT */ START TRANSACTION")
      hidden:insert { id = 3 }
    end)
    assert.equal(2, hidden:count())
  end)

  it("that end the transaction with their error leave nothing more to run in it, or to commit", function()
    session:execute("main", "CREATE PROCEDURE quit() BEGIN ROLLBACK; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more'; END")
    local problem = Engines.raises("SHUNT_E_TRANSACTION", session.transaction, session, function()
      session:model("thing"):insert { v = 1 }
      Engines.raises("SHUNT_E_CONSTRAINT", session.execute, session, "main", "CALL quit()")
      Engines.raises("SHUNT_E_TRANSACTION", session:model("thing").insert, session:model "thing", { v = 2 })
    end)
    assert.is_truthy(tostring(problem):find("no more", 1, true))
    assert.equal(0, session:model("thing"):count())
    session:transaction(function() session:model("thing"):insert { v = 3 } end)
    assert.equal(1, session:model("thing"):count())
  end)

  it("that fail with less leave the transaction as it was", function()
    session:transaction(function()
      session:model("thing"):insert { id = 1, v = 1 }
      local problem = Engines.raises("SHUNT_E_CONFLICT", session.execute, session, "main",
        "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'as a deadlock'")
      assert.equal(1213, problem.engine_code)
      assert.equal("40001", problem.sqlstate)
      session:model("thing"):insert { id = 2, v = 2 }
    end)
    assert.equal(2, session:model("thing"):count())
  end)

  it("give values of any length, and long ones among short ones", function()
    local thing = session:model "thing"
    local sizes = { 0, 1, 63, 64, 65, 255, 256, 1000, 16383, 16384, 16385, 70000, 3, 3000000, 10 }
    for i, size in ipairs(sizes) do thing:insert { id = i, t = ("é"):rep(size), b = shunt.blob(("\0\xff"):rep(size)), v = i } end
    local rows = thing:select { order = "id" }
    for i, size in ipairs(sizes) do
      assert.is_true(rows[i].t == ("é"):rep(size), "text " .. size)
      assert.is_true(rows[i].b == shunt.blob(("\0\xff"):rep(size)), "blob " .. size)
      assert.equal(i, rows[i].v)
    end
  end)

  it("take as many parameters as the protocol has room for", function()
    local thing = session:model "thing"
    local rows, ids, floats = {}, {}, {}
    for i = 1, 70000 do rows[i] = { id = i, v = i % 7 } end
    for i = 1, 65536 do ids[i], floats[i] = i, i + 0.0 end
    assert.equal(70000, thing:insert_bulk(rows))
    assert.equal(65536, thing:count { where = { id = ids } })
    assert.equal(65536, #thing:mget(ids))
    -- a long list of integers is one parameter; floats are not packed
    Engines.raises("SHUNT_E_USAGE", thing.count, thing, { where = { id = floats } })
    floats[#floats] = nil
    assert.equal(65535, thing:count { where = { id = floats } })
  end)

  it("of many rows carry no more than the server takes at once", function()
    local rows = {}
    for i = 1, 60 do rows[i] = { id = i, t = ("x"):rep(1000000) } end
    assert.equal(60, session:model("thing"):insert_bulk(rows))
    assert.equal(60000000, tonumber(session:query("main", "SELECT sum(length(t)) AS n FROM things")[1].n))
    local problem = Engines.raises("SHUNT_E_USAGE|SHUNT_E_DATASOURCE", session:model("thing").insert, session:model "thing", { t = ("x"):rep(70000000) })
    assert.equal("main", problem.client)
    assert.equal(60, session:model("thing"):count())
  end)

  it("that the server does not prepare go as they are, without parameters", function()
    local checked = session:query("main", "CHECK TABLE things")
    assert.equal("OK", checked[1].Msg_text)
    session:execute("main", "CREATE PROCEDURE two() BEGIN SELECT 1 AS a; SELECT 2 AS b; END")
    assert.same({ { a = 1 } }, session:query("main", "CALL two()"))
    assert.same({ { one = 1 } }, session:query("main", "SELECT 1 AS one"))
  end)

  it("count the rows that they found, not those that they changed", function()
    session:model("thing"):insert { id = 1, v = 1 }
    assert.equal(1, session:model("thing"):update { id = 1, v = 1 })
    assert.equal(1, session:execute("main", "UPDATE things SET v = 1"))
    assert.equal(0, session:execute("main", "SELECT * FROM things"))
    assert.equal(1, session:execute("main", "INSERT INTO things (v) VALUES (3)" .. (mariadb and " RETURNING id" or "")))
  end)

  local tables = "SELECT id AS found FROM passing"
  -- what leaves something, and what would find it on the same connection
  local left = {
    { "SET SESSION sort_buffer_size = 123456", "SELECT @@session.sort_buffer_size = 123456 AS found" },
    { "SET time_zone = '+05:00'", "SELECT @@session.time_zone = '+05:00' AS found" },
    { "SET @tenant = 'acme'", "SELECT @tenant IS NOT NULL AS found" },
    { "SELECT @tenant := 'acme'", "SELECT @tenant IS NOT NULL AS found" },
    { "SELECT '@', `v` INTO @tenant FROM things", "SELECT @tenant IS NOT NULL AS found", fails = "SHUNT_E_USAGE" },
    { "SELECT 'acme' INTO @tenant", "SELECT @tenant IS NOT NULL AS found" },
    { "CALL leave_variable()", "SELECT @tenant IS NOT NULL AS found" },
    { "CALL leave_and_fail()", "SELECT @tenant IS NOT NULL AS found", fails = "SHUNT_E_CONSTRAINT" },
    { "SELECT mark()", "SELECT @tenant IS NOT NULL AS found" },
    { "INSERT INTO traced VALUES (1)", "SELECT @tenant IS NOT NULL AS found" },
    { "CREATE TEMPORARY TABLE passing AS SELECT 1 AS id", tables },
    { ("/* now */ create%s temporary table passing (id integer) AS SELECT 1 AS id"):format(mariadb and " or replace" or ""), tables },
    { "CALL leave_table()", tables },
    { "PREPARE passing FROM 'SELECT 1 AS found'", "EXECUTE passing" },
    { "SELECT GET_LOCK('passing', 0)", "SELECT IS_USED_LOCK('passing') = CONNECTION_ID() AS found" },
  }

  local function finds(one, sql)
    local ok, rows = pcall(one.query, one, "main", sql)
    if not ok then assert.equal("SHUNT_E_NOT_FOUND", rows.code) end
    return ok and #rows > 0 and rows[1].found == 1
  end

  for _, case in ipairs(left) do
    it("leave nothing for another session to find: " .. case[1], function()
      session:execute("main", "CREATE TABLE traced (id INTEGER)")
      session:execute("main", "CREATE TRIGGER trace BEFORE INSERT ON traced FOR EACH ROW SET @tenant = NEW.id")
      session:execute("main", "CREATE FUNCTION mark() RETURNS INTEGER BEGIN SET @tenant = 'acme'; RETURN 1; END")
      session:execute("main", "CREATE PROCEDURE leave_variable() SET @tenant = 'acme'")
      session:execute("main", "CREATE PROCEDURE leave_and_fail() BEGIN SET @tenant = 'acme'; SIGNAL SQLSTATE '45000'; END")
      session:execute("main", "CREATE PROCEDURE leave_table() CREATE TEMPORARY TABLE passing AS SELECT 1 AS id")
      session:transaction(function() -- which goes on after it
        if case.fails then
          Engines.raises(case.fails, session.execute, session, "main", case[1])
        else
          session:execute("main", case[1])
          assert.is_true(finds(session, case[2]))
        end
        session:model("thing"):insert { id = 1 }
      end)
      local other <close> = world.app:session()
      assert.is_false(finds(other, case[2]))
      assert.equal(1, other:model("thing"):count())
    end)
  end

  it("that leave nothing keep their connection", function()
    local connection = "SELECT CONNECTION_ID() AS id"
    local before = session:query("main", connection)[1].id
    session:execute("main", "CREATE FUNCTION nothing() RETURNS INTEGER BEGIN DECLARE v INTEGER DEFAULT 3; RETURN v; END")
    session:transaction(function()
      session:query("main", "SELECT 'a@b', `v` AS `@v`, @@version, 2 -- @v\n FROM things # @v")
      session:model("thing"):insert { v = 1 }
    end, { isolation = "serializable" })
    session:model("thing"):insert_bulk { { v = 1 }, { v = 2 } }
    session:query("main", "SELECT nothing()")
    assert.equal(3, session:model("thing"):count())
    assert.equal(before, session:query("main", connection)[1].id)
    session:execute("main", "SET @x = 1")
    assert.equal(before, session:query("main", connection)[1].id)
    assert.equal(Engines.null, session:query("main", "SELECT @x AS x")[1].x)
    session:execute("main", "SET sql_mode = ''")
    assert.matches("STRICT_ALL_TABLES", session:query("main", "SELECT @@session.sql_mode AS modes")[1].modes, 1, true)
  end)

  it("that call a procedure run once, though its result has other columns now", function()
    session:execute("main", "CREATE TABLE called (id INTEGER PRIMARY KEY AUTO_INCREMENT, n INTEGER)")
    session:execute("main", "CREATE PROCEDURE note() BEGIN INSERT INTO called (n) VALUES (1); SELECT * FROM called ORDER BY id DESC LIMIT 1; END")
    for i = 1, 4 do
      pcall(session.query, session, "main", "CALL note()")
      assert.equal(i, session:query("main", "SELECT COUNT(*) AS n FROM called")[1].n)
      session:execute("main", ("ALTER TABLE called ADD COLUMN c%d INTEGER"):format(i))
    end
  end)

  it("have the time in UTC, wherever the server is", function()
    session:execute("main", "CREATE TABLE moments (id INTEGER PRIMARY KEY, at TIMESTAMP NULL)")
    session:execute("main", "INSERT INTO moments VALUES (1, FROM_UNIXTIME(86400))")
    assert.equal("1970-01-02 00:00:00", session:model("thing"):new_instance(nil, "moments"):get(1).at)
    assert.equal("+00:00", session:query("main", "SELECT @@session.time_zone AS zone")[1].zone)
  end)

  it("refuse what would be cut", function()
    session:execute("main", "CREATE TABLE small (id INTEGER PRIMARY KEY, s VARCHAR(3), n TINYINT, d DATE, e ENUM('x', 'y'))")
    for _, value in ipairs { { s = "abcd" }, { n = 200 }, { n = "x" }, { d = "2026-02-30" }, { d = "0000-00-00" }, { e = "z" }, { s = "\xff" } } do
      value.id = 1
      Engines.raises("SHUNT_E_CONSTRAINT", session.model(session, "thing"):new_instance(nil, "small").insert,
        session:model("thing"):new_instance(nil, "small"), value)
    end
    session:execute("main", "CREATE TABLE rounding (id INTEGER PRIMARY KEY, n INTEGER, d DECIMAL(8, 2), t DATETIME, f DATETIME(3), c TIME(1))")
    local rounding = session:model("thing"):new_instance(nil, "rounding")
    local fits = { id = 1, n = 2.0, d = 1.25, t = "2026-01-02 03:04:05", f = "2026-01-02 03:04:05.678", c = "03:04:05.6" }
    rounding:insert(fits)
    assert.same({ id = 1, n = 2, d = "1.25", t = fits.t, f = fits.f, c = fits.c }, rounding:get(1))
    rounding:update { id = 1, n = "3", d = 0.1 + 0.2, t = "2026-01-02 03:04:05.000", f = "2026-01-02 03:04:05.5000", c = "03:04:05" }
    local too_fine = {
      { n = 1.5 }, { n = "2.5" }, { n = 1e-3 }, { d = 1.239 }, { d = "0.001" }, { t = fits.f }, { f = "2026-01-02 03:04:05.6789" },
      { c = "03:04:05.67" },
    }
    for _, value in ipairs(too_fine) do
      value.id = 1
      Engines.raises("SHUNT_E_CONSTRAINT", rounding.update, rounding, value)
      Engines.raises("SHUNT_E_CONSTRAINT", rounding.insert_bulk, rounding, { { id = 2, n = value.n, d = value.d, t = value.t, f = value.f, c = value.c } })
    end
    assert.same({ id = 1, n = 3, d = "0.30", t = fits.t, f = "2026-01-02 03:04:05.500", c = "03:04:05.0" }, rounding:get(1))
    Engines.raises("SHUNT_E_USAGE", session.query, session, "main", "SELECT ? AS x", { 0 / 0 })
    Engines.raises("SHUNT_E_USAGE", session.query, session, "main", "SELECT ? AS x", { 1 / 0 })
    assert.equal(0, session:query("main", "SELECT count(*) AS n FROM small")[1].n)
  end)
end)

describe("a connection to mysql", function()
  if Engines.missing() then return end

  local url = Engines.url "mysql"
  local database = url:match "^%a+://[^/]*/([^?]*)"

  local function with(connection)
    local yaml = "database: {defaultClient: main, clients: {main: {engine: mysql, connection: {" .. connection .. "}}}}\n"
    local app, folder = App.open { ["shunt.yaml"] = yaml }
    local session = app:session()
    local results = table.pack(pcall(session.query, session, "main", "SELECT database() AS name"))
    app:close()
    App.remove(folder)
    if not results[1] then error(results[2], 0) end
    return results[2][1].name
  end

  local function refused(code, connection, words)
    local problem = Engines.raises(code, with, connection)
    assert.is_truthy(tostring(problem):find(words, 1, true), tostring(problem))
    assert.equal("main", problem.client)
    assert.is_nil(tostring(problem):find("swordfish", 1, true))
  end

  local function not_opened(connection, words)
    local problem = Engines.raises("SHUNT_E_CONFIG", with, connection)
    assert.is_truthy(tostring(problem):find(words, 1, true), tostring(problem))
    assert.equal(1, problem.line)
    assert.is_nil(tostring(problem):find("swordfish", 1, true))
  end

  it("finds an option file beside the file that names it", function()
    local user = url:match "//([^:@/]+)"
    local bare = url:gsub("//[^@/]*@", "//")
    local app, folder = App.open {
      ["shunt.yaml"] = ("database: {defaultClient: main, clients: {main: {engine: mysql, connection: {url: %q, option_file: keys/my.cnf}}}}\n"):format(bare),
      ["keys/my.cnf"] = ("[client]\nuser=%s\n"):format(user),
    }
    local s <close> = app:session()
    assert.equal(user, s:query("main", "SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AS u")[1].u)
    app:close()
    App.remove(folder)
  end)

  it("is made by a url, and by what stands beside it", function()
    assert.equal(database, with(("url: %q"):format(url)))
    assert.equal(database, with(("url: %q, connectTimeout: 500ms, charset: utf8mb4, application_name: spec"):format(url)))
    assert.equal("mysql", with(("url: %q, database: mysql"):format(url)))
  end)

  it("is refused where it is not spelled right, or can't be what was asked for", function()
    not_opened(("url: %q, pasword: swordfish"):format(url), "did you mean 'password'")
    refused("SHUNT_E_CONFIG", "url: \"mysql://u:swordfish%zz@h/d\"", "%25")
    not_opened("url: \"mysql://u:p?swordfish@h/d\"", "%3F")
    not_opened("url: \"mysql://u:p/swordfish@h/d\"", "%2F")
    refused("SHUNT_E_CONFIG", "url: \"mysql://u@h/d?password=fish&swordfish\"", "unknown option")
    refused("SHUNT_E_CONFIG", "url: \"postgres://u:swordfish@h/d\"", "mysql://USER:PASSWORD@HOST")
    refused("SHUNT_E_CONFIG", "url: \"mysql://u:swordfish@h:99999/d\"", "port")
    not_opened("host: h, connectTimeout: soon", "seconds")
    not_opened("host: h, ssl_mode: perhaps", "verify_identity")
    not_opened("host: h, charset: latin1", "utf8mb4")
    refused("SHUNT_E_DATASOURCE", "socket: /nowhere/at/all.sock, password: swordfish", "/nowhere/at/all.sock")
    refused("SHUNT_E_DATASOURCE", ("url: %q, ssl_ca: /nowhere/ca.pem"):format(url), "SSL")
  end)
end)
