-- Orders, their lines, and the products that were ordered.

local PARTS = 4

-- The sharding key of orders is user_id: the tables orders_00 … orders_03 hold one part each. If an access does not name the
-- user, req:mod returns nil, and the access goes to "orders", a view of all parts, which `parts` declares.
--
-- Why req:mod("where.user_id", 4) and not req.where.user_id % 4? A decision is remembered with the values that it depends on:
-- here one of four remainders, not one of a million users.
model "order" {
  table = function(req)
    local part = req:mod("where.user_id", PARTS)
    return part and ("orders_%02d"):format(part) or "orders"
  end,
  parts = { tables = "orders" },
  instance_column = "iid",
  client = "order",
  relations = {
    user = belongs_to("user", "user_id"),
    lines = has_many("order_line", "order_id", { order = "id" }),
  },
}

model "order_line" {
  table = "order_lines",
  client = "order",
  relations = {
    order = belongs_to("order", "order_id"),
    product = belongs_to("product", "product_id"),
  },
}

model "product" {
  table = "products",
  client = "order",
}

-- A view can't be written. This rule gives the reason, which is clearer than the database's error.
rule "an order is written with its user" {
  stage = "guard",
  model = "order",
  op = "write",
  check = function(req)
    if not req:mod("where.user_id", PARTS) then
      return deny "orders are in parts by user: add user_id to the row or the where"
    end
  end,
}
