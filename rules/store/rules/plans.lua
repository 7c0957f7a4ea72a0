-- Guard rules run last. They choose no client; they may deny the access, with a reason.

rule "a read-only plan writes nothing" {
  stage = "guard",
  op = "write",
  when = function(req) return req.attrs.plan == "read-only" end,
  deny = "your plan is read-only: upgrade it to change anything",
}
