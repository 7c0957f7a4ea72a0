#include "session/transaction.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/probe.h"
#include "session/joint_begin.h"
#include "session/outcome.h"
#include "session/stream.h"

enum { LOCK_WAITS = 10 /* a lock is waited for so many times as long as a connection */ };

static const int64_t UNDO_NS = 5000000000; /* time to roll back a savepoint, even if the call's deadline is over */

/* ---- its connection ---- */

transaction *transaction_find(const shunt_session *s, const cat_client *client, int level) {
  for (transaction *t = s->transactions; t; t = t->next)
    if (t->client == client && t->level == level && !(t->of && t->of->suspended)) return t;
  return NULL;
}

driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level) {
  transaction *t = s->transactions ? transaction_find(s, client, level) : NULL;
  return t ? t->conn : NULL;
}

shunt_status transaction_check_free(const call *c, const driver_conn *conn) {
  if (!conn->streams) return SHUNT_OK;
  error_set(
      c->err, SHUNT_E_TRANSACTION,
      "a stream is open in the transaction on '%s', whose connection takes no other statement meanwhile: read the "
      "stream to its end or close it, or read it outside of the transaction",
      conn->client->name);
  error_client(c->err, conn->client->name);
  return SHUNT_E_TRANSACTION;
}

/* ---- beginning and ending ---- */

/* A connection that was lost while idle is replaced: nothing was sent on it. */
static shunt_status begin_one(call *c, transaction *t) {
  shunt_status status = SHUNT_OK;
  bool lost = true;
  for (int attempt = 0; attempt < 2 && lost; attempt++) {
    status = call_connect(c, t->client, t->level, &t->conn);
    if (status) return status;
    status = joint_begin(c, t);
    lost = status == SHUNT_E_DATASOURCE && t->conn->broken && !t->conn->replaced;
    if (status) pool_release(t->conn, t->level);
  }
  return status;
}

static shunt_status run_text(driver_conn *conn, const char *sql, shunt_error *err) {
  shunt_status status = conn->engine->send(conn, sql, strlen(sql), NULL, 0, err);
  return status ? status : conn->engine->receive(conn, NULL, NULL, NULL, err);
}

static bool is_suspended_on(const transaction *t, const cat_client *client) {
  return t->client == client && t->of && t->of->suspended;
}

/* A suspended transaction of the session keeps its locks until this one has ended: a wait for one of them would never
 * end. */
static shunt_status limit_lock_waits(const call *c, const transaction *t) {
  const char *limit = t->conn->engine->lock_limit;
  const transaction *other = c->s->transactions;
  char sql[128];
  while (other && !is_suspended_on(other, t->client)) other = other->next;
  if (!limit || !other || c->deadline_ns) return SHUNT_OK;
  snprintf(sql, sizeof sql, limit, (long long)t->client->pool.acquire_timeout_ms * LOCK_WAITS);
  shunt_status status = run_text(t->conn, sql, c->err);
  if (status) pool_release(t->conn, t->level);
  return status;
}

/* A transaction that would wait for a suspended one of the same session would never begin. */
static shunt_status check_suspended(const call *c, const cat_client *client, bool read_only) {
  bool one_connection = driver_is_private(client);
  const transaction *t = c->s->transactions;
  while (t && !(is_suspended_on(t, client) &&
                (one_connection || (!cat_engine_of(client->engine)->levels && !t->read_only && !read_only))))
    t = t->next;
  if (!t) return SHUNT_OK;
  error_set(c->err, SHUNT_E_TRANSACTION,
            "a transaction of this session is open on '%s', and a second one can't begin: %s", client->name,
            one_connection ? "the database exists on one connection only"
                           : "SQLite has one writer at a time; one of the two would have to be read_only");
  error_client(c->err, client->name);
  return SHUNT_E_TRANSACTION;
}

shunt_status transaction_open(call *c, const cat_client *client, int level, const shunt_tx_options *o,
                              transaction **out) {
  shunt_status status = c->s->transactions ? check_suspended(c, client, o->read_only) : SHUNT_OK;
  if (status) return status;
  size_t size = o->isolation ? strlen(o->isolation) + 1 : 0;
  transaction *t = base_zalloc(sizeof *t + size);
  if (!t) return error_memory(c->err);
  *t = (transaction){.client = client,
                     .level = level,
                     .read_only = o->read_only || client->replica,
                     .joint.asked = transaction_is_joint(o),
                     .doomed.at = NOT_DOOMED,
                     .next = c->s->transactions};
  if (o->isolation) t->isolation = memcpy(t + 1, o->isolation, size);
  status = begin_one(c, t);
  if (!status) status = limit_lock_waits(c, t);
  if (status) {
    error_client(c->err, client->name);
    base_free(t);
    return status;
  }
  c->s->transactions = *out = t;
  return SHUNT_OK;
}

