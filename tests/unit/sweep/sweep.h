/* For: trying every operation with its first, second, third … call of a kind failing, and seeing that the error is
 * true: its status, its outcome, and what the databases hold; that the same call works afterwards; and that pools hold
 * no connection. Use: sweep_all(&kind) for a sweep_kind. SHUNT_FAULTS is how many places of each operation are tried;
 * 0: all. */
#ifndef TESTS_UNIT_SWEEP_SWEEP_H
#define TESTS_UNIT_SWEEP_SWEEP_H

#include "unit/random.h"
#include "unit/sweep/operations.h"
#include "unit/watchdog.h"

enum { LATE_US = 100000 /* a server may still do what its client waits for no more */ };

typedef struct sweep_kind {
  const char *name;
  void (*arm)(size_t at, bool stays); /* the call `at` from now on fails, and with `stays` those after it; 0: none */
  size_t (*disarm)(void);             /* how many calls there were */
  bool (*fired)(void);                /* one failed since arm */
  bool (*is_expected)(const shunt_error *err); /* whether such a fault may give this error */
  bool crashes_mysql;                          /* libmariadb crashes if this befalls it while it connects */
  bool cuts;                                   /* connections to servers */
  size_t places;                               /* that are tried, of each operation */
} sweep_kind;

/* All that is wrong is printed, and the sweep goes on. */
static size_t sweep_wrongs;
__attribute__((format(printf, 1, 2))) static inline void sweep_wrong(const char *format, ...) {
  va_list args;
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  sweep_wrongs++;
}

typedef struct sweep_counts {
  size_t tries, failures, done, unknown;
} sweep_counts;

static inline void sweep_pool(void *ud, const shunt_pool_stats *stats) {
  if (stats->busy) sweep_wrong("%s: %d connections of '%s' are busy", (const char *)ud, stats->busy, stats->client);
}

/* Attempts to connect that have failed in a row make the next ones fail at once, for some time. */
static inline void sweep_settle(world *w) {
  shunt_session *s;
  int64_t n;
  world_fine(w, shunt_session_open(w->app, NULL, &s, &w->err));
  while (shunt_count(s, "user", NULL, &n, &w->err) && strstr(w->err.message, "considered down")) usleep(20000);
  shunt_session_close(s);
}

static inline void sweep_begin(world *w, const operation *op) {
  world_fine(w, shunt_session_open(w->app, NULL, &w->session, &w->err));
  if (op->prepare) op->prepare(w);
  w->digest = 1;
}

static inline void sweep_end(world *w, const operation *op) {
  char place[128];
  snprintf(place, sizeof place, "after '%s'", op->name);
  if (w->second && op->clean == clean_cold) {
    shunt_session_close(w->session);
    w->session = NULL;
    shunt_pools(w->second, sweep_pool, place);
  }
  if (op->clean) op->clean(w);
  shunt_session_close(w->session);
  w->session = NULL;
  shunt_pools(w->app, sweep_pool, place);
}

/* What an operation does without faults. */
typedef struct sweep_expected {
  uint64_t before, after, results;
  size_t calls;
} sweep_expected;

static inline sweep_expected sweep_learn(world *w, const operation *op, const sweep_kind *kind) {
  sweep_expected e;
  for (int i = 0; i < 2; i++) { /* what is made once is made the first time */
    sweep_begin(w, op);
    e.before = world_digest(w);
    kind->arm(0, false);
    const shunt_status status = op->run(w);
    e.calls = kind->disarm();
    if (status) fail_msg("'%s' fails without faults: %s", op->name, w->err.message);
    e.after = world_digest(w);
    e.results = w->digest;
    sweep_end(w, op);
    world_reset(w);
  }
  return e;
}

static inline void sweep_check(world *w, const operation *op, const sweep_kind *kind, const sweep_expected *e,
                               const char *place, shunt_status status) {
  const uint64_t found = world_digest(w);
  if (!status) {
    if (w->digest != e->results) sweep_wrong("%s: it succeeds with other results", place);
    if (found != e->after && !op->hidden) sweep_wrong("%s: it succeeds, and its rows are not there", place);
    return;
  }
  if (w->err.status != status)
    sweep_wrong("%s: %s is returned, and the error says %s", place, shunt_status_name(status),
                shunt_status_name(w->err.status));
  if (!kind->is_expected(&w->err)) sweep_wrong("%s: %s: %s", place, shunt_status_name(status), w->err.message);
  if (op->hidden) return;
  if (w->err.outcome == SHUNT_NOT_DONE && found != e->before)
    sweep_wrong("%s: said not to be done, and the databases have changed: %s", place, w->err.message);
  if (w->err.outcome == SHUNT_DONE && !op->later && found != e->after)
    sweep_wrong("%s: said to be done, and it is not there: %s", place, w->err.message);
}

