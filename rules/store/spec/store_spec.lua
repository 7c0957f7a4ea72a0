-- The routing of the shop. Run with: shunt test -c rules/store/shunt.yaml
local busted = require "shunt.busted"

describe("the shop", function()
  it("keeps users and profiles together", function()
    assert.routes({ model = "user" }, { client = "user", table = "users" })
    assert.routes({ relation = "user.profile" }, { client = "user", table = "profiles" })
  end)

  it("keeps roles with the default datasource, from wherever they are asked for", function()
    assert.routes({ model = "role" }, { client = "main" })
    assert.routes({ relation = "user.roles", parent = "user" }, { client = "main", table = "roles" })
  end)

  it("loads a user's orders from another datasource than the user", function()
    assert.routes({ relation = "user.orders", parent = "user", where = { user_id = 7 } }, { client = "order", table = "orders_03" })
  end)

  it("gives the shared instance the same datasources", function()
    assert.routes({ model = "user", instance = "shareTest" }, { client = "user" })
    assert.routes({ model = "order", instance = "shareTest" }, { client = "order" })
  end)
end)

describe("orders", function()
  it("lie in four parts by their user", function()
    for user_id = 0, 11 do
      assert.routes({ model = "order", where = { user_id = user_id } }, { table = ("orders_%02d"):format(user_id % 4) })
    end
  end)

  it("are read from all parts at once where no user is given", function()
    assert.routes({ model = "order", op = "read" }, { client = "order", table = "orders" })
    assert.routes({ relation = "order_line.order", where = { id = 3 } }, { table = "orders" })
  end)

  it("are not written without their user", function()
    assert.denies({ model = "order", op = "write", where = { id = 3 } },
      "orders are in parts by user: add user_id to the row or the where")
    assert.routes({ model = "order", op = "write", where = { id = 3, user_id = 7 } }, { table = "orders_03" })
  end)
end)

describe("the residency policy", function()
  it("keeps European tenants' orders and their lines in the EU", function()
    assert.routes({ model = "order", instance = "eu-acme", where = { user_id = 6 } }, { client = "order-eu", table = "orders_02" })
    assert.routes({ model = "order_line", instance = "eu-acme" }, { client = "order-eu" })
  end)

  it("outranks a client asked for by name", function()
    assert.routes({ model = "order", instance = "eu-acme", client = "order" }, { client = "order-eu" })
  end)

  it("leaves everything else of theirs where it is", function()
    assert.routes({ model = "user", instance = "eu-acme" }, { client = "user" })
    assert.routes({ model = "product", instance = "eu-acme" }, { client = "order" })
  end)

  it("lets a tenant agree to something else", function()
    assert.routes({ model = "order", instance = "eu-acme", attrs = { residency = "anywhere" } }, { client = "order" })
  end)
end)

describe("the isolated instance", function()
  local models = { "user", "profile", "role", "role_user", "order", "order_line", "product" }

  it("keeps every model to itself", function()
    for _, model in ipairs(models) do
      assert.routes({ model = model, instance = "isolateTest" }, { client = "isolateTest" })
    end
  end)

  it("is not led out by a client asked for by name", function()
    for _, model in ipairs(models) do
      assert.routes({ model = model, instance = "isolateTest", client = "main" }, { client = "isolateTest" })
    end
  end)

  it("still has its orders in parts", function()
    assert.routes({ model = "order", instance = "isolateTest", where = { user_id = 5 } },
      { client = "isolateTest", table = "orders_01" })
  end)
end)

describe("reports", function()
  local attrs = { purpose = "report" }

  it("read orders, lines and products from the replica", function()
    for _, model in ipairs { "order", "order_line", "product" } do
      assert.routes({ model = model, op = "read", attrs = attrs }, { client = "order-replica" })
    end
  end)

  it("write to the primary", function()
    assert.routes({ model = "product", op = "write", attrs = attrs }, { client = "order" })
  end)

  it("of European tenants stay in the EU", function()
    assert.routes({ model = "order", instance = "eu-acme", attrs = attrs }, { client = "order-eu" })
  end)
end)

describe("a read-only plan", function()
  it("writes nothing", function()
    assert.denies({ model = "product", op = "write", attrs = { plan = "read-only" } },
      "your plan is read-only: upgrade it to change anything")
  end)

  it("reads as ever", function()
    assert.routes({ model = "product", op = "read", attrs = { plan = "read-only" } }, { client = "order" })
  end)
end)

describe("the overlay engines", function()
  local folder = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$"
  local before

  setup(function()
    before = busted.app
    busted.open(folder .. "shunt.yaml", { env = "engines" })
  end)
  teardown(function()
    busted.app:close()
    busted.use(before)
  end)

  it("puts people on PostgreSQL, orders on MySQL, and leaves the rest on SQLite", function()
    assert.routes("user", { client = "user", engine = "pg", table = "users" })
    assert.routes({ relation = "user.orders", where = { user_id = 7 } }, { client = "order", engine = "mysql", table = "orders_03" })
    assert.routes({ relation = "user.roles" }, { client = "main", engine = "sqlite3" })
  end)

  it("changes nothing in what the rules say", function()
    assert.routes({ model = "order", attrs = { purpose = "report" } }, { client = "order-replica", engine = "mysql", role = "replica" })
    assert.routes({ model = "order", instance = "eu-acme" }, { client = "order-eu", engine = "sqlite3" })
    assert.routes({ model = "user", instance = "isolateTest" }, { client = "isolateTest", engine = "sqlite3" })
  end)
end)
