/* Waiting for what a job comes to, pushing inside of transactions, and several workers at once. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <stdatomic.h>

#include "unit/jobs/yard.h"
#include "unit/watchdog.h"

#define BEGIN                                                                                                          \
  yard *y = yard_of(state);                                                                                            \
  if (!y) skip()

/* ---- a worker on a thread ---- */

/* Completes with the job's data; what is called "fail" fails. */
typedef struct hand {
  pthread_t thread;
  shunt_worker *worker;
  shunt_error err; /* SHUNT_OK, or what went wrong */
  int done;
  atomic_llong *last;  /* the data of the job before, on whatever thread; NULL: they are in no order */
  bool disorder;       /* data did not grow */
  atomic_int *running; /* jobs at this moment, on all threads; NULL: not counted */
  int most;            /* of these */
  const char *write;   /* a datasource that each job writes to first; NULL: none */
} hand;

/* Sleeps, so that others have the time to begin. */
static void count_running(hand *h) {
  int now = atomic_fetch_add(h->running, 1) + 1;
  if (now > h->most) h->most = now;
  usleep(1000);
  atomic_fetch_sub(h->running, 1);
}

static shunt_status handle(hand *h, shunt_job *job) {
  const shunt_job_info *info = shunt_job_of(job);
  shunt_error why = {.status = SHUNT_E_DENIED};
  snprintf(why.message, sizeof why.message, "no: it may not");
  if (strcmp(info->name, "fail") == 0) return shunt_job_failed(job, &why, &h->err);
  int64_t n = strtoll(info->data, NULL, 10);
  if (h->last && atomic_exchange(h->last, n) != n - 1) h->disorder = true;
  h->done++;
  if (h->running) count_running(h);
  shunt_status status = h->write ? shunt_sql(shunt_job_session(job), "INSERT INTO effects VALUES (1)",
                                             &(shunt_sql_options){.client = h->write}, NULL, NULL, &why)
                                 : SHUNT_OK;
  return status ? shunt_job_failed(job, &why, &h->err) : shunt_job_complete(job, info->data, &h->err);
}

static void *work(void *ud) {
  hand *h = ud;
  for (;;) {
    shunt_job *job;
    if (shunt_worker_next(h->worker, 600000, &job, &h->err)) return NULL;
    if (!job) break;
    shunt_status status = handle(h, job);
    shunt_job_free(job);
    if (status) return NULL;
  }
  h->err.status = SHUNT_OK;
  return NULL;
}

static void hand_begin(hand *h) { assert_int_equal(pthread_create(&h->thread, NULL, work, h), 0); }

static void hand_start(hand *h, shunt_worker *worker) {
  *h = (hand){.worker = worker};
  hand_begin(h);
}

static void hand_join(hand *h) {
  assert_int_equal(pthread_join(h->thread, NULL), 0);
  if (h->err.status) fail_msg("a worker's thread: %s", h->err.message);
}

static void hand_stop(hand *h) {
  shunt_worker_stop(h->worker);
  hand_join(h);
}

/* ---- waiting ---- */

static const shunt_push_options patient = {.wait_ms = 60000};

static void hands_the_result_to_who_waits(void **state) {
  BEGIN;
  hand h;
  char *result;
  hand_start(&h, y->worker);
  for (int i = 0; i < 20; i++) {
    yard_fine(y, shunt_push_wait(y->session, "j", "{\"n\":[1,null]}", &patient, &result, &y->err));
    assert_string_equal(result, "{\"n\":[1,null]}");
    shunt_free(result);
  }
  hand_stop(&h);
  assert_int_equal(yard_count(y), 0);
}

static void hands_a_failure_to_who_waits_with_its_code(void **state) {
  BEGIN;
  hand h;
  char *result;
  hand_start(&h, y->worker);
  shunt_push_options o = {.retry = SHUNT_NO_RETRY, .wait_ms = 60000};
  yard_fails(y, shunt_push_wait(y->session, "fail", NULL, &o, &result, &y->err), SHUNT_E_DENIED,
             "job 'fail' failed: no: it may not");
  assert_null(result);
  hand_stop(&h);
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead'"), 1);
}

