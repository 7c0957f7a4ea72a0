/* Rows that hold anything: envelopes that were changed at random, and numbers and texts that no push writes. Each such
 * job is done, or dead with a reason, or left to others with one; and the job behind it runs. */
#define _DEFAULT_SOURCE
#include "jobs/envelope.h"
#include "unit/jobs/yard.h"
#include "unit/random.h"
#include "unit/watchdog.h"

#define BEGIN                                                                                                          \
  yard *y = yard_of(state);                                                                                            \
  if (!y) skip()

enum { ROUNDS = 150, ROOM = 70000, MOST_TRIES = 20 };

/* ---- rows ---- */

/* With parameters. The first cell of the result, if rows were found, is *cell; its text lies in rows. */
static shunt_rows *run(yard *y, const store_sql *sql, shunt_value *cell) {
  shunt_session *s;
  job_store q;
  shunt_rows *rows = rows_new();
  assert_non_null(rows);
  yard_fine(y, shunt_session_open(y->app, NULL, &s, &y->err));
  yard_fine(y, store_enter(&q, s, 0, &y->err));
  yard_fine(y, store_run(&q, sql, rows, NULL));
  *cell = rows->count ? rows_row(rows, 0)[0] : shunt_null();
  shunt_session_close(s);
  return rows;
}

static void set(yard *y, int64_t id, const char *column, shunt_value value) {
  char text[128];
  shunt_value none;
  snprintf(text, sizeof text, "UPDATE shunt_jobs SET %s = ? WHERE id = ?", column);
  shunt_rows_free(run(y, STORE_SQL(text, value, shunt_integer(id)), &none));
}

/* Copies the column's text, or "" where there is no row or no text. */
static void get(yard *y, int64_t id, const char *column, char *room, size_t size) {
  char text[128];
  shunt_value cell;
  snprintf(text, sizeof text, "SELECT %s FROM shunt_jobs WHERE id = ?", column);
  shunt_rows *rows = run(y, STORE_SQL(text, shunt_integer(id)), &cell);
  snprintf(room, size, "%s", cell.type == SHUNT_TEXT ? cell.as.bytes : "");
  shunt_rows_free(rows);
}

/* ---- changing an envelope ---- */

typedef struct text {
  char bytes[ROOM];
  size_t size;
} text;

static void replace(text *t, size_t at, size_t gone, const char *with, size_t size) {
  if (gone > t->size - at) gone = t->size - at;
  if (t->size - gone + size >= ROOM) return;
  memmove(t->bytes + at + size, t->bytes + at + gone, t->size - at - gone);
  memcpy(t->bytes + at, with, size);
  t->size += size - gone;
}

static const char *const values[] = {
    "-1",
    "-9223372036854775808",
    "9223372036854775807",
    "99999999999999999999",
    "1e999",
    "2147483648",
    "4294967297",
    "1001",
    "0.5",
    "true",
    "null",
    "[]",
    "{}",
    "[[]]",
    "\"\"",
    "\"gone\"",
    "\"acme\"",
    "\"other\"",
    "\"\\u0000\"",
    "\"main\\u0000x\"",
    "\"\\ud800\"",
    "{\"hex\":\"zz\"}",
    "{\"hex\":\"abc\"}",
    "{\"hex\":\"00\"}",
    "{\"hex\":\"FF\"}",
    "{\"hex\":\"ff\"}",
    "{\"hex\":7}",
    "{\"hex\":\"\"}",
    "{\"hex\":\"61\",\"x\":1}",
    "{\"infinite\":0}",
    "{\"infinite\":1}",
    "{\"infinite\":\"1\"}",
    "[\"a\"]",
    "[[\"a\",1]]",
    "[[\"a\",null]]",
    "[[\"\",1]]",
    "[[1,1]]",
    "[[\"a\",[1]]]",
    "[[\"a\",1,2]]",
    "[[\"a\",{\"hex\":\"g0\"}]]",
    "nul",
    "'x'",
    "\"",
};

