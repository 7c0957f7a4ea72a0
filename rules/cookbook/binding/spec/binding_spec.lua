require "shunt.busted"

describe("a model bound to a datasource", function()
  it("goes there, also as a relation", function()
    assert.routes("visit", "metrics")
    assert.routes({ relation = "user.visits", parent = "main" }, { client = "metrics" })
  end)

  it("stays there when the session is switched to another datasource", function()
    assert.routes({ model = "visit", current = "sessions" }, { client = "metrics" })
    assert.routes({ model = "user", current = "sessions" }, { client = "sessions" })
  end)

  it("goes where the app config says, not the rule file", function()
    assert.routes("login", "sessions")
  end)

  it("goes elsewhere when the call names a client", function()
    assert.routes({ model = "visit", client = "main" }, { client = "main", rule = "explicit client" })
  end)
end)
