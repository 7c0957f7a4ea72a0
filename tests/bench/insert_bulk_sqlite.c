/* 100,000 rows through shunt_insert_bulk into a SQLite file in WAL mode, against one prepared INSERT that is stepped
 * for each of them in one transaction. */
#include "bench/insert_bulk.h"

typedef struct world {
  insert_world insert;
  sqlite3 *db;
} world;

static void raw_round(void *ud) {
  world *w = ud;
  bench_sql(w->db, "BEGIN IMMEDIATE");
  sqlite3_stmt *stmt = bench_prepare(w->db, INSERT_INTO "(?, ?, ?, ?, ?)");
  for (int i = 0; i < INSERT_ROWS; i++) {
    const insert_row *r = &w->insert.rows[i];
    sqlite3_bind_int64(stmt, 1, r->id);
    sqlite3_bind_int(stmt, 2, r->kind);
    sqlite3_bind_double(stmt, 3, r->amount);
    sqlite3_bind_text(stmt, 4, r->label, (int)r->label_size, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 5, r->at, (int)r->at_size, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(w->db));
    sqlite3_reset(stmt);
  }
  sqlite3_finalize(stmt);
  bench_sql(w->db, "COMMIT");
}

int main(void) {
  world w = {0};
  insert_open(&w.insert, BENCH_SQLITE);
  w.db = bench_database("main.db");
  insert_measure("insert_bulk_sqlite_ratio", &w.insert, raw_round, 1.3, "one INSERT, stepped");
  sqlite3_close(w.db);
  bench_clean();
  return 0;
}
