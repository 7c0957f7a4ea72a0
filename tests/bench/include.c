/* 1,000 of 10,000 users with their orders (of 100,000) and lines (of 300,000), users in one SQLite file, orders and
 * lines in another, against a program that runs the same IN queries and builds the same arrays: time, and peak memory.
 */
#include "bench/include.h"

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "    orders: {engine: sqlite3, connection: {filename: orders.db}}\n"
                             "rules: {path: [rules]}\n";

typedef struct world {
  include_world include;
  sqlite3 *users, *orders;
} world;

static void fill(void *ud) {
  (void)ud;
  sqlite3 *db = bench_database("main.db");
  bench_sql(db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, city TEXT, age INTEGER)");
  bench_sql(db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
                "INSERT INTO users SELECT i, 'User number ' || i, 'user' || i || '@example.org', "
                "CASE i % 3 WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90 FROM n");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
  db = bench_database("orders.db");
  bench_sql(
      db,
      "CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, state TEXT, total REAL, placed INTEGER)");
  bench_sql(db, "CREATE TABLE order_lines (id INTEGER PRIMARY KEY, order_id INTEGER NOT NULL, product TEXT, quantity "
                "INTEGER, price REAL)");
  bench_sql(
      db,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) INSERT INTO orders "
      "SELECT i, i * 7919 % 10000 + 1, CASE i % 3 WHEN 0 THEN 'paid' WHEN 1 THEN 'shipped' ELSE 'open' END, i / 3.0, "
      "1700000000 + i FROM n");
  bench_sql(db,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) INSERT INTO order_lines "
            "SELECT i, i * 104729 % 100000 + 1, 'Product ' || i % 500, i % 5 + 1, i / 9.0 FROM n");
  bench_sql(db, "CREATE INDEX orders_user ON orders (user_id)");
  bench_sql(db, "CREATE INDEX lines_order ON order_lines (order_id)");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
}

/* ---- the raw side ---- */

static shunt_value read_cell(table *t, sqlite3_stmt *stmt, int column) {
  switch (sqlite3_column_type(stmt, column)) {
  case SQLITE_INTEGER:
    return shunt_integer(sqlite3_column_int64(stmt, column));
  case SQLITE_FLOAT:
    return shunt_float(sqlite3_column_double(stmt, column));
  case SQLITE_TEXT: {
    const void *text = sqlite3_column_text(stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(stmt, column);
    return shunt_text(keep_text(t, text, size), size);
  }
  default:
    return shunt_null();
  }
}

static void read_rows(table *t, sqlite3 *db, sqlite3_stmt *stmt) {
  int status;
  t->ncolumns = (size_t)sqlite3_column_count(stmt);
  while ((status = sqlite3_step(stmt)) == SQLITE_ROW) {
    shunt_value *row = add_row(t);
    for (int c = 0; c < (int)t->ncolumns; c++) row[c] = read_cell(t, stmt, c);
  }
  if (status != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(db));
  sqlite3_finalize(stmt);
}

static sqlite3_stmt *prepare_in(sqlite3 *db, const char *select, const table *parents) {
  size_t length = strlen(select);
  char *sql = bench_alloc(length + parents->count * 2 + 2);
  memcpy(sql, select, length);
  for (size_t i = 0; i < parents->count; i++) {
    sql[length++] = '?';
    sql[length++] = ',';
  }
  sql[length - 1] = ')';
  sql[length] = 0;
  sqlite3_stmt *stmt = bench_prepare(db, sql);
  for (size_t i = 0; i < parents->count; i++)
    sqlite3_bind_int64(stmt, (int)i + 1, parents->cells[i * parents->ncolumns].as.integer);
  free(sql);
  return stmt;
}

static void raw_round(void *ud) {
  world *w = ud;
  table users = {0}, orders = {0}, lines = {0};
  sqlite3_stmt *stmt = bench_prepare(w->users, "SELECT id, name, email, city, age FROM users WHERE id BETWEEN ? AND ?");
  sqlite3_bind_int64(stmt, 1, FIRST_USER);
  sqlite3_bind_int64(stmt, 2, FIRST_USER + USERS - 1);
  read_rows(&users, w->users, stmt);
  read_rows(&orders, w->orders,
            prepare_in(w->orders, "SELECT id, user_id, state, total, placed FROM orders WHERE user_id IN (", &users));
  group(&orders, &users);
  read_rows(&lines, w->orders,
            prepare_in(w->orders, "SELECT id, order_id, product, quantity, price FROM order_lines WHERE order_id IN (",
                       &orders));
  group(&lines, &orders);
  raw_sums(&users, &orders, &lines, &w->include.raw);
  free_table(&users);
  free_table(&orders);
  free_table(&lines);
}

static void open_raw(void *ud) {
  world *w = ud;
  w->users = bench_database("main.db");
  w->orders = bench_database("orders.db");
}

int main(void) {
  static const include_side raw = {open_raw, raw_round};
  world w = {0};
  bench_pairs pairs;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", include_rules);
  include_fill(fill, NULL);
  include_peaks peaks = include_measure_peaks(&raw, &w);
  include_measure(&raw, &w, &pairs);
  include_report("include", &w.include, &pairs, 1.5, &peaks, 2.0);
  sqlite3_close(w.users);
  sqlite3_close(w.orders);
  bench_clean();
  return 0;
}
