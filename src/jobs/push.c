#include "jobs/push.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/sized.h"
#include "jobs/envelope.h"
#include "jobs/held.h"
#include "jobs/signal.h"
#include "session/hook.h"
#include "session/outcome.h"
#include "session/transaction.h"
#include "session/visit.h"

enum { RETRY = 3, BACKOFF_MS = 1000, TRIES = 5, UNIQUE_WAIT_MS = 5000 };

/* The keys of a scope are those of one job, or of the whole queue. */
static const char OF_JOB[] = "job", OF_QUEUE[] = "queue";

static bool is_of_queue(const push *p) { return strcmp(p->options.unique_scope, OF_QUEUE) == 0; }

/* ---- what is asked for ---- */

static shunt_status check_unique(const char *job, const shunt_push_options *o, shunt_error *err) {
  if (strcmp(o->unique_scope, OF_JOB) != 0 && strcmp(o->unique_scope, OF_QUEUE) != 0)
    return error_set(err, SHUNT_E_USAGE, "job '%.64s': unique_scope is 'job' or 'queue', not '%.64s'", job,
                     o->unique_scope);
  return SHUNT_OK;
}

static shunt_status check_length(const char *what, const char *name, shunt_error *err) {
  if (strlen(name) <= STORE_MOST_NAME_BYTES) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE, "a job to push has %s of %zu bytes: '%.64s…'; at most %d", what, strlen(name),
                   name, STORE_MOST_NAME_BYTES);
}

static shunt_status check(const char *job, const char *data, const shunt_push_options *o, shunt_error *err) {
  if (!job || !job[0]) return error_set(err, SHUNT_E_USAGE, "a job to push has no name");
  if (o->delay_ms < 0 || o->backoff_ms < 0 || o->timeout_ms < 0 || o->concurrency < 0)
    return error_set(err, SHUNT_E_USAGE, "job '%.64s': its delay, back-off, timeout and concurrency are 0 or more",
                     job);
  if (o->delay_ms > STORE_LONGEST_MS)
    return error_set(err, SHUNT_E_USAGE, "job '%.64s': a delay of %lld ms is too long; at most 100 years", job,
                     (long long)o->delay_ms);
  shunt_error bad;
  const shunt_status status = json_check(data, strlen(data), &bad);
  if (status == SHUNT_E_USAGE)
    return error_set(err, status, "job '%.64s': its data is not JSON that can be read: %s: %.200s", job, bad.message,
                     data);
  return status ? error_memory(err) : check_unique(job, o, err);
}

static void fill_in(shunt_push_options *o) {
  if (!o->queue) o->queue = "default";
  if (!o->unique_scope) o->unique_scope = OF_JOB;
  if (!o->retry) o->retry = RETRY;
  if (o->retry < 0) o->retry = 0;
  if (!o->backoff_ms) o->backoff_ms = BACKOFF_MS;
}

shunt_status push_make(push *p, const shunt_session *s, const shunt_push_options *options, shunt_error *err) {
  shunt_push_options *o = &p->options;
  const cat_instance *instance = s->instance;
  if (!p->data) p->data = "null";
  options = SIZED(shunt_push_options, options, o, err);
  if (!options) return SHUNT_E_USAGE;
  if (options != o) *o = *options;
  fill_in(o);
  if (o->existed) *o->existed = false;
  shunt_status status = check(p->job, p->data, o, err);
  if (!status) status = check_length("a name", p->job, err);
  if (!status) status = check_length("a queue", o->queue, err);
  if (!status && o->instance) status = catalog_find_instance(s->generation.catalog, o->instance, &instance, err);
  if (!status) status = check_length("an instance", instance->name, err);
  if (status) return status;
  o->instance = instance->name;
  o->unique_scope = is_of_queue(p) ? OF_QUEUE : OF_JOB; /* outlives the caller's */
  return envelope_write(s, instance, p->awaited, &p->envelope, err);
}

void push_free(push *p) { base_free(p->envelope); }

/* ---- sending ---- */

/* A transaction that has notified can't be prepared: so the notification follows its commit. */
static bool notifies_later(const job_store *store) {
  const transaction *t = transaction_find(store->c.s, store->client, store->level);
  return t && t->joint.asked;
}

