local busted = require "shunt.busted"

local folder = debug.getinfo(1, "S").source:match "^@(.*)spec/[^/]*$"

describe("in tests", function()
  it("everything is in one database", function()
    assert.routes("user", "main")
    assert.routes("product", "main")
  end)

  it("the console may write", function()
    assert.routes({ model = "user", op = "write", attrs = { tool = "console" } }, { client = "main" })
  end)
end)

describe("in production", function()
  local before

  setup(function()
    before = busted.app
    busted.open(folder .. "shunt.yaml", { env = "prod" })
  end)
  teardown(function()
    busted.app:close()
    busted.use(before)
  end)

  it("products are on their own datasource", function()
    assert.routes("product", "search")
  end)

  it("the console may only read", function()
    assert.routes({ model = "user", attrs = { tool = "console" } }, { client = "main" })
    assert.denies({ model = "user", op = "write", attrs = { tool = "console" } }, "not write it")
  end)
end)
