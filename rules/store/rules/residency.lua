-- Some tenants' orders may not leave the European Union. This policy outranks everything, so its stage is "override". shunt
-- matches the conditions model and instance before any Lua runs: for other tenants the rule costs nothing. `when` says the
-- rest: a tenant may have agreed to another place.

rule "European tenants keep their orders in the EU" {
  stage = "override",
  model = { "order", "order_line" },
  instance = "eu-*",
  when = function(req) return req.attrs.residency ~= "anywhere" end,
  client = "order-eu",
}
