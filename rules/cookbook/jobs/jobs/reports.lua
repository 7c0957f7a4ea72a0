job "revenue" {
  retry = 5, timeout = "60s",
  handler = function(session, data)
    local sums = session:model("order"):aggregate { sum = "cents", where = { year = data.year } }
    return sums.sum_cents
  end,
}
