/* A job's session against the one that pushed it. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "unit/jobs/yard.h"
#include "unit/random.h"
#include "unit/watchdog.h"

#define BEGIN                                                                                                          \
  yard *y = yard_of(state);                                                                                            \
  if (!y) skip()

enum { ROUNDS = 50, MOST_ATTRS = 12, LONGEST_TEXT = 20 };

static void assert_same(const shunt_value *a, const shunt_value *b) {
  assert_int_equal(a->type, b->type);
  if (a->type == SHUNT_BOOL) assert_int_equal(a->as.boolean, b->as.boolean);
  if (a->type == SHUNT_INTEGER) assert_true(a->as.integer == b->as.integer);
  if (a->type == SHUNT_FLOAT) assert_memory_equal(&a->as.number, &b->as.number, sizeof a->as.number);
  if (a->type == SHUNT_TEXT) {
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->as.bytes, b->as.bytes, a->size + 1);
  }
}

static shunt_value draw(rng *r, char *room) {
  static const double floats[] = {0.0, -0.0, 1.0, -2.5, 0.1, 1e300, 5e-324, INFINITY, -INFINITY, 9007199254740993.0};
  static const int64_t integers[] = {0, -1, INT64_MAX, INT64_MIN, 9007199254740993};
  size_t size = rng_below(r, LONGEST_TEXT);
  switch (rng_below(r, 5)) {
  case 0:
    return shunt_boolean(rng_below(r, 2));
  case 1:
    return shunt_integer(integers[rng_below(r, 5)]);
  case 2:
    return shunt_float(floats[rng_below(r, 10)]);
  case 3: /* any bytes, which often are no UTF-8 */
    for (size_t i = 0; i < size; i++) room[i] = (char)rng_below(r, 256);
    break;
  default:
    for (size_t i = 0; i < size; i++) room[i] = (char)(rng_below(r, 8) ? 'a' + rng_below(r, 26) : 0);
  }
  room[size] = 0;
  return shunt_text(room, size);
}

/* Pushes from a session with these, and opens the job's. */
static shunt_job *through_a_job(yard *y, const shunt_session_options *o, const char *current) {
  shunt_session *s;
  yard_fine(y, shunt_session_open(y->app, o, &s, &y->err));
  if (current) yard_fine(y, shunt_switch_push(s, current, &y->err));
  yard_fine(y, shunt_push(s, "j", NULL, NULL, NULL, &y->err));
  shunt_session_close(s);
  return yard_next(y);
}

static void brings_back_attributes_of_every_type(void **state) {
  static const char *const instances[] = {"", "shared", "acme"};
  BEGIN;
  rng r = rng_start("attributes");
  for (int round = 0; round < ROUNDS; round++) {
    shunt_field attrs[MOST_ATTRS];
    char names[MOST_ATTRS][8], rooms[MOST_ATTRS][LONGEST_TEXT + 1];
    size_t n = rng_below(&r, MOST_ATTRS + 1);
    for (size_t i = 0; i < n; i++) {
      snprintf(names[i], sizeof names[i], i % 3 ? "a%zu" : "\xff%zu", i);
      attrs[i] = (shunt_field){names[i], draw(&r, rooms[i])};
    }
    const char *instance = instances[rng_below(&r, 3)];
    shunt_job *job =
        through_a_job(y, &(shunt_session_options){.instance = instance, .attrs = attrs, .nattrs = n}, NULL);
    const shunt_session *s = shunt_job_session(job);
    assert_string_equal(s->instance->name, instance);
    assert_int_equal(s->nattrs, n);
    for (size_t i = 0; i < n; i++) {
      assert_string_equal(s->attrs[i].name, attrs[i].name);
      assert_same(&s->attrs[i].value, &attrs[i].value);
    }
    yard_complete(y, job, NULL);
  }
}

static const char *client_of(yard *y, shunt_session *s) {
  const shunt_decision *d;
  yard_fine(y, shunt_resolve(s, &(shunt_request){.model = "thing"}, &d, &y->err));
  assert_string_equal(d->pinned_by, "job");
  return d->client;
}

static void decides_as_the_session_that_pushed_it(void **state) {
  static const struct {
    const char *instance, *current, *client;
  } cases[] = {{"", NULL, "main"},           {"shared", NULL, "main"},   {"acme", NULL, "acme"},
               {"", "other", "other"},       {"acme", "other", "other"}, {"acme", "default", "acme"},
               {"shared", "default", "main"}};
  BEGIN;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shunt_job *job =
        through_a_job(y, &(shunt_session_options){.instance = cases[i].instance, .level = 2}, cases[i].current);
    assert_string_equal(client_of(y, shunt_job_session(job)), cases[i].client);
    yard_complete(y, job, NULL);
  }
}

