require "shunt.busted"

describe("an isolated instance", function()
  it("has everything in its own database", function()
    for _, model in ipairs { "user", "message" } do
      assert.routes({ model = model, instance = "acme" }, { client = "acme" })
      assert.routes({ model = model, instance = "acme", client = "mail" }, { client = "acme" })
    end
  end)

  it("changes nothing for the others", function()
    assert.routes("user", "main")
    assert.routes("message", "mail")
  end)
end)
