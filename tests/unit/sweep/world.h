/* For: an application whose operations are tried with every fault in turn, on each engine that is there: SQLite, and
 * the servers of SHUNT_TEST_PG and SHUNT_TEST_MYSQL. Its client 'side' is a SQLite file always. Owner: world_open …
 * world_close, which takes databases and files away again. Use: world_open(&w, WORLD_PG); … world_digest(&w) …
 * world_reset(&w); … world_close(&w); Only the operations themselves run with faults, nothing in this file.
 */
#ifndef TESTS_UNIT_SWEEP_WORLD_H
#define TESTS_UNIT_SWEEP_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(text) shunt_text(text, sizeof(text) - 1)

typedef enum world_kind { WORLD_SQLITE, WORLD_PG, WORLD_MYSQL, WORLD_KINDS } world_kind;

static const char *const world_names[WORLD_KINDS] = {"sqlite3", "pg", "mysql"};

typedef struct world {
  world_kind kind;
  char folder[64], config[96], env[32];
  shunt_app *app;         /* its operations are tried */
  shunt_session *session; /* made anew for each try */
  shunt_app *witness;     /* looks at what is in the databases */
  uint64_t pristine;      /* the digest of what they hold at first */
  shunt_error err;
  /* of one try */
  uint64_t digest; /* of the results */
  unsigned tries;
  shunt_tx *tx;
  shunt_stream *stream;
  shunt_worker *worker;
  shunt_job *job;
  shunt_app *second;
} world;

static const char world_rules[] =
    "model 'user' { table = 'sweep_users', relations = {\n"
    "  orders = has_many('order', 'user_id'), profile = has_one('profile', 'user_id'),\n"
    "  roles = belongs_to_many('user_role', 'role', 'user_id', 'role_id') } }\n"
    "model 'profile' { table = 'sweep_profiles', instance_column = 'iid' }\n"
    "model 'role' { table = 'sweep_roles' }\n"
    "model 'user_role' { table = 'sweep_user_roles', relations = { user = belongs_to('user', 'user_id') } }\n"
    "model 'order' { table = 'sweep_orders', client = 'side', relations = {\n"
    "  lines = has_many('line', 'order_id', { client = 'main' }),\n"
    "  user = belongs_to('user', 'user_id', { client = 'main' }) } }\n"
    "model 'line' { table = 'sweep_lines' }\n"
    "rule 'notes of a plan' { stage = 'override', model = 'profile',\n"
    "  client = function(req) local plans = {}\n"
    "    for i = 1, 9 do plans[#plans + 1] = 'plan ' .. i end\n"
    "    return req.attrs.plan == table.concat(plans, ',') and 'side' or nil end }\n"
    "rule 'no role has this name' { stage = 'guard', model = 'role',\n"
    "  check = function(req) if req.where.name == 'none' then return deny('no such ' .. req.where.name) end end }\n";

static const char *const world_tables[] = {
    "CREATE TABLE sweep_users (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, age INTEGER)",
    "CREATE TABLE sweep_profiles (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, user_id INTEGER, bio VARCHAR(40))",
    "CREATE TABLE sweep_roles (id INTEGER PRIMARY KEY, name VARCHAR(40))",
    "CREATE TABLE sweep_user_roles (id INTEGER PRIMARY KEY, user_id INTEGER, role_id INTEGER, note VARCHAR(40))",
    "CREATE TABLE sweep_lines (id INTEGER PRIMARY KEY, order_id INTEGER, product VARCHAR(40))",
    "CREATE TABLE sweep_orders (id INTEGER PRIMARY KEY, user_id INTEGER, total INTEGER)"};
/* By table. */
static const char *const world_names_of_tables[] = {"sweep_users",      "sweep_profiles", "sweep_roles",
                                                    "sweep_user_roles", "sweep_lines",    "sweep_orders"};
