/* 100,000 rows through shunt_insert_bulk into PostgreSQL, against COPY of lines of text. */
#include "bench/insert_bulk.h"

#include <inttypes.h>

enum { CHUNK = 64 * 1024, LONGEST_LINE = 256 };

typedef struct world {
  insert_world insert;
  PGconn *pg;
} world;

static void put(PGconn *pg, const char *bytes, size_t size) {
  if (PQputCopyData(pg, bytes, (int)size) != 1) bench_die("%s", PQerrorMessage(pg));
}

/* None of the texts holds what a line of COPY would have to quote. */
static void raw_round(void *ud) {
  world *w = ud;
  char chunk[CHUNK];
  size_t size = 0;
  PGresult *result = PQexec(w->pg, "COPY events (id, kind, amount, label, at) FROM STDIN");
  if (PQresultStatus(result) != PGRES_COPY_IN) bench_die("%s", PQerrorMessage(w->pg));
  PQclear(result);
  for (int i = 0; i < INSERT_ROWS; i++) {
    const insert_row *r = &w->insert.rows[i];
    size += (size_t)snprintf(chunk + size, sizeof chunk - size, "%" PRId64 "\t%d\t%.17g\t%s\t%s\n", r->id, r->kind,
                             r->amount, r->label, r->at);
    if (size + LONGEST_LINE <= sizeof chunk) continue;
    put(w->pg, chunk, size);
    size = 0;
  }
  put(w->pg, chunk, size);
  if (PQputCopyEnd(w->pg, NULL) != 1) bench_die("%s", PQerrorMessage(w->pg));
  while ((result = PQgetResult(w->pg))) {
    if (PQresultStatus(result) != PGRES_COMMAND_OK) bench_die("%s", PQerrorMessage(w->pg));
    PQclear(result);
  }
}

int main(void) {
  world w = {0};
  insert_open(&w.insert, BENCH_PG);
  w.pg = bench_pg_open(&w.insert.db);
  insert_measure("insert_bulk_pg_ratio", &w.insert, raw_round, 1.3, "COPY");
  PQfinish(w.pg);
  bench_clean();
  return 0;
}
