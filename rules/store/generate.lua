-- Fills the shop's datasources with generated rows. The same seed gives the same rows on every machine.
-- Use: shunt run rules/store/generate.lua [--seed N] [--users N] [--env NAME]
-- It is an ordinary host program: it opens the application, opens sessions, and writes through models. The rules decide where
-- each row goes: the same code fills the shared datasources, the European one and the isolated one.
local shunt = require "shunt"

local PARTS = 4
local PRODUCTS = 24
local ORDERS_AT_MOST = 5
local LINES_AT_MOST = 4
local IDS_PER_PART = 1000000 -- each part has its own range of ids, so that no two orders have the same id
local DAY = 86400
local FIRST_DAY = 1735689600 -- 2025-01-01, a constant: what is generated must not depend on when

-- ---- the tables ----
-- The SQL works on every engine: for example, a text that is a key has a length.

local people = {
  "CREATE TABLE users (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, name VARCHAR(100) NOT NULL, email VARCHAR(100) NOT NULL UNIQUE, "
    .. "created_on DATE NOT NULL)",
  "CREATE TABLE profiles (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL UNIQUE REFERENCES users (id), city VARCHAR(100), "
    .. "bio TEXT)",
}

local roles = {
  "CREATE TABLE roles (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE)",
  "CREATE TABLE role_user (user_id INTEGER NOT NULL, role_id INTEGER NOT NULL REFERENCES roles (id), "
    .. "PRIMARY KEY (user_id, role_id))",
}

