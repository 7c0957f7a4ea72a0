-- Session variables: tenants that share a pool, and are kept apart by a schema, by row security or by a variable. No session
-- ever sees what another one has set.
-- SHUNT_TENANTS and SHUNT_CALLS make it larger. Behind PgBouncer with sh tests/engines/with-servers.sh --pooled COMMAND.

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local TENANTS = math.tointeger(os.getenv "SHUNT_TENANTS") or 24
local CALLS = math.tointeger(os.getenv "SHUNT_CALLS") or 500
local SHAPES = { "bigint", "varchar(20)", "numeric(12,2)" } -- of a tenant's keys, so that statements have parameters of other types

local seed = Random.seed()

local rules = [[
model "note" { table = "notes" }
model "shared" { table = "vars_shared" }
model "traced" { table = "vars_traced" }
]]

-- Names that a tenant chooses must not become SQL, or two schemas.
local NASTY = { [1] = "o'neil", [2] = 'a"b', [3] = "x, public", [4] = "back\\slash", [5] = "Größe", [6] = "public" }

local function name_of(i) return NASTY[i] or ("tenant %d"):format(i) end
local function key_of(i, n) return i % 3 == 1 and tostring(n) or n end -- the shape of the tenant's key

local function instances()
  local lines = {}
  for i = 1, TENANTS do lines[i] = ("    %q: {id: %d}"):format(name_of(i), i) end
  return "instance:\n  instances:\n" .. table.concat(lines, "\n") .. "\n"
end

local function quoted(name) return '"' .. name:gsub('"', '""') .. '"' end

