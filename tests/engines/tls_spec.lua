-- Encrypted connections: a connection that requires TLS gets it or fails, the server's identity is verified, and everything works as
-- without TLS. This reconfigures the server, so it needs one of its own: sh tests/engines/with-servers.sh --private busted …

local App = require "tests.spec.support.app"
local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"

local CONNECTIONS = 4
local LONG = 100000
local ROWS = 40
local LONGEST_S = 30

local rules = [[
model "page" { table = "pages", relations = { lines = has_many("line", "page_id"), notes = has_many("note", "page_id") } }
model "line" { table = "texts" }
model "note" { table = "texts" }
]]

-- An option by which PostgreSQL takes of TCP only the connections of this kind.
local function only(kind)
  local path = Faults.file("pg", "hba.conf")
  App.write(path, ("local all all trust\n%s all all 127.0.0.1/32 scram-sha-256\n"):format(kind))
  return "-c hba_file=" .. path
end

-- mode, ca: the options' names. Modes: never, where it can be had, always; the authority's word is needed, and the host's name in it.
-- encrypted: SQL for the version of TLS that this connection has. Options of the server: to speak none, to take nothing else.
local cases = {
  pg = {
    mode = "sslmode", ca = "sslrootcert",
    off = "disable", prefer = "prefer", require = "require", authority = "verify-ca", identity = "verify-full",
    encrypted = "SELECT CASE WHEN ssl THEN version END AS v FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    without = "-c ssl=off", demanding = function() return only "hostssl" end,
    nap = "SELECT pg_sleep(60)",
  },
  mysql = {
    mode = "ssl_mode", ca = "ssl_ca",
    off = "disabled", prefer = "preferred", require = "required", authority = "verify_ca", identity = "verify_identity",
    encrypted = "SELECT NULLIF(variable_value, '') AS v FROM information_schema.session_status WHERE variable_name = 'Ssl_version'",
    without = "--skip-ssl", demanding = function() return "--require-secure-transport" end,
    nap = "SELECT sleep(60)",
  },
}

local function assert_told(problem)
  local said = problem.message
  assert.is_truthy(said:find "SSL" or said:find "TLS" or said:find "certificate", said)
  assert.is_nil(tostring(problem):find("opensesame", 1, true))
  assert.equal("main", problem.client)
end

