-- traceComments: statements of a sampled trace end in a comment that the server sees, and no prepared statement is lost by that.

local Engines = require "tests.engines.support.engines"

local TRACE = "00-0af7651916cd43dd8448eb211c80319c-%016x-%s"
local NOW_RUNNING = {
  pg = "SELECT query AS text FROM pg_stat_activity WHERE pid = pg_backend_pid()",
  mysql = "SELECT info AS text FROM information_schema.processlist WHERE id = connection_id()",
}

for _, engine in ipairs { "pg", "mysql" } do
  local test = Engines.missing() and pending or it
  describe("comments of traces on " .. engine, function()
    local world

    local function open(setting)
      world = Engines.open { clients = { db = engine, other = engine }, default = "db", base = setting, max = 1, rules = 'model "note" { table = "notes" }' }
      world.session:execute("db", "CREATE TABLE notes (id INTEGER PRIMARY KEY, body VARCHAR(50))")
    end
    after_each(function()
      if world then world:close() end
      world = nil
    end)

    --- What the server was sent in a session of this trace.
    local function sent(traceparent, sql)
      local session <close> = world.app:session { attrs = { traceparent = traceparent } }
      return session:query("db", sql or NOW_RUNNING[engine])[1].text
    end

    test("tell the server of sampled traces alone", function()
      open "traceComments: true"
      local sampled = TRACE:format(1, "01")
      assert.equal(NOW_RUNNING[engine] .. " /*traceparent='" .. sampled .. "'*/", sent(sampled))
      assert.truthy(sent(TRACE:format(1, "03")):find("-03'*/", 1, true))
      for _, other in ipairs {
        TRACE:format(1, "00"), TRACE:format(0, "01"), TRACE:format(1, "01") .. " ", TRACE:format(1, "01"):upper(), "",
        "ff" .. TRACE:format(1, "01"):sub(3), "00-" .. ("0"):rep(32) .. "-0000000000000001-01", TRACE:format(1, "0g"),
        "00-0af7651916cd43dd8448eb211c80319c-*/DROP TABLE n-01", (TRACE:format(1, "01"):gsub("%-", "_")),
      } do
        assert.equal(NOW_RUNNING[engine], sent(other), other)
      end
      local own = NOW_RUNNING[engine] .. " /* mine */"
      assert.equal(own, sent(sampled, own))
    end)

    test("are not sent where they are not asked for", function()
      open ""
      assert.equal(NOW_RUNNING[engine], sent(TRACE:format(1, "01")))
    end)

    --- What the server of mysql has prepared so far, in all its connections. A connection of another client asks: SQL by hand would
    --- have the connection of the test reset.
    local function prepared()
      return tonumber(world.session:query("other", "SHOW GLOBAL STATUS LIKE 'Com_stmt_prepare'")[1].Value)
    end

    test("leave the prepared statements alone, and change no result", function()
      open "traceComments: true"
      local plain <close> = world.app:session()
      local notes = plain:model "note"
      for i = 1, 3 do notes:insert { id = i, body = "b" .. i } end
      assert.equal("b1", notes:get(1).body)
      for i = 1, 150 do -- more than a connection keeps
        local session <close> = world.app:session { attrs = { traceparent = TRACE:format(i, "01") } }
        local traced = session:model "note"
        assert.equal("b2", traced:get(2).body)
        assert.equal(1, traced:update { id = 3, body = "c" .. i })
        if i == 75 then
          session:transaction(function()
            traced:insert { id = 4, body = "in a transaction" }
            local n = 0
            for _ in traced:each() do n = n + 1 end
            assert.equal(4, n)
          end)
        end
      end
      local before = engine == "mysql" and { prepared(), prepared() }
      assert.equal("c150", notes:get(3).body)
      if engine == "mysql" then
        assert.equal(before[2] - before[1], prepared() - before[2]) -- what asking itself prepares
      else
        local kept = {} -- the connection's own view: the first SQL by hand since the tables were made
        for _, row in ipairs(plain:query("db", "SELECT statement AS sql FROM pg_prepared_statements ORDER BY statement")) do
          kept[#kept + 1] = row.sql:find "pg_prepared_statements" and "itself" or row.sql:match "^%u+"
          assert.is_nil(row.sql:find("traceparent", 1, true))
        end
        assert.same({ "INSERT", "SELECT", "itself" }, kept)
      end
    end)
  end)
end
