-- Makes the tables and a few rows, on whatever datasources the rules choose: tables(session).
local statements = {
  { "people", "users", "(id INTEGER PRIMARY KEY, name TEXT NOT NULL)" },
  { "people", "roles", "(id INTEGER PRIMARY KEY, name TEXT NOT NULL)" },
  { "people", "role_user", "(user_id INTEGER NOT NULL, role_id INTEGER NOT NULL, PRIMARY KEY (user_id, role_id))" },
  { "sales", "orders", "(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, item TEXT NOT NULL)" },
}

return function(session)
  for _, statement in ipairs(statements) do
    local client, name, columns = table.unpack(statement)
    session:execute(client, "DROP TABLE IF EXISTS " .. name)
    session:execute(client, ("CREATE TABLE %s %s"):format(name, columns))
  end
  local users = session:model "user"
  local include = { include = { orders = true, roles = true } }
  users:insert({ name = "Ada", orders = { { item = "Compass" }, { item = "Notebook" } }, roles = { { name = "buyer" } } }, include)
  users:insert({ name = "Emil", orders = { { item = "Skis" } }, roles = { { id = 1 } } }, include)
  users:insert { name = "Grace" }
end
