-- A model's client: from the app config or, without one there, from its rule file, where it may be a function.
rule "model's client" {
  stage = "model",
  client = function(req) return req:model_client() end,
}
