--- The application that the specs of the Lua module share: users and what hangs on them, over three datasources.
--- Use: local shop = Shop.open(); shop.session:model "user"; …; shop:close()

local shunt = require "shunt"
local App = require "tests.spec.support.app"

local CONFIG = [[
database:
  defaultClient: main
  clients:
    main: {engine: sqlite3, connection: {filename: main.db, create: true}}
    shop: {engine: sqlite3, connection: {filename: shop.db, create: true}}
    other: {engine: sqlite3, connection: {filename: other.db, create: true}}
instance:
  instances:
    "": {id: 1, title: Default}
    acme: {id: 2, isolate: true, isolateClient: other}
rules: {path: [rules]}
]]

local RULES = [[
model "user" {
  table = "users", client = "main",
  relations = {
    orders = has_many("order", "user_id", { order = "id" }),
    profile = has_one("profile", "user_id"),
    roles = belongs_to_many("role_user", "role", "user_id", "role_id"),
  },
}
model "profile" { table = "profiles", relations = { user = belongs_to("user", "user_id") } }
model "role" { table = "roles" }
model "role_user" { table = "role_user" }
model "order" {
  table = "orders", client = "shop",
  relations = { user = belongs_to("user", "user_id"), lines = has_many("line", "order_id", { order = "id" }) },
}
model "line" { table = "lines", client = "shop" }
model "note" { table = "notes" }
rule "notes are not written on a free plan" {
  stage = "guard", model = "note", op = "write",
  check = function(req) if req.attrs.plan == "free" then return deny "the free plan reads only" end end,
}
rule "breaks" {
  stage = "override", model = "role",
  when = function(req) return req.attrs.broken end,
  client = function() error "a rule gone wrong" end,
}
]]

local TABLES = {
  main = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, age INTEGER, score REAL, photo BLOB)",
    "CREATE TABLE profiles (id INTEGER PRIMARY KEY, user_id INTEGER, bio TEXT)",
    "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE role_user (id INTEGER PRIMARY KEY, user_id INTEGER, role_id INTEGER)",
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)",
  },
  shop = {
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, total REAL)",
    "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER, sku TEXT)",
  },
  other = { "CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT)" },
}

--- Random tests start from it; SHUNT_SEED sets it.
local SEED = tonumber(os.getenv "SHUNT_SEED") or os.time()

local M = { seed = SEED, config = CONFIG }

---@class tests.shop
---@field app shunt.app
---@field session shunt.session
---@field folder string
local Shop = {}
Shop.__index = Shop

--- With its tables, all of them empty.
---@return tests.shop
function M.open()
  local app, folder = App.open { ["shunt.yaml"] = CONFIG, ["rules/models.lua"] = RULES }
  local session = app:session { attrs = { plan = "pro" } }
  for client, statements in pairs(TABLES) do
    for _, sql in ipairs(statements) do session:execute(client, sql) end
  end
  return setmetatable({ app = app, session = session, folder = folder }, Shop)
end

function Shop:close()
  self.app:close()
  App.remove(self.folder)
end

--- A few rows of everything.
function Shop:fill()
  local session = self.session
  session:model("user"):insert_bulk {
    { id = 1, name = "Ada", age = 36 }, { id = 2, name = "Bo", age = 17 }, { id = 3, name = "Cy" },
  }
  session:model("order"):insert_bulk {
    { id = 10, user_id = 1, total = 5.5 }, { id = 11, user_id = 1, total = 4.0 }, { id = 12, user_id = 2, total = 1.0 },
  }
  session:model("line"):insert_bulk {
    { id = 100, order_id = 10, sku = "a" }, { id = 101, order_id = 10, sku = "b" }, { id = 102, order_id = 12, sku = "c" },
  }
  session:model("profile"):insert { id = 7, user_id = 1, bio = "counts" }
  session:model("role"):insert_bulk { { id = 1, name = "admin" }, { id = 2, name = "guest" } }
  session:model("role_user"):insert_bulk { { user_id = 1, role_id = 1 }, { user_id = 2, role_id = 1 } }
end

--- What fn raises, which must be an error value of that code.
---@return shunt.error
function M.failure(code, fn, ...)
  local ok, problem = pcall(fn, ...)
  assert(not ok, "it did not fail")
  assert(shunt.is_error(problem), "not an error value: " .. tostring(problem))
  assert(problem.code == code, code .. " was due, not " .. tostring(problem))
  return problem
end

--- That a text, or what a value prints as, holds a part.
function M.has(text, part)
  assert(tostring(text):find(part, 1, true), ("'%s' is not in: %s"):format(part, tostring(text)))
end

return M
