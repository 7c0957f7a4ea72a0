local busted = require "shunt.busted"

local folder = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$"

describe("relations between two datasources", function()
  local session

  setup(function()
    session = busted.app:session {}
    dofile(folder .. "tables.lua")(session)
  end)
  teardown(function() session:close() end)

  it("lead from users to orders and back", function()
    assert.routes({ relation = "user.orders" }, { client = "sales" })
    assert.routes({ relation = "order.user" }, { client = "people" })
  end)

  it("give the rows that a join would give", function()
    local users = session:model("user"):select { include = { "orders", "roles" }, order = "id" }
    assert.equal("Notebook", users[1].orders[1].item)
    assert.equal("Skis", users[2].orders[1].item)
    assert.same({}, users[3].orders)
    assert.equal("buyer", users[2].roles[1].name)
  end)

  it("take one statement each, not one for every row", function()
    local clients = {}
    session:observe(function(statement) clients[#clients + 1] = statement.client end)
    session:model("order"):select { include = "user" }
    session:observe(nil)
    assert.same({ "sales", "people" }, clients)
  end)
end)