static void waits_no_longer_than_its_timeout(void **state) {
  BEGIN;
  char *result;
  assert_null(yard_try_next(y)); /* the tables are there */
  yard_fails(y, shunt_push_wait(y->session, "j", NULL, &(shunt_push_options){.wait_ms = 300}, &result, &y->err),
             SHUNT_E_TIMEOUT, "it goes on");
  yard_fine(y, shunt_session_timeout(y->session, 300, &y->err));
  yard_fails(y, shunt_push_wait(y->session, "j", NULL, NULL, &result, &y->err), SHUNT_E_TIMEOUT, "it goes on");
  yard_fine(y, shunt_session_timeout(y->session, 0, &y->err));
  yard_complete(y, yard_next(y), "1");
  yard_complete(y, yard_next(y), "1");
  assert_int_equal(yard_count(y), 0);
}

typedef struct asker {
  pthread_t thread;
  yard *y;
  char *result;
  shunt_error err;
} asker;

static void *ask(void *ud) {
  asker *a = ud;
  shunt_session *s;
  a->err.status = shunt_session_open(a->y->app, NULL, &s, &a->err);
  if (a->err.status) return NULL;
  a->err.status =
      shunt_push_wait(s, "j", "5", &(shunt_push_options){.unique_key = "k", .wait_ms = 60000}, &a->result, &a->err);
  shunt_session_close(s);
  return NULL;
}

static void hands_one_result_to_all_who_wait_for_one_key(void **state) {
  BEGIN;
  asker askers[3] = {{.y = y}, {.y = y}, {.y = y}};
  int64_t id = yard_push(y, "j", "5", &(shunt_push_options){.unique_key = "k"});
  for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
  while (yard_number(y, "SELECT max(awaited) FROM shunt_jobs WHERE env = '%s'") < 3) usleep(2000);
  shunt_job *job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->id, id);
  yard_complete(y, job, "[5]");
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
    if (askers[i].err.status) fail_msg("%s", askers[i].err.message);
    assert_string_equal(askers[i].result, "[5]");
    shunt_free(askers[i].result);
  }
  assert_int_equal(yard_count(y), 0);
}

static void keeps_the_result_that_somebody_began_to_wait_for_while_it_ran(void **state) {
  BEGIN;
  asker a = {.y = y};
  yard_push(y, "j", "5", &(shunt_push_options){.unique_key = "k"});
  shunt_job *job = yard_next(y);
  assert_int_equal(pthread_create(&a.thread, NULL, ask, &a), 0);
  while (yard_number(y, "SELECT max(awaited) FROM shunt_jobs WHERE env = '%s'") < 1) usleep(2000);
  yard_complete(y, job, "6");
  assert_int_equal(pthread_join(a.thread, NULL), 0);
  if (a.err.status) fail_msg("%s", a.err.message);
  assert_string_equal(a.result, "6");
  shunt_free(a.result);
}

static void tells_who_waits_that_the_job_was_purged(void **state) {
  BEGIN;
  asker a = {.y = y};
  assert_int_equal(pthread_create(&a.thread, NULL, ask, &a), 0);
  shunt_job *job = yard_next(y);
  yard_sql(y, "DELETE FROM shunt_jobs WHERE env = '%s'");
  assert_int_equal(pthread_join(a.thread, NULL), 0);
  assert_int_equal(a.err.status, SHUNT_E_NOT_FOUND);
  assert_non_null(strstr(a.err.message, "purged"));
  shunt_job_free(job);
}

/* ---- transactions ---- */

static const char *queue_client(const yard *y) { return y->kind == YARD_PG ? "far" : "main"; }

static void commits_with_the_transaction_on_the_queues_datasource(void **state) {
  BEGIN;
  shunt_tx *tx;
  if (y->kind == YARD_OWN) skip(); /* a transaction can't name it */
  assert_null(yard_try_next(y));
  for (int commit = 0; commit < 2; commit++) {
    yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = queue_client(y)}, &tx, &y->err));
    assert_true(yard_push(y, "j", NULL, NULL) > 0);
    assert_null(yard_try_next(y));
    if (commit)
      yard_fine(y, shunt_commit(tx, &y->err));
    else
      yard_fine(y, shunt_rollback(tx, &y->err));
    assert_int_equal(yard_count(y), commit);
  }
  yard_complete(y, yard_next(y), NULL);
}

