require "shunt.busted"

describe("events", function()
  it("have a table for each month", function()
    assert.routes({ model = "event", where = { month = "2026-11" } }, { table = "events_2026_11" })
    assert.routes({ model = "event", op = "write", where = { month = "2026-12" } }, { table = "events_2026_12" })
  end)

  it("are read from the view of all months where no month is given", function()
    assert.routes({ model = "event" }, { table = "events" })
    assert.routes({ model = "event", where = { month = "November" } }, { table = "events" })
  end)

  it("are not written without a month", function()
    assert.denies({ model = "event", op = "write" }, "add month")
  end)
end)
