-- Hand-written SQL obeys the rules: guards are asked with the op that it has, a replica takes no writes in any way, and SQL may
-- go where a model's rows are. What says that it reads and is not allowed to write can't write, whatever it calls.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local Spelling = require "tests.engines.support.spelling"

local ROUNDS = 120
local seed = Random.seed()
local missing = Engines.missing()

local rules = [[
model "order" { table = "orders", client = "main", relations = { items = has_many("item", "order_id") } }
model "item" { table = "items", client = "main" }
model "part" { table = "orders", client = function(req) return req.where.region == "far" and "archive" or "main" end }
rule "the archive is read-only" { stage = "guard", client = "archive", op = "write", deny = "the archive is read-only" }
rule "auditors only read" { stage = "guard", op = "write", deny = "an auditor may read, not write",
  when = function(req) return req.attrs.role == "auditor" end }
rule "reads of reporters" { stage = "override", op = "read", client = "copy",
  when = function(req) return req.attrs.role == "reporter" end }
]]

local setups = {
  sqlite3 = {},
  pg = {
    "CREATE FUNCTION note() RETURNS integer LANGUAGE sql AS $$ INSERT INTO orders VALUES (100, 'x') RETURNING 1 $$",
    "CREATE VIEW noting AS SELECT note() AS id", "CREATE SEQUENCE numbers",
  },
  mysql = {
    "CREATE FUNCTION note() RETURNS INTEGER BEGIN INSERT INTO orders VALUES (100, 'x'); RETURN 1; END",
    "CREATE VIEW noting AS SELECT note() AS id", "CREATE PROCEDURE deceive() BEGIN COMMIT; INSERT INTO orders VALUES (101, 'x'); END",
  },
}

local reads = {
  "SELECT id FROM {orders} WHERE state = {'insert'}", "SELECT count(*) AS n FROM orders", "WITH x AS (SELECT 1 AS id) SELECT id FROM x",
  "SELECT id AS `delete`, 'it''s; INSERT' AS `update` FROM orders",
}

local writes = {
  any = {
    "INSERT INTO {orders} VALUES (7, {'x'})", "UPDATE {orders} SET state = {'x'}", "DELETE FROM {orders}", "DROP TABLE {orders}",
    "CREATE TABLE {other} (id INTEGER)", "ALTER TABLE {orders} ADD COLUMN more INTEGER", "CREATE INDEX {faster} ON {orders} (state)",
  },
  sqlite3 = {
    "WITH x AS (SELECT 7) INSERT INTO orders SELECT 7, {'x'} FROM x", "REPLACE INTO orders VALUES (1, {'x'})", "PRAGMA user_version = 7",
    "VACUUM", "DELETE FROM orders RETURNING id",
  },
  pg = {
    "SELECT {note}()", "SELECT id FROM {noting}", "WITH x AS (INSERT INTO orders VALUES (7, {'x'}) RETURNING id) SELECT id FROM x",
    "SELECT id INTO {other} FROM orders", "EXPLAIN ANALYZE DELETE FROM orders", "TRUNCATE {orders}", "SELECT {nextval}({'numbers'})",
    "CREATE TEMP TABLE {orders} AS SELECT 1 AS id", "DO $do$ BEGIN DELETE FROM orders; END $do$", "SELECT id INTO TEMP TABLE {other} FROM orders",
    "MERGE INTO orders USING (SELECT 1 AS n) AS x ON id = n WHEN MATCHED THEN DELETE", "VALUES ({note}())", "SHOW {noting}",
  },
  mysql = {
    "SELECT {note}()", "SELECT id FROM {noting}", "REPLACE INTO orders VALUES (1, {'x'})", "TRUNCATE {orders}", "CALL {deceive}()",
    "LOAD DATA INFILE {'/nowhere'} INTO TABLE orders", "RENAME TABLE {orders} TO {other}",
    "SELECT id FROM {orders} INTO OUTFILE {'/nowhere/x'}", "SELECT id INTO DUMPFILE {'/nowhere/x'} FROM orders LIMIT 1",
    "SELECT id FROM orders LIMIT 1 INTO @n", "SELECT id INTO @n FROM orders LIMIT 1",
  },
}

-- Reads with a lock; MariaDB has no FOR SHARE, and shunt needs no answer of the server to know it.
local locking = {
  sqlite3 = {},
  pg = {
    "SELECT id FROM {orders} FOR UPDATE", "SELECT id FROM {orders} FOR NO KEY UPDATE", "SELECT id FROM {orders} FOR SHARE OF orders",
    "SELECT id FROM {orders} FOR KEY SHARE SKIP LOCKED", "TABLE orders FOR KEY SHARE", "WITH x AS (SELECT 1) SELECT id FROM orders FOR SHARE",
  },
  mysql = {
    "SELECT id FROM {orders} FOR UPDATE", "SELECT id FROM {orders} FOR SHARE", "SELECT id FROM {orders} LOCK IN SHARE MODE",
    "WITH x AS (SELECT 1) SELECT id FROM orders LOCK IN SHARE MODE", "SELECT id FROM orders LIMIT 1 FOR UPDATE",
  },
}

