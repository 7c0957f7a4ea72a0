/* A million rows through shunt_each from MariaDB or MySQL, against a prepared statement whose rows are fetched from the
 * socket into bound cells. */
#include "bench/stream.h"

typedef struct world {
  stream_world stream;
  MYSQL *mysql;
  MYSQL_STMT *stmt;
  stream_row row;
  char name[STREAM_TEXT];
  unsigned long size;
} world;

static void prepare(world *w) {
  MYSQL_BIND cells[STREAM_COLUMNS];
  memset(cells, 0, sizeof cells);
  cells[0] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &w->row.id};
  cells[1] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &w->row.kind};
  cells[2] = (MYSQL_BIND){.buffer_type = MYSQL_TYPE_DOUBLE, .buffer = &w->row.score};
  cells[3] = (MYSQL_BIND){
      .buffer_type = MYSQL_TYPE_STRING, .buffer = w->name, .buffer_length = sizeof w->name, .length = &w->size};
  w->stmt = bench_mysql_prepare(w->mysql, STREAM_SELECT);
  if (mysql_stmt_bind_result(w->stmt, cells)) bench_die("%s", mysql_stmt_error(w->stmt));
}

static void raw_round(void *ud) {
  world *w = ud;
  int rc;
  if (mysql_stmt_execute(w->stmt)) bench_die("%s", mysql_stmt_error(w->stmt));
  while (!(rc = mysql_stmt_fetch(w->stmt))) stream_take(&w->stream, &w->row, w->name, w->size);
  if (rc != MYSQL_NO_DATA) bench_die("%s", mysql_stmt_error(w->stmt));
}

int main(void) {
  world w = {0};
  bench_folder();
  bench_db db = stream_fill(BENCH_MYSQL);
  stream_open(&w.stream);
  w.mysql = bench_mysql_open(&db);
  prepare(&w);
  stream_measure("stream_mysql_ratio", &w.stream, raw_round);
  mysql_stmt_close(w.stmt);
  mysql_close(w.mysql);
  bench_clean();
  return 0;
}
