/* For: an application with a queue, for the tests of jobs: on a SQLite file of the queue's own, on the default client's
 * (SQLite), and on the PostgreSQL server of SHUNT_TEST_PG, where there is one.
 * Owner: yard_setup_* make it and yard_teardown ends it, folder and rows included.
 * Use: yard_tests(name) makes three tests of one that begins with: yard *y = yard_of(state); if (!y) skip(); … */
#ifndef TESTS_UNIT_JOBS_YARD_H
#define TESTS_UNIT_JOBS_YARD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "jobs/store.h"
#include "shunt.h"

typedef enum yard_kind { YARD_OWN, YARD_MAIN, YARD_PG } yard_kind;
enum { YARD_FLAT = 1 << 8 /* without levels */ };

typedef struct yard {
  yard_kind kind;
  char folder[64];
  char env[40]; /* one of its own, which keeps apart what lies on one server */
  shunt_app *app;
  shunt_session *session;
  shunt_worker *worker;
  shunt_error err;
} yard;

enum { YARD_LEASE_MS = 60000, YARD_SOON_MS = 5000 /* none waits so long */ };

static inline void yard_write(const yard *y, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", y->folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static inline void yard_config(const yard *y, int levels) {
  static const char *const queues[] = {"", "jobs: {client: main}\n", "jobs: {client: far}\n"};
  char text[4096], overlay[64], servers[1024] = "";
  if (y->kind == YARD_PG)
    snprintf(servers, sizeof servers,
             "    far: {engine: pg, pool: {max: 4}, connection: {url: \"%s\"}}\n"
             "    narrow: {clone: far, pool: {max: 1}}\n",
             getenv("SHUNT_TEST_PG"));
  snprintf(text, sizeof text,
           "database:\n"
           "  maxLevel: %d\n"
           "  defaultClient: main\n"
           "  clients:\n"
           "    main: {engine: sqlite3, connection: {filename: main.db, create: true, busyTimeout: 2s}}\n"
           "    acme: {clone: default, connection: {filename: acme.db}}\n"
           "    other: {clone: default, connection: {filename: other.db}}\n"
           "%s"
           "instance:\n"
           "  instances:\n"
           "    \"\": {id: 1}\n"
           "    shared: {id: 2}\n"
           "    acme: {id: 3, isolate: true, isolateClient: acme}\n"
           "models: {thing: {table: things}}\n%s",
           levels, servers, queues[y->kind]);
  yard_write(y, "shunt.yaml", text);
  snprintf(overlay, sizeof overlay, "shunt.%s.yaml", y->env);
  yard_write(y, overlay, "{}\n");
}

static inline void yard_fine(yard *y, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), y->err.message);
}

static inline void yard_fails(yard *y, shunt_status status, shunt_status expected, const char *words) {
  if (status != expected)
    fail_msg("expected %s, got %s: %s", shunt_status_name(expected), shunt_status_name(status),
             status ? y->err.message : "");
  assert_int_equal(y->err.status, expected);
  if (!strstr(y->err.message, words)) fail_msg("'%s' is not in: %s", words, y->err.message);
}

static inline shunt_worker *yard_worker(yard *y, int64_t lease_ms) {
  shunt_worker *w = NULL;
  yard_fine(y, shunt_worker_open(y->app, &(shunt_worker_options){.lease_ms = lease_ms}, &w, &y->err));
  return w;
}

static inline void yard_open(yard *y) {
  char path[128];
  snprintf(path, sizeof path, "%s/shunt.yaml", y->folder);
  yard_fine(y, shunt_open(path, &(shunt_options){.env = y->env}, &y->app, &y->err));
  yard_fine(y, shunt_session_open(y->app, NULL, &y->session, &y->err));
  y->worker = yard_worker(y, YARD_LEASE_MS);
}

static inline void yard_close(yard *y) {
  shunt_worker_close(y->worker);
  shunt_session_close(y->session);
  shunt_close(y->app);
}

static inline int yard_setup(void **state, int kind) {
  static int number;
  if ((kind & YARD_PG) && !getenv("SHUNT_TEST_PG")) return 0;
  yard *y = calloc(1, sizeof *y);
  assert_non_null(y);
  y->kind = (yard_kind)(kind & ~YARD_FLAT);
  strcpy(y->folder, "/tmp/shunt-yard-XXXXXX");
  assert_non_null(mkdtemp(y->folder));
  snprintf(y->env, sizeof y->env, "t%ld_%d", (long)getpid(), number++);
  yard_config(y, kind & YARD_FLAT ? 0 : 8);
  yard_open(y);
  *state = y;
  return 0;
}

