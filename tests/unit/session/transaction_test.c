/* Transactions from C: what propagation does to the session, hooks and when they are dropped,
 * levels, and what holds a decision. What each mode comes to in each state is in tests/engines/propagation_spec.lua. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"
#include "unit/watchdog.h"

/* A hook that writes a letter down. */
typedef struct note {
  char *log;
  char letter;
  shunt_status fails;
  int drops;
} note;

static shunt_status write_down(void *ud, shunt_error *err) {
  note *n = ud;
  n->log[strlen(n->log)] = n->letter;
  if (!n->fails) return SHUNT_OK;
  err->status = n->fails;
  snprintf(err->message, sizeof err->message, "hook %c failed", n->letter);
  return n->fails;
}

static void drop(void *ud) { ((note *)ud)->drops++; }

static shunt_tx *begin(store *w, const char *propagation) {
  shunt_tx *tx = NULL;
  store_fine(w,
             shunt_begin(w->session, &(shunt_tx_options){.client = "main", .propagation = propagation}, &tx, &w->err));
  return tx;
}

static void insert_user(store *w, const char *name) {
  shunt_value value = shunt_text(name, strlen(name));
  store_fine(w, shunt_sql(w->session, "INSERT INTO users (name) VALUES (?)",
                          &(shunt_sql_options){.client = "main", .params = &value, .nparams = 1}, NULL, NULL, &w->err));
}

static int64_t users(store *w) { return store_number(w, 0, "SELECT count(*) FROM users"); }

/* ---- what is begun, and what is left of it ---- */

static void who_began_a_transaction_knows_it(void **state) {
  store *w = *state;
  shunt_tx *outside = begin(w, "SUPPORTS"), *own = begin(w, NULL), *joined = begin(w, NULL);
  shunt_tx *savepoint = begin(w, "NESTED");
  assert_false(shunt_tx_began(outside));
  assert_true(shunt_tx_began(own));
  assert_false(shunt_tx_began(joined));
  assert_false(shunt_tx_began(savepoint));
  store_fine(w, shunt_commit(savepoint, &w->err));
  store_fine(w, shunt_commit(joined, &w->err));
  store_fine(w, shunt_commit(own, &w->err));
  store_fine(w, shunt_commit(outside, &w->err));
  assert_int_equal(shunt_rollback(NULL, &w->err), SHUNT_OK);
}

static void a_savepoint_takes_back_what_was_rolled_back_inside(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL);
  insert_user(w, "outer");
  shunt_tx *nested = begin(w, "NESTED");
  insert_user(w, "inner");
  store_fine(w, shunt_rollback(begin(w, NULL), &w->err));
  store_fails(w, shunt_commit(nested, &w->err), SHUNT_E_TRANSACTION,
              "the nested transaction on 'main' was rolled back");
  assert_int_equal(w->err.outcome, SHUNT_NOT_DONE);
  store_fine(w, shunt_commit(outer, &w->err));
  assert_int_equal(users(w), 1);
}

static void an_outer_savepoint_ends_those_inside(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *a = begin(w, "NESTED"), *in_a = begin(w, NULL), *b = begin(w, "NESTED");
  insert_user(w, "kept");
  store_fine(w, shunt_commit(a, &w->err));
  store_fails(w, shunt_commit(b, &w->err), SHUNT_E_TRANSACTION, "has ended before");
  store_fine(w, shunt_rollback(in_a, &w->err)); /* it has nothing left to undo */
  shunt_tx *again = begin(w, "NESTED");
  insert_user(w, "undone");
  store_fine(w, shunt_rollback(again, &w->err));
  store_fine(w, shunt_commit(outer, &w->err));
  assert_int_equal(users(w), 1);
}

static void what_is_suspended_may_end_first(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *beside = begin(w, "NOT_SUPPORTED");
  assert_int_equal(shunt_session_level(w->session), 1);
  store_fine(w, shunt_commit(outer, &w->err));
  store_fine(w, shunt_commit(beside, &w->err));
  assert_int_equal(shunt_session_level(w->session), 0);
}

