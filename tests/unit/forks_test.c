/* A process that forks after it has used its datasources: SQLite, and the servers of SHUNT_TEST_PG and
 * SHUNT_TEST_MYSQL. Both sides go on at the same time, the child with connections of its own; nothing that the child
 * does reaches the parent's. SHUNT_FORKS=300 forks more often while threads work. */
#define _DEFAULT_SOURCE /* for usleep */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "shunt.h"
#include "unit/files.h"
#include "unit/watchdog.h"

#ifndef __SANITIZE_THREAD__ /* which allows no thread after a fork */

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { CLIENTS = 3, QUERIES = 400, FEW = 40, THREADS = 6, FORKS = 12, ROWS = 600 };

typedef struct world {
  char folder[64], path[96];
  const char *names[CLIENTS];
  const char *own_id[CLIENTS]; /* SQL; NULL: a file */
  size_t n;
  shunt_app *app;
  shunt_session *session;
  shunt_error err;
} world;

/* ---- the application ---- */

static void add_server(world *w, char *config, size_t room, const char *name, const char *engine, const char *own_id) {
  const char *url = getenv(strcmp(engine, "pg") == 0 ? "SHUNT_TEST_PG" : "SHUNT_TEST_MYSQL");
  if (!url) return;
  const size_t used = strlen(config);
  snprintf(config + used, room - used, "    %s: {engine: %s, connection: {url: \"%s\"}}\n", name, engine, url);
  w->own_id[w->n] = own_id;
  w->names[w->n++] = name;
}

static void fine(world *w, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), w->err.message);
}

static shunt_status run(shunt_session *s, const char *client, const char *sql, shunt_rows **rows, shunt_error *err) {
  return shunt_sql(s, sql, &(shunt_sql_options){.client = client}, rows, NULL, err);
}

static void execute(world *w, const char *client, const char *sql) {
  fine(w, run(w->session, client, sql, NULL, &w->err));
}

static int64_t number(world *w, const char *client, const char *sql) {
  shunt_rows *rows = NULL;
  fine(w, run(w->session, client, sql, &rows, &w->err));
  const shunt_value *row = shunt_rows_at(rows, 0);
  /* a sum is a decimal in MySQL */
  const int64_t n = row && row->type == SHUNT_TEXT ? atoll(row->as.bytes) : row ? row->as.integer : -1;
  shunt_rows_free(rows);
  return n;
}

static void open_app(world *w) {
  fine(w, shunt_open(w->path, NULL, &w->app, &w->err));
  fine(w, shunt_session_open(w->app, NULL, &w->session, &w->err));
}

static void close_app(world *w) {
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(shunt_close(w->app), SHUNT_OK);
  w->app = NULL;
}

static void fill(world *w, const char *client) {
  shunt_field fields[ROWS][2];
  shunt_record records[ROWS];
  for (int i = 0; i < ROWS; i++) {
    fields[i][0] = (shunt_field){"id", shunt_integer(i + 1)};
    fields[i][1] = (shunt_field){"n", shunt_integer(0)};
    records[i] = (shunt_record){.fields = fields[i], .nfields = 2};
  }
  execute(w, client, "DROP TABLE IF EXISTS shunt_forks");
  execute(w, client, "CREATE TABLE shunt_forks (id INTEGER PRIMARY KEY, n INTEGER)");
  fine(w, shunt_insert_bulk(w->session, client, &(shunt_records){records, ROWS}, NULL, NULL, &w->err));
}

