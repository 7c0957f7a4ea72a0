-- The client asked for in this call, or by new_instance, is the one: only an override comes before it.
rule "explicit client" {
  stage = "explicit",
  client = function(req) return req.explicit end,
}