static void write_insert(job_store *store, const push *p) {
  const shunt_push_options *o = &p->options;
  sql_text *sql = store->sql;
  const shunt_value numbers[] = {shunt_integer(o->retry), shunt_integer(o->backoff_ms), shunt_integer(o->timeout_ms),
                                 shunt_integer(o->concurrency), shunt_integer(p->awaited)};
  sql_reset(sql);
  sql_puts(
      sql,
      "INSERT INTO shunt_jobs (instance, queue, name, env, unique_key, unique_scope, data, envelope, retry, "
      "backoff_ms, timeout_ms, concurrency, awaited, state, format, priority, created_at, run_at, due_at) VALUES (");
  const char *const texts[] = {o->instance, o->queue,      p->job,
                               store->env,  o->unique_key, o->unique_key ? o->unique_scope : NULL,
                               p->data,     p->envelope};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    store_put_text(store, texts[i]);
    sql_puts(sql, ", ");
  }
  sql_params(sql, numbers, sizeof numbers / sizeof *numbers);
  sql_puts(sql, ", 'ready', ");
  store_put_integer(store, STORE_FORMAT);
  sql_puts(sql, ", ");
  store_put_integer(store, o->priority);
  sql_puts(sql, ", ");
  sql_puts(sql, store->dialect->now_ms);
  sql_puts(sql, ", ");
  store_put_later(store, o->delay_ms);
  sql_puts(sql, ", ");
  if (o->delay_ms)
    store_put_later(store, o->delay_ms);
  else
    store_put_integer(store, 0);
  sql_puts(sql, ") ON CONFLICT DO NOTHING RETURNING id");
  if (!store->dialect->notify || notifies_later(store)) return;
  sql_puts(sql, ", ");
  sql_puts(sql, store->dialect->notify);
  sql_puts(sql, "('" STORE_CHANNEL "', '')");
}

static void add_equal(job_store *store, const char *column, const char *text) {
  sql_puts(store->sql, " AND ");
  sql_puts(store->sql, column);
  sql_puts(store->sql, " = ");
  store_put_text(store, text);
}

/* Finds the job that has the unique key; with `same`, if it has the same name and instance. */
static void write_find(job_store *store, const push *p, bool same) {
  const shunt_push_options *o = &p->options;
  sql_text *sql = store->sql;
  sql_reset(sql);
  sql_puts(sql, p->awaited && same ? "UPDATE shunt_jobs SET awaited = awaited + 1" : "SELECT id FROM shunt_jobs");
  sql_puts(sql, " WHERE due_at IS NOT NULL");
  add_equal(store, "env", store->env);
  add_equal(store, "queue", o->queue);
  add_equal(store, "unique_key", o->unique_key);
  add_equal(store, "unique_scope", o->unique_scope);
  if (same) add_equal(store, "instance", o->instance);
  if (same) add_equal(store, "name", p->job);
  if (p->awaited && same) sql_puts(sql, " RETURNING id");
}

/* *id is 0 if there was no row. */
static shunt_status run_for_id(job_store *store, int64_t *id) {
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(store->c.err);
  shunt_status status = store_run_sql(store, rows, NULL);
  *id = !status && rows->count ? rows_row(rows, 0)[0].as.integer : 0;
  shunt_rows_free(rows);
  return status;
}

/* The result of another job, or another tenant's, is not for this caller. */
static shunt_status find_foreign(job_store *store, const push *p) {
  int64_t id;
  write_find(store, p, false);
  shunt_status status = run_for_id(store, &id);
  if (status || !id) return status;
  return error_set(store->c.err, SHUNT_E_CONFLICT,
                   "job '%.64s' was not pushed: job %lld has the unique key '%.64s' and another name or instance, so "
                   "its result is not for this caller; wait with a key of scope 'job'",
                   p->job, (long long)id, p->options.unique_key);
}

static shunt_status find(job_store *store, const push *p, int64_t *id) {
  const bool same = p->awaited || !is_of_queue(p);
  write_find(store, p, same);
  shunt_status status = run_for_id(store, id);
  return status || *id || !same || !is_of_queue(p) ? status : find_foreign(store, p);
}

/* The job with the unique key may end between the two statements: so it is tried again. */
static shunt_status send_or_find(job_store *store, const push *p, int64_t *id) {
  for (int i = 0; i < TRIES; i++) {
    write_insert(store, p);
    shunt_status status = run_for_id(store, id);
    if (!status && *id) signal_raise();
    if (!status && *id && p->options.unique_key) status = held_note(store, p);
    if (status || *id) return status;
    status = find(store, p, id);
    if (!status && *id && p->options.existed) *p->options.existed = true;
    if (status || *id) return status;
  }
  return error_set(
      store->c.err, SHUNT_E_CONFLICT,
      "job '%.64s' was not pushed: in %d attempts, another job with the unique key '%.64s' existed and ended meanwhile",
      p->job, TRIES, p->options.unique_key);
}

/* The database lets the row wait for a transaction that has written the same key. One of this thread is known (held.h);
 * for others the wait is bounded, whatever the session's timeout. */
