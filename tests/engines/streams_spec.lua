-- Streams: model:each gives the rows of select one by one, on every engine, and is exact about its end.

local shunt = require "shunt"
local Engines = require "tests.engines.support.engines"
local Random = require "tests.spec.support.random"

local seed = Random.seed()

local rules = [[
for _, engine in ipairs { "sqlite3", "pg", "mysql", "tight_sqlite3", "tight_pg", "tight_mysql" } do
  model(engine) { table = "things", client = engine }
end
for _, engine in ipairs { "sqlite3", "pg", "mysql" } do
  model("typed_" .. engine) { table = "flags", client = engine, types = { n = "boolean" } }
end
model "pair" { table = "things", client = "sqlite3", relations = { other = belongs_to("pg", "n", { autoload = true }) } }
]]

local N = 3000 -- more than are fetched at once, also of large rows

local types = { sqlite3 = "id INTEGER PRIMARY KEY, n INTEGER, t TEXT", pg = "id INTEGER PRIMARY KEY, n INTEGER, t TEXT",
  mysql = "id INTEGER PRIMARY KEY, n INTEGER, t LONGTEXT" }

describe("streams (SHUNT_SEED=" .. seed .. ")", function()
  local why = Engines.missing()
  if why then
    pending(why)
    return
  end

  local world, session

  setup(function()
    print(("streams: SHUNT_SEED=%d"):format(seed))
    world = Engines.open { clients = { sqlite3 = "sqlite3", pg = "pg", mysql = "mysql", tight_sqlite3 = "sqlite3", tight_pg = "pg",
      tight_mysql = "mysql" }, default = "sqlite3", rules = rules }
    session = world.session
    local random = Random.new(seed)
    local rows = {}
    for id = 1, N do
      rows[id] = { id = id, n = random:chance(10) and shunt.null or random:int(1, 50), t = ("x"):rep(random:chance(2) and 20000 or random:int(0, 9)) }
    end
    for _, engine in ipairs(Engines.all) do
      session:execute(engine, ("CREATE TABLE things (%s)"):format(types[engine]))
      session:model(engine):insert_bulk(rows)
      session:execute(engine, "CREATE TABLE flags (id INTEGER PRIMARY KEY, n INTEGER)")
      session:execute(engine, "INSERT INTO flags SELECT id, id % 2 FROM things")
    end
  end)
  teardown(function() world:close() end)

  local function collect(...)
    local out = {}
    for row in ... do out[#out + 1] = row end
    return out
  end

  local function busy()
    local n = 0
    for _, pool in ipairs(world.app:pools()) do n = n + pool.busy end
    return n
  end

  for _, engine in ipairs(Engines.all) do
    local function model() return session:model(engine) end

    it("give the rows of select, on " .. engine, function()
      local random = Random.new(seed + 1)
      for _ = 1, 12 do
        local options = { order = random:of { "id", "-id", "n nulls last" }, where = { n = { lte = random:int(0, 50) } }, limit = random:int(0, 2000),
          offset = random:int(0, 300), columns = random:of { { "id" }, { "id", "t" }, { "t", "id", "n" } } }
        if random:chance(30) then options.order, options.columns, options.distinct = "n", "n", true end
        assert.same((model():select(options)), collect(model():each(options)))
      end
      assert.equal(N, #collect(model():each()))
      assert.same({}, collect(model():each { where = { id = -1 } }))
      assert.equal(0, busy())
    end)

    it("stop in the middle, and give their connection back, on " .. engine, function()
      for _, last in ipairs { 1, 255, 256, 257, N } do
        local n = 0
        for row in model():each { order = "id" } do
          n = n + 1
          assert.equal(n, row.id)
          if n == last then break end
        end
        assert.equal(last, n)
        assert.equal(0, busy())
      end
      assert.is_false((pcall(function()
        for _ in model():each() do error("the body fails", 0) end
      end)))
      assert.equal(0, busy())
      assert.equal(N, model():count())
    end)

    it("leave the session free for other calls, on " .. engine, function()
      local n, sum = 0, 0
      for row in model():each { order = "id", limit = 600 } do
        n = n + 1
        if n % 100 == 1 then
          sum = sum + model():get(row.id).id
          for other in model():each { where = { id = { gt = row.id } }, limit = 2, order = "id" } do sum = sum + other.id - row.id end
          session:transaction(function() assert.equal(N, model():count()) end, { client = engine })
        end
      end
      assert.equal(600, n)
      assert.equal(1 + 101 + 201 + 301 + 401 + 501 + 6 * 3, sum)
    end)

    it("in a transaction keep its connection from other statements, on " .. engine, function()
      session:transaction(function()
        model():update({ n = 77 }, { where = { id = 5 } })
        local seen = 0
        for row in model():each { order = "id", lock = "update" } do
          seen = seen + 1
          if row.id == 5 then assert.equal(77, row.n) end
          if seen == 3 then
            for _, fn in ipairs {
              function() model():get(1) end, function() model():update({ n = 1 }, { where = { id = 1 } }) end,
              function() model():insert_bulk { { id = N + 1 }, { id = N + 2 } } end, function() collect(model():each()) end,
              function() session:query(engine, "SELECT 1") end,
              function() session:transaction(function() end, { client = engine, propagation = "NESTED" }) end,
            } do
              local problem = Engines.raises("SHUNT_E_TRANSACTION", fn)
              assert.truthy(problem.message:find("a stream is open in the transaction", 1, true), problem.message)
            end
          end
          if seen == 400 then break end
        end
        assert.equal(N, model():count())
        assert.equal(N, #collect(model():each()))
        model():update({ n = 78 }, { where = { id = 6 } })
      end, { client = engine })
      assert.equal(78, model():get(6).n)
    end)

    it("end with their transaction, on " .. engine, function()
      for _, ending in ipairs { "commit", "rollback", "savepoint", "savepoint undone" } do
        for _, many in ipairs { 2, 256, N } do -- few are all there before the first is read
          local next_row, stream, problem
          local function check_over() problem = Engines.raises("SHUNT_E_TRANSACTION", next_row, stream) end
          pcall(session.transaction, session, function()
            local function begin()
              next_row, stream = model():each { order = "id", where = { id = { lte = many } } }
              assert.equal(1, next_row(stream).id)
              if ending == "savepoint undone" then error "away" end
            end
            if ending:find "savepoint" then
              pcall(session.transaction, session, begin, { client = engine, propagation = "NESTED" })
              check_over()
            else
              begin()
            end
            if ending == "rollback" then error "away" end
          end, { client = engine })
          if not problem then check_over() end
          assert.truthy(problem.message:find("the transaction that it was read in has ended", 1, true), problem.message)
          assert.equal(0, busy())
        end
      end
    end)

    it("of few rows go on around nested transactions, on " .. engine, function()
      local ids = {}
      session:transaction(function()
        for row in model():each { order = "id", where = { id = { lte = 3 } } } do
          session:transaction(function() ids[#ids + 1] = row.id end, { client = engine, propagation = "NESTED" })
        end
      end, { client = engine })
      assert.same({ 1, 2, 3 }, ids)
    end)

    it("end with their session, and when they are collected, on " .. engine, function()
      local other = world.app:session()
      local next_row, stream = other:model(engine):each()
      assert.is_table(next_row(stream))
      assert.equal(1, busy())
      other:close()
      assert.equal(0, busy())
      Engines.raises("SHUNT_E_USAGE", next_row, stream)
      next_row, stream = model():each()
      assert.is_table(next_row(stream))
      stream, next_row = nil, nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      assert.equal(0, busy())
    end)

    it("keep the timeout of the whole stream, and of each step, on " .. engine, function()
      local count = 0
      local problem = Engines.raises("SHUNT_E_TIMEOUT", function()
        for _ in model():each { timeout = "300ms" } do
          count = count + 1
          local until_time = os.clock() + (count == 20 and 0.4 or 0)
          while os.clock() < until_time do end -- luacheck: ignore
        end
      end)
      assert.is_true(count >= 20 and count < N, count)
      assert.equal(engine, problem.client)
      local other <close> = world.app:session { timeout = "300ms" }
      count = 0
      for _ in other:model(engine):each() do
        count = count + 1
        local until_time = os.clock() + (count % 1000 == 0 and 0.2 or 0)
        while os.clock() < until_time do end -- luacheck: ignore
      end
      assert.equal(N, count)
    end)

    it("tell the observer once, with the rows that were read, on " .. engine, function()
      local told = {}
      session:observe(function(statement) told[#told + 1] = statement end)
      collect(model():each())
      do local _, _, _, stream <close> = model():each() end -- luacheck: ignore
      session:observe(nil)
      assert.equal(2, #told)
      assert.equal(N, told[1].rows)
      assert.is_true(told[2].rows > 0 and told[2].rows < N)
    end)
  end

  it("are the same without prepared statements, on pg", function()
    local pooled = Engines.open { clients = { pg = "pg" }, connection = { pg = "prepare: false" }, rules = 'model "pg" { table = "things" }' }
    pooled.session:execute("pg", "CREATE TABLE things (id INTEGER PRIMARY KEY, t TEXT)")
    local rows = {}
    for id = 1, 1000 do rows[id] = { id = id, t = "x" .. id } end
    local model = pooled.session:model "pg"
    model:insert_bulk(rows)
    assert.same(rows, collect(model:each { order = "id" }))
    assert.same({}, collect(model:each { where = { id = 0 } }))
    for _ in model:each() do break end -- luacheck: ignore
    pooled.session:transaction(function()
      assert.same(rows, collect(model:each { order = "id" }))
      for _ in model:each() do break end -- luacheck: ignore
      assert.equal(1000, model:count())
    end, { client = "pg" })
    pooled.session:execute("pg", "ALTER TABLE things DROP COLUMN t")
    assert.equal(1000, #collect(model:each { order = "id" }))
    pooled:close()
  end)

  it("give the values of declared types", function()
    for _, engine in ipairs(Engines.all) do
      local model = session:model("typed_" .. engine)
      local rows = model:select { order = "id", limit = 700 }
      assert.equal("boolean", type(rows[1].n == shunt.null and rows[2].n or rows[1].n))
      assert.same(rows, collect(model:each { order = "id", limit = 700 }))
    end
  end)

  it("include no relations", function()
    local pairs_of = session:model "pair"
    for _, options in ipairs { {}, { include = { "other" } } } do
      local problem = Engines.raises("SHUNT_E_USAGE", pairs_of.each, pairs_of, options)
      assert.truthy(problem.message:find("'other'", 1, true), problem.message)
    end
    assert.equal(N, #collect(pairs_of:each { include = { other = false } }))
  end)

  local readers = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT%many%' AND id <> connection_id()"

  it("are an error if the connection is lost before the last row", function()
    for _, engine in ipairs(Engines.servers) do
      -- enough that neither the server nor the sockets hold all of it
      session:execute(engine, "CREATE VIEW many AS SELECT a.id, b.t FROM things a, things b")
      local other <close> = world.app:session()
      local count = 0
      local problem = Engines.raises("SHUNT_E_DATASOURCE", function()
        for _ in other:model(engine):each { table = "many" } do
          count = count + 1
          if count == 1000 then
            if engine == "mysql" then
              for _, row in ipairs(session:query(engine, readers)) do
                session:execute(engine, ("KILL %d"):format(row.id))
              end
            else
              session:query(engine, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                .. "WHERE datname = current_database() AND pid <> pg_backend_pid()")
            end
          end
        end
      end)
      assert.equal(engine, problem.client)
      assert.is_true(count >= 1000 and count < N * N, count)
    end
  end)

  it("fail at once where the only connection is the stream's", function()
    local tight = Engines.open { clients = { a = "sqlite3", b = "pg", c = "mysql" }, default = "a", max = 1,
      rules = 'for _, c in ipairs { "a", "b", "c" } do model(c) { table = "things", client = c } end' }
    for _, client in ipairs { "a", "b", "c" } do
      tight.session:execute(client, "CREATE TABLE things (id INTEGER PRIMARY KEY)")
      local rows = {}
      for i = 1, 500 do rows[i] = { id = i } end
      local model = tight.session:model(client)
      model:insert_bulk(rows)
      local n = 0
      for _ in model:each() do
        n = n + 1
        if n == 1 then Engines.raises("SHUNT_E_CONFLICT", model.count, model) end
      end
      assert.equal(500, n)
      assert.equal(500, model:count())
    end
    tight:close()
  end)
end)
