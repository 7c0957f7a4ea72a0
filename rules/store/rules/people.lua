-- Users, their profiles and their roles.
--
-- A model names its table and may name its client. A model without a client goes to the session's current datasource, or to the
-- default one.

model "user" {
  table = "users",
  primary_key = "id",
  instance_column = "iid", -- reads see only rows of the session's instance; inserts set this column
  client = "user",
  relations = {
    profile = has_one("profile", "user_id"),
    -- Orders are on another datasource. The model "order" says so; the relation need not.
    orders = has_many("order", "user_id", { order = "id" }),
    -- Roles belong to no user's datasource: role and role_user are always on the default one.
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
