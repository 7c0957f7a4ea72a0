-- Whatever hand-written SQL leaves on a connection, the next session finds a connection as new: however it is spelt, in a
-- transaction or not, and whether it succeeds or not.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"
local Spelling = require "tests.engines.support.spelling"

local ROUNDS = 250
local seed = Random.seed()
local missing = Engines.missing()

-- ---- what leaves something ----

-- alone: not in a transaction. plainly: not through another statement. quiet: what it leaves does not show on its own connection.
-- unseen: nothing in its text says that it leaves something.
local effects = {
  pg = {
    { "SET search_path = pg_catalog" }, { "SET SESSION shunt.kept = {'x'}" }, { "SET TIME ZONE 5" }, { "SET intervalstyle = postgres" },
    { "SELECT {set_config}({'shunt.kept'}, {'x'}, FALSE)", plainly = true },
    { "SELECT pg_catalog.{set_config}({'work_mem'}, {'4567kB'}, FALSE)", plainly = true },
    { "UPDATE {pg_settings} SET setting = {'4567'} WHERE name = {'work_mem'}" }, { "SELECT {leave_setting}()", plainly = true, unseen = true },
    { "SELECT id FROM {leaving_view}", plainly = true, unseen = true }, { "SELECT id FROM things WHERE {leave_setting}() = 1", plainly = true, unseen = true },
    { "INSERT INTO {traced} VALUES (1)", unseen = true }, { "CALL leave_by_trigger()", unseen = true },
    { "INSERT INTO {defaulted} DEFAULT VALUES", unseen = true }, { "UPDATE {checked} SET n = 1", unseen = true },
    { "DELETE FROM {ruled} WHERE id = 1", unseen = true },
    { "WITH w AS (INSERT INTO {traced} VALUES (2) RETURNING id) SELECT id FROM w", plainly = true, unseen = true },
    { "SELECT {pg_advisory_lock}(77)", plainly = true }, { "SELECT {pg_try_advisory_lock_shared}(7, 7)", plainly = true },
    { "SELECT {leave_lock}()", plainly = true, unseen = true },
    { "SET ROLE {ROLE}" }, { "SET SESSION AUTHORIZATION {ROLE}", quiet = true }, { "CALL leave_temp()", unseen = true },
    { "CALL leave_setting_too()", unseen = true },
    { "CREATE TEMP TABLE {things} (id integer)", once = true }, { "CREATE TABLE {pg_temp}.{passing} (id integer)", once = true },
    { "SELECT 1 AS id INTO TEMPORARY {passing}", plainly = true, once = true }, { "CREATE TEMP VIEW {things} AS SELECT 2 AS id" },
    { "CREATE TEMPORARY SEQUENCE {passing}", once = true }, { "LISTEN {news}", quiet = true },
    { "PREPARE {passing} AS SELECT 1", once = true }, { "DECLARE {held} CURSOR WITH HOLD FOR SELECT 1", quiet = true, once = true, alone = true },
    { "LOAD {'plpgsql'}", quiet = true }, { "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY" }, { "SET client_min_messages = error" },
    { "SET default_transaction_isolation = {'serializable'}" }, { "SELECT {pg_advisory_lock}(1), 1 / 0", plainly = true, fails = true, quiet = true },
    { "DO $do$ BEGIN PERFORM pg_advisory_lock(9); END $do$", plainly = true, unseen = true },
    { "VALUES ({set_config}({'shunt.kept'}, {'x'}, NOT TRUE))", plainly = true },
    { "SELECT 1 FROM {set_config}({'shunt.kept'}, {'x'}, 1 = (SELECT 2 WHERE TRUE OR 5 IN (1, 2)))", plainly = true, quiet = true },
    { "WITH w AS MATERIALIZED (SELECT {pg_advisory_lock}(77)) SELECT 1 FROM w", plainly = true },
    { "EXPLAIN ANALYZE SELECT pg_catalog.{pg_try_advisory_lock}(5)", plainly = true },
    { "EXPLAIN (ANALYZE) CREATE LOCAL TEMPORARY TABLE {passing} AS SELECT 1", plainly = true, once = true },
    { "SELECT 1 AS id INTO {pg_temp}.{passing}", plainly = true, once = true }, { "CREATE OR REPLACE TEMP VIEW {things} AS SELECT 2 AS id" },
  },
  mysql = {
    { "SET SESSION sort_buffer_size = 123904" }, { "SET @left = {'x'}" }, { "SET @@session.time_zone = {'+05:00'}" }, { "SET NAMES latin1" },
    { "SET sql_mode = {''}" }, { "SELECT @left := {'x'}" }, { "SELECT {'x'} INTO @left" }, { "SELECT 5 INTO @left FROM things" },
    { "SELECT 1--(@left := {'7'})" }, { "SELECT 1--{leave_variable}() AS n" }, { "DO 1--GET_LOCK({'left'}, 0)" },
    { "SELECT 1--\f\n, @left := {'x'} # @" }, { "INSERT INTO things SELECT 9--(@left := 2)" },
    { "SELECT {leave_variable}()" }, { "SELECT {leave_lock}()" }, { "SELECT id FROM {leaving_view}" }, { "INSERT INTO {traced} VALUES (1)" },
    { "INSERT INTO {lock_traced} VALUES (1)" }, { "UPDATE {traced} SET id = 2" }, { "DELETE FROM {traced}" },
    { "REPLACE INTO {traced} VALUES (1)" }, { "INSERT INTO {deep_traced} VALUES (1)" }, { "DO {leave_variable}()" },
    { "INSERT INTO things SELECT {leave_variable}() FROM things WHERE 1 = 0 AND id = {leave_variable}()", quiet = true },
    { "CALL {leave_by_trigger}()" }, { "SELECT id FROM things WHERE id = 2 OR {leave_variable}() = {'x'}" }, { "CALL {leave_setting}()" },
    { "CALL {leave_and_fail}()", fails = true },
    { "CREATE TEMPORARY TABLE {passing} (id INTEGER)", once = true }, { "CREATE TEMPORARY TABLE {things} (id INTEGER)", once = true, quiet = true },
    { "PREPARE {passing} FROM {'SELECT 1'}" }, { "SELECT GET_LOCK({'left'}, 0)" }, { "DO GET_LOCK({'left'}, 0)" },
    { "SELECT {GET_LOCK}({'left'}, 0)", mariadb = true }, { "SET ROLE {ROLE}", mariadb = true },
    { "FLUSH TABLES WITH READ LOCK", alone = true, quiet = true }, { "FLUSH TABLES {things} WITH READ LOCK", alone = true, quiet = true },
    { "LOCK TABLES {things} READ", quiet = true, alone = true }, { "LOCK TABLES {things} WRITE", quiet = true, alone = true },
    { "BACKUP STAGE START", mariadb = true, alone = true, quiet = true }, { "BACKUP LOCK {things}", mariadb = true, alone = true, quiet = true },
    { "USE mysql", quiet = true },
    { "HANDLER {things} OPEN", quiet = true }, { "XA START {'left'}", alone = true, quiet = true },
    { "SET autocommit = 0", alone = true, quiet = true }, { "SET SESSION TRANSACTION READ ONLY" }, { "SET TRANSACTION READ ONLY", alone = true, quiet = true },
    { "BEGIN NOT ATOMIC SET @left = 1; END", mariadb = true, quiet = true },
  },
  sqlite3 = {
    { "PRAGMA foreign_keys = OFF", alone = true }, { "PRAGMA {cache_size}(7)" }, { "PRAGMA query_only = ON" }, { "PRAGMA main.synchronous = 0", alone = true },
    { "PRAGMA case_sensitive_like = 1" }, { "PRAGMA busy_timeout = 3", }, { "PRAGMA recursive_triggers = 1" }, { "PRAGMA ignore_check_constraints = 1" },
    { "PRAGMA reverse_unordered_selects = 1" }, { "PRAGMA temp_store = 2", alone = true }, { "CREATE TEMP TABLE {things} (id)" },
    { "CREATE TABLE {temp}.{passing} (id)" }, { "CREATE TEMPORARY VIEW {things} AS SELECT 2 AS id" }, { "CREATE TEMP TABLE {passing} AS SELECT 1" },
    { "ANALYZE {temp}" }, { "CREATE TEMP TABLE {passing} (id INTEGER PRIMARY KEY AUTOINCREMENT)" },
    { "CREATE TEMP TRIGGER {passing} AFTER INSERT ON {things} BEGIN SELECT 1; END" },
    { "PRAGMA soft_heap_limit = 1000000", quiet = true }, { "ATTACH {':memory:'} AS {passing}", quiet = true },
  },
}

