-- Background work of the shop. Job files are host code, not rules: they may do everything that a program may do.

-- Ships an order. The job runs in a session like the one that pushed it, so it finds the tenant's order where the rules put it.
-- If a worker dies, its job runs again; so the job changes only orders that are not shipped yet.
job "ship" {
  retry = 5,
  timeout = "30s",
  handler = function(session, data)
    local which = { id = data.order_id, user_id = data.user_id, status = "paid" }
    session:model("order"):update({ status = "shipped" }, { where = which })
  end,
}
