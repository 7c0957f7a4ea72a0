/* A job's life: pushed, claimed, done, failed, dead, lost; and what comes before what. */
#define _DEFAULT_SOURCE
#include "unit/jobs/yard.h"
#include "unit/watchdog.h"

#define BEGIN                                                                                                          \
  yard *y = yard_of(state);                                                                                            \
  if (!y) skip()

static void runs_what_was_pushed_and_keeps_nothing_of_it(void **state) {
  BEGIN;
  int64_t id = yard_push(y, "mail", "{\"to\":[1,2.5,\"\\u00e9\"]}", NULL);
  shunt_job *job = yard_next(y);
  const shunt_job_info *info = shunt_job_of(job);
  assert_true(id > 0);
  assert_int_equal(info->id, id);
  assert_string_equal(info->name, "mail");
  assert_string_equal(info->queue, "default");
  assert_string_equal(info->data, "{\"to\":[1,2.5,\"\\u00e9\"]}");
  assert_int_equal(info->attempt, 1);
  assert_int_equal(info->timeout_ms, 0);
  assert_null(yard_try_next(y));
  yard_complete(y, job, "1");
  assert_int_equal(yard_count(y), 0);
}

static void finds_nothing_where_nothing_was_ever_pushed(void **state) {
  BEGIN;
  assert_null(yard_try_next(y));
}

static void goes_by_priority_and_then_by_order_of_pushing(void **state) {
  BEGIN;
  static const char *const order[] = {"1", "4", "2", "3", "0"};
  static const int priorities[] = {9, -1, 5, 5, 0};
  char data[2] = "0";
  for (int i = 0; i < 5; i++, data[0]++) yard_push(y, "n", data, &(shunt_push_options){.priority = priorities[i]});
  for (int i = 0; i < 5; i++) {
    shunt_job *job = yard_next(y);
    assert_string_equal(shunt_job_of(job)->data, order[i]);
    yard_complete(y, job, NULL);
  }
}

static void waits_for_the_delay(void **state) {
  BEGIN;
  yard_push(y, "later", NULL, &(shunt_push_options){.delay_ms = 3600000});
  yard_push(y, "now", NULL, NULL);
  shunt_job *job = yard_next(y);
  assert_string_equal(shunt_job_of(job)->name, "now");
  yard_complete(y, job, NULL);
  assert_null(yard_try_next(y));
  yard_hasten(y);
  job = yard_next(y);
  assert_string_equal(shunt_job_of(job)->name, "later");
  assert_string_equal(shunt_job_of(job)->data, "null");
  yard_complete(y, job, NULL);
}

static void assert_attempts(yard *y, const char *state, int64_t attempts) {
  shunt_rows *rows;
  yard_fine(y, shunt_jobs_list(y->session, NULL, &rows, &y->err));
  assert_int_equal(shunt_rows_count(rows), 1);
  assert_string_equal(shunt_rows_at(rows, 0)[3].as.bytes, state);
  assert_int_equal(shunt_rows_at(rows, 0)[6].as.integer, attempts);
  shunt_rows_free(rows);
}

static void tries_again_after_a_back_off_until_it_is_dead(void **state) {
  BEGIN;
  shunt_push_options o = {.retry = 2, .backoff_ms = 100000};
  yard_push(y, "f", NULL, &o);
  for (int failures = 0; failures < 3; failures++) {
    shunt_job *job = yard_next(y);
    assert_int_equal(shunt_job_of(job)->attempt, failures + 1);
    assert_attempts(y, "running", failures + 1);
    yard_fail(y, job, SHUNT_E_DATASOURCE, "no luck");
    assert_attempts(y, failures < 2 ? "ready" : "dead", failures + 1);
    assert_null(yard_try_next(y));
    if (failures == 2) break;
    int64_t left_ms = yard_number(y, "SELECT due_at - run_at FROM shunt_jobs WHERE env = '%s'");
    assert_int_equal(left_ms, 0);
    int64_t whole_ms = yard_number(y, "SELECT due_at - created_at FROM shunt_jobs WHERE env = '%s'");
    int64_t expected_ms = (int64_t)100000 << failures;
    assert_true(whole_ms >= expected_ms * 8 / 10 && whole_ms <= expected_ms * 12 / 10 + 60000);
    yard_hasten(y);
  }
  shunt_rows *rows;
  yard_fine(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.state = "dead"}, &rows, &y->err));
  assert_int_equal(shunt_rows_count(rows), 1);
  const shunt_value *cells = shunt_rows_at(rows, 0);
  assert_string_equal(cells[3].as.bytes, "dead");
  assert_int_equal(cells[6].as.integer, 3);
  assert_string_equal(cells[11].as.bytes, "SHUNT_E_DATASOURCE: no luck");
  shunt_rows_free(rows);
}

