-- A customer buys something: the order and its lines in one transaction, and a job that ships them.
-- Use: shunt run rules/store/checkout.lua [INSTANCE]
local shunt = require "shunt"

local USER, ORDER = 7, 3900001

local here = arg[0]:match("^(.*)/[^/]*$") or "."
local app <close> = shunt.open(here .. "/shunt.yaml")
local session <close> = app:session { instance = arg[1] or "" }

-- The same choice for the transaction as for what is written in it: the rules'.
local place = session:resolve("order", { op = "write", where = { user_id = USER } })

session:transaction(function()
  session:model("order"):insert { id = ORDER, user_id = USER, ordered_on = "2025-12-24", status = "paid" }
  session:model("order_line"):insert_bulk {
    { id = 900001, order_id = ORDER, product_id = 3, quantity = 1, price_cents = 3595 },
    { id = 900002, order_id = ORDER, product_id = 5, quantity = 2, price_cents = 1200 },
  }
  session:push("ship", { order_id = ORDER, user_id = USER }) -- sent once the order is committed, and not at all if it isn't
  session:on_commit(function() print(("order %d of user %d is paid, on %s"):format(ORDER, USER, place.client)) end)
end, { client = place.client })
