-- Guard rules run last. They choose nothing: they may refuse, and say why.

rule "a read-only plan writes nothing" {
  stage = "guard",
  op = "write",
  when = function(req) return req.attrs.plan == "read-only" end,
  deny = "your plan is read-only: ask for another one to change anything",
}