describe("hand-written SQL obeys the rules (SHUNT_SEED=" .. seed .. ")", function()
  if missing then
    pending(missing)
    return
  end
  local kind = Engines.mysql_kind()

  for _, engine in ipairs(Engines.all) do
    describe("on " .. engine, function()
      local world, app, folder, session, random

      local function all()
        local found = {}
        for i, row in ipairs(session:query("main", "SELECT id, state FROM orders ORDER BY id")) do found[i] = row.id .. row.state end
        return table.concat(found, " ")
      end

      setup(function()
        world = Engines.open { clients = { one = engine } }
        world.session:execute("one", "CREATE TABLE orders (id INTEGER PRIMARY KEY, state VARCHAR(20))")
        world.session:execute("one", "CREATE TABLE items (id INTEGER PRIMARY KEY, order_id INTEGER)")
        world.session:execute("one", "INSERT INTO orders VALUES (1, 'new'), (2, 'insert')")
        for _, sql in ipairs(setups[engine]) do world.session:execute("one", sql) end
        local place = engine == "sqlite3" and ("filename: %q"):format(world.folder .. "/one.db")
          or ("url: %q"):format(Engines.url(engine, world.database_of.one))
        local clients = {}
        for _, name in ipairs { "main", "archive", "copy" } do
          clients[#clients + 1] = ("    %s: {engine: %s, connection: {%s}%s}"):format(name, engine, place, name == "copy" and ", role: replica" or "")
        end
        app, folder = App.open {
          ["shunt.yaml"] = "rules: {path: [rules]}\ndatabase:\n  defaultClient: main\n  clients:\n" .. table.concat(clients, "\n") .. "\n",
          ["rules/a.lua"] = rules,
        }
        session, random = app:session(), Random.new(seed)
      end)

      teardown(function()
        app:close()
        App.remove(folder)
        world:close()
      end)

      local function denied(client, sql, code, s, options)
        local ok, problem = pcall(s and s.query or session.query, s or session, client, sql, nil, options)
        assert.is_false(ok, "was not refused: " .. sql)
        assert.is_truthy(("|" .. code .. "|"):find("|" .. tostring(problem.code) .. "|", 1, true), sql .. "\n" .. tostring(problem))
        return problem
      end

      it("a guard refuses each write on a client that is named, and no read", function()
        local list = { table.unpack(writes.any) }
        for _, own in ipairs { writes[engine], locking[engine] } do table.move(own, 1, #own, #list + 1, list) end
        local before = all()
        for round = 1, ROUNDS do
          local client = random:of { "archive", "copy" }
          local read = Spelling.of((random:of(reads):gsub("`", engine == "mysql" and "`" or '"')), engine, kind, true, random)
          session:query(client, read)
          local write = Spelling.of(list[(round - 1) % #list + 1], engine, kind, false, random)
          denied(client, write, "SHUNT_E_DENIED|SHUNT_E_USAGE|SHUNT_E_NOT_FOUND")
          assert.equal(before, all(), write)
        end
        local problem = denied("archive", "INSERT INTO orders VALUES (7, 'x')", "SHUNT_E_DENIED")
        assert.equal("the archive is read-only", problem.rule)
        assert.equal("archive", problem.client or "archive")
      end)

      it("it is the same within a transaction", function()
        session:transaction(function()
          assert.equal(2, #session:query("archive", "SELECT id FROM orders"))
          denied("archive", "DELETE FROM orders", "SHUNT_E_DENIED")
          assert.equal(2, #session:query("archive", "SELECT id FROM orders"))
        end, { client = "archive", read_only = true })
        if engine ~= "sqlite3" then
          pcall(session.transaction, session, function() denied("archive", "SELECT note()", "SHUNT_E_DENIED") end,
            { client = "archive", read_only = true })
        end
        session:transaction(function()
          if engine == "mysql" then
            denied("archive", "SELECT id FROM orders", "SHUNT_E_TRANSACTION")
            return
          end
          assert.equal(2, #session:query("archive", "SELECT id FROM orders"))
          denied("archive", engine == "pg" and "SELECT note()" or "EXPLAIN DELETE FROM orders", "SHUNT_E_DENIED")
          assert.equal(2, #session:query("archive", "SELECT id FROM orders"))
        end, { client = "archive" })
        assert.equal("1new 2insert", all())
      end)

      it("it is the same within one that may be committed with others, on a connection that has only read before", function()
        session:transaction(function() session:query("archive", "SELECT id FROM orders") end, { client = "archive", read_only = true })
        session:transaction(function()
          if engine == "mysql" then
            denied("archive", "SELECT note()", "SHUNT_E_TRANSACTION")
          else
            denied("archive", engine == "pg" and "SELECT note()" or "EXPLAIN DELETE FROM orders", "SHUNT_E_DENIED")
          end
        end, { client = "archive", spanning = "join" })
        assert.equal("1new 2insert", all())
      end)

      it("a guard is asked with the op of the statement where no client is named", function()
        local auditor <close> = app:session { attrs = { role = "auditor" } }
        assert.equal(2, #auditor:query(nil, "SELECT id FROM orders"))
        denied(nil, "DELETE FROM orders", "SHUNT_E_DENIED", auditor)
        denied("main", "DELETE FROM orders", "SHUNT_E_DENIED", auditor)
        denied("main", "CREATE TABLE other (id INTEGER)", "SHUNT_E_DENIED", auditor)
        if engine ~= "sqlite3" then denied(nil, "SELECT note()", "SHUNT_E_DENIED", auditor) end
        assert.equal("1new 2insert", all())
      end)

      it("rules send a read where reads go, and a write where writes go", function()
        local reporter <close> = app:session { attrs = { role = "reporter" } }
        local seen = App.watch(reporter)
        reporter:query(nil, "SELECT id FROM orders")
        reporter:execute(nil, "UPDATE orders SET state = state")
        reporter:query(nil, "SELECT id FROM orders", nil, { op = "write" })
        assert.same({ "copy", "main", "main" }, { seen[1].client, seen[2].client, seen[3].client })
        for _ = 1, ROUNDS // 4 do
          for _, template in ipairs(locking[engine]) do
            local sql = Spelling.of(template, engine, kind, true, random)
            pcall(reporter.query, reporter, nil, sql)
            assert.equal("main", seen[#seen].client, sql)
          end
          reporter:query(nil, "SELECT 1")
          assert.equal("copy", seen[#seen].client)
        end
      end)

      it("a replica takes no writes of any kind", function()
        local order = session:model("order"):new_instance("copy")
        for _, write in ipairs {
          function() order:insert { id = 9, state = "x" } end,
          function() order:insert_bulk { { id = 9, state = "x" } } end,
          function() order:insert({ id = 1, state = "x" }, { on_conflict = { "id" } }) end,
          function() order:insert({ id = 9, state = "x", items = { { id = 1 } } }, { include = "items" }) end,
          function() order:update { id = 1, state = "x" } end,
          function() order:increment({ id = 1 }, { id = 5 }) end,
          function() order:delete { id = 1 } end,
          function() order:select { where = { id = 1 }, lock = "update" } end,
          function() session:execute("copy", "DELETE FROM orders") end,
          function() session:transaction(function() session:execute("copy", "DELETE FROM orders") end, { client = "copy" }) end,
          function() session:transaction(function() order:delete { id = 1 } end, { client = "copy" }) end,
        } do
          local problem = App.raises("SHUNT_E_DENIED", write)
          assert.matches("'copy' is a replica", problem.message, 1, true)
        end
        assert.equal(2, order:count())
        assert.equal("1new 2insert", all())
      end)

      if engine == "pg" then
        it("large objects may be written before PostgreSQL 16, as the manual says", function()
          local version = session:query("main", "SELECT current_setting('server_version_num')::integer AS v")[1].v
          local made, answer = pcall(session.query, session, "copy", "SELECT lo_create(0) AS id")
          assert.equal(version < 160000, made)
          if made then
            session:execute("main", "SELECT lo_unlink(?)", { answer[1].id })
          else
            assert.equal("SHUNT_E_DENIED", answer.code)
          end
        end)
      end

      it("the op may be stated", function()
        assert.equal(2, #session:query("main", "SELECT id FROM orders", nil, { op = "read" }))
        if engine ~= "sqlite3" then
          local problem = denied("main", "SELECT note()", "SHUNT_E_USAGE", nil, { op = "read" })
          assert.matches("it writes", problem.message, 1, true)
        end
        denied("main", "DELETE FROM orders", "SHUNT_E_USAGE", nil, { op = "read" })
        denied("main", "WITH x AS (SELECT 1) DELETE FROM orders", "SHUNT_E_USAGE", nil, { op = "read" })
        denied("archive", "SELECT id FROM orders", "SHUNT_E_DENIED", nil, { op = "write" })
        denied("main", "SELECT 1", "SHUNT_E_USAGE", nil, { op = "delete" })
        assert.equal("1new 2insert", all())
      end)

      it("goes where a model's rows are, with the model's guards", function()
        local seen = App.watch(session)
        local function client_of(...)
          session:query(...)
          return seen[#seen].client
        end
        assert.equal("main", client_of(nil, "SELECT 1", nil, { model = "order" }))
        assert.equal("archive", client_of(nil, "SELECT 1", nil, { model = "part", where = { region = "far" } }))
        assert.equal("main", client_of(nil, "SELECT 1", nil, { model = "part", where = { region = "near" } }))
        assert.equal("copy", client_of("copy", "SELECT 1", nil, { model = "order" }))
        denied(nil, "DELETE FROM orders", "SHUNT_E_DENIED", nil, { model = "part", where = { region = "far" } })
        denied(nil, "SELECT 1", "SHUNT_E_USAGE", nil, { model = "part" })
        denied(nil, "SELECT 1", "SHUNT_E_USAGE", nil, { where = { region = "far" } })
        denied(nil, "SELECT 1", "SHUNT_E_NOT_FOUND", nil, { model = "none" })
        session:observe(nil)
      end)
    end)
  end
end)