static int64_t dead(yard *y) {
  return yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead'");
}

static void tries_three_times_more_where_nothing_is_said(void **state) {
  BEGIN;
  const shunt_push_options o = {.priority = 0}, *const none[] = {NULL, &o};
  for (int n = 0; n < 2; n++) {
    yard_push(y, "f", NULL, none[n]);
    for (int i = 0; i < 4; i++) {
      assert_int_equal(dead(y), n);
      yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
      yard_hasten(y);
    }
    assert_int_equal(dead(y), n + 1);
  }
}

static void does_not_try_again_where_options_say_so(void **state) {
  BEGIN;
  yard_push(y, "f", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  assert_int_equal(dead(y), 1);
}

/* Which no server takes for text. */
static void keeps_an_error_that_is_any_bytes_or_cut_in_a_letter(void **state) {
  BEGIN;
  char umlauts[1000] = ""; /* ends in half of one */
  for (size_t i = 0; i < 997; i++) umlauts[i] = i % 2 ? '\xa4' : '\xc3';
  const char *const messages[] = {"\xff\xfe", umlauts};
  for (int i = 0; i < 2; i++) {
    yard_push(y, "f", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
    yard_fail(y, yard_next(y), SHUNT_E_RULE, messages[i]);
  }
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead'"), 2);
  shunt_rows *rows;
  yard_fine(y, shunt_jobs_list(y->session, NULL, &rows, &y->err));
  assert_string_equal(shunt_rows_at(rows, 1)[11].as.bytes, "SHUNT_E_RULE: \xef\xbf\xbd\xef\xbf\xbd");
  shunt_rows_free(rows);
}

/* Otherwise it would run again at once, and again. */
static void leaves_to_its_lease_what_failed_where_that_could_not_be_told(void **state) {
  BEGIN;
  if (y->kind == YARD_PG) skip();
  yard_push(y, "f", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
  yard_sql(y, "CREATE TRIGGER t BEFORE UPDATE OF error ON shunt_jobs BEGIN SELECT raise(abort, 'not now'); END");
  shunt_job *job = yard_next(y);
  yard_fails(y, shunt_job_failed(job, &(shunt_error){.status = SHUNT_E_USAGE}, &y->err), SHUNT_E_CONSTRAINT, "not now");
  shunt_job_free(job);
  assert_null(yard_try_next(y));
  yard_sql(y, "DROP TRIGGER t");
  yard_hasten(y);
  job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->attempt, 2);
  yard_complete(y, job, NULL);
}

static void gives_back_at_once_what_neither_ended_nor_failed(void **state) {
  BEGIN;
  int64_t id = yard_push(y, "j", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY, .concurrency = 1});
  shunt_job_free(yard_next(y));
  shunt_job *job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->id, id);
  assert_int_equal(shunt_job_of(job)->attempt, 1);
  yard_complete(y, job, NULL);
}

/* ---- leases ---- */

static void is_claimed_again_once_its_lease_is_out(void **state) {
  BEGIN;
  int64_t id = yard_push(y, "slow", NULL, &(shunt_push_options){.concurrency = 1});
  shunt_job *lost = yard_next(y);
  assert_null(yard_try_next(y));
  yard_sql(y, "UPDATE shunt_jobs SET due_at = 1, lost_by = worker WHERE env = '%s'");
  shunt_job *job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->id, id);
  assert_int_equal(shunt_job_of(job)->attempt, 2);
  yard_fails(y, shunt_job_complete(lost, NULL, &y->err), SHUNT_E_CONFLICT, "its lease ran out");
  yard_fails(y, shunt_job_failed(lost, &(shunt_error){.status = SHUNT_E_USAGE}, &y->err), SHUNT_E_CONFLICT, "lease");
  shunt_job_free(lost);
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'running'"), 1);
  yard_complete(y, job, NULL);
  assert_int_equal(yard_count(y), 0);
}

