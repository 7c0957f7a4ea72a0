#include "session/hook.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "session/visit.h"

typedef enum hook_kind { BEFORE_COMMIT, ON_COMMIT, ON_ROLLBACK, ON_ALL_COMMIT } hook_kind;

struct hook {
  shunt_hook fn;
  void *ud;
  void (*drop)(void *ud);
  hook_kind kind;
  const scope *of; /* NULL: it waits for the last open transaction */
  int savepoint;   /* the savepoint of `of` in which it was added; 0: none */
  bool due;        /* its savepoint was rolled back, so it runs in any case */
  int raised;      /* the session's value when the hook was added */
  bool switched;
  hook *next;
  char current[]; /* the session's when the hook was added */
};

/* ---- which of them, when ---- */

static void end_hook(hook *h) {
  if (h->drop) h->drop(h->ud);
  base_free(h);
}

typedef enum fate { WAITS, RUNS, NEVER } fate;

/* Where it is not known how the transaction ended, neither kind would be right. */
static fate fate_of(hook *h, const shunt_session *s, const scope *sc, shunt_outcome outcome) {
  bool is_last = s->scopes == sc && !sc->next;
  if (h->kind == ON_ALL_COMMIT) {
    if (outcome != SHUNT_DONE) return NEVER;
    if (h->of == sc) h->of = NULL;
    return is_last ? RUNS : WAITS;
  }
  if (h->of != sc) return WAITS;
  const shunt_outcome own = h->kind == ON_COMMIT ? SHUNT_DONE : SHUNT_NOT_DONE;
  return outcome == own || h->due ? RUNS : NEVER;
}

/* The session lists the newest hook first; due gets the oldest first. */
hook *hooks_take(shunt_session *s, const scope *sc, shunt_outcome outcome) {
  hook *due = NULL, *never = NULL;
  for (hook **at = &s->hooks, *h; (h = *at);) {
    fate what = fate_of(h, s, sc, outcome);
    if (what == WAITS) {
      at = &h->next;
      continue;
    }
    hook **to = what == RUNS ? &due : &never;
    *at = h->next;
    h->next = *to;
    *to = h;
  }
  for (hook *h; (h = never); end_hook(h)) never = h->next;
  return due;
}

void hooks_undo(shunt_session *s, const scope *sc, int savepoint) {
  for (hook **at = &s->hooks, *h; (h = *at);) {
    bool inside = h->of == sc && h->savepoint >= savepoint;
    if (inside && h->kind != ON_ROLLBACK) {
      *at = h->next;
      end_hook(h);
      continue;
    }
    if (inside) h->due = true;
    at = &h->next;
  }
}

void hooks_release(shunt_session *s, const scope *sc, int savepoint) {
  for (hook *h = s->hooks; h; h = h->next)
    if (h->of == sc && h->savepoint >= savepoint) h->savepoint = savepoint - 1;
}

/* ---- running them ---- */

/* Restores the session's datasource and level of the time when the hook was added. */
static shunt_status run_one(shunt_session *s, const hook *h, shunt_error *err) {
  shunt_status status = shunt_switch_push(s, h->switched ? h->current : NULL, err);
  if (status) return status;
  int up = h->raised - s->level.raised;
  session_raise(s, up);
  status = h->fn(h->ud, err);
  session_raise(s, -up);
  shunt_switch_pop(s);
  return status;
}

/* "the transaction on 'main' was committed, but 2 hooks failed: …; …" */
static shunt_status failed(const hook_end *end, size_t count, const char *list, shunt_error *err) {
  shunt_status status = end->status ? end->status : SHUNT_E_TRANSACTION;
  if (!err) return status;
  const char *hooks = count == 1 ? "hook" : "hooks";
  if (end->status) {
    return error_reword(err, status, "%.600s; and %zu %s failed%.350s", err->message, count, hooks, list);
  }
  const char *on = end->client[0] ? " on '" : "", *behind = on[0] ? "'" : "";
  error_set(err, status, "the transaction%s%s%s was %s %zu %s failed%s", on, end->client, behind,
            end->outcome == SHUNT_DONE ? "committed, but" : "rolled back, and", count, hooks, list);
  if (on[0]) error_client(err, end->client);
  err->outcome = end->outcome;
  return status;
}

