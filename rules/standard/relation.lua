-- A relation may name its client; _inherit_ is the parent's datasource; _initial_ and _auto_ have no opinion yet.
rule "relation's client" {
  stage = "relation", relation = "*",
  client = function(req)
    local client = req.relation_client
    if client == "_inherit_" then return req.parent end
    if client ~= "_initial_" and client ~= "_auto_" then return client end
  end,
}
