/* The short calls: shunt_get, shunt_transaction, rows by name, lists in place, decisions in batches. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

static void fill(store *w) {
  store_exec(w, 0,
             "INSERT INTO users VALUES (1, 'Ada', 36), (2, 'Ben', 20), (3, 'Cy', NULL);"
             "INSERT INTO profiles VALUES (1, 1, 'mathematician')");
  store_exec(w, 1, "INSERT INTO orders (id, user_id, total) VALUES (1, 1, 10), (2, 2, 20), (3, 1, 30)");
}

/* ---- values and lists ---- */

static void a_text_of_c_is_a_value(void **state) {
  (void)state;
  const shunt_value v = shunt_str("Ada"), empty = shunt_str(""), none = shunt_str(NULL);
  assert_int_equal(v.type, SHUNT_TEXT);
  assert_int_equal(v.size, 3);
  assert_int_equal(empty.type, SHUNT_TEXT);
  assert_int_equal(empty.size, 0);
  assert_int_equal(none.type, SHUNT_NULL);
}

/* The ids of the users that the condition finds. */
static void assert_found(store *w, const shunt_where *where, const char *ids) {
  char found[64] = "";
  shunt_rows *rows;
  store_fine(
      w, shunt_select(w->session, "user", &(shunt_query){.where = where, SHUNT_NAMES(order, "id")}, &rows, &w->err));
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    const size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%lld ", (long long)shunt_rows_get(rows, i, "id")->as.integer);
  }
  shunt_rows_free(rows);
  assert_string_equal(found, ids);
}

static void conditions_are_made_in_place(void **state) {
  store *w = *state;
  fill(w);
  assert_found(w, &SHUNT_WHERE("id", SHUNT_EQ, shunt_integer(2)), "2 ");
  assert_found(w, &SHUNT_WHERE("id", SHUNT_IN, shunt_integer(3), shunt_integer(1)), "1 3 ");
  assert_found(w, &SHUNT_WHERE("age", SHUNT_BETWEEN, shunt_integer(20), shunt_integer(30)), "2 ");
  assert_found(w, &SHUNT_ALL(SHUNT_WHERE("id", SHUNT_GT, shunt_integer(1)), SHUNT_WHERE("age", SHUNT_EQ, shunt_null())),
               "3 ");
  assert_found(
      w,
      &SHUNT_ANY(SHUNT_WHERE("name", SHUNT_EQ, shunt_str("Ada")),
                 SHUNT_ALL(SHUNT_WHERE("id", SHUNT_GT, shunt_integer(1)), SHUNT_WHERE("age", SHUNT_NE, shunt_null()))),
      "1 2 ");
}

static void records_and_includes_are_made_in_place(void **state) {
  store *w = *state;
  shunt_rows *rows;
  store_fine(w, shunt_insert(w->session, "user", &SHUNT_RECORD({"name", shunt_str("Dee")}, {"age", shunt_integer(7)}),
                             NULL, &rows, &w->err));
  assert_string_equal(shunt_rows_get(rows, 0, "name")->as.bytes, "Dee");
  shunt_rows_free(rows);
}

/* ---- rows by name ---- */

static void cells_are_found_by_name(void **state) {
  store *w = *state;
  fill(w);
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", &(shunt_query){SHUNT_NAMES(columns, "name", "age")}, &rows, &w->err));
  assert_int_equal(shunt_rows_find(rows, "name"), 0);
  assert_int_equal(shunt_rows_find(rows, "age"), 1);
  assert_int_equal(shunt_rows_find(rows, "id"), -1); /* perhaps fetched, but not asked for */
  assert_int_equal(shunt_rows_find(rows, NULL), -1);
  for (size_t i = 0; i < 3; i++)
    for (int c = 0; c < 2; c++)
      assert_ptr_equal(shunt_rows_get(rows, i, shunt_rows_column(rows, (size_t)c)), &shunt_rows_at(rows, i)[c]);
  assert_null(shunt_rows_get(rows, 3, "name"));
  assert_null(shunt_rows_get(rows, 0, "nope"));
  shunt_rows_free(rows);
}

