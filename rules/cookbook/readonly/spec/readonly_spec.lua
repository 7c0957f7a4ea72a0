require "shunt.busted"

describe("the copy", function()
  it("can be read", function()
    assert.routes({ model = "price", client = "copy" }, { client = "copy", role = "replica" })
    assert.routes({ model = "price", current = "copy" }, { client = "copy" })
  end)

  it("can't be written", function()
    assert.denies({ model = "price", client = "copy", op = "write" }, "can't be changed")
    assert.denies({ model = "price", current = "copy", op = "write" }, "can't be changed")
  end)

  it("keeps no write from main", function()
    assert.routes({ model = "price", op = "write" }, { client = "main" })
  end)
end)
