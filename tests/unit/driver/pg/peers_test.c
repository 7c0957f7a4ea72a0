/* Hostile servers: whatever a server says, the driver gives a row or an error, in time and within its memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "driver/pg/conn.h"
#include "unit/driver/pg/fake_server.h"

enum { MOST_RESULT = 1 << 20, DEADLINE_MS = 500, SLACK_MS = 2500, MOST_MIB = 64, MOST_CASES = 400, RANDOM_CASES = 200 };

static const char password[] = "open-sesame";

/* ---- the client ---- */

typedef struct client {
  const peer_case *c;
  peer_report *report;
  cat_option options[8];
  cat_client client;
  driver_conn *conn;
  int64_t deadline_ns;
} client;

static bool begins(const client *t, const char *with) {
  return t->c->behaviour && strncmp(t->c->behaviour, with, strlen(with)) == 0;
}

/* Whether the connection can be used further. */
static bool note(client *t, const char *what, shunt_status status, const shunt_error *err) {
  peer_note(t->report, "%s: %s%s%s\n", what, status ? "failed: " : "", shunt_status_name(status),
            status ? err->message : "");
  return t->conn && !t->conn->broken;
}

static bool open_it(client *t, uint16_t port) {
  static char number[8];
  shunt_error err = {0};
  snprintf(number, sizeof number, "%u", port);
  const cat_option options[] = {
      {"host", "127.0.0.1", false},
      {"port", number, false},
      {"user", "u", false},
      {"database", "d", false},
      {"password", password, true},
      {"sslmode", begins(t, "TLS") ? "require" : "disable", false},
      {"gssencmode", "disable", false},
      {"channel_binding", begins(t, "asks for SCRAM") ? "require" : "prefer", false},
  };
  memcpy(t->options, options, sizeof options);
  t->client = (cat_client){
      .name = "main", .engine = CAT_PG, .options = t->options, .noptions = 8, .max_result_bytes = MOST_RESULT};
  t->deadline_ns = clock_monotonic_ns() + DEADLINE_MS * NS_PER_MS;
  shunt_status status = driver_pg.open(&t->client, t->deadline_ns, &t->conn, &err);
  if (t->conn) t->conn->deadline_ns = t->deadline_ns;
  return note(t, "open", status, &err);
}

static bool describe(client *t, const char *table) {
  shunt_error err = {0};
  driver_table *found = NULL;
  shunt_status status = driver_describe(t->conn, table, &found, &err);
  driver_table_free(found);
  return note(t, "describe", status, &err);
}

static bool run(client *t, const char *what, const char *sql, size_t nparams) {
  const shunt_value params[] = {shunt_integer(7), shunt_text("seven", 5)};
  shunt_error err = {0};
  int64_t affected = 0;
  shunt_rows *rows = rows_new();
  shunt_status status = driver_pg.send(t->conn, sql, strlen(sql), params, nparams, &err);
  if (!status) status = driver_pg.receive(t->conn, rows, &affected, NULL, &err);
  shunt_rows_free(rows);
  return note(t, what, status, &err);
}

static bool stream(client *t) {
  static const char sql[] = "SELECT id, name FROM t";
  shunt_error err = {0};
  bool more = true;
  shunt_status status = driver_pg.send(t->conn, sql, strlen(sql), NULL, 0, &err);
  while (!status && more) {
    shunt_rows *rows = rows_new();
    status = driver_pg.fetch(t->conn, rows, &more, &err);
    shunt_rows_free(rows);
  }
  return note(t, "stream", status, &err);
}

static bool load(client *t) {
  static const char *const columns[] = {"id", "name"};
  const shunt_value values[] = {shunt_integer(7), shunt_text("seven", 5)};
  const char *sql;
  shunt_error err = {0};
  shunt_status status = driver_pg.load_begin(t->conn, "t", columns, 2, &sql, &err);
  if (!status && sql) {
    status = driver_pg.load_row(t->conn, values, &err);
    bool ok = !status;
    shunt_status ended = driver_pg.load_end(t->conn, ok, NULL, ok ? &err : NULL);
    if (ok) status = ended;
  }
  return note(t, "load", status, &err);
}

static bool transact(client *t) {
  shunt_error err = {0};
  if (!note(t, "begin", driver_pg.begin(t->conn, NULL, false, &err), &err)) return false;
  if (t->conn->in_transaction) run(t, "insert", "INSERT INTO t (id, name) VALUES (?, ?)", 2);
  if (t->conn->in_transaction && !t->conn->broken)
    note(t, "commit", driver_pg.commit(t->conn, &err), &err);
  else
    driver_pg.rollback(t->conn);
  return !t->conn->broken;
}

static bool two_phases(client *t) {
  shunt_error err = {0};
  if (!note(t, "check", driver_pg.two_phase->check(t->conn, &err), &err)) return false;
  shunt_rows *rows = rows_new();
  shunt_status status = driver_pg.two_phase->list(t->conn, rows, &err);
  shunt_rows_free(rows);
  return note(t, "list", status, &err);
}

static bool idle(client *t) {
  bool alive = driver_pg.alive(t->conn);
  peer_note(t->report, "alive: %s\n", alive ? "yes" : "no");
  return alive;
}

static bool reset(client *t) {
  bool fine = driver_reset(t->conn);
  peer_note(t->report, "reset: %s\n", fine ? "OK" : "failed");
  return fine;
}

