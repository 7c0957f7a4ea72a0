#include "session/unit.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "session/joint.h"
#include "session/scope.h"

static bool commits_as_one(const shunt_session *s) {
  return s->generation.catalog->settings.spanning == CAT_SPANNING_JOIN;
}

void unit_begin(call *c, unit *u) {
  c->s->units++;
  u->begun = true;
}

static unit_part *find_part(const unit *u, const transaction *t) {
  for (size_t i = 0; i < u->count; i++)
    if (u->parts[i].tx == t) return &u->parts[i];
  return NULL;
}

/* The transactions that the unit began. */
static size_t list_own(const unit *u, transaction **list) {
  size_t n = 0;
  for (size_t i = 0; i < u->count; i++)
    if (!u->parts[i].savepoint) list[n++] = u->parts[i].tx;
  return n;
}

static shunt_status check_joining(call *c, const unit *u, const cat_client *client) {
  if (!commits_as_one(c->s) || !u->count) return SHUNT_OK;
  transaction **own = arena_array(c->arena, transaction *, u->count);
  return own ? joint_check(c, own, list_own(u, own), client) : error_memory(c->err);
}

static shunt_status open_part(call *c, const unit *u, const cat_client *client, int level, transaction **t) {
  const shunt_tx_options options = {.spanning = commits_as_one(c->s) && !c->apart ? "join" : NULL};
  shunt_status status = check_joining(c, u, client);
  return status ? status : transaction_open(c, client, level, &options, t);
}

shunt_status unit_join(call *c, unit *u, const cat_client *client, int level) {
  transaction *t;
  shunt_status status = transaction_enter(c, client, level, &t);
  if (status || (t && find_part(u, t))) return status;
  if (!base_grow(&u->parts, &u->capacity, u->count + 1, sizeof *u->parts)) return error_memory(c->err);
  int savepoint = 0;
  if (t)
    status = transaction_save(c, t, &savepoint);
  else
    status = open_part(c, u, client, level, &t);
  if (!status) u->parts[u->count++] = (unit_part){.tx = t, .savepoint = savepoint};
  return status;
}

/* A released savepoint can't be rolled back any more: the transaction around it holds half of the unit. */
static void undo(shunt_session *s, const unit_part *p) {
  if (!p->savepoint)
    transaction_close(s, p->tx);
  else if (p->released)
    transaction_doom(p->tx, p->savepoint - 1, SHUNT_E_TRANSACTION);
  else
    transaction_undo(s, p->tx, p->savepoint);
}

/* Before anything is committed: if a connection is lost, the whole unit can still be undone. */
static shunt_status release_parts(call *c, unit *u) {
  shunt_status status = SHUNT_OK;
  for (size_t i = u->count; i-- > 0 && !status;) {
    unit_part *p = &u->parts[i];
    if (!p->savepoint) continue;
    status = transaction_release(c, p->tx, p->savepoint);
    p->released = !status;
  }
  return status;
}

/* "main: committed; orders: failed: …; users: rolled back" */
static shunt_status half_done(const buf *done, const char *failed, shunt_status status, const buf *undone,
                              shunt_error *err) {
  if (done->size == 0 || !err) return done->size ? SHUNT_E_TRANSACTION : status;
  error_reword(err, SHUNT_E_TRANSACTION, "%s; %s: failed: %s%s", done->failed ? "some: committed" : done->data + 2,
               failed, err->message, undone->failed || !undone->size ? "" : undone->data);
  error_client(err, failed);
  return SHUNT_E_TRANSACTION;
}

/* It has no hooks: none can be added during a call. */
static shunt_status commit_part(call *c, transaction *t) {
  shunt_status status = transaction_commit(c, t);
  transaction_close(c->s, t);
  return status;
}

static shunt_status commit_joint(call *c, unit *u) {
  transaction **own = arena_array(c->arena, transaction *, u->count);
  if (!own) return error_memory(c->err);
  const size_t n = list_own(u, own);
  shunt_status status = joint_commit(c, own, n);
  for (size_t i = 0; i < n; i++) transaction_close(c->s, own[i]);
  for (size_t i = 0; i < u->count; i++)
    if (!u->parts[i].savepoint) u->parts[i].tx = NULL;
  return status;
}

/* Commits the transactions that the unit began, in the order of their first writes. The first failure ends it. */
static shunt_status commit_one_by_one(call *c, unit *u) {
  buf done = {0}, undone = {0};
  const char *failed = NULL;
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < u->count; i++) {
    unit_part *p = &u->parts[i];
    const char *client = p->tx->client->name;
    if (p->savepoint) continue;
    if (status) {
      transaction_close(c->s, p->tx);
      buf_printf(&undone, "; %s: rolled back", client);
    } else if (!(status = commit_part(c, p->tx))) {
      buf_printf(&done, "; %s: committed", client);
    } else {
      failed = client;
    }
    p->tx = NULL;
  }
  for (size_t i = 0; i < u->count && status; i++)
    if (u->parts[i].tx) buf_printf(&undone, "; %s: to be rolled back", u->parts[i].tx->client->name);
  if (status) status = half_done(&done, failed, status, &undone, c->err);
  buf_free(&done);
  buf_free(&undone);
  return status;
}

static shunt_status commit_parts(call *c, unit *u) {
  return commits_as_one(c->s) ? commit_joint(c, u) : commit_one_by_one(c, u);
}

shunt_status unit_end(call *c, unit *u, shunt_status status) {
  if (!status) status = release_parts(c, u);
  if (!status) status = commit_parts(c, u);
  for (size_t i = u->count; i-- > 0 && status;)
    if (u->parts[i].tx) undo(c->s, &u->parts[i]);
  if (u->begun) c->s->units--;
  base_free(u->parts);
  memset(u, 0, sizeof *u);
  return status;
}
