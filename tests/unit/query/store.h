/* For: a small shop over three SQLite files, its application opened, and a session of it whose statements are counted.
 * Owner: a test that calls store_begin calls store_end, which takes the folder away again.
 * Use: cmocka_unit_test_setup_teardown(test, store_setup, store_teardown); store *w = *state; … */
#ifndef TESTS_UNIT_QUERY_STORE_H
#define TESTS_UNIT_QUERY_STORE_H

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
#include <sqlite3.h>

#include "session/session.h"
#include "shunt.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define TEXT(text) shunt_text(text, sizeof(text) - 1)

enum { STORE_FILES = 3 };

static const char *const store_clients[STORE_FILES] = {"main", "orders", "stock"};

typedef struct store {
  char folder[64];
  sqlite3 *raw[STORE_FILES];
  shunt_app *app;
  shunt_session *session;
  shunt_error err;
  size_t statements; /* that the session ran since it was last set to 0 */
  shunt_status told; /* of the last one */
  char last[256];    /* its text */
} store;

static const char store_config[] =
    "database:\n"
    "  defaultClient: main\n"
    "  base: {pool: {max: 2, acquireTimeout: 100ms}}\n"
    "  clients:\n"
    "    main: {engine: sqlite3, connection: {filename: main.db, busyTimeout: 50ms}}\n"
    "    orders: {engine: sqlite3, connection: {filename: orders.db, busyTimeout: 50ms}}\n"
    "    stock: {engine: sqlite3, connection: {filename: stock.db, busyTimeout: 50ms}}\n"
    "instance:\n"
    "  instances:\n"
    "    \"\": {id: 1}\n"
    "    acme: {id: 7}\n"
    "    nameless: {title: Has no id}\n"
    "rules: {path: [rules], timeout: 10s, instructions: 100000000}\n";

static const char store_rules[] =
    "model 'user' { table = 'users', relations = {\n"
    "  orders = has_many('order', 'user_id'), profile = has_one('profile', 'user_id'),\n"
    "  roles = belongs_to_many('user_role', 'role', 'user_id', 'role_id'),\n"
    "  visits = has_many('visit', 'user_id') } }\n"
    "model 'profile' { table = 'profiles' }\n"
    "model 'order' { table = 'orders', client = 'orders', relations = {\n"
    "  lines = has_many('line', 'order_id'), user = belongs_to('user', 'user_id', { client = 'main' }) } }\n"
    "model 'line' { table = 'lines', client = 'stock' }\n"
    "model 'role' { table = 'roles', client = 'stock' }\n"
    "model 'user_role' { table = 'user_roles', client = 'orders' }\n"
    "model 'tenant' { table = 'tenants', instance_column = 'iid' }\n"
    "model 'visit' { client = function(req) return req:mod('where.user_id', 2) == 1 and 'stock' or 'orders' end,\n"
    "  table = function(req) return ('visits_%d'):format(req:mod('where.user_id', 4) or 0) end }\n";

static const char *const store_tables[STORE_FILES] = {
    "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);"
    "CREATE TABLE profiles (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users, bio TEXT);"
    "CREATE TABLE tenants (id INTEGER PRIMARY KEY, iid INTEGER NOT NULL, name TEXT);",
    "CREATE TABLE states (name TEXT PRIMARY KEY); INSERT INTO states VALUES ('open'), ('paid');"
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, total REAL,"
    "  state TEXT REFERENCES states DEFERRABLE INITIALLY DEFERRED);"
    "CREATE TABLE user_roles (id INTEGER PRIMARY KEY, user_id INTEGER, role_id INTEGER, note TEXT);"
    "CREATE TABLE visits_0 (id INTEGER PRIMARY KEY, user_id INTEGER, page TEXT);"
    "CREATE TABLE visits_2 (id INTEGER PRIMARY KEY, user_id INTEGER, page TEXT);",
    "CREATE TABLE lines (id INTEGER PRIMARY KEY, order_id INTEGER, product TEXT CHECK (product <> 'forbidden'));"
    "CREATE TABLE roles (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
    "CREATE TABLE visits_1 (id INTEGER PRIMARY KEY, user_id INTEGER, page TEXT);"
    "CREATE TABLE visits_3 (id INTEGER PRIMARY KEY, user_id INTEGER, page TEXT);"};

