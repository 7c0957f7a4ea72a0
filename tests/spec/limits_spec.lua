-- Limits for the connections of several pools, as hosts and configurations see them.

local App = require "tests.spec.support.app"

local TENANTS, LIMIT = 300, 5

describe("limits for several pools", function()
  local app, folder

  local function open(more)
    local lines = { "database:", "  defaultClient: t1", "  maxConnections: " .. LIMIT, "  base: {pool: {acquireTimeout: 200ms}}", "  clients:" }
    for i = 1, TENANTS do
      lines[#lines + 1] = ("    t%d: {engine: sqlite3, connection: {filename: t%d.db, create: true}%s}"):format(i, i, i <= 3 and ", server: small" or "")
    end
    app, folder = App.open { ["shunt.yaml"] = table.concat(lines, "\n") .. "\nservers: {small: {max: 1}}\n" .. (more or "") }
  end

  before_each(function() open() end)
  after_each(function()
    app:close()
    App.remove(folder)
  end)

  it("lets many clients take turns on few connections", function()
    local session <close> = app:session()
    for i = 1, TENANTS do
      assert.equal(i, session:query("t" .. i, "SELECT ? AS n", { i })[1].n)
      assert.is_true(app:limits()[1].open <= LIMIT)
    end
    local limits = app:limits()
    assert.same({ max = LIMIT, open = LIMIT, taken = TENANTS - LIMIT - 2 }, limits[1])
    assert.same({ server = "small", max = 1, open = 0, taken = 2 }, limits[2])
  end)

  it("fails at once if the session itself holds all of them", function()
    local session <close> = app:session()
    session:transaction(function()
      App.raises("SHUNT_E_CONFLICT", function() session:query("t2", "SELECT 1") end, "database.maxConnections or the max of the server")
      assert.equal(1, session:query("t9", "SELECT 1 AS n")[1].n)
    end, { client = "t1", spanning = "run" })
  end)

  it("waits for another session, and for no longer than acquireTimeout", function()
    local one <close> = app:session()
    local two <close> = app:session()
    one:transaction(function()
      App.raises("SHUNT_E_TIMEOUT", function() two:query("t3", "SELECT 1") end, "the server 'small' %(servers.small.max%)")
    end, { client = "t1" })
    assert.equal(1, two:query("t3", "SELECT 1 AS n")[1].n)
  end)
end)
