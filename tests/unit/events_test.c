/* What happens on its own reaches the callback of the app: each kind is provoked, and none of them holds a secret. */
#define _XOPEN_SOURCE 700
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/files.h"

#define SECRET "hunter2"
#define LITERAL "my-own-secret"

enum { LOG_ROOM = 1 << 16, SOON_MS = 20000 };

typedef struct world {
  char folder[64], config[96], rules[96];
  shunt_app *app;
  shunt_error err;
  pthread_mutex_t lock; /* of what follows */
  char log[LOG_ROOM];   /* a line an event: its name, its text and its fields */
} world;

static void add(char *line, size_t room, const shunt_field *f) {
  size_t used = strlen(line);
  if (f->value.type == SHUNT_TEXT)
    snprintf(line + used, room - used, " %s=%s", f->name, f->value.as.bytes);
  else
    snprintf(line + used, room - used, " %s=%lld", f->name, (long long)f->value.as.integer);
}

static void look(void *ud, const shunt_pool_stats *stats) { *(int *)ud += stats->open; }

static void note(void *ud, const shunt_event *event) {
  world *w = ud;
  char text[1000], line[4000];
  snprintf(line, sizeof line, "%s %s: %s |", shunt_severity_name(event->severity), shunt_event_name(event->kind),
           shunt_event_text(event, text, sizeof text));
  for (size_t i = 0; i < event->nfields; i++) add(line, sizeof line, &event->fields[i]);
  int open = 0;
  if (w->app) shunt_pools(w->app, look, &open); /* no lock of a pool is held */
  pthread_mutex_lock(&w->lock);
  size_t used = strlen(w->log);
  snprintf(w->log + used, sizeof w->log - used, "%s\n", line);
  pthread_mutex_unlock(&w->lock);
}

static bool has_seen(world *w, const char *words) {
  pthread_mutex_lock(&w->lock);
  bool found = strstr(w->log, words) != NULL;
  pthread_mutex_unlock(&w->lock);
  return found;
}

static void saw(world *w, const char *words) {
  if (!has_seen(w, words)) fail_msg("no event has '%s':\n%s", words, w->log);
}

static void will_see(world *w, const char *words) {
  for (int ms = 0; ms < SOON_MS && !has_seen(w, words); ms += 5)
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  saw(w, words);
}

static void fine(world *w, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), w->err.message);
}

static void write_config(const world *w, const char *events) {
  char text[2000];
  snprintf(text, sizeof text,
           "database:\n"
           "  defaultClient: main\n"
           "  clients:\n"
           "    main: {engine: sqlite3, connection: {filename: main.db, create: true, busyTimeout: 20ms}}\n"
           "    far: {engine: pg, connection: {host: 127.0.0.1, port: 1, user: u, password: " SECRET ", database: d}}\n"
           "jobs: {client: main, lease: 1s}\n"
           "events: {%s}\n"
           "models: {thing: {table: things}}\n",
           events);
  write_file(w->config, text);
}

