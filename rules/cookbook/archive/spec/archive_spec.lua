require "shunt.busted"

describe("invoices", function()
  it("of old years are in the archive, those of later years in main", function()
    assert.routes({ model = "invoice", where = { year = 2023 } }, { client = "archive" })
    assert.routes({ model = "invoice", where = { year = 2024 } }, { client = "main" })
    assert.routes({ model = "invoice", where = { year = "2023" } }, { client = "archive" })
  end)

  it("without a year are in main", function()
    assert.routes("invoice", "main")
  end)

  it("of old years can't be changed", function()
    assert.denies({ model = "invoice", op = "write", where = { year = 2023 } }, "closed years")
    assert.routes({ model = "invoice", op = "write", where = { year = 2025 } }, { client = "main" })
  end)
end)
