/* For: what the measuring programs of `jobs` share: a job is pushed, claimed and done, one after the other, and the
 * statements that shunt does that with, for a raw side that does the same. Owner: jobs_world is its program's, which
 * begins its own struct with it.
 * Use: jobs_open(&w.jobs); prepare w.jobs.statements; bench_measure(raw_round, jobs_round, &w, &pairs); jobs_close(…).
 */
#ifndef SHUNT_BENCH_JOBS_H
#define SHUNT_BENCH_JOBS_H

#include "bench/servers.h"
#include "jobs/worker.h"

#define JOBS_DATA "{\"to\":\"customer@example.org\",\"template\":\"welcome\",\"user\":4711}"

typedef enum jobs_step { JOBS_PUSH, JOBS_CLAIM, JOBS_COMPLETE, JOBS_STEPS } jobs_step;

enum { JOBS_MOST_PARAMS = 24, JOBS_TEXT = 8192 };

/* A statement as shunt sent it, with its parameters. */
typedef struct jobs_statement {
  char sql[JOBS_TEXT];
  char texts[JOBS_MOST_PARAMS][256];
  shunt_value params[JOBS_MOST_PARAMS];
  size_t nparams;
} jobs_statement;

typedef struct jobs_world {
  int jobs; /* of a round */
  bench_db db;
  shunt_app *app;
  shunt_session *session;
  shunt_worker *worker;
  jobs_statement statements[JOBS_STEPS];
  uint64_t raw_sum, shunt_sum; /* of what the jobs hold */
} jobs_world;

static inline void jobs_keep(jobs_statement *to, const char *sql, const shunt_value *params, size_t n) {
  if (strlen(sql) >= sizeof to->sql || n > JOBS_MOST_PARAMS) bench_die("a statement is too long");
  strcpy(to->sql, sql);
  to->nparams = n;
  for (size_t i = 0; i < n; i++) {
    to->params[i] = params[i];
    if (params[i].type != SHUNT_TEXT) continue;
    snprintf(to->texts[i], sizeof to->texts[i], "%s", params[i].as.bytes);
    to->params[i] = shunt_text(to->texts[i], strlen(to->texts[i]));
  }
}

static inline void jobs_observe(void *ud, const shunt_statement *s) { jobs_keep(ud, s->sql, s->params, s->nparams); }

static inline uint64_t jobs_sum(int64_t id, const char *data) { return (uint64_t)(id != 0) + strlen(data); }

static inline shunt_job *jobs_next(jobs_world *w) {
  shunt_error err;
  shunt_job *job;
  if (shunt_push(w->session, "mail", JOBS_DATA, NULL, NULL, &err)) bench_die("%s", err.message);
  if (shunt_worker_next(w->worker, 0, &job, &err)) bench_die("%s", err.message);
  if (!job) bench_die("the job that was pushed is not there");
  return job;
}

static inline void jobs_complete(jobs_world *w, shunt_job *job) {
  shunt_error err;
  w->shunt_sum += jobs_sum(shunt_job_of(job)->id, shunt_job_of(job)->data);
  if (shunt_job_complete(job, NULL, &err)) bench_die("%s", err.message);
  shunt_job_free(job);
}

static inline void jobs_round(void *ud) {
  jobs_world *w = ud;
  for (int i = 0; i < w->jobs; i++) jobs_complete(w, jobs_next(w));
}

/* The app config is there. Takes down the statements, with a first job. */
static inline void jobs_open(jobs_world *w) {
  shunt_error err;
  w->app = bench_open();
  if (shunt_session_open(w->app, NULL, &w->session, &err)) bench_die("%s", err.message);
  if (shunt_worker_open(w->app, NULL, &w->worker, &err)) bench_die("%s", err.message);
  jobs_round(&(jobs_world){.jobs = 1, .session = w->session, .worker = w->worker});
  shunt_observe(w->session, jobs_observe, &w->statements[JOBS_PUSH]);
  shunt_job *job = jobs_next(w);
  shunt_observe(w->session, NULL, NULL);
  const store_sql *claim = &w->worker->claim;
  jobs_keep(&w->statements[JOBS_CLAIM], claim->text, claim->params, claim->nparams);
  shunt_observe(shunt_job_session(job), jobs_observe, &w->statements[JOBS_COMPLETE]);
  jobs_complete(w, job);
  w->shunt_sum = 0;
}

/* Vacuums deleted rows first: a search for a job has to pass them. */
static inline double jobs_time(void (*round)(void *), jobs_world *w) {
  bench_db_run(&w->db, w->db.engine == BENCH_PG ? "VACUUM shunt_jobs" : "PRAGMA wal_checkpoint(TRUNCATE)");
  int64_t start = bench_now_ns();
  round(w);
  return (double)(bench_now_ns() - start);
}

static inline void jobs_measure(const char *name, jobs_world *w, void (*raw)(void *), double limit) {
  bench_pairs pairs = {.rounds = BENCH_ROUNDS};
  for (int i = -1; i < BENCH_ROUNDS; i++) { /* once before it counts */
    double raw_ns = jobs_time(raw, w), shunt_ns = jobs_time(jobs_round, w);
    if (i < 0) continue;
    pairs.raw[i] = raw_ns;
    pairs.shunt[i] = shunt_ns;
  }
  if (w->raw_sum != w->shunt_sum) bench_die("%s: the two sides did not run the same jobs", name);
  bench_report_pairs(name, &pairs, limit, w->jobs, "the same statements", "push and run");
  printf("# %.0f jobs a second\n", w->jobs * 1e9 / bench_median(pairs.shunt, pairs.rounds));
}

static inline void jobs_close(jobs_world *w) {
  shunt_worker_close(w->worker);
  shunt_session_close(w->session);
  shunt_close(w->app);
}

#endif
