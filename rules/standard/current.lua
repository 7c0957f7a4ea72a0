-- A relation with _auto_, the default, stays on the datasource of its parent rows.
rule "parent's datasource" {
  stage = "current", relation = "*",
  client = function(req)
    if req.relation_client == "_auto_" then return req.parent end
  end,
}

-- Otherwise an access goes to the datasource that the session was switched to.
rule "switched datasource" {
  stage = "current",
  client = function(req) return req.current end,
}
