#define _GNU_SOURCE
#include "driver/opened.h"

#include <fcntl.h>
#include <unistd.h>

static struct {
  pthread_mutex_t lock;
  driver_conn *first;
  int changing;    /* connections to files that are being opened or closed */
  bool used_files; /* the parent did, when it was forked: see driver_open */
} opened = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool has_file(const driver_engine *engine, const cat_client *client) {
  return engine->file && !(engine->private_database && engine->private_database(client));
}

static void change(bool file, int by) {
  if (!file) return;
  pthread_mutex_lock(&opened.lock);
  opened.changing += by;
  pthread_mutex_unlock(&opened.lock);
}

static void add(driver_conn *conn) {
  pthread_mutex_lock(&opened.lock);
  conn->next_opened = opened.first;
  conn->before_opened = NULL;
  if (opened.first) opened.first->before_opened = conn;
  opened.first = conn;
  pthread_mutex_unlock(&opened.lock);
}

/* One of the parent's is on no list. */
static void take_out(driver_conn *conn) {
  pthread_mutex_lock(&opened.lock);
  if (conn->before_opened || opened.first == conn)
    *(conn->before_opened ? &conn->before_opened->next_opened : &opened.first) = conn->next_opened;
  if (conn->next_opened) conn->next_opened->before_opened = conn->before_opened;
  pthread_mutex_unlock(&opened.lock);
}

shunt_status driver_open(const driver_engine *engine, const cat_client *client, int64_t deadline_ns, driver_conn **conn,
                         shunt_error *err) {
  const bool file = has_file(engine, client);
  if (opened.used_files && file) {
    error_set(err, SHUNT_E_USAGE,
              "client '%s': this process was forked while a connection to a database file was in use, and SQLite can't "
              "open files in such a child: fork while no call, transaction or stream is under way, or start a program",
              client->name);
    error_client(err, client->name);
    return SHUNT_E_USAGE;
  }
  change(file, 1);
  shunt_status status = engine->open(client, deadline_ns, conn, err);
  if (!status) add(*conn);
  change(file, -1);
  return status;
}

void driver_close(driver_conn *conn) {
  if (!conn) return;
  const bool file = has_file(conn->engine, conn->client);
  change(file, 1);
  take_out(conn);
  conn->engine->close(conn);
  change(file, -1);
}

/* Calls only what a signal handler may call. */
static void leave_all(void) {
  driver_conn *conn = opened.first, *next;
  const int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
  opened.used_files = opened.used_files || opened.changing;
  for (; conn; conn = next) {
    next = conn->next_opened;
    opened.used_files = opened.used_files || (conn->engine->file && conn->engine->file(conn));
    conn->engine->leave(conn, nowhere);
    conn->broken = true;
    conn->next_opened = conn->before_opened = NULL;
  }
  opened.first = NULL;
  opened.changing = 0;
  if (nowhere >= 0) close(nowhere);
}

void opened_at_fork(process_step step) {
  if (step == PROCESS_CHILD) leave_all();
  process_step_lock(&opened.lock, step);
}
