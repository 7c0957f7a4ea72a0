/* Sessions that wait for each other on SQLite: for connections, for files' locks and for both in one cycle. Each is on
 * a thread of its own, and would wait for an hour. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sched.h>

#include "session/transaction.h"
#include "unit/query/store.h"
#include "unit/random.h"
#include "unit/watchdog.h"

static const char patient_config[] = "database:\n"
                                     "  defaultClient: main\n"
                                     "  base: {engine: sqlite3, pool: {max: 4, acquireTimeout: 1h}}\n"
                                     "  clients:\n"
                                     "    main: {connection: {filename: main.db, busyTimeout: 1h}}\n"
                                     "    orders: {connection: {filename: orders.db, busyTimeout: 1h}}\n"
                                     "    stock: {connection: {filename: stock.db, busyTimeout: 1h}}\n"
                                     "    single: {connection: {filename: stock.db, busyTimeout: 1h}, pool: {max: 1}}\n"
                                     "instance: {instances: {\"\": {id: 1}}}\n"
                                     "rules: {path: [rules]}\n";

static int patient_setup(void **state) {
  store *w = malloc(sizeof *w);
  assert_non_null(w);
  store_make(w);
  store_write(w, "shunt.yaml", patient_config);
  store_open(w);
  *state = w;
  return 0;
}

#define patient_test(name) cmocka_unit_test_setup_teardown(name, patient_setup, store_teardown)

static shunt_session *open_session(store *w) {
  shunt_session *s;
  store_fine(w, shunt_session_open(w->app, NULL, &s, &w->err));
  return s;
}

static shunt_tx *must_begin(store *w, shunt_session *s, const char *client, bool read_only) {
  shunt_tx *tx;
  store_fine(w, shunt_begin(s, &(shunt_tx_options){.client = client, .read_only = read_only}, &tx, &w->err));
  return tx;
}

/* ---- one who holds something and begins a transaction more ---- */

typedef struct beginner {
  shunt_session *session;
  const char *client;
  shunt_tx *held;
  pthread_t thread;
  shunt_status status;
  shunt_error err;
} beginner;

static void *run_beginner(void *arg) {
  beginner *b = arg;
  shunt_tx *tx;
  b->status = shunt_begin(b->session, &(shunt_tx_options){.client = b->client}, &tx, &b->err);
  if (!b->status) shunt_rollback(tx, NULL);
  shunt_rollback(b->held, NULL);
  return NULL;
}

/* All at once; returns the wait that is reported, which must be the only one. */
static const beginner *only_loser(beginner *all, int n) {
  const beginner *loser = NULL;
  for (int i = 0; i < n; i++) assert_int_equal(pthread_create(&all[i].thread, NULL, run_beginner, &all[i]), 0);
  for (int i = 0; i < n; i++) assert_int_equal(pthread_join(all[i].thread, NULL), 0);
  for (int i = 0; i < n; i++) {
    shunt_session_close(all[i].session);
    if (!all[i].status) continue;
    if (loser || all[i].status != SHUNT_E_CONFLICT) fail_msg("%s", all[i].err.message);
    loser = &all[i];
  }
  assert_non_null(loser);
  return loser;
}

static beginner make(store *w, const char *holds, bool read_only, const char *asks) {
  shunt_session *s = open_session(w);
  return (beginner){.session = s, .client = asks, .held = must_begin(w, s, holds, read_only)};
}

static void assert_says(const shunt_error *err, const char *words) {
  if (!strstr(err->message, words)) fail_msg("'%s' is not in: %s", words, err->message);
}

/* ---- tests ---- */

static void a_cycle_through_files_has_one_loser(void **state) {
  store *w = *state;
  for (int n = 2; n <= STORE_FILES; n++)
    for (int round = 0; round < 10; round++) {
      beginner all[STORE_FILES];
      for (int i = 0; i < n; i++) all[i] = make(w, store_clients[i], false, store_clients[(i + 1) % n]);
      const beginner *loser = only_loser(all, n);
      assert_says(&loser->err, "could never come free to be written to");
      assert_says(&loser->err, "waits for the lock of '");
      assert_string_equal(loser->err.client, loser->client);
    }
}

/* Its one connection is held by who reads, the file of another by who waits for that. */
static void a_cycle_through_a_pool_and_a_file_has_one_loser(void **state) {
  store *w = *state;
  for (int round = 0; round < 10; round++) {
    beginner all[2] = {make(w, "main", false, "single"), make(w, "single", true, "main")};
    const beginner *loser = only_loser(all, 2);
    assert_says(&loser->err, "waits for the lock of '");
    assert_says(&loser->err, "waits for client 'single' (level 0), held by session ");
  }
}

static void a_lock_whose_holder_works_is_waited_for(void **state) {
  store *w = *state;
  shunt_session *s = open_session(w);
  shunt_tx *tx = must_begin(w, s, "main", false);
  beginner b = make(w, "orders", false, "main");
  assert_int_equal(pthread_create(&b.thread, NULL, run_beginner, &b), 0);
  for (int i = 0; i < 100; i++) sched_yield();
  store_fine(w, shunt_commit(tx, &w->err));
  assert_int_equal(pthread_join(b.thread, NULL), 0);
  assert_int_equal(b.status, SHUNT_OK);
  shunt_session_close(b.session);
  shunt_session_close(s);
}

