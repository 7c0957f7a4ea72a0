require "shunt.busted"

describe("European tenants", function()
  it("keep their customers in the EU", function()
    assert.routes({ model = "customer", instance = "globex" }, { client = "eu" })
    assert.routes({ model = "customer", instance = "globex", op = "write" }, { client = "eu" })
    assert.routes({ model = "customer", instance = "acme" }, { client = "main" })
  end)

  it("can't be led out by a client that a call names", function()
    assert.routes({ model = "customer", instance = "globex", client = "main" }, { client = "eu" })
  end)

  it("share the list of countries with all the others", function()
    assert.routes({ model = "country", instance = "globex" }, { client = "main" })
  end)
end)
