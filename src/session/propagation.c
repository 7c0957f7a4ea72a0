#include "session/propagation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "session/hook.h"

/* ---- the modes ---- */

typedef enum action { BEGIN, JOIN, SAVE, OUTSIDE, REFUSE } action;

typedef struct mode {
  const char *word;
  action in_one, in_none; /* if a transaction is in force there, and if none is */
  bool raises;            /* goes one level up and suspends the transaction in force */
} mode;

static const mode modes[] = {
    {"REQUIRED", JOIN, BEGIN, false},          {"SUPPORTS", JOIN, OUTSIDE, false}, {"MANDATORY", JOIN, REFUSE, false},
    {"NEVER", REFUSE, OUTSIDE, false},         {"NESTED", SAVE, BEGIN, false},     {"REQUIRES_NEW", BEGIN, BEGIN, true},
    {"NOT_SUPPORTED", OUTSIDE, OUTSIDE, true},
};

static bool asks_for_more(const shunt_tx_options *o) { return o->isolation || o->read_only || transaction_is_alone(o); }

static shunt_status find_mode(const shunt_tx_options *o, const mode **out, shunt_error *err) {
  const char *word = o->propagation ? o->propagation : modes[0].word;
  const mode *m = modes, *end = modes + sizeof modes / sizeof *modes;
  while (m < end && strcmp(m->word, word) != 0) m++;
  if (m == end)
    return error_set(err, SHUNT_E_USAGE,
                     "unknown propagation '%.64s'; it must be REQUIRED, SUPPORTS, MANDATORY, REQUIRES_NEW, "
                     "NOT_SUPPORTED, NEVER or NESTED",
                     word);
  if (o->spanning && strcmp(o->spanning, "run") != 0 && !transaction_is_alone(o))
    return error_set(err, SHUNT_E_USAGE, "spanning is \"run\" or \"error\", not \"%.64s\"", o->spanning);
  if (m->in_one != JOIN && m->in_none == OUTSIDE && asks_for_more(o))
    return error_set(
        err, SHUNT_E_USAGE,
        "propagation %s begins no transaction, so it can't have isolation, read_only or spanning = \"error\"", word);
  *out = m;
  return SHUNT_OK;
}

/* ---- joining ---- */

static shunt_status refuse(const cat_client *client, shunt_error *err) {
  error_client(err, client->name);
  return SHUNT_E_TRANSACTION;
}

static shunt_status check_joining(const transaction *t, const shunt_tx_options *o, shunt_error *err) {
  const char *client = t->client->name;
  if (o->isolation && !t->isolation)
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction is open on '%s' with the engine's own isolation, and one with '%.64s' can't join it",
              client, o->isolation);
  else if (o->isolation && strcasecmp(o->isolation, t->isolation) != 0)
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction is open on '%s' with isolation '%s', and one with '%.64s' can't join it", client,
              t->isolation, o->isolation);
  else if (t->read_only != o->read_only)
    error_set(err, SHUNT_E_TRANSACTION,
              t->read_only ? "a read-only transaction is open on '%s', and one that writes can't join it"
                           : "a transaction that writes is open on '%s', and a read-only one can't join it",
              client);
  else if (transaction_is_alone(o) && !t->alone)
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction without spanning = \"error\" is open on '%s', and one with it can't join it", client);
  else
    return SHUNT_OK;
  return refuse(t->client, err);
}

static shunt_status refuse_mode(const mode *m, const cat_client *client, shunt_error *err) {
  if (m->in_one == REFUSE)
    error_set(err, SHUNT_E_TRANSACTION, "a transaction is open on '%s', and propagation is %s", client->name, m->word);
  else
    error_set(err, SHUNT_E_TRANSACTION, "no transaction is open on '%s', and propagation is %s", client->name, m->word);
  return refuse(client, err);
}