static void one_that_can_not_be_begun_leaves_the_session_as_it_was(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *none;
  shunt_tx_options o = {.client = "main", .propagation = "REQUIRES_NEW"};
  const shunt_decision *d;
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_TRANSACTION, "one writer");
  assert_string_equal(w->err.client, "main");
  assert_int_equal(shunt_session_level(w->session), 0);
  store_fine(w, shunt_resolve(w->session, &(shunt_request){.model = "user"}, &d, &w->err));
  assert_string_equal(d->pinned_by, "transaction");
  o = (shunt_tx_options){.propagation = "NEVER", .read_only = true};
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_USAGE, "NEVER");
  store_fine(w, shunt_commit(outer, &w->err));
}

/* ---- levels ---- */

static void levels_go_up_to_the_configured_one(void **state) {
  store *w = *state;
  for (int level = 1; level <= 8; level++) {
    store_fine(w, shunt_level_push(w->session, &w->err));
    assert_int_equal(shunt_session_level(w->session), level);
  }
  store_fails(w, shunt_level_push(w->session, &w->err), SHUNT_E_TRANSACTION, "database.maxLevel");
  for (int i = 0; i < 9; i++) shunt_level_pop(w->session); /* one pop too many does nothing */
  assert_int_equal(shunt_session_level(w->session), 0);
  shunt_session *s;
  store_fails(w, shunt_session_open(w->app, &(shunt_session_options){.level = 9}, &s, &w->err), SHUNT_E_USAGE,
              "from 0 to 8");
}

/* ---- what holds a decision ---- */

static void a_decision_says_what_holds_it(void **state) {
  store *w = *state;
  const shunt_decision *d;
  shunt_request q = {.model = "user"};
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_null(d->pinned_by);
  size_t steps = d->ntrace;
  shunt_tx *tx = begin(w, NULL);
  for (int i = 0; i < 3; i++) { /* also where it is remembered */
    store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
    assert_string_equal(d->pinned_by, "transaction");
    assert_int_equal(d->ntrace, steps + 1);
    const shunt_trace *last = &d->trace[steps];
    assert_string_equal(last->stage, "session");
    assert_string_equal(last->rule, "transaction");
    assert_string_equal(last->source, "");
    assert_int_equal(last->verdict, SHUNT_VERDICT_PINNED);
    assert_string_equal(last->detail, "main, level 0");
  }
  q.model = "order"; /* elsewhere */
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_null(d->pinned_by);
  w->session->job.name = "mail";
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->pinned_by, "job");
  assert_string_equal(d->trace[d->ntrace - 1].rule, "job");
  q.model = "user";
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->pinned_by, "transaction");
  w->session->job.name = NULL;
  store_fine(w, shunt_commit(tx, &w->err));
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_null(d->pinned_by);
  assert_int_equal(d->ntrace, steps);
}

/* ---- hooks ---- */

static void hooks_are_dropped_once_whether_they_run_or_not(void **state) {
  store *w = *state;
  char log[16] = "";
  note notes[] = {{.log = log, .letter = 'c'},
                  {.log = log, .letter = 'r'},
                  {.log = log, .letter = 'a'},
                  {.log = log, .letter = 'n'},
                  {.log = log, .letter = 'x'}};
  shunt_session *s = w->session;
  for (int commit = 0; commit < 2; commit++) {
    memset(log, 0, sizeof log);
    shunt_tx *outer = begin(w, NULL);
    store_fine(w, shunt_on_commit(s, write_down, &notes[0], drop, &w->err));
    store_fine(w, shunt_on_rollback(s, write_down, &notes[1], drop, &w->err));
    store_fine(w, shunt_on_all_commit(s, write_down, &notes[2], drop, &w->err));
    shunt_tx *nested = begin(w, "NESTED");
    store_fine(w, shunt_on_commit(s, write_down, &notes[3], drop, &w->err));
    store_fine(w, shunt_on_rollback(s, write_down, &notes[4], drop, &w->err));
    store_fine(w, shunt_rollback(nested, &w->err));
    assert_string_equal(log, "");
    store_fine(w, commit ? shunt_commit(outer, &w->err) : shunt_rollback(outer, &w->err));
    assert_string_equal(log, commit ? "cax" : "rx");
    for (size_t i = 0; i < COUNT(notes); i++) assert_int_equal(notes[i].drops, commit + 1);
  }
}