static void related_rows_are_found_by_name(void **state) {
  store *w = *state;
  fill(w);
  shunt_rows *rows;
  const uint32_t *at;
  size_t n;
  const shunt_query q = {SHUNT_NAMES(order, "id"), SHUNT_NAMES(columns, "name"),
                         SHUNT_INCLUDE({.relation = "orders"}, {.relation = "profile", .count = true})};
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  assert_int_equal(shunt_rows_find(rows, "id"), -1); /* fetched for the relations alone */
  const shunt_rows *orders = shunt_rows_children(rows, 0, "orders", &at, &n);
  assert_ptr_equal(orders, shunt_rows_loaded(rows, 0).rows);
  assert_int_equal(n, 2);
  assert_int_equal(shunt_rows_get(orders, at[0], "id")->as.integer, 1);
  assert_int_equal(shunt_rows_get(orders, at[1], "id")->as.integer, 3);
  assert_non_null(shunt_rows_children(rows, 2, "orders", &at, &n));
  assert_int_equal(n, 0);
  assert_null(shunt_rows_children(rows, 0, "profile", &at, &n)); /* only counted */
  assert_null(at);
  assert_int_equal(n, 1);
  assert_null(shunt_rows_children(rows, 0, "nope", &at, &n));
  assert_null(at);
  assert_int_equal(n, 0);
  assert_null(shunt_rows_children(rows, 0, NULL, NULL, NULL));
  assert_ptr_equal(shunt_rows_children(rows, 0, "orders", NULL, NULL), orders);
  shunt_rows_free(rows);
}

static void rows_are_written_as_json(void **state) {
  store *w = *state;
  fill(w);
  shunt_rows *rows;
  char *json;
  const shunt_query q = {SHUNT_NAMES(order, "id"), SHUNT_NAMES(columns, "name", "age"), .limit = 2,
                         SHUNT_INCLUDE({.relation = "orders", .count = true}, {.relation = "profile"})};
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  store_fine(w, shunt_rows_json(rows, &json, &w->err));
  assert_string_equal(json, "[{\"name\":\"Ada\",\"age\":36,\"orders\":2,\"profile\":{\"id\":1,\"user_id\":1,\"bio\":"
                            "\"mathematician\"}},{\"name\":\"Ben\",\"age\":20,\"orders\":1,\"profile\":null}]");
  shunt_free(json);
  shunt_rows_free(rows);
  store_exec(w, 1, "UPDATE orders SET total = 9e999 WHERE id = 1");
  store_fine(w, shunt_get(w->session, "order", shunt_integer(1), NULL, &rows, &w->err));
  store_fails(w, shunt_rows_json(rows, &json, &w->err), SHUNT_E_USAGE, "'total'");
  assert_null(json);
  shunt_rows_free(rows);
}

/* ---- get ---- */

