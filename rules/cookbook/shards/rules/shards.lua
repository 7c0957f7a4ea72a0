local SHARDS = 4

local function shard(req)
  local n = req:bucket("where.customer_id", SHARDS)
  return n and ("shard-%d"):format(n)
end

model "customer" {
  table = "customers",
  relations = { orders = has_many("order", "customer_id", { order = "id" }) },
}
model "order" { table = "orders", client = shard }

rule "an order is asked for with its customer" {
  stage = "guard", model = "order",
  check = function(req)
    if not shard(req) then return deny "add customer_id to where: it says which shard the order is on" end
  end,
}