static shunt_status check_outside(const mode *m, const cat_client *client, const shunt_tx_options *o,
                                  shunt_error *err) {
  if (!asks_for_more(o)) return SHUNT_OK;
  error_set(
      err, SHUNT_E_TRANSACTION,
      "no transaction is open on '%s' that could have isolation, read_only or spanning = \"error\", and propagation "
      "is %s",
      client->name, m->word);
  return refuse(client, err);
}

/* ---- handles ---- */

struct shunt_tx {
  shunt_session *session;
  action is;       /* BEGIN: it began tx; JOIN: it joined tx; SAVE: it is a savepoint of tx; OUTSIDE: no transaction */
  transaction *tx; /* NULL once tx has ended */
  transaction *suspended; /* by this handle; NULL: none, or it has ended */
  int savepoint;          /* SAVE: its own; JOIN: the one that it is in; 0: none */
  bool raised;
  shunt_tx *next, *before; /* in session->handles */
};

static void remember(shunt_session *s, shunt_tx *h) {
  h->session = s;
  h->next = s->handles;
  if (h->next) h->next->before = h;
  s->handles = h;
}

/* Undoes what it did to the session beside its transaction. */
static void come_down(shunt_session *s, shunt_tx *h) {
  if (h->suspended) h->suspended->suspended--;
  if (h->raised) session_raise(s, -1);
  h->suspended = NULL;
  h->raised = false;
}

static void forget(shunt_tx *h) {
  if (h->session) {
    come_down(h->session, h);
    *(h->before ? &h->before->next : &h->session->handles) = h->next;
    if (h->next) h->next->before = h->before;
  }
  base_free(h);
}

static bool is_inside(const shunt_tx *h, const transaction *t, int savepoint) {
  return h->tx == t && (h->savepoint > savepoint || (h->savepoint == savepoint && h->is == JOIN) || savepoint == 0);
}

/* The transaction has ended, or one of its savepoints: handles inside of it have nothing left to end. */
static void forget_inside(shunt_session *s, const transaction *t, int savepoint) {
  for (shunt_tx *h = s->handles; h; h = h->next) {
    if (is_inside(h, t, savepoint)) h->tx = NULL;
    if (h->suspended == t && savepoint == 0) h->suspended = NULL;
  }
}

/* ---- beginning ---- */

static shunt_status go_up(shunt_session *s, shunt_tx *h, shunt_error *err) {
  shunt_status status = shunt_level_push(s, err);
  h->raised = !status;
  return status;
}

static shunt_status join(call *c, shunt_tx *h, transaction *t, const shunt_tx_options *o) {
  shunt_status status = check_joining(t, o, c->err);
  if (status) return status;
  h->tx = t;
  h->savepoint = t->savepoints;
  return h->is == SAVE ? transaction_save(c, t, &h->savepoint) : SHUNT_OK;
}

/* On failure h knows what has to be undone. */
static shunt_status begin(call *c, shunt_tx *h, const mode *m, const shunt_tx_options *o) {
  const cat_client *client;
  int level;
  shunt_status status = m->raises ? go_up(c->s, h, c->err) : SHUNT_OK;
  if (!status) status = transaction_client(c, o->client, o->read_only ? SHUNT_READ : SHUNT_WRITE, &client, &level);
  if (status) return status;
  transaction *t = transaction_find(c->s, client, level);
  h->is = t ? m->in_one : m->in_none;
  if (t && m->raises) {
    h->suspended = t;
    t->suspended++;
  }
  switch (h->is) {
  case BEGIN:
    return transaction_open(c, client, level, o, &h->tx);
  case JOIN:
  case SAVE:
    return join(c, h, t, o);
  case OUTSIDE:
    return check_outside(m, client, o, c->err);
  case REFUSE:
    break;
  }
  return refuse_mode(m, client, c->err);
}

shunt_status shunt_begin(shunt_session *s, const shunt_tx_options *options, shunt_tx **out, shunt_error *err) {
  static const shunt_tx_options none = {.client = NULL};
  const mode *m = modes;
  if (!options) options = &none;
  *out = NULL;
  call c;
  shunt_status status = call_begin(&c, s, 0, err);
  if (!status) status = find_mode(options, &m, err);
  if (status) return status;
  shunt_tx *h = base_zalloc(sizeof *h);
  if (!h) return error_memory(err);
  remember(s, h);
  status = begin(&c, h, m, options);
  if (status) {
    forget(h);
    return status;
  }
  *out = h;
  return SHUNT_OK;
}

