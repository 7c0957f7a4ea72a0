/* Waiting for the server, with the connection's deadline. Only this file and connect.c wait. */
#define _DEFAULT_SOURCE /* for syscall */
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "driver/cancel.h"
#include "driver/pg/conn.h"
#include "driver/socket.h"

/* libpq may hold data that poll can't see, because it has left the socket already: with TLS, and where memory lacked
 * for the start of a COPY. So libpq is asked at intervals: short ones after data has arrived, longer and longer ones
 * otherwise. */
static const int64_t SHORTEST_NAP_NS = 1000000, LONGEST_NAP_NS = 256000000;

enum {
  READS_BEFORE_COUNTING = 2, /* most answers come in one */
  ABOUT_ONE_READ = 64 * 1024,
  SPARE_BYTES = 1024 * 1024,      /* of messages around a row, and of TLS */
  DESCRIPTION_BYTES = 160 * 1024, /* a statement has at most 1664 columns, whose names have 63 bytes */
  MOST_RESULTS = 64,              /* of one request: the driver's own have a few statements, others one */
};

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

bool pg_abandon(pg_conn *conn, pg_end why) {
  conn->base.broken = true;
  if (!conn->ended) conn->ended = why;
  return false;
}

/* The first time, cancels the statement and gives it some time to end. False: that time is over too. */
static bool go_on(pg_conn *conn) {
  conn->base.broken = true;
  if (conn->until_ns || !cancel(conn)) return pg_abandon(conn, PG_TOO_LATE);
  conn->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  return true;
}

/* Reads the clock only if there is a deadline. */
static bool in_time(pg_conn *conn) {
  if (!conn->base.deadline_ns) return true;
  conn->asked_ns = clock_monotonic_ns();
  return conn->asked_ns < conn->base.deadline_ns;
}

/* The call before may have succeeded though its time had run out: then this is the first failure that says so. */
static shunt_status no_time(pg_conn *conn, shunt_error *err) {
  const bool lost = conn->until_ns && conn->base.in_transaction, told = lost && conn->late;
  const char *client = conn->base.client->name;
  shunt_status status;
  conn->late = lost;
  if (told)
    status = error_set(err, SHUNT_E_TRANSACTION,
                       "an earlier statement of this transaction ran out of time and was cancelled, and so all of it "
                       "is rolled back");
  else
    status = error_set(err, SHUNT_E_TIMEOUT, "client '%s': timed out before it was sent: it was not done%s", client,
                       lost ? ", and its transaction is rolled back" : "");
  error_client(err, client);
  return status;
}

shunt_status pg_check_time(pg_conn *conn, shunt_error *err) {
  return conn->until_ns || !in_time(conn) ? no_time(conn, err) : SHUNT_OK;
}

/* ---- waiting ---- */

/* The time is looked at first: a server that sends without end would never let the wait time out. Without a limit there
 * is no timer, which may take longer than the answer. */
static bool wait_for(pg_conn *conn, short events, int64_t *nap_ns) {
  const bool naps = conn->encrypted || conn->load;
  const int64_t limit_ns = conn->until_ns ? conn->until_ns : conn->base.deadline_ns;
  const int64_t now_ns = limit_ns || naps ? clock_monotonic_ns() : 0;
  if (limit_ns && now_ns >= limit_ns) return go_on(conn);
  int64_t wake_ns = limit_ns;
  if (naps && (!limit_ns || now_ns + *nap_ns < limit_ns)) wake_ns = now_ns + *nap_ns;
  if (socket_wait(PQsocket(conn->pg), events, wake_ns)) {
    *nap_ns = SHORTEST_NAP_NS;
    return true;
  }
  if (*nap_ns < LONGEST_NAP_NS) *nap_ns *= 2;
  return wake_ns != limit_ns || go_on(conn);
}

/* ---- how much libpq holds ---- */

void pg_take_notifications(pg_conn *conn) {
  PGnotify *notice;
  while ((notice = PQnotifies(conn->pg))) {
    conn->heard = conn->listens;
    PQfreemem(notice);
  }
}

/* A read takes at least what libpq's smallest buffer has room for, and at most what was ready. */
static void note_about(pg_conn *conn, int64_t ready) {
  conn->about_read += ready < ABOUT_ONE_READ ? ready : ABOUT_ONE_READ;
}

/* Between two results libpq holds one message, which may announce any length, and makes more of settings. It keeps each
 * description of a statement until the last one. 0: no limit. */
static int64_t most_bytes(const pg_conn *conn) {
  const int64_t most = conn->base.client->max_result_bytes;
  return conn->describes ? DESCRIPTION_BYTES : most ? most + SPARE_BYTES : 0;
}

static bool is_bounded(pg_conn *conn, int64_t ready) {
  const int64_t most = most_bytes(conn);
  pg_take_notifications(conn);
  if (!most) return true;
  if (++conn->reads < READS_BEFORE_COUNTING) return true;
  int64_t now = socket_received(PQsocket(conn->pg));
  if (now < 0) {
    note_about(conn, ready);
    now = conn->about_read;
  }
  if (conn->reads == READS_BEFORE_COUNTING) conn->came_in = now;
  return now - conn->came_in <= most || pg_abandon(conn, conn->describes ? PG_ASTRAY : PG_TOO_MUCH);
}

/* Writes, and reads what has arrived. False: the connection is lost or abandoned. */
static bool exchange(pg_conn *conn, int unsent, int64_t *nap_ns) {
  if (unsent < 0 || !wait_for(conn, unsent ? POLLIN | POLLOUT : POLLIN, nap_ns)) return false;
  const int64_t ready = conn->reads + 1 < READS_BEFORE_COUNTING ? 0 : socket_ready(PQsocket(conn->pg));
  return PQconsumeInput(conn->pg) && is_bounded(conn, ready);
}