static void makes_its_tables_anew_where_the_transaction_that_made_them_was_rolled_back(void **state) {
  BEGIN;
  shunt_tx *tx;
  if (y->kind == YARD_OWN) skip();
  for (int i = 0; i < 2; i++) {
    yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = queue_client(y)}, &tx, &y->err));
    yard_push(y, "j", NULL, NULL);
    yard_fine(y, shunt_rollback(tx, &y->err));
  }
  yard_push(y, "j", NULL, NULL);
  yard_complete(y, yard_next(y), NULL);
  assert_null(yard_try_next(y));
}

static void refuses_to_wait_in_a_transaction_that_hides_the_job(void **state) {
  BEGIN;
  shunt_tx *tx;
  char *result;
  if (y->kind == YARD_OWN) skip();
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = queue_client(y)}, &tx, &y->err));
  yard_fails(y, shunt_push_wait(y->session, "j", NULL, NULL, &result, &y->err), SHUNT_E_CONFLICT,
             "no worker can see the job 'j' before the transaction");
  yard_fine(y, shunt_commit(tx, &y->err));
  assert_null(yard_try_next(y));
}

static void sends_at_once_what_a_transaction_elsewhere_waits_for(void **state) {
  BEGIN;
  hand h;
  shunt_tx *tx;
  char *result;
  hand_start(&h, y->worker);
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = "other"}, &tx, &y->err));
  yard_fine(y, shunt_push_wait(y->session, "j", "3", &patient, &result, &y->err));
  assert_string_equal(result, "3");
  shunt_free(result);
  yard_fine(y, shunt_commit(tx, &y->err));
  hand_stop(&h);
}

/* The queue lies elsewhere than the transaction. */
static const char *elsewhere(const yard *y) { return y->kind == YARD_OWN ? "main" : "other"; }

static void is_sent_after_the_commit_of_a_transaction_elsewhere(void **state) {
  BEGIN;
  shunt_tx *tx;
  int64_t id;
  char job[] = "mail", data[] = "[1]";
  for (int commit = 0; commit < 2; commit++) {
    yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = elsewhere(y)}, &tx, &y->err));
    yard_fine(y, shunt_push(y->session, job, data, &(shunt_push_options){.unique_key = "k"}, &id, &y->err));
    assert_int_equal(id, 0);
    assert_null(yard_try_next(y));
    memset(job, 'x', 4); /* it was borrowed for the call alone */
    if (commit)
      yard_fine(y, shunt_commit(tx, &y->err));
    else
      yard_fine(y, shunt_rollback(tx, &y->err));
    memcpy(job, "mail", 4);
    assert_int_equal(yard_count(y), commit);
  }
  shunt_job *next = yard_next(y);
  assert_string_equal(shunt_job_of(next)->name, "mail");
  assert_string_equal(shunt_job_of(next)->data, "[1]");
  yard_complete(y, next, NULL);
}

static void is_done_only_once_what_it_did_elsewhere_is_committed(void **state) {
  BEGIN;
  shunt_tx *tx;
  yard_push(y, "j", NULL, NULL);
  for (int commit = 0; commit < 2; commit++) {
    shunt_job *job = yard_next(y);
    yard_fine(y, shunt_begin(shunt_job_session(job), &(shunt_tx_options){.client = elsewhere(y)}, &tx, &y->err));
    yard_fine(y, shunt_job_complete(job, NULL, &y->err));
    assert_int_equal(yard_count(y), 1);
    if (commit)
      yard_fine(y, shunt_commit(tx, &y->err));
    else
      yard_fine(y, shunt_rollback(tx, &y->err));
    assert_int_equal(yard_count(y), !commit);
    shunt_job_free(job);
  }
  assert_int_equal(yard_count(y), 0);
}

/* ---- what can't end ---- */

static void make_effects(yard *y, const char *client) {
  yard_fine(y, shunt_sql(y->session, "CREATE TABLE effects (n INTEGER)", &(shunt_sql_options){.client = client}, NULL,
                         NULL, &y->err));
}

static void drop_effects(yard *y, const char *client) {
  yard_fine(y,
            shunt_sql(y->session, "DROP TABLE effects", &(shunt_sql_options){.client = client}, NULL, NULL, &y->err));
}

