--- The files that `shunt init` writes.
local template = {}

template.files = {
  {
    "shunt.yaml", [[
# yaml-language-server: $schema=shunt.schema.json
# Where the data is. shunt.ENV.yaml, if it exists, is merged on top: see shunt.test.yaml.
database:
  defaultClient: main
  clients:
    main:   {engine: sqlite3, connection: {filename: data/main.db, create: true}}
    orders: {engine: sqlite3, connection: {filename: data/orders.db, create: true}}
    acme:   {clone: default, connection: {filename: data/acme.db}}   # the default client with another file

instance:
  instances:
    "":   {id: 1, title: Default}
    acme: {id: 2, title: Acme Ltd, isolate: true, isolateClient: acme}

rules: {path: [rules]}
]],
  },
  {
    "shunt.test.yaml", [[
# yaml-language-server: $schema=shunt.schema.json
# Merged over shunt.yaml in the environment test, which `shunt test` uses: a map is merged, any other value replaces, null
# removes.
database:
  clients:
    main:   {connection: {filename: data/test-main.db}}
    orders: {connection: {filename: data/test-orders.db}}
    acme:   {connection: {filename: data/test-acme.db}}
]],
  },
  {
    "rules/models.lua", [[
model "user" {
  table = "users",
  client = "default", -- the default client of the session's instance, also when an order asks for its user
  relations = { orders = has_many("order", "user_id", { order = "id" }) },
}

model "order" {
  table = "orders",
  client = "orders",
  relations = { user = belongs_to("user", "user_id") },
}
]],
  },
  {
    "rules/routing.lua", [[
-- Without this rule the orders of Acme would go to the client of the model, with all others: `shunt check` would report it.
rule "Acme keeps its orders to itself" {
  stage = "override", model = "order", instance = "acme",
  client = "acme",
}

rule "auditors only read" {
  stage = "guard", op = "write",
  when = function(req) return req.attrs.role == "auditor" end,
  deny = "an auditor may read, not write",
}
]],
  },
  {
    "jobs/thanks.lua", [[
-- A session pushes it: session:push("thanks", { user_id = 1 }). `shunt worker` then runs it, in a session of the same
-- instance: it finds the users of Acme in Acme's database.
job "thanks" {
  retry = 5,
  timeout = "10s",
  handler = function(session, data)
    local user = session:model("user"):get(data.user_id, { include = "orders" })
    print(("Thank you for %d orders, %s!"):format(#user.orders, user.name))
  end,
}
]],
  },
  {
    "spec/routing_spec.lua", [[
-- Run with: shunt test
require "shunt.busted"

describe("routing", function()
  it("keeps users on the default datasource and orders on their own", function()
    assert.routes({ model = "user" }, { client = "main", table = "users" })
    assert.routes({ relation = "user.orders" }, { client = "orders", table = "orders" })
    assert.routes({ relation = "order.user" }, { client = "main" })
  end)

  it("keeps everything of Acme with Acme", function()
    assert.routes({ model = "user", instance = "acme" }, { client = "acme" })
    assert.routes({ model = "order", instance = "acme" }, { client = "acme", rule = "Acme keeps its orders to itself" })
  end)

  it("lets auditors read and not write", function()
    assert.routes({ model = "order", attrs = { role = "auditor" } }, { client = "orders" })
    assert.denies({ model = "order", op = "write", attrs = { role = "auditor" } }, "may read")
  end)
end)
]],
  },
  {
    "seed.lua", [[
-- Creates the tables and a few rows on every datasource. Run it again to start anew: shunt run seed.lua
local shunt = require "shunt"

local folder = arg[0]:match "^(.*/)" or ""
local app = shunt.open(folder .. "shunt.yaml")

local TABLES = {
  users = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, city TEXT)",
  orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, item TEXT NOT NULL, price REAL)",
}
local PLACES = { main = { "users" }, orders = { "orders" }, acme = { "users", "orders" } }

local session = app:session {}
for client, tables in pairs(PLACES) do
  for _, name in ipairs(tables) do
    session:execute(client, "DROP TABLE IF EXISTS " .. name)
    session:execute(client, TABLES[name])
  end
end

-- The rules decide where an insert goes: the user to one file, its orders to another. The job waits for a worker.
local function add(instance, user)
  local s = app:session { instance = instance }
  local row = s:model "user":insert(user, { include = { orders = true } })
  if #user.orders > 1 then s:push("thanks", { user_id = row.id }) end
end

add("", { name = "Ada", city = "London", orders = { { item = "Compass", price = 12.5 }, { item = "Notebook", price = 3 } } })
add("", { name = "Emil", city = "Oslo", orders = { { item = "Skis", price = 240 } } })
add("", { name = "Grace", city = "New York", orders = {} })
add("acme", { name = "Wile E.", city = "Desert", orders = { { item = "Rocket", price = 999 } } })
]],
  },
  {
    ".gitignore", [[
data/*.db*
jobs.db*
]],
  },
}

template.luarc = [[
{
  "runtime.version": "Lua 5.4",
  "workspace.library": [".shunt/types"],
  "workspace.checkThirdParty": false,
  "diagnostics.globals": ["describe", "it", "setup", "teardown", "before_each", "after_each"]
}
]]

return template
