/* Aggregates of relations, from C: one row of results for each parent, whatever the statements are cut into. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"

static const shunt_aggregation of_orders[] = {
    {SHUNT_COUNT, NULL}, {SHUNT_SUM, "total"}, {SHUNT_MIN, "id"}, {SHUNT_AVG, "id"}};
static const shunt_aggregation of_roles[] = {{SHUNT_SUM, "id"}, {SHUNT_COUNT, NULL}, {SHUNT_AVG, "id"}};
static const shunt_include both[] = {
    {.relation = "orders", .aggregates = of_orders, .naggregates = COUNT(of_orders)},
    {.relation = "roles", .aggregates = of_roles, .naggregates = COUNT(of_roles)},
};

/* User 1 has no orders and no roles; user 2 has orders and no roles. Role 4 is missing. */
static void fill(store *w) {
  store_exec(w, 0,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9) "
             "INSERT INTO users SELECT i, 'user ' || i, i % 5 FROM n");
  store_exec(
      w, 1,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
      "INSERT INTO orders SELECT i, i * 7 % 8 + 2, i, 'open' FROM n;"
      "INSERT INTO user_roles (id, user_id, role_id) SELECT id, user_id, id % 4 + 1 FROM orders WHERE user_id > 2");
  store_exec(w, 2, "INSERT INTO roles VALUES (1, 'a'), (2, 'b'), (3, 'c')");
}

static const shunt_value *results_of(const shunt_rows *rows, size_t relation, size_t parent) {
  size_t n;
  const uint32_t *positions = shunt_rows_related(rows, relation, parent, &n);
  assert_int_equal(n, 1);
  return shunt_rows_at(shunt_rows_loaded(rows, relation).rows, positions[0]);
}

static int64_t number(store *w, const char *what, const char *from, int64_t user) {
  char sql[160];
  snprintf(sql, sizeof sql, "SELECT coalesce(%s, 0) FROM %s = %d", what, from, (int)user);
  return store_number(w, 1, sql);
}

/* The sum and the average are null if there are no rows. */
static void check_sum(const shunt_value *sum, const shunt_value *average, int64_t expected, int64_t count) {
  double value = sum->type == SHUNT_FLOAT ? sum->as.number : (double)sum->as.integer;
  if (count == 0) {
    assert_int_equal(sum->type, SHUNT_NULL);
    assert_int_equal(average->type, SHUNT_NULL);
    return;
  }
  assert_true(value == (double)expected);
  assert_int_equal(average->type, SHUNT_FLOAT);
}

static void check(store *w, const shunt_rows *rows) {
  static const char orders[] = "orders WHERE user_id", links[] = "user_roles WHERE role_id < 4 AND user_id";
  assert_int_equal(shunt_rows_count(rows), 9);
  for (size_t i = 0; i < 9; i++) {
    int64_t user = shunt_rows_at(rows, i)[0].as.integer;
    const shunt_value *order = results_of(rows, 0, i), *role = results_of(rows, 1, i);
    int64_t norders = number(w, "count(*)", orders, user), nroles = number(w, "count(*)", links, user);
    assert_int_equal(order[0].as.integer, norders);
    check_sum(&order[1], &order[3], number(w, "sum(total)", orders, user), norders);
    assert_int_equal(order[2].type, norders ? SHUNT_INTEGER : SHUNT_NULL);
    assert_int_equal(order[2].type == SHUNT_NULL ? 0 : order[2].as.integer, number(w, "min(id)", orders, user));
    assert_int_equal(role[1].as.integer, nroles);
    check_sum(&role[0], &role[2], number(w, "sum(role_id)", links, user), nroles);
    if (nroles) assert_true(role[2].as.number == (double)role[0].as.integer / (double)nroles);
  }
}

static void each_parent_has_one_row_of_results_whatever_the_statements_are(void **state) {
  store *w = *state;
  fill(w);
  shunt_query q = {.include = both, .ninclude = COUNT(both)};
  for (size_t max = 0; max < 30; max += 3) {
    shunt_rows *rows;
    w->session->max_params = max;
    store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
    shunt_loaded orders = shunt_rows_loaded(rows, 0);
    assert_int_equal(orders.kind, SHUNT_HAS_ONE);
    assert_int_equal(shunt_rows_ncolumns(orders.rows), COUNT(of_orders));
    assert_string_equal(shunt_rows_column(orders.rows, 0), "count");
    assert_string_equal(shunt_rows_column(orders.rows, 1), "sum_total");
    assert_int_equal(shunt_rows_ncolumns(shunt_rows_loaded(rows, 1).rows), COUNT(of_roles));
    check(w, rows);
    shunt_rows_free(rows);
  }
}