static int set_up(void **state) {
  char config[4096] = "watch: true\njobs: {client: file, lease: 60s}\ndatabase:\n  defaultClient: file\n  clients:\n"
                      "    file: {engine: sqlite3, connection: {filename: file.db, create: true}}\n"
                      "    memory: {engine: sqlite3, connection: {filename: \":memory:\"}}\n";
  world *w = calloc(1, sizeof *w);
  assert_non_null(w);
  strcpy(w->folder, "/tmp/shunt-forks-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  w->names[w->n++] = "file";
  add_server(w, config, sizeof config, "pg", "pg", "SELECT pg_backend_pid()");
  add_server(w, config, sizeof config, "my", "mysql", "SELECT CONNECTION_ID()");
  strcat(config, "models:\n");
  for (size_t i = 0; i < w->n; i++) {
    const size_t used = strlen(config);
    snprintf(config + used, sizeof config - used, "  %s: {table: shunt_forks, client: %s}\n", w->names[i], w->names[i]);
  }
  snprintf(w->path, sizeof w->path, "%s/shunt.yaml", w->folder);
  write_file(w->path, config);
  open_app(w);
  for (size_t i = 0; i < w->n; i++) fill(w, w->names[i]);
  *state = w;
  return 0;
}

static int tear_down(void **state) {
  world *w = *state;
  char command[128];
  if (!w->session) open_app(w);
  for (size_t i = 0; i < w->n; i++) execute(w, w->names[i], "DROP TABLE shunt_forks");
  close_app(w);
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
  free(w);
  return 0;
}

/* ---- one side ---- */

/* Reads and writes with the session; returns the failures, and says the first. */
/* How many rows, one by one: more than are fetched at once. */
static shunt_status stream(shunt_session *s, const char *client, int64_t *n, shunt_error *err) {
  shunt_stream *rows;
  const shunt_value *row = NULL;
  shunt_status status = shunt_each(s, client, NULL, &rows, err);
  if (status) return status;
  for (*n = 0; !(status = shunt_stream_next(rows, &row, err)) && row;) ++*n;
  shunt_stream_close(rows);
  return status;
}

/* One of the queries, of each kind in turn. How many rows it had; of a stream, how often it had all. */
static shunt_status query(shunt_session *s, const char *client, int i, const shunt_where *where, int64_t *n,
                          shunt_error *err) {
  const shunt_field one = {"n", shunt_integer(1)};
  shunt_rows *rows;
  if (i % 8 == 0)
    return shunt_update(s, client, NULL, &(shunt_write){.where = where, .increments = &one, .nincrements = 1}, n, err);
  shunt_status status = SHUNT_OK;
  if (i % 8 == 1) {
    status = stream(s, client, n, err);
    *n /= ROWS;
    return status;
  }
  status = shunt_select(s, client, &(shunt_query){.where = where}, &rows, err);
  *n = (int64_t)shunt_rows_count(rows);
  shunt_rows_free(rows);
  return status;
}

static int work(shunt_session *s, const char *client, int64_t first_id, int queries) {
  int failures = 0;
  shunt_error err;
  for (int i = 0; i < queries; i++) {
    const shunt_value id = shunt_integer(first_id + i % 8);
    const shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1};
    int64_t n = 0;
    shunt_status status = query(s, client, i, &where, &n, &err);
    if (!status && n != 1) status = SHUNT_E_INTERNAL;
    if (status && !failures++)
      fprintf(stderr, "%s, query %d: %s %s\n", client, i, shunt_status_name(status), err.message);
  }
  return failures;
}

#define CHILD_CHECK(condition)                                                                                         \
  do {                                                                                                                 \
    if (condition) break;                                                                                              \
    fprintf(stderr, "child, line %d: not so: %s\n", __LINE__, #condition);                                             \
    _exit(1);                                                                                                          \
  } while (0)

/* What belongs to the parent says so, and may be ended. */
static void refuse_what_is_the_parents(world *w) {
  shunt_rows *rows;
  CHILD_CHECK(shunt_select(w->session, "file", NULL, &rows, &w->err) == SHUNT_E_USAGE);
  CHILD_CHECK(strstr(w->err.message, "forked"));
  shunt_switch_pop(w->session);
  shunt_observe(w->session, NULL, NULL);
  shunt_session_close(w->session);
}

static void wait_for(pid_t child) {
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  if (status) fail_msg("the child ended with status %d", status);
}

static pid_t fork_now(void) {
  fflush(NULL);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) alarm(60);
  return child;
}

/* ---- idle sessions ---- */

static void work_as_child(world *w, int64_t first_id, int queries) {
  shunt_session *own = NULL;
  refuse_what_is_the_parents(w);
  CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
  for (size_t i = 0; i < w->n; i++) CHILD_CHECK(work(own, w->names[i], first_id, queries) == 0);
  CHILD_CHECK(shunt_close(w->app) == SHUNT_E_USAGE);
  CHILD_CHECK(!shunt_reload(w->app, NULL, &w->err));
  shunt_session_close(own);
  CHILD_CHECK(shunt_close(w->app) == SHUNT_OK);
  _exit(0);
}

static void both_sides_go_on(void **state) {
  world *w = *state;
  int64_t ids[CLIENTS];
  for (size_t i = 0; i < w->n; i++) {
    assert_int_equal(work(w->session, w->names[i], 1, QUERIES), 0); /* statements are prepared now */
    ids[i] = w->own_id[i] ? number(w, w->names[i], w->own_id[i]) : 0;
  }
  const pid_t child = fork_now();
  if (child == 0) work_as_child(w, 100, QUERIES);
  for (size_t i = 0; i < w->n; i++) assert_int_equal(work(w->session, w->names[i], 1, QUERIES), 0);
  wait_for(child);
  for (size_t i = 0; i < w->n; i++) {
    assert_int_equal(work(w->session, w->names[i], 1, QUERIES), 0);
    assert_int_equal(number(w, w->names[i], "SELECT sum(n) FROM shunt_forks"), 4 * QUERIES / 8);
    if (w->own_id[i]) assert_int_equal(number(w, w->names[i], w->own_id[i]), ids[i]);
  }
}

