model "user" { table = "users" }
model "message" { table = "messages", client = "mail" }

rule "an isolated instance keeps everything in its own database" {
  stage = "override",
  when = function(req) return req.instance.isolate end,
  client = "default",
}