/* The clock may have leapt, and the worker may live. */
static void is_claimed_only_if_its_lease_runs_out_again(void **state) {
  BEGIN;
  shunt_worker_close(y->worker);
  y->worker = yard_worker(y, 60000);
  shunt_worker *soon = yard_worker(y, 100);
  yard_push(y, "slow", NULL, NULL);
  shunt_job *job = yard_next(y), *other = NULL;
  yard_sql(y, "UPDATE shunt_jobs SET due_at = 1 WHERE env = '%s'");
  yard_fine(y, shunt_worker_next(soon, 0, &other, &y->err));
  assert_null(other);
  const char *doubted = "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND lost_by = worker AND due_at > 1";
  for (int i = 0; i < 1000 && !yard_number(y, doubted); i++) usleep(10000);
  assert_int_equal(yard_number(y, doubted), 1);
  yard_sql(y, "UPDATE shunt_jobs SET due_at = 1 WHERE env = '%s'");
  yard_fine(y, shunt_worker_next(soon, YARD_SOON_MS, &other, &y->err));
  assert_non_null(other);
  assert_int_equal(shunt_job_of(other)->attempt, 2);
  yard_complete(y, other, NULL);
  shunt_job_free(job);
  shunt_worker_close(soon);
}

static void is_dead_after_twenty_lost_leases(void **state) {
  BEGIN;
  yard_push(y, "killer", NULL, &(shunt_push_options){.retry = 100});
  shunt_job *jobs[20];
  for (int i = 0; i < 20; i++) {
    jobs[i] = yard_next(y);
    yard_sql(y, "UPDATE shunt_jobs SET due_at = 1, lost_by = worker WHERE env = '%s'");
  }
  assert_null(yard_try_next(y));
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead'"), 1);
  for (int i = 0; i < 20; i++) shunt_job_free(jobs[i]);
}

static void renews_the_lease_while_it_runs(void **state) {
  BEGIN;
  shunt_worker_close(y->worker);
  y->worker = yard_worker(y, 60);
  yard_push(y, "long", NULL, NULL);
  shunt_job *job = yard_next(y);
  int64_t first = yard_number(y, "SELECT due_at FROM shunt_jobs WHERE env = '%s'"), due = first;
  for (int i = 0; i < 1000 && due == first; i++) {
    usleep(10000);
    due = yard_number(y, "SELECT due_at FROM shunt_jobs WHERE env = '%s'");
  }
  assert_true(due > first);
  assert_int_equal(shunt_job_of(job)->attempt, 1);
  shunt_job_free(job);
}

/* ---- keys, names, queues ---- */

static void has_one_of_a_unique_key_that_waits_or_runs(void **state) {
  BEGIN;
  shunt_push_options o = {.unique_key = "k", .retry = SHUNT_NO_RETRY}, elsewhere = {.unique_key = "k", .queue = "q2"};
  int64_t first = yard_push(y, "a", "1", &o);
  assert_int_equal(yard_push(y, "a", "2", &o), first);
  assert_true(yard_push(y, "a", "3", &elsewhere) != first);
  shunt_job *job = yard_next(y);
  assert_string_equal(shunt_job_of(job)->data, "1");
  assert_int_equal(yard_push(y, "a", "4", &o), first);
  yard_complete(y, job, NULL);
  assert_true(yard_push(y, "a", "5", &o) != first);
  assert_int_equal(yard_count(y), 2);
}

