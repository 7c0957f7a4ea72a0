#include "query/transaction.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "query/access.h"
#include "query/gather.h"

static const int64_t UNDO_NS = 5000000000; /* of a savepoint, when the call may have no time left */

/* What shunt_begin hands out. */
struct shunt_tx {
  shunt_session *session;
  transaction *tx; /* NULL once that has ended without it */
  bool joined;
  shunt_tx *next, *before; /* in session->handles */
};

/* ---- what is open ---- */

static transaction *find(const shunt_session *s, const cat_client *client, int level) {
  for (transaction *t = s->transactions; t; t = t->next)
    if (t->client == client && t->level == level) return t;
  return NULL;
}

driver_conn *transaction_peek(const shunt_session *s, const cat_client *client, int level) {
  transaction *t = s->transactions ? find(s, client, level) : NULL;
  return t ? t->conn : NULL;
}

driver_conn *transaction_conn(shunt_session *s, const cat_client *client, int level) {
  driver_conn *conn = transaction_peek(s, client, level);
  if (!conn) return NULL;
  if (conn->under_way) gather_settle(s);
  conn->deadline_ns = s->deadline_ns;
  return conn;
}

/* A connection that was lost while nobody used it is replaced: nothing has come of it. */
static shunt_status begin_one(shunt_session *s, transaction *t, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  bool lost = true;
  for (int attempt = 0; attempt < 2 && lost; attempt++) {
    status = session_acquire(s, t->client, t->level, &t->conn, err);
    if (status) return status;
    status = t->conn->engine->begin(t->conn, t->isolation, t->read_only, err);
    lost = status == SHUNT_E_DATASOURCE && t->conn->broken;
    if (status) pool_release(t->conn, t->level);
  }
  return status;
}

static shunt_status open_one(shunt_session *s, const cat_client *client, int level, const char *isolation,
                             bool read_only, transaction **out, shunt_error *err) {
  size_t size = isolation ? strlen(isolation) + 1 : 0;
  transaction *t = base_zalloc(sizeof *t + size);
  if (!t) return error_memory(err);
  *t = (transaction){.client = client, .level = level, .read_only = read_only, .next = s->transactions};
  if (isolation) t->isolation = memcpy(t + 1, isolation, size);
  shunt_status status = begin_one(s, t, err);
  if (status) {
    error_client(err, client->name);
    base_free(t);
    return status;
  }
  s->transactions = *out = t;
  return SHUNT_OK;
}

/* Takes it off the session; the connection is rolled back by the pool where something is still open. */
static void close_one(shunt_session *s, transaction *t) {
  transaction **at = &s->transactions;
  while (*at != t) at = &(*at)->next;
  *at = t->next;
  for (shunt_tx *h = s->handles; h; h = h->next)
    if (h->tx == t) h->tx = NULL;
  pool_release(t->conn, t->level);
  base_free(t);
}

static shunt_status commit_one(shunt_session *s, transaction *t, shunt_error *err) {
  const cat_client *client = t->client;
  shunt_status status = SHUNT_OK;
  t->conn->deadline_ns = s->deadline_ns;
  if (t->doomed)
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "the transaction on '%s' was rolled back: a transaction inside it was, and they are one",
                       client->name);
  else
    status = t->conn->engine->commit(t->conn, err);
  if (status) error_client(err, client->name);
  close_one(s, t);
  return status;
}

void transaction_end_all(shunt_session *s) {
  while (s->transactions) close_one(s, s->transactions);
  for (shunt_tx *h = s->handles; h; h = h->next) h->session = NULL;
  s->handles = NULL;
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

static shunt_status where_to_begin(shunt_session *s, shunt_op op, const char *name, const cat_client **client,
                                   int *level, shunt_error *err) {
  shunt_status status;
  *level = s->level;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0)
    status = transaction_default_client(s, op, name != NULL, client, level, err);
  else
    status = session_named_client(s, name, client, err);
  if (!status) *level = level_of(*client, *level);
  return status;
}

