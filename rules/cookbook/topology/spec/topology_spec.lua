require "shunt.busted"

describe("tenants", function()
  it("share a datasource for each country", function()
    assert.routes({ model = "note", instance = "acme" }, { client = "country-us" })
    assert.routes({ model = "note", instance = "globex" }, { client = "country-de" })
  end)

  it("may have a datasource of their own", function()
    assert.routes({ model = "note", instance = "initech" }, { client = "initech" })
  end)
end)