static void tells_unique_keys_of_names_and_instances_apart(void **state) {
  BEGIN;
  static const shunt_push_options pushes[] = {{.unique_key = "k"},
                                              {.unique_key = "k", .instance = "acme"},
                                              {.unique_key = "k", .unique_scope = "queue"},
                                              {.unique_key = "k", .unique_scope = "queue", .queue = "q2"}};
  enum { N = sizeof pushes / sizeof *pushes };
  int64_t first[N], again;
  for (int i = 0; i < N; i++) {
    first[i] = yard_push(y, "a", NULL, &pushes[i]);
    for (int j = 0; j < i; j++) assert_true(first[i] != first[j]);
  }
  for (int i = 0; i < N; i++) {
    again = yard_push(y, "b", NULL, &pushes[i]);
    assert_int_equal(again == first[i], pushes[i].unique_scope != NULL);
    assert_int_equal(yard_push(y, "a", NULL, &pushes[i]), first[i]);
  }
}

typedef struct other_push {
  shunt_session *session;
  shunt_error err;
} other_push;

static void *push_k(void *ud) {
  other_push *o = ud;
  o->err.status = shunt_push(o->session, "a", NULL, &(shunt_push_options){.unique_key = "k"}, NULL, &o->err);
  return NULL;
}

/* In this thread, the transaction can't end meanwhile; from another one, the push waits for a while. */
static void waits_for_a_key_in_an_open_transaction_only_if_that_can_end(void **state) {
  BEGIN;
  shunt_tx *tx;
  pthread_t thread;
  other_push other = {.session = NULL};
  const shunt_push_options o = {.unique_key = "k"}, same_job = {.unique_key = "k", .unique_scope = "queue"};
  const char *client = y->kind == YARD_PG ? "far" : "main";
  if (y->kind == YARD_OWN) skip();
  yard_fine(y, shunt_session_open(y->app, NULL, &other.session, &y->err));
  yard_push(y, "a", NULL, NULL);
  yard_fine(y, shunt_begin(y->session, &(shunt_tx_options){.client = client}, &tx, &y->err));
  yard_push(y, "a", NULL, &o);
  yard_push(y, "a", NULL, &o); /* in that transaction itself */
  yard_fails(y, shunt_push(other.session, "a", NULL, &o, NULL, &y->err), SHUNT_E_CONFLICT, "still open in this thread");
  assert_int_equal(pthread_create(&thread, NULL, push_k, &other), 0);
  assert_int_equal(pthread_join(thread, NULL), 0);
  assert_int_equal(other.err.status, y->kind == YARD_PG ? SHUNT_E_TIMEOUT : SHUNT_E_DATASOURCE);
  if (y->kind == YARD_PG) yard_fine(y, shunt_push(other.session, "b", NULL, &o, NULL, &y->err)); /* another key */
  yard_fine(y, shunt_commit(tx, &y->err));
  yard_fine(y, shunt_push(other.session, "a", NULL, &o, NULL, &y->err));
  yard_fine(y, shunt_push(other.session, "a", NULL, &same_job, NULL, &y->err));
  assert_int_equal(yard_count(y), y->kind == YARD_PG ? 4 : 3);
  shunt_session_close(other.session);
}

static void runs_no_more_of_a_name_at_once_than_its_concurrency(void **state) {
  BEGIN;
  shunt_job *running[2];
  for (int i = 0; i < 4; i++) yard_push(y, "two", NULL, &(shunt_push_options){.concurrency = 2});
  yard_push(y, "any", NULL, NULL);
  for (int i = 0; i < 2; i++) {
    running[i] = yard_next(y);
    assert_string_equal(shunt_job_of(running[i])->name, "two");
  }
  shunt_job *any = yard_next(y);
  assert_string_equal(shunt_job_of(any)->name, "any");
  assert_null(yard_try_next(y));
  yard_fail(y, running[0], SHUNT_E_USAGE, "x");
  running[0] = yard_next(y);
  assert_null(yard_try_next(y));
  yard_complete(y, running[1], NULL);
  yard_complete(y, yard_next(y), NULL);
  yard_complete(y, running[0], NULL);
  yard_complete(y, any, NULL);
  assert_null(yard_try_next(y));
}

