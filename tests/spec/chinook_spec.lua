-- A real database, a music shop, divided over three SQLite files: every include gives exactly what the equivalent join gives on
-- the undivided one.

local App = require "tests.spec.support.app"
local Chinook = require "tests.spec.support.chinook"

local clients = { "music", "people", "sales", "whole" }

describe("the music shop on three datasources", function()
  local engines = { music = "sqlite3", people = "sqlite3", sales = "sqlite3" }
  local why = Chinook.missing(engines)
  if why then
    pending(why)
    return
  end

  local shop = Chinook.new(engines)
  local app, folder

  setup(function()
    local yaml = App.database_yaml(clients, "music") .. "rules: {path: [rules]}\n"
    app, folder = App.open({ ["shunt.yaml"] = yaml, ["rules/models.lua"] = shop:rules() }, clients)
    shop:load(app)
  end)

  teardown(function()
    if app then app:close() end
    if folder then App.remove(folder) end
  end)

  for _, case in ipairs(shop:cases()) do it(case.name, case.run) end
end)
