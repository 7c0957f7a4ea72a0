-- A real database, a music shop, divided over three engines: every include gives exactly what the equivalent join gives on the
-- undivided one. Each part of the shop is on each engine once.

local Chinook = require "tests.spec.support.chinook"
local Engines = require "tests.engines.support.engines"

local divisions = {
  { music = "sqlite3", people = "pg", sales = "mysql" },
  { music = "mysql", people = "sqlite3", sales = "pg" },
  { music = "pg", people = "mysql", sales = "sqlite3" },
}

for _, engines in ipairs(divisions) do
  describe(("the music shop with music on %s, people on %s, sales on %s"):format(engines.music, engines.people, engines.sales), function()
    local why = Engines.missing() or Chinook.missing(engines)
    if why then
      pending(why)
      return
    end

    local shop, world = Chinook.new(engines), nil

    setup(function()
      world = Engines.open {
        clients = { music = engines.music, people = engines.people, sales = engines.sales, whole = "sqlite3" }, default = "music",
        rules = shop:rules(),
      }
      shop:load(world.app)
    end)

    teardown(function()
      if world then world:close() end
    end)

    for _, case in ipairs(shop:cases()) do it(case.name, case.run) end
  end)
end