shunt_status hooks_run(shunt_session *s, hook *due, const hook_end *end, shunt_error *err) {
  shunt_error failures; /* of a fixed size: memory may be what they lack */
  size_t count = 0;
  failures.message[0] = 0;
  for (hook *h; (h = due); end_hook(h)) {
    shunt_error why;
    due = h->next;
    why.message[0] = 0;
    if (!run_one(s, h, &why)) continue;
    error_add(&failures, count++ ? "; " : ": ");
    error_add(&failures, why.message);
  }
  return count ? failed(end, count, failures.message, err) : end->status;
}

/* The oldest; they stand the newest first. */
static hook **find_before(shunt_session *s, const scope *sc) {
  hook **found = NULL;
  for (hook **at = &s->hooks; *at; at = &(*at)->next)
    if ((*at)->of == sc && (*at)->kind == BEFORE_COMMIT) found = at;
  return found;
}

shunt_status hooks_run_before(shunt_session *s, const scope *sc, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (hook **at; !status && (at = find_before(s, sc));) {
    hook *h = *at;
    *at = h->next;
    status = run_one(s, h, err);
    end_hook(h);
  }
  return status;
}

/* ---- adding one ---- */

static hook *new_hook(const shunt_session *s, const scope *of) {
  const char *current = session_current(s);
  size_t size = current ? strlen(current) + 1 : 0;
  hook *h = base_zalloc(sizeof *h + size);
  if (!h) return NULL;
  *h = (hook){.of = of, .savepoint = of ? of->savepoints : 0, .raised = s->level.raised, .switched = current != NULL};
  if (current) memcpy(h->current, current, size);
  return h;
}

static shunt_status run_now(hook_kind kind, shunt_hook fn, void *ud, shunt_error *err) {
  shunt_error own;
  return kind == ON_ROLLBACK ? SHUNT_OK : fn(ud, err ? err : &own);
}

static shunt_status add(shunt_session *s, hook_kind kind, shunt_hook fn, void *ud, void (*drop)(void *ud),
                        shunt_error *err) {
  const scope *of = scope_innermost(s);
  bool waits = of || (s->scopes && kind == ON_ALL_COMMIT);
  hook *h = fn && waits ? new_hook(s, of) : NULL;
  if (h) {
    h->kind = kind;
    h->fn = fn;
    h->ud = ud;
    h->drop = drop;
    h->next = s->hooks;
    s->hooks = h;
    return SHUNT_OK;
  }
  shunt_status status;
  if (!fn)
    status = error_set(err, SHUNT_E_USAGE, "the hook must be a function");
  else
    status = waits ? error_memory(err) : run_now(kind, fn, ud, err);
  if (drop) drop(ud);
  return status;
}

static shunt_status add_visiting(shunt_session *s, hook_kind kind, shunt_hook fn, void *ud, void (*drop)(void *ud),
                                 shunt_error *err) {
  VISIT(v);
  shunt_status status = visit_begin(&v, s, err);
  if (!status) return add(s, kind, fn, ud, drop, err);
  if (drop) drop(ud);
  return status;
}

shunt_status shunt_on_commit(shunt_session *s, shunt_hook fn, void *ud, void (*drop)(void *ud), shunt_error *err) {
  return add_visiting(s, ON_COMMIT, fn, ud, drop, err);
}

shunt_status shunt_on_rollback(shunt_session *s, shunt_hook fn, void *ud, void (*drop)(void *ud), shunt_error *err) {
  return add_visiting(s, ON_ROLLBACK, fn, ud, drop, err);
}

shunt_status shunt_on_all_commit(shunt_session *s, shunt_hook fn, void *ud, void (*drop)(void *ud), shunt_error *err) {
  return add_visiting(s, ON_ALL_COMMIT, fn, ud, drop, err);
}

shunt_status hooks_before_commit(shunt_session *s, shunt_hook fn, void *ud, void (*drop)(void *ud), shunt_error *err) {
  return add(s, BEFORE_COMMIT, fn, ud, drop, err);
}
