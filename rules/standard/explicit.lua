-- The client that the call or new_instance asks for. Only an override rule comes before it.
rule "explicit client" {
  stage = "explicit",
  client = function(req) return req.explicit end,
}
