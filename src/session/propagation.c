#include "session/propagation.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "session/hook.h"
#include "session/outcome.h"
#include "session/scope.h"
#include "session/visit.h"

/* ---- the modes ---- */

typedef enum action { BEGIN, JOIN, SAVE, OUTSIDE, REFUSE } action;

typedef struct mode {
  const char *word;
  action in_one, in_none; /* if a transaction is in force, and if none is */
  bool raises;            /* goes one level up and suspends the transactions in force */
} mode;

static const mode modes[] = {
    {"REQUIRED", JOIN, BEGIN, false},          {"SUPPORTS", JOIN, OUTSIDE, false}, {"MANDATORY", JOIN, REFUSE, false},
    {"NEVER", REFUSE, OUTSIDE, false},         {"NESTED", SAVE, BEGIN, false},     {"REQUIRES_NEW", BEGIN, BEGIN, true},
    {"NOT_SUPPORTED", OUTSIDE, OUTSIDE, true},
};

static bool asks_for_more(const shunt_tx_options *o) { return o->isolation || o->read_only || o->spanning; }

static shunt_status find_mode(const shunt_tx_options *o, const mode **out, shunt_error *err) {
  const char *word = o->propagation ? o->propagation : modes[0].word;
  const mode *m = modes, *end = modes + sizeof modes / sizeof *modes;
  cat_spanning known;
  while (m < end && strcmp(m->word, word) != 0) m++;
  if (m == end)
    return error_set(err, SHUNT_E_USAGE,
                     "unknown propagation '%.64s'; it must be REQUIRED, SUPPORTS, MANDATORY, REQUIRES_NEW, "
                     "NOT_SUPPORTED, NEVER or NESTED",
                     word);
  if (o->spanning && !spanning_find(o->spanning, &known))
    return error_set(err, SHUNT_E_USAGE, "spanning is \"error\", \"run\" or \"join\", not \"%.64s\"", o->spanning);
  if (m->in_one != JOIN && m->in_none == OUTSIDE && asks_for_more(o))
    return error_set(err, SHUNT_E_USAGE,
                     "propagation %s begins no transaction, so it can't have isolation, read_only or spanning", word);
  *out = m;
  return driver_check_isolation(o->isolation, err);
}

/* ---- joining ---- */

/* "on 'main'", or "that had no access yet" */
static const char *placed(const char *client, char room[96]) {
  if (!client[0]) return "that had no access yet";
  snprintf(room, 96, "on '%.64s'", client);
  return room;
}

static shunt_status refuse(const char *client, shunt_error *err) {
  if (client[0]) error_client(err, client);
  return SHUNT_E_TRANSACTION;
}

static shunt_status check_isolation(const scope *sc, const shunt_tx_options *o, const char *on, shunt_error *err) {
  if (!o->isolation || (sc->seen.isolation && strcasecmp(o->isolation, sc->seen.isolation) == 0)) return SHUNT_OK;
  if (!sc->seen.isolation)
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction %s is open with the engine's own isolation, and one with '%.64s' can't join it", on,
              o->isolation);
  else
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction %s is open with isolation '%s', and one with '%.64s' can't join it", on,
              sc->seen.isolation, o->isolation);
  return refuse(scope_place(sc), err);
}

/* "run" asks for nothing. */
static bool spans_otherwise(const scope *sc, const shunt_tx_options *o) {
  cat_spanning asked = CAT_SPANNING_RUN;
  return o->spanning && spanning_find(o->spanning, &asked) && asked != CAT_SPANNING_RUN && asked != sc->spanning;
}

static shunt_status check_joining(const scope *sc, const shunt_tx_options *o, shunt_error *err) {
  char room[96];
  const char *on = placed(scope_place(sc), room);
  shunt_status status = check_isolation(sc, o, on, err);
  if (status) return status;
  if (sc->seen.read_only != o->read_only)
    error_set(err, SHUNT_E_TRANSACTION,
              sc->seen.read_only ? "a read-only transaction %s is open, and one that writes can't join it"
                                 : "a transaction that writes %s is open, and a read-only one can't join it",
              on);
  else if (spans_otherwise(sc, o))
    error_set(err, SHUNT_E_TRANSACTION,
              "a transaction %s is open with spanning = \"%s\", and one with \"%s\" can't join it", on,
              spanning_word(sc->spanning), o->spanning);
  else
    return SHUNT_OK;
  return refuse(scope_place(sc), err);
}

static shunt_status refuse_mode(const mode *m, const char *client, shunt_error *err) {
  char room[96];
  const char *on = client[0] ? placed(client, room) : "", *blank = client[0] ? " " : "";
  if (m->in_one == REFUSE)
    error_set(err, SHUNT_E_TRANSACTION, "a transaction is open%s%s, and propagation is %s", blank, on, m->word);
  else
    error_set(err, SHUNT_E_TRANSACTION, "no transaction is open%s%s, and propagation is %s", blank, on, m->word);
  return refuse(client, err);
}

