--- The tables and rows of the HTTP service.
--- Use: build/shunt run tests/hosts/http/tables.lua, for the datasources of shunt.yaml; or
--- require("tests.hosts.http.tables").fill(app)

local M = {}

local USERS = 60 -- as in load.lua
local TENANTS = { "acme", "globex", "initech", "umbrella", "hooli" }
local SHARED = 3 -- the first of them; the others are isolated

-- Users 1 to 60 belong to the shared tenants in turn; each isolated tenant has 60 of its own. A user has up to three orders.
local function rows_of(number, tenant)
  local users, orders = {}, {}
  for id = 1, USERS do
    if number > SHARED or (id - 1) % SHARED + 1 == number then
      users[#users + 1] = { id = id, name = ("%s-%d"):format(tenant, id) }
      for i = 1, id % 4 do
        orders[#orders + 1] = { id = 10 * id + i, user_id = id, item = ("%s-%d-%d"):format(tenant, id, i) }
      end
    elseif id % 4 > 0 then
      -- A shared tenant's order that names another tenant's user.
      orders[#orders + 1] = { id = 1000 * number + id, user_id = id, item = tenant .. " must not show" }
    end
  end
  return users, orders
end

---@param app table
function M.fill(app)
  local session <close> = app:session()
  local users = "CREATE TABLE users (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, name VARCHAR(40))"
  local orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, user_id INTEGER, item VARCHAR(40))"
  local index = "CREATE INDEX orders_user ON orders (user_id)"
  for client, statements in pairs { people = { users }, shop = { orders, index }, umbrella = { users, orders, index },
    hooli = { users, orders, index } } do
    for _, sql in ipairs(statements) do session:execute(client, sql) end
  end
  for number, tenant in ipairs(TENANTS) do
    local own <close> = app:session { instance = tenant }
    local user_rows, order_rows = rows_of(number, tenant)
    own:model("user"):insert_bulk(user_rows)
    own:model("order"):insert_bulk(order_rows)
  end
end

if ... then return M end -- required, not run

local app <close> = require("shunt").open "tests/hosts/http/shunt.yaml"
M.fill(app)
