-- Servers that go and come back while relations over three datasources are read: the whole tree comes, or an error, and never a
-- part of it; the next call after that works.
-- The servers are killed for this, so they must be of its own: sh tests/engines/with-servers.sh --private busted …

local Engines = require "tests.engines.support.engines"
local Faults = require "tests.engines.support.faults"

local CONNECTIONS = 4
local USERS = 200
local ROUNDS = 6 -- of restarts
local LONGEST_S = 60 -- for a restart and what comes after it
local clients = { pg = "people", mysql = "shop" }

local rules = [[
model "user" {
  table = "users", client = "people",
  relations = {
    orders = has_many("order", "user_id", { order = { "id" } }), notes = has_many("note", "user_id"),
    badges = has_many("badge", "user_id"), slips = has_many("slip", "user_id"), late_badges = has_many("late_badge", "user_id"),
  },
}
model "badge" { table = "badges", client = "people" }
model "late_badge" { table = "late_badges", client = "people" }
model "order" { table = "orders", client = "shop", relations = { user = belongs_to("user", "user_id"), lines = has_many("line", "order_id") } }
model "line" { table = "lines", client = "shop" }
model "slip" { table = "slips", client = "shop" }
model "note" { table = "notes", client = "file" }
]]

-- A view over rows during whose first reading the server ends the connection that reads, as an administrator can.
local fatal = {
  pg = {
    "CREATE SEQUENCE readings",
    [[CREATE FUNCTION ends_once() RETURNS integer LANGUAGE plpgsql AS $$
      BEGIN
        IF nextval('readings') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); END IF;
        RETURN 1;
      END $$]],
    "CREATE VIEW late_badges AS SELECT id, user_id FROM badges WHERE ends_once() = 1",
  },
  mysql = {
    "CREATE TABLE readings (n INTEGER) ENGINE = MyISAM", -- which no end of a transaction undoes
    "INSERT INTO readings VALUES (0)",
    [[CREATE FUNCTION ends_once() RETURNS integer MODIFIES SQL DATA
      BEGIN
        UPDATE readings SET n = n + 1;
        IF (SELECT n FROM readings) = 1 THEN KILL CONNECTION_ID(); DO SLEEP(10); END IF;
        RETURN 1;
      END]],
    "CREATE VIEW slips AS SELECT id, user_id FROM orders WHERE ends_once() = 1",
  },
}
local read_again = { pg = "late_badges", mysql = "slips" }

describe("relations over three datasources", function()
  local why = Faults.none_for "pg" or Faults.none_for "mysql"
  if why then
    pending(why)
    return
  end

  local world, session, users

  before_each(function()
    world = Engines.open { clients = { people = "pg", shop = "mysql", file = "sqlite3" }, default = "people", rules = rules, max = CONNECTIONS }
    session = world.session
    local make = {
      people = { "CREATE TABLE users (id INTEGER PRIMARY KEY)", "CREATE TABLE badges (id INTEGER PRIMARY KEY, user_id INTEGER)" },
      shop = { "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER)", "CREATE TABLE `lines` (id INTEGER PRIMARY KEY, order_id INTEGER)" },
      file = { "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER)" },
    }
    for client, statements in pairs(make) do
      for _, sql in ipairs(statements) do session:execute(client, sql) end
    end
    for engine, statements in pairs(fatal) do
      for _, sql in ipairs(statements) do session:execute(clients[engine], sql) end
    end
    local rows = { user = {}, badge = {}, order = {}, line = {}, note = {} }
    for i = 1, USERS do
      rows.user[i] = { id = i }
      rows.badge[i] = { id = i, user_id = i }
      rows.note[i] = { id = i, user_id = i }
    end
    for i = 1, 2 * USERS do
      rows.order[i] = { id = i, user_id = (i - 1) % USERS + 1 }
      rows.line[i] = { id = i, order_id = i }
    end
    for model, list in pairs(rows) do session:model(model):insert_bulk(list) end
    users = session:model "user"
  end)
  after_each(function() world:close() end)

  local tree = { badges = true, notes = true, orders = { include = { user = true, lines = true } } }

  local function assert_whole_tree(list)
    assert(#list == USERS, #list .. " users")
    for i, user in ipairs(list) do
      local ok = user.id == i and #user.badges == 1 and user.badges[1].id == i and #user.notes == 1 and user.notes[1].id == i
        and #user.orders == 2 and user.orders[1].id == i and user.orders[2].id == i + USERS
      for _, order in ipairs(user.orders) do ok = ok and order.user.id == i and #order.lines == 1 and order.lines[1].id == order.id end
      assert(ok, "the tree of user " .. i .. " is not whole")
    end
  end

  local function assert_recovered()
    for _, client in pairs(clients) do Faults.assert_whole(world.app, client) end
    assert_whole_tree(users:select { order = { "id" }, include = tree })
  end

  -- Whether the tree came.
  local function try()
    local ok, found = pcall(users.select, users, { order = { "id" }, include = tree })
    if ok then
      assert_whole_tree(found)
    else
      assert.equal("SHUNT_E_DATASOURCE", found.code, tostring(found))
      assert.is_truthy(found.client == "people" or found.client == "shop", tostring(found))
    end
    return ok
  end

  for _, engine in ipairs(Engines.servers) do
    it(("are read on over another connection where %s ends one of them in between"):format(engine), function()
      local name = read_again[engine]
      for _ = 1, 2 do -- the second time nothing happens
        local list = users:select { order = { "id" }, include = { badges = true, notes = true, orders = true, [name] = true } }
        assert.equal(USERS, #list)
        for i, user in ipairs(list) do
          local ok = #user[name] == (engine == "pg" and 1 or 2) and user[name][1].id == i
          assert(ok and #user.badges == 1 and #user.orders == 2 and #user.notes == 1, "the tree of user " .. i .. " is not whole")
        end
      end
      assert_recovered()
    end)

    it(("in a transaction are not, for %s has undone that"):format(engine), function()
      local client, own = clients[engine], { pg = "badges", mysql = "orders" }
      local problem = Engines.raises("SHUNT_E_DATASOURCE|SHUNT_E_TRANSACTION", session.transaction, session, function()
        session:execute(client, ("DELETE FROM %s WHERE id = 1"):format(own[engine]))
        users:select { include = { notes = true, [read_again[engine]] = true } }
      end, { client = client, spanning = "run" })
      assert.equal(client, problem.client)
      assert_recovered()
    end)
  end

  for _, which in ipairs { { "pg" }, { "mysql" }, { "pg", "mysql" } } do
    it(("come whole or not at all while %s is killed and started again"):format(table.concat(which, " and ")), function()
      local failed = 0
      for round = 1, ROUNDS do
        local started = os.time()
        local back = Faults.restart_soon(which, 0.05 * round)
        repeat
          if not try() then failed = failed + 1 end
          assert(os.time() - started < LONGEST_S, "it does not come back")
        until back()
        assert_recovered()
      end
      assert.is_true(failed > 0)
    end)
  end
end)
