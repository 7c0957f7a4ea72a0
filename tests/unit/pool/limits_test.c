/* Limits for the connections of several pools: database.maxConnections, and servers. */
#include "unit/pool/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "unit/random.h"

enum { MOST = 8 };

/* Clients 0 to 3 are on no server; 4 and 5 on "a", 6 and 7 on "b". */
static char names[MOST][8];
static cat_client list[MOST];
static cat_client *clients[MOST];
static cat_server servers[2];
static catalog all;

static pools *open_pools(int app, int a, int b, cat_pool limits) {
  pools *p = NULL;
  pools_free(server_begin(limits));
  for (uint32_t i = 0; i < MOST; i++) {
    snprintf(names[i], sizeof names[i], "c%u", i);
    list[i] = (cat_client){.id = i, .name = names[i], .engine = CAT_PG, .pool = limits};
    list[i].server = i < 4 ? NULL : i < 6 ? "a" : "b";
    clients[i] = &list[i];
  }
  servers[0] = (cat_server){"a", a};
  servers[1] = (cat_server){"b", b};
  all = (catalog){.clients = clients, .nclients = MOST, .servers = servers, .nservers = 2};
  all.settings.max_connections = app;
  assert_int_equal(pools_new(&all, NULL, NULL, &p, NULL), SHUNT_OK);
  return p;
}

static shunt_error why;

static shunt_status ask(pools *p, int i, wait_party *party, driver_conn **conn) {
  return pool_acquire(p, &(pool_request){.client = &list[i], .party = party}, conn, &why);
}

static driver_conn *take(pools *p, int i) {
  driver_conn *conn = NULL;
  if (ask(p, i, NULL, &conn)) fail_msg("%s", why.message);
  return conn;
}

static void use(pools *p, int i) { pool_release(take(p, i), 0); }

static int open_of(pools *p, int i) { return pool_stats_of(p, &list[i], 0).open; }

static const cat_pool some = {.max = 4, .acquire_timeout_ms = LONG_MS};

static void the_longest_idle_connection_of_another_pool_goes_first(void **state) {
  (void)state;
  pools *p = open_pools(3, 0, 0, some);
  for (int i = 0; i < 3; i++) {
    use(p, i);
    p->clients[i]->base.idle[0]->idle_since_ns += i; /* the coarse clock may not have moved */
  }
  assert_int_equal(atomic_load(&server.open), 3);
  use(p, 3);
  assert_int_equal(atomic_load(&server.open), 3);
  assert_int_equal(open_of(p, 0), 0);
  assert_int_equal(open_of(p, 1) + open_of(p, 2) + open_of(p, 3), 3);
  assert_int_equal(pool_stats_of(p, &list[0], 0).closed, 1);
  pools_free(p);
}

static void what_min_keeps_goes_last(void **state) {
  (void)state;
  pools *p = open_pools(3, 0, 0, (cat_pool){.min = 1, .max = 4, .acquire_timeout_ms = LONG_MS});
  use(p, 0); /* the only one, which min keeps, and idle for longest */
  driver_conn *one = take(p, 1), *two = take(p, 1);
  pool_release(one, 0);
  pool_release(two, 0);
  use(p, 2);
  assert_int_equal(open_of(p, 0), 1);
  assert_int_equal(open_of(p, 1), 1);
  use(p, 3);
  assert_int_equal(atomic_load(&server.open), 3);
  pools_free(p);
}

static void a_limit_of_a_server_is_for_its_clients(void **state) {
  (void)state;
  pools *p = open_pools(0, 1, 2, some);
  driver_conn *held = take(p, 0), *a = take(p, 4), *b[2] = {take(p, 6), take(p, 7)}, *none = NULL;
  list[5].pool.acquire_timeout_ms = 1;
  assert_int_equal(ask(p, 5, NULL, &none), SHUNT_E_TIMEOUT);
  assert_non_null(strstr(why.message, "all 1 connections of the server 'a' (servers.a.max) are busy"));
  assert_null(none);
  assert_int_equal(pool_stats_of(p, &list[5], 0).timeouts, 1);
  assert_int_equal(open_of(p, 5), 0);
  assert_int_equal(pool_acquire(p, &(pool_request){.client = &list[6], .no_wait = true}, &none, NULL), SHUNT_OK);
  assert_null(none);
  pool_release(a, 0);
  use(p, 5);
  assert_int_equal(open_of(p, 4), 0);
  for (int i = 0; i < 2; i++) pool_release(b[i], 0);
  pool_release(held, 0);
  pools_free(p);
}

