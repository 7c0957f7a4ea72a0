-- An isolated instance has a default client of its own. That alone leaves a hole: models with a client ("user", "order") would
-- still go there, next to the rows of all other instances. This rule closes the hole.
--
-- "override" is the first stage, so even a client that a call names does not lead out. "default" is the default client of the
-- session's instance; for an isolated instance that is its isolateClient.

rule "an isolated instance keeps everything to itself" {
  stage = "override",
  when = function(req) return req.instance.isolate end,
  client = "default",
}