/* The transaction has locked the file that the job must write to. */
static void finds_at_once_that_a_job_waits_for_what_its_waiter_has_locked(void **state) {
  BEGIN;
  hand h = {.worker = y->worker, .write = elsewhere(y)};
  shunt_tx *tx;
  char *result;
  make_effects(y, elsewhere(y));
  hand_begin(&h);
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = elsewhere(y)}, &tx, &y->err));
  yard_fails(y, shunt_push_wait(y->session, "j", "1", &patient, &result, &y->err), SHUNT_E_CONFLICT, "which waits");
  yard_fine(y, shunt_rollback(tx, &y->err));
  yard_fine(y, shunt_push_wait(y->session, "j", "1", &patient, &result, &y->err));
  shunt_free(result);
  hand_stop(&h);
}

/* The transaction holds the only connection of level 0, and the job writes to the same table at level 1. */
static void goes_up_a_level_so_that_the_waiters_connection_is_not_needed(void **state) {
  BEGIN;
  if (y->kind != YARD_PG) skip();
  hand h = {.worker = y->worker, .write = "narrow"};
  shunt_tx *tx;
  char *result;
  shunt_rows *rows;
  make_effects(y, "narrow");
  hand_begin(&h);
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = "narrow"}, &tx, &y->err));
  yard_fine(y, shunt_sql(y->session, "INSERT INTO effects VALUES (0)", &(shunt_sql_options){.client = "narrow"}, NULL,
                         NULL, &y->err));
  yard_fine(y, shunt_push_wait(y->session, "j", "1", &patient, &result, &y->err));
  shunt_free(result);
  yard_fine(y, shunt_commit(tx, &y->err));
  yard_fine(y, shunt_sql(y->session, "SELECT n FROM effects ORDER BY n", &(shunt_sql_options){.client = "narrow"},
                         &rows, NULL, &y->err));
  assert_int_equal(shunt_rows_count(rows), 2);
  shunt_rows_free(rows);
  hand_stop(&h);
  drop_effects(y, "narrow");
}

static void tells_at_once_without_levels_that_it_would_wait_for_ever(void **state) {
  BEGIN;
  if (y->kind != YARD_PG) skip();
  hand h = {.worker = y->worker, .write = "narrow"};
  shunt_tx *tx;
  char *result;
  make_effects(y, "narrow");
  hand_begin(&h);
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = "narrow"}, &tx, &y->err));
  yard_fails(y, shunt_push_wait(y->session, "j", "1", &patient, &result, &y->err), SHUNT_E_CONFLICT, "waits");
  yard_fine(y, shunt_rollback(tx, &y->err));
  hand_stop(&h);
  drop_effects(y, "narrow");
}

static void takes_effect_once_where_it_is_completed_in_its_effects_transaction(void **state) {
  BEGIN;
  shunt_tx *tx;
  if (y->kind == YARD_OWN) skip();
  yard_push(y, "j", NULL, NULL);
  for (int commit = 0; commit < 2; commit++) {
    shunt_job *job = yard_next(y);
    yard_fine(y, shunt_begin(shunt_job_session(job), &(shunt_tx_options){.client = queue_client(y)}, &tx, &y->err));
    yard_fine(y, shunt_job_complete(job, NULL, &y->err));
    assert_false(shunt_job_ended(job));
    if (commit)
      yard_fine(y, shunt_commit(tx, &y->err));
    else
      yard_fine(y, shunt_rollback(tx, &y->err));
    assert_int_equal(shunt_job_ended(job), commit);
    shunt_job_free(job);
    assert_int_equal(yard_count(y), !commit);
  }
  assert_null(yard_try_next(y));
}

