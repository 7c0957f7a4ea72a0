local busted = require "shunt.busted"

describe("the audit log", function()
  it("has a datasource of its own, whatever client a call names", function()
    assert.routes({ model = "audit", op = "write" }, { client = "audit" })
    assert.routes({ model = "audit", op = "write", client = "main" }, { client = "audit" })
    assert.routes("account", "main")
  end)

  it("is read by auditors alone", function()
    assert.denies({ model = "audit" }, "only auditors")
    assert.routes({ model = "audit", attrs = { role = "auditor" } }, { client = "audit" })
  end)

  it("keeps what was tried in a transaction that was rolled back", function()
    local session <close> = busted.app:session { attrs = { role = "auditor" } }
    session:execute("main", "CREATE TABLE accounts (id INTEGER PRIMARY KEY, owner TEXT NOT NULL)")
    session:execute("audit", "CREATE TABLE audit (id INTEGER PRIMARY KEY, what TEXT NOT NULL)")
    assert.has_error(function()
      session:transaction(function()
        session:model("audit"):insert { what = "opens an account" }
        session:model("account"):insert { owner = "Ada" }
        error "not today"
      end, { model = "account", spanning = "run" }) -- the audit log is outside of it, on purpose
    end)
    assert.equal(0, session:model("account"):count())
    assert.equal(1, session:model("audit"):count())
  end)
end)
