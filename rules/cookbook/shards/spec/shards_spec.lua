require "shunt.busted"

describe("orders", function()
  it("are on a shard by their customer, the same one for reads and writes", function()
    assert.routes({ model = "order", where = { customer_id = 7 } }, { client = "shard-2" })
    assert.routes({ model = "order", op = "write", where = { customer_id = 7 } }, { client = "shard-2" })
    assert.routes({ relation = "customer.orders", where = { customer_id = 7 } }, { client = "shard-2" })
  end)

  it("use every shard", function()
    for id, n in pairs { [1] = 0, [4] = 1, [2] = 2, [3] = 3 } do
      assert.routes({ model = "order", where = { customer_id = id } }, { client = "shard-" .. n })
    end
  end)

  it("are asked for on each shard without their customer", function()
    assert.routes({ model = "order", where = { id = 3 } }, { unfixed = "where.customer_id" })
  end)
end)
