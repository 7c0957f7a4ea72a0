/* A job pushed, claimed and done on PostgreSQL, against the same three statements, prepared once and executed through
 * libpq. Each has a connection of its own, as with shunt, where a level has: who pushes, the worker, and the job; all
 * on the same Unix socket. */
#include "bench/jobs.h"

#include <inttypes.h>

typedef struct world {
  jobs_world jobs;
  PGconn *pg[JOBS_STEPS];
} world;

static const char *const names[JOBS_STEPS] = {"push", "claim", "complete"};

/* ? to $1, for SQL that has neither in its texts. */
static void prepare(PGconn *pg, const char *name, const char *sql) {
  char numbered[2 * JOBS_TEXT];
  size_t size = 0;
  int number = 0;
  for (; *sql; sql++) {
    if (*sql == '?')
      size += (size_t)snprintf(numbered + size, sizeof numbered - size, "$%d", ++number);
    else
      numbered[size++] = *sql;
  }
  numbered[size] = 0;
  PGresult *result = PQprepare(pg, name, numbered, 0, NULL);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) bench_die("%s", PQerrorMessage(pg));
  PQclear(result);
}

/* With the parameters it was seen with, the first `given` of them being these. */
static PGresult *run(world *w, jobs_step which, const char *const *first, size_t given) {
  const jobs_statement *s = &w->jobs.statements[which];
  const char *values[JOBS_MOST_PARAMS];
  char numbers[JOBS_MOST_PARAMS][24];
  for (size_t i = 0; i < s->nparams; i++) {
    const shunt_value *v = &s->params[i];
    if (v->type == SHUNT_INTEGER) snprintf(numbers[i], sizeof numbers[i], "%" PRId64, v->as.integer);
    values[i] = i < given                  ? first[i]
                : v->type == SHUNT_TEXT    ? v->as.bytes
                : v->type == SHUNT_INTEGER ? numbers[i]
                                           : NULL;
  }
  PGresult *result = PQexecPrepared(w->pg[which], names[which], (int)s->nparams, values, NULL, NULL, 0);
  if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
    bench_die("%s", PQerrorMessage(w->pg[which]));
  return result;
}

static void raw_round(void *ud) {
  world *w = ud;
  for (int i = 0; i < w->jobs.jobs; i++) {
    PQclear(run(w, JOBS_PUSH, NULL, 0));
    PGresult *job = run(w, JOBS_CLAIM, NULL, 0);
    if (PQntuples(job) != 1) bench_die("no job");
    const char *const mine[] = {PQgetvalue(job, 0, CLAIM_ID), PQgetvalue(job, 0, CLAIM_NUMBER)};
    w->jobs.raw_sum += jobs_sum(strtoll(mine[0], NULL, 10), PQgetvalue(job, 0, CLAIM_DATA));
    PQclear(run(w, JOBS_COMPLETE, mine, 2));
    PQclear(job);
  }
}

int main(void) {
  world w = {.jobs.jobs = 200};
  char config[2 * BENCH_PATH];
  bench_folder();
  w.jobs.db = bench_db_make(BENCH_PG, "main");
  snprintf(config, sizeof config,
           "database: {defaultClient: main, clients: {main: {engine: pg, connection: {url: \"%s\"}}}}\n"
           "jobs: {client: main}\n",
           w.jobs.db.url);
  bench_write("shunt.yaml", config);
  jobs_open(&w.jobs);
  for (int i = 0; i < JOBS_STEPS; i++) {
    w.pg[i] = bench_pg_open(&w.jobs.db);
    prepare(w.pg[i], names[i], w.jobs.statements[i].sql);
  }
  jobs_measure("jobs_pg_ratio", &w.jobs, raw_round, 1.30);
  for (int i = 0; i < JOBS_STEPS; i++) PQfinish(w.pg[i]);
  jobs_close(&w.jobs);
  bench_clean();
  return 0;
}