for _, engine in ipairs(Engines.servers) do
  local case = cases[engine]
  describe("TLS with " .. engine, function()
    local why = Faults.none_for(engine)
    if why then
      pending(why)
      return
    end

    local right_ca = Faults.file(engine, "ca.pem")
    local wrong_ca = os.tmpname()

    -- An application whose client connects so, with `ask` to ask of what kind its connection is.
    local function connect(mode, ca, address)
      local options = ("%s: %q"):format(case.mode, mode) .. (ca and (", %s: %q"):format(case.ca, ca) or "")
      local app, folder = App.open {
        ["shunt.yaml"] = ("database: {defaultClient: main, base: {pool: {max: %d}}, clients: {main: {engine: %s, "
          .. "connection: {url: %q, %s}}}}\n"):format(CONNECTIONS, engine, Engines.url(engine, nil, address or true), options),
      }
      local session = app:session()
      local function close()
        app:close()
        App.remove(folder)
      end
      return function() return session:query("main", case.encrypted)[1].v end, close, app
    end

    local function connects(encrypted, ...)
      local ask, close, app = connect(...)
      local version = ask()
      Faults.assert_whole(app, "main")
      close()
      if encrypted then
        assert.is_truthy(tostring(version):find "^TLS")
      else
        assert.equal(Engines.null, version)
      end
    end

    local function is_refused(...)
      local ask, close, app = connect(...)
      for _ = 1, CONNECTIONS do assert_told(Engines.raises("SHUNT_E_DATASOURCE", ask)) end
      local pool = Faults.pool(app, "main")
      assert.same({ 0, 0, 0 }, { pool.open, pool.busy, pool.waiting })
      close()
    end

    setup(function()
      assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=another "
        .. "-keyout /dev/null -out '%s' 2>/dev/null"):format(wrong_ca)))
    end)
    teardown(function() os.remove(wrong_ca) end)

    it("is there where it is asked for", function()
      connects(true, case.require)
      connects(true, case.prefer)
      connects(true, case.authority, right_ca)
      connects(true, case.identity, right_ca)
      connects(false, case.off)
    end)

    it("is refused of a server that another authority vouches for", function()
      is_refused(case.authority, wrong_ca)
      is_refused(case.identity, wrong_ca)
    end)

    it("is refused of a server with the certificate of another host", function()
      local relay = Faults.relay(engine, "127.0.0.2")
      connects(true, case.require, nil, relay.address)
      if engine == "pg" then connects(true, case.authority, right_ca, relay.address) end
      is_refused(case.identity, right_ca, relay.address)
      relay:close()
    end)

    it("is refused where there is no authority to ask", function()
      is_refused(case.authority, "/nowhere/ca.pem")
    end)

    -- With a server that was started so.
    local function with(options, fn)
      Faults.restart_with(engine, options)
      local ok, problem = pcall(fn)
      Faults.restart_with(engine, "")
      if not ok then error(problem, 0) end
    end

    it("is never left out where the server has none", function()
      with(case.without, function()
        is_refused(case.require)
        is_refused(case.authority, right_ca)
        is_refused(case.identity, right_ca)
        connects(false, case.prefer)
        connects(false, case.off)
      end)
      connects(true, case.prefer)
    end)

    it("is there where the server takes nothing else, and what has none is refused", function()
      with(case.demanding(), function()
        connects(true, case.require)
        connects(true, case.prefer)
        local ask, close = connect(case.off)
        for _ = 1, CONNECTIONS do Engines.raises("SHUNT_E_DATASOURCE", ask) end
        close()
      end)
    end)

    if engine == "pg" then
      it("is refused where the server takes only what has none", function()
        with(only "hostnossl", function()
          is_refused(case.require)
          connects(false, case.prefer)
        end)
      end)
    end

    it("comes back with the server", function()
      local ask, close, app = connect(case.require)
      assert.is_truthy(ask())
      with(case.without, function() assert_told(Engines.raises("SHUNT_E_DATASOURCE", ask)) end)
      Faults.assert_whole(app, "main")
      assert.is_truthy(tostring(ask()):find "^TLS")
      close()
    end)

    describe("carries", function()
      local world, session, pages

      before_each(function()
        world = Engines.open { clients = { main = engine }, rules = rules, max = CONNECTIONS, tcp = { main = true },
          connection = { main = ("%s: %q, %s: %q"):format(case.mode, case.identity, case.ca, right_ca) } }
        session = world.session
        for _, name in ipairs { "pages", "texts" } do
          local text = engine == "pg" and "text" or "longtext"
          session:execute("main", ("CREATE TABLE %s (id INTEGER PRIMARY KEY, page_id INTEGER, body %s)"):format(name, text))
        end
        pages = session:model "page"
      end)
      after_each(function()
        assert.is_truthy(tostring(session:query("main", case.encrypted)[1].v):find "^TLS")
        Faults.assert_whole(world.app, "main")
        world:close()
      end)

      local function body_of(id) return (("%08d "):format(id)):rep(LONG // 9) end

      local function fill()
        local rows, texts = {}, {}
        for i = 1, ROWS do
          rows[i] = { id = i, body = body_of(i) }
          texts[i] = { id = i, page_id = i % 2 + 1, body = body_of(-i) }
        end
        pages:insert_bulk(rows)
        session:model("line"):insert_bulk(texts)
      end

      it("long rows, both ways", function()
        fill()
        local rows = pages:select { order = { "id" } }
        assert.equal(ROWS, #rows)
        for i, row in ipairs(rows) do assert(row.body == body_of(i), i) end
      end)

      it("many rows, both ways", function()
        local rows = {}
        for i = 1, 20000 do rows[i] = { id = i, page_id = -i, body = "row " .. i } end
        pages:insert_bulk(rows)
        local found = pages:select { order = { "id" } }
        assert.equal(#rows, #found)
        for i, row in ipairs(found) do assert(row.page_id == -i and row.body == "row " .. i, i) end
      end)

      it("relations that are read at the same time", function()
        fill()
        for _ = 1, 3 do
          local rows = pages:select { where = { id = { lte = 2 } }, order = { "id" }, include = { lines = true, notes = true } }
          for _, row in ipairs(rows) do
            assert.same({ ROWS // 2, ROWS // 2 }, { #row.lines, #row.notes })
            for k, line in ipairs(row.lines) do assert(line.body == body_of(-line.id) and row.notes[k].body == line.body) end
          end
        end
      end)

      it("transactions, kept and undone", function()
        session:transaction(function() pages:insert { id = 1, body = body_of(1) } end)
        assert.is_false((pcall(session.transaction, session, function()
          pages:insert { id = 2, body = body_of(2) }
          error "no"
        end)))
        assert.equal(1, pages:count())
        assert.is_true(pages:get(1).body == body_of(1))
      end)

      it("timeouts", function()
        local started = os.time()
        for _ = 1, CONNECTIONS do
          Engines.raises("SHUNT_E_TIMEOUT", session.query, session, "main", case.nap, {}, { timeout = "100ms" })
          assert.equal(0, pages:count())
        end
        assert.is_true(os.time() - started < LONGEST_S)
      end)
    end)
  end)
end