-- ---- what shows it ----

local setups = {
  pg = {
    "CREATE TABLE things (id integer)", "INSERT INTO things VALUES (1)",
    "CREATE FUNCTION leave_setting() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('shunt.kept', 'y', false); RETURN 1; END $$",
    "CREATE FUNCTION leave_lock() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_lock(5); RETURN 1; END $$",
    "CREATE FUNCTION trace() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM leave_setting(), leave_lock(); RETURN NEW; END $$",
    "CREATE PROCEDURE leave_temp() LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE passing (id integer); END $$",
    "CREATE PROCEDURE leave_by_trigger() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO traced VALUES (7); END $$",
    "CREATE PROCEDURE leave_setting_too() LANGUAGE plpgsql AS $$ BEGIN SET shunt.kept = 'x'; END $$",
    "CREATE VIEW leaving_view AS SELECT leave_setting() AS id", "CREATE TABLE traced (id integer)",
    "CREATE TRIGGER trace BEFORE INSERT ON traced FOR EACH ROW EXECUTE FUNCTION trace()",
    "CREATE TABLE defaulted (id integer DEFAULT leave_lock())", "CREATE TABLE checked (n integer CHECK (leave_setting() = n))",
    "INSERT INTO checked VALUES (1)", "CREATE VIEW ruled AS SELECT 1 AS id", "CREATE RULE gone AS ON DELETE TO ruled DO INSTEAD SELECT leave_setting()",
  },
  mysql = {
    "CREATE TABLE things (id INTEGER)", "INSERT INTO things VALUES (1)", "CREATE TABLE traced (id INTEGER)", "CREATE TABLE lock_traced (id INTEGER)",
    "CREATE TRIGGER trace BEFORE INSERT ON traced FOR EACH ROW SET @left = NEW.id",
    "CREATE TRIGGER trace_too BEFORE UPDATE ON traced FOR EACH ROW SET @left = NEW.id",
    "CREATE TRIGGER trace_end AFTER DELETE ON traced FOR EACH ROW SET SESSION sort_buffer_size = 123904",
    "CREATE TABLE deep_traced (id INTEGER PRIMARY KEY)", "INSERT INTO traced VALUES (1)",
    "CREATE TRIGGER deep_trace AFTER INSERT ON deep_traced FOR EACH ROW INSERT INTO traced VALUES (NEW.id)",
    "CREATE VIEW traced_view AS SELECT id FROM deep_traced",
    "CREATE PROCEDURE leave_by_trigger() INSERT INTO deep_traced VALUES (7) ON DUPLICATE KEY UPDATE id = id",
    "CREATE TRIGGER lock_trace BEFORE INSERT ON lock_traced FOR EACH ROW DO GET_LOCK('left', 0)",
    "CREATE FUNCTION leave_variable() RETURNS INTEGER BEGIN SET @left = 'x'; RETURN 1; END",
    "CREATE FUNCTION leave_lock() RETURNS INTEGER RETURN GET_LOCK('left', 0)", "CREATE VIEW leaving_view AS SELECT leave_lock() AS id",
    "CREATE PROCEDURE leave_setting() SET SESSION sort_buffer_size = 123904",
    "CREATE PROCEDURE leave_and_fail() BEGIN SET @left = 'x'; SIGNAL SQLSTATE '45000'; END",
  },
  sqlite3 = { "CREATE TABLE things (id)", "INSERT INTO things VALUES (1)" },
}

