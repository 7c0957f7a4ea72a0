#include "query/lock.h"

#include "query/sql.h"
#include "session/scope.h"

row_lock lock_of(const shunt_query *query) {
  lock_wait wait = query->nowait ? LOCK_NOWAIT : query->skip_locked ? LOCK_SKIP : LOCK_WAIT;
  return (row_lock){query->lock, wait};
}

shunt_status lock_check(call *c, const site *at) {
  transaction *t;
  shunt_status status = transaction_enter(c, at->client, at->level, &t);
  if (status) return status;
  if (at->table->parts)
    return error_set(
        c->err, SHUNT_E_USAGE,
        "model '%s': its rows lie in several parts, and such a read can't lock them; use select, or give the "
        "column that routes them",
        at->model->name);
  if (t && !t->read_only && !at->client->read_only) return SHUNT_OK;
  error_set(c->err, SHUNT_E_TRANSACTION,
            t ? "model '%s': the transaction on '%s' is read-only, and can't lock rows"
              : "model '%s': a lock lasts until the end of the transaction, and none is open on '%s'; begin one there",
            at->model->name, at->client->name);
  error_client(c->err, at->client->name);
  return SHUNT_E_TRANSACTION;
}

/* Without row locks, the transaction has locked everything already. */
void lock_write(sql_text *sql, const site *at, row_lock lock) {
  const char *share = at->table->shape->for_share;
  if (!lock.kind || !at->engine->row_locks) return;
  sql_puts(sql, lock.kind == SHUNT_LOCK_UPDATE ? " FOR UPDATE" : share ? share : " FOR SHARE");
  if (lock.wait == LOCK_NOWAIT) sql_puts(sql, " NOWAIT");
  if (lock.wait == LOCK_SKIP) sql_puts(sql, " SKIP LOCKED");
}