shunt_status push_send(job_store *store, const push *p, int64_t *id) {
  call *c = &store->c;
  const int64_t deadline_ns = c->deadline_ns, since_ns = clock_monotonic_ns();
  if (!p->options.unique_key) return send_or_find(store, p, id);
  shunt_status status = held_check(store, p);
  if (status) return status;
  if (!deadline_ns) call_set_deadline(c, UNIQUE_WAIT_MS);
  status = send_or_find(store, p, id);
  c->deadline_ns = deadline_ns;
  if (status != SHUNT_E_TIMEOUT || c->s->effect != SHUNT_NOT_DONE) return status;
  error_set(c->err, status,
            "job '%.64s' was not pushed within %lld ms: a transaction that is still open has perhaps pushed the unique "
            "key '%.64s'; end that one first",
            p->job, (long long)((clock_monotonic_ns() - since_ns) / NS_PER_MS), p->options.unique_key);
  error_client(c->err, store->client->name);
  return status;
}

/* ---- in transactions ---- */

static void notify(shunt_session *s, shunt_error *err) {
  job_store store;
  if (store_enter(&store, s, 0, err)) return;
  sql_reset(store.sql);
  sql_puts(store.sql, "SELECT ");
  sql_puts(store.sql, store.dialect->notify);
  sql_puts(store.sql, "('" STORE_CHANNEL "', '')");
  (void)store_run_sql(&store, NULL, NULL);
}

/* A failure does no harm: a worker that is not woken finds the job a little later. */
static shunt_status wake(void *session, shunt_error *err) {
  signal_raise();
  if (session) notify(session, err);
  return SHUNT_OK;
}

static shunt_status send_here(job_store *store, const push *p, int64_t *id) {
  shunt_session *notifies = store->dialect->notify && notifies_later(store) ? store->c.s : NULL;
  shunt_status status = push_send(store, p, id);
  shunt_status told =
      status || !store_in_transaction(store) ? SHUNT_OK : shunt_on_commit(store->c.s, wake, notifies, NULL, NULL);
  (void)told;
  return status;
}

/* A push that is sent when the transaction of the session ends: before the commit if it takes the client of the queues
 * in, and so as a part of it; else after the commit. */
typedef struct kept {
  shunt_session *session;
  arena texts;
  push push;
  int hooks; /* that hold it */
  bool sent;
} kept;

static void drop(void *ud) {
  kept *k = ud;
  if (--k->hooks > 0) return;
  push_free(&k->push);
  arena_free(&k->texts);
  base_free(k);
}

static shunt_status send_kept(kept *k, bool inside, shunt_error *err) {
  int64_t id;
  job_store store;
  shunt_status status = store_enter(&store, k->session, 0, err);
  if (!status && inside) status = store_join(&store);
  if (status || k->sent || (inside && !store_in_transaction(&store))) return status;
  k->sent = true;
  return send_here(&store, &k->push, &id);
}

static shunt_status send_inside(void *ud, shunt_error *err) { return send_kept(ud, true, err); }
static shunt_status send_behind(void *ud, shunt_error *err) { return send_kept(ud, false, err); }

static bool copy(kept *k, const char **text) {
  if (*text) *text = arena_strdup(&k->texts, *text);
  return *text != NULL;
}

/* Takes the envelope over. */
static shunt_status send_later(shunt_session *s, push *p, shunt_error *err) {
  kept *k = base_zalloc(sizeof *k);
  if (!k) return error_memory(err);
  *k = (kept){.session = s, .push = *p, .hooks = 1};
  p->envelope = NULL;
  shunt_push_options *o = &k->push.options;
  o->existed = NULL; /* the caller's */
  bool ok = copy(k, &k->push.job) && copy(k, &k->push.data) && copy(k, &o->queue);
  ok = ok && copy(k, &o->instance);
  if (!ok || (o->unique_key && !copy(k, &o->unique_key))) {
    drop(k);
    return error_memory(err);
  }
  k->hooks = 2;
  shunt_status status = hooks_before_commit(s, send_inside, k, drop, err);
  if (!status) return shunt_on_commit(s, send_behind, k, drop, err);
  drop(k);
  return status;
}

static shunt_status send(job_store *store, push *p, int64_t *id) {
  shunt_session *s = store->c.s;
  if (session_in_transaction(s) && !store_in_transaction(store)) return send_later(s, p, store->c.err);
  return outcome_end(&store->c, send_here(store, p, id));
}

shunt_status shunt_push(shunt_session *s, const char *job, const char *data_json, const shunt_push_options *options,
                        int64_t *id, shunt_error *err) {
  push p = {.job = job, .data = data_json};
  int64_t own_id = 0;
  VISIT(v);
  job_store store;
  shunt_status status = visit_begin(&v, s, err);
  if (!status) status = store_enter(&store, s, 0, err);
  if (!status) status = push_make(&p, s, options, err);
  if (!status) status = send(&store, &p, &own_id);
  push_free(&p);
  if (id) *id = own_id;
  return status;
}