static const char *const world_rows[] = {"(1, 'Ada', 36), (2, 'Bob', 40), (3, 'Cy', NULL)",
                                         "(1, 1, 1, 'first'), (2, 1, 2, 'second')",
                                         "(1, 'admin'), (2, 'clerk')",
                                         "(1, 1, 1, 'a'), (2, 1, 2, 'b'), (3, 2, 2, 'c')",
                                         "(1, 1, 'pen'), (2, 1, 'ink'), (3, 2, 'cup')",
                                         "(1, 1, 10), (2, 1, 20), (3, 2, 30)"};
enum { WORLD_TABLES = sizeof world_tables / sizeof *world_tables, WORLD_ORDERS = WORLD_TABLES - 1 };

static inline void world_fine(const world *w, shunt_status status) {
  if (status) fail_msg("%s: %s: %s", world_names[w->kind], shunt_status_name(status), w->err.message);
}

static inline bool world_is_there(world_kind kind) {
  static const char *const given[] = {NULL, "SHUNT_TEST_PG", "SHUNT_TEST_MYSQL"};
  return !given[kind] || getenv(given[kind]);
}

static inline void world_write(const world *w, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", w->folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* Of this process alone, for other tests use the same server. */
static inline void world_name_database(char name[32]) { snprintf(name, 32, "sweep_%ld", (long)getpid()); }

static inline const char *world_url(const world *w) {
  return getenv(w->kind == WORLD_PG ? "SHUNT_TEST_PG" : "SHUNT_TEST_MYSQL");
}

/* scheme://user@host/NAME?options */
static inline void world_place(const world *w, char *main, size_t room) {
  char name[32];
  world_name_database(name);
  const char *url = world_url(w), *host = strstr(url, "://") + 3, *behind = strchr(host, '/') + 1;
  snprintf(main, room, "{engine: %s, connection: {url: \"%.*s%s%s\"}}", world_names[w->kind], (int)(behind - url), url,
           name, behind + strcspn(behind, "?"));
}

static inline void world_configure(world *w) {
  char text[4096], main[1024] = "{engine: sqlite3, connection: {filename: main.db, create: true, busyTimeout: 2s}}",
                   overlay[64];
  if (w->kind != WORLD_SQLITE) world_place(w, main, sizeof main);
  snprintf(text, sizeof text,
           "database:\n"
           "  defaultClient: main\n"
           "  maxLevel: 2\n"
           "  base: {pool: {max: 4, acquireTimeout: 5s}}\n"
           "  clients:\n"
           "    main: %s\n"
           "    side: {engine: sqlite3, connection: {filename: side.db, create: true, busyTimeout: 2s}}\n"
           "instance: {instances: {\"\": {id: 1}, acme: {id: 7}}}\n"
           "jobs: {client: %s, keep: 1h}\n"
           "rules: {path: [rules], timeout: 10s, instructions: 100000000}\n",
           main, w->kind == WORLD_MYSQL ? "side" : "main");
  world_write(w, "shunt.yaml", text);
  world_write(w, "rules/world.lua", world_rules);
  world_write(
      w, "watched.yaml",
      "watch: true\nrules: {path: [none]}\n"
      "database: {defaultClient: main, spanning: join, clients: {main: {engine: sqlite3, connection: {filename: "
      "watched.db, create: true}}}}\n");
  snprintf(w->env, sizeof w->env, "sweep%ld", (long)getpid());
  snprintf(overlay, sizeof overlay, "shunt.%s.yaml", w->env);
  world_write(w, overlay, "{}\n");
}

static inline shunt_status world_open_app(world *w, shunt_app **app) {
  return shunt_open(w->config, &(shunt_options){.env = w->env}, app, &w->err);
}

/* ---- the witness ---- */

static inline shunt_rows *world_look(world *w, shunt_session *s, const char *client, const char *sql) {
  shunt_rows *rows = NULL;
  world_fine(w, shunt_sql(s, sql, &(shunt_sql_options){.client = client}, &rows, NULL, &w->err));
  return rows;
}

static inline void world_run(world *w, const char *client, const char *sql) {
  shunt_session *s;
  world_fine(w, shunt_session_open(w->witness, NULL, &s, &w->err));
  shunt_rows_free(world_look(w, s, client, sql));
  shunt_session_close(s);
}

static inline const char *world_client_of(int table) { return table == WORLD_ORDERS ? "side" : "main"; }
static inline const char *world_queue(const world *w) { return w->kind == WORLD_MYSQL ? "side" : "main"; }

static inline uint64_t world_mix(uint64_t digest, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++) digest = (digest ^ at[i]) * 0x100000001B3u;
  return digest;
}

