/* Claiming: one statement finds the next job and makes it the worker's.
 *
 * It must not fail because of what the row holds: it would fail again and again, and no job behind that one would run.
 * So it gives back numbers and short texts alone, and its sums can't overflow. Long data is loaded later, in the job's
 * own session (open.c). Whatever is wrong with the row then is a failure of this job.
 *
 * Idea: UPDATE … WHERE id = (SELECT … ORDER BY priority, run_at, id LIMIT 1) RETURNING …. The job gets a lease: due_at
 * is now + lease, by the clock of the database, so hosts need no common clock. A running job whose lease has run out is
 * claimed like any other, once its worker has been given the time to show that it lives (lease.c), and the claim counts
 * it as lost: a crashed worker needs no cleaning up. `claim` counts the claims; later statements of a worker name its
 * claim, so that a worker that lost its lease changes nothing any more.
 *
 * Where several transactions write at once (PostgreSQL), the SELECT ends in FOR UPDATE SKIP LOCKED: workers don't wait
 * for each other, and each takes another row. SQLite has one writer, so claims come one after the other; an idle worker
 * peeks first, because an UPDATE waits for the write lock even if it finds nothing.
 *
 * Limits (concurrency n) are slots 0 to n - 1 with a unique index: of two workers that take one slot at once, one fails
 * and tries again. With SKIP LOCKED a worker could pass over a locked first job and take the second: for jobs that run
 * one at a time, in their order, that would be wrong. So of these only the first of each queue and name is a candidate
 * (FIRST_ALONE); a recursive query hops from name to name through an index, however many jobs wait.
 *
 * What this process can't run (skip.h) is not claimed by it: a released job is for others.
 *
 * Not here: advisory locks (they end with the connection, and pools share connections), and a table of workers with
 * heartbeats (the lease is enough).
 *
 * Tried and replaced: a subquery for each candidate that asked whether it is the first of its name. It ran for every
 * waiting job that was passed over, so a claim took longer the more jobs waited. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "jobs/worker.h"

enum { TRIES = 16 };

/* ---- the SQL ---- */

#define MOST STORE_TEXT_OF(STORE_MOST)

/* The smallest slot that no running job of the name holds. */
#define FREE_SLOT                                                                                                      \
  "(SELECT min(f.slot) FROM (SELECT 0 AS slot UNION ALL SELECT r.slot + 1 FROM shunt_jobs r WHERE"                     \
  " r.env = shunt_jobs.env AND r.name = shunt_jobs.name AND r.slot < " MOST ") f WHERE NOT EXISTS (SELECT 1 FROM"      \
  " shunt_jobs r WHERE r.env = shunt_jobs.env AND r.name = shunt_jobs.name AND r.slot = f.slot))"

/* The names of which as many jobs run as may. */
#define FULL_NAMES                                                                                                     \
  "(SELECT r.name FROM shunt_jobs r WHERE r.env = ? AND r.slot IS NOT NULL GROUP BY r.name"                            \
  " HAVING count(*) >= max(r.concurrency))"

typedef struct writer {
  const shunt_worker *w;
  const job_store *store;
  arena *a;
  buf text;
  shunt_value *params;
  size_t nparams;
} writer;

/* The text outlives the SQL. */
static void add_text(writer *t, const char *text) { t->params[t->nparams++] = store_text(text); }

static void write_list(writer *t, const char *column, const char *const *names, size_t n) {
  if (n == 0) return;
  buf_printf(&t->text, " AND j.%s IN (", column);
  for (size_t i = 0; i < n; i++) {
    buf_puts(&t->text, i ? ", ?" : "?");
    add_text(t, names[i]);
  }
  buf_putc(&t->text, ')');
}

static void write_skips(writer *t, char table) {
  const skips *s = &t->w->skips;
  if (s->nids) buf_printf(&t->text, " AND %c.id NOT IN (", table);
  for (size_t i = 0; i < s->nids; i++)
    buf_printf(&t->text, "%lld%s", (long long)s->ids[i], i + 1 < s->nids ? ", " : ")");
  if (s->count == 0) return;
  buf_printf(&t->text, " AND (%c.instance, %c.name) NOT IN (VALUES ", table, table);
  for (size_t i = 0; i < s->count; i++) {
    buf_puts(&t->text, i ? ", (?, ?)" : "(?, ?)");
    add_text(t, s->list[i].instance);
    add_text(t, s->list[i].name);
  }
  buf_putc(&t->text, ')');
}

/* Jobs that run one at a time run in order: a worker that skips the locked first job must not take the second. */
static void write_next_alone(writer *t, const char *more) {
  buf_printf(&t->text,
             "SELECT b.queue, b.name, b.id FROM shunt_jobs b WHERE b.env = ? AND b.concurrency = 1 AND b.due_at IS NOT "
             "NULL AND b.due_at <= %s%s",
             t->store->dialect->now_ms, more);
  add_text(t, t->store->env);
  write_skips(t, 'b');
  buf_puts(&t->text, " ORDER BY b.queue, b.name, b.priority, b.run_at, b.id LIMIT 1");
}

