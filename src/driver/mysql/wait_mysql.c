/* Waiting with MySQL's own client library, whose calls on prepared statements only block.
 *
 * One thread of the process, the watcher, keeps a list of the calls that have a limit. When a call's time is up it has
 * the server cancel the statement, over another connection and in another thread. When the call has not ended by the
 * end of the grace, it shuts the socket down, which ends whatever the library waits for.
 *
 * Invariant: a call is on the list from before it begins until after it has returned, and unwatch waits for the thread
 * that cancels it. So the connection, its client and its statement are there as long as either thread uses them.
 *
 * The library's nonblocking calls know no prepared statements, and only connecting uses them (connect_mysql.c). What is
 * started runs in a thread of its own. */
#define _POSIX_C_SOURCE 200809L
#include "driver/mysql/wait.h"

#ifndef MARIADB_BASE_VERSION

#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/thread.h"

static const int64_t NEVER_NS = INT64_MAX;

/* Guards the list and its members. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sooner; /* than wakes_ns, for the watcher; on the monotonic clock */
static pthread_cond_t cancel_ended = PTHREAD_COND_INITIALIZER;
static mysql_watch *watched;
static int64_t wakes_ns = INT64_MAX;

/* ---- threads ---- */

static void run_cancel(void *ud) {
  mysql_watch *w = ud;
  bool done = w->conn->cancel(w->conn, w->id);
  mysql_thread_end();
  pthread_mutex_lock(&lock);
  w->cancelling = false;
  if (done && !w->hung_up) w->until_ns = clock_monotonic_ns() + CANCEL_GRACE_NS;
  pthread_cond_broadcast(&cancel_ended);
  pthread_mutex_unlock(&lock);
}

static void time_is_up(mysql_watch *w, int64_t now_ns) {
  w->late = true;
  if (w->cancels) {
    w->cancels = false;
    w->until_ns = now_ns + CANCEL_GRACE_NS;
    w->cancelling = cancel_start(run_cancel, w);
  } else {
    w->hung_up = true;
    w->until_ns = NEVER_NS;
    shutdown(w->socket, SHUT_RDWR);
  }
}

static void sleep_until(int64_t ns) {
  if (ns == NEVER_NS)
    pthread_cond_wait(&sooner, &lock);
  else
    thread_cond_wait(&sooner, &lock, ns);
}

static void *watch_all(void *ud) {
  (void)ud;
  pthread_mutex_lock(&lock);
  for (;;) {
    int64_t now_ns = clock_monotonic_ns();
    wakes_ns = NEVER_NS;
    for (mysql_watch *w = watched; w; w = w->next) {
      if (w->until_ns <= now_ns) time_is_up(w, now_ns);
      if (w->until_ns < wakes_ns) wakes_ns = w->until_ns;
    }
    sleep_until(wakes_ns);
  }
  return NULL;
}

static bool start_watcher(void) {
  pthread_t thread;
  if (!thread_cond_init(&sooner) || thread_start(&thread, 0, watch_all, NULL)) return false;
  pthread_detach(thread);
  return true;
}

/* Only the thread that forks is there in the child. */
static bool running;

static void before_fork(void) { pthread_mutex_lock(&lock); }

static void after_fork(void) { pthread_mutex_unlock(&lock); }

static void in_child(void) {
  running = false;
  watched = NULL;
  wakes_ns = NEVER_NS;
  pthread_mutex_unlock(&lock);
}

static void mind_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

bool mysqldb_can_wait(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, mind_forks);
  pthread_mutex_lock(&lock);
  if (!running) running = start_watcher();
  bool ok = running;
  pthread_mutex_unlock(&lock);
  return ok;
}

/* ---- a call ---- */

void mysqldb_watch(mysql_conn *conn, int64_t until_ns) {
  mysql_watch *w = &conn->watch;
  w->until_ns = until_ns;
  w->conn = conn;
  w->id = mysql_thread_id(conn->db);
  w->cancels = conn->open && !conn->until_ns;
  w->late = w->hung_up = false;
  pthread_mutex_lock(&lock);
  w->next = watched;
  w->link = &watched;
  if (watched) watched->link = &w->next;
  watched = w;
  if (until_ns < wakes_ns) {
    wakes_ns = until_ns;
    pthread_cond_signal(&sooner);
  }
  pthread_mutex_unlock(&lock);
}

void mysqldb_unwatch(mysql_conn *conn) {
  mysql_watch *w = &conn->watch;
  pthread_mutex_lock(&lock);
  while (w->cancelling) pthread_cond_wait(&cancel_ended, &lock);
  *w->link = w->next;
  if (w->next) w->next->link = w->link;
  pthread_mutex_unlock(&lock);
  if (!w->late) return;
  conn->base.broken = true;
  conn->until_ns = w->hung_up ? clock_monotonic_ns() : w->until_ns;
}

/* ---- starting ---- */

/* Without a watch of its own: the thread that started it may give it less time later, and watches it. */
static void *run_started(void *ud) {
  mysql_conn *conn = ud;
  const mysql_statement *s = conn->sent;
  sigpipe quiet = {0};
  sigpipe_hold(&quiet);
  conn->returned = s->stmt ? mysql_stmt_execute(s->stmt) : mysql_real_query(conn->db, s->sql, s->entry.size);
  sigpipe_release(&quiet);
  mysql_thread_end();
  eventfd_write(conn->ended, 1);
  return NULL;
}

static void watch_started(mysql_conn *conn) {
  const int64_t until_ns = limit_ns(conn);
  conn->watched = until_ns != 0;
  if (conn->watched) mysqldb_watch(conn, until_ns);
}

static void unwatch_started(mysql_conn *conn) {
  if (conn->watched) mysqldb_unwatch(conn);
  conn->watched = false;
}

int mysqldb_start(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  if (!conn->sent || conn->started || !mysqldb_in_time(conn)) return -1; /* receive reports why */
  if (!conn->has_ended) conn->ended = eventfd(0, EFD_CLOEXEC);
  conn->has_ended = conn->ended >= 0;
  if (!conn->has_ended) return -1; /* not started: receive runs it */
  watch_started(conn);
  conn->started = thread_start(&conn->runner, 0, run_started, conn) == 0;
  if (!conn->started) unwatch_started(conn);
  return conn->started ? conn->ended : -1;
}

static int await_started(mysql_conn *conn) {
  eventfd_t count;
  unwatch_started(conn);
  watch_started(conn); /* its deadline may be another one now */
  pthread_join(conn->runner, NULL);
  unwatch_started(conn);
  eventfd_read(conn->ended, &count);
  conn->started = false;
  return conn->returned;
}

int mysqldb_execute(mysql_conn *conn, const mysql_statement *s) {
  return conn->started ? await_started(conn) : run_now(conn, s);
}

/* Until it has ended, the runner writes to the connection. */
void mysqldb_give_up_started(mysql_conn *conn) {
  if (!conn->started) return;
  shutdown(socket_of(conn), SHUT_RDWR);
  await_started(conn);
  conn->base.broken = true;
}

#endif
