-- What the rows of one statement may take (maxResult), on every engine: at one row more the call fails, and never before.

local Engines = require "tests.engines.support.engines"
local App = require "tests.spec.support.app"
local Random = require "tests.spec.support.random"

local MOST, TEXT = 256 * 1024, 4000
local types = { sqlite3 = "id INTEGER PRIMARY KEY, t TEXT", pg = "id INTEGER PRIMARY KEY, t TEXT",
  mysql = "id INTEGER PRIMARY KEY, t LONGTEXT" }
local FIT = MOST // TEXT -- rows; a few fewer, because their cells count too
local N = 40 * FIT

local rules = [[
for _, engine in ipairs { %s } do model(engine) { table = "things", client = engine } end
]]

local function refuses(fn) App.raises("SHUNT_E_LIMIT", fn, "the result has more than 262144 bytes (maxResult)") end

for _, prepare in ipairs { true, false } do
  describe("results" .. (prepare and "" or " without prepared statements"), function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, random
    local all = prepare and Engines.all or { "pg" }

    setup(function()
      local clients = {}
      for _, engine in ipairs(all) do clients[engine] = engine end
      local seed = Random.seed()
      print(("results: SHUNT_SEED=%d"):format(seed))
      random = Random.new(seed)
      local names = prepare and [["sqlite3", "pg", "mysql"]] or [["pg"]]
      world = Engines.open { clients = clients, default = all[1], rules = rules:format(names), base = "maxResult: 256KiB", max = 1,
        connection = not prepare and { pg = "prepare: false" } or nil }
      session = world.session
      for _, engine in ipairs(all) do
        local rows = {}
        for id = 1, N do rows[id] = { id = id, t = ("x"):rep(TEXT) } end
        session:execute(engine, ("CREATE TABLE things (%s)"):format(types[engine]))
        session:model(engine):insert_bulk(rows)
      end
    end)
    teardown(function() world:close() end)

    for _, engine in ipairs(all) do
      it("on " .. engine .. " are refused if they are larger, and given if they are not", function()
        local things = session:model(engine)
        for _ = 1, 20 do
          local n = random:int(1, 2 * FIT)
          if n < FIT * 9 // 10 then
            assert.equal(n, #things:select { limit = n })
          elseif n > FIT then
            refuses(function() things:select { limit = n } end)
          end
        end
        refuses(function() things:select() end)
        refuses(function() session:query(engine, "SELECT * FROM things") end)
        assert.equal(N, things:count())
      end)

      it("on " .. engine .. " count each by itself", function()
        session:transaction(function(inner)
          local things = inner:model(engine)
          for _ = 1, 5 do assert.equal(FIT // 2, #things:select { limit = FIT // 2 }) end
          refuses(function() things:select { limit = FIT + FIT // 2 } end)
          assert.equal(1, #things:select { limit = 1 }) -- the others of a refused result were read
        end, { client = engine })
      end)

      it("on " .. engine .. " count as what each holds at a time", function()
        local n = 0
        for row in session:model(engine):each() do
          n = n + 1
          assert.equal(TEXT, #row.t)
        end
        assert.equal(N, n)
      end)

      it("on " .. engine .. " of a write that are too large say what is known of it", function()
        if engine == "mysql" then return end -- MySQL has no RETURNING
        local sql = "UPDATE things SET t = t || 'y' WHERE id <= ? RETURNING t"
        local function written() return session:model(engine):count { where = { t = { like = "%y" } } } end
        local ok, err = pcall(function() session:query(engine, sql, { FIT + 20 }) end)
        assert.is_false(ok)
        assert.equal("SHUNT_E_LIMIT", err.code)
        assert.equal(err.outcome == "done" and FIT + 20 or 0, written())
        assert.equal(engine == "pg" and "done" or "not done", err.outcome)
        refuses(function()
          session:transaction(function(inner) inner:query(engine, sql, { FIT + 40 }) end, { client = engine })
        end)
        assert.equal(err.outcome == "done" and FIT + 20 or 0, written())
      end)
    end
  end)
end
