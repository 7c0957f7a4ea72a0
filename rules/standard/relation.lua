-- A relation's client. _inherit_ means the parent's datasource; for _initial_ and _auto_ later stages decide.
rule "relation's client" {
  stage = "relation", relation = "*",
  client = function(req)
    local client = req.relation_client
    if client == "_inherit_" then return req.parent end
    if client ~= "_initial_" and client ~= "_auto_" then return client end
  end,
}
