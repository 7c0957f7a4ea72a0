-- A customer buys something: one transaction stores the order and its lines, and a job ships them.
-- Use: shunt run rules/store/checkout.lua [INSTANCE]
local shunt = require "shunt"

local USER, ORDER = 7, 3900001

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local app <close> = shunt.open(here .. "/shunt.yaml")
local session <close> = app:session { instance = arg[1] or "" }

-- The rules choose the datasource. The transaction begins on the same one.
local place = session:resolve("order", { op = "write", where = { user_id = USER } })

session:transaction(function()
  -- The order has a fixed number. If an earlier run of this example stored it, it is replaced.
  session:model("order_line"):delete { order_id = ORDER }
  session:model("order"):delete { id = ORDER, user_id = USER }

  session:model("order"):insert { id = ORDER, user_id = USER, ordered_on = "2025-12-24", status = "paid" }
  session:model("order_line"):insert_bulk {
    { id = 900001, order_id = ORDER, product_id = 3, quantity = 1, price_cents = 3595 },
    { id = 900002, order_id = ORDER, product_id = 5, quantity = 2, price_cents = 1200 },
  }
  session:push("ship", { order_id = ORDER, user_id = USER }) -- sent after the commit; dropped by a rollback
  session:on_commit(function() print(("order %d of user %d is paid, on %s"):format(ORDER, USER, place.client)) end)
end, { client = place.client })
