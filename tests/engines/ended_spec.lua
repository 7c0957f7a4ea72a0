-- A statement of one's own that ends the transaction around it is never taken for one that doesn't, even if it begins another
-- one at once: a unit that is rolled back leaves no row, or the statement says that it ended the transaction.

local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local Spelling = require "tests.engines.support.spelling"

local ROUNDS = 300
local seed = Random.seed()

-- ends: it always ends the transaction. refusable: unless it is refused before it runs. mariadb: only there.
local statements = {
  { "COMMIT AND CHAIN", ends = true, refusable = true }, { "ROLLBACK AND CHAIN", ends = true, refusable = true },
  { "START TRANSACTION", ends = true, refusable = true }, { "BEGIN", ends = true, refusable = true }, { "COMMIT", ends = true, refusable = true },
  { "CALL {end_and_begin}()", ends = true }, { "CALL {end_chained}()", ends = true }, { "CALL {end_it}()", ends = true },
  { "CALL {end_and_fail}()", ends = true }, { "EXECUTE {chained}", ends = true }, { "START TRANSACTION READ WRITE", ends = true, refusable = true },
  { "EXECUTE IMMEDIATE {'COMMIT AND CHAIN'}", ends = true, mariadb = true }, { "EXECUTE IMMEDIATE {'BEGIN'}", ends = true, mariadb = true },
  { "BEGIN NOT ATOMIC COMMIT; START TRANSACTION; END", ends = true, refusable = true, mariadb = true },
  { "IF 1 THEN COMMIT AND CHAIN; END IF", ends = true, mariadb = true },
  { "CALL {write}()" }, { "CALL {undo_some}()" }, { "CALL {fail}()" }, { "SET @a = 1" }, { "DO {number}()" }, { "SELECT {number}() AS n" },
  { "SELECT n FROM {things} FOR UPDATE" }, { "INSERT INTO {things} (n) SELECT {number}()" }, { "SHOW TABLES" }, { "SET autocommit = 1" },
  { "SET NAMES utf8mb4" }, { "SHOW WARNINGS" }, { "UPDATE {things} SET n = n + 1 WHERE n = 5" }, { "no such statement" },
}

local made = {
  "CREATE TABLE things (id INTEGER PRIMARY KEY AUTO_INCREMENT, n INTEGER)",
  "CREATE PROCEDURE end_it() COMMIT", "CREATE PROCEDURE end_chained() COMMIT AND CHAIN",
  "CREATE PROCEDURE end_and_begin() BEGIN INSERT INTO things (n) VALUES (2); COMMIT; START TRANSACTION; INSERT INTO things (n) VALUES (3); END",
  "CREATE PROCEDURE end_and_fail() BEGIN COMMIT; START TRANSACTION; SIGNAL SQLSTATE '45000'; END",
  "CREATE PROCEDURE `write`() INSERT INTO things (n) VALUES (4)",
  "CREATE PROCEDURE undo_some() BEGIN SAVEPOINT a; INSERT INTO things (n) VALUES (4); ROLLBACK TO a; RELEASE SAVEPOINT a; END",
  "CREATE PROCEDURE fail() BEGIN INSERT INTO things (n) VALUES (4); SIGNAL SQLSTATE '45000'; END",
  "CREATE FUNCTION number() RETURNS INTEGER DETERMINISTIC RETURN 4",
}

describe("a transaction that SQL ends (SHUNT_SEED=" .. seed .. ")", function()
  if not Engines.url "mysql" then
    pending "is not tried: there is no server (sh tests/engines/with-servers.sh COMMAND starts one)"
    return
  end

  local kind = Engines.mysql_kind()
  local random = Random.new(seed)
  local world

  setup(function()
    world = Engines.open { clients = { one = "mysql" }, max = 2, rules = 'model "thing" { table = "things" }' }
    for _, sql in ipairs(made) do world.session:execute("one", sql) end
  end)
  teardown(function() world:close() end)

  local function count()
    local session <close> = world.app:session()
    return session:model("thing"):count {}
  end

  -- Whether the statement said that it ended the transaction, and its error.
  local function run(session, sql)
    if sql:lower():find("execute", 1, true) and sql:find("chained", 1, true) then
      session:query("one", "PREPARE chained FROM 'COMMIT AND CHAIN'")
    end
    local ok, problem = pcall(session.query, session, "one", sql)
    return not ok and problem.code == "SHUNT_E_TRANSACTION", not ok and problem or nil
  end

  local function unit(session, work, nested)
    return pcall(session.transaction, session, function()
      session:model("thing"):insert { n = 1 }
      if not nested then return work() end
      return session:transaction(function()
        session:model("thing"):insert { n = 2 }
        return work()
      end, { propagation = "NESTED" })
    end, { client = "one" })
  end

  it("is noticed, and others roll back and commit as ever", function()
    local noticed = {}
    for round = 1, ROUNDS do
      local statement = statements[(round - 1) % #statements + 1]
      if kind == "mariadb" or not statement.mariadb then
        local sql = Spelling.of(statement[1], "mysql", kind, false, random)
        local session <close> = world.app:session()
        session:execute("one", "DELETE FROM things")
        local told, problem
        local commits, nested = random:chance(30), random:chance(40)
        local ok, final = unit(session, function()
          told, problem = run(session, sql)
          if not commits then error("undone", 0) end
        end, nested)
        local refused = problem and problem.code == "SHUNT_E_USAGE" -- some spellings the server can't run, either
        noticed[statement] = noticed[statement] or told
        if statement.ends and not refused then
          assert.is_true(told, sql .. "\n" .. tostring(problem))
          assert.is_false(ok, sql)
        else
          assert.is_false(told, sql .. "\n" .. tostring(problem))
          assert.equal(commits, ok, sql .. "\n" .. tostring(final))
          assert.equal(commits, count() > 0, sql)
        end
      end
    end
    for _, statement in ipairs(statements) do
      local here = kind == "mariadb" or not statement.mariadb
      if here and statement.ends and not statement.refusable then assert.is_true(noticed[statement], "never ran: " .. statement[1]) end
    end
  end)

  it("that only reads can't be left for one that writes", function()
    for _, statement in ipairs(statements) do
      if statement.ends and (kind == "mariadb" or not statement.mariadb) then
        local sql = Spelling.of(statement[1], "mysql", kind, false, random)
        local session <close> = world.app:session()
        session:execute("one", "DELETE FROM things")
        local ok = pcall(session.transaction, session, function()
          session:model("thing"):count {}
          pcall(run, session, sql)
          session:model("thing"):insert { n = 1 }
        end, { client = "one", read_only = true })
        assert.is_false(ok, sql)
        assert.equal(0, count(), sql)
      end
    end
  end)
end)