static void a_child_may_fork_again(void **state) {
  world *w = *state;
  const pid_t child = fork_now();
  if (child == 0) {
    shunt_session *own = NULL;
    CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
    for (size_t i = 0; i < w->n; i++) CHILD_CHECK(work(own, w->names[i], 100, FEW) == 0);
    const pid_t grandchild = fork_now();
    if (grandchild == 0) {
      w->session = own;
      work_as_child(w, 200, FEW);
    }
    int status = -1;
    for (size_t i = 0; i < w->n; i++) CHILD_CHECK(work(own, w->names[i], 100, FEW) == 0);
    CHILD_CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
    for (size_t i = 0; i < w->n; i++) CHILD_CHECK(work(own, w->names[i], 100, FEW) == 0);
    _exit(0); /* nothing is closed */
  }
  for (size_t i = 0; i < w->n; i++) assert_int_equal(work(w->session, w->names[i], 1, FEW), 0);
  wait_for(child);
  for (size_t i = 0; i < w->n; i++) assert_int_equal(work(w->session, w->names[i], 1, FEW), 0);
}

/* SQLite deletes the write-ahead log with the last connection that it knows of. */
static void the_child_keeps_what_it_writes_to_a_file(void **state) {
  world *w = *state;
  int pipes[2];
  char byte;
  execute(w, "file", "UPDATE shunt_forks SET n = 0");
  assert_int_equal(pipe(pipes), 0);
  const pid_t child = fork_now();
  if (child == 0) {
    shunt_session *own = NULL;
    CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
    CHILD_CHECK(work(own, "file", 100, FEW) == 0);
    CHILD_CHECK(write(pipes[1], "1", 1) == 1);
    usleep(100000); /* the parent closes its connections */
    CHILD_CHECK(work(own, "file", 100, FEW) == 0);
    _exit(0);
  }
  close(pipes[1]); /* so that the end of the child is seen */
  assert_int_equal(work(w->session, "file", 1, FEW), 0);
  assert_int_equal(read(pipes[0], &byte, 1), 1);
  close_app(w);
  wait_for(child);
  open_app(w);
  assert_int_equal(number(w, "file", "SELECT sum(n) FROM shunt_forks"), 3 * FEW / 8);
  close(pipes[0]);
}

/* ---- open work ---- */

/* A file that the parent uses is refused, and servers work. */
static void work_beside_open_work(world *w) {
  shunt_session *own = NULL;
  shunt_rows *rows = NULL;
  CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
  CHILD_CHECK(shunt_select(own, "file", NULL, &rows, &w->err) == SHUNT_E_USAGE);
  CHILD_CHECK(strstr(w->err.message, "forked") && strcmp(w->err.client, "file") == 0);
  for (size_t i = 1; i < w->n; i++) CHILD_CHECK(work(own, w->names[i], 100, FEW) == 0);
  shunt_session_close(own);
  CHILD_CHECK(shunt_close(w->app) == SHUNT_OK);
  _exit(0);
}

static void a_transaction_stays_the_parents(void **state) {
  world *w = *state;
  for (size_t i = 0; i < w->n; i++) {
    shunt_tx *tx;
    fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = w->names[i], .spanning = "run"}, &tx, &w->err));
    execute(w, w->names[i], "UPDATE shunt_forks SET n = 7 WHERE id = 500");
    const pid_t child = fork_now();
    if (child == 0) {
      CHILD_CHECK(shunt_commit(tx, &w->err) == SHUNT_E_USAGE);
      CHILD_CHECK(shunt_rollback(tx, &w->err) == SHUNT_E_USAGE);
      refuse_what_is_the_parents(w);
      if (i == 0) work_beside_open_work(w);
      _exit(0);
    }
    wait_for(child);
    fine(w, shunt_commit(tx, &w->err));
    assert_int_equal(number(w, w->names[i], "SELECT n FROM shunt_forks WHERE id = 500"), 7);
  }
}

static void a_stream_stays_the_parents(void **state) {
  world *w = *state;
  for (size_t i = 0; i < w->n; i++) {
    shunt_stream *stream;
    const shunt_value *row;
    int rows = 0;
    fine(w, shunt_each(w->session, w->names[i], NULL, &stream, &w->err));
    fine(w, shunt_stream_next(stream, &row, &w->err));
    const pid_t child = fork_now();
    if (child == 0) {
      shunt_stream_close(stream);
      refuse_what_is_the_parents(w);
      if (i == 0) work_beside_open_work(w);
      _exit(0);
    }
    wait_for(child);
    for (; row; rows++) fine(w, shunt_stream_next(stream, &row, &w->err));
    assert_int_equal(rows, ROWS);
    shunt_stream_close(stream);
  }
}