static world *begin(const char *events) {
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  pthread_mutex_init(&w->lock, NULL);
  snprintf(w->folder, sizeof w->folder, "/tmp/shunt-events-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  snprintf(w->rules, sizeof w->rules, "%s/rules", w->folder);
  write_config(w, events);
  shunt_options o = {.event = note, .event_ud = w, .event_least = SHUNT_DEBUG};
  fine(w, shunt_open(w->config, &o, &w->app, &w->err));
  return w;
}

static void end(world *w) {
  char command[128];
  shunt_close(w->app);
  assert_null(strstr(w->log, SECRET));
  assert_null(strstr(w->log, LITERAL));
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

static shunt_session *session(world *w) {
  shunt_session *s;
  fine(w, shunt_session_open(w->app, NULL, &s, &w->err));
  return s;
}

static void execute(world *w, shunt_session *s, const char *sql) {
  fine(w, shunt_sql(s, sql, &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err));
}

/* ---- reloads ---- */

static void reports_the_opening_and_reloads(void **state) {
  (void)state;
  world *w = begin("");
  saw(w, "info reload.done: generation 1 is loaded | generation=1\n");
  fine(w, shunt_reload(w->app, NULL, &w->err));
  saw(w, "info reload.done: generation 2 is loaded | generation=2\n");
  write_config(w, "slowRule: quick");
  assert_int_equal(shunt_reload(w->app, NULL, NULL), SHUNT_E_CONFIG);
  saw(w, "error reload.refused: nothing was loaded: ");
  saw(w, "shunt.yaml line=7 code=SHUNT_E_CONFIG message=");
  end(w);
}

static void reports_that_nothing_could_be_opened(void **state) {
  (void)state;
  world w = {.app = NULL};
  shunt_app *app = NULL;
  pthread_mutex_init(&w.lock, NULL);
  shunt_options o = {.event = note, .event_ud = &w, .event_least = SHUNT_ERROR};
  assert_int_not_equal(shunt_open("/nowhere/shunt.yaml", &o, &app, NULL), SHUNT_OK);
  assert_null(app);
  saw(&w, "error reload.refused: ");
  pthread_mutex_destroy(&w.lock);
}

/* ---- connections ---- */

static void reports_connections(void **state) {
  (void)state;
  world *w = begin("");
  shunt_session *s = session(w);
  execute(w, s, "CREATE TABLE things (id INTEGER PRIMARY KEY)");
  saw(w, "debug connection.opened: client 'main', level 0: connection 1 was opened | client=main level=0 ");
  assert_int_not_equal(shunt_sql(s, "SELECT 1", &(shunt_sql_options){.client = "far"}, NULL, NULL, NULL), SHUNT_OK);
  saw(w, "warning connection.failed: can't connect (level 0): client 'far': ");
  for (int i = 1; i < 5; i++)
    assert_int_not_equal(shunt_sql(s, "SELECT 1", &(shunt_sql_options){.client = "far"}, NULL, NULL, NULL), SHUNT_OK);
  saw(w,
      "error circuit.opened: 5 attempts to connect have failed in a row, and calls fail at once now: client 'far': ");
  shunt_session_close(s);
  w->log[0] = 0;
  shunt_close(w->app);
  assert_string_equal(w->log, ""); /* closing it is no event */
  w->app = NULL;
  end(w);
}

/* ---- what is slow ---- */

#define LONG_COUNT                                                                                                     \
  "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 2000000) SELECT max(n), '" LITERAL         \
  "' FROM c WHERE n <> ?"

static void reports_slow_statements_without_their_values(void **state) {
  (void)state;
  world *w = begin("slowStatement: 20ms");
  shunt_session *s = session(w);
  const shunt_value param = shunt_text(LITERAL, strlen(LITERAL));
  fine(w, shunt_sql(s, "SELECT 1", &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err));
  assert_false(has_seen(w, "statement.slow"));
  fine(w, shunt_sql(s, LONG_COUNT, &(shunt_sql_options){.client = "main", .params = &param, .nparams = 1}, NULL, NULL,
                    &w->err));
  saw(w, "warning statement.slow: client 'main', level 0: a statement took ");
  saw(w, "sql=WITH RECURSIVE c(n) AS (SELECT ? UNION ALL SELECT n + ? FROM c WHERE n < ?) SELECT max(n), ? FROM c "
         "WHERE n <> ?\n");
  shunt_events(w->app, SHUNT_ERROR, note, w);
  w->log[0] = 0;
  fine(w, shunt_sql(s, LONG_COUNT, &(shunt_sql_options){.client = "main", .params = &param, .nparams = 1}, NULL, NULL,
                    &w->err));
  assert_string_equal(w->log, "");
  shunt_session_close(s);
  end(w);
}

static void reports_no_statement_as_slow_where_the_threshold_is_0(void **state) {
  (void)state;
  world *w = begin("slowStatement: 0s");
  shunt_session *s = session(w);
  const shunt_value param = shunt_text(LITERAL, strlen(LITERAL));
  fine(w, shunt_sql(s, LONG_COUNT, &(shunt_sql_options){.client = "main", .params = &param, .nparams = 1}, NULL, NULL,
                    &w->err));
  assert_false(has_seen(w, "statement.slow"));
  shunt_session_close(s);
  end(w);
}

static void reports_the_slowest_rule(void **state) {
  (void)state;
  char path[160];
  world *w = begin("slowRule: 1ms");
  const shunt_decision *d;
  assert_int_equal(mkdir(w->rules, 0700), 0);
  snprintf(path, sizeof path, "%s/slow.lua", w->rules);
  write_file(path, "local function count(n) local k = 0 for _ = 1, n do k = k + 1 end return k end\n"
                   "rule \"quick\" {stage = \"override\", client = function(req) return nil end}\n"
                   "rule \"counts\" {stage = \"override\", client = function(req) count(250000) return nil end}\n");
  fine(w, shunt_reload(w->app, NULL, &w->err));
  shunt_session *s = session(w);
  fine(w, shunt_resolve(s, &(shunt_request){.model = "thing"}, &d, &w->err));
  saw(w, "slow.lua:3: rule 'counts' took ");
  saw(w, "(model 'thing') | rule=counts ");
  w->log[0] = 0;
  fine(w, shunt_resolve(s, &(shunt_request){.model = "thing"}, &d, &w->err)); /* from the cache */
  assert_string_equal(w->log, "");
  shunt_session_close(s);
  end(w);
}

/* ---- jobs ---- */

static shunt_job *next(world *w, shunt_worker *worker) {
  shunt_job *job;
  fine(w, shunt_worker_next(worker, SOON_MS, &job, &w->err));
  assert_non_null(job);
  return job;
}

static void reports_jobs_that_fail(void **state) {
  (void)state;
  world *w = begin("");
  shunt_session *s = session(w);
  shunt_worker *worker;
  shunt_error why = {.status = SHUNT_E_DENIED, .message = "not today"};
  fine(w, shunt_push(s, "mail", NULL, &(shunt_push_options){.retry = 1, .backoff_ms = 1}, NULL, &w->err));
  fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  for (int i = 0; i < 2; i++) {
    shunt_job *job = next(w, worker);
    fine(w, shunt_job_failed(job, &why, &w->err));
    shunt_job_free(job);
  }
  saw(w, "debug job.started: job 'mail' (1): attempt 1 started | job=mail id=1 queue=default instance= attempt=1\n");
  saw(w, "warning job.failed: job 'mail' (1): attempt 1 failed after ");
  saw(w, " ms: not today | job=mail id=1 queue=default instance= attempt=1 duration_ms=");
  saw(w, "code=SHUNT_E_DENIED message=not today\n");
  saw(w, "error job.dead: job 'mail' (1): attempt 2 failed after ");
  saw(w, " ms, and it was the last: not today |");
  shunt_worker_close(worker);
  shunt_session_close(s);
  end(w);
}

static void reports_that_a_job_runs_again_because_its_worker_is_gone(void **state) {
  (void)state;
  world *w = begin("");
  shunt_session *s = session(w);
  shunt_worker *gone, *worker;
  fine(w, shunt_push(s, "mail", NULL, NULL, NULL, &w->err));
  fine(w, shunt_worker_open(w->app, NULL, &gone, &w->err));
  fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  shunt_job *lost = next(w, gone);
  execute(w, s, "UPDATE shunt_jobs SET due_at = 0, lost_by = worker");
  shunt_job *job = next(w, worker);
  saw(w, "warning job.taken_over: job 'mail' (1): runs again, because its worker ");
  assert_int_equal(shunt_job_of(job)->attempt, 2);
  fine(w, shunt_job_failed(job, &(shunt_error){.status = SHUNT_E_DENIED}, &w->err));
  shunt_job_free(job);
  shunt_job_free(lost);
  execute(w, s, "UPDATE shunt_jobs SET due_at = 0, lost_by = worker");
  shunt_job_free(next(w, worker));
  assert_null(strstr(strstr(w->log, "job.taken_over") + 1, "job.taken_over")); /* a retry does not count */
  shunt_worker_close(gone);
  shunt_worker_close(worker);
  shunt_session_close(s);
  end(w);
}

static void reports_leases(void **state) {
  (void)state;
  world *w = begin("");
  shunt_session *s = session(w), *locker = session(w);
  shunt_worker *worker;
  shunt_tx *tx;
  fine(w, shunt_push(s, "mail", NULL, NULL, NULL, &w->err));
  fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  shunt_job *job = next(w, worker);
  will_see(w, "debug lease.renewed: job 'mail' (1): the lease was renewed | job=mail id=1\n");
  fine(w, shunt_begin(locker, &(shunt_tx_options){.client = "main"}, &tx, &w->err));
  execute(w, locker, "UPDATE shunt_jobs SET claim = claim + 1");
  will_see(w, "warning lease.failed: job 'mail' (1): the lease was not renewed: ");
  fine(w, shunt_commit(tx, &w->err));
  assert_int_equal(shunt_job_complete(job, NULL, NULL), SHUNT_E_CONFLICT);
  saw(w, "error lease.lost: job 'mail' (1): the lease is lost");
  shunt_job_free(job);
  shunt_worker_close(worker);
  shunt_session_close(locker);
  shunt_session_close(s);
  end(w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reports_the_opening_and_reloads),
      cmocka_unit_test(reports_that_nothing_could_be_opened),
      cmocka_unit_test(reports_connections),
      cmocka_unit_test(reports_slow_statements_without_their_values),
      cmocka_unit_test(reports_no_statement_as_slow_where_the_threshold_is_0),
      cmocka_unit_test(reports_the_slowest_rule),
      cmocka_unit_test(reports_jobs_that_fail),
      cmocka_unit_test(reports_that_a_job_runs_again_because_its_worker_is_gone),
      cmocka_unit_test(reports_leases),
  };
  return cmocka_run_group_tests_name("events of an app", tests, NULL, NULL);
}