static void leaves_to_others_what_its_host_releases(void **state) {
  BEGIN;
  const shunt_error why = {.status = SHUNT_E_USAGE, .message = "not mine"};
  shunt_job *job;
  yard_push(y, "a", "1", &(shunt_push_options){.retry = SHUNT_NO_RETRY, .concurrency = 1});
  yard_push(y, "b", "2", &(shunt_push_options){.concurrency = 1});
  yard_push(y, "a", "3", &(shunt_push_options){.concurrency = 1, .instance = "acme"});
  job = yard_next(y);
  yard_fine(y, shunt_job_release(job, &why, &y->err));
  shunt_job_free(job);
  for (int i = 2; i <= 3; i++) {
    job = yard_next(y);
    assert_int_equal(shunt_job_of(job)->data[0], '0' + i);
    yard_complete(y, job, NULL);
  }
  assert_null(yard_try_next(y));
  shunt_worker *other = yard_worker(y, YARD_LEASE_MS);
  yard_fine(y, shunt_worker_next(other, YARD_SOON_MS, &job, &y->err));
  assert_non_null(job);
  assert_int_equal(shunt_job_of(job)->attempt, 1);
  yard_fine(y, shunt_job_release(job, &why, &y->err));
  shunt_job_free(job);
  shunt_worker_close(other);
  yard_fine(y, shunt_reload(y->app, NULL, &y->err));
  yard_complete(y, yard_next(y), NULL);
}

static void takes_the_queues_and_names_that_it_was_opened_for(void **state) {
  BEGIN;
  shunt_worker *w;
  shunt_job *job;
  const char *const queues[] = {"q1", "q2"}, *const names[] = {"b", "c"};
  yard_push(y, "a", NULL, &(shunt_push_options){.queue = "q1"});
  yard_push(y, "b", NULL, NULL);
  yard_push(y, "c", NULL, &(shunt_push_options){.queue = "q2"});
  shunt_worker_options o = {.queues = queues, .nqueues = 2, .jobs = names, .njobs = 2};
  yard_fine(y, shunt_worker_open(y->app, &o, &w, &y->err));
  yard_fine(y, shunt_worker_next(w, YARD_SOON_MS, &job, &y->err));
  assert_string_equal(shunt_job_of(job)->name, "c");
  assert_string_equal(shunt_job_of(job)->queue, "q2");
  yard_complete(y, job, NULL);
  yard_fine(y, shunt_worker_next(w, 0, &job, &y->err));
  assert_null(job);
  shunt_worker_close(w);
}

static void stops_at_once_and_lets_run_what_runs(void **state) {
  BEGIN;
  yard_push(y, "a", NULL, NULL);
  yard_push(y, "b", NULL, NULL);
  shunt_job *job = yard_next(y), *none;
  shunt_worker_stop(y->worker);
  yard_fine(y, shunt_worker_next(y->worker, 1000000000, &none, &y->err));
  assert_null(none);
  yard_complete(y, job, NULL);
  assert_int_equal(yard_count(y), 1);
}

/* ---- looking after them ---- */

static void runs_nothing_more_once_a_reload_has_moved_the_queue(void **state) {
  BEGIN;
  yard_push(y, "j", NULL, NULL);
  char overlay[64];
  snprintf(overlay, sizeof overlay, "shunt.%s.yaml", y->env);
  yard_write(y, overlay, "jobs: {client: other}\n");
  yard_fine(y, shunt_reload(y->app, NULL, &y->err));
  shunt_job *job;
  yard_fails(y, shunt_worker_next(y->worker, 0, &job, &y->err), SHUNT_E_CONFIG, "restart the worker");
  assert_null(job);
  yard_write(y, overlay, "{}\n");
  yard_fine(y, shunt_reload(y->app, NULL, &y->err));
  job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->attempt, 1);
  yard_complete(y, job, NULL);
}

