-- Some tenants' orders may not leave the European Union. A policy like this one outranks everything else, which is what the
-- stage "override" is for. The conditions model and instance are matched before any Lua runs: for everybody else the rule
-- costs nothing. `when` says the rest, here that a tenant may have agreed to something else.

rule "European tenants keep their orders in the EU" {
  stage = "override",
  model = { "order", "order_line" },
  instance = "eu-*",
  when = function(req) return req.attrs.residency ~= "anywhere" end,
  client = "order-eu",
}
