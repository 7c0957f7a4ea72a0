/* One row by its primary key through shunt_select, against a prepared statement and a copy of the row. Both on one
 * SQLite file in WAL mode, opened with the same flags. */
#include "bench/bench.h"

enum { USERS = 10000, GETS = 20000, COLUMNS = 8 };

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "rules: {path: [rules]}\n";
static const char rules[] = "model \"user\" { table = \"users\" }\n";

typedef struct world {
  sqlite3 *db;
  sqlite3_stmt *stmt;
  shunt_session *session;
  uint64_t raw_sum, shunt_sum;
} world;

/* A row of the raw side: its cells and their bytes in one block of its own. */
typedef struct raw_row {
  shunt_value cells[COLUMNS];
} raw_row;

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

/* What every value adds to the sum, so that both sides read all of it. */
static uint64_t value_sum(const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_INTEGER:
    return (uint64_t)v->as.integer;
  case SHUNT_FLOAT:
    return (uint64_t)v->as.number;
  case SHUNT_TEXT:
    return v->size + (unsigned char)v->as.bytes[v->size - 1];
  default:
    return 7;
  }
}

static int64_t next_id(int i) { return (int64_t)i * 7919 % USERS + 1; }

/* ---- the raw side ---- */

static raw_row *copy_row(sqlite3_stmt *stmt) {
  size_t bytes = 0;
  for (int c = 0; c < COLUMNS; c++)
    if (sqlite3_column_type(stmt, c) == SQLITE_TEXT) bytes += (size_t)sqlite3_column_bytes(stmt, c) + 1;
  raw_row *row = bench_alloc(sizeof *row + bytes);
  char *to = (char *)(row + 1);
  for (int c = 0; c < COLUMNS; c++) {
    int type = sqlite3_column_type(stmt, c);
    if (type == SQLITE_INTEGER) {
      row->cells[c] = shunt_integer(sqlite3_column_int64(stmt, c));
    } else if (type == SQLITE_FLOAT) {
      row->cells[c] = shunt_float(sqlite3_column_double(stmt, c));
    } else if (type == SQLITE_TEXT) {
      const void *text = sqlite3_column_text(stmt, c);
      size_t size = (size_t)sqlite3_column_bytes(stmt, c);
      memcpy(to, text, size);
      to[size] = 0;
      row->cells[c] = shunt_text(to, size);
      to += size + 1;
    } else {
      row->cells[c] = shunt_null();
    }
  }
  return row;
}

static void raw_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < GETS; i++) {
    sqlite3_bind_int64(w->stmt, 1, next_id(i));
    if (sqlite3_step(w->stmt) != SQLITE_ROW) bench_die("%s", sqlite3_errmsg(w->db));
    raw_row *row = copy_row(w->stmt);
    sqlite3_reset(w->stmt);
    for (int c = 0; c < COLUMNS; c++) w->raw_sum += value_sum(&row->cells[c]);
    free(row);
  }
}

/* ---- shunt's side ---- */

static void shunt_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < GETS; i++) {
    shunt_value id = shunt_integer(next_id(i));
    shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1};
    shunt_rows *rows;
    shunt_error err;
    if (shunt_select(w->session, "user", &(shunt_query){.where = &where, .limited = true, .limit = 1}, &rows, &err))
      bench_die("%s", err.message);
    const shunt_value *cells = shunt_rows_at(rows, 0);
    for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++) w->shunt_sum += value_sum(&cells[c]);
    shunt_rows_free(rows);
  }
}

int main(void) {
  world w = {0};
  bench_pairs pairs;
  shunt_error err;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  w.db = bench_database("main.db");
  fill(w.db);
  w.stmt = bench_prepare(w.db, "SELECT id, name, email, city, age, score, created, note FROM users WHERE id = ?");
  shunt_app *app = bench_open();
  if (shunt_session_open(app, NULL, &w.session, &err)) bench_die("%s", err.message);
  bench_measure(raw_round, shunt_round, &w, &pairs);
  if (w.raw_sum != w.shunt_sum) bench_die("get: the two sides read different rows");
  bench_report_pairs("get_ratio", &pairs, 1.5, GETS, "a prepared statement", "shunt_select");
  shunt_session_close(w.session);
  shunt_close(app);
  sqlite3_finalize(w.stmt);
  sqlite3_close(w.db);
  bench_clean();
  return 0;
}
