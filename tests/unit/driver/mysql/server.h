/* For: tests of shunt's connection to a MySQL or MariaDB server, the one of SHUNT_TEST_MYSQL. Without it they are
 * skipped. Owner: the connection, its rows and a table of three rows belong to the test, and are dropped at its end.
 * Use: TEST(name) makes a test that gets all of it in *state: server *d = the_server(state); run(d, "DELETE FROM %s").
 */
#ifndef SHUNT_TESTS_MYSQL_SERVER_H
#define SHUNT_TESTS_MYSQL_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/driver.h"

typedef struct server {
  cat_option options[4];
  cat_client client;
  driver_conn *conn;
  shunt_error err;
  shunt_rows *rows; /* of the last run */
  int64_t affected, id;
  char table[64];
} server;

static const driver_engine *const e = &driver_mysql;

static inline shunt_status try_run(server *d, const char *sql, const shunt_value *params, size_t n) {
  shunt_rows_free(d->rows);
  d->rows = rows_new();
  shunt_status status = d->rows ? e->send(d->conn, sql, strlen(sql), params, n, &d->err) : SHUNT_E_MEMORY;
  return status ? status : e->receive(d->conn, d->rows, &d->affected, &d->id, &d->err);
}

static inline void run(server *d, const char *form) {
  char sql[512];
  snprintf(sql, sizeof sql, form, d->table, d->table);
  if (try_run(d, sql, NULL, 0)) fail_msg("%s: %s", sql, d->err.message);
}

/* A server that is not connected to yet. */
static inline void init(server *d) {
  memset(d, 0, sizeof *d);
  d->options[0] = (cat_option){"url", getenv("SHUNT_TEST_MYSQL"), true};
  d->client = (cat_client){.name = "main", .engine = CAT_MYSQL, .options = d->options, .noptions = 1};
  snprintf(d->table, sizeof d->table, "shunt_unit_%ld", (long)getpid());
}

static inline void connect_to(server *d) {
  if (e->open(&d->client, 0, &d->conn, &d->err)) fail_msg("%s", d->err.message);
}

static inline int begin(void **state) {
  static server d;
  init(&d);
  *state = &d;
  if (!d.options[0].value) return 0;
  connect_to(&d);
  run(&d, "CREATE TABLE %s (id INTEGER PRIMARY KEY AUTO_INCREMENT, name VARCHAR(40) NOT NULL, t LONGTEXT)");
  run(&d, "INSERT INTO %s (name, t) VALUES ('a', NULL), ('b', REPEAT('x', 5000)), ('c', REPEAT('y', 50000))");
  return 0;
}

static inline void disconnect(server *d) {
  shunt_rows_free(d->rows);
  e->close(d->conn);
  d->rows = NULL;
  d->conn = NULL;
}

static inline int end(void **state) {
  server *d = *state, other;
  disconnect(d);
  if (!d->options[0].value) return 0;
  init(&other);
  connect_to(&other);
  run(&other, "DROP TABLE %s");
  disconnect(&other);
  return 0;
}

static inline server *the_server(void **state) {
  server *d = *state;
  if (!d->conn) skip();
  return d;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