static void without_keys_no_statement_is_needed(void **state) {
  store *w = *state;
  store_exec(w, 1, "INSERT INTO orders VALUES (1, NULL, 5, 'open')");
  const shunt_aggregation of_user[] = {{SHUNT_MAX, "Age"}, {SHUNT_COUNT, "age"}};
  const shunt_include user = {.relation = "user", .aggregates = of_user, .naggregates = COUNT(of_user)};
  shunt_query q = {.include = &user, .ninclude = 1};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "order", &q, &rows, &w->err));
  assert_int_equal(w->statements, 1);
  assert_string_equal(shunt_rows_column(shunt_rows_loaded(rows, 0).rows, 0), "max_Age");
  assert_int_equal(results_of(rows, 0, 0)[0].type, SHUNT_NULL);
  assert_int_equal(results_of(rows, 0, 0)[1].as.integer, 0);
  shunt_rows_free(rows);
}

static void aggregates_that_make_no_sense_are_refused(void **state) {
  store *w = *state;
  fill(w);
  const shunt_aggregation odd = {(shunt_function)9, "id"}, bare = {SHUNT_SUM, NULL}, text = {SHUNT_AVG, "state"},
                          absent = {SHUNT_MIN, "totl"}, sum = {SHUNT_SUM, "id"};
  const char *const names[] = {"id"};
  const shunt_include lines = {.relation = "lines"};
  const struct {
    shunt_include include;
    shunt_status status;
    const char *words;
  } cases[] = {
      {{.relation = "orders", .aggregates = &odd}, SHUNT_E_USAGE, "unknown function 9"},
      {{.relation = "orders", .aggregates = &bare}, SHUNT_E_USAGE, "sum needs a column"},
      {{.relation = "orders", .aggregates = &text}, SHUNT_E_USAGE, "avg takes numbers"},
      {{.relation = "orders", .aggregates = &absent}, SHUNT_E_NOT_FOUND, "did you mean 'total'?"},
      {{.relation = "orders", .aggregates = &sum, .count = true}, SHUNT_E_USAGE, "one of the aggregates"},
      {{.relation = "orders", .aggregates = &sum, .query = &(shunt_query){.columns = names, .ncolumns = 1}},
       SHUNT_E_USAGE,
       "takes no columns"},
      {{.relation = "orders", .aggregates = &sum, .query = &(shunt_query){.order = names, .norder = 1}},
       SHUNT_E_USAGE,
       "takes no order"},
      {{.relation = "orders", .aggregates = &sum, .query = &(shunt_query){.include = &lines, .ninclude = 1}},
       SHUNT_E_USAGE,
       "takes no include"},
      {{.relation = "roles", .aggregates = &sum, .query = &(shunt_query){.offset = 1}},
       SHUNT_E_USAGE,
       "its links lead to"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    shunt_include include = cases[i].include;
    shunt_rows *rows;
    include.naggregates = 1;
    shunt_query q = {.include = &include, .ninclude = 1};
    store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), cases[i].status, cases[i].words);
    assert_null(rows);
  }
  int64_t affected;
  shunt_write write = {.all = true, .include = both, .ninclude = 1};
  store_fails(w, shunt_delete(w->session, "user", &write, &affected, &w->err), SHUNT_E_USAGE, "which only reads do");
}

/* Every allocation of a warm session's call fails in turn. */
static void aggregates_without_memory_lose_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  store_make(&w);
  fill(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  shunt_query q = {.include = both, .ninclude = COUNT(both)};
  size_t failures = 0;
  bool done = false;
  for (size_t at = 1; !done; at++) {
    shunt_rows *rows = NULL;
    shunt_session_close(w.session);
    store_open_session(&w, NULL);
    f.fail_at = f.seen + at;
    f.failed = false;
    shunt_status status = shunt_select(w.session, "user", &q, &rows, &w.err);
    f.fail_at = 0;
    done = !f.failed;
    if (status && status != SHUNT_E_MEMORY && status != SHUNT_E_LIMIT && status != SHUNT_E_RULE)
      fail_msg("%s: %s", shunt_status_name(status), w.err.message);
    failures += status != SHUNT_OK;
    assert_true(!status == (rows != NULL));
    if (rows) check(&w, rows);
    shunt_rows_free(rows);
  }
  assert_true(failures > 30);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(each_parent_has_one_row_of_results_whatever_the_statements_are),
      store_test(without_keys_no_statement_is_needed),
      store_test(aggregates_that_make_no_sense_are_refused),
      cmocka_unit_test(aggregates_without_memory_lose_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