static void revives_dead_ones_and_purges_what_has_ended(void **state) {
  BEGIN;
  int64_t n, first = yard_push(y, "a", NULL, &(shunt_push_options){.unique_key = "k", .retry = SHUNT_NO_RETRY});
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  int64_t second = yard_push(y, "a", NULL, &(shunt_push_options){.unique_key = "k", .retry = SHUNT_NO_RETRY});
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  yard_push(y, "b", NULL, &(shunt_push_options){.queue = "other", .retry = SHUNT_NO_RETRY});
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  yard_fails(y, shunt_jobs_retry(y->session, &(shunt_jobs_filter){.id = second + 1000}, &n, &y->err), SHUNT_E_NOT_FOUND,
             "no dead job");
  yard_fine(y, shunt_jobs_retry(y->session, &(shunt_jobs_filter){.queue = "default"}, &n, &y->err));
  assert_int_equal(n, 1);
  shunt_job *job = yard_next(y);
  assert_int_equal(shunt_job_of(job)->id, second);
  assert_int_equal(shunt_job_of(job)->attempt, 1);
  yard_fails(y, shunt_jobs_retry(y->session, &(shunt_jobs_filter){.id = first}, &n, &y->err), SHUNT_E_NOT_FOUND,
             "unique key");
  yard_complete(y, job, NULL);
  yard_fine(y, shunt_jobs_retry(y->session, &(shunt_jobs_filter){.id = first}, NULL, &y->err));
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  yard_fine(y, shunt_jobs_purge(y->session, &(shunt_jobs_filter){.older_ms = 3600000}, &n, &y->err));
  assert_int_equal(n, 0);
  yard_fine(y, shunt_jobs_purge(y->session, &(shunt_jobs_filter){.queue = "other", .state = "dead"}, &n, &y->err));
  assert_int_equal(n, 1);
  yard_fails(y, shunt_jobs_purge(y->session, &(shunt_jobs_filter){.state = "ready"}, &n, &y->err), SHUNT_E_USAGE,
             "done or dead");
  yard_fine(y, shunt_jobs_purge(y->session, NULL, &n, &y->err));
  assert_int_equal(n, 1);
  assert_int_equal(yard_count(y), 0);
}

static void lists_the_newest_first(void **state) {
  BEGIN;
  shunt_rows *rows;
  for (int i = 0; i < 3; i++) yard_push(y, "a", "7", &(shunt_push_options){.queue = i == 1 ? "q" : NULL});
  yard_fine(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.limit = 2}, &rows, &y->err));
  assert_int_equal(shunt_rows_count(rows), 2);
  assert_true(shunt_rows_at(rows, 0)[0].as.integer > shunt_rows_at(rows, 1)[0].as.integer);
  assert_string_equal(shunt_rows_column(rows, 3), "state");
  assert_string_equal(shunt_rows_at(rows, 0)[3].as.bytes, "ready");
  shunt_rows_free(rows);
  yard_fine(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.queue = "q", .state = "ready"}, &rows, &y->err));
  assert_int_equal(shunt_rows_count(rows), 1);
  shunt_rows_free(rows);
  yard_fails(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.state = "gone"}, &rows, &y->err), SHUNT_E_USAGE,
             "not 'gone'");
}

static void lists_errors_as_people_read_them(void **state) {
  BEGIN;
  shunt_rows *rows;
  yard_push(y, "old", NULL, NULL);
  yard_fail(y, yard_next(y), SHUNT_E_USAGE, "x");
  yard_sql(y, "UPDATE shunt_jobs SET error = 'SHUNT_E_TIMEOUT: as it was written before' WHERE env = '%s'");
  yard_push(y, "new", NULL, NULL);
  yard_fail(y, yard_next(y), SHUNT_E_DENIED, "no: it may not");
  yard_fine(y, shunt_jobs_list(y->session, NULL, &rows, &y->err));
  assert_string_equal(shunt_rows_column(rows, 11), "error");
  assert_string_equal(shunt_rows_at(rows, 0)[11].as.bytes, "SHUNT_E_DENIED: no: it may not");
  assert_string_equal(shunt_rows_at(rows, 1)[11].as.bytes, "SHUNT_E_TIMEOUT: as it was written before");
  shunt_rows_free(rows);
}

static void gives_each_minute_of_a_schedule_to_one(void **state) {
  BEGIN;
  bool mine;
  static const struct {
    int64_t minute;
    bool mine;
  } asked[] = {{60000, true}, {60000, false}, {0, false}, {120000, true}, {120000, false}, {60000, false}};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    yard_fine(y, shunt_schedule_due(y->session, "nightly", NULL, asked[i].minute, &mine, &y->err));
    assert_int_equal(mine, asked[i].mine);
  }
  yard_fine(y, shunt_schedule_due(y->session, "hourly", NULL, 60000, &mine, &y->err));
  assert_true(mine);
}

