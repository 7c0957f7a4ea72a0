#include "session/call.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "session/variables.h"

enum {
  DEEPEST_EQUALITY = 100,
  MOST_KEPT = 8,      /* texts and decisions that stay for later calls */
  LARGE_BYTES = 65536 /* a text that has grown to this does not stay */
};

/* ---- what a call borrows ---- */

struct lent_text {
  sql_text sql; /* must be the first field: a sql_text is cast to it */
  struct lent_text *next, *next_idle;
};

struct lent_decision {
  route_decision decision; /* must be the first field, too */
  struct lent_decision *next, *next_idle;
};

void sql_reset(sql_text *q) {
  buf_reset(&q->text);
  q->nparams = 0;
  q->failed = false;
}

static void clear_text(sql_text *q) {
  buf_free(&q->text);
  base_free(q->params);
  memset(q, 0, sizeof *q);
}

static void free_text(struct lent_text *t) {
  clear_text(&t->sql);
  base_free(t);
}

static void free_decision(struct lent_decision *d) {
  route_decision_clear(&d->decision);
  base_free(d);
}

static bool is_large(const sql_text *q) { return q->text.capacity + q->capacity * sizeof *q->params > LARGE_BYTES; }

/* Makes all texts and decisions idle. Frees all but `most` of them, and the memory of large texts. */
static void take_back(session_lent *l, size_t most) {
  struct lent_text **text = &l->texts;
  struct lent_decision **decision = &l->decisions;
  l->idle_texts = NULL;
  l->idle_decisions = NULL;
  l->out = 0;
  l->grown = false;
  for (size_t i = 0; i < most && *text; i++, text = &(*text)->next) {
    if (is_large(&(*text)->sql)) clear_text(&(*text)->sql);
    (*text)->next_idle = l->idle_texts;
    l->idle_texts = *text;
  }
  for (size_t i = 0; i < most && *decision; i++, decision = &(*decision)->next) {
    (*decision)->next_idle = l->idle_decisions;
    l->idle_decisions = *decision;
  }
  for (struct lent_text *t; (t = *text); free_text(t)) *text = t->next;
  for (struct lent_decision *d; (d = *decision); free_decision(d)) *decision = d->next;
}

void session_free_lent(session_lent *l) {
  take_back(l, 0);
  arena_free(&l->memory);
}

sql_text *call_sql(call *c) {
  session_lent *l = &c->s->lent;
  struct lent_text *t = l->idle_texts;
  l->out++;
  if (t) {
    l->idle_texts = t->next_idle;
    sql_reset(&t->sql);
    return &t->sql;
  }
  t = base_zalloc(sizeof *t);
  if (!t) return NULL;
  t->next = l->texts;
  l->texts = t;
  l->grown = true;
  return &t->sql;
}

void call_end_sql(call *c, sql_text *sql) {
  session_lent *l = &c->s->lent;
  struct lent_text *t = (struct lent_text *)sql;
  if (!t) return;
  t->next_idle = l->idle_texts;
  l->idle_texts = t;
  l->out--;
  l->grown |= is_large(sql);
}

route_decision *call_decision(call *c) {
  session_lent *l = &c->s->lent;
  struct lent_decision *d = l->idle_decisions;
  l->out++;
  if (d) {
    l->idle_decisions = d->next_idle;
    return &d->decision;
  }
  d = base_zalloc(sizeof *d);
  if (!d) return NULL;
  d->next = l->decisions;
  l->decisions = d;
  l->grown = true;
  return &d->decision;
}

void call_end_decision(call *c, route_decision *decision) {
  session_lent *l = &c->s->lent;
  struct lent_decision *d = (struct lent_decision *)decision;
  if (!d) return;
  d->next_idle = l->idle_decisions;
  l->idle_decisions = d;
  l->out--;
}

/* ---- beginning ---- */

void call_set_deadline(call *c, int64_t timeout_ms) {
  if (!timeout_ms) timeout_ms = c->s->timeout_ms;
  int64_t now_ns = timeout_ms ? clock_monotonic_ns() : 0;
  c->deadline_ns = timeout_ms && timeout_ms < (INT64_MAX - now_ns) / NS_PER_MS ? now_ns + timeout_ms * NS_PER_MS : 0;
}

void call_start(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  arena_reset(&s->lent.memory);
  if (s->lent.out || s->lent.grown) take_back(&s->lent, MOST_KEPT);
  if (s->tables.forgotten) session_drop_tables(&s->tables);
  s->effect = SHUNT_NOT_DONE;
  *c = (call){.s = s, .arena = &s->lent.memory, .err = err};
  call_set_deadline(c, timeout_ms);
}