/* Its snapshot is older than the renewal. */
static void is_completed_in_a_transaction_that_sees_what_was_for_longer_than_its_lease(void **state) {
  BEGIN;
  shunt_tx *tx;
  if (y->kind == YARD_OWN) skip();
  shunt_worker_close(y->worker);
  y->worker = yard_worker(y, 300);
  static const char *const isolations[] = {"repeatable read", "serializable"};
  for (int i = 0; i < 2; i++) {
    yard_push(y, "j", NULL, &(shunt_push_options){.concurrency = 1});
    shunt_job *job = yard_next(y);
    const shunt_tx_options o = {.client = queue_client(y), .isolation = isolations[i]};
    for (;;) { /* a renewal may fall between the two */
      yard_fine(y, shunt_begin(shunt_job_session(job), &o, &tx, &y->err));
      shunt_status status = shunt_job_hold(job, &y->err);
      if (!status) break;
      yard_fails(y, status, SHUNT_E_CONFLICT, "serialize");
      yard_fine(y, shunt_rollback(tx, &y->err));
    }
    usleep(500000);
    if (y->kind == YARD_PG) assert_null(yard_try_next(y));
    yard_fine(y, shunt_job_complete(job, NULL, &y->err));
    yard_fine(y, shunt_commit(tx, &y->err));
    shunt_job_free(job);
    assert_int_equal(yard_count(y), 0);
  }
}

static void holds_no_job_that_another_worker_has(void **state) {
  BEGIN;
  shunt_tx *tx;
  if (y->kind != YARD_PG) skip();
  yard_push(y, "j", NULL, NULL);
  shunt_job *lost = yard_next(y);
  yard_hasten(y);
  shunt_job *job = yard_next(y);
  const shunt_tx_options o = {.client = queue_client(y), .isolation = "serializable"};
  yard_fine(y, shunt_begin(shunt_job_session(lost), &o, &tx, &y->err));
  yard_fails(y, shunt_job_hold(lost, &y->err), SHUNT_E_CONFLICT, "its lease ran out");
  yard_fine(y, shunt_rollback(tx, &y->err));
  shunt_job_free(lost);
  yard_complete(y, job, NULL);
  assert_int_equal(yard_count(y), 0);
}

static void rolls_back_what_is_open_when_it_has_failed(void **state) {
  BEGIN;
  shunt_tx *tx;
  yard_push(y, "j", NULL, NULL);
  shunt_job *job = yard_next(y);
  shunt_error why = {.status = SHUNT_E_USAGE};
  yard_fine(y,
            shunt_begin(shunt_job_session(job),
                        &(shunt_tx_options){.client = y->kind == YARD_OWN ? "main" : queue_client(y)}, &tx, &y->err));
  yard_fine(y, shunt_job_failed(job, &why, &y->err));
  shunt_job_free(job);
  assert_int_not_equal(shunt_commit(tx, &y->err), SHUNT_OK);
  assert_int_equal(yard_number(y, "SELECT max(failures) FROM shunt_jobs WHERE env = '%s'"), 1);
}

/* ---- several at once ---- */

enum { HANDS = 3, MANY = 150 };

static void wait_until_empty(yard *y) {
  while (yard_count(y) > 0) usleep(5000);
}

static void runs_each_job_once_on_many_threads(void **state) {
  BEGIN;
  hand hands[HANDS];
  int done = 0;
  shunt_worker *second = yard_worker(y, YARD_LEASE_MS);
  for (int i = 0; i < HANDS; i++) hand_start(&hands[i], i ? y->worker : second);
  for (int i = 0; i < MANY; i++) yard_push(y, "j", "0", NULL);
  wait_until_empty(y);
  shunt_worker_stop(y->worker);
  shunt_worker_stop(second);
  for (int i = 0; i < HANDS; i++) {
    hand_join(&hands[i]);
    done += hands[i].done;
  }
  assert_int_equal(done, MANY);
  shunt_worker_close(second);
}