static void a_hook_without_a_transaction_runs_at_once(void **state) {
  store *w = *state;
  char log[16] = "";
  note n = {.log = log, .letter = 'x'};
  store_fine(w, shunt_on_commit(w->session, write_down, &n, drop, &w->err));
  store_fine(w, shunt_on_rollback(w->session, write_down, &n, drop, &w->err));
  store_fine(w, shunt_on_all_commit(w->session, write_down, &n, NULL, NULL));
  assert_string_equal(log, "xx");
  assert_int_equal(n.drops, 2);
  n.fails = SHUNT_E_DATASOURCE;
  store_fails(w, shunt_on_commit(w->session, write_down, &n, drop, &w->err), SHUNT_E_DATASOURCE, "hook x failed");
  assert_int_equal(shunt_on_commit(w->session, write_down, &n, drop, NULL), SHUNT_E_DATASOURCE);
  store_fails(w, shunt_on_commit(w->session, NULL, &n, drop, &w->err), SHUNT_E_USAGE, "function");
  assert_int_equal(n.drops, 5);
}

static void failures_come_together_and_say_what_became_of_it(void **state) {
  store *w = *state;
  char log[16] = "";
  note a = {.log = log, .letter = 'a', .fails = SHUNT_E_TIMEOUT}, b = {.log = log, .letter = 'b'};
  for (int commit = 0; commit < 2; commit++) {
    shunt_tx *tx = begin(w, NULL);
    insert_user(w, "Ada");
    for (int i = 0; i < 3; i++) {
      note *n = i == 1 ? &b : &a;
      store_fine(w, commit ? shunt_on_commit(w->session, write_down, n, NULL, &w->err)
                           : shunt_on_rollback(w->session, write_down, n, NULL, &w->err));
    }
    store_fails(w, commit ? shunt_commit(tx, &w->err) : shunt_rollback(tx, &w->err), SHUNT_E_TRANSACTION,
                commit ? "the transaction on 'main' was committed, but 2 hooks failed: hook a failed; hook a failed"
                       : "the transaction on 'main' was rolled back, and 2 hooks failed: hook a failed; hook a failed");
    assert_int_equal(w->err.outcome, commit ? SHUNT_DONE : SHUNT_NOT_DONE);
    assert_string_equal(w->err.client, "main");
    assert_int_equal(users(w), commit);
  }
  assert_string_equal(log, "abaaba");
}

static void a_commit_that_fails_says_so_first(void **state) {
  store *w = *state;
  char log[16] = "";
  note n = {.log = log, .letter = 'r', .fails = SHUNT_E_TIMEOUT};
  shunt_tx *tx;
  store_fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = "orders"}, &tx, &w->err));
  store_fine(w, shunt_sql(w->session, "INSERT INTO orders (state) VALUES ('unknown')",
                          &(shunt_sql_options){.client = "orders"}, NULL, NULL, &w->err));
  store_fine(w, shunt_on_rollback(w->session, write_down, &n, NULL, &w->err));
  store_fails(w, shunt_commit(tx, &w->err), SHUNT_E_CONSTRAINT, "; and 1 hook failed: hook r failed");
  assert_int_equal(w->err.outcome, SHUNT_NOT_DONE);
  assert_string_equal(log, "r");
}

