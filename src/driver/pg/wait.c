/* Waiting for the server, with the connection's deadline. Only this file and connect.c wait. */
#define _DEFAULT_SOURCE /* for syscall */
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/cancel.h"
#include "driver/pg/conn.h"
#include "driver/socket.h"

/* With TLS, libpq may hold data that poll can't see, because it has left the socket already. So libpq is asked at
 * intervals: short ones after data has arrived, longer and longer ones otherwise. */
static const int64_t SHORTEST_NAP_NS = 1000000, LONGEST_NAP_NS = 256000000;

/* ---- too late ---- */

/* Programs that the host starts would inherit libpq's socket for a cancellation, for as long as a stopped server keeps
 * it open. So this thread gets file descriptors of its own, none but the first three. On Linux before 5.9 it does not.
 */
static void take_own_files(void) {
#ifdef SYS_close_range
  enum { UNSHARE = 1 << 1, FIRST = STDERR_FILENO + 1 };
  syscall(SYS_close_range, (unsigned)FIRST, ~0U, (unsigned)UNSHARE);
#endif
}

static void run_cancel(void *what) {
  char why[256];
  take_own_files();
  PQcancel(what, why, sizeof why); /* errors don't matter: the connection is abandoned after a while */
  PQfreeCancel(what);
}

static bool cancel(pg_conn *conn) {
  PGcancel *what = PQgetCancel(conn->pg);
  if (what && cancel_start(run_cancel, what)) return true;
  PQfreeCancel(what);
  return false;
}

/* The first time, cancels the statement and gives it some time to end. False: that time is over too. */
static bool go_on(pg_conn *conn) {
  conn->base.broken = true;
  if (!conn->until_ns && cancel(conn)) {
    conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
    return true;
  }
  conn->given_up = true;
  return false;
}

/* Reads the clock only if there is a deadline. */
static bool in_time(pg_conn *conn) {
  if (!conn->base.deadline_ns) return true;
  conn->asked_ns = clock_monotonic_ns();
  return conn->asked_ns < conn->base.deadline_ns;
}

shunt_status pg_check_time(pg_conn *conn, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  const char *client = conn->base.client->name;
  if (conn->until_ns && conn->base.in_transaction)
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "an earlier statement of this transaction ran out of time and was cancelled, and so all of it "
                       "is rolled back");
  else if (conn->until_ns || !in_time(conn)) /* preparing it may have ended late */
    status = error_set(err, SHUNT_E_TIMEOUT, "client '%s': timed out before it was sent: it was not done", client);
  if (status) error_client(err, client);
  return status;
}

/* ---- waiting ---- */

static bool wait_for(pg_conn *conn, short events, int64_t *nap_ns) {
  int64_t limit_ns = conn->until_ns ? conn->until_ns : conn->base.deadline_ns, wake_ns = limit_ns;
  if (conn->encrypted) {
    int64_t soon_ns = clock_monotonic_ns() + *nap_ns;
    if (!limit_ns || soon_ns < limit_ns) wake_ns = soon_ns;
  }
  if (socket_wait(PQsocket(conn->pg), events, wake_ns)) {
    *nap_ns = SHORTEST_NAP_NS;
    return true;
  }
  if (*nap_ns < LONGEST_NAP_NS) *nap_ns *= 2;
  return wake_ns != limit_ns || go_on(conn);
}

/* Writes, and reads what has arrived. False: the connection is lost. */
static bool exchange(pg_conn *conn, int unsent, int64_t *nap_ns) {
  return unsent >= 0 && wait_for(conn, unsent ? POLLIN | POLLOUT : POLLIN, nap_ns) && PQconsumeInput(conn->pg);
}

bool pg_flush(pg_conn *conn) {
  int64_t nap_ns = SHORTEST_NAP_NS;
  int unsent;
  while ((unsent = PQflush(conn->pg)))
    if (!exchange(conn, unsent, &nap_ns)) return false;
  return true;
}

PGresult *pg_result(pg_conn *conn) {
  int64_t nap_ns = SHORTEST_NAP_NS;
  while (!conn->given_up && PQisBusy(conn->pg) && exchange(conn, PQflush(conn->pg), &nap_ns)) continue;
  return conn->given_up ? NULL : PQgetResult(conn->pg); /* doesn't wait on a lost connection */
}

bool pg_is_copy(const PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* The next result of a pipeline; NULL: the connection is abandoned or lost. */
static PGresult *next_of_pipeline(pg_conn *conn) {
  PGresult *result;
  while (!(result = pg_result(conn))) /* ends one of several requests */
    if (PQstatus(conn->pg) != CONNECTION_OK || conn->given_up) return NULL;
  return result;
}

PGresult *pg_pipeline(pg_conn *conn, int *done) {
  PGresult *kept = NULL, *next;
  bool failed = false;
  *done = 0;
  while ((next = next_of_pipeline(conn)) && PQresultStatus(next) != PGRES_PIPELINE_SYNC) {
    if (failed) {
      PQclear(next);
      continue;
    }
    PQclear(kept);
    kept = next;
    failed = PQresultStatus(next) != PGRES_COMMAND_OK && PQresultStatus(next) != PGRES_TUPLES_OK;
    *done += !failed;
  }
  if (!next && !failed) { /* it is lost, and so is the commit at the end */
    PQclear(kept);
    kept = NULL;
  }
  PQclear(next);
  if (!PQexitPipelineMode(conn->pg)) conn->base.broken = true;
  return kept;
}

PGresult *pg_answer(pg_conn *conn) {
  PGresult *kept = NULL, *next;
  int done;
  if (conn->piped) {
    conn->piped = false;
    return pg_pipeline(conn, &done);
  }
  while ((next = pg_result(conn))) {
    bool instead = !kept || PQresultStatus(next) == PGRES_FATAL_ERROR || pg_is_copy(next);
    PQclear(instead ? kept : next);
    if (instead) kept = next;
    if (pg_is_copy(kept)) return kept;
  }
  if (!conn->given_up) return kept;
  PQclear(kept);
  return NULL;
}

shunt_status pg_exec(pg_conn *conn, const char *sql, PGresult **out, shunt_error *err) {
  PGresult *result = PQsendQuery(conn->pg, sql) ? pg_answer(conn) : NULL;
  ExecStatusType is = PQresultStatus(result);
  shunt_status status = is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK ? SHUNT_OK : pg_fail(conn, result, NULL, err);
  if (out)
    *out = result;
  else
    PQclear(result);
  return status;
}
