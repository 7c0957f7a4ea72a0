local busted = require "shunt.busted"

describe("articles", function()
  it("are read from a replica, and written to main", function()
    assert.routes({ model = "article" }, { role = "replica" })
    assert.routes({ model = "article", op = "write" }, { client = "main", role = "primary" })
  end)

  it("are read from main by a session that must see the newest rows", function()
    assert.routes({ model = "article", attrs = { fresh = true } }, { client = "main" })
  end)

  it("are read from main in a transaction", function()
    local session <close> = busted.app:session {}
    session:transaction(function()
      assert.equal("main", session:resolve("article").client)
    end)
  end)
end)