static void a_worker_and_its_job_stay_the_parents(void **state) {
  world *w = *state;
  shunt_worker *worker;
  shunt_job *job;
  int64_t id;
  fine(w, shunt_push(w->session, "mail", "{}", NULL, &id, &w->err));
  fine(w, shunt_worker_open(w->app, NULL, &worker, &w->err));
  fine(w, shunt_worker_next(worker, 10000, &job, &w->err));
  assert_non_null(job);
  const pid_t child = fork_now();
  if (child == 0) {
    shunt_job *other;
    CHILD_CHECK(shunt_worker_next(worker, 0, &other, &w->err) == SHUNT_E_USAGE);
    CHILD_CHECK(shunt_job_complete(job, NULL, &w->err) == SHUNT_E_USAGE);
    shunt_job_free(job);
    shunt_worker_stop(worker);
    shunt_worker_close(worker);
    CHILD_CHECK(shunt_close(w->app) == SHUNT_OK);
    _exit(0);
  }
  wait_for(child);
  fine(w, shunt_job_complete(job, "1", &w->err));
  shunt_job_free(job);
  shunt_worker_close(worker);
}

static void a_database_in_memory_stays_the_parents(void **state) {
  world *w = *state;
  execute(w, "memory", "CREATE TABLE only_here (id INTEGER)");
  const pid_t child = fork_now();
  if (child == 0) {
    shunt_session *own = NULL;
    CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
    CHILD_CHECK(run(own, "memory", "SELECT count(*) FROM only_here", NULL, &w->err) == SHUNT_E_USAGE);
    CHILD_CHECK(work(own, "file", 100, FEW) == 0);
    _exit(0);
  }
  wait_for(child);
  assert_int_equal(number(w, "memory", "SELECT count(*) FROM only_here"), 0);
}

/* ---- threads ---- */

#ifndef __SANITIZE_ADDRESS__ /* whose allocator may be locked in the child */

typedef struct hammer {
  world *w;
  atomic_bool *over;
  pthread_t thread;
  int failures;
} hammer;

static void *strike(void *ud) {
  hammer *h = ud;
  shunt_error err;
  for (int i = 0; !atomic_load(h->over); i++) {
    shunt_session *s;
    shunt_rows *rows = NULL;
    shunt_status status = shunt_session_open(h->w->app, NULL, &s, &err);
    if (!status) status = shunt_select(s, h->w->names[(size_t)i % h->w->n], NULL, &rows, &err);
    if (status) fprintf(stderr, "%s: %s\n", shunt_status_name(status), err.message);
    h->failures += status != SHUNT_OK;
    shunt_rows_free(rows);
    shunt_session_close(s);
  }
  return NULL;
}

/* Whatever the threads of the parent were doing, the child works, or is refused the files. */
static void work_beside_threads(world *w) {
  shunt_session *own = NULL;
  CHILD_CHECK(!shunt_session_open(w->app, NULL, &own, &w->err));
  for (size_t i = 0; i < w->n; i++) {
    shunt_rows *rows = NULL;
    shunt_status status = shunt_select(own, w->names[i], NULL, &rows, &w->err);
    CHILD_CHECK(!status || (i == 0 && status == SHUNT_E_USAGE));
    shunt_rows_free(rows);
  }
  shunt_session_close(own);
  CHILD_CHECK(shunt_close(w->app) == SHUNT_OK);
  _exit(0);
}

static void threads_of_the_parent_hold_nothing_in_the_child(void **state) {
  world *w = *state;
  const char *wanted = getenv("SHUNT_FORKS");
  const int forks = wanted ? atoi(wanted) : FORKS;
  hammer hammers[THREADS];
  atomic_bool over = false;
  for (size_t i = 0; i < THREADS; i++) {
    hammers[i] = (hammer){.w = w, .over = &over};
    assert_int_equal(pthread_create(&hammers[i].thread, NULL, strike, &hammers[i]), 0);
  }
  for (int i = 0; i < forks; i++) {
    usleep(5000);
    const pid_t child = fork_now();
    if (child == 0) work_beside_threads(w);
    wait_for(child);
  }
  atomic_store(&over, true);
  for (size_t i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(hammers[i].thread, NULL), 0);
    assert_int_equal(hammers[i].failures, 0);
  }
}

#endif

#define forks_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      forks_test(both_sides_go_on),
      forks_test(a_child_may_fork_again),
      forks_test(the_child_keeps_what_it_writes_to_a_file),
      forks_test(a_transaction_stays_the_parents),
      forks_test(a_stream_stays_the_parents),
      forks_test(a_worker_and_its_job_stay_the_parents),
      forks_test(a_database_in_memory_stays_the_parents),
#ifndef __SANITIZE_ADDRESS__
      forks_test(threads_of_the_parent_hold_nothing_in_the_child),
#endif
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}

#else

static void nothing(void **state) { (void)state; }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