static void write_first_alone(writer *t) {
  buf_puts(&t->text, " AND (j.concurrency <> 1 OR j.slot IS NOT NULL OR j.id IN (WITH RECURSIVE f AS ((");
  write_next_alone(t, "");
  buf_puts(&t->text, ") UNION ALL SELECT n.* FROM f, LATERAL (");
  write_next_alone(t, " AND (b.queue, b.name) > (f.queue, f.name)");
  buf_puts(&t->text, ") n) SELECT id FROM f))");
}

/* From FROM on: the jobs that may be claimed. */
static void write_condition(writer *t) {
  const shunt_worker_options *o = &t->w->of;
  buf_printf(&t->text, " FROM shunt_jobs j WHERE j.env = ? AND j.due_at <= %s", t->store->dialect->now_ms);
  add_text(t, t->store->env);
  write_list(t, "queue", o->queues, o->nqueues);
  write_list(t, "name", o->jobs, o->njobs);
  write_skips(t, 'j');
  buf_puts(&t->text, " AND (j.state <> 'running' OR j.lost_by = coalesce(j.worker, '')) AND (j.concurrency = 0 OR "
                     "j.slot IS NOT NULL OR j.name NOT IN " FULL_NAMES ")");
  add_text(t, t->store->env);
  if (t->store->dialect->parallel) write_first_alone(t);
}

/* A text that is too long is null. */
static void write_returning(buf *text, const job_store *store) {
  static const struct {
    const char *column;
    int most_bytes;
  } texts[] = {{"name", STORE_MOST_NAME_BYTES},     {"queue", STORE_MOST_NAME_BYTES},
               {"instance", STORE_MOST_NAME_BYTES}, {"lost_by", STORE_MOST_NAME_BYTES},
               {"envelope", ENVELOPE_MOST_BYTES},   {"data", STORE_SHORT_DATA_BYTES}};
  const char *const *bytes = store->dialect->bytes;
  buf_puts(text, " RETURNING id, claim, failures, lost, retry, backoff_ms, timeout_ms, awaited, format");
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    buf_printf(text, ", CASE WHEN %s%s%s <= %d THEN %s END", bytes[0], texts[i].column, bytes[1], texts[i].most_bytes,
               texts[i].column);
}

static char *claim_text(arena *a, const job_store *store, const shunt_worker *w, const char *condition) {
  buf text = {0};
  buf_printf(&text,
             "UPDATE shunt_jobs SET lost = CASE WHEN state <> 'running' THEN lost WHEN lost < " MOST
             " THEN lost + 1 ELSE " MOST
             " END, lost_by = CASE state WHEN 'running' THEN worker END, state = 'running', "
             "claim = CASE WHEN claim BETWEEN 0 AND " MOST
             " THEN claim + 1 ELSE 1 END, worker = ?, started_at = %s, due_at = %s + "
             "%lld, slot = CASE WHEN concurrency = 0 THEN NULL WHEN slot IS NOT NULL THEN slot ELSE " FREE_SLOT " END "
             "WHERE id = (SELECT j.id%s ORDER BY j.priority, j.run_at, j.id LIMIT 1%s)",
             store->dialect->now_ms, store->dialect->now_ms, (long long)w->lease_ms, condition, store->dialect->locked);
  write_returning(&text, store);
  char *kept = text.failed ? NULL : arena_strdup(a, text.data);
  buf_free(&text);
  return kept;
}

/* The parameters of the peek are those of the claim, without the first one. */
static bool write_both(shunt_worker *w, const job_store *store) {
  arena *a = &w->written;
  writer t = {.w = w, .store = store, .a = a};
  t.params = arena_array(a, shunt_value, w->of.nqueues + w->of.njobs + 6 * w->skips.count + 5);
  if (!t.params) return false;
  add_text(&t, w->name);
  write_condition(&t);
  const char *condition = t.text.data && !t.text.failed ? arena_strdup(a, t.text.data) : NULL;
  buf_free(&t.text);
  if (!condition) return false;
  w->claim = (store_sql){claim_text(a, store, w, condition), t.params, t.nparams};
  w->peek = (store_sql){arena_printf(a, "SELECT 1%s LIMIT 1", condition), t.params + 1, t.nparams - 1};
  return w->claim.text && w->peek.text;
}

/* Writes the SQL if what it skips has changed. */
static shunt_status prepare(shunt_worker *w, const job_store *store) {
  if (skips_expire(&w->skips, w->host.generation(w->host.app))) w->outdated = true;
  if (!w->outdated) return SHUNT_OK;
  arena_reset(&w->written);
  w->outdated = !write_both(w, store);
  return w->outdated ? error_memory(store->c.err) : SHUNT_OK;
}