static inline void sweep_try(world *w, const operation *op, const sweep_kind *kind, const sweep_expected *e, size_t at,
                             bool stays, sweep_counts *n) {
  char place[256];
  snprintf(place, sizeof place, "%s, '%s', %s: %s %zu of %zu%s", world_names[w->kind], op->name, kind->name, "call", at,
           e->calls, stays ? " and all after it" : "");
  sweep_begin(w, op);
  kind->arm(at, stays);
  const shunt_status status = op->run(w);
  const bool fired = kind->fired();
  kind->disarm();
  if (kind->cuts && status) {
    const shunt_error err = w->err;
    sweep_settle(w);
    w->err = err;
  }
  if (getenv("SHUNT_FAULTS_SHOWN"))
    fprintf(stderr, "%s: %s %s %s\n", place, shunt_status_name(status),
            status ? shunt_outcome_name(w->err.outcome) : "", status ? w->err.message : "");
  if (status && !fired) sweep_wrong("%s: fails without a fault: %s", place, w->err.message);
  sweep_check(w, op, kind, e, place, status);
  n->tries += fired;
  n->failures += status != SHUNT_OK;
  n->done += status && w->err.outcome == SHUNT_DONE;
  n->unknown += status && w->err.outcome == SHUNT_UNKNOWN;
  if (status && w->err.outcome == SHUNT_NOT_DONE) {
    const shunt_status again = (op->again ? op->again : op->run)(w);
    if (again) sweep_wrong("%s: afterwards it fails, too: %s: %s", place, shunt_status_name(again), w->err.message);
  }
  sweep_end(w, op);
  if (kind->cuts && status && w->err.outcome == SHUNT_UNKNOWN) usleep(LATE_US);
  world_reset(w);
}

static inline void sweep_operation(world *w, const operation *op, const sweep_kind *kind, rng *r) {
  const char *given = getenv("SHUNT_FAULTS");
  const size_t usual = w->kind == WORLD_SQLITE ? kind->places : kind->places / 6; /* servers take longer */
  const size_t places = given ? strtoull(given, NULL, 10) : usual;
  const sweep_expected e = sweep_learn(w, op, kind);
  const size_t step = places && e.calls > places ? e.calls / places : 1;
  sweep_counts n = {0};
  for (int stays = 0; stays < 2; stays++)
    for (size_t at = 1 + rng_below(r, step); at <= e.calls; at += 1 + (step > 1 ? rng_below(r, 2 * step - 1) : 0))
      sweep_try(w, op, kind, &e, at, stays, &n);
  if (getenv("SHUNT_FAULTS_COUNTED"))
    fprintf(stderr, "%s, %s: %zu calls, %zu tries, %zu failed, of which %zu were done and %zu unknown\n",
            world_names[w->kind], op->name, e.calls, n.tries, n.failures, n.done, n.unknown);
}

/* A joint transaction that is decided ends on a server that was lost once recovery has found it, which joint_spec.lua
 * waits for. */
static inline bool sweep_takes(world_kind engine, const sweep_kind *kind, const operation *op) {
  if (op->servers) return engine != WORLD_SQLITE && !kind->cuts;
  return engine != WORLD_MYSQL || !op->connects || !kind->crashes_mysql;
}

static inline void sweep_engine(world_kind engine, const sweep_kind *kind, rng *r) {
  world w;
  const char *only = getenv("SHUNT_FAULTS_ONLY");
  sweep_wrongs = 0;
  world_open(&w, engine);
  for (size_t i = 0; i < COUNT(operations); i++)
    if ((!only || strcmp(only, operations[i].name) == 0) && sweep_takes(engine, kind, &operations[i]))
      sweep_operation(&w, &operations[i], kind, r);
  world_close(&w);
  assert_int_equal(sweep_wrongs, 0);
}

/* A program's main: the test on each engine, which its state points at. */
static inline int sweep_on_each(const char *name, CMUnitTestFunction test) {
  static world_kind engines[] = {WORLD_SQLITE, WORLD_PG, WORLD_MYSQL};
  struct CMUnitTest tests[WORLD_KINDS];
  for (size_t i = 0; i < WORLD_KINDS; i++)
    tests[i] = (struct CMUnitTest){world_names[i], test, NULL, NULL, &engines[i]};
  return cmocka_run_group_tests_name(name, tests, watchdog_setup, watchdog_teardown);
}

#endif