/* A value stands after a colon, a comma or a bracket, and ends before one. */
static void change_value(rng *r, text *t) {
  size_t at = rng_below(r, t->size + 1), end;
  while (at < t->size && !strchr(":,[{", t->bytes[at])) at++;
  if (at < t->size) at++;
  for (end = at; end < t->size && !strchr(",]}", t->bytes[end]);) end++;
  const char *with = values[rng_below(r, sizeof values / sizeof *values)];
  replace(t, at, end - at, with, strlen(with));
}

static void nest(rng *r, text *t) {
  static char deep[60000];
  memset(deep, "[{"[rng_below(r, 2)], sizeof deep);
  replace(t, rng_below(r, t->size + 1), 0, deep, 1 + rng_below(r, sizeof deep));
}

static void change(rng *r, text *t) {
  const size_t at = rng_below(r, t->size + 1), some = rng_below(r, 12);
  char random[12], copied[12];
  for (size_t i = 0; i < sizeof random; i++) random[i] = (char)rng_below(r, 256);
  memcpy(copied, t->bytes, sizeof copied);
  switch (rng_below(r, 16)) {
  case 0:
    if (at < t->size) t->bytes[at] = (char)(t->bytes[at] ^ 1 << rng_below(r, 8));
    break;
  case 1:
    replace(t, at, some, "", 0);
    break;
  case 2:
    replace(t, at, 0, random, some);
    break;
  case 3:
    replace(t, at, 0, copied, t->size < some ? t->size : some);
    break;
  case 4:
    t->size = at;
    break;
  case 5:
    nest(r, t);
    break;
  case 6:
    replace(t, 0, t->size, values[some], strlen(values[some]));
    break;
  default:
    change_value(r, t);
  }
}

/* PostgreSQL keeps only UTF-8 without NUL. */
static void make_plain(text *t) {
  for (size_t i = 0; i < t->size; i++)
    if (!t->bytes[i] || (unsigned char)t->bytes[i] >= 0x80) t->bytes[i] = '?';
}

static void spoil_envelope(yard *y, rng *r, int64_t id) {
  static text t;
  get(y, id, "envelope", t.bytes, sizeof t.bytes);
  t.size = strlen(t.bytes);
  for (size_t n = 1 + rng_below(r, 3); n > 0; n--) change(r, &t);
  if (y->kind == YARD_PG) make_plain(&t);
  t.bytes[t.size] = 0;
  const bool blob = y->kind != YARD_PG && rng_below(r, 20) == 0;
  set(y, id, "envelope", blob ? shunt_blob(t.bytes, t.size) : shunt_text(t.bytes, t.size));
}

/* ---- changing the rest of the row ---- */

static void spoil_number(yard *y, rng *r, int64_t id) {
  static const char *const columns[] = {"failures", "lost", "claim", "backoff_ms", "timeout_ms", "awaited", "retry"};
  static const int64_t numbers[] = {-1, INT32_MIN, INT32_MAX, 1000000000, 0, INT64_MIN, INT64_MAX, 40};
  const size_t column = rng_below(r, 7);
  const bool wide = column == 3 || column == 4; /* BIGINT in PostgreSQL */
  const int64_t n = numbers[rng_below(r, y->kind == YARD_PG && !wide ? 5 : 8)];
  if (column == 6 && n > 0) return;                                        /* retried for ever, as asked for */
  if (rng_below(r, 3) == 0) set(y, id, "state", shunt_text("running", 7)); /* by a worker that is gone */
  if (y->kind == YARD_PG || rng_below(r, 4))
    set(y, id, columns[column], shunt_integer(n));
  else
    set(y, id, columns[column], rng_below(r, 2) ? shunt_text("many", 4) : shunt_blob("\0\1", 2));
}

