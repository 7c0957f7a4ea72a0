-- Sums and averages are the same on every engine, and are of numbers only. Results never share a name.

local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local integer = { sqlite3 = "INTEGER", pg = "bigint", mysql = "BIGINT" }
local others = {
  sqlite3 = { "TEXT", "VARCHAR(10)", "DATE", "JSON" },
  pg = { "text", "varchar(10)", "date", "time", "timestamp", "json", "uuid", "bytea", "boolean" },
  mysql = { "TEXT", "VARCHAR(10)", "DATE", "TIME", "DATETIME", "ENUM('1','2')", "BLOB" },
}

for _, engine in ipairs(Engines.all) do
  describe("aggregates on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, things

    setup(function()
      world = Engines.open { clients = { main = engine }, rules = 'model "thing" { table = "things" }' }
      session = world.session
      things = session:model "thing"
    end)
    teardown(function() world:close() end)

    local function make(columns)
      session:execute("main", "DROP TABLE IF EXISTS things")
      session:execute("main", ("CREATE TABLE things (id INTEGER NOT NULL PRIMARY KEY, %s)"):format(columns))
    end

    it("average integers with all digits of a float", function()
      local seed = Random.seed()
      local random = Random.new(seed)
      for round = 1, 30 do
        make("v " .. integer[engine])
        local rows, sum, n = {}, 0, random:int(1, 12)
        for i = 1, n do
          local v = random:int(-(1 << random:int(1, 45)), 1 << random:int(1, 45))
          rows[i], sum = { id = i, v = v }, sum + v
        end
        things:insert_bulk(rows)
        local got = things:aggregate { sum = "v", avg = "v" }
        assert.equal(sum, got.sum_v, "SHUNT_SEED=" .. seed)
        assert.equal("float", math.type(got.avg_v))
        local near = math.abs(got.avg_v - sum / n) <= math.abs(sum / n) * 2.0 ^ -51
        assert(near, ("SHUNT_SEED=%d, round %d: %.17g, not %.17g"):format(seed, round, got.avg_v, sum / n))
      end
    end)

    it("add up only numbers", function()
      for _, type_name in ipairs(others[engine]) do
        make("v " .. type_name)
        for _, fn in ipairs { "sum", "avg" } do
          local problem = Engines.raises("SHUNT_E_USAGE", function() things:aggregate { [fn] = "v" } end)
          assert.is_truthy(problem.message:find("'v'", 1, true), problem.message)
        end
        assert.equal(0, things:aggregate({ count = "v", min = "id" }).count_v)
      end
    end)

    it("refuse a result with two columns of one name", function()
      make(engine == "mysql" and "`count` INTEGER, min_id INTEGER" or '"count" INTEGER, min_id INTEGER')
      things:insert { id = 1, count = 7 }
      for _, what in ipairs { { count = true, group = "count" }, { min = "id", group = { "count", "min_id" } } } do
        local problem = Engines.raises("SHUNT_E_USAGE", function() things:aggregate(what) end)
        assert.is_truthy(problem.message:find("two columns", 1, true), problem.message)
      end
      assert.same({ { count = 7, count_id = 1 } }, things:aggregate { count = "id", group = "count" })
    end)

    if engine == "pg" then
      it("and NaN is read, written back and found", function()
        make "v double precision, d numeric"
        session:execute("main", "INSERT INTO things VALUES (1, 'NaN', 'NaN'), (2, 1.5, 1.5)")
        local row = things:get(1)
        assert(row.v ~= row.v and row.d == "NaN")
        assert.equal(1, things:update(row))
        assert.equal(1, things:count { where = { v = row.v } })
        assert.equal(1, things:count { where = { d = row.d } })
        assert.equal(1, things:get({ v = { ["in"] = { row.v } } }).id)
      end)
    end
  end)
end
