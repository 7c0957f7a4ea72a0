-- A model may be bound to a client: by the app config, else by its own rule file, where that may be a function.
rule "model's client" {
  stage = "model",
  client = function(req) return req:model_client() end,
}