/* ---- waits ---- */

typedef struct asker {
  pools *p;
  int client;
  pthread_t thread;
  shunt_status status;
} asker;

static void *ask_and_release(void *arg) {
  asker *a = arg;
  driver_conn *conn = NULL;
  a->status = pool_acquire(a->p, &(pool_request){.client = &list[a->client]}, &conn, NULL);
  if (conn) pool_release(conn, 0);
  return NULL;
}

static void start(asker *a, pools *p, int i) {
  *a = (asker){.p = p, .client = i};
  assert_int_equal(pthread_create(&a->thread, NULL, ask_and_release, a), 0);
  while (pool_stats_of(p, &list[i], 0).waiting == 0) sched_yield();
}

static void finish(asker *a) {
  assert_int_equal(pthread_join(a->thread, NULL), 0);
  assert_int_equal(a->status, SHUNT_OK);
}

static void who_waits_gets_the_place_of_another_pool(void **state) {
  (void)state;
  pools *p = open_pools(1, 0, 0, some);
  driver_conn *conn = take(p, 0);
  asker a;
  start(&a, p, 1);
  assert_int_equal(pool_stats_of(p, &list[1], 0).open, 0);
  pool_release(conn, 0);
  finish(&a);
  assert_int_equal(open_of(p, 0), 0);
  assert_int_equal(open_of(p, 1), 1);
  pools_free(p);
}

static void who_waits_gets_the_connection_of_its_own_pool(void **state) {
  (void)state;
  pools *p = open_pools(1, 0, 0, some);
  driver_conn *conn = take(p, 0);
  asker a;
  start(&a, p, 0);
  pool_release(conn, 0);
  finish(&a);
  assert_int_equal(open_of(p, 0), 1); /* that one, or its successor if it became idle before the caller was seen */
  pools_free(p);
}

static void a_higher_limit_of_a_reload_serves_who_waits(void **state) {
  (void)state;
  pools *p = open_pools(1, 0, 0, some), *next = NULL;
  driver_conn *conn = take(p, 0);
  asker a;
  start(&a, p, 1);
  all.settings.max_connections = 2;
  assert_int_equal(pools_new(&all, p, NULL, &next, NULL), SHUNT_OK);
  pools_drain(p, next);
  finish(&a);
  pool_release(conn, 0);
  pools_free(p);
  pools_free(next);
}

static void a_wait_that_can_never_end_fails_at_once(void **state) {
  (void)state;
  pools *p = open_pools(1, 0, 0, some);
  wait_party party = {.number = 1, .instance = ""};
  driver_conn *conn = NULL, *none = NULL;
  assert_int_equal(ask(p, 0, &party, &conn), SHUNT_OK);
  assert_int_equal(ask(p, 1, &party, &none), SHUNT_E_CONFLICT);
  assert_non_null(strstr(why.message, "held by itself"));
  assert_int_equal(open_of(p, 1), 0);
  assert_int_equal(pool_stats_of(p, &list[1], 0).waiting, 0);
  pool_release(conn, 0);
  use(p, 1);
  pools_free(p);
}

typedef struct holder {
  asker a;
  wait_party party;
  driver_conn *held;
} holder;

static void *hold_and_ask(void *arg) {
  holder *h = arg;
  driver_conn *conn = NULL;
  h->a.status = pool_acquire(h->a.p, &(pool_request){.client = &list[h->a.client], .party = &h->party}, &conn, NULL);
  if (conn) pool_release(conn, 0);
  pool_release(h->held, 0);
  return NULL;
}

static void a_circle_over_two_pools_is_found(void **state) {
  (void)state;
  pools *p = open_pools(2, 0, 0, some);
  holder one = {.party = {.number = 1, .instance = ""}};
  wait_party two = {.number = 2, .instance = ""};
  driver_conn *conn = NULL, *none = NULL;
  assert_int_equal(ask(p, 0, &one.party, &one.held), SHUNT_OK);
  assert_int_equal(ask(p, 1, &two, &conn), SHUNT_OK);
  one.a = (asker){.p = p, .client = 2};
  assert_int_equal(pthread_create(&one.a.thread, NULL, hold_and_ask, &one), 0);
  while (pool_stats_of(p, &list[2], 0).waiting == 0) sched_yield();
  assert_int_equal(ask(p, 3, &two, &none), SHUNT_E_CONFLICT);
  pool_release(conn, 0);
  finish(&one.a);
  pools_free(p);
}

/* ---- many ---- */

