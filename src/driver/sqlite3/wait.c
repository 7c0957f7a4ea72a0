#include "base/clock.h"
#include "driver/sqlite3/conn.h"

enum { SHORT_NAPS = 6 /* of 1, 2, 4, … ms */, LONG_NAP_MS = 50, STEPS_BETWEEN_LOOKS = 4000 /* of SQLite's machine */ };

bool sqlite_is_late(const sqlite_conn *conn) {
  return conn->base.deadline_ns && clock_monotonic_ns() >= conn->base.deadline_ns;
}

/* ---- locks ---- */

int64_t sqlite_lock_limit_ns(const sqlite_conn *conn) {
  int64_t wait_ms = conn->base.client->busy_timeout_ms, deadline_ns = conn->base.deadline_ns;
  int64_t until_ns = clock_monotonic_ns() + (wait_ms < INT32_MAX ? wait_ms : INT32_MAX) * NS_PER_MS;
  return deadline_ns && deadline_ns < until_ns ? deadline_ns : until_ns;
}

/* Replaces SQLite's own handler, which has no deadline. `tries` counts from 0 for each lock. */
static int wait_for_lock(void *ud, int tries) {
  sqlite_conn *conn = ud;
  if (conn->base.locked_by) return 0;
  int64_t now_ns = clock_monotonic_ns();
  if (tries == 0) {
    conn->wait_since_ns = now_ns;
    conn->wait_until_ns = sqlite_lock_limit_ns(conn);
    if (conn->base.before_wait.fn) {
      conn->base.before_wait.fn(conn->base.before_wait.ud);
      return 1;
    }
  }
  int64_t left_ns = conn->wait_until_ns - now_ns;
  if (left_ns <= 0) return 0;
  int64_t nap_ns = (tries < SHORT_NAPS ? 1 << tries : LONG_NAP_MS) * NS_PER_MS;
  if (nap_ns > left_ns) nap_ns = left_ns;
  if (conn->base.nap) return conn->base.nap(&conn->base, conn->wait_since_ns, nap_ns, conn->stuck, sizeof conn->stuck);
  sqlite3_sleep((int)((nap_ns + NS_PER_MS - 1) / NS_PER_MS));
  return 1;
}

int sqlite_set_busy_handler(sqlite_conn *conn) { return sqlite3_busy_handler(conn->db, wait_for_lock, conn); }

/* ---- statements ---- */

/* SQLite also calls this while it commits a statement that has just ended, outside of a transaction: don't interrupt
 * that. */
static int is_over(void *ud) {
  const sqlite_conn *conn = ud;
  return sqlite3_stmt_busy(conn->running) && sqlite_is_late(conn);
}

void sqlite_watch(sqlite_conn *conn, sqlite3_stmt *stmt) {
  if (!conn->base.deadline_ns) return;
  conn->running = stmt;
  sqlite3_progress_handler(conn->db, STEPS_BETWEEN_LOOKS, is_over, conn);
}

void sqlite_unwatch(sqlite_conn *conn) {
  if (!conn->running) return;
  conn->running = NULL;
  sqlite3_progress_handler(conn->db, 0, NULL, NULL);
}
