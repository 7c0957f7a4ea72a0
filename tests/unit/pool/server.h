/* For: the pool's own code over an engine that connects to nothing, has levels, and obeys the test: it refuses, or
 * calls back while a thread connects. SQLite has neither levels nor a server that could be down.
 * Use: #include it in place of pool/pool.h; pools *p = server_begin((cat_pool){…}); server.refuse = …; … pools_free(p).
 */
#ifndef TESTS_UNIT_POOL_SERVER_H
#define TESTS_UNIT_POOL_SERVER_H

#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#define driver_for server_driver_for
#include "pool/client.c"
#include "pool/pool.c"
#undef driver_for

#include "base/clock.h"

enum { LONG_MS = 60000, NO_LIMIT = 1 << 20 };

static struct {
  shunt_status _Atomic refuse; /* what opening gives, SHUNT_OK being a connection */
  atomic_int attempts;
  atomic_int open;   /* connections */
  int slow_ms;       /* how long it takes for those that have a place */
  atomic_int places; /* how many connections the server takes; NO_LIMIT */
  void (*while_opening)(void);
  bool (*alive)(driver_conn *conn);
  int64_t rollback_until_ns; /* the deadline of the latest */
} server = {.places = NO_LIMIT};

static bool server_is_shared(const cat_client *client) { return client == NULL; }

static const driver_engine server_engine;

static shunt_status server_open(const cat_client *client, int64_t deadline_ns, driver_conn **conn, shunt_error *err) {
  (void)deadline_ns;
  int attempt = atomic_fetch_add(&server.attempts, 1);
  if (server.while_opening) server.while_opening();
  const bool fits = atomic_fetch_add(&server.open, 1) < atomic_load(&server.places);
  if (!fits) atomic_fetch_sub(&server.open, 1);
  if (fits && server.slow_ms) nanosleep(&(struct timespec){.tv_nsec = server.slow_ms * NS_PER_MS}, NULL);
  shunt_status refuse = atomic_load(&server.refuse);
  if (refuse && fits) atomic_fetch_sub(&server.open, 1);
  if (refuse) {
    error_set(err, refuse, "client '%s': attempt %d was refused", client->name, attempt);
    err->engine_code = 1234;
    memcpy(err->sqlstate, "08006", sizeof err->sqlstate);
    return refuse;
  }
  if (!fits) {
    error_set(err, SHUNT_E_DATASOURCE, "client '%s': the server has no place", client->name);
    memcpy(err->sqlstate, "53300", sizeof err->sqlstate);
    return SHUNT_E_DATASOURCE;
  }
  *conn = base_zalloc(sizeof **conn);
  if (!*conn) {
    atomic_fetch_sub(&server.open, 1);
    return error_memory(err);
  }
  (*conn)->engine = &server_engine;
  (*conn)->client = client;
  return SHUNT_OK;
}

static void server_close(driver_conn *conn) {
  atomic_fetch_sub(&server.open, 1);
  base_free(conn);
}

static bool server_is_full(const shunt_error *err) { return strcmp(err->sqlstate, "53300") == 0; }

static bool server_alive(driver_conn *conn) { return !server.alive || server.alive(conn); }

static bool server_reset(driver_conn *conn) {
  (void)conn;
  return false;
}

static void server_rollback(driver_conn *conn) {
  server.rollback_until_ns = conn->deadline_ns;
  conn->in_transaction = false;
}

static const driver_engine server_engine = {.name = "nothing",
                                            .private_database = server_is_shared,
                                            .is_full = server_is_full,
                                            .open = server_open,
                                            .close = server_close,
                                            .alive = server_alive,
                                            .reset = server_reset,
                                            .rollback = server_rollback};

const driver_engine *server_driver_for(cat_engine which) { return which == CAT_PG ? &server_engine : NULL; }

static cat_client client = {.name = "pg", .engine = CAT_PG};
static cat_client other = {.id = 1, .name = "other", .engine = CAT_PG};

/* Set before server_begin; NULL: no events. */
static event_sink *server_events;

static inline pools *server_begin(cat_pool limits) {
  static cat_client *clients[] = {&client, &other};
  static const catalog c = {.clients = clients, .nclients = 2};
  pools *p = NULL;
  client.pool = other.pool = limits;
  atomic_store(&server.refuse, SHUNT_OK);
  atomic_store(&server.attempts, 0);
  atomic_store(&server.open, 0);
  atomic_store(&server.places, NO_LIMIT);
  server.slow_ms = 0;

  server.while_opening = NULL;
  server.alive = NULL;
  assert_int_equal(pools_new(&c, NULL, server_events, &p, NULL), SHUNT_OK);
  return p;
}

static inline driver_conn *server_acquire(pools *p, int level) {
  driver_conn *conn = NULL;
  shunt_error err;
  if (pool_acquire(p, &(pool_request){.client = &client, .level = level}, &conn, &err)) fail_msg("%s", err.message);
  return conn;
}

#endif