local function order_tables()
  local statements, parts = {}, {}
  for part = 0, PARTS - 1 do
    local name = ("orders_%02d"):format(part)
    statements[#statements + 1] = ("CREATE TABLE %s (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, user_id INTEGER NOT NULL, "
      .. "ordered_on DATE NOT NULL, status VARCHAR(20) NOT NULL)"):format(name)
    statements[#statements + 1] = ("CREATE INDEX %s_user ON %s (user_id)"):format(name, name)
    parts[#parts + 1] = "SELECT * FROM " .. name
  end
  statements[#statements + 1] = "CREATE VIEW orders AS " .. table.concat(parts, " UNION ALL ")
  statements[#statements + 1] = "CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, "
    .. "product_id INTEGER NOT NULL, quantity INTEGER NOT NULL CHECK (quantity > 0), price_cents INTEGER NOT NULL)"
  statements[#statements + 1] = "CREATE INDEX order_lines_order ON order_lines (order_id)"
  return statements
end

local products = {
  "CREATE TABLE products (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price_cents INTEGER NOT NULL)",
}

-- The tables of each datasource. The isolated instance has all of them in one.
local layout = {
  { "main", roles },
  { "user", people },
  { "order", order_tables(), products },
  { "order-eu", order_tables() },
  { "isolateTest", roles, people, order_tables(), products },
}

-- The last table is dropped first, because it may refer to earlier ones.
local function drop_tables(session, client, statements)
  for i = #statements, 1, -1 do
    local kind, name = statements[i]:match("^CREATE (%u+) (%S+)")
    if kind == "TABLE" or kind == "VIEW" then session:execute(client, ("DROP %s IF EXISTS %s"):format(kind, name)) end
  end
end

local function create_tables(session)
  for _, datasource in ipairs(layout) do
    local client = datasource[1]
    for i = #datasource, 2, -1 do drop_tables(session, client, datasource[i]) end
    for i = 2, #datasource do
      for _, statement in ipairs(datasource[i]) do session:execute(client, statement) end
    end
  end
end

-- ---- the rows ----

local first_names = { "Ada", "Bjørn", "Chiara", "Dmitri", "Élodie", "Farid", "Grace", "Hana", "Ivo", "Jun", "Käthe", "Liam" }
local last_names = { "Okafor", "Lindqvist", "Moreau", "Tanaka", "Novák", "Silva", "Haddad", "O'Brien", "Kowalski", "Yılmaz" }
local cities = { "Oslo", "Bergen", "Lyon", "Kraków", "Porto", "Izmir", "Osaka", "Lagos" }
local statuses = { "open", "paid", "shipped", "returned" }
local role_names = { "admin", "buyer", "support" }
local adjectives = { "plain", "folding", "enamel", "walnut", "linen", "copper" }
local things = { "lamp", "kettle", "chair", "notebook" }

local function any(list)
  return list[math.random(#list)]
end

local function day(n)
  return os.date("!%Y-%m-%d", FIRST_DAY + n * DAY)
end

local function make_products()
  local rows = {}
  for id = 1, PRODUCTS do
    local name = adjectives[(id - 1) % #adjectives + 1] .. " " .. things[(id - 1) // #adjectives % #things + 1]
    rows[id] = { id = id, name = name, price_cents = 100 * math.random(3, 120) - 5 }
  end
  return rows
end

local function make_roles()
  local rows = {}
  for id, name in ipairs(role_names) do rows[id] = { id = id, name = name } end
  return rows
end

local function make_people(first_id, count)
  local users, profiles, links = {}, {}, {}
  for id = first_id, first_id + count - 1 do
    local first, last = any(first_names), any(last_names)
    users[#users + 1] = { id = id, name = first .. " " .. last, email = ("user%d@shop.example"):format(id),
      created_on = day(math.random(0, 180)) }
    if math.random(10) > 1 then -- a few have no profile
      profiles[#profiles + 1] = { id = id, user_id = id, city = any(cities),
        bio = math.random(3) > 1 and ("Likes a good %s."):format(any(things)) or shunt.null }
    end
    for role_id = 1, #role_names do
      if math.random(role_id == 2 and 1 or 5) == 1 then links[#links + 1] = { user_id = id, role_id = role_id } end
    end
  end
  return users, profiles, links
end

-- ids.order[part] and ids.line are the last ids used on the datasource that the rows will go to.
local function make_orders(user_id, ids, catalogue)
  local orders, lines = {}, {}
  local part = user_id % PARTS
  for _ = 1, math.random(0, ORDERS_AT_MOST) do
    ids.order[part] = ids.order[part] + 1
    local order = { id = ids.order[part], user_id = user_id, ordered_on = day(math.random(181, 360)), status = any(statuses) }
    orders[#orders + 1] = order
    for _ = 1, math.random(1, LINES_AT_MOST) do
      ids.line = ids.line + 1
      local product = any(catalogue)
      lines[#lines + 1] = { id = ids.line, order_id = order.id, product_id = product.id, quantity = math.random(1, 3),
        price_cents = product.price_cents }
    end
  end
  return orders, lines
end

local function fresh_ids()
  local ids = { order = {}, line = 0 }
  for part = 0, PARTS - 1 do ids.order[part] = part * IDS_PER_PART end
  return ids
end

-- Writes all rows of one instance. It names no datasource.
local function fill(session, what)
  local written = { users = 0, orders = 0, lines = 0 }
  local users, profiles, links = make_people(what.first_id, what.users)
  session:model("user"):insert_bulk(users)
  session:model("profile"):insert_bulk(profiles)
  session:model("role_user"):insert_bulk(links)
  written.users = #users
  for _, user in ipairs(users) do
    local orders, lines = make_orders(user.id, what.ids, what.catalogue)
    if #orders > 0 then
      session:model("order"):insert_bulk(orders)
      session:model("order_line"):insert_bulk(lines)
    end
    written.orders = written.orders + #orders
    written.lines = written.lines + #lines
  end
  return written
end

-- ---- the program ----

local function usage(problem)
  io.stderr:write(problem, "use: shunt run rules/store/generate.lua [--seed N] [--users N] [--env NAME]\n")
  os.exit(2)
end

local function options_of(arguments)
  local options = { seed = 1, users = 40, env = false } -- without --env it is SHUNT_ENV, as everywhere
  for i = 1, #arguments, 2 do
    local name, value = arguments[i]:match("^%-%-(%a+)$"), arguments[i + 1]
    if options[name] == nil or value == nil then usage "" end
    options[name] = name == "env" and value or math.tointeger(tonumber(value))
    if not options[name] or options.users < 0 then usage(("--%s takes a whole number, not %s\n"):format(name, value)) end
  end
  return options
end

local function main()
  local options = options_of(arg)
  local here = arg[0]:match("^(.*)/[^/]*$") or "."
  for _, folder in ipairs { "/data/test", "/data/engines" } do
    assert(os.execute(("mkdir -p '%s'"):format((here .. folder):gsub("'", "'\\''"))))
  end
  local app = shunt.open(here .. "/shunt.yaml", { env = options.env or nil })
  math.randomseed(options.seed)

  local shop = app:session {}
  create_tables(shop)
  local catalogue = make_products()

  -- Orders of the shop and of shareTest are in the same tables, so they share one sequence of ids.
  local shared_ids = fresh_ids()
  local instances = {
    { name = "", users = options.users, first_id = 1, ids = shared_ids, first_here = true },
    { name = "shareTest", users = options.users // 4, first_id = 100001, ids = shared_ids },
    { name = "eu-acme", users = options.users // 4, first_id = 200001, ids = fresh_ids() },
    { name = "isolateTest", users = options.users // 4, first_id = 1, ids = fresh_ids(), first_here = true },
  }
  for _, instance in ipairs(instances) do
    local session <close> = app:session { instance = instance.name }
    if instance.first_here then -- the first one on its datasources brings what belongs to no instance
      session:model("role"):insert_bulk(make_roles())
      session:model("product"):insert_bulk(catalogue)
    end
    instance.catalogue = catalogue
    local written = fill(session, instance)
    print(("%-12s %4d users %5d orders %5d order lines"):format(instance.name == "" and "(default)" or instance.name,
      written.users, written.orders, written.lines))
  end

  shop:close()
  app:close()
end

main()
