/* For: what the measuring programs of `get` share: one row of eight columns by its primary key, shunt's side, and the
 * row that the raw side copies. Owner: get_world is its program's, which begins its own struct with it.
 * Use: get_open(&w.get); bench_measure(raw_round, get_round, &w, &pairs); get_report("get_ratio", …); */
#ifndef SHUNT_BENCH_GET_H
#define SHUNT_BENCH_GET_H

#include "bench/servers.h"

enum { GET_USERS = 10000, GET_COLUMNS = 8 };

#define GET_SELECT "SELECT id, name, email, city, age, score, created, note FROM users WHERE id = "

typedef struct get_world {
  int gets; /* of a round */
  shunt_app *app;
  shunt_session *session;
  uint64_t raw_sum, shunt_sum;
} get_world;

/* A row of the raw side: its cells and their bytes in one block of its own. */
typedef struct get_row {
  shunt_value cells[GET_COLUMNS];
} get_row;

static inline int64_t get_id(int i) { return (int64_t)i * 7919 % GET_USERS + 1; }

/* What every value adds to the sum, so that both sides read all of it. */
static inline uint64_t get_value_sum(const shunt_value *v) {
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

static inline void get_sum_raw(get_world *w, const get_row *row) {
  for (int c = 0; c < GET_COLUMNS; c++) w->raw_sum += get_value_sum(&row->cells[c]);
}

/* Copies a text to where *to points, which moves on. */
static inline shunt_value get_text(char **to, const void *text, size_t size) {
  char *copy = *to;
  memcpy(copy, text, size);
  copy[size] = 0;
  *to += size + 1;
  return shunt_text(copy, size);
}

/* The users of a server's database, which is then the default client. */
static inline bench_db get_fill(bench_engine engine) {
  bench_db db = bench_db_make(engine, "main");
  bench_db_numbers(&db, 4);
  bench_db_run(&db, "CREATE TABLE users (id bigint PRIMARY KEY, name varchar(60) NOT NULL, email varchar(60), "
                    "city varchar(20), age integer, score double precision, created bigint, note varchar(80))");
  bench_db_run(&db,
               "INSERT INTO users SELECT i, CONCAT('User number ', i), CONCAT('user', i, '@example.org'), "
               "CASE i % 3 WHEN 0 THEN 'Oslo' WHEN 1 THEN 'Bergen' ELSE 'Trondheim' END, i % 90, i / 7.0, 1700000000 + "
               "i, CASE WHEN i % 4 = 0 THEN NULL ELSE CONCAT('A note of some length about the user ', i) END "
               "FROM numbers");
  bench_db_settle(&db, "users");
  bench_config((const bench_db *[]){&db}, 1);
  return db;
}

/* ---- shunt's side ---- */

static inline void get_open(get_world *w) {
  shunt_error err;
  bench_write("rules/models.lua", "model \"user\" { table = \"users\" }\n");
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
}

static inline void get_round(void *ud) {
  get_world *w = ud;
  for (int i = 0; i < w->gets; i++) {
    shunt_value id = shunt_integer(get_id(i));
    shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &id, .nvalues = 1};
    shunt_rows *rows;
    shunt_error err;
    if (shunt_select(w->session, "user", &(shunt_query){.where = &where, .limit = 1}, &rows, &err))
      bench_die("%s", err.message);
    const shunt_value *cells = shunt_rows_at(rows, 0);
    for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++) w->shunt_sum += get_value_sum(&cells[c]);
    shunt_rows_free(rows);
  }
}

static inline void get_measure(const char *name, get_world *w, void (*raw)(void *), double limit) {
  bench_pairs pairs;
  bench_measure(raw, get_round, w, &pairs);
  if (w->raw_sum != w->shunt_sum) bench_die("%s: the two sides read different rows", name);
  bench_report_pairs(name, &pairs, limit, w->gets, "a prepared statement", "shunt_select");
  shunt_session_close(w->session);
  shunt_close(w->app);
}

#endif