static shunt_status check_propagation(const char *word, shunt_error *err) {
  static const char *const known[] = {"SUPPORTS", "MANDATORY", "REQUIRES_NEW", "NOT_SUPPORTED", "NEVER", "NESTED"};
  if (!word || strcmp(word, "REQUIRED") == 0) return SHUNT_OK;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (strcmp(word, known[i]) == 0)
      return error_set(err, SHUNT_E_TRANSACTION, "propagation '%s': only REQUIRED is supported", word);
  return error_set(err, SHUNT_E_USAGE, "there is no propagation '%.64s'; it is REQUIRED", word);
}

static shunt_status check_joining(const transaction *t, const shunt_tx_options *o, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (o->isolation && (!t->isolation || strcasecmp(o->isolation, t->isolation) != 0))
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "a transaction is open on '%s' with isolation '%s', and one with '%.64s' can't join it",
                       t->client->name, t->isolation ? t->isolation : "the engine's own", o->isolation);
  else if (t->read_only && !o->read_only)
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "a read-only transaction is open on '%s', and one that writes can't join it", t->client->name);
  if (status) error_client(err, t->client->name);
  return status;
}

/* ---- handles ---- */

static void forget(shunt_tx *h) {
  if (h->session) {
    *(h->before ? &h->before->next : &h->session->handles) = h->next;
    if (h->next) h->next->before = h->before;
  }
  base_free(h);
}

static void remember(shunt_session *s, shunt_tx *h) {
  h->session = s;
  h->next = s->handles;
  if (h->next) h->next->before = h;
  s->handles = h;
}

shunt_status shunt_begin(shunt_session *s, const shunt_tx_options *options, shunt_tx **out, shunt_error *err) {
  static const shunt_tx_options none = {.client = NULL};
  const cat_client *client;
  int level;
  if (!options) options = &none;
  *out = NULL;
  shunt_status status = session_enter(s, 0, err);
  if (!status) status = check_propagation(options->propagation, err);
  if (!status)
    status = where_to_begin(s, options->read_only ? SHUNT_READ : SHUNT_WRITE, options->client, &client, &level, err);
  if (status) return status;
  shunt_tx *h = base_zalloc(sizeof *h);
  if (!h) return error_memory(err);
  h->tx = find(s, client, level);
  h->joined = h->tx != NULL;
  if (h->joined)
    status = check_joining(h->tx, options, err);
  else
    status = open_one(s, client, level, options->isolation, options->read_only, &h->tx, err);
  if (status) {
    base_free(h);
    return status;
  }
  remember(s, h);
  *out = h;
  return SHUNT_OK;
}

shunt_status shunt_commit(shunt_tx *h, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (!h) return error_set(err, SHUNT_E_USAGE, "there is no transaction to commit");
  if (!h->tx)
    status = error_set(err, SHUNT_E_TRANSACTION, "%s",
                       h->session ? "the transaction around this one has ended before it"
                                  : "the session was closed, and rolled this transaction back");
  else if (!h->joined) {
    session_set_deadline(h->session, 0);
    status = commit_one(h->session, h->tx, err);
  }
  forget(h);
  return status;
}

void shunt_rollback(shunt_tx *h) {
  if (!h) return;
  if (h->tx && h->joined)
    h->tx->doomed = true;
  else if (h->tx)
    close_one(h->session, h->tx);
  forget(h);
}

/* ---- units of work ---- */

void unit_begin(shunt_session *s, unit *u) {
  s->units++;
  u->begun = true;
}

static unit_part *find_part(const unit *u, const transaction *t) {
  for (size_t i = 0; i < u->count; i++)
    if (u->parts[i].tx == t) return &u->parts[i];
  return NULL;
}

/* Savepoints are told apart by their number, for units may stand inside each other's transactions. */
static shunt_status at_savepoint(const transaction *t, const char *what, int number, shunt_error *err) {
  buf sql = {0};
  buf_printf(&sql, "%s shunt_%d", what, number);
  shunt_status status = sql.failed ? error_memory(err) : SHUNT_OK;
  if (!status) status = t->conn->engine->send(t->conn, sql.data, sql.size, NULL, 0, err);
  if (!status) status = t->conn->engine->receive(t->conn, NULL, NULL, NULL, err);
  buf_free(&sql);
  return status;
}

