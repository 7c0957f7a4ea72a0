local SHARDS = 4

local function shard(req)
  local n = req:bucket("where.customer_id", SHARDS)
  return n and ("shard-%d"):format(n)
end

model "customer" {
  table = "customers",
  relations = { orders = has_many("order", "customer_id", { order = "id" }) },
}
model "order" {
  table = "orders", client = shard,
  parts = { clients = { "shard-0", "shard-1", "shard-2", "shard-3" } },
}