static void spoil_text(yard *y, rng *r, int64_t id) {
  static const char *const columns[] = {"name", "queue", "instance", "data"};
  static char longer[20000];
  const char *column = columns[rng_below(r, 4)];
  memset(longer, 'x', sizeof longer);
  if (y->kind != YARD_PG && rng_below(r, 2))
    set(y, id, column, rng_below(r, 2) ? shunt_text("j\0k", 3) : shunt_blob("j", 1));
  else
    set(y, id, column, shunt_text(longer, 1 + rng_below(r, sizeof longer)));
}

/* ---- running ---- */

static bool runs_healthy(yard *y) {
  bool healthy = false;
  for (shunt_job *job; (job = yard_try_next(y));) {
    healthy = healthy || strcmp(shunt_job_of(job)->data, "\"healthy\"") == 0;
    yard_complete(y, job, NULL);
  }
  return healthy;
}

/* Whether it is done, dead with a reason, or left to others with one. */
static bool has_ended(yard *y, int64_t id, const char *names) {
  char state[16], error[4096], written[4096];
  get(y, id, "state", state, sizeof state);
  get(y, id, "error", error, sizeof error);
  get(y, id, "envelope", written, sizeof written);
  if (!state[0] || strcmp(state, "done") == 0) return true;
  if (strcmp(state, "dead") == 0) return error[0] != 0;
  return strcmp(state, "ready") == 0 && error[0] && !strstr(written, names);
}

static void fail_with_row(yard *y, int64_t id, uint64_t seed) {
  static const char *const columns[] = {"name",       "queue",      "instance", "state",  "error",
                                        "failures",   "lost",       "claim",    "retry",  "due_at",
                                        "timeout_ms", "backoff_ms", "envelope", "awaited"};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
    char column[64], cell[2000];
    snprintf(column, sizeof column, "CAST(%s AS TEXT)", columns[i]);
    get(y, id, column, cell, sizeof cell);
    fprintf(stderr, "%s: %s\n", columns[i], cell);
  }
  fail_msg("seed %llu: it does not end", (unsigned long long)seed);
}

static void assert_ends(yard *y, int64_t id, const char *names, uint64_t seed) {
  bool healthy = runs_healthy(y);
  if (!healthy) fail_msg("seed %llu: the job behind the spoiled one does not run", (unsigned long long)seed);
  for (int tries = 0; !has_ended(y, id, names); tries++) {
    if (tries == MOST_TRIES) fail_with_row(y, id, seed);
    yard_hasten(y);
    (void)runs_healthy(y);
  }
}

/* What looks after queues reads such rows too. A job that is tried again ends again. */
static void assert_listed(yard *y, int64_t id, const char *names, uint64_t seed) {
  shunt_rows *rows;
  int64_t n;
  yard_fine(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.id = id}, &rows, &y->err));
  shunt_rows_free(rows);
  yard_fine(y, shunt_jobs_retry(y->session, NULL, &n, &y->err));
  yard_push(y, "j", "\"healthy\"", NULL);
  assert_ends(y, id, names, seed);
}

static int64_t push_one(yard *y, rng *r) {
  static const char *const instances[] = {"", "shared", "acme"};
  const shunt_field attrs[] = {{"plan", shunt_text("\xff\0x", 3)}, {"n", shunt_integer(7)}, {"f", shunt_float(0.5)}};
  shunt_session *s;
  int64_t id = 0;
  const shunt_session_options o = {
      .instance = instances[rng_below(r, 3)], .attrs = attrs, .nattrs = rng_below(r, 4), .level = (int)rng_below(r, 9)};
  yard_fine(y, shunt_session_open(y->app, &o, &s, &y->err));
  if (rng_below(r, 2)) yard_fine(y, shunt_switch_push(s, "other", &y->err));
  yard_fine(y, shunt_push(s, "j", "1", &(shunt_push_options){.retry = SHUNT_NO_RETRY}, &id, &y->err));
  yard_fine(y, shunt_push(s, "j", "\"healthy\"", NULL, NULL, &y->err));
  shunt_session_close(s);
  return id;
}

