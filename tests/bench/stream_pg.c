/* A million rows through shunt_each from PostgreSQL, against libpq in single-row mode. */
#include "bench/stream.h"

typedef struct world {
  stream_world stream;
  PGconn *pg;
} world;

static void take_row(world *w, const PGresult *result) {
  stream_row row = {.id = strtoll(PQgetvalue(result, 0, 0), NULL, 10),
                    .kind = strtoll(PQgetvalue(result, 0, 1), NULL, 10),
                    .score = strtod(PQgetvalue(result, 0, 2), NULL)};
  stream_take(&w->stream, &row, PQgetvalue(result, 0, 3), (size_t)PQgetlength(result, 0, 3));
}

static void raw_round(void *ud) {
  world *w = ud;
  if (!PQsendQueryPrepared(w->pg, "all", 0, NULL, NULL, NULL, 0) || !PQsetSingleRowMode(w->pg))
    bench_die("%s", PQerrorMessage(w->pg));
  for (PGresult *result; (result = PQgetResult(w->pg)); PQclear(result)) {
    if (PQresultStatus(result) == PGRES_FATAL_ERROR) bench_die("%s", PQerrorMessage(w->pg));
    if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) take_row(w, result);
  }
}

int main(void) {
  world w = {0};
  bench_folder();
  bench_db db = stream_fill(BENCH_PG);
  stream_open(&w.stream);
  w.pg = bench_pg_open(&db);
  PQclear(PQprepare(w.pg, "all", STREAM_SELECT, 0, NULL));
  stream_measure("stream_pg_ratio", &w.stream, raw_round);
  PQfinish(w.pg);
  bench_clean();
  return 0;
}
