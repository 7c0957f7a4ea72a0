model "customer" { table = "customers", instance_column = "tenant_id" }
model "country" { table = "countries" }

rule "European tenants keep their customers in the EU" {
  stage = "override", model = "customer",
  when = function(req)
    local config = req.instance.config
    return config and config.region == "eu"
  end,
  client = "eu",
}
