/* For: what the measuring programs of `insert_bulk` share: 100,000 rows of five columns, shunt's side, and a look at
 * what each side has left in the table. Owner: insert_world is its program's, which begins its own struct with it.
 * Use: insert_open(&w.insert, BENCH_PG); …; insert_measure("insert_bulk_pg_ratio", &w.insert, raw_round, 1.3, "COPY");
 */
#ifndef SHUNT_BENCH_INSERT_BULK_H
#define SHUNT_BENCH_INSERT_BULK_H

#include "bench/servers.h"

enum { INSERT_ROWS = 100000, INSERT_COLUMNS = 5, INSERT_ROUNDS = 5, INSERT_TEXT = 24, INSERT_STATE = 256 };

typedef struct insert_row {
  int64_t id;
  int kind;
  double amount;
  char label[INSERT_TEXT], at[INSERT_TEXT];
  unsigned long label_size, at_size;
} insert_row;

typedef struct insert_world {
  bench_db db;
  insert_row *rows;
  shunt_field *fields;
  shunt_record *records;
  shunt_app *app;
  shunt_session *session;
} insert_world;

static const char *const insert_columns[INSERT_COLUMNS] = {"id", "kind", "amount", "label", "at"};

#define INSERT_INTO "INSERT INTO events (id, kind, amount, label, at) VALUES "

/* ---- the rows, and an empty table ---- */

static inline void insert_make_row(insert_row *r, int i) {
  r->id = i + 1;
  r->kind = i % 90;
  r->amount = i / 8.0;
  r->label_size = (unsigned long)snprintf(r->label, sizeof r->label, "Event number %d", i);
  r->at_size = (unsigned long)snprintf(r->at, sizeof r->at, "2026-%02d-%02d %02d:%02d:%02d", i % 12 + 1, i % 28 + 1,
                                       i % 24, i % 60, i / 60 % 60);
}

static inline void insert_make_rows(insert_world *w) {
  w->rows = bench_alloc(INSERT_ROWS * sizeof *w->rows);
  w->records = bench_alloc(INSERT_ROWS * sizeof *w->records);
  w->fields = bench_alloc((size_t)INSERT_ROWS * INSERT_COLUMNS * sizeof *w->fields);
  for (int i = 0; i < INSERT_ROWS; i++) {
    insert_row *r = &w->rows[i];
    shunt_field *f = w->fields + (size_t)i * INSERT_COLUMNS;
    insert_make_row(r, i);
    const shunt_value values[INSERT_COLUMNS] = {shunt_integer(r->id), shunt_integer(r->kind), shunt_float(r->amount),
                                                shunt_text(r->label, r->label_size), shunt_text(r->at, r->at_size)};
    for (int c = 0; c < INSERT_COLUMNS; c++) f[c] = (shunt_field){insert_columns[c], values[c]};
    w->records[i] = (shunt_record){.fields = f, .nfields = INSERT_COLUMNS};
  }
}

static inline void insert_open(insert_world *w, bench_engine engine) {
  static const char *const times[] = {"text", "timestamp", "datetime"};
  char sql[256];
  shunt_error err;
  bench_folder();
  w->db = bench_db_make(engine, "main");
  snprintf(sql, sizeof sql,
           "CREATE TABLE events (id %s PRIMARY KEY, kind integer, amount double precision, label varchar(40), at %s)",
           engine == BENCH_SQLITE ? "integer" : "bigint", times[engine]);
  bench_db_run(&w->db, sql);
  insert_make_rows(w);
  bench_config((const bench_db *[]){&w->db}, 1);
  bench_write("rules/models.lua", "model \"event\" { table = \"events\" }\n");
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
}

/* ---- a round ---- */

static inline void insert_shunt_round(void *ud) {
  insert_world *w = ud;
  int64_t inserted;
  shunt_error err;
  if (shunt_insert_bulk(w->session, "event", &(shunt_records){w->records, INSERT_ROWS}, NULL, &inserted, &err))
    bench_die("%s", err.message);
}

static inline void insert_sql(insert_world *w, const char *sql, shunt_rows **rows) {
  shunt_error err;
  if (shunt_sql(w->session, sql, &(shunt_sql_options){.client = "main"}, rows, NULL, &err))
    bench_die("%s", err.message);
}

/* What is in the table, which is empty after that. */
static inline void insert_take_state(insert_world *w, char state[INSERT_STATE]) {
  shunt_rows *rows;
  size_t size = 0;
  insert_sql(w,
             "SELECT COUNT(*), SUM(id * kind), SUM(amount * kind), SUM(id * LENGTH(label)), MIN(label), MIN(at), "
             "MAX(at) FROM events",
             &rows);
  const shunt_value *cells = shunt_rows_at(rows, 0);
  for (size_t c = 0; c < shunt_rows_ncolumns(rows) && size < INSERT_STATE; c++) {
    size_t room = INSERT_STATE - size;
    if (cells[c].type == SHUNT_INTEGER)
      size += (size_t)snprintf(state + size, room, "%jd ", (intmax_t)cells[c].as.integer);
    else if (cells[c].type == SHUNT_FLOAT)
      size += (size_t)snprintf(state + size, room, "%.17g ", cells[c].as.number);
    else
      size += (size_t)snprintf(state + size, room, "%s ", cells[c].type == SHUNT_TEXT ? cells[c].as.bytes : "?");
  }
  shunt_rows_free(rows);
  insert_sql(w, w->db.engine == BENCH_SQLITE ? "DELETE FROM events" : "TRUNCATE TABLE events", NULL);
  if (w->db.engine == BENCH_SQLITE) bench_db_run(&w->db, "PRAGMA wal_checkpoint(TRUNCATE)");
}

static inline double insert_time(void (*round)(void *), insert_world *w, char state[INSERT_STATE]) {
  int64_t start = bench_now_ns();
  round(w);
  double took = (double)(bench_now_ns() - start);
  insert_take_state(w, state);
  return took;
}

static inline void insert_measure(const char *name, insert_world *w, void (*raw)(void *), double limit,
                                  const char *how) {
  bench_pairs pairs = {.rounds = INSERT_ROUNDS};
  char of_raw[INSERT_STATE], of_shunt[INSERT_STATE];
  for (int i = -1; i < INSERT_ROUNDS; i++) { /* once before it counts */
    double raw_ns = insert_time(raw, w, of_raw), shunt_ns = insert_time(insert_shunt_round, w, of_shunt);
    if (strcmp(of_raw, of_shunt) != 0) bench_die("%s: raw inserted %s, shunt %s", name, of_raw, of_shunt);
    if (i < 0) continue;
    pairs.raw[i] = raw_ns;
    pairs.shunt[i] = shunt_ns;
  }
  bench_report_pairs(name, &pairs, limit, INSERT_ROWS, how, "shunt_insert_bulk");
  shunt_session_close(w->session);
  shunt_close(w->app);
  free(w->rows);
  free(w->records);
  free(w->fields);
}

#endif