static void runs_one_level_up_and_no_higher_than_the_highest(void **state) {
  BEGIN;
  for (int level = 0; level <= 8; level++) {
    shunt_job *job = through_a_job(y, &(shunt_session_options){.level = level}, NULL);
    assert_int_equal(shunt_session_level(shunt_job_session(job)), level < 8 ? level + 1 : 8);
    yard_complete(y, job, NULL);
  }
}

static void runs_at_the_highest_level_there_is_where_the_pushing_host_had_more(void **state) {
  BEGIN;
  yard_push(y, "j", NULL, NULL);
  yard_sql(y, "UPDATE shunt_jobs SET envelope = replace(envelope, '\"level\":1', '\"level\":99') WHERE env = '%s'");
  shunt_job *job = yard_next(y);
  assert_int_equal(shunt_session_level(shunt_job_session(job)), 8);
  yard_complete(y, job, NULL);
}

/* It went with a change of the configuration, or has not come here yet. */
static void leaves_a_job_whose_instance_is_unknown_to_others(void **state) {
  BEGIN;
  shunt_rows *rows;
  shunt_worker_counts counts;
  yard_push(y, "j", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
  yard_sql(y, "UPDATE shunt_jobs SET instance = 'gone', envelope = replace(envelope, '\"instance\":\"\"', "
              "'\"instance\":\"gone\"') WHERE env = '%s'");
  yard_push(y, "j", "7", NULL);
  shunt_job *job = yard_next(y);
  assert_string_equal(shunt_job_of(job)->data, "7");
  yard_complete(y, job, NULL);
  assert_null(yard_try_next(y));
  shunt_worker_count(y->worker, &counts);
  assert_int_equal(counts.released, 1);
  assert_int_equal(counts.failed, 0);
  yard_fine(y, shunt_jobs_list(y->session, &(shunt_jobs_filter){.state = "ready", .instance = "gone"}, &rows, &y->err));
  assert_int_equal(shunt_rows_count(rows), 1);
  assert_int_equal(shunt_rows_at(rows, 0)[6].as.integer, 0); /* attempts */
  assert_non_null(strstr(shunt_rows_at(rows, 0)[11].as.bytes, "gone"));
  shunt_rows_free(rows);
}

static void fails_a_job_whose_envelope_is_none(void **state) {
  static const char *const spoiled[] = {"", "[1]", "{}", "{\"instance\":\"\"}"};
  BEGIN;
  for (size_t i = 0; i < sizeof spoiled / sizeof *spoiled; i++) {
    char sql[128];
    yard_push(y, "j", NULL, &(shunt_push_options){.retry = SHUNT_NO_RETRY});
    snprintf(sql, sizeof sql, "UPDATE shunt_jobs SET envelope = '%s' WHERE env = '%%s'", spoiled[i]);
    yard_sql(y, sql);
    assert_null(yard_try_next(y));
    assert_int_equal(yard_number(y, "SELECT count(*) FROM shunt_jobs WHERE env = '%s' AND state = 'dead'"), i + 1);
  }
}

static void is_kept_from_workers_of_another_environment(void **state) {
  BEGIN;
  shunt_app *app;
  shunt_worker *w;
  shunt_job *job;
  char path[128];
  yard_push(y, "j", NULL, NULL);
  snprintf(path, sizeof path, "%s/shunt.yaml", y->folder);
  yard_fine(y, shunt_open(path, &(shunt_options){.env = "prod"}, &app, &y->err));
  yard_fine(y, shunt_worker_open(app, NULL, &w, &y->err));
  yard_fine(y, shunt_worker_next(w, 0, &job, &y->err));
  assert_null(job);
  shunt_worker_close(w);
  shunt_close(app);
  yard_complete(y, yard_next(y), NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      yard_tests(brings_back_attributes_of_every_type),
      yard_tests(decides_as_the_session_that_pushed_it),
      yard_tests(runs_one_level_up_and_no_higher_than_the_highest),
      yard_tests(runs_at_the_highest_level_there_is_where_the_pushing_host_had_more),
      yard_tests(leaves_a_job_whose_instance_is_unknown_to_others),
      yard_tests(fails_a_job_whose_envelope_is_none),
      yard_tests(is_kept_from_workers_of_another_environment),
  };
  return cmocka_run_group_tests(tests, watchdog_setup, watchdog_teardown);
}