local states = {
  pg = [[SELECT current_user AS u, current_setting('role') AS role, session_user AS s, coalesce(current_setting('shunt.kept', true), '') AS l,
    (SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_show_all_settings() WHERE name NOT IN ('transaction_read_only',
      'transaction_isolation', 'transaction_deferrable', 'seed', 'in_hot_standby')) AS settings,
    (SELECT count(*) FROM pg_prepared_statements WHERE name NOT LIKE 'shunt\_%') AS prepared, (SELECT count(*) FROM pg_cursors WHERE is_holdable) AS cursors,
    (SELECT count(*) FROM pg_listening_channels()) AS channels, (SELECT count(*) FROM pg_class WHERE relnamespace = pg_my_temp_schema()) AS temporary,
    (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks]],
  mysql = [[SELECT DATABASE() AS d, @left AS l, IS_USED_LOCK('left') AS locked, %s AS role, @@session.time_zone AS z, @@session.sql_mode AS m,
    @@session.sort_buffer_size AS b, @@session.character_set_client AS c, @@session.character_set_results AS r, @@session.autocommit AS a,
    @@session.%s AS t]],
}

-- Also waits for the locks of the other connection.
local function state_of(session, engine, mariadb)
  local found = {}
  if engine == "sqlite3" then
    for _, name in ipairs { "foreign_keys", "cache_size", "query_only", "synchronous", "busy_timeout", "recursive_triggers",
      "ignore_check_constraints", "reverse_unordered_selects", "temp_store", "soft_heap_limit" } do
      for _, value in pairs(session:query("one", "PRAGMA " .. name)[1] or {}) do found[#found + 1] = name .. "=" .. tostring(value) end
    end
    local row = session:query("one", "SELECT (SELECT count(*) FROM temp.sqlite_schema) AS t, 'A' LIKE 'a' AS l, "
      .. "(SELECT count(*) FROM pragma_database_list) AS d")[1]
    found[#found + 1] = ("%s %s %s"):format(row.t, row.l, row.d)
    return table.concat(found, "\n")
  end
  local sql = states.pg
  if engine == "mysql" then sql = states.mysql:format(mariadb and "CURRENT_ROLE()" or "''", mariadb and "tx_read_only" or "transaction_read_only") end
  for name, value in pairs(session:query("one", sql)[1]) do found[#found + 1] = name .. "=" .. tostring(value) end
  table.sort(found)
  if engine == "mysql" then
    for _, probe in ipairs { "SELECT id FROM passing", "EXECUTE passing" } do found[#found + 1] = tostring((pcall(session.query, session, "one", probe))) end
  end
  return table.concat(found, "\n")
end

-- Its own connection, which would wait for a lock that was left.
local probes = {
  sqlite3 = { "INSERT INTO things VALUES (2)", "DELETE FROM things WHERE id = 2" },
  pg = { "INSERT INTO things VALUES (2)", "DELETE FROM things WHERE id = 2", "ALTER TABLE things ALTER id SET NOT NULL" },
  mysql = { "INSERT INTO things VALUES (2)", "DELETE FROM things WHERE id = 2", "ALTER TABLE things COMMENT 'seen'" },
}

local named_locks = {
  pg = "SELECT (pg_try_advisory_lock(5) AND pg_try_advisory_lock(77) AND pg_try_advisory_lock(7, 7))::int AS free",
  mysql = "SELECT GET_LOCK('left', 0) AS free",
}

-- By models. What a trigger of PostgreSQL leaves then is not seen, as the manual says.
local written = {
  mysql = {
    { "insert", function(s, random) s:model "deep_traced":insert { id = random:int(10, 10^6) } end },
    { "insert without a key to read the row by",
      function(s, random) s:model(random:of { "traced", "traced_view" }):insert { id = random:int(10, 10^6) } end, mariadb = true },
    { "insert_bulk", function(s, random) s:model "deep_traced":insert_bulk { { id = random:int(10, 10^6) } } end },
    { "returning", function(s, random) s:model "deep_traced":insert_bulk({ { id = random:int(10, 10^6) } }, { returning = true }) end },
    { "update", function(s) s:model "traced":update({ id = 3 }, { where = { id = { gt = 0 } } }) end },
    { "lock", function(s) s:model "lock_traced":insert { id = 1 } end, mariadb = true },
  },
}

local REFUSED = "SHUNT_E_USAGE|SHUNT_E_TRANSACTION|SHUNT_E_CONSTRAINT|SHUNT_E_NOT_FOUND|SHUNT_E_CONFLICT|SHUNT_E_DATASOURCE"

describe("what hand-written SQL leaves (SHUNT_SEED=" .. seed .. ")", function()
  if missing then
    pending(missing)
    return
  end
  local mariadb = Engines.mysql_kind() == "mariadb"

  for _, place in ipairs { "sqlite3", "memory", "pg", "pooled", "mysql" } do
    local engine = ({ memory = "sqlite3", pooled = "pg" })[place] or place
    local pooled = place == "pooled" -- nothing is reset then, but what shows in the text is refused
    describe("on " .. place, function()
      local world, random, new, role

      setup(function()
        random = Random.new(seed)
        local rules = 'model "traced" { table = "traced" } model "deep_traced" { table = "deep_traced" }\n'
          .. 'model "traced_view" { table = "traced_view" } model "lock_traced" { table = "lock_traced" }\n'
        local spec = { clients = { one = pooled and "pg" or place }, max = 1, rules = rules }
        if pooled then spec.connection = { one = "prepare: false" } end
        world = Engines.open(spec)
        for _, sql in ipairs(setups[engine]) do world.session:execute("one", sql) end
        if engine == "pg" then role = world.session:query("one", "SELECT current_user AS u")[1].u end
        if engine == "mysql" and mariadb then
          role = world.database_of.one .. "_r"
          world.session:execute("one", "CREATE ROLE " .. role)
        end
        world.session:close()
        local session <close> = world.app:session()
        new = state_of(session, engine, mariadb)
      end)

      teardown(function()
        if engine == "mysql" and role then Engines.administer("mysql", { "DROP ROLE " .. role }) end
        world:close()
      end)

      local function spelling(effect)
        local template = effect[1]:gsub("{ROLE}", "{" .. tostring(role) .. "}")
        return Spelling.of(template, engine, mariadb and "mariadb" or "mysql", pooled or effect.plainly, random)
      end

      local function tried()
        local list = {}
        for _, effect in ipairs(effects[engine]) do
          if (mariadb or not effect.mariadb) and not (pooled and effect.unseen) then list[#list + 1] = effect end
        end
        return list
      end

      -- As a user of the server would look: on another connection, without waiting long.
      local function look_from_outside()
        if engine == "sqlite3" then return end
        local yaml = ("database: {defaultClient: one, clients: {one: {engine: %s, connection: {url: %q}}}}\n")
          :format(engine, Engines.url(engine, world.database_of.one))
        local app, folder = App.open { ["shunt.yaml"] = yaml }
        local session <close> = app:session()
        for _, sql in ipairs(probes[engine]) do session:execute("one", sql, nil, { timeout = "5s" }) end
        assert.equal(1, tonumber(session:query("one", named_locks[engine])[1].free), "a named lock is held")
        app:close()
        App.remove(folder)
      end

      local function try(effect, sql, peeks)
        local session <close> = world.app:session()
        local seen, ok, problem = false, nil, nil
        local function run()
          ok, problem = pcall(session.query, session, "one", sql)
          if not ok then error(problem, 0) end
          if not peeks then return end
          local readable, state = pcall(state_of, session, engine, mariadb)
          seen = readable and state ~= new
        end
        if effect.alone or (not peeks and random:chance(50)) then
          ok, problem = pcall(session.query, session, "one", sql)
        else
          pcall(session.transaction, session, function()
            run()
            if random:chance(50) then error "rolled back" end
          end, { client = "one" })
        end
        if not ok then
          assert.is_truthy(("|" .. REFUSED .. "|"):find("|" .. tostring(problem.code) .. "|", 1, true), sql .. "\n" .. tostring(problem))
          assert.is_nil(tostring(problem):find("there is no statement", 1, true), sql)
        end
        return seen, ok
      end

      it("is gone for the next session", function()
        local seen, done, list = {}, {}, tried()
        for round = 1, ROUNDS do
          local effect = list[(round - 1) % #list + 1]
          local sql = spelling(effect)
          local shows, ok = try(effect, sql, not seen[effect] or random:chance(25))
          seen[effect], done[effect] = seen[effect] or shows, done[effect] or ok
          local session <close> = world.app:session()
          assert.equal(new, state_of(session, engine, mariadb), sql)
          assert.equal(1, session:query("one", "SELECT count(*) AS n FROM things WHERE id = 1")[1].n, sql)
        end
        for _, effect in ipairs(list) do
          local may = place ~= "memory" and not pooled or done[effect] -- memory: pragmas that can't be undone are refused
          if may and not effect.quiet and not effect.fails and not effect.alone then assert.is_true(seen[effect], "had no effect: " .. effect[1]) end
        end
      end)

      it("is gone for the next session if a model's write has left it", function()
        for round = 1, written[engine] and ROUNDS or 0 do
          local write = written[engine][(round - 1) % #written[engine] + 1]
          if mariadb or not write.mariadb then
            local session <close> = world.app:session()
            if random:chance(50) then
              write[2](session, random)
            else
              pcall(session.transaction, session, function()
                write[2](session, random)
                if random:chance(50) then error "rolled back" end
              end)
            end
            if random:chance(50) then session:close() end
            local other <close> = world.app:session()
            assert.equal(new, state_of(other, engine, mariadb), write[1])
          end
        end
      end)

      it("locks nothing for others", function()
        if place == "memory" then return end
        for _, effect in ipairs(tried()) do
          local sql = spelling(effect)
          try(effect, sql, false)
          local ok, problem = pcall(look_from_outside)
          assert.is_true(ok, sql .. "\n" .. tostring(problem))
        end
      end)
    end)
  end
end)
