/* A million rows through shunt_each from a SQLite file, against a prepared statement that is stepped. */
#include "bench/stream.h"

typedef struct world {
  stream_world stream;
  sqlite3 *db;
} world;

static void raw_round(void *ud) {
  world *w = ud;
  sqlite3_stmt *stmt = bench_prepare(w->db, STREAM_SELECT);
  stream_row row;
  while (sqlite3_step(stmt) == SQLITE_ROW) {
    row.id = sqlite3_column_int64(stmt, 0);
    row.kind = sqlite3_column_int64(stmt, 1);
    row.score = sqlite3_column_double(stmt, 2);
    const char *name = (const char *)sqlite3_column_text(stmt, 3);
    stream_take(&w->stream, &row, name, (size_t)sqlite3_column_bytes(stmt, 3));
  }
  if (sqlite3_finalize(stmt)) bench_die("%s", sqlite3_errmsg(w->db));
}

int main(void) {
  world w = {0};
  bench_folder();
  stream_fill(BENCH_SQLITE);
  stream_open(&w.stream);
  w.db = bench_database("main.db");
  stream_measure("stream_sqlite_ratio", &w.stream, raw_round);
  sqlite3_close(w.db);
  bench_clean();
  return 0;
}
