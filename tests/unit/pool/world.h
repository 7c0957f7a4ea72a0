/* For: a pool over one SQLite client, with a table t, for the pool's tests.
 * Use: cmocka_unit_test_setup_teardown(test, begin, end); world *w = *state; driver_conn *conn = acquire(w); …
 * release(conn); */
#ifndef TESTS_UNIT_POOL_WORLD_H
#define TESTS_UNIT_POOL_WORLD_H

#include "pool/pool_inner.h"
#include "unit/driver/sqlite3/database.h"

enum { LONG_MS = 60000, HOUR_S = 3600 };

typedef struct world {
  database d;
  cat_client *clients[1];
  catalog catalog;
  pools *pools;
} world;

static inline void make_pools(world *w) {
  w->clients[0] = &w->d.client;
  w->catalog = (catalog){.clients = w->clients, .nclients = 1};
  assert_int_equal(pools_new(&w->catalog, NULL, NULL, &w->pools, &w->d.err), SHUNT_OK);
  w->pools->house->keeper.ends = true; /* tests change the stamps that it reads; keeper_test.c is about it */
}

/* For settings that are others than begin's. */
static inline void remake_pools(world *w) {
  pools_free(w->pools);
  make_pools(w);
}

static inline int begin(void **state) {
  static world w;
  database_begin(&w.d);
  w.d.client.pool = (cat_pool){.min = 0, .max = 2, .acquire_timeout_ms = 1};
  raw_exec(&w.d, "PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY, v)");
  make_pools(&w);
  *state = &w;
  return 0;
}

static inline int end(void **state) {
  world *w = *state;
  pools_free(w->pools);
  database_end(&w->d);
  return 0;
}

static inline shunt_status try_acquire(world *w, driver_conn **conn) {
  return pool_acquire(w->pools, &(pool_request){.client = &w->d.client}, conn, &w->d.err);
}

static inline driver_conn *acquire(world *w) {
  driver_conn *conn = NULL;
  if (try_acquire(w, &conn)) fail_msg("%s", w->d.err.message);
  return conn;
}

static inline void release(driver_conn *conn) { pool_release(conn, 0); }

static inline void assert_counts(world *w, int open, int busy, int waiting) {
  shunt_pool_stats counts = pool_stats_of(w->pools, &w->d.client, 0);
  assert_int_equal(counts.open, open);
  assert_int_equal(counts.busy, busy);
  assert_int_equal(counts.waiting, waiting);
}

/* The time that passes is what is taken off the stamps of a connection. */
static inline void age(int64_t *stamp_ns) { *stamp_ns -= (int64_t)HOUR_S * 1000000000; }

#endif