/* ---- claiming ---- */

/* The row may hold anything: in SQLite also text where a number is due. */
static int64_t number(const shunt_value *v, int64_t most, int64_t otherwise) {
  return v->type == SHUNT_INTEGER && v->as.integer >= 0 && v->as.integer <= most ? v->as.integer : otherwise;
}

static void remember(shunt_worker *w, shunt_job *job) {
  job->next = w->running;
  if (job->next) job->next->before = job;
  w->running = job;
  w->nrunning++;
}

static void read_numbers(shunt_job *job, const shunt_value *v) {
  job->claim = number(&v[CLAIM_NUMBER], INT64_MAX, 0);
  job->failures = (int)number(&v[CLAIM_FAILURES], STORE_MOST, STORE_MOST);
  job->lost = (int)number(&v[CLAIM_LOST], STORE_MOST, STORE_MOST);
  job->retry = (int)number(&v[CLAIM_RETRY], INT_MAX, 0);
  job->backoff_ms = number(&v[CLAIM_BACKOFF], STORE_LONGEST_MS, STORE_LONGEST_MS);
  job->awaited = number(&v[CLAIM_AWAITED], INT_MAX, 0) > 0;
  job->format = (int)number(&v[CLAIM_FORMAT], INT_MAX, 0);
  job->info.id = v[CLAIM_ID].as.integer;
  job->info.attempt = job->failures + job->lost + 1;
  job->info.timeout_ms = number(&v[CLAIM_TIMEOUT], STORE_LONGEST_MS, 0);
}

/* Events name the job, whatever its row holds. */
static const char *read_text(shunt_job *job, const shunt_value *v, const char *column) {
  const char *text = store_text_of(v);
  if (!text) job->unreadable = column;
  return text ? text : "?";
}

/* Takes the rows over. */
static shunt_job *job_of(shunt_worker *w, shunt_rows *rows) {
  shunt_job *job = base_zalloc(sizeof *job);
  const shunt_value *v = rows_row(rows, 0);
  if (!job) return NULL;
  job->row = rows;
  job->worker = w;
  job->claimed_ns = clock_monotonic_ns();
  read_numbers(job, v);
  job->lost_by = store_text_of(&v[CLAIM_LOST_BY]);
  job->envelope_text = read_text(job, &v[CLAIM_ENVELOPE], "envelope");
  job->info.instance = read_text(job, &v[CLAIM_INSTANCE], "instance");
  job->info.queue = read_text(job, &v[CLAIM_QUEUE], "queue");
  job->info.name = read_text(job, &v[CLAIM_NAME], "name");
  job->info.data = store_text_of(&v[CLAIM_DATA]);
  remember(w, job);
  return job;
}

/* With one writer at a time, an UPDATE waits for its turn even if it finds nothing: peek first. */
static shunt_status is_worth_it(const shunt_worker *w, job_store *store, bool *worth) {
  *worth = true;
  if (!w->idle || store->dialect->parallel) return SHUNT_OK;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(store->c.err);
  shunt_status status = store_run(store, &w->peek, rows, NULL);
  *worth = rows->count > 0;
  shunt_rows_free(rows);
  return status;
}

/* True: another worker took the same slot at the same time; try again. A worker that waited too long for the write lock
 * of the database has found nothing. */
static bool look_again(job_store *store, shunt_status *status, const shunt_error *err) {
  const driver_engine *engine = driver_for(store->client->engine);
  if (*status == SHUNT_E_CONSTRAINT || *status == SHUNT_E_CONFLICT) return true;
  if (*status && engine->is_busy && engine->is_busy(err)) *status = SHUNT_OK;
  return false;
}

static shunt_status claim(shunt_worker *w, shunt_rows *rows, shunt_error *err) {
  bool worth = false;
  job_store store;
  shunt_status status = store_enter(&store, w->session, 0, err);
  if (!status) status = prepare(w, &store);
  if (!status) status = is_worth_it(w, &store, &worth);
  if (status || !worth) return status;
  int tries = 0;
  do {
    status = store_run(&store, &w->claim, rows, NULL);
  } while (look_again(&store, &status, err) && ++tries < TRIES);
  return status;
}

shunt_status claim_next(shunt_worker *w, shunt_job **out, shunt_error *err) {
  shunt_error own;
  shunt_rows *rows = rows_new();
  *out = NULL;
  if (!rows) return error_memory(err);
  pthread_mutex_lock(&w->lock);
  shunt_status status = claim(w, rows, &own);
  w->idle = rows->count == 0;
  if (!status && rows->count && !(*out = job_of(w, rows))) status = error_memory(&own); /* its lease runs out */
  pthread_mutex_unlock(&w->lock);
  if (!*out) shunt_rows_free(rows);
  if (status && err) *err = own;
  return status;
}