static inline uint64_t world_mix_number(uint64_t digest, int64_t n) { return world_mix(digest, &n, sizeof n); }

static inline uint64_t world_mix_value(uint64_t digest, const shunt_value *v) {
  digest = world_mix(digest, &v->type, sizeof v->type);
  if (v->type == SHUNT_TEXT || v->type == SHUNT_BLOB) return world_mix(digest, v->as.bytes, v->size);
  if (v->type == SHUNT_BOOL) return world_mix_number(digest, v->as.boolean);
  return v->type == SHUNT_NULL ? digest : world_mix_number(digest, v->as.integer);
}

/* With its related rows, wherever those lie: their places depend on which answer comes first. */
static inline uint64_t world_mix_row(uint64_t digest, const shunt_rows *rows, size_t row) {
  for (size_t k = 0; k < shunt_rows_ncolumns(rows); k++) digest = world_mix_value(digest, &shunt_rows_at(rows, row)[k]);
  for (size_t r = 0; r < shunt_rows_nloaded(rows); r++) {
    size_t n;
    const uint32_t *at = shunt_rows_related(rows, r, row, &n);
    digest = world_mix_number(digest, (int64_t)n);
    for (size_t i = 0; at && i < n; i++) digest = world_mix_row(digest, shunt_rows_loaded(rows, r).rows, at[i]);
  }
  return digest;
}

static inline uint64_t world_mix_rows(uint64_t digest, const shunt_rows *rows) {
  for (size_t i = 0; rows && i < shunt_rows_count(rows); i++) digest = world_mix_row(digest, rows, i);
  return digest;
}

/* Of all that callers see of the databases. */
static inline uint64_t world_digest(world *w) {
  shunt_session *s;
  char sql[256];
  uint64_t digest = 1;
  world_fine(w, shunt_session_open(w->witness, NULL, &s, &w->err));
  for (int i = 0; i <= WORLD_TABLES; i++) {
    if (i < WORLD_TABLES)
      snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY id", world_names_of_tables[i]);
    else
      snprintf(sql, sizeof sql,
               "SELECT name, state, data, failures, result FROM shunt_jobs WHERE env = '%s' ORDER BY id", w->env);
    shunt_rows *rows = world_look(w, s, i < WORLD_TABLES ? world_client_of(i) : world_queue(w), sql);
    digest = world_mix_rows(world_mix_number(digest, (int64_t)shunt_rows_count(rows)), rows);
    shunt_rows_free(rows);
  }
  shunt_session_close(s);
  return digest;
}

/* Makes what the databases hold what it was at first. A disk takes its time, so nothing is written in vain. */
static inline void world_reset(world *w) {
  shunt_session *s;
  if (w->pristine && world_digest(w) == w->pristine) return;
  shunt_tx *tx[2];
  char sql[512];
  world_fine(w, shunt_session_open(w->witness, NULL, &s, &w->err));
  world_fine(w, shunt_begin(s, &(shunt_tx_options){.client = "main", .spanning = "run"}, &tx[0], &w->err));
  world_fine(w, shunt_begin(s, &(shunt_tx_options){.client = "side", .spanning = "run"}, &tx[1], &w->err));
  for (int i = 0; i < WORLD_TABLES; i++) {
    snprintf(sql, sizeof sql, "DELETE FROM %s", world_names_of_tables[i]);
    shunt_rows_free(world_look(w, s, world_client_of(i), sql));
    snprintf(sql, sizeof sql, "INSERT INTO %s VALUES %s", world_names_of_tables[i], world_rows[i]);
    shunt_rows_free(world_look(w, s, world_client_of(i), sql));
  }
  snprintf(sql, sizeof sql, "DELETE FROM shunt_jobs WHERE env = '%s'", w->env);
  shunt_rows_free(world_look(w, s, world_queue(w), sql));
  snprintf(sql, sizeof sql, "DELETE FROM shunt_schedules WHERE env = '%s'", w->env);
  shunt_rows_free(world_look(w, s, world_queue(w), sql));
  world_fine(w, shunt_commit(tx[1], &w->err));
  world_fine(w, shunt_commit(tx[0], &w->err));
  shunt_session_close(s);
  w->pristine = world_digest(w);
}