static shunt_status check_outside(const mode *m, const char *client, const shunt_tx_options *o, shunt_error *err) {
  char room[96];
  if (!asks_for_more(o)) return SHUNT_OK;
  error_set(err, SHUNT_E_TRANSACTION,
            "no transaction%s%s is open that could have isolation, read_only or spanning, and propagation is %s",
            client[0] ? " " : "", client[0] ? placed(client, room) : "", m->word);
  return refuse(client, err);
}

/* ---- handles ---- */

struct shunt_tx {
  shunt_session *session;
  const mode *mode;
  action is;     /* BEGIN: it began sc; JOIN: it joined sc; SAVE: it is a savepoint of sc; OUTSIDE: no transaction */
  scope *sc;     /* NULL once it has ended */
  int savepoint; /* SAVE: its own; JOIN: the one that it is in; 0: none */
  uint64_t raised_at;      /* it went up, and suspends the scopes with smaller numbers. 0: it did not */
  shunt_tx *next, *before; /* in session->handles */
};

static void remember(shunt_session *s, shunt_tx *h) {
  h->session = s;
  h->next = s->handles;
  if (h->next) h->next->before = h;
  s->handles = h;
}

static shunt_status go_up(shunt_session *s, shunt_tx *h, shunt_error *err) {
  shunt_status status = shunt_level_push(s, err);
  if (status) return status;
  h->raised_at = ++s->begun;
  for (scope *sc = s->scopes; sc; sc = sc->next) sc->suspended++;
  return SHUNT_OK;
}

/* Undoes what it did to the session beside its transaction. */
static void come_down(shunt_session *s, shunt_tx *h) {
  if (!h->raised_at) return;
  for (scope *sc = s->scopes; sc; sc = sc->next)
    if (sc->number < h->raised_at) sc->suspended--;
  session_raise(s, -1);
  h->raised_at = 0;
}

static void forget(shunt_tx *h) {
  if (h->session) {
    come_down(h->session, h);
    *(h->before ? &h->before->next : &h->session->handles) = h->next;
    if (h->next) h->next->before = h->before;
  }
  base_free(h);
}

static bool is_inside(const shunt_tx *h, const scope *sc, int savepoint) {
  return h->sc == sc && (h->savepoint > savepoint || (h->savepoint == savepoint && h->is == JOIN) || savepoint == 0);
}

/* The transaction has ended, or one of its savepoints: handles inside of it have nothing left to end. */
static void forget_inside(shunt_session *s, const scope *sc, int savepoint) {
  for (shunt_tx *h = s->handles; h; h = h->next)
    if (is_inside(h, sc, savepoint)) h->sc = NULL;
}

/* ---- beginning ---- */

static scope *scope_there(const shunt_session *s, const tx_place *places, size_t n) {
  scope *sc = n ? NULL : scope_innermost(s);
  for (size_t i = 0; i < n && !sc; i++) sc = scope_that_takes(s, places[i].client, places[i].level);
  return sc;
}

static shunt_status begin_places(call *c, scope *sc, const tx_place *places, size_t n) {
  shunt_status status = SHUNT_OK;
  transaction *t;
  for (size_t i = 0; i < n && !status; i++) status = scope_begin_at(c, sc, places[i].client, places[i].level, &t);
  return status;
}

static shunt_status begin_own(call *c, shunt_tx *h, const shunt_tx_options *o, const tx_place *places, size_t n) {
  shunt_status status = scope_open(c->s, o, &h->sc, c->err);
  if (!status) status = begin_places(c, h->sc, places, n);
  if (!status) return SHUNT_OK;
  scope_close(c->s, h->sc);
  h->sc = NULL;
  return status;
}

/* Places that the joined transaction lacks are begun in it, or refused. */
static shunt_status join(call *c, shunt_tx *h, const shunt_tx_options *o, const tx_place *places, size_t n) {
  shunt_status status = check_joining(h->sc, o, c->err);
  transaction *t;
  for (size_t i = 0; i < n && !status; i++) status = transaction_enter(c, places[i].client, places[i].level, &t);
  h->savepoint = h->sc->savepoints;
  return status || h->is == JOIN ? status : scope_save(c, h->sc, &h->savepoint);
}

shunt_status propagation_start(call *c, const shunt_tx_options *o, shunt_tx **out) {
  const mode *m = NULL;
  shunt_status status = find_mode(o, &m, c->err);
  shunt_tx *h = status ? NULL : base_zalloc(sizeof *h);
  *out = NULL;
  if (!h) return status ? status : error_memory(c->err);
  h->mode = m;
  remember(c->s, h);
  status = m->raises ? go_up(c->s, h, c->err) : SHUNT_OK;
  if (status)
    forget(h);
  else
    *out = h;
  return status;
}

void propagation_drop(shunt_tx *h) { forget(h); }

