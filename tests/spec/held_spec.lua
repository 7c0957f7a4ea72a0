-- The client that a call asks for holds for included rows that lie with their parents, and for no others: here the parents lie on three
-- datasources, whichever one the call asks for.

local App = require "tests.spec.support.app"

local clients = { "a", "b", "c" }

local rules = [[
  local function with_its_key(req) return ({ [0] = "c", "a", "b" })[req:mod("where.id", 3)] end
  model "parent" { table = "parents", client = with_its_key, relations = {
    by_auto = has_many("child", "parent_id", { client = "_auto_" }),
    by_parent = has_many("child", "parent_id", { client = "_inherit_" }),
    by_default = has_many("child", "parent_id"),
    on_b = has_many("child", "parent_id", { client = "b" }),
  } }
  model "child" { table = "children", relations = { parent = belongs_to("parent", "parent_id") } }
]]

local PARENTS = 6
local function place(id) return ({ [0] = "c", "a", "b" })[id % 3] end

-- Which datasource a relation's rows are read from, by their parent's and the call's.
local expected = {
  by_auto = function(parent) return parent end,
  by_parent = function(parent) return parent end,
  by_default = function(parent) return parent end,
  on_b = function() return "b" end,
}

describe("a client that a call asks for", function()
  local app, folder, session

  -- Parent 1 has one child on a, two on b and three on c, and so on: the number says where they were read.
  local function children(id, client) return id * 10 + ({ a = 1, b = 2, c = 3 })[client] end

  setup(function()
    app, folder = App.open({ ["shunt.yaml"] = App.database_yaml(clients, "a") .. "rules: {path: [rules]}\n", ["rules/m.lua"] = rules }, clients)
    session = app:session()
    for _, client in ipairs(clients) do
      session:execute(client, "CREATE TABLE parents (id INTEGER PRIMARY KEY)")
      session:execute(client, "CREATE TABLE children (id INTEGER PRIMARY KEY, parent_id INTEGER)")
      for id = 1, PARENTS do
        if place(id) == client then session:execute(client, "INSERT INTO parents VALUES (?)", { id }) end
        for _ = 1, children(id, client) do session:execute(client, "INSERT INTO children (parent_id) VALUES (?)", { id }) end
      end
    end
  end)
  teardown(function()
    session:close()
    app:close()
    App.remove(folder)
  end)

  for _, client in ipairs(clients) do
    for relation, from in pairs(expected) do
      for _, as in ipairs { "rows", "count" } do
        for _, order in ipairs { "parent_id", "-parent_id" } do
          it(("holds for rows beside their parents alone: %s, %s of %s, %s"):format(client, as, relation, order), function()
            local rows = session:model("child"):select { client = client, order = order,
              include = { parent = { include = { [relation] = as == "rows" or { count = true } } } } }
            assert.is_true(#rows > PARENTS)
            for _, row in ipairs(rows) do
              local got = as == "rows" and #row.parent[relation] or row.parent[relation]
              assert.equal(children(row.parent_id, from(place(row.parent_id))), got, "parent " .. row.parent_id)
            end
          end)
        end
      end
    end
  end
end)
