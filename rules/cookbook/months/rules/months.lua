local function table_of(req)
  local year, month = tostring(req.where.month):match "^(%d%d%d%d)%-(%d%d)$"
  return year and ("events_%s_%s"):format(year, month) or "events"
end

model "event" { table = table_of, parts = { tables = "events" } }

rule "an event is written with its month" {
  stage = "guard", model = "event", op = "write",
  check = function(req)
    if req.table == "events" then return deny "add month (as in '2026-11') to what you write" end
  end,
}
