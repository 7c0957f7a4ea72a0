-- Loaded only with `instance: {isolation: strict}`: an isolated instance may use no other datasource than its own.
rule "isolated instances stay on their own datasource" {
  stage = "guard",
  check = function(req)
    local instance = req.instance
    if instance.isolate and req.client ~= instance.isolateClient then
      return deny(("instance '%s' is isolated: its data lies on %s, and this access would go to %s"):format(
        instance.name, instance.isolateClient, req.client))
    end
  end,
}