static bool listen_to(client *t) {
  shunt_error err = {0};
  bool heard = false;
  if (!note(t, "listen", driver_pg.listen(t->conn, "jobs", &err), &err)) return false;
  int64_t until_ns = clock_monotonic_ns() + 200 * NS_PER_MS;
  if (until_ns > t->deadline_ns) until_ns = t->deadline_ns;
  int never[2];
  if (pipe(never)) return false;
  shunt_status status = driver_pg.hear(t->conn, never[0], until_ns, &heard, &err);
  return note(t, heard ? "heard" : "silence", status, &err);
}

static void use(const peer_case *c, uint16_t port, peer_report *report) {
  client t = {.c = c, .report = report};
  bool goes_on = open_it(&t, port) && idle(&t) && describe(&t, "t") && describe(&t, "nosuch") &&
                 run(&t, "select", "SELECT id, name FROM t WHERE id < ?", 1) && stream(&t) && transact(&t) &&
                 load(&t) && two_phases(&t) && reset(&t) && listen_to(&t);
  peer_note(report, "%s\n", goes_on ? "done" : "given up");
  driver_pg.close(t.conn);
}

static const peer_engine engine = {.name = "pg",
                                   .header = FAKE_HEADER,
                                   .largest = 0x3ffffff0,
                                   .frame = fake_frame,
                                   .serve = fake_serve,
                                   .use = use,
                                   .deadline_ms = DEADLINE_MS,
                                   .slack_ms = SLACK_MS,
                                   .most_mib = MOST_MIB};

/* ---- the cases ---- */

typedef struct cases {
  peer_case list[MOST_CASES];
  char names[MOST_CASES][64];
  size_t count;
} cases;

static peer_case *add(cases *all, const char *form, const char *name, int n) {
  size_t at = all->count++;
  assert_true(at < MOST_CASES);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  snprintf(all->names[at], sizeof all->names[at], form, name, n);
#pragma GCC diagnostic pop
  all->list[at] = (peer_case){.behaviour = all->names[at]};
  return &all->list[at];
}

static void add_answers(cases *all) {
  static const char *const twists[] = {"answer %s gives no rows",
                                       "answer %s gives nulls",
                                       "answer %s gives words",
                                       "answer %s gives empty texts",
                                       "answer %s gives large numbers",
                                       "answer %s gives negative numbers",
                                       "answer %s gives other types",
                                       "answer %s gives binary values",
                                       "answer %s gives bad UTF-8",
                                       "answer %s gives rows for ever",
                                       "answer %s gives rows that are too short",
                                       "answer %s gives rows that are too long"};
  for (const fake_answer *a = fake_answers; *a->types; a++) {
    for (size_t i = 0; i < sizeof twists / sizeof *twists; i++) add(all, twists[i], a->name, 0);
    for (int n = 0; n <= (int)strlen(a->types) + 1; n++) add(all, "answer %s gives %d columns", a->name, n);
  }
}

static void test_no_server_does_harm(void **state) {
  static cases all;
  static const char *const others[] = {
      "TLS: refuses it",
      "TLS: answers with an unknown letter",
      "TLS: takes it, and talks on in clear",
      "TLS: takes it, and sends no handshake",
      "TLS: answers with an error without end",
      "speaks protocol 2",
      "negotiates another protocol",
      "sends settings for ever at the beginning",
      "sends notices for ever",
      "sends long notices for ever",
      "sends settings for ever",
      "sends long settings for ever",
      "sends new settings for ever",
      "sends notifications for ever",
      "sends errors for ever",
      "is ready for ever",
      "completes for ever",
      "describes parameters for ever",
      "wants rows of COPY",
      "sends rows of COPY",
      "copies both ways",
      "sends rows of COPY for ever",
      "sends an error without fields",
      "sends an error with an unended text",
      "sends an error, and then noise",
      "answers a function call",
      "suspends the portal",
      "says that there was no statement",
      "sends a message of an unknown kind",
      "sends a key again",
      "asks who it is again",
      "announces 65535 columns",
      "changes the encoding",
      "changes how strings are read",
      "notifies for ever",
      "sends notices for ever to a listener",
      "sends notices for ever to an idle client",
      "is silent for a listener",
  };
  (void)state;
  add_answers(&all);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    peer_case *c = add(&all, "%s", others[i], 0);
    if (strncmp(others[i], "TLS", 3) == 0) c->unheard = password, c->want = "open: failed";
  }
  for (size_t i = 0; i < sizeof fake_demands / sizeof *fake_demands; i++)
    add(&all, "%s", fake_demands[i].behaviour, 0)->want = "open: failed";
  for (size_t i = 0; i < sizeof fake_challenges / sizeof *fake_challenges; i++) {
    peer_case *c = add(&all, "%s", fake_challenges[i][0], 0);
    c->want = "open: failed";
    c->unheard = password;
  }
  peer_list list = peer_cases(&engine, all.list, all.count, RANDOM_CASES);
  size_t harms = peer_run(&engine, list.cases, list.count);
  printf("%zu behaviours, %zu random\n", all.count, list.count - all.count);
  free(list.cases);
  assert_int_equal(harms, 0);
}

/* By itself, so that there is time to read so much. */
static void test_an_answer_ends_at_its_bound(void **state) {
  const peer_case two[] = {{.behaviour = "answer select gives rows for ever", .want = "select: failed: SHUNT_E_LIMIT"},
                           {.behaviour = "sends long notices for ever", .want = "select: failed: SHUNT_E_LIMIT"}};
  (void)state;
  for (size_t i = 0; i < sizeof two / sizeof *two; i++) assert_int_equal(peer_run(&engine, &two[i], 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_server_does_harm),
                                     cmocka_unit_test(test_an_answer_ends_at_its_bound)};
  return cmocka_run_group_tests_name("hostile servers", tests, NULL, NULL);
}
