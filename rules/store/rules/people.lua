-- Users, their profiles and their roles.
--
-- A model says what it is called in the database and, if it wants to, where it lives. One that names no client goes where
-- the session is, and at last to the default datasource.

model "user" {
  table = "users",
  primary_key = "id",
  instance_column = "iid", -- reads see the session's own instance only, and inserts are stamped with it
  client = "user",
  relations = {
    profile = has_one("profile", "user_id"),
    -- The orders lie on another datasource. Nothing here has to say so: it follows from where "order" goes.
    orders = has_many("order", "user_id", { order = "id" }),
    -- A role belongs to no shop, so role and role_user stay with the default datasource.
    roles = belongs_to_many("role_user", "role", "user_id", "role_id", { client = "default", through_client = "default", order = "name" }),
  },
}

model "profile" {
  table = "profiles",
  client = "user",
  relations = { user = belongs_to("user", "user_id") },
}

model "role" {
  table = "roles",
}

model "role_user" {
  table = "role_user",
}
