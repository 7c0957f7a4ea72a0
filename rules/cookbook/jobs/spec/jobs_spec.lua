local busted = require "shunt.busted"

describe("work in the background", function()
  it("reads from the replica, and writes to main", function()
    assert.routes({ model = "order", instance = "acme", level = 1 }, { client = "replica" })
    assert.routes({ model = "order", instance = "acme", level = 1, op = "write" }, { client = "main" })
    assert.routes({ model = "order", instance = "acme", level = 0 }, { client = "main" })
  end)

  it("runs for the tenant whose session pushed it", function()
    local app = busted.app
    local session <close> = app:session { instance = "acme" }
    session:execute("main", "DROP TABLE IF EXISTS orders")
    session:execute("main", "CREATE TABLE orders (id INTEGER PRIMARY KEY, tenant_id INTEGER, year INTEGER, cents INTEGER)")
    session:execute("main", "INSERT INTO orders (tenant_id, year, cents) VALUES (1, 2026, 1250), (2, 2026, 99)")
    local worker <close> = app:worker { concurrency = 1 }
    assert.equal(1250, session:push_async("revenue", { year = 2026 }, { timeout = "20s" }))
    worker:stop "5s"
  end)
end)