static void refuses_what_makes_no_sense(void **state) {
  BEGIN;
  shunt_worker *w;
  shunt_session *s = y->session;
  yard_fails(y, shunt_push(s, "", NULL, NULL, NULL, &y->err), SHUNT_E_USAGE, "no name");
  yard_fails(y, shunt_push(s, "j", "{", NULL, NULL, &y->err), SHUNT_E_USAGE, "not JSON");
  yard_fails(y, shunt_push(s, "j", NULL, &(shunt_push_options){.delay_ms = -1}, NULL, &y->err), SHUNT_E_USAGE, "delay");
  yard_fails(y, shunt_push(s, "j", NULL, &(shunt_push_options){.delay_ms = INT64_MAX}, NULL, &y->err), SHUNT_E_USAGE,
             "100 years");
  yard_fails(y, shunt_push(s, "j", NULL, &(shunt_push_options){.unique_scope = "x"}, NULL, &y->err), SHUNT_E_USAGE,
             "'job' or 'queue'");
  yard_fails(y, shunt_push(s, "j", NULL, &(shunt_push_options){.instance = "x"}, NULL, &y->err), SHUNT_E_NOT_FOUND,
             "x");
  yard_fails(y, shunt_worker_open(y->app, &(shunt_worker_options){.lease_ms = -1}, &w, &y->err), SHUNT_E_USAGE,
             "lease");
}

/* A worker could not read it. */
static void refuses_data_and_results_that_can_not_be_read(void **state) {
  BEGIN;
  static const char *const wrong[][2] = {{"[1,]", "line 1 column 4"},
                                         {"9223372036854775808", "does not fit into 64 bits"},
                                         {"[1e999]", "too large"},
                                         {"\"\xff\"", "UTF-8"}};
  yard_push(y, "j", NULL, NULL);
  shunt_job *job = yard_next(y);
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    yard_fails(y, shunt_push(y->session, "j", wrong[i][0], NULL, NULL, &y->err), SHUNT_E_USAGE, wrong[i][1]);
    yard_fails(y, shunt_job_complete(job, wrong[i][0], &y->err), SHUNT_E_USAGE, wrong[i][1]);
  }
  yard_complete(y, job, "9223372036854775807");
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state <> 'done'"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      yard_tests(runs_what_was_pushed_and_keeps_nothing_of_it),
      yard_tests(finds_nothing_where_nothing_was_ever_pushed),
      yard_tests(goes_by_priority_and_then_by_order_of_pushing),
      yard_tests(waits_for_the_delay),
      yard_tests(tries_again_after_a_back_off_until_it_is_dead),
      yard_tests(does_not_try_again_where_options_say_so),
      yard_tests(tries_three_times_more_where_nothing_is_said),
      yard_tests(keeps_an_error_that_is_any_bytes_or_cut_in_a_letter),
      yard_tests(leaves_to_its_lease_what_failed_where_that_could_not_be_told),
      yard_tests(gives_back_at_once_what_neither_ended_nor_failed),
      yard_tests(is_claimed_again_once_its_lease_is_out),
      yard_tests(is_claimed_only_if_its_lease_runs_out_again),
      yard_tests(is_dead_after_twenty_lost_leases),
      yard_tests(renews_the_lease_while_it_runs),
      yard_tests(has_one_of_a_unique_key_that_waits_or_runs),
      yard_tests(tells_unique_keys_of_names_and_instances_apart),
      yard_tests(waits_for_a_key_in_an_open_transaction_only_if_that_can_end),
      yard_tests(runs_no_more_of_a_name_at_once_than_its_concurrency),
      yard_tests(leaves_to_others_what_its_host_releases),
      yard_tests(takes_the_queues_and_names_that_it_was_opened_for),
      yard_tests(stops_at_once_and_lets_run_what_runs),
      yard_tests(runs_nothing_more_once_a_reload_has_moved_the_queue),
      yard_tests(revives_dead_ones_and_purges_what_has_ended),
      yard_tests(lists_the_newest_first),
      yard_tests(lists_errors_as_people_read_them),
      yard_tests(gives_each_minute_of_a_schedule_to_one),
      yard_tests(refuses_what_makes_no_sense),
      yard_tests(refuses_data_and_results_that_can_not_be_read),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
