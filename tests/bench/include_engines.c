/* The include of include.c with the users on one server's engine, orders and lines on the other's, both ways around,
 * against a program that asks each engine the same in the way that it answers fastest. */
#include "bench/include.h"

#include <inttypes.h>

enum { PG_INT8 = 20, PG_INT4 = 23, PG_FLOAT8 = 701, ROOM = 64 /* more than any of the texts has */, MOST_COLUMNS = 8 };

typedef struct world {
  include_world include;
  bench_db pg_db, mysql_db;
  PGconn *pg;
  MYSQL *mysql;
  bool users_on_pg;
} world;

/* ---- the databases: both hold all of it ---- */

static void fill_one(const bench_db *db) {
  bench_db_numbers(db, 5);
  bench_db_run(db, "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(60) NOT NULL, email varchar(60), "
                   "city varchar(20), age integer)");
  bench_db_run(db, "CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint NOT NULL, state varchar(20), "
                   "total double precision, placed bigint)");
  bench_db_run(db, "CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint NOT NULL, product varchar(40), "
                   "quantity integer, price double precision)");
  bench_db_run(db,
               "INSERT INTO users SELECT i, CONCAT('User number ', i), CONCAT('user', i, '@example.org'), CASE i % 3 "
               "WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90 FROM numbers WHERE i <= 10000");
  bench_db_run(db, "INSERT INTO orders SELECT i, i * 7919 % 10000 + 1, CASE i % 3 WHEN 0 THEN 'paid' WHEN 1 THEN "
                   "'shipped' ELSE 'open' END, i / 3.0, 1700000000 + i FROM numbers");
  bench_db_run(db, "INSERT INTO order_lines SELECT i, i * 104729 % 100000 + 1, CONCAT('Product ', i % 500), i % 5 + 1, "
                   "i / 9.0 FROM (SELECT n.i + 100000 * d.i AS i FROM numbers n, digits d WHERE d.i < 3) n");
  bench_db_run(db, "CREATE INDEX orders_user ON orders (user_id)");
  bench_db_run(db, "CREATE INDEX lines_order ON order_lines (order_id)");
  bench_db_settle(db, "users");
  bench_db_settle(db, "orders");
  bench_db_settle(db, "order_lines");
}

static void fill(void *ud) {
  const world *w = ud;
  fill_one(&w->pg_db);
  fill_one(&w->mysql_db);
}

/* ---- the raw side, on PostgreSQL: an array of keys, and the result in text ---- */

static shunt_value pg_cell(table *t, const PGresult *result, int row, int column) {
  const char *text = PQgetvalue(result, row, column);
  if (PQgetisnull(result, row, column)) return shunt_null();
  switch (PQftype(result, column)) {
  case PG_INT4:
  case PG_INT8:
    return shunt_integer(strtoll(text, NULL, 10));
  case PG_FLOAT8:
    return shunt_float(strtod(text, NULL));
  default: {
    size_t size = (size_t)PQgetlength(result, row, column);
    return shunt_text(keep_text(t, text, size), size);
  }
  }
}

static void pg_rows(table *t, PGconn *pg, const char *sql, const char *const *params, int nparams) {
  PGresult *result = PQexecParams(pg, sql, nparams, NULL, params, NULL, NULL, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK) bench_die("%s in: %.300s", PQerrorMessage(pg), sql);
  t->ncolumns = (size_t)PQnfields(result);
  for (int i = 0; i < PQntuples(result); i++) {
    shunt_value *row = add_row(t);
    for (int c = 0; c < (int)t->ncolumns; c++) row[c] = pg_cell(t, result, i, c);
  }
  PQclear(result);
}

static void pg_users(table *t, PGconn *pg) {
  char first[16], last[16];
  snprintf(first, sizeof first, "%d", FIRST_USER);
  snprintf(last, sizeof last, "%d", FIRST_USER + USERS - 1);
  pg_rows(t, pg, "SELECT id, name, email, city, age FROM users WHERE id BETWEEN $1 AND $2",
          (const char *const[]){first, last}, 2);
}

static void pg_children(table *t, PGconn *pg, const char *select, const table *parents) {
  char sql[256], *keys = bench_alloc(parents->count * 21 + 2);
  size_t size = 0;
  for (size_t i = 0; i < parents->count; i++)
    size += (size_t)sprintf(keys + size, "%c%" PRId64, i ? ',' : '{', parents->cells[i * parents->ncolumns].as.integer);
  memcpy(keys + size, "}", 2);
  snprintf(sql, sizeof sql, "%s = ANY ($1)", select);
  pg_rows(t, pg, sql, (const char *const[]){keys}, 1);
  free(keys);
}

/* ---- the raw side, on MariaDB or MySQL: a parameter for each key, and the cells bound ---- */

typedef struct cell {
  union {
    long long integer;
    double number;
    char text[ROOM];
  } as;
  unsigned long size;
  bench_mysql_flag is_null;
} cell;

static enum enum_field_types mysql_type(const MYSQL_FIELD *field) {
  switch (field->type) {
  case MYSQL_TYPE_LONG:
  case MYSQL_TYPE_LONGLONG:
    return MYSQL_TYPE_LONGLONG;
  case MYSQL_TYPE_DOUBLE:
    return MYSQL_TYPE_DOUBLE;
  default:
    return MYSQL_TYPE_STRING;
  }
}

