require "shunt.busted"

describe("moving to the new database", function()
  it("begins with the tenants that are named", function()
    assert.routes({ model = "task", instance = "acme" }, { client = "new" })
  end)

  it("takes its share of the others, always the same ones", function()
    assert.routes({ model = "task", instance = "wayne" }, { client = "new" })
    assert.routes({ model = "task", instance = "globex" }, { client = "old" })
  end)
end)