local function describe_on(where, url, options)
  describe(("schemas and row security on one pool, %s (SHUNT_SEED=%d)"):format(where, seed), function()
    if not url then
      pending "is not tried: there is no server (sh tests/engines/with-servers.sh COMMAND starts one)"
      return
    end

    local app, folder, admin
    local random = Random.new(seed)

    local function run(sql, ...) return admin:query("admin", sql:format(...)) end

    local function make_tenant(i)
      local schema = quoted("vars_" .. name_of(i))
      run("CREATE SCHEMA %s", schema)
      run("CREATE TABLE %s.notes (id %s PRIMARY KEY, owner integer NOT NULL%s)", schema, SHAPES[i % 3 + 1], i % 2 == 0 and ", more text" or "")
      run("INSERT INTO %s.notes (id, owner) SELECT n, %d FROM generate_series(1, 3) n", schema, i)
    end

    local function drop_all()
      for i = 1, TENANTS do run("DROP SCHEMA IF EXISTS %s CASCADE", quoted("vars_" .. name_of(i))) end
      run "DROP TABLE IF EXISTS public.vars_shared, public.vars_traced"
    end

    setup(function()
      app, folder = App.open {
        ["shunt.yaml"] = ("database:\n  defaultClient: shared\n  clients:\n    admin: {engine: pg, connection: {url: %q}}\n"
          .. "    shared:\n      engine: pg\n      connection: {url: %q%s}\n      pool: {max: 8}\n      session:\n"
          .. '        search_path: "vars_${instance}, public"\n        app.tenant: "${instance.id}"\n'
          .. '        app.user: "${attrs.user}"\n        statement_timeout: 60000\n'
          .. "    placed:\n      engine: pg\n      connection: {url: %q%s}\n      session: {search_path: '${attrs.place}, public'}\n")
          :format(Engines.url "pg", url, options, url, options) .. instances() .. "rules: {path: [rules]}\n",
        ["rules/a.lua"] = rules,
      }
      admin = app:session()
      drop_all()
      run "CREATE TABLE public.vars_shared (id integer PRIMARY KEY, tenant integer NOT NULL DEFAULT current_setting('app.tenant')::integer)"
      for i = 1, TENANTS do
        make_tenant(i)
        run("INSERT INTO public.vars_shared VALUES (%d, %d)", i, i)
      end
      run "CREATE TABLE public.vars_traced (id integer)"
      run "INSERT INTO public.vars_traced VALUES (0)"
      run("CREATE OR REPLACE FUNCTION public.vars_trace() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        .. "PERFORM set_config('app.tenant', '%d', false), set_config('search_path', 'public', false); RETURN NEW; END $$", TENANTS)
      run "CREATE TRIGGER trace BEFORE INSERT OR UPDATE ON public.vars_traced FOR EACH ROW EXECUTE FUNCTION public.vars_trace()"
      run "CREATE POLICY own ON public.vars_shared USING (tenant = current_setting('app.tenant')::integer)"
      run "ALTER TABLE public.vars_shared ENABLE ROW LEVEL SECURITY"
      run "ALTER TABLE public.vars_shared FORCE ROW LEVEL SECURITY" -- for its owner, too
    end)
    teardown(function()
      drop_all()
      admin:close()
      app:close()
      App.remove(folder)
    end)

    local function open(i) return app:session { instance = name_of(i), attrs = { user = "user " .. i } } end

    local function set_by(session)
      return session:query("shared", "SELECT current_setting('app.tenant') AS tenant, current_setting('app.user') AS person, "
        .. "current_schema() AS place, current_setting('statement_timeout') AS timeout")[1]
    end

    -- Each is one kind of call by the tenant, and finds only what is the tenant's own.
    local kinds = {}

    function kinds.reads(i, session)
      for _, row in ipairs(session:model("note"):select {}) do assert.equal(i, row.owner) end
      assert.equal(i, session:model("note"):get({ id = key_of(i, 2) }).owner)
    end

    function kinds.asks_by_sql(i, session)
      local found = set_by(session)
      assert.same({ tostring(i), "user " .. i, "vars_" .. name_of(i), "1min" }, { found.tenant, found.person, found.place, found.timeout })
      assert.equal(i, session:query("shared", "SELECT owner FROM notes WHERE id = ?", { key_of(i, 1) })[1].owner)
    end

    function kinds.is_kept_apart_by_row_security(i, session)
      local rows = session:model("shared"):select {}
      assert.same({ { i, i } }, { { rows[1].id, rows[1].tenant } })
      assert.equal(1, #rows)
    end

    function kinds.fails(_, session)
      local ok = pcall(session.query, session, "shared", "SELECT 1 / (owner - owner) FROM notes")
      assert.is_false(ok)
    end

    function kinds.writes_and_rolls_back(i, session)
      local ok, problem = pcall(session.transaction, session, function()
        session:model("note"):insert { id = key_of(i, 100), owner = i }
        assert.equal(4, session:model("note"):count {})
        kinds.asks_by_sql(i, session)
        if random:chance(50) then session:query("shared", "SELECT no_such_column FROM notes") end
        error("undone", 0)
      end, { client = "shared" })
      assert.is_false(ok)
      assert.is_true(tostring(problem):find("undone", 1, true) ~= nil or tostring(problem):find("no_such_column", 1, true) ~= nil)
    end

    function kinds.commits(i, session)
      session:transaction(function()
        session:model("note"):insert { id = key_of(i, 200), owner = i }
        session:model("note"):delete { id = key_of(i, 200) }
      end, { client = "shared" })
      assert.equal(3, session:model("note"):count {})
    end

    -- What a trigger sets is not believed afterwards, by any session.
    function kinds.are_set_by_a_trigger(i, session)
      local function write()
        local way = random:int(1, 4)
        if way == 1 then session:model("traced"):insert { id = i } end
        if way == 2 then session:model("traced"):update({ id = 0 }, { where = { id = 0 } }) end
        if way == 3 then session:model("traced"):insert_bulk { { id = i }, { id = i } } end
        if way == 4 then session:query("shared", "INSERT INTO public.vars_traced VALUES (?)", { i }) end
      end
      if random:chance(50) then write() else session:transaction(write, { client = "shared" }) end
      local other <close> = open(i)
      local next_one = random:of { session, other }
      kinds.is_kept_apart_by_row_security(i, next_one)
      kinds.reads(i, next_one)
    end

    local names = {}
    for name in pairs(kinds) do names[#names + 1] = name end
    table.sort(names)

    -- Tenants work while others hold connections in transactions of theirs.
    local function one_call(depth)
      local i = random:int(1, TENANTS)
      local session <close> = open(i)
      if depth < 1 or random:chance(70) then return kinds[names[random:int(1, #names)]](i, session) end
      session:transaction(function()
        kinds.reads(i, session)
        one_call(depth - 1)
        kinds.asks_by_sql(i, session)
        kinds.is_kept_apart_by_row_security(i, session)
      end, { client = "shared" })
    end

    it("no session finds a row of another tenant", function()
      for _ = 1, CALLS do one_call(options == "" and 3 or 1) end -- a pooler has few connections for transactions
    end)

    it("a session without what the variables need is refused, whatever the connection has", function()
      kinds.reads(7, open(7))
      local function refused(with, words)
        local session <close> = app:session(with)
        Engines.raises("SHUNT_E_USAGE", function() session:model("note"):select {} end, words)
        Engines.raises("SHUNT_E_USAGE", function() session:query("shared", "SELECT 1") end, words)
        Engines.raises("SHUNT_E_USAGE", function()
          session:transaction(function() session:query("shared", "SELECT 1") end, { client = "shared" })
        end, words)
      end
      refused({ attrs = { user = "u" } }, "needs the name of an instance")
      refused({ instance = name_of(7) }, "needs the attribute 'user'")
      refused({ instance = name_of(7), attrs = { user = "" } }, "is empty")
      refused({ instance = name_of(7), attrs = { user = "a\0b" } }, "contains a NUL")
    end)

    it("a name is one schema of its own, or is refused", function()
      local pieces = { "$user", "pg_", "temp", "catalog", "_1", "information_schema", "a", " ", '"', ",", "Ü", "\\", ("x"):rep(30) }
      local others = { "", "$user", "pg_temp", "pg_temp_3", "pg_catalog", "information_schema", "a ", '"a"', "$User", "PG_TEMP" }
      for i = 2, #others + 20 do
        local name = others[i] or ""
        for _ = 1, others[i] and 0 or random:int(1, 4) do name = name .. pieces[random:int(1, #pieces)] end
        local session <close> = app:session { attrs = { place = name } }
        local special = #name > 63 or name == "$user" or name == "information_schema" or name:sub(1, 3) == "pg_"
        if special then
          Engines.raises("SHUNT_E_USAGE", function() session:query("placed", "SELECT 1") end, "session.search_path would have the name")
        else
          run("CREATE SCHEMA %s", quoted(name))
          local ok, place = pcall(function() return session:query("placed", "SELECT current_schema() AS place")[1].place end)
          run("DROP SCHEMA %s", quoted(name))
          assert.same({ true, name }, { ok, place })
        end
      end
    end)

    it("what a value holds stays text", function()
      for _, text in ipairs { "'); DROP TABLE notes; --", "\\'; SELECT 1; --", "a'b\\", 'x"y', "$1", "?", "ünï", (" "):rep(3) } do
        local session <close> = app:session { instance = name_of(7), attrs = { user = text } }
        assert.equal(text, set_by(session).person)
      end
    end)

    it("statements that a session runs itself change nothing for the next one", function()
      if options ~= "" then return end -- a pooler refuses them
      for _, sql in ipairs { "SET app.tenant = '1'", "SELECT set_config('search_path', 'public', false)", "RESET ALL" } do
        local session <close> = open(9)
        session:query("shared", sql)
        kinds.asks_by_sql(10, open(10))
        kinds.asks_by_sql(9, open(9))
      end
    end)
  end)
end

describe_on("directly", Engines.url "pg", "")
describe_on("behind PgBouncer", os.getenv "SHUNT_TEST_PGBOUNCER", ", prepare: false")

describe("session variables on mysql", function()
  if not Engines.url "mysql" then
    pending "are not tried: there is no server (sh tests/engines/with-servers.sh COMMAND starts one)"
    return
  end

  local app, folder
  local drop_all = {
    "DROP VIEW IF EXISTS vars_seen", "DROP TABLE IF EXISTS vars_traced", "DROP FUNCTION IF EXISTS vars_tenant", "DROP FUNCTION IF EXISTS vars_set",
  }

  setup(function()
    app, folder = App.open {
      ["shunt.yaml"] = ("database:\n  defaultClient: shared\n  clients:\n    shared:\n      engine: mysql\n"
        .. "      connection: {url: %q}\n      pool: {max: 2}\n      session:\n"
        .. '        "@tenant": "${instance.id}"\n        "@app.name": "${instance} in ${env}"\n        sort_buffer_size: 65536\n')
        :format(Engines.url "mysql") .. instances() .. "rules: {path: [rules]}\n",
      ["rules/a.lua"] = 'model "traced" { table = "vars_traced" } model "seen" { table = "vars_seen" }',
    }
    Engines.administer("mysql", drop_all)
    Engines.administer("mysql", {
      "CREATE TABLE vars_traced (id INTEGER PRIMARY KEY AUTO_INCREMENT, n INTEGER)", "INSERT INTO vars_traced VALUES (1, 0)",
      "CREATE TRIGGER vars_trace AFTER INSERT ON vars_traced FOR EACH ROW SET @tenant = 99",
      "CREATE TRIGGER vars_trace_too AFTER UPDATE ON vars_traced FOR EACH ROW SET @tenant = 98",
      "CREATE FUNCTION vars_tenant() RETURNS INTEGER RETURN @tenant", "CREATE FUNCTION vars_set() RETURNS INTEGER BEGIN SET @tenant = 97; RETURN 1; END",
      "CREATE VIEW vars_seen AS SELECT 1 AS id, vars_tenant() AS tenant",
    })
  end)
  teardown(function()
    Engines.administer("mysql", drop_all)
    app:close()
    App.remove(folder)
  end)

  -- @@sort_buffer_size has one value for all: whether it was set at all.
  local function found_by(session)
    return session:query("shared", "SELECT @tenant AS id, @app.name AS name, @@SESSION.sort_buffer_size AS size")[1]
  end

  it("are those of the session's tenant, numbers as numbers", function()
    for round = 1, 3 do
      for i = 1, 8 do
        local session <close> = app:session { instance = name_of(i) }
        local found = found_by(session)
        assert.same({ i, name_of(i) .. " in dev", 65536 }, { found.id, found.name, found.size }, "round " .. round)
      end
    end
  end)

  it("are the session's own again after a trigger or function has set them (SHUNT_SEED=" .. seed .. ")", function()
    local random = Random.new(seed)
    local writes = {
      function(session) session:model "traced":insert { n = 1 } end,
      function(session) session:model "traced":update({ n = random:int(1, 10^6) }, { where = { id = 1 } }) end,
      function(session) session:model "traced":insert_bulk { { n = 1 }, { n = 2 } } end,
      function(session) session:query("shared", "INSERT INTO vars_traced (n) VALUES (1)") end,
      function(session) session:query("shared", "SELECT vars_set() AS n") end,
    }
    for _ = 1, 200 do
      local i = random:int(1, 4)
      local session <close> = app:session { instance = name_of(i) }
      local other <close> = app:session { instance = name_of(i) }
      local write = random:of(writes)
      if random:chance(50) then write(session) else session:transaction(function() write(session) end, { client = "shared" }) end
      assert.equal(i, random:of { session, other }:model "seen":select {}[1].tenant)
    end
  end)

  it("are set before a transaction, and stay after a rollback", function()
    local one <close> = app:session { instance = name_of(1) }
    local two <close> = app:session { instance = name_of(2) }
    pcall(one.transaction, one, function()
      assert.equal(1, found_by(one).id)
      assert.equal(2, found_by(two).id)
      error "undone"
    end, { client = "shared" })
    assert.equal(2, found_by(two).id)
    assert.equal(1, found_by(one).id)
  end)
end)
