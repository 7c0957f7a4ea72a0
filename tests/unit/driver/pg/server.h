/* For: tests of shunt's connection to a PostgreSQL server, the one of SHUNT_TEST_PG. Without one nothing is tried.
 * Use: TEST(name) makes a test that finds a new connection in *state: server *s = server_of(state); run(s, "SELECT 1").
 */
#ifndef SHUNT_TESTS_PG_SERVER_H
#define SHUNT_TESTS_PG_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "driver/pg/conn.h"

typedef struct server {
  cat_option options[8];
  cat_client client;
  driver_conn *conn;
  shunt_error err;
  shunt_rows *rows; /* of the last run */
  int64_t affected;
} server;

static inline void init(server *s) {
  memset(s, 0, sizeof *s);
  s->options[0] = (cat_option){"url", getenv("SHUNT_TEST_PG"), true};
  s->client = (cat_client){.name = "main", .engine = CAT_PG, .options = s->options, .noptions = 1};
}

static inline int begin(void **state) {
  static server s;
  if (!getenv("SHUNT_TEST_PG")) return 0;
  init(&s);
  if (driver_pg.open(&s.client, 0, &s.conn, &s.err)) fail_msg("%s", s.err.message);
  *state = &s;
  return 0;
}

static inline int end(void **state) {
  server *s = *state;
  if (!s) return 0;
  shunt_rows_free(s->rows);
  driver_pg.close(s->conn);
  return 0;
}

static inline server *server_of(void **state) {
  if (!*state) skip();
  return *state;
}

static inline shunt_status try_with(server *s, const char *sql, const shunt_value *params, size_t nparams) {
  shunt_rows_free(s->rows);
  s->rows = rows_new();
  if (!s->rows) return error_memory(&s->err);
  shunt_status status = driver_pg.send(s->conn, sql, strlen(sql), params, nparams, &s->err);
  return status ? status : driver_pg.receive(s->conn, s->rows, &s->affected, NULL, &s->err);
}

static inline shunt_status try_run(server *s, const char *sql) { return try_with(s, sql, NULL, 0); }

static inline void run(server *s, const char *sql) {
  if (try_run(s, sql)) fail_msg("%s: %s", sql, s->err.message);
}

static inline int64_t integer_of(server *s, const char *sql) {
  run(s, sql);
  assert_int_equal(shunt_rows_count(s->rows), 1);
  assert_int_equal(shunt_rows_at(s->rows, 0)[0].type, SHUNT_INTEGER);
  return shunt_rows_at(s->rows, 0)[0].as.integer;
}

static inline void assert_fails(server *s, shunt_status got, shunt_status want, const char *words) {
  if (got != want)
    fail_msg("%s instead of %s: %s", shunt_status_name(got), shunt_status_name(want), got ? s->err.message : "");
  if (!strstr(s->err.message, words)) fail_msg("\"%s\" does not say \"%s\"", s->err.message, words);
  assert_string_equal(s->err.client, "main");
}

static inline void begin_transaction(server *s) {
  if (driver_pg.begin(s->conn, NULL, false, &s->err)) fail_msg("%s", s->err.message);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
