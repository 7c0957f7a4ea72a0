/* One row by its primary key through shunt_select on PostgreSQL, against libpq: a prepared statement with its result in
 * text, copied out. One connection each, on the same Unix socket. */
#include "bench/get.h"

#include <inttypes.h>

typedef struct world {
  get_world get;
  PGconn *pg;
} world;

/* A program of its own knows its columns. */
static const shunt_type types[GET_COLUMNS] = {SHUNT_INTEGER, SHUNT_TEXT,  SHUNT_TEXT,    SHUNT_TEXT,
                                              SHUNT_INTEGER, SHUNT_FLOAT, SHUNT_INTEGER, SHUNT_TEXT};

static shunt_value read_cell(const PGresult *result, int c, char **to) {
  const char *text = PQgetvalue(result, 0, c);
  if (PQgetisnull(result, 0, c)) return shunt_null();
  if (types[c] == SHUNT_INTEGER) return shunt_integer(strtoll(text, NULL, 10));
  if (types[c] == SHUNT_FLOAT) return shunt_float(strtod(text, NULL));
  return get_text(to, text, (size_t)PQgetlength(result, 0, c));
}

static get_row *copy_row(const PGresult *result) {
  size_t bytes = 0;
  for (int c = 0; c < GET_COLUMNS; c++)
    if (types[c] == SHUNT_TEXT) bytes += (size_t)PQgetlength(result, 0, c) + 1;
  get_row *row = bench_alloc(sizeof *row + bytes);
  char *to = (char *)(row + 1);
  for (int c = 0; c < GET_COLUMNS; c++) row->cells[c] = read_cell(result, c, &to);
  return row;
}

static void raw_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < w->get.gets; i++) {
    char id[24];
    snprintf(id, sizeof id, "%" PRId64, get_id(i));
    PGresult *result = PQexecPrepared(w->pg, "get", 1, (const char *const[]){id}, NULL, NULL, 0);
    if (PQntuples(result) != 1) bench_die("%s", PQerrorMessage(w->pg));
    get_row *row = copy_row(result);
    PQclear(result);
    get_sum_raw(&w->get, row);
    free(row);
  }
}

int main(void) {
  world w = {.get.gets = 5000};
  bench_folder();
  bench_db db = get_fill(BENCH_PG);
  w.pg = bench_pg_open(&db);
  PQclear(PQprepare(w.pg, "get", GET_SELECT "$1", 1, NULL));
  get_open(&w.get);
  get_measure("get_pg_ratio", &w.get, raw_round, 1.10);
  printf("# PostgreSQL %s\n", PQparameterStatus(w.pg, "server_version"));
  PQfinish(w.pg);
  bench_clean();
  return 0;
}
