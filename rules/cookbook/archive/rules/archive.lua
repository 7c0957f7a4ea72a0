local FIRST_YEAR_IN_MAIN = 2024

model "invoice" { table = "invoices", parts = { clients = { "main", "archive" } } }

rule "old invoices are in the archive" {
  stage = "override", model = "invoice",
  when = function(req)
    local year = math.tointeger(req.where.year)
    return year and year < FIRST_YEAR_IN_MAIN
  end,
  client = "archive",
}

rule "the archive is read-only" {
  stage = "guard", client = "archive", op = "write",
  deny = "invoices of closed years can't be changed",
}