shunt_status call_begin(call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  call_start(c, s, timeout_ms, err);
  if (timeout_ms >= 0) return session_follow(s, err);
  return error_set(err, SHUNT_E_USAGE, "a timeout must be 0 (the session's) or more, not %lld ms",
                   (long long)timeout_ms);
}

shunt_status call_enter(visit *v, call *c, shunt_session *s, int64_t timeout_ms, shunt_error *err) {
  shunt_status status = visit_begin(v, s, err);
  return status ? status : call_begin(c, s, timeout_ms, err);
}

/* ---- connections ---- */

/* Who has locked the file that the connection writes to, and keeps it locked until this session's work ends; or NULL.
 * Locks of sessions in this process are in the graph of waits instead. */
static const char *locker_of(const shunt_session *s, const driver_conn *conn) {
  const char *file = s->locked.n && conn->engine->file ? conn->engine->file(conn) : NULL;
  for (size_t i = 0; i < s->locked.n && file; i++)
    if (strcmp(s->locked.files[i], file) == 0) return s->locked.by;
  return NULL;
}

/* A connection that was lost while idle is replaced: nothing was sent on it. */
static shunt_status acquire_with(call *c, const pool_request *r, driver_conn **conn) {
  shunt_status status;
  bool lost = true;
  for (int attempt = 0; attempt < 2 && lost; attempt++) {
    status = pool_acquire(c->s->generation.pools, r, conn, c->err);
    if (status || !*conn) return status;
    status = driver_set_variables(*conn, r->variables, c->err);
    if (!status) return SHUNT_OK;
    error_client(c->err, r->client->name);
    lost = status == SHUNT_E_DATASOURCE && (*conn)->broken;
    pool_release(*conn, r->level);
    *conn = NULL;
  }
  return status;
}

static shunt_status acquire(call *c, const cat_client *client, int level, bool no_wait, driver_conn **conn) {
  shunt_session *s = c->s;
  driver_variables *variables;
  shunt_status status = session_variables(s, client, &variables, c->err);
  *conn = NULL;
  if (status) return status;
  pool_request request = {.client = client,
                          .level = level,
                          .party = &s->party,
                          .deadline_ns = c->deadline_ns,
                          .variables = variables,
                          .no_wait = no_wait || s->before_wait.fn};
  while (!(status = acquire_with(c, &request, conn)) && !*conn && !no_wait) {
    s->before_wait.fn(s->before_wait.ud);
    request.no_wait = false;
  }
  if (status || !*conn) return status;
  (*conn)->locked_by = locker_of(s, *conn);
  (*conn)->before_wait.fn = s->before_wait.fn;
  (*conn)->before_wait.ud = s->before_wait.ud;
  return SHUNT_OK;
}

/* While its reads hold connections, a call must not wait for another one: others may wait for those. It receives its
 * reads first. */
shunt_status call_connect(call *c, const cat_client *client, int level, driver_conn **conn) {
  if (c->reads && c->reads->nflying) {
    shunt_status status = acquire(c, client, level, true, conn);
    if (status || *conn) return status;
    c->reads->settle(c->reads);
  }
  return acquire(c, client, level, false, conn);
}

shunt_status call_try_acquire(call *c, const cat_client *client, int level, driver_conn **conn) {
  *conn = NULL;
  return acquire(c, client, level, true, conn);
}

/* ---- equalities ---- */

/* Rules see NaN as absent: it equals nothing, so that none could match it. */
bool equalities_add(equalities *e, const char *column, const shunt_value *value) {
  if (!arena_grow(e->a, &e->list, &e->capacity, e->count + 1, sizeof *e->list)) return false;
  bool nan = value->type == SHUNT_FLOAT && isnan(value->as.number);
  shunt_field *added = &e->list[e->count++];
  added->name = column;
  added->value = nan ? shunt_null() : *value;
  return true;
}

static bool add_where(equalities *e, const shunt_where *where, int depth) {
  if (where->op == SHUNT_EQ && where->column && where->nvalues == 1)
    return equalities_add(e, where->column, &where->values[0]);
  bool ok = true;
  if (where->op == SHUNT_AND && depth < DEEPEST_EQUALITY)
    for (size_t i = 0; i < where->nitems && ok; i++) ok = add_where(e, &where->items[i], depth + 1);
  return ok;
}

bool equalities_of_where(equalities *e, const shunt_where *where) { return !where || add_where(e, where, 0); }
