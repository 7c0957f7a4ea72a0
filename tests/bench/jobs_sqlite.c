/* A job pushed, claimed and done on SQLite, against the same three statements, prepared once and stepped. */
#include "bench/jobs.h"

typedef struct world {
  jobs_world jobs;
  sqlite3 *db;
  sqlite3_stmt *stmts[JOBS_STEPS];
} world;

static void bind(sqlite3_stmt *stmt, int at, const shunt_value *v) {
  if (v->type == SHUNT_TEXT)
    sqlite3_bind_text(stmt, at, v->as.bytes, (int)v->size, SQLITE_STATIC);
  else if (v->type == SHUNT_INTEGER)
    sqlite3_bind_int64(stmt, at, v->as.integer);
  else
    sqlite3_bind_null(stmt, at);
}

/* Runs it with the parameters it was seen with, the first `given` of them being these. False where there is no row. */
static bool step(world *w, jobs_step which, const int64_t *first, size_t given) {
  const jobs_statement *s = &w->jobs.statements[which];
  sqlite3_stmt *stmt = w->stmts[which];
  for (size_t i = 0; i < s->nparams; i++) {
    shunt_value v = i < given ? shunt_integer(first[i]) : s->params[i];
    bind(stmt, (int)i + 1, &v);
  }
  int rc = sqlite3_step(stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) bench_die("%s", sqlite3_errmsg(w->db));
  return rc == SQLITE_ROW;
}

static void end(world *w, jobs_step which) {
  while (sqlite3_step(w->stmts[which]) == SQLITE_ROW) continue;
  sqlite3_reset(w->stmts[which]);
}

/* As a host does, which goes on with the job after the statement has ended. */
static char *copy(sqlite3_stmt *stmt, int column) {
  size_t size = (size_t)sqlite3_column_bytes(stmt, column);
  char *text = bench_alloc(size + 1);
  memcpy(text, sqlite3_column_text(stmt, column), size + 1);
  return text;
}

static void raw_round(void *ud) {
  world *w = ud;
  sqlite3_stmt *claim = w->stmts[JOBS_CLAIM];
  for (int i = 0; i < w->jobs.jobs; i++) {
    if (!step(w, JOBS_PUSH, NULL, 0)) bench_die("no id");
    end(w, JOBS_PUSH);
    if (!step(w, JOBS_CLAIM, NULL, 0)) bench_die("no job");
    int64_t mine[] = {sqlite3_column_int64(claim, CLAIM_ID), sqlite3_column_int64(claim, CLAIM_NUMBER)};
    char *texts[] = {copy(claim, CLAIM_NAME), copy(claim, CLAIM_QUEUE), copy(claim, CLAIM_INSTANCE),
                     copy(claim, CLAIM_ENVELOPE), copy(claim, CLAIM_DATA)};
    end(w, JOBS_CLAIM);
    w->jobs.raw_sum += jobs_sum(mine[0], texts[4]);
    step(w, JOBS_COMPLETE, mine, 2);
    end(w, JOBS_COMPLETE);
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) free(texts[t]);
  }
}

int main(void) {
  world w = {.jobs.jobs = 200};
  bench_folder();
  w.jobs.db = bench_db_make(BENCH_SQLITE, "main");
  bench_write("shunt.yaml", "database: {defaultClient: main, clients: {main: {engine: sqlite3, connection: {filename: "
                            "main.db, create: true}}}}\njobs: {client: main}\n");
  jobs_open(&w.jobs);
  w.db = bench_database("main.db");
  for (int i = 0; i < JOBS_STEPS; i++) w.stmts[i] = bench_prepare(w.db, w.jobs.statements[i].sql);
  jobs_measure("jobs_sqlite_ratio", &w.jobs, raw_round, 1.30);
  for (int i = 0; i < JOBS_STEPS; i++) sqlite3_finalize(w.stmts[i]);
  sqlite3_close(w.db);
  jobs_close(&w.jobs);
  bench_clean();
  return 0;
}