static void a_row_is_read_by_its_key(void **state) {
  store *w = *state;
  fill(w);
  shunt_rows *rows;
  store_fine(w, shunt_get(w->session, "user", shunt_integer(2), NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 1);
  assert_string_equal(shunt_rows_get(rows, 0, "name")->as.bytes, "Ben");
  shunt_rows_free(rows);
  store_fine(w, shunt_get(w->session, "user", shunt_integer(9), NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  assert_null(shunt_rows_get(rows, 0, "name"));
  shunt_rows_free(rows);
  store_fails(w, shunt_get(w->session, "usr", shunt_integer(9), NULL, &rows, &w->err), SHUNT_E_NOT_FOUND, "'user'");
  assert_null(rows);
}

/* ---- decisions ---- */

typedef struct answers {
  size_t n;
  char text[128];
} answers;

static void note(void *ud, size_t i, const shunt_decision *d, const shunt_error *failure) {
  answers *a = ud;
  const size_t used = strlen(a->text);
  assert_int_equal(i, a->n++);
  snprintf(a->text + used, sizeof a->text - used, "%s ", d ? d->client : shunt_status_name(failure->status));
}

static void many_decisions_are_taken_in_one_call(void **state) {
  store *w = *state;
  const shunt_request user = {.model = "user"}, order = {.model = "order"}, none = {.model = "usr"},
                      line = {.relation = "order.lines"};
  const shunt_request *const requests[] = {&user, &order, &none, NULL, &line};
  answers a = {.n = 0};
  store_fine(w, shunt_resolve_all(w->session, requests, COUNT(requests), note, &a, &w->err));
  assert_string_equal(a.text, "main orders SHUNT_E_NOT_FOUND SHUNT_E_USAGE stock ");
  a = (answers){.n = 0};
  store_fine(w, shunt_resolve_all(w->session, NULL, 0, note, &a, &w->err));
  assert_int_equal(a.n, 0);
  store_fails(w, shunt_resolve_all(w->session, NULL, 1, note, &a, &w->err), SHUNT_E_USAGE, "requests");
  store_fails(w, shunt_resolve_all(w->session, requests, 1, NULL, &a, &w->err), SHUNT_E_USAGE, "each");
}

/* ---- transactions ---- */

typedef struct job {
  int runs, conflicts; /* it fails with as many conflicts first */
  shunt_status fails;
  bool silent; /* and says no more than the status */
} job;

static shunt_status work(void *ud, shunt_session *session, shunt_error *err) {
  job *j = ud;
  shunt_rows *rows;
  assert_non_null(err);
  shunt_status status = shunt_insert(session, "user", &SHUNT_RECORD({"name", shunt_str("new")}), NULL, &rows, err);
  shunt_rows_free(rows);
  if (status) return status;
  if (++j->runs <= j->conflicts) {
    *err = (shunt_error){.status = SHUNT_E_CONFLICT, .engine_code = 5, .message = "locked"};
    return err->status;
  }
  if (j->fails && !j->silent) *err = (shunt_error){.status = j->fails, .message = "no more"};
  return j->fails;
}

static int64_t users(store *w) { return store_number(w, 0, "SELECT count(*) FROM users"); }

static void a_transaction_commits_what_its_function_did(void **state) {
  store *w = *state;
  job j = {0};
  store_fine(w, shunt_transaction(w->session, NULL, work, &j, &w->err));
  assert_int_equal(users(w), 1);
  j.fails = SHUNT_E_DENIED;
  store_fails(w, shunt_transaction(w->session, NULL, work, &j, &w->err), SHUNT_E_DENIED, "no more");
  assert_int_equal(users(w), 1);
  j.silent = true;
  store_fails(w, shunt_transaction(w->session, NULL, work, &j, &w->err), SHUNT_E_DENIED, "returned SHUNT_E_DENIED");
  assert_int_equal(shunt_transaction(w->session, NULL, work, &j, NULL), SHUNT_E_DENIED);
  assert_int_equal(users(w), 1);
}

static void conflicts_are_tried_again_as_often_as_asked(void **state) {
  store *w = *state;
  for (int retry = 0; retry < 4; retry++) {
    job j = {.conflicts = 2};
    const int64_t before = users(w);
    shunt_status status = shunt_transaction(w->session, &(shunt_tx_options){.retry = retry}, work, &j, &w->err);
    assert_int_equal(status, retry < 2 ? SHUNT_E_CONFLICT : SHUNT_OK);
    assert_int_equal(j.runs, retry < 2 ? retry + 1 : 3);
    assert_int_equal(users(w), before + !status);
  }
  job denied = {.fails = SHUNT_E_DENIED};
  store_fails(w, shunt_transaction(w->session, &(shunt_tx_options){.retry = 3}, work, &denied, &w->err), SHUNT_E_DENIED,
              "no more");
  assert_int_equal(denied.runs, 1);
}

static shunt_status outer(void *ud, shunt_session *session, shunt_error *err) {
  return shunt_transaction(session, &(shunt_tx_options){.retry = 3}, work, ud, err);
}

static void a_transaction_that_joins_another_is_not_tried_again(void **state) {
  store *w = *state;
  job j = {.conflicts = 1};
  store_fails(w, shunt_transaction(w->session, NULL, outer, &j, &w->err), SHUNT_E_CONFLICT, "locked");
  assert_int_equal(j.runs, 1);
  assert_int_equal(users(w), 0);
}

static shunt_status failing_hook(void *ud, shunt_error *err) {
  (void)ud;
  *err = (shunt_error){.status = SHUNT_E_USAGE, .message = "the hook is broken"};
  return err->status;
}

static shunt_status with_a_hook(void *ud, shunt_session *session, shunt_error *err) {
  shunt_status status = shunt_on_rollback(session, failing_hook, NULL, NULL, err);
  return status ? status : work(ud, session, err);
}

static void hooks_that_fail_after_the_rollback_are_told_with_its_cause(void **state) {
  store *w = *state;
  job j = {.fails = SHUNT_E_DENIED};
  shunt_status status = shunt_transaction(w->session, NULL, with_a_hook, &j, &w->err);
  store_fails(w, status, SHUNT_E_TRANSACTION, "the hook is broken");
  store_fails(w, status, SHUNT_E_TRANSACTION, "no more");
}

static void what_makes_no_sense_is_refused(void **state) {
  store *w = *state;
  job j = {0};
  shunt_tx *tx;
  store_fails(w, shunt_transaction(w->session, NULL, NULL, NULL, &w->err), SHUNT_E_USAGE, "function");
  store_fails(w, shunt_transaction(w->session, &(shunt_tx_options){.retry = -1}, work, &j, &w->err), SHUNT_E_USAGE,
              "retry");
  store_fails(w, shunt_begin(w->session, &(shunt_tx_options){.retry = 1}, &tx, &w->err), SHUNT_E_USAGE,
              "shunt_transaction");
  assert_null(tx);
  assert_int_equal(j.runs, 0);
}

/* ---- the library ---- */

static void the_library_says_which_it_is(void **state) {
  (void)state;
  int major, minor, patch;
  assert_string_equal(shunt_version(), SHUNT_VERSION);
  assert_int_equal(sscanf(SHUNT_VERSION, "%d.%d.%d", &major, &minor, &patch), 3);
  assert_int_equal(SHUNT_VERSION_NUMBER, (major * 1000 + minor) * 1000 + patch);
  assert_int_equal(shunt_version_number(), SHUNT_VERSION_NUMBER);
  assert_true(shunt_feature("sqlite3") && shunt_feature("pg") && shunt_feature("mysql"));
  assert_true(shunt_feature("mysql-timeouts") && shunt_feature("pg-timeouts") && shunt_feature("sqlite3-timeouts"));
  assert_false(shunt_feature("oracle") || shunt_feature("mysql-") || shunt_feature("") || shunt_feature(NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_of_c_is_a_value),
      store_test(conditions_are_made_in_place),
      store_test(records_and_includes_are_made_in_place),
      store_test(cells_are_found_by_name),
      store_test(related_rows_are_found_by_name),
      store_test(rows_are_written_as_json),
      store_test(a_row_is_read_by_its_key),
      store_test(many_decisions_are_taken_in_one_call),
      store_test(a_transaction_commits_what_its_function_did),
      store_test(conflicts_are_tried_again_as_often_as_asked),
      store_test(a_transaction_that_joins_another_is_not_tried_again),
      store_test(hooks_that_fail_after_the_rollback_are_told_with_its_cause),
      store_test(what_makes_no_sense_is_refused),
      cmocka_unit_test(the_library_says_which_it_is),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