/* ---- beginning and end ---- */

static inline void world_make_tables(world *w) {
  for (int i = 0; i < WORLD_TABLES; i++) world_run(w, world_client_of(i), world_tables[i]);
}

/* On a server: "CREATE DATABASE %s", or "DROP DATABASE …". */
static inline void world_administer(world *w, const char *format) {
  shunt_app *app;
  shunt_session *s;
  char text[1024], name[32], path[96];
  if (w->kind == WORLD_SQLITE) return;
  world_name_database(name);
  snprintf(text, sizeof text,
           "rules: {path: [none]}\n"
           "database: {defaultClient: server, clients: {server: {engine: %s, connection: {url: \"%s\"}}}}\n",
           world_names[w->kind], world_url(w));
  world_write(w, "server.yaml", text);
  snprintf(path, sizeof path, "%s/server.yaml", w->folder);
  world_fine(w, shunt_open(path, NULL, &app, &w->err));
  world_fine(w, shunt_session_open(app, NULL, &s, &w->err));
  snprintf(text, sizeof text, format, name);
  shunt_rows_free(world_look(w, s, "server", text));
  shunt_session_close(s);
  shunt_close(app);
}

/* What is made once is made: the tables of the queue. */
static inline void world_make_queue(world *w) {
  shunt_session *s;
  bool mine;
  world_fine(w, shunt_session_open(w->witness, NULL, &s, &w->err));
  world_fine(w, shunt_push(s, "first", NULL, NULL, NULL, &w->err));
  world_fine(w, shunt_schedule_due(s, "first", NULL, 60000, &mine, &w->err));
  shunt_session_close(s);
}

static inline void world_open(world *w, world_kind kind) {
  char path[96];
  memset(w, 0, sizeof *w);
  w->kind = kind;
  /* in memory, if the system has such a folder: nothing here asks whether a disk keeps its word */
  snprintf(w->folder, sizeof w->folder, "%s/shunt-sweep-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
  assert_non_null(mkdtemp(w->folder));
  snprintf(path, sizeof path, "%s/rules", w->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/none", w->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(w->config, sizeof w->config, "%s/shunt.yaml", w->folder);
  world_administer(w, "CREATE DATABASE %s");
  world_configure(w);
  world_fine(w, world_open_app(w, &w->witness));
  world_make_tables(w);
  world_make_queue(w);
  world_reset(w);
  world_fine(w, world_open_app(w, &w->app));
}

static inline void world_check_file(world *w, const char *client) {
  shunt_session *s;
  world_fine(w, shunt_session_open(w->witness, NULL, &s, &w->err));
  shunt_rows *rows = world_look(w, s, client, "PRAGMA integrity_check");
  assert_string_equal(shunt_rows_at(rows, 0)[0].as.bytes, "ok");
  shunt_rows_free(rows);
  shunt_session_close(s);
}

static inline void world_close(world *w) {
  char command[128];
  world_check_file(w, "side");
  if (w->kind == WORLD_SQLITE) world_check_file(w, "main");
  shunt_close(w->app);
  shunt_close(w->witness);
  world_administer(w, w->kind == WORLD_PG ? "DROP DATABASE %s WITH (FORCE)" : "DROP DATABASE %s");
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
}

#endif