bool pg_flush(pg_conn *conn) {
  int64_t nap_ns = SHORTEST_NAP_NS;
  int unsent;
  conn->reads = 0;
  while (!conn->ended && (unsent = PQflush(conn->pg)))
    if (!exchange(conn, unsent, &nap_ns)) return false;
  return !conn->ended;
}

/* ---- results ---- */

/* An error of libpq itself has no SQLSTATE. It may have lost results, for which it would wait. */
static bool is_own_error(const PGresult *result) {
  return result && PQresultStatus(result) == PGRES_FATAL_ERROR && !pg_sqlstate(result)[0];
}

/* The next request, and in a pipeline the next result, clears the message. */
static void note_lack(pg_conn *conn, const char *message) {
  conn->lacked = conn->lacked || (*message && pg_lacked_memory(message));
}

static void abandon_failed(pg_conn *conn) { pg_abandon(conn, conn->lacked ? PG_NO_MEMORY : PG_FAILED); }

/* While libpq has no result, PQgetResult would wait, and without end: unless the connection is lost. If libpq has no
 * memory for a result, it may say so in its message alone, and still wait for the result. */
PGresult *pg_result(pg_conn *conn) {
  int64_t nap_ns = SHORTEST_NAP_NS;
  const size_t said = strlen(PQerrorMessage(conn->pg));
  bool more = true;
  conn->reads = 0;
  while (more && !conn->ended && PQisBusy(conn->pg))
    more = strlen(PQerrorMessage(conn->pg)) <= said && exchange(conn, PQflush(conn->pg), &nap_ns);
  note_lack(conn, PQerrorMessage(conn->pg));
  if (!more && PQstatus(conn->pg) == CONNECTION_OK) abandon_failed(conn);
  if (conn->ended) return NULL;
  PGresult *result = PQgetResult(conn->pg);
  note_lack(conn, PQerrorMessage(conn->pg));
  if (is_own_error(result) && PQstatus(conn->pg) == CONNECTION_OK) {
    note_lack(conn, PQresultErrorMessage(result));
    abandon_failed(conn);
  }
  return result;
}

bool pg_is_copy(const PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* Not in chunks, as libpq 17 could: there the command's tag, with the number of rows, may come with the last chunk
 * instead of the last result. */
void pg_by_rows(pg_conn *conn) { PQsetSingleRowMode(conn->pg); }

bool pg_is_part(const PGresult *result) { return PQresultStatus(result) == PGRES_SINGLE_TUPLE; }

/* The next result that is not rows. */
static PGresult *next_result(pg_conn *conn) {
  PGresult *result;
  while (pg_is_part(result = pg_result(conn))) PQclear(result);
  return result;
}

/* The next result of a pipeline; NULL: the connection is abandoned or lost. */
static PGresult *next_of_pipeline(pg_conn *conn) {
  PGresult *result = next_result(conn);
  if (result || conn->ended || PQstatus(conn->pg) != CONNECTION_OK) return result;
  pg_by_rows(conn); /* one of several requests has ended */
  result = next_result(conn);
  if (!result && PQstatus(conn->pg) == CONNECTION_OK) pg_abandon(conn, PG_ASTRAY);
  return result;
}

PGresult *pg_pipeline(pg_conn *conn, int *done) {
  PGresult *kept = NULL, *next;
  bool failed = false;
  *done = 0;
  conn->lacked = false;
  pg_by_rows(conn);
  while ((next = next_of_pipeline(conn)) && PQresultStatus(next) != PGRES_PIPELINE_SYNC) {
    if (failed) {
      PQclear(next);
      continue;
    }
    PQclear(kept);
    kept = next;
    failed = PQresultStatus(next) != PGRES_COMMAND_OK && PQresultStatus(next) != PGRES_TUPLES_OK;
    *done += !failed;
    if (*done > MOST_RESULTS) pg_abandon(conn, PG_ASTRAY);
  }
  if (!next && !failed) { /* it is lost, and so is the commit at the end */
    PQclear(kept);
    kept = NULL;
  }
  PQclear(next);
  if (conn->ended) return kept;
  if (PQexitPipelineMode(conn->pg)) return kept;
  conn->base.broken = true;
  if (PQstatus(conn->pg) != CONNECTION_OK) return kept;
  abandon_failed(conn); /* libpq has lost a result */
  PQclear(kept);
  return NULL;
}

PGresult *pg_answer(pg_conn *conn) {
  PGresult *kept = NULL, *next;
  int n = 0;
  if (conn->piped) {
    conn->piped = false;
    return pg_pipeline(conn, &n);
  }
  while ((next = next_result(conn))) {
    bool instead = !kept || PQresultStatus(next) == PGRES_FATAL_ERROR || pg_is_copy(next);
    PQclear(instead ? kept : next);
    if (instead) kept = next;
    if (pg_is_copy(kept)) return kept;
    if (++n > MOST_RESULTS) pg_abandon(conn, PG_ASTRAY);
  }
  if (!conn->ended) return kept;
  PQclear(kept);
  return NULL;
}

shunt_status pg_exec(pg_conn *conn, const char *sql, PGresult **out, shunt_error *err) {
  const bool sent = PQsendQuery(conn->pg, sql);
  if (sent) pg_by_rows(conn);
  PGresult *result = sent ? pg_answer(conn) : NULL;
  ExecStatusType is = PQresultStatus(result);
  shunt_status status = is == PGRES_COMMAND_OK || is == PGRES_TUPLES_OK ? SHUNT_OK : pg_fail(conn, result, NULL, err);
  if (out)
    *out = result;
  else
    PQclear(result);
  return status;
}