/* Each comes after the one before it, whatever thread they are on, and no two of the name run at once. */
static void keeps_the_order_where_one_runs_at_a_time(void **state) {
  BEGIN;
  hand hands[HANDS];
  char data[24];
  atomic_llong last = -1;
  shunt_worker *second = yard_worker(y, YARD_LEASE_MS);
  for (int i = 0; i < HANDS; i++) {
    hands[i] = (hand){.worker = i ? y->worker : second, .last = &last};
    hand_begin(&hands[i]);
  }
  for (int i = 0; i < MANY; i++) {
    snprintf(data, sizeof data, "%d", i);
    yard_push(y, "j", data, &(shunt_push_options){.concurrency = 1});
    assert_true(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'running'") <= 1);
  }
  wait_until_empty(y);
  shunt_worker_stop(y->worker);
  shunt_worker_stop(second);
  for (int i = 0; i < HANDS; i++) {
    hand_join(&hands[i]);
    assert_false(hands[i].disorder);
  }
  shunt_worker_close(second);
}

/* Workers that know nothing of each other, as in processes of their own. */
static void runs_no_more_at_once_than_a_names_concurrency_on_many_workers(void **state) {
  BEGIN;
  enum { AT_ONCE = 2, WORKERS = 5 };
  hand hands[WORKERS];
  atomic_int running = 0;
  for (int i = 0; i < MANY; i++) yard_push(y, "j", "0", &(shunt_push_options){.concurrency = AT_ONCE});
  for (int i = 0; i < WORKERS; i++) {
    hands[i] = (hand){.worker = yard_worker(y, YARD_LEASE_MS), .running = &running};
    hand_begin(&hands[i]);
  }
  wait_until_empty(y);
  int done = 0, most = 0;
  for (int i = 0; i < WORKERS; i++) {
    hand_stop(&hands[i]);
    shunt_worker_close(hands[i].worker);
    done += hands[i].done;
    if (hands[i].most > most) most = hands[i].most;
  }
  assert_int_equal(done, MANY);
  assert_in_range(most, 1, AT_ONCE);
}

/* The tables are made at the first use, on any thread. */
static void is_made_once_by_many_who_push_first(void **state) {
  BEGIN;
  asker askers[4];
  for (int i = 0; i < 4; i++) {
    askers[i] = (asker){.y = y};
    assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
  }
  hand h;
  hand_start(&h, y->worker);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
    if (askers[i].err.status) fail_msg("%s", askers[i].err.message);
    shunt_free(askers[i].result);
  }
  hand_stop(&h);
}

static void is_woken_by_a_push_of_another_application(void **state) {
  BEGIN;
  hand h;
  shunt_app *app;
  shunt_session *s;
  char path[128], *result;
  hand_start(&h, y->worker);
  snprintf(path, sizeof path, "%s/shunt.yaml", y->folder);
  yard_fine(y, shunt_open(path, &(shunt_options){.env = y->env}, &app, &y->err));
  yard_fine(y, shunt_session_open(app, NULL, &s, &y->err));
  yard_fine(y, shunt_push_wait(s, "j", "1", &patient, &result, &y->err));
  shunt_free(result);
  shunt_session_close(s);
  shunt_close(app);
  hand_stop(&h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      yard_tests(hands_the_result_to_who_waits),
      yard_tests(hands_a_failure_to_who_waits_with_its_code),
      yard_tests(waits_no_longer_than_its_timeout),
      yard_tests(hands_one_result_to_all_who_wait_for_one_key),
      yard_tests(keeps_the_result_that_somebody_began_to_wait_for_while_it_ran),
      yard_tests(tells_who_waits_that_the_job_was_purged),
      yard_tests(commits_with_the_transaction_on_the_queues_datasource),
      yard_tests(makes_its_tables_anew_where_the_transaction_that_made_them_was_rolled_back),
      yard_tests(refuses_to_wait_in_a_transaction_that_hides_the_job),
      yard_tests(sends_at_once_what_a_transaction_elsewhere_waits_for),
      yard_tests(takes_effect_once_where_it_is_completed_in_its_effects_transaction),
      yard_tests(is_completed_in_a_transaction_that_sees_what_was_for_longer_than_its_lease),
      yard_tests(holds_no_job_that_another_worker_has),
      yard_tests(rolls_back_what_is_open_when_it_has_failed),
      yard_tests(is_sent_after_the_commit_of_a_transaction_elsewhere),
      yard_tests(is_done_only_once_what_it_did_elsewhere_is_committed),
      yard_tests(finds_at_once_that_a_job_waits_for_what_its_waiter_has_locked),
      yard_tests(goes_up_a_level_so_that_the_waiters_connection_is_not_needed),
      {"tells_at_once_without_levels_that_it_would_wait_for_ever (PostgreSQL)",
       tells_at_once_without_levels_that_it_would_wait_for_ever, yard_pg_flat, yard_teardown, NULL},
      yard_tests(runs_each_job_once_on_many_threads),
      yard_tests(runs_no_more_at_once_than_a_names_concurrency_on_many_workers),
      yard_tests(keeps_the_order_where_one_runs_at_a_time),
      yard_tests(is_made_once_by_many_who_push_first),
      yard_tests(is_woken_by_a_push_of_another_application),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
