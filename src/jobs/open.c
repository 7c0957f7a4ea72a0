/* Opening a claimed job: its envelope becomes a session, and long data is loaded there.
 *
 * The row was written by another process, perhaps of another version, or by hand. Nothing in it may keep a worker from
 * the jobs behind it. So whatever goes wrong from the claim on is recorded as a failure of this job. If its envelope
 * can't be read, another try would not help: the job is dead at once. */
#include <string.h>

#include "base/alloc.h"
#include "jobs/worker.h"
#include "pool/wait.h"

/* load: limit for jobs without a timeout; their leases are renewed meanwhile. */
enum { MOST_LOST = 20, LOAD_MS = 60000 };

/* ---- the session ---- */

static shunt_status check_format(const shunt_job *job, shunt_error *err) {
  if (job->format == STORE_FORMAT) return SHUNT_OK;
  return error_set(err, SHUNT_E_CONFIG,
                   "the job was written by another version of shunt (its format is %d, and this process knows %d): "
                   "a worker of that version runs it",
                   job->format, STORE_FORMAT);
}

/* Another instance there would be another tenant's data. */
static shunt_status read_envelope(shunt_job *job, shunt_error *why) {
  envelope *e = &job->envelope;
  if (job->unreadable)
    return error_set(why, SHUNT_E_INTERNAL, "the job's %s can't be read: it is not text, or too long", job->unreadable);
  shunt_status status = envelope_read(job->envelope_text, &job->memory, e, why);
  if (status || strcmp(e->instance, job->info.instance) == 0) return status;
  return error_set(why, SHUNT_E_INTERNAL, "the job's envelope is for the instance '%.64s', and its row for '%.64s'",
                   e->instance, job->info.instance);
}

static shunt_status open_session(shunt_job *job, shunt_error *why) {
  const worker_host *host = &job->worker->host;
  const bool hopeless = job->lost >= MOST_LOST;
  shunt_status status = hopeless ? error_set(why, SHUNT_E_TIMEOUT,
                                             "its lease ran out %d times: each time the worker was gone, hung, or had "
                                             "no memory for it",
                                             job->lost)
                                 : read_envelope(job, why);
  if (hopeless || status == SHUNT_E_INTERNAL) job->retry = job->failures;
  return status ? status : envelope_open(host->open, host->app, &job->envelope, &job->session, why);
}

/* ---- no session ---- */

/* Why the session of a job whose instance is known could not be opened lies in that job alone; the others of its name
 * may run. *vain: the pushing process knew the same names, so no other worker will know more. */
static bool is_alone(const shunt_job *job, const shunt_error *why, bool *vain) {
  const worker_host *host = &job->worker->host;
  const shunt_session_options o = {.instance = job->envelope.instance};
  shunt_session *s;
  if (host->open(host->app, &o, &s, NULL)) return false;
  *vain = why->status == SHUNT_E_NOT_FOUND && !envelope_is_foreign(&job->envelope, s->generation.catalog);
  shunt_session_close(s);
  return true;
}

/* This process knows other names, or other values of attributes, than the one that pushed the job; or the row is
 * spoiled. */
static shunt_status not_opened(shunt_job *job, const shunt_error *why, shunt_error *err) {
  bool vain = false;
  const bool other = why->status == SHUNT_E_NOT_FOUND || why->status == SHUNT_E_USAGE;
  job->alone = other && is_alone(job, why, &vain);
  return other && !vain ? shunt_job_release(job, why, err) : shunt_job_failed(job, why, err);
}

/* ---- its data ---- */

static shunt_status load_into(shunt_job *job, shunt_rows *rows, shunt_error *err) {
  job_store store;
  const int64_t limit_ms = job->info.timeout_ms ? job->info.timeout_ms : LOAD_MS;
  shunt_status status = store_enter(&store, job->session, limit_ms, err);
  store.made = true;
  if (status) return status;
  return store_run(&store,
                   STORE_SQL("SELECT data FROM shunt_jobs WHERE id = ? AND claim = ?", shunt_integer(job->info.id),
                             shunt_integer(job->claim)),
                   rows, NULL);
}

static shunt_status load(shunt_job *job, shunt_error *err) {
  if (job->info.data) return SHUNT_OK;
  job->loaded = rows_new();
  if (!job->loaded) return error_memory(err);
  shunt_status status = load_into(job, job->loaded, err);
  if (status) return status;
  const shunt_value *data = job->loaded->count ? rows_row(job->loaded, 0) : NULL;
  if (!data) return error_set(err, SHUNT_E_CONFLICT, "the job was claimed by another worker or purged");
  job->info.data = store_text_of(data);
  return job->info.data ? SHUNT_OK : error_set(err, SHUNT_E_INTERNAL, "the job's data can't be read: it is not text");
}

/* ---- starting ---- */

/* The name of the job for those who wait for it, or for what it holds. */
static void name_party(shunt_job *job) {
  shunt_session *s = job->session;
  s->job.name = s->party.job = job->info.name;
  s->party.number = (uint64_t)job->info.id;
  job->key = store_key_of(s->generation.catalog->jobs.client, job->info.id);
  wait_run_begin(&s->party, job->key.text);
}

/* The job completes in the store of the newest generation; the worker stays with the store that it began with. */
static shunt_status check_queue(const shunt_job *job, shunt_error *err) {
  const cat_client *here = job->worker->session->generation.catalog->jobs.client,
                   *there = job->session->generation.catalog->jobs.client;
  if (strcmp(here->name, there->name) == 0 && here->engine == there->engine &&
      (!here->filename || strcmp(here->filename, there->filename) == 0))
    return SHUNT_OK;
  return error_set(err, SHUNT_E_CONFIG,
                   "the worker takes jobs from '%s', and after a reload they are kept on '%s': restart the worker",
                   here->name, there->name);
}

/* *started is false, with SHUNT_OK, if the job has failed. */
static shunt_status start(shunt_job *job, bool *started, shunt_error *err) {
  shunt_error why;
  name_party(job);
  job->session->job.broken_off = &job->worker->broken_off;
  shunt_status status = check_queue(job, err);
  if (status) return status;
  events_emit(worker_events(job->worker), SHUNT_EVENT_JOB_STARTED, WORKER_RUN_FIELDS(job));
  *started = load(job, &why) == SHUNT_OK;
  return *started ? SHUNT_OK : shunt_job_failed(job, &why, err);
}

static shunt_status begin(shunt_job *job, bool *started, shunt_error *err) {
  shunt_error why;
  shunt_status status = check_format(job, &why);
  job->alone = status != SHUNT_OK;
  if (job->lost_by)
    events_emit(worker_events(job->worker), SHUNT_EVENT_JOB_TAKEN_OVER, WORKER_RUN_FIELDS(job),
                {"worker", event_text(job->lost_by)});
  if (status) return shunt_job_release(job, &why, err);
  status = open_session(job, &why);
  if (!status) return start(job, started, err);
  if (status != SHUNT_E_MEMORY) return not_opened(job, &why, err);
  job->ended = true;
  return error_memory(err);
}

shunt_status job_open(shunt_job *job, bool *started, shunt_error *err) {
  *started = false;
  shunt_status status = begin(job, started, err);
  if (*started) return status;
  if (status == SHUNT_E_CONFLICT) status = SHUNT_OK; /* another worker has it */
  shunt_job_free(job);
  return status;
}