bool shunt_tx_began(const shunt_tx *h) { return h->is == BEGIN; }

/* ---- ending ---- */

/* c: of a commit; NULL: rolls back. Hooks run last: the calls that they make end this one. */
static shunt_status end_own(call *c, shunt_tx *h, shunt_error *err) {
  shunt_session *s = h->session;
  transaction *t = h->tx;
  hook_end end;
  hook *due = NULL;
  end.status = c ? transaction_commit(c, t) : SHUNT_OK;
  end.committed = c && !end.status;
  if (s->hooks) {
    snprintf(end.client, sizeof end.client, "%s", t->client->name);
    due = hooks_take(s, t, end.committed);
  }
  h->tx = NULL;
  forget_inside(s, t, 0);
  transaction_close(s, t);
  shunt_status status = due ? hooks_run(s, due, &end, err) : end.status;
  forget(h); /* last: for the hooks the suspended transaction is still suspended, as when they were added */
  return status;
}

/* The savepoint has ended, and everything inside it. */
static void end_savepoint(const shunt_tx *h, bool released) {
  shunt_session *s = h->session;
  forget_inside(s, h->tx, h->savepoint);
  if (released)
    hooks_release(s, h->tx, h->savepoint);
  else
    hooks_undo(s, h->tx, h->savepoint);
}

static void undo_savepoint(const shunt_tx *h) {
  transaction_undo(h->session, h->tx, h->savepoint);
  end_savepoint(h, false);
}

static shunt_status keep_savepoint(call *c, const shunt_tx *h) {
  transaction *t = h->tx;
  shunt_status status;
  t->conn->deadline_ns = c->deadline_ns;
  if (t->doomed_at >= h->savepoint) {
    status = error_set(
        c->err, SHUNT_E_TRANSACTION,
        "the nested transaction on '%s' was rolled back, because a transaction that had joined it was rolled back",
        t->client->name);
    error_client(c->err, t->client->name);
  } else {
    status = transaction_release(c, t, h->savepoint);
  }
  if (status)
    undo_savepoint(h);
  else
    end_savepoint(h, true);
  return status;
}

shunt_status shunt_commit(shunt_tx *h, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (!h) return error_set(err, SHUNT_E_USAGE, "there is no transaction to commit");
  call c;
  if (h->session) call_start(&c, h->session, 0, err);
  if (h->tx && h->is == BEGIN) return end_own(&c, h, err);
  if (h->tx && h->is == SAVE)
    status = keep_savepoint(&c, h);
  else if (!h->tx && (h->is != OUTSIDE || !h->session))
    status = error_set(err, SHUNT_E_TRANSACTION, "%s",
                       h->session ? "the transaction around this one has ended before it"
                                  : "the session was closed, and rolled this transaction back");
  forget(h);
  return status;
}

shunt_status shunt_rollback(shunt_tx *h, shunt_error *err) {
  if (!h) return SHUNT_OK;
  if (h->tx && h->is == BEGIN) return end_own(NULL, h, err);
  if (h->tx && h->is == SAVE)
    undo_savepoint(h);
  else if (h->tx)
    transaction_doom(h->tx, h->savepoint);
  forget(h);
  return SHUNT_OK;
}

void propagation_end_all(shunt_session *s) {
  for (transaction *t; (t = s->transactions);) {
    hook_end end = {.committed = false};
    hook *due = hooks_take(s, t, false);
    forget_inside(s, t, 0);
    transaction_close(s, t);
    (void)hooks_run(s, due, &end, NULL); /* the session is closing: there is no caller to report to */
  }
  for (shunt_tx *h = s->handles; h; h = h->next) h->session = NULL;
  s->handles = NULL;
}
