/* For: a SQLite file in a folder of its own, shunt's connection to it, and a raw one beside it to check against.
 * Owner: the caller of database_begin must call database_end, which removes the folder.
 * Use: database d; database_begin(&d); database_open(&d); run(&d, "SELECT 1"); … database_end(&d); */
#ifndef TESTS_UNIT_DRIVER_DATABASE_H
#define TESTS_UNIT_DRIVER_DATABASE_H

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

#include "driver/driver.h"

typedef struct database {
  char folder[64];
  char filename[96];
  cat_client client;
  driver_conn *conn;
  sqlite3 *raw;
  shunt_error err;
  shunt_rows *rows; /* of the last run */
  int64_t affected;
  int64_t id;
} database;

static inline void database_begin(database *d) {
  memset(d, 0, sizeof *d);
  const char *tmp = getenv("TMPDIR");
  snprintf(d->folder, sizeof d->folder, "%s/shunt-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
  assert_non_null(mkdtemp(d->folder));
  snprintf(d->filename, sizeof d->filename, "%s/main.db", d->folder);
  d->client = (cat_client){.name = "main", .engine = CAT_SQLITE3, .filename = d->filename, .create = true};
  d->client.busy_timeout_ms = 20;
  d->client.pool = (cat_pool){0, 4, 1000, 60000, 1800000};
}

static inline shunt_status database_try_open(database *d) {
  return driver_sqlite3.open(&d->client, 0, &d->conn, &d->err);
}

static inline void database_open(database *d) {
  if (database_try_open(d)) fail_msg("%s", d->err.message);
}

static inline void database_close(database *d) {
  driver_sqlite3.close(d->conn);
  d->conn = NULL;
}

/* A connection of another program. */
static inline sqlite3 *database_raw(database *d) {
  if (!d->raw) assert_int_equal(sqlite3_open(d->filename, &d->raw), SQLITE_OK);
  return d->raw;
}

static inline void raw_exec(database *d, const char *sql) {
  char *message = NULL;
  if (sqlite3_exec(database_raw(d), sql, NULL, NULL, &message)) fail_msg("%s: %s", sql, message);
}

/* One text that the raw connection gives; it holds until the next call. */
static inline const char *raw_text(database *d, const char *sql) {
  static char text[256];
  sqlite3_stmt *stmt;
  assert_int_equal(sqlite3_prepare_v2(database_raw(d), sql, -1, &stmt, NULL), SQLITE_OK);
  text[0] = 0;
  if (sqlite3_step(stmt) == SQLITE_ROW)
    snprintf(text, sizeof text, "%s",
             sqlite3_column_text(stmt, 0) ? (const char *)sqlite3_column_text(stmt, 0) : "NULL");
  sqlite3_finalize(stmt);
  return text;
}

static inline void database_end(database *d) {
  shunt_rows_free(d->rows);
  database_close(d);
  sqlite3_close(d->raw);
  static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s%s", d->filename, endings[i]);
    (void)remove(path);
  }
  assert_int_equal(rmdir(d->folder), 0);
}

static inline shunt_status try_with(database *d, const char *sql, const shunt_value *params, size_t nparams) {
  shunt_rows_free(d->rows);
  d->rows = rows_new();
  if (!d->rows) return error_memory(&d->err);
  shunt_status status = d->conn->engine->send(d->conn, sql, strlen(sql), params, nparams, &d->err);
  return status ? status : d->conn->engine->receive(d->conn, d->rows, &d->affected, &d->id, &d->err);
}

static inline shunt_status try_run(database *d, const char *sql) { return try_with(d, sql, NULL, 0); }

static inline void run_with(database *d, const char *sql, const shunt_value *params, size_t nparams) {
  if (try_with(d, sql, params, nparams)) fail_msg("%s: %s", sql, d->err.message);
}

static inline void run(database *d, const char *sql) { run_with(d, sql, NULL, 0); }

static inline int64_t integer_of(database *d, const char *sql) {
  run(d, sql);
  assert_int_equal(shunt_rows_count(d->rows), 1);
  assert_int_equal(shunt_rows_at(d->rows, 0)[0].type, SHUNT_INTEGER);
  return shunt_rows_at(d->rows, 0)[0].as.integer;
}

static inline void assert_fails(database *d, shunt_status got, shunt_status want, const char *words) {
  if (got != want)
    fail_msg("%s instead of %s: %s", shunt_status_name(got), shunt_status_name(want), got ? d->err.message : "");
  assert_int_equal(d->err.status, want);
  if (!strstr(d->err.message, words)) fail_msg("\"%s\" does not say \"%s\"", d->err.message, words);
  assert_string_equal(d->err.client, "main");
}

#endif
