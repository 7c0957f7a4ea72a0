/* Hostile servers: whatever one says, a client neither crashes, hangs, grows nor prints, and keeps its password. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "driver/mysql/conn.h"
#include "unit/driver/mysql/fake.h"

enum { MOST_RESULT = 32 << 20, MOST_RANDOM = 120, DEADLINE_MS = 1500, SLACK_MS = 3500, MOST_MIB = 200 };

static const driver_engine *const e = &driver_mysql;

/* ---- the client ---- */

typedef struct client {
  driver_conn *conn;
  peer_report *report;
  shunt_error err;
} client;

static bool note(client *u, const char *what, shunt_status status) {
  if (!status)
    peer_note(u->report, "%s: fine\n", what);
  else
    peer_note(u->report, "%s: %s: failed: %s\n", what, shunt_status_name(status), u->err.message);
  return !status && !u->conn->broken;
}

static shunt_status run(client *u, const char *sql, const shunt_value *params, size_t n) {
  shunt_rows *rows = rows_new();
  int64_t affected, id;
  shunt_status status = e->send(u->conn, sql, strlen(sql), params, n, &u->err);
  if (!status) status = e->receive(u->conn, rows, &affected, &id, &u->err);
  shunt_rows_free(rows);
  return status;
}

static shunt_status fetch(client *u) {
  static const char sql[] = "SELECT id, name FROM things";
  bool more = true;
  shunt_status status = e->send(u->conn, sql, sizeof sql - 1, NULL, 0, &u->err);
  while (!status && more) {
    shunt_rows *rows = rows_new();
    status = e->fetch(u->conn, rows, &more, &u->err);
    shunt_rows_free(rows);
  }
  e->fetch_end(u->conn);
  return status;
}

static shunt_status describe(client *u, const char *name) {
  driver_table *t = NULL;
  shunt_status status = e->describe(u->conn, NULL, name, &t, &u->err);
  driver_table_free(t);
  return status;
}

static shunt_status list_prepared(client *u) {
  shunt_rows *rows = rows_new();
  shunt_status status = e->two_phase->list(u->conn, rows, &u->err);
  shunt_rows_free(rows);
  return status;
}

/* What a session does, until the connection is broken. */
static void work(client *u) {
  const shunt_value id = shunt_integer(7);
  for (int i = 0; i < 2 && !u->conn->broken; i++)
    note(u, "query", run(u, "SELECT id, name FROM things WHERE id = ?", &id, 1));
  (void)(!u->conn->broken && note(u, "text", run(u, "CHECK TABLE things", NULL, 0)));
  (void)(!u->conn->broken && note(u, "describe", describe(u, "things")));
  (void)(!u->conn->broken && note(u, "begin", e->begin(u->conn, "read committed", false, &u->err)));
  if (!u->conn->broken) note(u, "insert", run(u, "INSERT INTO things VALUES (?, 'a')", &id, 1));
  if (u->conn->in_transaction) note(u, "commit", e->commit(u->conn, &u->err));
  (void)(!u->conn->broken && note(u, "list", list_prepared(u)));
  (void)(!u->conn->broken && note(u, "fetch", fetch(u)));
  if (!u->conn->broken) peer_note(u->report, "reset: %d\n", e->reset(u->conn));
}

static void use(const peer_case *c, uint16_t port, peer_report *report) {
  const fake_way *way = fake_way_of(c);
  char number[8];
  snprintf(number, sizeof number, "%u", port);
  const struct {
    const char *name, *value;
  } all[] = {{"host", "127.0.0.1"},
             {"port", number},
             {"user", FAKE_USER},
             {"password", FAKE_PASSWORD},
             {"database", "shop"},
             {"ssl_mode", way ? way->ssl_mode : NULL},
             {"auth_plugins", way ? way->auth_plugins : NULL},
             {"get_server_public_key", way ? way->get_key : NULL}};
  cat_option options[sizeof all / sizeof *all];
  cat_client of = {.name = "main", .engine = CAT_MYSQL, .options = options, .max_result_bytes = MOST_RESULT};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i].value) options[of.noptions++] = (cat_option){all[i].name, all[i].value, true};
  client u = {.report = report};
  int64_t until_ns = clock_monotonic_ns() + DEADLINE_MS * NS_PER_MS;
  shunt_status status = e->open(&of, until_ns, &u.conn, &u.err);
  if (status) {
    peer_note(report, "open: %s: failed: %s\n", shunt_status_name(status), u.err.message);
    return;
  }
  note(&u, "open", status);
  u.conn->deadline_ns = until_ns;
  work(&u);
  e->rollback(u.conn);
  e->close(u.conn);
}