shunt_status unit_join(shunt_session *s, unit *u, const cat_client *client, int level, shunt_error *err) {
  transaction *t = find(s, client, level);
  if (t && find_part(u, t)) return SHUNT_OK;
  if (!base_grow(&u->parts, &u->capacity, u->count + 1, sizeof *u->parts)) return error_memory(err);
  int savepoint = 0;
  shunt_status status = SHUNT_OK;
  if (t) {
    t->conn->deadline_ns = s->deadline_ns;
    savepoint = t->savepoints + 1;
    status = at_savepoint(t, "SAVEPOINT", savepoint, err);
    if (!status) t->savepoints = savepoint;
  } else {
    status = open_one(s, client, level, NULL, false, &t, err);
  }
  if (!status) u->parts[u->count++] = (unit_part){.tx = t, .savepoint = savepoint};
  return status;
}

/* A savepoint that can't be returned to leaves the transaction around it with half of the unit. */
static void undo(shunt_session *s, const unit_part *p) {
  transaction *t = p->tx;
  if (!p->savepoint) {
    close_one(s, t);
    return;
  }
  if (t->conn->deadline_ns) t->conn->deadline_ns = clock_monotonic_ns() + UNDO_NS;
  if (p->released || at_savepoint(t, "ROLLBACK TO", p->savepoint, NULL) ||
      at_savepoint(t, "RELEASE SAVEPOINT", p->savepoint, NULL))
    t->doomed = true;
  t->savepoints = p->savepoint - 1;
}

/* Before anything is committed, so that a transaction that is lost is found while all of the unit can be undone. */
static shunt_status release_parts(unit *u, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = u->count; i-- > 0 && !status;) {
    unit_part *p = &u->parts[i];
    if (!p->savepoint) continue;
    status = at_savepoint(p->tx, "RELEASE SAVEPOINT", p->savepoint, err);
    p->released = !status;
    if (!status) p->tx->savepoints = p->savepoint - 1;
  }
  return status;
}

/* "main: committed; orders: failed: …; users: rolled back" */
static shunt_status half_done(const buf *done, const char *failed, shunt_status status, const buf *undone,
                              shunt_error *err) {
  if (done->size == 0 || !err) return done->size ? SHUNT_E_TRANSACTION : status;
  shunt_error why = *err;
  error_set(err, SHUNT_E_TRANSACTION, "%s; %s: failed: %s%s", done->failed ? "some: committed" : done->data + 2, failed,
            why.message, undone->failed || !undone->size ? "" : undone->data);
  error_client(err, failed);
  err->engine_code = why.engine_code;
  memcpy(err->sqlstate, why.sqlstate, sizeof why.sqlstate);
  return SHUNT_E_TRANSACTION;
}

/* Those that the unit began, in the order of their first writes. The first that fails ends it. */
static shunt_status commit_parts(shunt_session *s, unit *u, shunt_error *err) {
  buf done = {0}, undone = {0};
  const char *failed = NULL;
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < u->count; i++) {
    unit_part *p = &u->parts[i];
    const char *client = p->tx->client->name;
    if (p->savepoint) continue;
    if (status) {
      close_one(s, p->tx);
      buf_printf(&undone, "; %s: rolled back", client);
    } else if (!(status = commit_one(s, p->tx, err))) {
      buf_printf(&done, "; %s: committed", client);
    } else {
      failed = client;
    }
    p->tx = NULL;
  }
  for (size_t i = 0; i < u->count && status; i++)
    if (u->parts[i].tx) buf_printf(&undone, "; %s: to be rolled back", u->parts[i].tx->client->name);
  if (status) status = half_done(&done, failed, status, &undone, err);
  buf_free(&done);
  buf_free(&undone);
  return status;
}

shunt_status unit_end(shunt_session *s, unit *u, shunt_status status, shunt_error *err) {
  if (!status) status = release_parts(u, err);
  if (!status) status = commit_parts(s, u, err);
  for (size_t i = u->count; i-- > 0 && status;)
    if (u->parts[i].tx) undo(s, &u->parts[i]);
  if (u->begun) s->units--;
  base_free(u->parts);
  memset(u, 0, sizeof *u);
  return status;
}
