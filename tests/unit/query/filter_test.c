/* Conditions, from C: those that make no sense are refused, and those that do find what SQLite finds. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/random.h"

static shunt_status count(store *w, const shunt_where *where, int64_t *n) {
  return shunt_count(w->session, "user", &(shunt_query){.where = where}, n, &w->err);
}

static void conditions_of_the_wrong_form_are_refused(void **state) {
  store *w = *state;
  static const shunt_value one = {{.integer = 1}, 0, SHUNT_INTEGER}, null = {{.integer = 0}, 0, SHUNT_NULL};
  const shunt_value two[] = {one, null};
  const shunt_where any = {.op = SHUNT_EQ, .column = "id", .values = &one, .nvalues = 1};
  const shunt_where both[] = {any, any};
  const struct {
    shunt_where where;
    const char *words;
  } cases[] = {{{.op = SHUNT_EQ, .column = "id"}, "one value"},
               {{.op = SHUNT_EQ, .column = "id", .values = two, .nvalues = 2}, "one value"},
               {{.op = SHUNT_GT, .column = "id", .values = &null, .nvalues = 1}, "use eq or ne"},
               {{.op = SHUNT_LIKE, .column = "name", .values = &one, .nvalues = 1}, "like takes text"},
               {{.op = SHUNT_BETWEEN, .column = "id", .values = &one, .nvalues = 1}, "between takes two"},
               {{.op = SHUNT_BETWEEN, .column = "id", .values = two, .nvalues = 2}, "between takes two"},
               {{.op = SHUNT_LIKE, .column = "name", .values = two, .nvalues = 2}, "like takes text"},
               {{.op = SHUNT_CONTAINS, .column = "name", .values = &one, .nvalues = 1}, "takes text"},
               {{.op = SHUNT_CONTAINS, .column = "name", .values = &null, .nvalues = 1}, "null has no text"},
               {{.op = SHUNT_ENDS_WITH, .column = "name"}, "takes text"},
               {{.op = SHUNT_NOT_BETWEEN, .column = "id", .values = &one, .nvalues = 1}, "between takes two"},
               {{.op = SHUNT_IN, .column = "id", .other = "age"}, "only eq, ne"},
               {{.op = SHUNT_EQ, .column = "id", .other = "age", .values = &one, .nvalues = 1}, "not with both"},
               {{.op = SHUNT_LT, .column = "id", .other = "name"}, "can't be compared with the type TEXT of 'name'"},
               {{.op = SHUNT_NOT, .items = both, .nitems = 2}, "one condition"},
               {{.op = SHUNT_NOT}, "one condition"},
               {{.op = SHUNT_EQ, .values = &one, .nvalues = 1}, "no name"},
               {{.op = (shunt_operator)99, .column = "id"}, "99"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    int64_t n;
    store_fails(w, count(w, &cases[i].where, &n), SHUNT_E_USAGE, cases[i].words);
  }
  assert_int_equal(w->statements, 0);
}

/* Each level as greedy as it gets: age = 1 AND (NOT (age = 1 AND (NOT … */
static void conditions_may_be_deep_but_not_bottomless(void **state) {
  store *w = *state;
  const shunt_value one = shunt_integer(1);
  shunt_where levels[40][2], both[40];
  int64_t n;
  for (size_t i = 0; i < COUNT(both); i++) {
    levels[i][0] = store_is("age", &one);
    levels[i][1] = i ? (shunt_where){.op = SHUNT_NOT, .items = &both[i - 1], .nitems = 1} : store_is("age", &one);
    both[i] = (shunt_where){.op = i % 3 ? SHUNT_AND : SHUNT_OR, .items = levels[i], .nitems = 2};
  }
  store_fine(w, count(w, &both[12], &n));
  store_fails(w, count(w, &both[13], &n), SHUNT_E_USAGE, "deep");
  store_fails(w, count(w, &both[39], &n), SHUNT_E_USAGE, "deep");
}

/* Floats: a long list of them can't be packed. */
static void more_values_than_a_statement_takes_are_refused(void **state) {
  store *w = *state;
  shunt_value values[8];
  int64_t n;
  for (size_t i = 0; i < COUNT(values); i++) values[i] = shunt_float((double)i);
  shunt_where in = {.op = SHUNT_IN, .column = "id", .values = values, .nvalues = COUNT(values)};
  w->session->max_params = 7;
  store_fails(w, count(w, &in, &n), SHUNT_E_USAGE, "takes 7");
  w->session->max_params = 8;
  store_fine(w, count(w, &in, &n));
}

/* ---- the instance column ---- */