static void what_another_process_has_locked_for_this_work_is_not_waited_for(void **state) {
  store *w = *state;
  shunt_session *s = w->session = open_session(w);
  char file[128];
  snprintf(file, sizeof file, "%s/main.db", w->folder);
  const char *files[] = {"/elsewhere.db", file};
  store_fine(w, session_lock_out(s, files, 2, "session 7, which waits for this job", &w->err));
  store_exec(w, 0, "BEGIN IMMEDIATE");
  store_exec(w, 1, "BEGIN IMMEDIATE");
  shunt_tx *tx;
  const char *insert = "INSERT INTO users (name) VALUES ('Ada')", *select = "SELECT * FROM users";
  store_fails(w, shunt_begin(s, &(shunt_tx_options){.client = "main"}, &tx, &w->err), SHUNT_E_CONFLICT,
              "is locked by session 7, which waits for this job");
  assert_int_equal(w->err.engine_code, 0); /* another try would come to the same */
  store_fails(w, shunt_sql(s, insert, &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err), SHUNT_E_CONFLICT,
              "is locked by session 7");
  store_fine(w, shunt_sql(s, select, &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err));
  store_fine(w, shunt_session_timeout(s, 5, &w->err));
  store_fails(w, shunt_begin(s, &(shunt_tx_options){.client = "orders"}, &tx, &w->err), SHUNT_E_TIMEOUT, "is locked");
  store_fine(w, shunt_session_timeout(s, 0, &w->err));
  store_exec(w, 0, "COMMIT");
  store_exec(w, 1, "COMMIT");
  store_fine(w, shunt_sql(s, insert, &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err));
}

/* ---- on random input ---- */

typedef struct walker {
  shunt_session *session;
  bool ordered; /* all take files in one order */
  rng random;
  pthread_t thread;
  int conflicts, wrong;
} walker;

static void shuffle(walker *me, const char **files) {
  for (size_t i = STORE_FILES - 1; i > 0 && !me->ordered; i--) {
    size_t with = rng_below(&me->random, i + 1);
    const char *file = files[i];
    files[i] = files[with];
    files[with] = file;
  }
}

static void *walk(void *arg) {
  walker *me = arg;
  shunt_error err;
  for (int i = 0; i < 60; i++) {
    const char *files[STORE_FILES] = {store_clients[0], store_clients[1], store_clients[2]};
    shunt_tx *held[STORE_FILES];
    int n = 0, most = 1 + (int)rng_below(&me->random, STORE_FILES);
    shunt_status status = SHUNT_OK;
    shuffle(me, files);
    while (n < most && !status) {
      shunt_tx_options options = {.client = files[n], .read_only = rng_below(&me->random, 8) == 0};
      status = shunt_begin(me->session, &options, &held[n], &err);
      n += !status;
      if (!status) usleep((useconds_t)rng_below(&me->random, 500)); /* so that others come in between */
    }
    me->conflicts += status == SHUNT_E_CONFLICT;
    me->wrong += status && status != SHUNT_E_CONFLICT;
    while (n--) shunt_rollback(held[n], NULL);
  }
  return NULL;
}

static int walk_all(store *w, rng *r, bool ordered) {
  enum { WALKERS = 4 };
  walker walkers[WALKERS];
  int conflicts = 0, wrong = 0;
  for (int i = 0; i < WALKERS; i++) {
    walkers[i] = (walker){.session = open_session(w), .ordered = ordered, .random = {rng_next(r)}};
    assert_int_equal(pthread_create(&walkers[i].thread, NULL, walk, &walkers[i]), 0);
  }
  for (int i = 0; i < WALKERS; i++) {
    assert_int_equal(pthread_join(walkers[i].thread, NULL), 0);
    conflicts += walkers[i].conflicts;
    wrong += walkers[i].wrong;
    shunt_session_close(walkers[i].session);
  }
  assert_int_equal(wrong, 0);
  return conflicts;
}

static void who_lock_files_in_any_order_all_go_on(void **state) {
  rng r = rng_start("files in any order");
  assert_int_not_equal(walk_all(*state, &r, false), 0);
}

static void who_lock_files_in_one_order_are_never_told(void **state) {
  rng r = rng_start("files in one order");
  assert_int_equal(walk_all(*state, &r, true), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      patient_test(a_cycle_through_files_has_one_loser),
      patient_test(a_cycle_through_a_pool_and_a_file_has_one_loser),
      patient_test(a_lock_whose_holder_works_is_waited_for),
      patient_test(what_another_process_has_locked_for_this_work_is_not_waited_for),
      patient_test(who_lock_files_in_any_order_all_go_on),
      patient_test(who_lock_files_in_one_order_are_never_told),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