static inline int yard_own(void **state) { return yard_setup(state, YARD_OWN); }
static inline int yard_main(void **state) { return yard_setup(state, YARD_MAIN); }
static inline int yard_pg(void **state) { return yard_setup(state, YARD_PG); }

static inline int yard_pg_flat(void **state) { return yard_setup(state, YARD_PG | YARD_FLAT); }

static inline yard *yard_of(void **state) { return *state; }

/* ---- the queue's rows, as they are ---- */

/* Whatever the session is in the middle of. %s is the environment. */
static inline shunt_status yard_try_sql(yard *y, const char *sql, int64_t *number) {
  shunt_session *s;
  char text[2048];
  snprintf(text, sizeof text, sql, y->env);
  yard_fine(y, shunt_session_open(y->app, NULL, &s, &y->err));
  shunt_rows *rows = rows_new();
  assert_non_null(rows);
  job_store q;
  yard_fine(y, store_enter(&q, s, 0, &y->err));
  shunt_status status = store_run(&q, &(store_sql){text, NULL, 0}, rows, NULL);
  if (number) *number = !status && rows->count ? rows_row(rows, 0)[0].as.integer : -1;
  shunt_rows_free(rows);
  shunt_session_close(s);
  return status;
}

static inline void yard_sql(yard *y, const char *sql) { yard_fine(y, yard_try_sql(y, sql, NULL)); }
static inline int64_t yard_number(yard *y, const char *sql) {
  int64_t n;
  yard_fine(y, yard_try_sql(y, sql, &n));
  return n;
}
static inline int64_t yard_count(yard *y) { return yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s'"); }

static inline int yard_teardown(void **state) {
  yard *y = *state;
  char command[128];
  if (!y) return 0;
  shunt_worker_close(y->worker);
  shunt_session_close(y->session);
  if (y->kind == YARD_PG) {
    (void)yard_try_sql(y, "DELETE FROM shunt_jobs WHERE env = '%s'", NULL);
    (void)yard_try_sql(y, "DELETE FROM shunt_schedules WHERE env = '%s'", NULL);
  }
  shunt_close(y->app);
  snprintf(command, sizeof command, "rm -rf %s", y->folder);
  assert_int_equal(system(command), 0);
  free(y);
  return 0;
}

#define yard_tests(name)                                                                                               \
  {#name " (the queue's own file)", name, yard_own, yard_teardown, NULL},                                              \
      {#name " (the default client)", name, yard_main, yard_teardown, NULL}, {                                         \
#name " (PostgreSQL)", name, yard_pg, yard_teardown, NULL                                                          \
  }

/* ---- shorthands ---- */

static inline int64_t yard_push(yard *y, const char *job, const char *data, const shunt_push_options *o) {
  int64_t id = -1;
  yard_fine(y, shunt_push(y->session, job, data, o, &id, &y->err));
  return id;
}

/* NULL where there is none. */
static inline shunt_job *yard_try_next(yard *y) {
  shunt_job *job = NULL;
  yard_fine(y, shunt_worker_next(y->worker, 0, &job, &y->err));
  return job;
}

static inline shunt_job *yard_next(yard *y) {
  shunt_job *job = NULL;
  yard_fine(y, shunt_worker_next(y->worker, YARD_SOON_MS, &job, &y->err));
  if (!job) fail_msg("there is no job to run");
  return job;
}

static inline void yard_complete(yard *y, shunt_job *job, const char *result) {
  yard_fine(y, shunt_job_complete(job, result, &y->err));
  shunt_job_free(job);
}

static inline void yard_fail(yard *y, shunt_job *job, shunt_status status, const char *message) {
  shunt_error why = {.status = status};
  snprintf(why.message, sizeof why.message, "%s", message);
  yard_fine(y, shunt_job_failed(job, &why, &y->err));
  shunt_job_free(job);
}

/* So that what waits for its time need not be waited for. The workers of running jobs had time to show that they live.
 */
static inline void yard_hasten(yard *y) {
  yard_sql(y, "UPDATE shunt_jobs SET run_at = 0, due_at = 0, lost_by = coalesce(worker, '') WHERE env = '%s' AND "
              "due_at IS NOT NULL");
}

#endif