/* ---- the cases ---- */

static const peer_engine engine = {.name = "mysql",
                                   .header = FAKE_HEADER,
                                   .type_in_body = true,
                                   .largest = FAKE_LARGEST,
                                   .frame = fake_frame,
                                   .serve = fake_serve,
                                   .use = use,
                                   .deadline_ms = DEADLINE_MS,
                                   .slack_ms = SLACK_MS,
                                   .most_mib = MOST_MIB};

#define NOT_SPOKEN .want = IF_HEARD("does not speak MySQL's protocol")
#define NO_FILE .unheard = "root:"

/* MySQL's library refuses the same in other words, or goes on without. */
#ifdef MARIADB_BASE_VERSION
#define IF_HEARD(words) (words)
#else
#define IF_HEARD(words) NULL
#endif

static const peer_case behaviours[] = {
    {"greets with error 65535", NOT_SPOKEN},
    {"greets with protocol 9", NOT_SPOKEN},
    {"greets without a version's end", NOT_SPOKEN},
    {"greets as before MySQL 4.1", NOT_SPOKEN},
    {"greets with too many random bytes", NOT_SPOKEN},
    {"greets at great length", NOT_SPOKEN},
    {"greets and is content at once", .want = IF_HEARD("more than its greeting"), .unheard = IF_HEARD(FAKE_USER)},
    {"is full", .want = "Too many connections"},
    {"reports progress to a client that is not in", NOT_SPOKEN},
    {"switches plugins for ever", .want = IF_HEARD("SHUNT_E_TIMEOUT")},
    {"reports progress for ever", .want = IF_HEARD("SHUNT_E_LIMIT")},
    {"asks for a file", NO_FILE},
    {"has columns without end", .want = IF_HEARD("SHUNT_E_LIMIT")},
    {"has rows without end", .want = "does not have the rows and columns"},
    {"has a query's rows without end", .want = "SHUNT_E_LIMIT"},
    {"has a text statement's rows without end", .want = "SHUNT_E_LIMIT"},
    {"has results without end", .want = "SHUNT_E_TIMEOUT"},
    {"says that there are 65000 columns", .unwanted = "query: fine"},
    {"has too few columns", .unwanted = "describe: fine"},
    {"has one column", .unwanted = "describe: fine"},
    {"has no columns", .unwanted = "describe: fine"},
    {"has too many columns", .unwanted = "describe: fine"},
    {"has integers for texts", .unwanted = "describe: fine"},
    {"has texts for integers", .unwanted = "describe: fine"},
    {.behaviour = "has only nulls"},
    {"has no rows", .unwanted = "describe: fine"},
    {"wants more parameters", .want = "one value for each ?"},
    {.behaviour = "prepares without columns"},
    {.behaviour = "numbers its messages wrongly"},
};

static void no_server_does_harm(void **state) {
  (void)state;
  enum { NBEHAVIOURS = sizeof behaviours / sizeof *behaviours, NWAYS = sizeof fake_ways / sizeof *fake_ways };
  peer_case own[NBEHAVIOURS + NWAYS];
  memcpy(own, behaviours, sizeof behaviours);
  for (size_t i = 0; i < NWAYS; i++)
    own[NBEHAVIOURS + i] = (peer_case){.behaviour = fake_ways[i].behaviour,
                                       .want = fake_ways[i].fine ? "open: fine" : IF_HEARD(fake_ways[i].want),
                                       .unheard = fake_ways[i].unheard ? fake_ways[i].unheard : FAKE_PASSWORD};
  peer_list list = peer_cases(&engine, own, NBEHAVIOURS + NWAYS, MOST_RANDOM);
  size_t harms = peer_run(&engine, list.cases, list.count);
  free(list.cases);
  assert_int_equal(harms, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_server_does_harm)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