static void a_session_that_is_closed_runs_the_hooks_of_what_it_rolls_back(void **state) {
  store *w = *state;
  char log[16] = "";
  note a = {.log = log, .letter = 'a'}, b = {.log = log, .letter = 'b'}, never = {.log = log, .letter = '-'};
  shunt_tx *tx = begin(w, NULL);
  store_fine(w, shunt_on_rollback(w->session, write_down, &a, drop, &w->err));
  store_fine(w, shunt_on_commit(w->session, write_down, &never, drop, &w->err));
  store_fine(w, shunt_on_all_commit(w->session, write_down, &never, drop, &w->err));
  store_fine(w, shunt_on_rollback(w->session, write_down, &b, drop, &w->err));
  shunt_session_close(w->session);
  w->session = NULL;
  assert_string_equal(log, "ab");
  assert_int_equal(a.drops + b.drops + never.drops, 4);
  store_fails(w, shunt_commit(tx, &w->err), SHUNT_E_TRANSACTION, "session was closed");
}

/* ---- out of memory ---- */

typedef struct drops {
  int added, dropped;
} drops;

static shunt_status nothing(void *ud, shunt_error *err) {
  (void)ud;
  (void)err;
  return SHUNT_OK;
}

static void count_drop(void *ud) { ((drops *)ud)->dropped++; }

static shunt_status work(shunt_session *s, drops *d, shunt_error *err) {
  static const char *const modes[] = {"REQUIRED", "NESTED", "REQUIRED", "NESTED", "NOT_SUPPORTED"};
  shunt_tx *open[COUNT(modes)] = {NULL};
  shunt_status status = shunt_switch_push(s, "stock", err);
  if (status) return status;
  for (size_t i = 0; i < COUNT(modes) && !status; i++) {
    status = shunt_begin(s, &(shunt_tx_options){.propagation = modes[i]}, &open[i], err);
    if (status) break;
    d->added += 2;
    status = shunt_on_commit(s, nothing, d, count_drop, err);
    shunt_status other = shunt_on_rollback(s, nothing, d, count_drop, err);
    if (!status) status = other;
  }
  const shunt_decision *decision;
  if (!status) status = shunt_resolve(s, &(shunt_request){.model = "user"}, &decision, err);
  for (size_t i = COUNT(modes); i-- > 0;) {
    if (!open[i]) continue;
    shunt_status ended = status || i == 1 ? shunt_rollback(open[i], NULL) : shunt_commit(open[i], err);
    if (!status) status = ended;
  }
  shunt_switch_pop(s);
  return status;
}

static void without_memory_nothing_is_lost(void **state) {
  store *w = *state;
  faults f;
  store_close(w);
  faults_on(&f);
  bool done = false;
  for (size_t at = 1; !done; at++) {
    drops d = {0};
    f.fail_at = 0;
    store_open(w);
    store_open_session(w, NULL);
    f.seen = 0;
    f.fail_at = at;
    f.failed = false;
    shunt_status status = work(w->session, &d, &w->err);
    done = !f.failed;
    if (done) assert_int_equal(status, SHUNT_OK);
    f.fail_at = 0;
    assert_int_equal(d.added, d.dropped);
    assert_int_equal(shunt_session_level(w->session), 0);
    store_close(w);
    assert_int_equal(f.live, 0);
  }
  faults_off();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(who_began_a_transaction_knows_it),
      store_test(a_savepoint_takes_back_what_was_rolled_back_inside),
      store_test(an_outer_savepoint_ends_those_inside),
      store_test(what_is_suspended_may_end_first),
      store_test(one_that_can_not_be_begun_leaves_the_session_as_it_was),
      store_test(levels_go_up_to_the_configured_one),
      store_test(a_decision_says_what_holds_it),
      store_test(hooks_are_dropped_once_whether_they_run_or_not),
      store_test(a_hook_without_a_transaction_runs_at_once),
      store_test(failures_come_together_and_say_what_became_of_it),
      store_test(a_commit_that_fails_says_so_first),
      store_test(a_session_that_is_closed_runs_the_hooks_of_what_it_rolls_back),
      store_test(without_memory_nothing_is_lost),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
