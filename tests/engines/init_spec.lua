-- shunt init --engine: the application works on each server, and shunt sql and shunt query on it.

local App = require "tests.spec.support.app"
local Command = require "tests.spec.support.command"
local Engines = require "tests.engines.support.engines"

local read = require("tests.files").read
local quoted, run = Command.quoted, Command.run

describe("an application made for", function()
  local folder

  setup(function() folder = App.folder() end)
  teardown(function() App.remove(folder) end)

  for engine, names in pairs { pg = { "shunt_init" }, mysql = { "shunt_init", "shunt_init_orders", "shunt_init_acme" } } do
    it(engine .. " fills the database that DATABASE_URL names, and all of its steps work", function()
      if not Engines.url(engine) then return pending(Engines.missing()) end
      local function all(format)
        local out = {}
        for i, name in ipairs(names) do out[i] = format:format(name) end
        return out
      end
      Engines.administer(engine, all "DROP DATABASE IF EXISTS %s")
      Engines.administer(engine, { "CREATE DATABASE shunt_init" })
      finally(function() Engines.administer(engine, all "DROP DATABASE IF EXISTS %s") end)
      local environment = "DATABASE_URL=" .. quoted(Engines.url(engine, "shunt_init"))

      local function works(arguments)
        local status, out, err = run(folder, arguments, environment)
        assert.equal(0, status, arguments .. "\n" .. out .. err)
        return out
      end

      local steps = works(("init %s --engine %s"):format(engine, engine))
      for _, name in ipairs { "shunt.yaml", "seed.lua" } do -- a server of the user's own may have databases of these names
        local path = ("%s/%s/%s"):format(folder, engine, name)
        App.write(path, (read(path):gsub("shop_(%l+)", "shunt_init_%1")))
      end
      works(("run %s/seed.lua"):format(engine))
      local tried = 0
      for arguments in steps:gmatch "\n  %S*shunt'? ([^\n]*)" do
        tried = tried + 1
        works(arguments)
      end
      assert.equal(6, tried, steps)
      works(("check --online --strict -c %s"):format(engine))
      assert.equal("name\nWile E.\n", works(("query user --instance acme --columns name --format csv -c %s"):format(engine)))
      assert.equal("name\nAda\n", works(("sql main 'SELECT name FROM users WHERE id = ?' 1 --format csv -c %s"):format(engine)))
      assert.equal("(1 row written)\n", works(("sql orders 'UPDATE orders SET price = ? WHERE id = ?' 5.5 3 -c %s"):format(engine)))
      assert.equal(4, (run(folder, ("sql main 'INSERT INTO users (name) VALUES (NULL)' -c %s"):format(engine), environment)))
    end)
  end

  it("a server that can't be reached is made and checked without it", function()
    for _, engine in ipairs(Engines.servers) do
      local made = "unreachable-" .. engine
      local environment = "DATABASE_URL=" .. (engine == "pg" and "postgresql" or "mysql") .. "://127.0.0.1:1/shop"
      assert.equal(0, (run(folder, ("init %s --engine %s"):format(made, engine), environment)))
      for _, command in ipairs { "check --strict", "test", "resolve order --instance acme" } do
        local status, out, err = run(folder, ("%s -c %s"):format(command, made), environment)
        assert.equal(0, status, out .. err)
      end
      for _, command in ipairs { "query user", "sql main 'SELECT 1'" } do
        assert.equal(4, (run(folder, ("%s -c %s"):format(command, made), environment)))
      end
    end
  end)
end)