shunt_status propagation_begin(call *c, shunt_tx *h, const shunt_tx_options *o, const tx_place *places, size_t n) {
  scope *sc = scope_there(c->s, places, n);
  const char *client = n ? places[0].client->name : sc ? scope_place(sc) : "";
  h->is = sc ? h->mode->in_one : h->mode->in_none;
  switch (h->is) {
  case BEGIN:
    return begin_own(c, h, o, places, n);
  case JOIN:
  case SAVE:
    h->sc = sc;
    return join(c, h, o, places, n);
  case OUTSIDE:
    return check_outside(h->mode, client, o, c->err);
  case REFUSE:
    break;
  }
  return refuse_mode(h->mode, client, c->err);
}

bool shunt_tx_began(const shunt_tx *h) { return h && h->is == BEGIN; }

bool shunt_tx_ended(const shunt_tx *h) { return !h || (!h->sc && (h->is != OUTSIDE || !h->session)); }

/* ---- ending ---- */

/* Hooks before the commit may use the session, and begin and end what they like inside. */
static shunt_status commit(call *c, const shunt_tx *h) {
  shunt_status status = c->s->hooks ? hooks_run_before(c->s, h->sc, c->err) : SHUNT_OK;
  c->s->effect = SHUNT_NOT_DONE; /* theirs belongs to them */
  return status ? status : outcome_end(c, scope_commit(c, h->sc));
}

/* c: of a commit; NULL: rolls back. Hooks run last: the calls that they make end this one. */
static shunt_status end_own(call *c, shunt_tx *h, shunt_error *err) {
  shunt_session *s = h->session;
  scope *sc = h->sc;
  hook_end end = {.status = c ? commit(c, h) : SHUNT_OK};
  hook *due = NULL;
  if (c) end.outcome = end.status ? s->effect : SHUNT_DONE;
  if (s->hooks) {
    snprintf(end.client, sizeof end.client, "%s", scope_place(sc));
    due = hooks_take(s, sc, end.outcome);
  }
  forget_inside(s, sc, 0);
  scope_close(s, sc);
  shunt_status status = due ? hooks_run(s, due, &end, err) : end.status;
  forget(h); /* last: for the hooks the suspended transactions are still suspended, as when they were added */
  return status;
}

/* The savepoint has ended, and everything inside it. */
static void end_savepoint(const shunt_tx *h, bool released) {
  shunt_session *s = h->session;
  scope *sc = h->sc;
  forget_inside(s, sc, h->savepoint);
  if (released)
    hooks_release(s, sc, h->savepoint);
  else
    hooks_undo(s, sc, h->savepoint);
}

static void undo_savepoint(const shunt_tx *h) {
  scope_undo(h->session, h->sc, h->savepoint);
  end_savepoint(h, false);
}

static shunt_status keep_savepoint(call *c, const shunt_tx *h) {
  scope *sc = h->sc;
  shunt_status status;
  if (sc->doomed.at >= h->savepoint)
    status = transaction_refuse_doomed(&sc->doomed, "the nested transaction", scope_place(sc), c->err);
  else
    status = scope_release(c, sc, h->savepoint);
  if (status)
    undo_savepoint(h);
  else
    end_savepoint(h, true);
  return status;
}

shunt_status shunt_commit(shunt_tx *h, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (!h) return error_set(err, SHUNT_E_USAGE, "there is no transaction to commit");
  VISIT(v);
  call c;
  if (h->session && visit_begin(&v, h->session, err)) return SHUNT_E_USAGE;
  if (h->session) call_start(&c, h->session, 0, err);
  if (h->sc && h->is == BEGIN) return end_own(&c, h, err);
  if (h->sc && h->is == SAVE)
    status = keep_savepoint(&c, h);
  else if (shunt_tx_ended(h))
    status = error_set(err, SHUNT_E_TRANSACTION, "%s",
                       h->session ? "the transaction around this one has ended before it"
                                  : "the session was closed, and rolled this transaction back");
  forget(h);
  return status;
}

shunt_status shunt_rollback(shunt_tx *h, shunt_error *err) {
  VISIT(v);
  if (!h) return SHUNT_OK;
  if (h->session && visit_begin(&v, h->session, err)) return SHUNT_E_USAGE;
  if (h->sc && h->is == BEGIN) return end_own(NULL, h, err);
  if (h->sc && h->is == SAVE)
    undo_savepoint(h);
  else if (h->sc)
    scope_doom(h->sc, h->savepoint);
  forget(h);
  return SHUNT_OK;
}

void propagation_end_all(shunt_session *s) {
  for (scope *sc; (sc = s->scopes);) {
    hook_end end = {.outcome = SHUNT_NOT_DONE};
    hook *due = hooks_take(s, sc, end.outcome);
    forget_inside(s, sc, 0);
    scope_close(s, sc);
    (void)hooks_run(s, due, &end, NULL); /* the session is closing: there is no caller to report to */
  }
  for (shunt_tx *h = s->handles; h; h = h->next) h->session = NULL;
  s->handles = NULL;
}