static void read_names(yard *y, int64_t id, char *names, size_t size) {
  char written[4096];
  get(y, id, "envelope", written, sizeof written);
  const char *at = strstr(written, "\"names\":");
  assert_non_null(at);
  snprintf(names, size, "%.26s", at);
}

static void stops_no_job_behind_it(void **state) {
  BEGIN;
  rng r = rng_start("spoiled rows");
  for (int round = 0; round < ROUNDS; round++) {
    const uint64_t seed = r.state;
    char names[32];
    int64_t id = push_one(y, &r);
    read_names(y, id, names, sizeof names);
    const size_t kind = rng_below(&r, 10);
    if (kind == 0)
      spoil_text(y, &r, id);
    else if (kind == 1)
      spoil_number(y, &r, id);
    else
      spoil_envelope(y, &r, id);
    assert_ends(y, id, names, seed);
    assert_listed(y, id, names, seed);
    yard_sql(y, "DELETE FROM shunt_jobs WHERE env = '%s'");
  }
}

/* ---- the cases that were found ---- */

static void assert_dead(yard *y, const char *written, const char *words) {
  char error[4096];
  int64_t id = yard_push(y, "j", NULL, NULL);
  set(y, id, "envelope", shunt_text(written, strlen(written)));
  yard_push(y, "j", "\"healthy\"", NULL);
  assert_true(runs_healthy(y));
  assert_int_equal(
      yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead' AND failures = 1"), 1);
  get(y, id, "error", error, sizeof error);
  if (!strstr(error, words)) fail_msg("%s\nis not in: %s", words, error);
  yard_sql(y, "DELETE FROM shunt_jobs WHERE env = '%s'");
}

#define ENVELOPE(instance, attrs, level)                                                                               \
  "{\"instance\":" instance ",\"env\":\"\",\"attrs\":" attrs ",\"current\":null,\"level\":" level "}"

static void is_dead_at_once_with_the_part_that_is_wrong(void **state) {
  BEGIN;
  assert_dead(y, "no", "is not JSON");
  assert_dead(y, "{\"instance\":\"\"}", "'current' is wrong");
  assert_dead(y, ENVELOPE("{\"hex\":\"6z\"}", "[]", "1"), "'instance' is wrong");
  assert_dead(y, ENVELOPE("\"a\\u0000b\"", "[]", "1"), "'instance' is wrong");
  assert_dead(y, ENVELOPE("\"acme\"", "[]", "1"), "is for the instance 'acme', and its row for ''");
  assert_dead(y, ENVELOPE("\"\"", "7", "1"), "'attrs' is wrong");
  assert_dead(y, ENVELOPE("\"\"", "[[\"a\",{\"hex\":\"0\"}]]", "1"), "'hex' is wrong");
  assert_dead(y, ENVELOPE("\"\"", "[]", "-1"), "'level' is wrong");
  assert_dead(y, ENVELOPE("\"\"", "[]", "4294967297"), "'level' is wrong");
  assert_dead(y, ENVELOPE("\"\"", "[]", "1e9"), "'level' is wrong");
}

/* PostgreSQL keeps no such text. */
static void is_dead_if_a_nul_would_cut_it_short(void **state) {
  BEGIN;
  static const char *const columns[] = {"name", "queue", "instance", "data", "envelope"};
  if (y->kind == YARD_PG) skip();
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    for (int blob = 0; blob < 2; blob++) {
      char error[4096], words[64];
      int64_t id = yard_push(y, "j", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
      set(y, id, columns[i], blob ? shunt_blob("7", 1) : shunt_text("7\0007", 3));
      assert_null(yard_try_next(y));
      get(y, id, "error", error, sizeof error);
      snprintf(words, sizeof words, "the job's %s can't be read", columns[i]);
      assert_non_null(strstr(error, words));
    }
}

/* Both know the same names, so no other worker would know the datasource. */
static void is_dead_after_its_tries_if_no_process_can_know_its_datasource(void **state) {
  BEGIN;
  int64_t id = yard_push(y, "j", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
  yard_sql(y,
           "UPDATE shunt_jobs SET envelope = replace(envelope, '\"current\":null', '\"current\":\"gone\"') WHERE env = "
           "'%s'");
  assert_null(yard_try_next(y));
  assert_int_equal(yard_number(y, "SELECT id FROM shunt_jobs WHERE env = '%s' AND state = 'dead'"), id);
}

/* Then a newer process may know it. Others of the same name have nothing to do with that. */
static void is_left_alone_to_others_if_they_may_know_its_datasource(void **state) {
  BEGIN;
  shunt_worker_counts counts;
  for (int i = 0; i < 3; i++) yard_push(y, "j", "1", NULL);
  yard_sql(y, "UPDATE shunt_jobs SET envelope = replace(replace(envelope, '\"current\":null', '\"current\":\"gone\"'), "
              "'\"names\":\"', '\"names\":\"0123456789abcdef\",\"old\":\"') WHERE env = '%s'");
  yard_push(y, "j", "\"healthy\"", NULL);
  assert_true(runs_healthy(y));
  shunt_worker_count(y->worker, &counts);
  assert_int_equal(counts.released, 3);
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'ready'"), 3);
}

/* ---- long ones ---- */

static void brings_long_data_whole(void **state) {
  BEGIN;
  for (size_t size = STORE_SHORT_DATA_BYTES - 2; size < 3000000; size = size < 9000 ? size + 1 : size * 50) {
    char *data = malloc(size + 1);
    assert_non_null(data);
    memset(data, 'x', size);
    data[0] = data[size - 1] = '"';
    data[size] = 0;
    yard_push(y, "j", data, NULL);
    shunt_job *job = yard_next(y);
    assert_string_equal(shunt_job_of(job)->data, data);
    yard_complete(y, job, NULL);
    free(data);
    if (size > STORE_SHORT_DATA_BYTES + 2 && size < 9000) size = 9000;
  }
}

static void refuses_to_push_what_a_claim_would_not_carry(void **state) {
  BEGIN;
  static char name[STORE_MOST_NAME_BYTES + 2], value[ENVELOPE_MOST_BYTES];
  memset(name, 'n', sizeof name - 1);
  memset(value, 'v', sizeof value);
  yard_fails(y, shunt_push(y->session, name, NULL, NULL, NULL, &y->err), SHUNT_E_USAGE, "a name of 1025 bytes");
  yard_fails(y, shunt_push(y->session, "j", NULL, &(shunt_push_options){.queue = name}, NULL, &y->err), SHUNT_E_USAGE,
             "a queue of 1025 bytes");
  const shunt_field attr = {"a", shunt_text(value, sizeof value)};
  shunt_session *s;
  yard_fine(y, shunt_session_open(y->app, &(shunt_session_options){.attrs = &attr, .nattrs = 1}, &s, &y->err));
  yard_fails(y, shunt_push(s, "j", NULL, NULL, NULL, &y->err), SHUNT_E_USAGE, "at most 65536");
  shunt_session_close(s);
  assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s'"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      yard_tests(stops_no_job_behind_it),
      yard_tests(is_dead_at_once_with_the_part_that_is_wrong),
      yard_tests(is_dead_if_a_nul_would_cut_it_short),
      yard_tests(is_dead_after_its_tries_if_no_process_can_know_its_datasource),
      yard_tests(is_left_alone_to_others_if_they_may_know_its_datasource),
      yard_tests(brings_long_data_whole),
      yard_tests(refuses_to_push_what_a_claim_would_not_carry),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
