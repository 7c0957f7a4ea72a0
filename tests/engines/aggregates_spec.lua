-- Aggregates of relations: the numbers and forms that the engine gives for a join, wherever the rows are. Random trees ask for them in
-- relate_differential_spec.lua and relate_engines_spec.lua; here are exact decimals, declared types and the refusals.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"

local columns = {
  sqlite3 = "id INTEGER PRIMARY KEY, user_id INTEGER, n INTEGER, d DECIMAL(10,2), day DATE, gone_at TEXT",
  pg = "id int PRIMARY KEY, user_id int, n bigint, d numeric(10,2), day date, gone_at timestamp, pause interval",
  mysql = "id int PRIMARY KEY, user_id int, n bigint, d decimal(10,2), day date, gone_at datetime",
}

local rules = [[
  model "user" { table = "users", client = "one", relations = {
    orders = has_many("order", "user_id"),
    newest = has_one("order", "user_id", { order = "-id" }),
    few = has_many("order", "user_id", { limit = 1 }),
    spread = has_many("spread", "user_id"),
    first_spread = has_one("spread", "user_id", { order = "id" }),
    linked = belongs_to_many("link", "order", "user_id", "order_id"),
    linked_spread = belongs_to_many("link", "spread", "user_id", "order_id"),
    pairs = has_many("pair", { "a", "b" }, { key = { "id", "code" } }),
    seats = belongs_to_many("booking", "seat", "user_id", { "line", "place" }),
  } }
  model "order" { table = "orders", client = "two", soft_delete = "gone_at", types = { d = "decimal", day = "date" } }
  model "spread" {
    client = function(req) return req:mod("where.id", 2) == 1 and "two" or "one" end, table = "spread", types = { d = "decimal", day = "date" },
    parts = { { client = "one", table = "spread" }, { client = "two", table = "spread" } },
  }
  model "link" { table = "links", client = "one" }
  model "seat" { table = "seats", client = "two", primary_key = { "line", "place" } }
  model "booking" { table = "bookings", client = "one" }
  model "pair" { table = "pairs", client = "two" }
]]

local rows = {
  { id = 1, user_id = 1, n = 9007199254740993, d = "0.10", day = "2026-01-02" },
  { id = 2, user_id = 1, n = 2, d = "0.20", day = "2026-01-03" },
  { id = 3, user_id = 1, n = shunt.null, d = "0.40", day = "2025-12-31" },
  { id = 4, user_id = 2, n = 5, d = shunt.null, day = shunt.null },
}

-- The datasources one and two, which may be of two engines.
local function open(engine, other)
  local world = Engines.open { clients = { one = engine, two = other or engine }, default = "one", rules = rules }
  local session = world.session
  session:execute("one", "CREATE TABLE users (id int PRIMARY KEY, code int)")
  session:execute("one", "CREATE TABLE links (id int PRIMARY KEY, user_id int, order_id int)")
  session:execute("two", "CREATE TABLE orders (" .. columns[other or engine] .. ")")
  session:execute("two", "CREATE TABLE pairs (id int PRIMARY KEY, a int, b int)")
  session:execute("two", "CREATE TABLE seats (line int, place varchar(8), price int, PRIMARY KEY (line, place))")
  session:execute("one", "CREATE TABLE bookings (id int PRIMARY KEY, user_id int, line int, place varchar(8))")
  session:execute("one", "CREATE TABLE spread (" .. columns[engine] .. ")")
  session:execute("two", "CREATE TABLE spread (" .. columns[other or engine] .. ")")
  session:model("user"):insert_bulk { { id = 1, code = 7 }, { id = 2, code = 8 }, { id = 3, code = 9 } }
  session:model("order"):insert_bulk(rows)
  session:model("spread"):insert_bulk(rows)
  session:model("link"):insert_bulk {
    { id = 1, user_id = 1, order_id = 1 }, { id = 2, user_id = 1, order_id = 1 }, { id = 3, user_id = 1, order_id = 2 },
    { id = 4, user_id = 2, order_id = 1 }, { id = 5, user_id = 2, order_id = 99 },
  }
  session:model("pair"):insert_bulk { { id = 1, a = 1, b = 7 }, { id = 2, a = 1, b = 8 }, { id = 3, a = 2, b = 8 } }
  session:model("seat"):insert_bulk { { line = 1, place = "a", price = 10 }, { line = 1, place = "b", price = 20 }, { line = 2, place = "a", price = 40 } }
  session:model("booking"):insert_bulk {
    { id = 1, user_id = 1, line = 1, place = "a" }, { id = 2, user_id = 1, line = 2, place = "a" }, { id = 3, user_id = 1, line = 2, place = "a" },
    { id = 4, user_id = 2, line = 1, place = "b" }, { id = 5, user_id = 2, line = 2, place = "b" }, { id = 6, user_id = 3, place = "a" },
  }
  return world