static inline void store_observe(void *ud, const shunt_statement *statement) {
  store *w = ud;
  w->statements++;
  w->told = statement->status;
  snprintf(w->last, sizeof w->last, "%s", statement->sql);
}

static inline void store_write(const store *w, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", w->folder, name);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static inline void store_exec(store *w, int file, const char *sql) {
  char *message = NULL;
  if (sqlite3_exec(w->raw[file], sql, NULL, NULL, &message)) fail_msg("%s: %s", sql, message);
}

/* The one number that another connection reads. */
static inline int64_t store_number(store *w, int file, const char *sql) {
  sqlite3_stmt *stmt;
  if (sqlite3_prepare_v2(w->raw[file], sql, -1, &stmt, NULL)) fail_msg("%s: %s", sql, sqlite3_errmsg(w->raw[file]));
  assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
  int64_t n = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  return n;
}

static inline void store_open_session(store *w, const char *instance) {
  if (shunt_session_open(w->app, &(shunt_session_options){.instance = instance}, &w->session, &w->err))
    fail_msg("%s", w->err.message);
  shunt_observe(w->session, store_observe, w);
}

/* Files and tables, and the raw connections; nothing of shunt yet. */
static inline void store_make(store *w) {
  char path[128];
  memset(w, 0, sizeof *w);
  strcpy(w->folder, "/tmp/shunt-store-XXXXXX");
  assert_non_null(mkdtemp(w->folder));
  snprintf(path, sizeof path, "%s/rules", w->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  store_write(w, "shunt.yaml", store_config);
  store_write(w, "rules/store.lua", store_rules);
  for (int i = 0; i < STORE_FILES; i++) {
    snprintf(path, sizeof path, "%s/%s.db", w->folder, store_clients[i]);
    assert_int_equal(sqlite3_open(path, &w->raw[i]), SQLITE_OK);
    store_exec(w, i, "PRAGMA journal_mode = WAL");
    store_exec(w, i, "PRAGMA synchronous = OFF");
    store_exec(w, i, store_tables[i]);
  }
}

static inline void store_open(store *w) {
  char path[128];
  snprintf(path, sizeof path, "%s/shunt.yaml", w->folder);
  if (shunt_open(path, NULL, &w->app, &w->err)) fail_msg("%s:%d: %s", w->err.file, w->err.line, w->err.message);
}

static inline void store_close(store *w) {
  shunt_session_close(w->session);
  w->session = NULL;
  shunt_close(w->app);
  w->app = NULL;
}

static inline void store_remove(store *w) {
  char command[128];
  for (int i = 0; i < STORE_FILES; i++) sqlite3_close(w->raw[i]);
  snprintf(command, sizeof command, "rm -rf %s", w->folder);
  assert_int_equal(system(command), 0);
}

static inline int store_setup(void **state) {
  store *w = malloc(sizeof *w);
  assert_non_null(w);
  store_make(w);
  store_open(w);
  store_open_session(w, NULL);
  *state = w;
  return 0;
}

static inline int store_teardown(void **state) {
  store_close(*state);
  store_remove(*state);
  free(*state);
  return 0;
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

/* ---- shorthands ---- */

static inline void store_fine(store *w, shunt_status status) {
  if (status) fail_msg("%s: %s", shunt_status_name(status), w->err.message);
}

/* It failed so, and the message says that. */
static inline void store_fails(store *w, shunt_status status, shunt_status expected, const char *words) {
  if (status != expected)
    fail_msg("expected %s, got %s: %s", shunt_status_name(expected), shunt_status_name(status),
             status ? w->err.message : "");
  assert_int_equal(w->err.status, expected);
  if (!strstr(w->err.message, words)) fail_msg("'%s' is not in: %s", words, w->err.message);
}

static inline shunt_where store_is(const char *column, const shunt_value *value) {
  return (shunt_where){.op = SHUNT_EQ, .column = column, .values = value, .nvalues = 1};
}

#endif
