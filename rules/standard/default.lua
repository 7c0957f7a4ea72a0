-- An isolated instance has its own default.
rule "isolated instance's client" {
  stage = "default",
  client = function(req)
    local instance = req.instance
    if instance.isolate then return instance.isolateClient end
  end,
}

-- Every other instance uses database.defaultClient.
rule "default client" {
  stage = "default",
  client = function(req) return req.default end,
}
