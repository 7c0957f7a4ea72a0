/* shunt_transaction: a transaction around a function of the host. */
#include "base/error.h"
#include "base/sized.h"
#include "session/retry.h"

/* The function failed. Hooks that fail after the rollback must be known, too. */
static shunt_status roll_back(shunt_tx *tx, shunt_status status, shunt_error *err) {
  shunt_error of_hooks;
  if (err->status != status)
    error_set(err, status, "the transaction's function returned %s, so it was rolled back", shunt_status_name(status));
  if (!shunt_rollback(tx, &of_hooks)) return status;
  error_add(&of_hooks, "; the transaction was rolled back because of: ");
  error_add(&of_hooks, err->message);
  *err = of_hooks;
  return err->status;
}

/* *own: whether it is a transaction of its own. */
static shunt_status run_once(shunt_session *s, const shunt_tx_options *options, shunt_work fn, void *ud, bool *own,
                             shunt_error *err) {
  shunt_tx *tx;
  *own = false;
  shunt_status status = shunt_begin(s, options, &tx, err);
  if (status) return status;
  *own = shunt_tx_began(tx);
  *err = (shunt_error){.status = SHUNT_OK};
  status = fn(ud, s, err);
  return status ? roll_back(tx, status, err) : shunt_commit(tx, err);
}

shunt_status shunt_transaction(shunt_session *s, const shunt_tx_options *options, shunt_work fn, void *ud,
                               shunt_error *err) {
  shunt_error unseen;
  shunt_tx_options room;
  if (!err) err = &unseen;
  options = SIZED(shunt_tx_options, options, &room, err);
  if (!options) return SHUNT_E_USAGE;
  if (!fn) return error_set(err, SHUNT_E_USAGE, "a transaction needs a function");
  if (options->retry < 0) return error_set(err, SHUNT_E_USAGE, "retry must be 0 or more, not %d", options->retry);
  shunt_tx_options once = *options;
  once.retry = 0;
  bool own;
  shunt_status status = run_once(s, &once, fn, ud, &own, err);
  for (int tried = 1; status && own && tried <= options->retry && retry_may(err); tried++) {
    retry_pause(tried);
    status = run_once(s, &once, fn, ud, &own, err);
  }
  return status;
}
