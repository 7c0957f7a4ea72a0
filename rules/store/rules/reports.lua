-- Refine rules run when the client has been found. They may send the access to another client near it, such as a replica or a
-- shard, or to another table. Here `client` is a condition, the client found so far, and `to` is the answer.
--
-- req.attrs are facts that the host program gives to the session: here the purpose of the work.

rule "reports read from the replica" {
  stage = "refine",
  op = "read",
  client = "order",
  when = function(req) return req.attrs.purpose == "report" end,
  to = "order-replica",
}