/* A transaction that has written nothing leaves nothing in doubt. */
static shunt_status commit_now(call *c, transaction *t) {
  shunt_status status = t->conn->engine->commit(t->conn, c->err);
  if (t->joint.wrote && !t->read_only) outcome_note(c, status, t->conn->outcome, "been committed");
  t->outcome = status ? t->conn->outcome : SHUNT_DONE;
  return status;
}

shunt_status transaction_commit(call *c, transaction *t) {
  shunt_status status;
  stream_end_all(c->s, t, 0);
  t->conn->deadline_ns = c->deadline_ns;
  if (!t->of && t->doomed.at != NOT_DOOMED)
    status = transaction_refuse_doomed(&t->doomed, "the transaction", t->client->name, c->err);
  else
    status = commit_now(c, t);
  if (status) error_client(c->err, t->client->name);
  return status;
}

void transaction_close(shunt_session *s, transaction *t) {
  transaction **at = &s->transactions;
  stream_end_all(s, t, 0);
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  PROBE(transaction__end, 3, t->client->name, t->level, t->outcome);
  tally_add(&t->conn->counts.transactions[t->outcome], 1, false);
  pool_release(t->conn, t->level);
  base_free(t);
}

/* ---- savepoints ---- */

void transaction_doom(transaction *t, int savepoint, shunt_status by) {
  doom *d = t->of ? &t->of->doomed : &t->doomed;
  const int level = savepoint + t->born;
  if (d->at == NOT_DOOMED || d->at > level) *d = (doom){level, by};
}

shunt_status transaction_refuse_doomed(const doom *d, const char *what, const char *client, shunt_error *err) {
  const char *on = client[0] ? " on '" : "", *behind = client[0] ? "'" : "";
  const shunt_status status = d->by == SHUNT_E_MEMORY ? d->by : SHUNT_E_TRANSACTION;
  error_set(err, status, "%s%s%.64s%s was rolled back, because %s", what, on, client, behind,
            !d->by                    ? "a transaction that had joined it was rolled back"
            : d->by == SHUNT_E_MEMORY ? "a part of it could not be rolled back alone: out of memory"
                                      : "a part of it could not be rolled back alone");
  if (client[0]) error_client(err, client);
  return status;
}

static shunt_status at_savepoint(const transaction *t, const char *what, int number, shunt_error *err) {
  char sql[64];
  snprintf(sql, sizeof sql, "%s shunt_%d", what, number);
  return run_text(t->conn, sql, err);
}

shunt_status transaction_save(call *c, transaction *t, int *savepoint) {
  shunt_status status = transaction_check_free(c, t->conn);
  if (status) return status;
  t->conn->deadline_ns = c->deadline_ns;
  status = at_savepoint(t, "SAVEPOINT", t->savepoints + 1, c->err);
  if (status)
    error_client(c->err, t->client->name);
  else
    *savepoint = ++t->savepoints;
  return status;
}

shunt_status transaction_release(call *c, transaction *t, int savepoint) {
  stream_end_all(c->s, t, savepoint);
  t->conn->deadline_ns = c->deadline_ns;
  shunt_status status = at_savepoint(t, "RELEASE SAVEPOINT", savepoint, c->err);
  if (status)
    error_client(c->err, t->client->name);
  else
    t->savepoints = savepoint - 1;
  return status;
}

void transaction_undo(shunt_session *s, transaction *t, int savepoint) {
  stream_end_all(s, t, savepoint);
  if (t->conn->deadline_ns) t->conn->deadline_ns = clock_monotonic_ns() + UNDO_NS;
  shunt_status status = at_savepoint(t, "ROLLBACK TO", savepoint, NULL);
  if (!status) status = at_savepoint(t, "RELEASE SAVEPOINT", savepoint, NULL);
  if (status)
    transaction_doom(t, savepoint - 1, status);
  else if (!t->of && t->doomed.at >= savepoint)
    t->doomed.at = NOT_DOOMED;
  t->savepoints = savepoint - 1;
}
