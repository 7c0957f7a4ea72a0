-- An isolated instance has a default datasource of its own. That alone would leave a hole: the models with a client of their
-- own ("user", "order") would go on living there, next to everybody else's rows. This rule closes it.
--
-- "override" is the first stage, so not even a client asked for by name leads out. "default" is the session's own default:
-- for an isolated instance its isolateClient.

rule "an isolated instance keeps everything to itself" {
  stage = "override",
  when = function(req) return req.instance.isolate end,
  client = "default",
}
