#include "query/transaction.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "query/access.h"
#include "query/gather.h"
#include "query/propagation.h"

static const int64_t UNDO_NS = 5000000000; /* of a savepoint, when the call may have no time left */

/* ---- what is open ---- */

static bool has_levels(const cat_client *client) { return cat_engine_of(client->engine)->levels; }

transaction *transaction_find(const shunt_session *s, const cat_client *client, int level) {
  for (transaction *t = s->transactions; t; t = t->next)
    if (t->client == client && t->level == level && !t->suspended) return t;
  return NULL;
}

bool transaction_in_force(const shunt_session *s, const transaction *t) {
  return !t->suspended && (t->session_level == s->level || !has_levels(t->client));
}

bool session_in_transaction(const shunt_session *s) {
  const transaction *t = s->transactions;
  while (t && !transaction_in_force(s, t)) t = t->next;
  return t != NULL;
}

driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level) {
  transaction *t = s->transactions ? transaction_find(s, client, level) : NULL;
  return t ? t->conn : NULL;
}

driver_conn *transaction_conn(shunt_session *s, const cat_client *client, int level) {
  driver_conn *conn = transaction_peek(s, client, level);
  if (!conn) return NULL;
  if (conn->under_way) gather_settle(s);
  conn->deadline_ns = s->deadline_ns;
  return conn;
}

shunt_status transaction_check_spanning(const shunt_session *s, const cat_client *client, shunt_error *err) {
  const transaction *t = s->transactions;
  while (t && !(t->alone && transaction_in_force(s, t))) t = t->next;
  if (!t) return SHUNT_OK;
  error_set(err, SHUNT_E_TRANSACTION,
            "this would run on '%s', outside of the transaction on '%s', which allows no such thing (spanning = "
            "\"error\"): do it before or after, or in a transaction on '%s' of its own",
            client->name, t->client->name, client->name);
  error_client(err, client->name);
  return SHUNT_E_TRANSACTION;
}

/* ---- beginning and ending ---- */

/* A connection that was lost while nobody used it is replaced: nothing has come of it. */
static shunt_status begin_one(shunt_session *s, transaction *t, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  bool lost = true;
  for (int attempt = 0; attempt < 2 && lost; attempt++) {
    status = session_connect(s, t->client, t->level, &t->conn, err);
    if (status) return status;
    status = t->conn->engine->begin(t->conn, t->isolation, t->read_only, err);
    lost = status == SHUNT_E_DATASOURCE && t->conn->broken;
    if (status) pool_release(t->conn, t->level);
  }
  return status;
}

/* One that would wait for what this very session has suspended would wait for ever. */
static shunt_status check_suspended(const shunt_session *s, const cat_client *client, bool read_only,
                                    shunt_error *err) {
  bool one_connection = driver_is_private(client);
  const transaction *t = s->transactions;
  while (t && !(t->client == client && t->suspended &&
                (one_connection || (!has_levels(client) && !t->read_only && !read_only))))
    t = t->next;
  if (!t) return SHUNT_OK;
  error_set(err, SHUNT_E_TRANSACTION,
            "a transaction of this session is open on '%s', and another one beside it can't be: %s", client->name,
            one_connection ? "the database lives on one connection"
                           : "SQLite has one writer at a time; one of the two would have to be read_only");
  error_client(err, client->name);
  return SHUNT_E_TRANSACTION;
}

shunt_status transaction_open(shunt_session *s, const cat_client *client, int level, const shunt_tx_options *o,
                              transaction **out, shunt_error *err) {
  shunt_status status = s->transactions ? check_suspended(s, client, o->read_only, err) : SHUNT_OK;
  if (status) return status;
  size_t size = o->isolation ? strlen(o->isolation) + 1 : 0;
  transaction *t = base_zalloc(sizeof *t + size);
  if (!t) return error_memory(err);
  *t = (transaction){.client = client,
                     .level = level,
                     .session_level = s->level,
                     .read_only = o->read_only,
                     .alone = transaction_is_alone(o),
                     .doomed_at = NOT_DOOMED,
                     .next = s->transactions};
  if (o->isolation) t->isolation = memcpy(t + 1, o->isolation, size);
  status = begin_one(s, t, err);
  if (status) {
    error_client(err, client->name);
    base_free(t);
    return status;
  }
  s->transactions = *out = t;
  return SHUNT_OK;
}

shunt_status transaction_commit(shunt_session *s, transaction *t, shunt_error *err) {
  shunt_status status;
  t->conn->deadline_ns = s->deadline_ns;
  if (t->doomed_at != NOT_DOOMED)
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "the transaction on '%s' was rolled back: a transaction inside it was, and they are one",
                       t->client->name);
  else
    status = t->conn->engine->commit(t->conn, err);
  if (status) error_client(err, t->client->name);
  return status;
}

void transaction_close(shunt_session *s, transaction *t) {
  transaction **at = &s->transactions;
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  propagation_ended(s, t, 0);
  pool_release(t->conn, t->level);
  base_free(t);
}

/* ---- savepoints ---- */

void transaction_doom(transaction *t, int savepoint) {
  if (t->doomed_at == NOT_DOOMED || t->doomed_at > savepoint) t->doomed_at = savepoint;
}

static shunt_status at_savepoint(const transaction *t, const char *what, int number, shunt_error *err) {
  buf sql = {0};
  buf_printf(&sql, "%s shunt_%d", what, number);
  shunt_status status = sql.failed ? error_memory(err) : SHUNT_OK;
  if (!status) status = t->conn->engine->send(t->conn, sql.data, sql.size, NULL, 0, err);
  if (!status) status = t->conn->engine->receive(t->conn, NULL, NULL, NULL, err);
  buf_free(&sql);
  return status;
}

shunt_status transaction_save(shunt_session *s, transaction *t, int *savepoint, shunt_error *err) {
  t->conn->deadline_ns = s->deadline_ns;
  shunt_status status = at_savepoint(t, "SAVEPOINT", t->savepoints + 1, err);
  if (status)
    error_client(err, t->client->name);
  else
    *savepoint = ++t->savepoints;
  return status;
}

shunt_status transaction_release(transaction *t, int savepoint, shunt_error *err) {
  shunt_status status = at_savepoint(t, "RELEASE SAVEPOINT", savepoint, err);
  if (status)
    error_client(err, t->client->name);
  else
    t->savepoints = savepoint - 1;
  return status;
}

void transaction_undo(transaction *t, int savepoint) {
  if (t->conn->deadline_ns) t->conn->deadline_ns = clock_monotonic_ns() + UNDO_NS;
  bool undone =
      !at_savepoint(t, "ROLLBACK TO", savepoint, NULL) && !at_savepoint(t, "RELEASE SAVEPOINT", savepoint, NULL);
  if (!undone)
    transaction_doom(t, savepoint - 1);
  else if (t->doomed_at >= savepoint)
    t->doomed_at = NOT_DOOMED;
  t->savepoints = savepoint - 1;
}

/* ---- where to begin ---- */

shunt_status transaction_default_client(shunt_session *s, shunt_op op, bool effective, const cat_client **client,
                                        int *level, shunt_error *err) {
  route_request request = session_request(s, NULL, op);
  if (effective) request.current = NULL;
  shunt_status status = route_decide(s->home.route, &request, &s->decision, err);
  if (status) return status;
  *client = s->decision.client;
  *level = s->decision.as.level;
  return SHUNT_OK;
}
