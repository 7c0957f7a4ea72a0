/* Hostile servers, seen from a session: whatever the rows are that a server sends for relations, counts, ranks and
 * results, the call gives rows or an error, in time and within its memory. */
#define _DEFAULT_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shunt.h"
#include "unit/driver/pg/fake_server.h"
#include "unit/files.h"

enum {
  TIMEOUT_MS = 300,
  CALLS = 9,
  DEADLINE_MS = CALLS * (TIMEOUT_MS + 1000), /* each has a second to be cancelled */
  SLACK_MS = 2000,
  MOST_MIB = 96,
  MOST_CASES = 60,
  RANDOM_CASES = 60
};

static char folder[] = "/tmp/shunt-peers-XXXXXX", yaml[64], rules[80];

/* ---- the client ---- */

static void note(peer_report *r, const char *what, shunt_status status, const shunt_error *err) {
  peer_note(r, "%s: %s%s\n", what, status ? "refused: " : "", status ? err->message : "OK");
}

static void select_with(shunt_session *s, peer_report *r, const char *what, const shunt_query *q) {
  shunt_error err = {0};
  shunt_rows *rows = NULL;
  note(r, what, shunt_select(s, "a", q, &rows, &err), &err);
  shunt_rows_free(rows);
}

static void read_all(shunt_session *s, peer_report *r) {
  static const shunt_aggregation sum = {SHUNT_SUM, "id"};
  const shunt_include kids = {.relation = "kids"}, named = {.relation = "named"},
                      few = {.relation = "kids", .query = &(shunt_query){.limit = 1}},
                      counted = {.relation = "kids", .count = true},
                      results = {.relation = "named", .aggregates = &sum, .naggregates = 1};
  static const char *const by_name[] = {"up.name"};
  shunt_error err = {0};
  shunt_rows *rows = NULL;
  int64_t count;
  note(r, "count", shunt_count(s, "a", NULL, &count, &err), &err);
  select_with(s, r, "rows", NULL);
  select_with(s, r, "related", &(shunt_query){.include = &kids, .ninclude = 1});
  select_with(s, r, "by text", &(shunt_query){.include = &named, .ninclude = 1});
  select_with(s, r, "limited", &(shunt_query){.include = &few, .ninclude = 1});
  select_with(s, r, "counted", &(shunt_query){.include = &counted, .ninclude = 1});
  select_with(s, r, "results", &(shunt_query){.include = &results, .ninclude = 1});
  select_with(s, r, "ordered", &(shunt_query){.order = by_name, .norder = 1});
  note(r, "sum", shunt_aggregate(s, "a", &(shunt_aggregates){.list = &sum, .n = 1}, NULL, &rows, &err), &err);
  shunt_rows_free(rows);
}

static void use(const peer_case *c, uint16_t port, peer_report *report) {
  char number[8];
  shunt_error err = {0};
  shunt_app *app = NULL;
  shunt_session *session = NULL;
  (void)c;
  snprintf(number, sizeof number, "%u", port);
  setenv("PEER_PORT", number, 1);
  shunt_status status = shunt_open(yaml, NULL, &app, &err);
  note(report, "open", status, &err);
  if (!status) status = shunt_session_open(app, NULL, &session, &err);
  if (!status) status = shunt_session_timeout(session, TIMEOUT_MS, &err);
  if (!status) read_all(session, report);
  shunt_session_close(session);
  shunt_close(app);
}

static const peer_engine engine = {.name = "relations",
                                   .header = FAKE_HEADER,
                                   .largest = 0x3ffffff0,
                                   .frame = fake_frame,
                                   .serve = fake_serve,
                                   .use = use,
                                   .deadline_ms = DEADLINE_MS,
                                   .slack_ms = SLACK_MS,
                                   .most_mib = MOST_MIB};

/* ---- the cases ---- */

static int setup(void **state) {
  (void)state;
  char path[64];
  if (!mkdtemp(folder)) return -1;
  snprintf(yaml, sizeof yaml, "%s/shunt.yaml", folder);
  snprintf(path, sizeof path, "%s/rules", folder);
  snprintf(rules, sizeof rules, "%s/models.lua", path);
  if (mkdir(path, 0700)) return -1;
  write_file(yaml, "database:\n  defaultClient: far\n  base: {maxResult: 1MiB}\n  clients:\n"
                   "    far: {engine: pg, connection: {host: 127.0.0.1, port: \"${PEER_PORT}\", user: u, database: d, "
                   "sslmode: disable, gssencmode: disable}}\nrules: {path: [rules]}\n");
  write_file(rules, "model \"a\" { table = \"t\", primary_key = \"id\", relations = { kids = has_many(\"b\", \"id\"),\n"
                    "  named = has_many(\"b\", \"name\", { key = \"name\" }), up = belongs_to(\"b\", \"id\") } }\n"
                    "model \"b\" { table = \"t\", primary_key = \"id\" }\n");
  return 0;
}

static int teardown(void **state) {
  char path[64];
  (void)state;
  snprintf(path, sizeof path, "%s/rules", folder);
  return unlink(rules) || unlink(yaml) || rmdir(path) || rmdir(folder);
}

static void test_no_server_does_harm(void **state) {
  static const char *const gives[] = {"1 columns",     "2 columns",        "3 columns",     "4 columns",
                                      "0 columns",     "other types",      "nulls",         "words",
                                      "large numbers", "negative numbers", "great numbers", "no rows",
                                      "rows for ever", "small numbers",    "empty texts",   "binary values"};
  static const char *const answers[] = {"any", "columns"};
  static char names[MOST_CASES][64];
  static peer_case cases[MOST_CASES];
  size_t n = 0;
  (void)state;
  for (size_t a = 0; a < 2; a++)
    for (size_t i = 0; i < sizeof gives / sizeof *gives; i++, n++) {
      snprintf(names[n], sizeof names[n], "answer %s gives %s", answers[a], gives[i]);
      cases[n].behaviour = names[n];
    }
  peer_list list = peer_cases(&engine, cases, n, RANDOM_CASES);
  size_t harms = peer_run(&engine, list.cases, list.count);
  free(list.cases);
  assert_int_equal(harms, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_server_does_harm)};
  return cmocka_run_group_tests_name("hostile servers and relations", tests, setup, teardown);
}
