-- An isolated instance has a default of its own.
rule "isolated instance's client" {
  stage = "default",
  client = function(req)
    local instance = req.instance
    if instance.isolate then return instance.isolateClient end
  end,
}

-- For every other instance it is the application's.
rule "default client" {
  stage = "default",
  client = function(req) return req.default end,
}
