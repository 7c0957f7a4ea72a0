-- Refine rules run when the datasource has been found, and may send the access on to somewhere near it: a replica, a shard,
-- another table. Here `client` is a condition, the datasource found so far, and `to` is what becomes of it.
--
-- req.attrs are what the host program knows and tells the session: here, what the work is for.

rule "reports read from the replica" {
  stage = "refine",
  op = "read",
  client = "order",
  when = function(req) return req.attrs.purpose == "report" end,
  to = "order-replica",
}
