/* 100,000 rows through shunt_insert_bulk into MariaDB or MySQL, against a prepared INSERT of as many rows as go in
 * fastest, executed until they all are there, in one transaction. */
#include "bench/insert_bulk.h"

enum { BATCH = 1000 }; /* the best of 100, 300, 1,000, 3,000 and 10,000; INSERTs written out as text are slower */

typedef struct world {
  insert_world insert;
  MYSQL *mysql;
} world;

static MYSQL_STMT *prepare(world *w) {
  static const char values[] = "(?,?,?,?,?),";
  char sql[sizeof INSERT_INTO + BATCH * sizeof values];
  size_t size = (size_t)snprintf(sql, sizeof sql, INSERT_INTO);
  for (int i = 0; i < BATCH; i++) size += (size_t)snprintf(sql + size, sizeof sql - size, values);
  sql[size - 1] = 0;
  return bench_mysql_prepare(w->mysql, sql);
}

static void bind(MYSQL_BIND *b, insert_row *r) {
  b[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &r->id};
  b[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONG, .buffer = &r->kind};
  b[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &r->amount};
  b[3] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = r->label, .buffer_length = r->label_size};
  b[4] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_STRING, .buffer = r->at, .buffer_length = r->at_size};
}

static void raw_round(void *ud) {
  world *w = ud;
  MYSQL_BIND *binds = bench_alloc((size_t)BATCH * INSERT_COLUMNS * sizeof *binds);
  bench_mysql_run(w->mysql, "START TRANSACTION");
  MYSQL_STMT *stmt = prepare(w);
  for (int from = 0; from < INSERT_ROWS; from += BATCH) {
    for (int i = 0; i < BATCH; i++) bind(binds + (size_t)i * INSERT_COLUMNS, &w->insert.rows[from + i]);
    if (mysql_stmt_bind_param(stmt, binds) || mysql_stmt_execute(stmt)) bench_die("%s", mysql_stmt_error(stmt));
  }
  mysql_stmt_close(stmt);
  bench_mysql_run(w->mysql, "COMMIT");
  free(binds);
}

int main(void) {
  world w = {0};
  insert_open(&w.insert, BENCH_MYSQL);
  w.mysql = bench_mysql_open(&w.insert.db);
  insert_measure("insert_bulk_mysql_ratio", &w.insert, raw_round, 1.3, "INSERTs of 1,000 rows");
  mysql_close(w.mysql);
  bench_clean();
  return 0;
}
