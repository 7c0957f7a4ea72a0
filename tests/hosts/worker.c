/* Runs the jobs called "order": each inserts an order, in one transaction with the end of the job, so that it is done
 * once. Ends when no job has come for WAIT_MS, or on SIGTERM. Use: worker SHUNT_YAML WAIT_MS; worker SHUNT_YAML push
 * DATA pushes one. */
#include <inttypes.h>
#include <shunt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* How long one call waits: so soon the worker ends after a SIGTERM. */
enum { LOOK_MS = 100 };

static volatile sig_atomic_t stopping;

static void stop(int number) {
  (void)number;
  stopping = 1;
}

static shunt_status insert_order(void *ud, shunt_session *session, shunt_error *err) {
  shunt_job *job = ud;
  shunt_rows *rows;
  const shunt_record order = SHUNT_RECORD({"user_id", shunt_integer(7)}, {"item", shunt_str(shunt_job_of(job)->data)});
  shunt_status status = shunt_insert(session, "order", &order, NULL, &rows, err);
  shunt_rows_free(rows);
  return status ? status : shunt_job_complete(job, "true", err);
}

static void run(shunt_job *job) {
  const shunt_job_info *info = shunt_job_of(job);
  shunt_error err, lost;
  if (!shunt_transaction(shunt_job_session(job), &(shunt_tx_options){.model = "order"}, insert_order, job, &err)) {
    printf("%" PRId64 " %s: done\n", info->id, info->data);
    return;
  }
  printf("%" PRId64 " %s: %s\n", info->id, info->data, err.message);
  if (shunt_job_failed(job, &err, &lost)) printf("%" PRId64 ": %s\n", info->id, lost.message);
}

static bool push(shunt_app *app, const char *data, shunt_error *err) {
  shunt_session *session;
  if (shunt_session_open(app, NULL, &session, err)) return false;
  const bool ok = !shunt_push(session, "order", data, NULL, NULL, err);
  shunt_session_close(session);
  return ok;
}

static bool work(shunt_app *app, int64_t wait_ms, shunt_error *err) {
  shunt_worker *worker;
  shunt_job *job = NULL;
  if (shunt_worker_open(app, &(shunt_worker_options){SHUNT_NAMES(jobs, "order")}, &worker, err)) return false;
  bool ok = true;
  for (int64_t idle_ms = 0; ok && !stopping && idle_ms < wait_ms; idle_ms = job ? 0 : idle_ms + LOOK_MS) {
    ok = !shunt_worker_next(worker, LOOK_MS, &job, err);
    if (job) run(job);
    shunt_job_free(job);
  }
  shunt_worker_close(worker);
  return ok;
}

int main(int argc, char **argv) {
  shunt_app *app = NULL;
  shunt_error err = {.message = "use: worker SHUNT_YAML WAIT_MS, or worker SHUNT_YAML push DATA"};

  signal(SIGTERM, stop);
  const bool ok = argc >= 3 && !shunt_open(argv[1], NULL, &app, &err) &&
                  (argc == 4 ? push(app, argv[3], &err) : work(app, atoll(argv[2]), &err));
  if (!ok) fprintf(stderr, "%s\n", err.message);
  shunt_close(app);
  return !ok;
}
