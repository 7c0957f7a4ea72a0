/* One row by its primary key through shunt_select, against a prepared statement and a copy of the row. Both on one
 * SQLite file in WAL mode, opened with the same flags. */
#include "bench/get.h"

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "rules: {path: [rules]}\n";

typedef struct world {
  get_world get;
  sqlite3 *db;
  sqlite3_stmt *stmt;
} world;

static void fill(sqlite3 *db) {
  bench_sql(db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT, age INTEGER, "
                "score REAL, created INTEGER, note TEXT)");
  bench_sql(db,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
            "INSERT INTO users SELECT i, 'User number ' || i, 'user' || i || '@example.org', "
            "CASE i % 3 WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90, i / 7.0, 1700000000 + i, "
            "CASE WHEN i % 4 = 0 THEN NULL ELSE 'A note of some length about the user ' || i END FROM n");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

/* ---- the raw side ---- */

static get_row *copy_row(sqlite3_stmt *stmt) {
  size_t bytes = 0;
  for (int c = 0; c < GET_COLUMNS; c++)
    if (sqlite3_column_type(stmt, c) == SQLITE_TEXT) bytes += (size_t)sqlite3_column_bytes(stmt, c) + 1;
  get_row *row = bench_alloc(sizeof *row + bytes);
  char *to = (char *)(row + 1);
  for (int c = 0; c < GET_COLUMNS; c++) {
    int type = sqlite3_column_type(stmt, c);
    if (type == SQLITE_INTEGER) {
      row->cells[c] = shunt_integer(sqlite3_column_int64(stmt, c));
    } else if (type == SQLITE_FLOAT) {
      row->cells[c] = shunt_float(sqlite3_column_double(stmt, c));
    } else if (type == SQLITE_TEXT) {
      const void *text = sqlite3_column_text(stmt, c);
      row->cells[c] = get_text(&to, text, (size_t)sqlite3_column_bytes(stmt, c));
    } else {
      row->cells[c] = shunt_null();
    }
  }
  return row;
}

static void raw_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < w->get.gets; i++) {
    sqlite3_bind_int64(w->stmt, 1, get_id(i));
    if (sqlite3_step(w->stmt) != SQLITE_ROW) bench_die("%s", sqlite3_errmsg(w->db));
    get_row *row = copy_row(w->stmt);
    sqlite3_reset(w->stmt);
    get_sum_raw(&w->get, row);
    free(row);
  }
}

int main(void) {
  world w = {.get.gets = 20000};
  bench_folder();
  bench_write("shunt.yaml", config);
  w.db = bench_database("main.db");
  fill(w.db);
  w.stmt = bench_prepare(w.db, GET_SELECT "?");
  get_open(&w.get);
  get_measure("get_ratio", &w.get, raw_round, 1.20);
  sqlite3_finalize(w.stmt);
  sqlite3_close(w.db);
  bench_clean();
  return 0;
}