static void nothing_removes_the_instance(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO tenants VALUES (1, 1, 'a'), (2, 7, 'b'), (3, 7, 'c')");
  shunt_session_close(w->session);
  store_open_session(w, "acme");
  const shunt_value one = shunt_integer(1), a = TEXT("a"), b = TEXT("b");
  shunt_where items[] = {store_is("id", &one), store_is("name", &b), store_is("iid", &one)};
  shunt_where either = {.op = SHUNT_OR, .items = items, .nitems = 3},
              not_b = {.op = SHUNT_NOT, .items = items + 1, .nitems = 1};
  int64_t n;
  shunt_query q = {.where = &either, .client = "main"};
  store_fine(w, shunt_count(w->session, "tenant", &q, &n, &w->err));
  assert_int_equal(n, 1);
  q.where = &not_b;
  store_fine(w, shunt_count(w->session, "tenant", &q, &n, &w->err));
  assert_int_equal(n, 1);
  shunt_field fields[] = {{"name", a}, {"iid", shunt_integer(1)}};
  shunt_record record = {.fields = fields, .nfields = 2};
  shunt_rows *rows;
  store_fails(w, shunt_insert(w->session, "tenant", &record, NULL, &rows, &w->err), SHUNT_E_USAGE, "iid");
  store_fails(w, shunt_update(w->session, "tenant", &record, &(shunt_write){.where = &not_b}, &n, &w->err),
              SHUNT_E_USAGE, "iid");
  store_fails(w, shunt_insert_bulk(w->session, "tenant", &(shunt_records){&record, 1}, NULL, &n, &w->err),
              SHUNT_E_USAGE, "iid");
  fields[1].value = TEXT("7"); /* what it would be anyway */
  store_fine(w, shunt_insert_bulk(w->session, "tenant", &(shunt_records){&record, 1}, NULL, &n, &w->err));
  fields[1].value = shunt_integer(7);
  shunt_record two[] = {record, record};
  shunt_field other[] = {{"name", a}, {"iid", shunt_integer(1)}};
  two[1].fields = other;
  store_fails(w, shunt_insert_bulk(w->session, "tenant", &(shunt_records){two, 2}, NULL, &n, &w->err), SHUNT_E_USAGE,
              "iid");
  store_fine(w, shunt_update(w->session, "tenant", &record, &(shunt_write){.all = true}, &n, &w->err));
  assert_int_equal(n, 3);
  store_fine(w, shunt_delete(w->session, "tenant", &(shunt_write){.all = true}, &n, &w->err));
  assert_int_equal(n, 3);
  assert_int_equal(store_number(w, 0, "SELECT count(*) FROM tenants WHERE iid = 1"), 1);
}

static void an_instance_without_a_number_can_not_be_told_apart(void **state) {
  store *w = *state;
  int64_t n;
  shunt_session_close(w->session);
  store_open_session(w, "nameless");
  store_fails(w, shunt_count(w->session, "tenant", NULL, &n, &w->err), SHUNT_E_USAGE, "instance 'nameless' has no id");
  store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err));
}

/* ---- lists with nulls, against a walk over the rows ---- */

static bool holds(const shunt_where *c, const int64_t *age) {
  bool null = false, found = false;
  for (size_t i = 0; i < c->nvalues; i++) {
    null = null || c->values[i].type == SHUNT_NULL;
    found = found || (age && c->values[i].type == SHUNT_INTEGER && c->values[i].as.integer == *age);
  }
  if (c->op == SHUNT_IN) return age ? found : null;
  return c->nvalues == 0 || (age && !found);
}

static void lists_find_nulls_too(void **state) {
  store *w = *state;
  rng r = rng_start("lists with nulls");
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 0), (2, 'b', 1), (3, 'c', 2), (4, 'd', NULL)");
  static const int64_t ages[] = {0, 1, 2};
  for (int i = 0; i < 500; i++) {
    shunt_value values[5];
    size_t n = rng_below(&r, 6);
    for (size_t k = 0; k < n; k++)
      values[k] = rng_below(&r, 4) ? shunt_integer((int64_t)rng_below(&r, 4)) : shunt_null();
    shunt_where c = {.op = rng_below(&r, 2) ? SHUNT_IN : SHUNT_NOT_IN, .column = "age", .values = values, .nvalues = n};
    int64_t expected = holds(&c, NULL), got;
    for (size_t k = 0; k < COUNT(ages); k++) expected += holds(&c, &ages[k]);
    w->session->max_params = i % 2 ? 0 : 8; /* then a list of three is long */
    store_fine(w, count(w, &c, &got));
    if (got != expected) fail_msg("%lld rows, not %lld: %s", (long long)got, (long long)expected, w->last);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(conditions_of_the_wrong_form_are_refused),
      store_test(conditions_may_be_deep_but_not_bottomless),
      store_test(more_values_than_a_statement_takes_are_refused),
      store_test(nothing_removes_the_instance),
      store_test(an_instance_without_a_number_can_not_be_told_apart),
      store_test(lists_find_nulls_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
