/* One row by a primary key of two columns through shunt_select, against one by a key of one column: the same rows, in
 * two tables of one SQLite file that are kept in the order of their keys. */
#include "bench/get.h"

enum { DEPARTMENTS = 10 };

static const char config[] = "database:\n"
                             "  defaultClient: main\n"
                             "  clients:\n"
                             "    main: {engine: sqlite3, connection: {filename: main.db}}\n"
                             "rules: {path: [rules]}\n";

static const char rules[] = "model \"user\" { table = \"users\" }\n"
                            "model \"member\" { table = \"members\", primary_key = { \"id\", \"department\" } }\n";

/* The department is a column of both, so that rows have the same cells. */
static void fill(sqlite3 *db, const char *table, const char *key) {
  char sql[512];
  snprintf(sql, sizeof sql,
           "CREATE TABLE %s (id INTEGER NOT NULL, department INTEGER NOT NULL, name TEXT NOT NULL, email TEXT, age "
           "INTEGER, PRIMARY KEY (%s)) WITHOUT ROWID",
           table, key);
  bench_sql(db, sql);
  snprintf(sql, sizeof sql,
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO %s SELECT i, i %% "
           "%d, 'User number ' || i, 'user' || i || '@example.org', i %% 90 FROM n",
           GET_USERS, table, DEPARTMENTS);
  bench_sql(db, sql);
}

static void read_one(get_world *w, const char *model, const shunt_where *where, uint64_t *sum) {
  shunt_rows *rows;
  shunt_error err;
  if (shunt_select(w->session, model, &(shunt_query){.where = where, .limit = 1}, &rows, &err))
    bench_die("%s", err.message);
  const shunt_value *cells = shunt_rows_at(rows, 0);
  for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++) *sum += get_value_sum(&cells[c]);
  shunt_rows_free(rows);
}

static void one_column(void *ud) {
  get_world *w = ud;
  for (int i = 0; i < w->gets; i++) {
    shunt_value id = shunt_integer(get_id(i));
    shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1};
    read_one(w, "user", &where, &w->raw_sum);
  }
}

static void two_columns(void *ud) {
  get_world *w = ud;
  for (int i = 0; i < w->gets; i++) {
    shunt_value id = shunt_integer(get_id(i)), department = shunt_integer(get_id(i) % DEPARTMENTS);
    const shunt_where items[] = {{.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1},
                                 {.op = SHUNT_EQ, .column = "department", .values = &department, .nvalues = 1}};
    shunt_where where = {.op = SHUNT_AND, .items = items, .nitems = 2};
    read_one(w, "member", &where, &w->shunt_sum);
  }
}

int main(void) {
  get_world w = {.gets = 20000};
  bench_pairs pairs;
  shunt_error err;
  bench_folder();
  bench_write("shunt.yaml", config);
  bench_write("rules/models.lua", rules);
  sqlite3 *db = bench_database("main.db");
  fill(db, "users", "id");
  fill(db, "members", "id, department");
  bench_sql(db, "PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_close(db);
  w.app = bench_open();
  if (shunt_session_open(w.app, NULL, &w.session, &err)) bench_die("%s", err.message);
  bench_measure(one_column, two_columns, &w, &pairs);
  if (w.raw_sum != w.shunt_sum) bench_die("the two keys read different rows");
  bench_report_pairs("get_composite_ratio", &pairs, 1.05, w.gets, "by one column", "by two");
  shunt_session_close(w.session);
  shunt_close(w.app);
  bench_clean();
  return 0;
}