static void ten_thousand_clients_in_turn_have_fifty_connections(void **state) {
  (void)state;
  enum { CLIENTS = 10000, LIMIT = 50 };
  static cat_client many[CLIENTS];
  static cat_client *of[CLIENTS];
  static char called[CLIENTS][8];
  pools *p = NULL;
  pools_free(server_begin(some));
  for (uint32_t i = 0; i < CLIENTS; i++) {
    snprintf(called[i], sizeof called[i], "t%u", i);
    many[i] = (cat_client){.id = i, .name = called[i], .engine = CAT_PG, .pool = some};
    of[i] = &many[i];
  }
  catalog c = {.clients = of, .nclients = CLIENTS};
  c.settings.max_connections = LIMIT;
  assert_int_equal(pools_new(&c, NULL, NULL, &p, NULL), SHUNT_OK);
  for (int i = 0; i < CLIENTS; i++) {
    driver_conn *conn = NULL;
    assert_int_equal(pool_acquire(p, &(pool_request){.client = of[i]}, &conn, &why), SHUNT_OK);
    pool_release(conn, 0);
    assert_true(atomic_load(&server.open) <= LIMIT);
  }
  assert_int_equal(atomic_load(&server.open), LIMIT);
  assert_int_equal(atomic_load(&server.attempts), CLIENTS);
  pools_free(p);
  assert_int_equal(atomic_load(&server.open), 0);
}

static int most_open; /* of random threads */
static atomic_int too_many;

static void look_at_open(void) {
  if (atomic_load(&server.open) >= most_open) atomic_fetch_add(&too_many, 1);
}

typedef struct member {
  pools *p;
  pthread_t thread;
  rng r;
  int failed;
} member;

/* Each holds one connection at a time: every wait ends. */
static void *work(void *arg) {
  member *m = arg;
  for (int i = 0; i < 400; i++) {
    const int level = (int)rng_below(&m->r, 2), which = (int)rng_below(&m->r, MOST);
    driver_conn *conn = NULL;
    const pool_request request = {.client = &list[which], .level = level, .no_wait = rng_below(&m->r, 5) == 0};
    m->failed += pool_acquire(m->p, &request, &conn, NULL) != SHUNT_OK;
    if (!conn) continue;
    if (rng_below(&m->r, 3) == 0) sched_yield();
    conn->broken = rng_below(&m->r, 20) == 0;
    pool_release(conn, level);
  }
  return NULL;
}

static void no_limit_is_exceeded_and_no_caller_forgotten(void **state) {
  (void)state;
  enum { MEMBERS = 8, ROUNDS = 12 };
  rng r = rng_start("limits and threads");
  for (int round = 0; round < ROUNDS; round++) {
    member members[MEMBERS];
    most_open = 1 + (int)rng_below(&r, 5);
    pools *p = open_pools(most_open, 1 + (int)rng_below(&r, 3), 1 + (int)rng_below(&r, 3),
                          (cat_pool){.min = (int)rng_below(&r, 2),
                                     .max = 1 + (int)rng_below(&r, 3),
                                     .acquire_timeout_ms = LONG_MS,
                                     .idle_timeout_ms = (int64_t)rng_below(&r, 4)});
    server.while_opening = look_at_open;
    for (int i = 0; i < MEMBERS; i++) {
      members[i] = (member){.p = p, .r = {rng_next(&r)}};
      assert_int_equal(pthread_create(&members[i].thread, NULL, work, &members[i]), 0);
    }
    for (int i = 0; i < MEMBERS; i++) {
      assert_int_equal(pthread_join(members[i].thread, NULL), 0);
      assert_int_equal(members[i].failed, 0);
    }
    assert_int_equal(atomic_load(&too_many), 0);
    server.while_opening = NULL;
    pools_free(p);
    assert_int_equal(atomic_load(&server.open), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_longest_idle_connection_of_another_pool_goes_first),
      cmocka_unit_test(what_min_keeps_goes_last),
      cmocka_unit_test(a_limit_of_a_server_is_for_its_clients),
      cmocka_unit_test(who_waits_gets_the_place_of_another_pool),
      cmocka_unit_test(who_waits_gets_the_connection_of_its_own_pool),
      cmocka_unit_test(a_higher_limit_of_a_reload_serves_who_waits),
      cmocka_unit_test(a_wait_that_can_never_end_fails_at_once),
      cmocka_unit_test(a_circle_over_two_pools_is_found),
      cmocka_unit_test(ten_thousand_clients_in_turn_have_fifty_connections),
      cmocka_unit_test(no_limit_is_exceeded_and_no_caller_forgotten),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
