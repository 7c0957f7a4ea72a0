--- What the Lua module reads and writes, and the values that go through it.

local shunt = require "shunt"
local Shop = require "tests.spec.support.shop"
local failure, has = Shop.failure, Shop.has

describe("the module", function()
  local shop, session, user

  before_each(function()
    shop = Shop.open()
    session = shop.session
    user = session:model "user"
  end)

  after_each(function() shop:close() end)

  describe("with values", function()
    it("brings every type back as it was", function()
      local row = user:insert { name = "x\0y", age = math.maxinteger, score = 0.1, photo = shunt.blob "\0\xff" }
      local got = user:get(row.id)
      assert.equal("x\0y", got.name)
      assert.equal("integer", math.type(got.age))
      assert.equal(math.maxinteger, got.age)
      assert.equal("float", math.type(got.score))
      assert.equal(0.1, got.score)
      assert.is_true(shunt.is_blob(got.photo))
      assert.equal("\0\xff", got.photo:bytes())
    end)

    it("brings random values back as they were", function()
      math.randomseed(Shop.seed)
      print("SHUNT_SEED=" .. Shop.seed)
      for _ = 1, 200 do
        local bytes = {}
        for i = 1, math.random(0, 40) do bytes[i] = string.char(math.random(0, 255)) end
        local blob = table.concat(bytes)
        local age = math.random(0)
        local score = math.random() * 10.0 ^ math.random(-300, 300)
        local row = user:insert { name = tostring(age), age = age, score = score, photo = shunt.blob(blob) }
        local got = user:get(row.id)
        assert.equal(age, got.age)
        assert.equal(score, got.score)
        assert.equal(shunt.blob(blob), got.photo)
        assert.same(row, got)
      end
    end)

    it("keeps null apart from nil and false", function()
      local row = user:insert { name = "n", age = shunt.null }
      assert.equal(shunt.null, user:get(row.id).age)
      assert.are_not.equal(shunt.null, nil)
      assert.are_not.equal(shunt.null, false)
      assert.equal(1, user:count { where = { age = shunt.null } })
      assert.equal(0, user:count { where = { age = { ne = shunt.null } } })
    end)

    it("compares blobs by their bytes and joins them with text", function()
      assert.equal(shunt.blob "ab", shunt.blob "a" .. "b")
      assert.equal(shunt.blob "ab", "a" .. shunt.blob "b")
      assert.are_not.equal(shunt.blob "ab", shunt.blob "ac")
      assert.equal(2, #shunt.blob "ab")
      assert.equal("ab", tostring(shunt.blob "ab"))
      has(failure("SHUNT_E_USAGE", function() return shunt.blob "a" .. 1 end), "number")
    end)

    it("refuses what no datasource stores, naming the column", function()
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = "x", score = 0 / 0 }), "'score' is NaN")
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = print }), "'name' is a function")
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = { 1 } }), "include = {name = true}")
      has(failure("SHUNT_E_USAGE", user.insert, user, { "Ada" }), "columns")
      assert.equal(0, user:count())
    end)
  end)

  describe("when it reads", function()
    before_each(function() shop:fill() end)

    it("gets a row by its key or by conditions, and nil if no row matches", function()
      assert.equal("Ada", user:get(1).name)
      assert.equal("Bo", user:get({ age = { lt = 18 } }).name)
      assert.is_nil(user:get(99))
      assert.is_nil(user:get { name = "nobody" })
      assert.same({ name = "Cy" }, user:get({ id = 3 }, { columns = "name" }))
    end)

    it("gets nothing for a key that is nil, unless an order says which row is the first", function()
      for _, where in ipairs { false, {}, { _and = {} } } do
        has(failure("SHUNT_E_USAGE", user.get, user, where or nil), "needs a primary key, a where")
      end
      has(failure("SHUNT_E_USAGE", user.get, user, nil, { columns = "name" }), "needs a primary key, a where")
      assert.equal("Cy", user:get(nil, { order = "-id" }).name)
      assert.equal("Ada", user:get(nil, { where = { name = "Ada" } }).name)
      assert.is_nil(user:get { _or = {} })
    end)

    it("gets many in the order of their keys", function()
      local rows = user:mget { 3, 99, 1 }
      assert.same({ "Cy", "Ada" }, { rows[1].name, rows[2].name })
      assert.equal(2, #rows)
      assert.same({}, (user:mget {}))
    end)

    it("selects with columns, conditions, order, limit and offset, and returns the columns", function()
      local rows, meta = user:select { columns = { "name", "id" }, order = "-id", limit = 2, offset = 1 }
      assert.same({ { id = 2, name = "Bo" }, { id = 1, name = "Ada" } }, rows)
      assert.same({ "name", "id" }, meta.columns)
      assert.equal('[{"name":"Bo","id":2},{"name":"Ada","id":1}]', shunt.json(rows, meta))
      assert.same({}, (user:select { limit = 0 }))
      assert.equal(3, #user:select())
    end)

    it("understands every operator", function()
      local function ids(where)
        local found = {}
        for i, row in ipairs((user:select { where = where, order = "id" })) do found[i] = row.id end
        return found
      end
      assert.same({ 1, 2 }, ids { id = { 1, 2 } })
      assert.same({}, ids { id = {} })
      assert.same({ 1, 2, 3 }, ids { id = { not_in = {} } })
      assert.same({ 1, 3 }, ids { _or = { { name = { like = "A%" } }, { age = shunt.null } } })
      assert.same({ 2, 3 }, ids { _not = { id = 1 } })
      assert.same({ 1 }, ids { age = { gte = 18, lt = 65 } })
      assert.same({ 1, 2 }, ids { age = { between = { 17, 36 } } })
      assert.same({ 1, 2, 3 }, ids {})
      assert.same({}, ids { name = "'; DROP TABLE users; --" })
    end)

    it("counts and aggregates", function()
      local order = session:model "order"
      assert.equal(3, user:count())
      assert.equal(1, user:count { where = { age = { gt = 20 } } })
      assert.same({ count = 3, sum_total = 10.5, max_id = 12, min_id = 10 },
        order:aggregate { count = "*", sum = "total", max = "id", min = { "id" } })
      local groups = order:aggregate { count = true, group = "user_id", order = "user_id" }
      assert.same({ { user_id = 1, count = 2 }, { user_id = 2, count = 1 } }, groups)
      failure("SHUNT_E_USAGE", order.aggregate, order, { group = "user_id" })
    end)

    it("includes relations across datasources, to any depth", function()
      local rows, meta = user:select { include = { "orders.lines", "profile", "roles" }, order = "id" }
      assert.equal(2, #rows[1].orders)
      assert.same({ "a", "b" }, { rows[1].orders[1].lines[1].sku, rows[1].orders[1].lines[2].sku })
      assert.same({}, rows[1].orders[2].lines)
      assert.same({}, rows[3].orders)
      assert.equal("counts", rows[1].profile.bio)
      assert.is_nil(rows[2].profile)
      assert.equal("admin", rows[1].roles[1].name)
      assert.equal("has_many", meta.relations.orders.kind)
      assert.equal("has_one", meta.relations.profile.kind)
      assert.same({ "id", "order_id", "sku" }, meta.relations.orders.relations.lines.columns)
    end)

    it("counts the rows of relations in place of reading them", function()
      local include = { ["orders.lines"] = { count = true }, profile = { count = true }, roles = { count = true } }
      local rows, meta = user:select { include = include, order = "id" }
      assert.same({ 2, 0 }, { rows[1].orders[1].lines, rows[1].orders[2].lines })
      assert.same({ 1, 0 }, { rows[1].profile, rows[2].profile })
      assert.same({ 1, 0 }, { rows[1].roles, rows[3].roles })
      assert.same({ kind = "belongs_to_many", count = true }, setmetatable(meta.relations.roles, nil))
      local narrowed = user:get(1, { include = { orders = { count = true, where = { id = { gt = 10 } } } } })
      assert.equal(1, narrowed.orders)
      assert.equal(1, user:get(1, { include = { orders = { count = true, limit = 1 } } }).orders)
      assert.same({ { id = 10, user = 1 } }, session:model("order"):select {
        columns = "id", where = { id = 10 }, include = { user = { count = true } } })
    end)

    it("refuses what a count doesn't use, and counts in writes", function()
      for word, value in pairs { columns = "id", order = "id", include = "lines" } do
        local options = { include = { orders = { count = true, [word] = value } } }
        has(failure("SHUNT_E_USAGE", user.select, user, options), "takes no " .. word)
      end
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { count = 1 } } }), "count")
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = "A" }, { include = { orders = { count = true } } }), "only reads")
      has(failure("SHUNT_E_USAGE", user.delete, user, { id = 1 }, { include = { orders = { count = true } } }), "only reads")
    end)

    it("aggregates the rows of relations in place of reading them", function()
      local include = { orders = { count = true, sum = "total", max = { "id", "total" } }, roles = { avg = "id", count = "*" } }
      local rows, meta = user:select { columns = "id", include = include, order = "id" }
      local null = shunt.null
      assert.same({ count = 2, sum_total = 9.5, max_id = 11, max_total = 5.5 }, rows[1].orders)
      assert.same({ count = 0, sum_total = null, max_id = null, max_total = null }, rows[3].orders)
      assert.same({ { count = 1, avg_id = 1.0 }, { count = 0, avg_id = null } }, { rows[2].roles, rows[3].roles })
      local described = meta.relations.orders
      assert.same({ "has_one", { "count", "sum_total", "max_id", "max_total" } }, { described.kind, described.columns })
      assert.equal('{"id":1,"orders":{"count":2,"max_id":11,"max_total":5.5,"sum_total":9.5},"roles":{"avg_id":1.0,"count":1}}',
        shunt.json(rows[1], meta))
      assert.same({ count_id = 1 }, user:get(1, { include = { orders = { count = "id", where = { id = { gt = 10 } } } } }).orders)
      assert.equal(4.0, user:get(1, { include = { orders = { max = "total", limit = 1, offset = 1 } } }).orders.max_total)
      assert.same({ min_id = 102 }, user:get(2, { include = { ["orders.lines"] = { min = "id" } } }).orders[1].lines)
    end)

    it("refuses what aggregates don't use, and aggregates in writes", function()
      for word, value in pairs { columns = "id", order = "id", include = "lines" } do
        has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { sum = "total", [word] = value } } }), "takes no " .. word)
      end
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { sum = true } } }), "sum must be a name")
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { group = "id" } } }), "group")
      has(failure("SHUNT_E_NOT_FOUND", user.select, user, { include = { orders = { sum = "totl" } } }), "did you mean 'total'?")
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { sum = {} } } }), "sum is an empty list; name a column")
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { roles = { max = "id", limit = 1 } } }), "a limit or an offset")
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = "A" }, { include = { orders = { sum = "total" } } }), "only reads")
    end)

    it("makes one table of a row that several parents share", function()
      local rows = user:select { include = { roles = true }, order = "id" }
      assert.is_true(rawequal(rows[1].roles[1], rows[2].roles[1]))
      local orders = session:model("order"):select { include = "user", order = "id" }
      assert.is_true(rawequal(orders[1].user, orders[2].user))
      assert.equal("Bo", orders[3].user.name)
    end)

    it("narrows an include for each parent", function()
      local rows = user:select {
        include = { orders = { columns = { "id", "total" }, where = { total = { gt = 2 } }, order = "-id", limit = 1 } },
        order = "id",
      }
      assert.same({ { id = 11, total = 4.0 } }, rows[1].orders)
      assert.same({}, rows[2].orders)
    end)

    it("takes relations made on the spot", function()
      local rows = user:select {
        where = { id = 1 },
        with = { bought = shunt.has_many("order", "user_id", { order = "-id", include = { lines = true } }) },
      }
      assert.equal(11, rows[1].bought[1].id)
      assert.equal(2, #rows[1].bought[2].lines)
      local roles = user:get(1, { with = { r = shunt.belongs_to_many("role_user", "role", "user_id", "role_id") } }).r
      assert.equal("admin", roles[1].name)
    end)

    it("refuses unknown options, columns, relations and operators by name", function()
      has(failure("SHUNT_E_USAGE", user.select, user, { colums = { "id" } }), "did you mean 'columns'")
      has(failure("SHUNT_E_USAGE", user.select, user, { include = { orders = { limt = 1 } } }), "did you mean 'limit'")
      has(failure("SHUNT_E_USAGE", user.select, user, { where = { age = { gtee = 1 } } }), "gtee")
      has(failure("SHUNT_E_USAGE", user.select, user, { where = { age = print } }), "where.age")
      has(failure("SHUNT_E_USAGE", user.select, user, { limit = -1 }), "limit")
      has(failure("SHUNT_E_USAGE", user.select, user, { limit = 1.5 }), "limit")
      has(failure("SHUNT_E_USAGE", user.select, user, { include = 7 }), "include")
      has(failure("SHUNT_E_NOT_FOUND", user.select, user, { include = { "ordrs" } }), "ordrs")
      local ok, problem = pcall(user.select, user, { where = { shoe_size = 1 } })
      assert.is_false(ok)
      has(problem, "shoe_size")
      local loop = {}
      loop.id = loop
      has(failure("SHUNT_E_USAGE", user.select, user, { where = loop }), "contains itself")
      has(failure("SHUNT_E_USAGE", user.select, user, { where = { id = { 1, nil, 3 } } }), "[3]")
    end)

    it("checks conditions also where no row is asked for", function()
      for code, where in pairs { SHUNT_E_NOT_FOUND = { nope = 1 }, SHUNT_E_USAGE = { _not = { age = "old" } } } do
        local message = failure(code, user.count, user, { where = where }).message
        assert.equal(message, failure(code, user.select, user, { where = where, limit = 0 }).message)
        assert.equal(message, failure(code, user.mget, user, {}, { where = where }).message)
      end
      assert.same({}, user:select { where = { age = 1 }, limit = 0 })
      assert.same({}, user:mget({}, { where = { age = 1 } }))
    end)

    it("says how to call where the colon is missing", function()
      has(failure("SHUNT_E_USAGE", user.select, { where = {} }), "colon")
      has(failure("SHUNT_E_USAGE", session.model, "user"), "colon")
    end)

    it("leaves the tables it is given as they are", function()
      local options = { where = { id = { 1, 2 }, age = { gt = 1 } }, include = { orders = { limit = 1 } }, order = { "id" } }
      user:select(options)
      assert.same({ where = { id = { 1, 2 }, age = { gt = 1 } }, include = { orders = { limit = 1 } }, order = { "id" } }, options)
    end)
  end)

  describe("when it writes", function()
    it("gives an inserted row back with its key", function()
      local row = user:insert { name = "Ada", age = 36 }
      assert.equal("integer", math.type(row.id))
      assert.equal("Ada", row.name)
      assert.equal(shunt.null, row.score)
    end)

    it("updates by the row's key or by conditions, and returns the number of rows", function()
      shop:fill()
      assert.equal(1, user:update { id = 1, age = 37 })
      assert.equal(37, user:get(1).age)
      assert.equal(2, user:update({ score = 1.5 }, { where = { id = { 1, 2 } } }))
      assert.equal(3, user:update({ score = 2.5 }, { all = true }))
      assert.equal(0, user:update({ age = 1 }, { where = { id = {} } }))
    end)

    it("deletes by conditions, and everything only when that is said", function()
      shop:fill()
      assert.equal(1, user:delete { id = 1 })
      failure("SHUNT_E_USAGE", user.delete, user)
      failure("SHUNT_E_USAGE", user.delete, user, {})
      failure("SHUNT_E_USAGE", user.update, user, { age = 1 }, { where = {} })
      failure("SHUNT_E_USAGE", user.delete, user, { id = 1 }, { where = { id = 2 } })
      assert.equal(2, user:count())
      assert.equal(2, user:delete(nil, { all = true }))
    end)

    it("writes nested rows across datasources", function()
      local row = user:insert({
        name = "Ada",
        profile = { bio = "counts" },
        orders = { { total = 1.5, lines = { { sku = "a" }, { sku = "b" } } }, { total = 2.5 } },
      }, { include = { "profile", "orders.lines" } })
      assert.equal(row.id, row.profile.user_id)
      assert.equal(2, #row.orders)
      assert.equal(2, #row.orders[1].lines)
      local got = user:get(row.id, { include = { "profile", "orders.lines" } })
      assert.same({ "a", "b" }, { got.orders[1].lines[1].sku, got.orders[1].lines[2].sku })

      user:update({ id = row.id, orders = { { id = got.orders[1].id, total = 9.5 }, { id = got.orders[2].id, deleted = true },
        { total = 3.5, deleted = false } } }, { include = { orders = true } })
      local totals = {}
      for i, order in ipairs(user:get(row.id, { include = "orders" }).orders) do totals[i] = order.total end
      assert.same({ 9.5, 3.5 }, totals)
    end)

    it("refuses rows of a relation that is not included", function()
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = "Ada", orders = {} }), "include = {orders = true}")
      has(failure("SHUNT_E_USAGE", user.insert, user, { name = "A", orders = 1 }, { include = "orders" }), "list of rows")
      assert.equal(0, user:count())
    end)

    it("raises a violated constraint with its client and changes nothing", function()
      shop:fill()
      local problem = failure("SHUNT_E_CONSTRAINT", user.insert_bulk, user, { { name = "Di" }, { name = "Ada" } })
      assert.equal("main", problem.client)
      assert.is_truthy(problem.engine_code)
      assert.equal(3, user:count())
    end)

    it("binds a model to a client or a table", function()
      local note = session:model "note"
      note:new_instance("other"):insert { body = "there" }
      assert.equal(0, note:count())
      assert.equal(1, note:count { client = "other" })
      assert.equal(1, note:new_instance("other"):count())
      has(failure("SHUNT_E_NOT_FOUND", function() return note:new_instance(nil, "no_such"):count() end), "no_such")
    end)
  end)

  describe("with SQL", function()
    it("takes parameters and gives rows, columns and counts", function()
      assert.equal(1, session:execute("main", "INSERT INTO notes (body) VALUES (?)", { "'; DROP TABLE notes; --" }))
      local rows, meta = session:query("main", "SELECT body, ? AS n FROM notes", { shunt.null })
      assert.same({ { body = "'; DROP TABLE notes; --", n = shunt.null } }, rows)
      assert.same({ "body", "n" }, meta.columns)
      local columns = {}
      for i, column in ipairs(session:columns("main", "notes")) do columns[i] = column.name end
      assert.same({ "id", "body" }, columns)
    end)

    it("refuses holes in the parameters and reports bad SQL with its client", function()
      failure("SHUNT_E_USAGE", session.query, session, "main", "SELECT ?, ?", { nil, 2 })
      failure("SHUNT_E_USAGE", session.query, session, "main", "SELECT ?", "x")
      assert.equal("main", failure("SHUNT_E_USAGE", session.query, session, "main", "SELEC 1").client)
      failure("SHUNT_E_NOT_FOUND", session.query, session, "mian", "SELECT 1")
      failure("SHUNT_E_NOT_FOUND", session.columns, session, "main", "no_such")
    end)
  end)
end)