static void bind_cells(MYSQL_STMT *stmt, MYSQL_BIND *binds, cell *cells) {
  MYSQL_RES *columns = mysql_stmt_result_metadata(stmt);
  memset(binds, 0, MOST_COLUMNS * sizeof *binds);
  for (unsigned c = 0; c < mysql_num_fields(columns); c++) {
    binds[c].buffer_type = mysql_type(mysql_fetch_field_direct(columns, c));
    binds[c].buffer = &cells[c].as;
    binds[c].buffer_length = sizeof cells[c].as;
    binds[c].length = &cells[c].size;
    binds[c].is_null = &cells[c].is_null;
  }
  mysql_free_result(columns);
  if (mysql_stmt_bind_result(stmt, binds)) bench_die("%s", mysql_stmt_error(stmt));
}

static shunt_value mysql_cell(table *t, const cell *from, enum enum_field_types type) {
  if (from->is_null) return shunt_null();
  if (type == MYSQL_TYPE_LONGLONG) return shunt_integer(from->as.integer);
  if (type == MYSQL_TYPE_DOUBLE) return shunt_float(from->as.number);
  return shunt_text(keep_text(t, from->as.text, from->size), from->size);
}

/* Row by row as they come in, without a copy of them all in between. */
static void mysql_rows(table *t, MYSQL_STMT *stmt, MYSQL_BIND *params) {
  MYSQL_BIND binds[MOST_COLUMNS];
  cell cells[MOST_COLUMNS];
  int status;
  t->ncolumns = mysql_stmt_field_count(stmt);
  bind_cells(stmt, binds, cells);
  if (mysql_stmt_bind_param(stmt, params) || mysql_stmt_execute(stmt)) bench_die("%s", mysql_stmt_error(stmt));
  while ((status = mysql_stmt_fetch(stmt)) == 0) {
    shunt_value *row = add_row(t);
    for (size_t c = 0; c < t->ncolumns; c++) row[c] = mysql_cell(t, &cells[c], binds[c].buffer_type);
  }
  if (status != MYSQL_NO_DATA) bench_die("%s", mysql_stmt_error(stmt));
  mysql_stmt_close(stmt);
}

static void bind_keys(MYSQL_BIND *params, int64_t *keys, size_t n) {
  memset(params, 0, n * sizeof *params);
  for (size_t i = 0; i < n; i++) {
    params[i].buffer_type = MYSQL_TYPE_LONGLONG;
    params[i].buffer = &keys[i];
  }
}

static void mysql_users(table *t, MYSQL *mysql) {
  int64_t ends[2] = {FIRST_USER, FIRST_USER + USERS - 1};
  MYSQL_BIND params[2];
  bind_keys(params, ends, 2);
  mysql_rows(t, bench_mysql_prepare(mysql, "SELECT id, name, email, city, age FROM users WHERE id BETWEEN ? AND ?"),
             params);
}

static void mysql_children(table *t, MYSQL *mysql, const char *select, const table *parents) {
  size_t n = parents->count, size = strlen(select);
  char *sql = bench_alloc(size + 2 * n + 8);
  MYSQL_BIND *params = bench_alloc(n * sizeof *params);
  int64_t *keys = bench_alloc(n * sizeof *keys);
  size = (size_t)sprintf(sql, "%s IN (", select);
  for (size_t i = 0; i < n; i++) {
    sql[size++] = '?';
    sql[size++] = ',';
    keys[i] = parents->cells[i * parents->ncolumns].as.integer;
  }
  memcpy(sql + size - 1, ")", 2);
  bind_keys(params, keys, n);
  mysql_rows(t, bench_mysql_prepare(mysql, sql), params);
  free(sql);
  free(params);
  free(keys);
}

/* ---- the raw side ---- */

static void children(const world *w, table *t, const char *select, const table *parents) {
  if (w->users_on_pg)
    mysql_children(t, w->mysql, select, parents);
  else
    pg_children(t, w->pg, select, parents);
  group(t, parents);
}

static void raw_round(void *ud) {
  world *w = ud;
  table users = {0}, orders = {0}, lines = {0};
  if (w->users_on_pg)
    pg_users(&users, w->pg);
  else
    mysql_users(&users, w->mysql);
  children(w, &orders, "SELECT id, user_id, state, total, placed FROM orders WHERE user_id", &users);
  children(w, &lines, "SELECT id, order_id, product, quantity, price FROM order_lines WHERE order_id", &orders);
  raw_sums(&users, &orders, &lines, &w->include.raw);
  free_table(&users);
  free_table(&orders);
  free_table(&lines);
}

static void open_raw(void *ud) {
  world *w = ud;
  w->pg = bench_pg_open(&w->pg_db);
  w->mysql = bench_mysql_open(&w->mysql_db);
}

/* ---- both ways around ---- */

static void turn(world *w, bool users_on_pg) {
  bench_db *users = users_on_pg ? &w->pg_db : &w->mysql_db, *orders = users_on_pg ? &w->mysql_db : &w->pg_db;
  w->users_on_pg = users_on_pg;
  strcpy(users->client, "users");
  strcpy(orders->client, "orders");
  bench_config((const bench_db *[]){users, orders}, 2);
}

int main(void) {
  static const include_side raw = {open_raw, raw_round};
  static const char *const names[] = {"include_engines", "include_engines_turned"};
  world w = {0};
  include_peaks peaks[2];
  bench_folder();
  bench_write("rules/models.lua", include_rules);
  w.pg_db = bench_db_make(BENCH_PG, "users");
  w.mysql_db = bench_db_make(BENCH_MYSQL, "orders");
  include_fill(fill, &w);
  for (int i = 0; i < 2; i++) {
    turn(&w, i == 0);
    peaks[i] = include_measure_peaks(&raw, &w);
  }
  for (int i = 0; i < 2; i++) {
    bench_pairs pairs;
    turn(&w, i == 0);
    include_measure(&raw, &w, &pairs);
    include_report(names[i], &w.include, &pairs, 1.15, &peaks[i], 1.5);
    PQfinish(w.pg);
    mysql_close(w.mysql);
  }
  bench_clean();
  return 0;
}
