-- Work that the shop does behind the customer's back. Job files are host code, not rules: they may do whatever a program may.

-- Ships an order. It runs in a session like the one that pushed it, so that the tenant's order is found where the rules put
-- it. What has been shipped is not shipped again: a job whose worker dies is run anew.
job "ship" {
  retry = 5,
  timeout = "30s",
  handler = function(session, data)
    local which = { id = data.order_id, user_id = data.user_id, status = "paid" }
    session:model("order"):update({ status = "shipped" }, { where = which })
  end,
}
