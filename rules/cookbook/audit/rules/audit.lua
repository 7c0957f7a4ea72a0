model "account" { table = "accounts" }
model "audit" { table = "audit", client = "audit" }

rule "the audit log is nowhere else" {
  stage = "override", model = "audit", client = "audit",
}

rule "only auditors read the audit log" {
  stage = "guard", model = "audit", op = "read",
  when = function(req) return req.attrs.role ~= "auditor" end,
  deny = "only auditors may read the audit log",
}