end

local nothing = { count = 0, count_d = 0, sum_n = shunt.null, sum_d = shunt.null, avg_d = shunt.null, min_day = shunt.null, max_d = shunt.null }
local everything = { count = { "*", "d" }, sum = { "n", "d" }, avg = "d", min = "day", max = "d" }

local function with(more)
  local options = {}
  for name, value in pairs(everything) do options[name] = value end
  for name, value in pairs(more or {}) do options[name] = value end
  return options
end

for _, engine in ipairs(Engines.all) do
  describe("aggregates of relations on " .. engine, function()
    local why = Engines.missing()
    if why then
      pending(why)
      return
    end

    local world, session, user

    setup(function()
      world = open(engine)
      session = world.session
      user = session:model "user"
    end)

    teardown(function() world:close() end)

    local function asked(relation, options)
      local list = {}
      for i, row in ipairs(user:select { order = "id", include = { [relation] = options } }) do list[i] = row[relation] end
      return list
    end

    -- What the datasource itself gives for one user's rows.
    local function own(model, where)
      local what = with { where = where }
      return session:model(model):aggregate(what)
    end

    it("are those of the model's own rows, and of no rows without any", function()
      assert.same({ own("order", { user_id = 1 }), own("order", { user_id = 2 }), nothing }, asked("orders", with()))
    end)

    it("are combined from several datasources without losing a digit", function()
      local exact = engine ~= "sqlite3"
      local got = asked("spread", with())
      assert.same({ own("order", { user_id = 2 }), nothing }, { got[2], got[3] })
      assert.equal(exact and "0.70" or 0.7, exact and got[1].sum_d or math.floor(got[1].sum_d * 100 + 0.5) / 100)
      assert.equal(9007199254740995, got[1].sum_n)
      assert.same({ 3, 3, "2025-12-31", "0.40" }, { got[1].count, got[1].count_d, got[1].min_day, got[1].max_d })
      assert.is_true(math.abs(tonumber(got[1].avg_d) - 0.7 / 3) < 0.000001)
      if exact then assert.equal(own("order", { user_id = 1 }).avg_d, got[1].avg_d) end
    end)

    it("count a row once for each link", function()
      for _, relation in ipairs { "linked", "linked_spread" } do
        local got = asked(relation, with())
        assert.same({ 3, 1, 0 }, { got[1].count, got[2].count, got[3].count })
        assert.equal(engine == "sqlite3" and 0.4 or "0.40", got[1].sum_d)
        assert.equal(18014398509481988, got[1].sum_n)
        assert.is_true(math.abs(tonumber(got[1].avg_d) - 0.4 / 3) < 0.000001)
        assert.same({ "0.20", "2026-01-02" }, { got[1].max_d, got[1].min_day })
        assert.same(nothing, got[3])
      end
    end)

    it("count a row once for each link to a key of several columns", function()
      assert.same({ { sum_price = 90, avg_price = 30.0 }, { sum_price = 20, avg_price = 20.0 }, { sum_price = shunt.null, avg_price = shunt.null } },
        asked("seats", { sum = "price", avg = "price" }))
    end)

    it("are the same in a transaction, on one connection for each datasource", function()
      local include = { orders = with(), spread = with(), linked = with(), linked_spread = with(), few = with(), seats = { sum = "price" } }
      local outside = user:select { order = "id", include = include }
      session:transaction(function()
        session:transaction(function() assert.same(outside, user:select { order = "id", include = include }) end, { client = "one" })
      end, { client = "two", spanning = "run" })
    end)

    it("take conditions, the limit of each parent and the first row of a has_one", function()
      assert.same({ own("order", { user_id = 1, id = { gt = 1 } }), nothing, nothing },
        asked("orders", with { where = { id = { gt = 1 }, user_id = 1 } }))
      assert.same({ own("order", { id = { 2, 3 } }), nothing, nothing }, asked("orders", with { limit = 2, offset = 1 }))
      assert.same({ own("order", { id = 1 }), own("order", { id = 4 }), nothing }, asked("few", with()))
      assert.same({ own("order", { id = 3 }), own("order", { id = 4 }), nothing }, asked("newest", with()))
      assert.same({ { sum_id = 1 }, { sum_id = 3 }, { sum_id = shunt.null } }, asked("pairs", { sum = "id" }))
      assert.same({ nothing, nothing, nothing }, asked("orders", with { limit = 0 }))
    end)

    it("leave out the rows that soft deletion has marked", function()
      session:transaction(function()
        session:model("order"):delete { id = 1 }
        assert.same({ { max_id = 3, min_id = 2 }, { max_id = 4, min_id = 4 }, { max_id = shunt.null, min_id = shunt.null } },
          asked("orders", { max = "id", min = "id" }))
        assert.equal(1, asked("orders", { min = "id", deleted = true })[1].min_id)
        session:model("order"):update({ gone_at = shunt.null }, { where = { id = 1 }, deleted = true })
      end, { client = "two", spanning = "run" })
    end)

    it("are refused where no statement sees all rows that are cut, and for columns without sums", function()
      for relation, options in pairs {
        spread = { sum = "n", limit = 1 }, first_spread = { sum = "n" }, linked = { sum = "n", offset = 1 }, orders = { sum = "day" },
      } do
        local ok, problem = pcall(asked, relation, options)
        assert.is_false(ok, relation)
        assert.equal("SHUNT_E_USAGE", problem.code)
        assert.matches(relation == "orders" and "sum takes numbers" or "load the row", problem.message, 1, true)
      end
    end)

    if engine == "pg" then
      it("add intervals within a statement only", function()
        for _, client in ipairs { "one", "two" } do session:execute(client, "UPDATE spread SET pause = interval '1 hour'") end
        session:execute("two", "UPDATE orders SET pause = interval '1 hour'")
        assert.equal("PT3H", asked("orders", { sum = "pause" })[1].sum_pause)
        assert.equal("PT3H", asked("linked", { sum = "pause" })[1].sum_pause)
        for _, ask in ipairs {
          function() asked("spread", { sum = "pause" }) end, function() asked("linked", { avg = "pause" }) end,
          function() session:model("spread"):aggregate { sum = "pause" } end,
        } do
          local ok, problem = pcall(ask)
          assert.is_false(ok)
          assert.matches("column 'pause' (interval)", problem.message, 1, true)
        end
      end)
    end
  end)
end

describe("aggregates of parts on two engines", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world

  after_each(function() world:close() end)

  for _, engines in ipairs { { "sqlite3", "mysql" }, { "mysql", "sqlite3" }, { "pg", "sqlite3" }, { "mysql", "pg" } } do
    it("keep whole numbers whole: " .. table.concat(engines, " and "), function()
      world = open(engines[1], engines[2])
      local session = world.session
      local expected = { sum_n = 9007199254740995, avg_id = 2.0, max_day = "2026-01-03" }
      local asked = { sum = "n", avg = "id", max = "day" }
      assert.same(expected, session:model("user"):get(1, { include = { spread = asked } }).spread)
      asked.where = { user_id = 1 }
      assert.same(expected, session:model("spread"):aggregate(asked))
    end)
  end
end)
