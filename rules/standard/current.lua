-- A relation that was left to itself (_auto_) stays on the datasource its parent rows came from.
rule "parent's datasource" {
  stage = "current", relation = "*",
  client = function(req)
    if req.relation_client == "_auto_" then return req.parent end
  end,
}

-- Then the datasource counts that the session was switched to.
rule "switched datasource" {
  stage = "current",
  client = function(req) return req.current end,
}
