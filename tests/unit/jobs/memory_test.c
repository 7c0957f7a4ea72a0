/* Every allocation of a job's life failing in turn: it is reported, nothing is lost, and the next one goes well. */
#define _DEFAULT_SOURCE
#include "unit/jobs/yard.h"

#include "unit/faults.h"
#include "unit/watchdog.h"

static faults f;

static shunt_status live_through(yard *y, bool fails) {
  shunt_job *job = NULL;
  shunt_push_options o = {.unique_key = "k", .concurrency = 1};
  shunt_status status = shunt_push(y->session, "j", "[1]", &o, NULL, &y->err);
  if (!status) status = shunt_worker_next(y->worker, 0, &job, &y->err);
  if (!status && !job) fail_msg("the job is not there");
  if (!status) {
    const shunt_error why = {.status = SHUNT_E_USAGE};
    status = fails ? shunt_job_failed(job, &why, &y->err) : shunt_job_complete(job, "2", &y->err);
  }
  shunt_job_free(job);
  return status;
}

static shunt_status look_after(yard *y) {
  shunt_rows *rows = NULL;
  bool mine;
  shunt_status status = shunt_jobs_list(y->session, NULL, &rows, &y->err);
  shunt_rows_free(rows);
  if (!status) status = shunt_jobs_retry(y->session, NULL, NULL, &y->err);
  if (!status) status = shunt_jobs_purge(y->session, NULL, NULL, &y->err);
  return status ? status : shunt_schedule_due(y->session, "j", NULL, 60000, &mine, &y->err);
}

static shunt_status complete(yard *y, bool unused) {
  (void)unused;
  return live_through(y, false);
}

static shunt_status fail_one(yard *y, bool unused) {
  (void)unused;
  return live_through(y, true);
}

static shunt_status push_in_a_transaction(yard *y, bool elsewhere) {
  shunt_tx *tx;
  shunt_status status =
      shunt_begin(y->session, &(shunt_tx_options){.client = elsewhere ? "other" : "main"}, &tx, &y->err);
  if (status) return status;
  status = shunt_push(y->session, "j", "[1]", NULL, NULL, &y->err);
  if (!status) return shunt_commit(tx, &y->err);
  shunt_status undone = shunt_rollback(tx, NULL);
  return undone ? undone : status;
}

static shunt_status complete_in_a_transaction(yard *y, bool elsewhere) {
  shunt_tx *tx;
  shunt_job *job = NULL;
  shunt_status status = shunt_push(y->session, "j", "[1]", NULL, NULL, &y->err);
  if (!status) status = shunt_worker_next(y->worker, 0, &job, &y->err);
  if (!status)
    status =
        shunt_begin(shunt_job_session(job), &(shunt_tx_options){.client = elsewhere ? "other" : "main"}, &tx, &y->err);
  if (!status) {
    status = shunt_job_complete(job, "2", &y->err);
    shunt_status ended = status ? shunt_rollback(tx, NULL) : shunt_commit(tx, &y->err);
    if (!status) status = ended;
  }
  shunt_job_free(job);
  return status;
}

static shunt_status open_a_worker(yard *y, bool unused) {
  (void)unused;
  shunt_worker *w = NULL;
  const char *const names[] = {"a", "b"};
  shunt_worker_options o = {.queues = names, .nqueues = 2, .jobs = names, .njobs = 2};
  shunt_status status = shunt_worker_open(y->app, &o, &w, &y->err);
  shunt_worker_close(w);
  return status;
}

static shunt_status look(yard *y, bool unused) {
  (void)unused;
  return look_after(y);
}

/* A failing hook's error is the commit's, which was made. */
static bool tells_of_memory(const yard *y, shunt_status status) {
  return status == SHUNT_E_MEMORY || (status == SHUNT_E_TRANSACTION && strstr(y->err.message, "memory"));
}

static void clear(yard *y) { yard_sql(y, "DELETE FROM shunt_jobs WHERE env = '%s'"); }

static void fail_in_turn(yard *y, shunt_status (*work)(yard *y, bool elsewhere), bool elsewhere) {
  yard_fine(y, work(y, elsewhere)); /* what is made once is made */
  clear(y);
  bool done = false;
  for (size_t at = 1; !done; at++) {
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    shunt_status status = work(y, elsewhere);
    done = !f.failed;
    f.fail_at = 0;
    if (status && !tells_of_memory(y, status))
      fail_msg("allocation %zu: %s: %s", at, shunt_status_name(status), y->err.message);
    if (done) yard_fine(y, status);
    clear(y);
  }
}

static void tells_of_memory_that_ran_out_and_goes_on(void **state) {
  void *s = NULL;
  (void)state;
  faults_on(&f);
  assert_int_equal(yard_main(&s), 0);
  yard *y = s;
  static shunt_status (*const works[])(yard *, bool) = {
      complete, fail_one, push_in_a_transaction, complete_in_a_transaction, open_a_worker, look};
  for (size_t i = 0; i < sizeof works / sizeof *works; i++)
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) fail_in_turn(y, works[i], elsewhere);
  yard_teardown(&s);
  faults_off();
  assert_int_equal(f.live, 0);
}

/* Otherwise it would be the next one again, and again. */
static void leaves_to_its_lease_what_it_had_no_memory_for(void **state) {
  void *s = NULL;
  bool done = false;
  size_t claimed = 0;
  (void)state;
  faults_on(&f);
  assert_int_equal(yard_main(&s), 0);
  yard *y = s;
  for (size_t at = 1; !done; at++) {
    shunt_job *job = NULL;
    yard_push(y, "j", "[1]", NULL);
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    shunt_status status = shunt_worker_next(y->worker, 0, &job, &y->err);
    done = !f.failed;
    f.fail_at = 0;
    if (status)
      assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE state = 'ready' AND claim > 0"), 0);
    if (status) claimed += (size_t)yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE state = 'running'");
    shunt_job_free(job);
    clear(y);
  }
  assert_true(claimed > 0);
  yard_teardown(&s);
  faults_off();
  assert_int_equal(f.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tells_of_memory_that_ran_out_and_goes_on),
                                     cmocka_unit_test(leaves_to_its_lease_what_it_had_no_memory_for)};
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
