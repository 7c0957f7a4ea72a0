/* Reads with relations, from C: few statements, whatever the keys are cut into, and nothing lost when memory runs out.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/buf.h"
#include "unit/query/store.h"

#include "unit/faults.h"

static const shunt_include lines_of = {.relation = "lines"};
static const shunt_include of_user[] = {
    {.relation = "orders", .query = &(shunt_query){.include = &lines_of, .ninclude = 1}},
    {.relation = "profile"},
    {.relation = "roles"},
    {.relation = "visits"},
};

static void fill(store *w) {
  store_exec(w, 0,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20) "
             "INSERT INTO users SELECT i, 'user ' || i, i % 5 FROM n;"
             "INSERT INTO profiles SELECT id, id, 'bio' FROM users WHERE id % 3 = 0");
  store_exec(
      w, 1,
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
      "INSERT INTO orders SELECT i, i * 7 % 25 + 1, i, 'open' FROM n;"
      "INSERT INTO user_roles SELECT id, user_id, id % 4 + 1, id % 3 FROM orders;"
      "INSERT INTO visits_0 VALUES (1, 4, 'a'), (2, 8, 'b'), (3, 4, 'c'); INSERT INTO visits_2 VALUES (1, 2, 'd')");
  store_exec(w, 2,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) "
             "INSERT INTO lines SELECT i, i * 11 % 70 + 1, 'p' FROM n;"
             "INSERT INTO roles VALUES (1, 'a'), (2, 'b'), (3, 'c');"
             "INSERT INTO visits_1 VALUES (1, 1, 'e'), (2, 5, 'f'); INSERT INTO visits_3 VALUES (1, 3, 'g')");
}

/* A tree of rows as text, to be compared with another. */
static void print_rows(buf *out, const shunt_rows *rows);

static void print_row(buf *out, const shunt_rows *rows, size_t row) {
  const shunt_value *cells = shunt_rows_at(rows, row);
  for (size_t c = 0; c < shunt_rows_ncolumns(rows); c++) {
    buf_printf(out, "%s=", shunt_rows_column(rows, c));
    if (cells[c].type == SHUNT_TEXT) buf_puts(out, cells[c].as.bytes);
    if (cells[c].type == SHUNT_INTEGER) buf_printf(out, "%lld", (long long)cells[c].as.integer);
    buf_putc(out, ' ');
  }
  for (size_t k = 0; k < shunt_rows_nloaded(rows); k++) {
    shunt_loaded loaded = shunt_rows_loaded(rows, k);
    size_t n;
    const uint32_t *positions = shunt_rows_related(rows, k, row, &n);
    buf_printf(out, "%s[", loaded.name);
    for (size_t i = 0; i < n; i++) print_row(out, loaded.rows, positions[i]);
    buf_puts(out, "] ");
  }
}

static void print_rows(buf *out, const shunt_rows *rows) {
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    print_row(out, rows, i);
    buf_putc(out, '\n');
  }
}

static char *tree(store *w, const shunt_query *q) {
  buf out = {0};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", q, &rows, &w->err));
  print_rows(&out, rows);
  shunt_rows_free(rows);
  char *text = buf_take(&out);
  assert_non_null(text);
  return text;
}

static void keys_may_be_cut_into_any_number_of_statements(void **state) {
  store *w = *state;
  fill(w);
  const char *const by_name[] = {"-name"};
  shunt_include includes[COUNT(of_user)];
  memcpy(includes, of_user, sizeof of_user);
  includes[2].query = &(shunt_query){.order = by_name, .norder = 1, .limit = 2};
  shunt_query q = {.include = includes, .ninclude = COUNT(includes)};
  char *whole = tree(w, &q);
  size_t few = w->statements;
  assert_int_equal(few,
                   1 + 1 + 1 + 1 + 2 + 4); /* users, orders, lines, profiles, links and roles, four parts of visits */
  for (size_t max = 4; max < 40; max += 5) {
    w->session->max_params = max;
    w->statements = 0;
    char *cut = tree(w, &q);
    assert_string_equal(cut, whole);
    assert_true(max > 30 || w->statements > few);
    shunt_free(cut);
  }
  shunt_free(whole);
}

static void limits_count_per_parent_and_not_per_statement(void **state) {
  store *w = *state;
  fill(w);
  shunt_include orders = {.relation = "orders", .query = &(shunt_query){.limit = 2, .offset = 1}};
  shunt_query q = {.include = &orders, .ninclude = 1, .where = NULL};
  shunt_rows *rows;
  for (size_t max = 0; max < 12; max += 6) {
    w->session->max_params = max;
    store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
    for (size_t i = 0; i < shunt_rows_count(rows); i++) {
      size_t n;
      char sql[128];
      int64_t user = shunt_rows_at(rows, i)[0].as.integer;
      const uint32_t *positions = shunt_rows_related(rows, 0, i, &n);
      snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT 1 FROM orders WHERE user_id = %d LIMIT 2 OFFSET 1)",
               (int)user);
      assert_int_equal(n, store_number(w, 1, sql));
      for (size_t k = 0; k < n; k++) {
        snprintf(sql, sizeof sql, "SELECT id FROM orders WHERE user_id = %d ORDER BY id LIMIT 1 OFFSET %zu", (int)user,
                 k + 1);
        assert_int_equal(shunt_rows_at(shunt_rows_loaded(rows, 0).rows, positions[k])[0].as.integer,
                         store_number(w, 1, sql));
      }
    }
    shunt_rows_free(rows);
  }
}

static void nothing_is_asked_for_no_keys(void **state) {
  store *w = *state;
  shunt_query q = {.include = of_user, .ninclude = COUNT(of_user)};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  assert_int_equal(w->statements, 1);
  assert_int_equal(shunt_rows_nloaded(rows), COUNT(of_user));
  shunt_loaded orders = shunt_rows_loaded(rows, 0);
  assert_string_equal(shunt_rows_loaded(orders.rows, 0).name, "lines"); /* there, and empty */
  shunt_rows_free(rows);
}

static void includes_that_make_no_sense_are_refused_before_anything_is_read(void **state) {
  store *w = *state;
  shunt_rows *rows = (shunt_rows *)w;
  shunt_include deep[70];
  shunt_query below[COUNT(deep)];
  for (size_t i = 0; i < COUNT(deep); i++) {
    const bool last = i + 1 == COUNT(deep);
    below[i] = (shunt_query){.include = last ? NULL : &deep[i + 1], .ninclude = !last};
    deep[i] = (shunt_include){.relation = i % 2 ? "user" : "orders", .query = &below[i]};
  }
  const shunt_relation no_target = {.foreign_key = {"x"}}, odd_target = {.target = "ordr", .foreign_key = {"x"}},
                       no_through = {.target = "role", .foreign_key = {"x"}, .kind = SHUNT_BELONGS_TO_MANY},
                       odd_client = {.target = "order", .foreign_key = {"x"}, .client = "ordrs"};
  const struct {
    shunt_include include[2];
    size_t n;
    shunt_status status;
    const char *words;
  } cases[] = {{{{.relation = "ordrs"}}, 1, SHUNT_E_NOT_FOUND, "did you mean 'orders'?"},
               {{{.relation = "orders"}, {.relation = "orders"}}, 2, SHUNT_E_USAGE, "asked for twice"},
               {{{.relation = NULL}}, 1, SHUNT_E_USAGE, "no name"},
               {{{.relation = "orders", .query = &(shunt_query){.client = "ordes"}}},
                1,
                SHUNT_E_NOT_FOUND,
                "did you mean 'orders'?"},
               {{{.relation = "x", .with = &no_target}}, 1, SHUNT_E_USAGE, "names no target"},
               {{{.relation = "x", .with = &odd_target}}, 1, SHUNT_E_NOT_FOUND, "did you mean 'order'?"},
               {{{.relation = "x", .with = &no_through}}, 1, SHUNT_E_USAGE, "goes through"},
               {{{.relation = "x", .with = &odd_client}}, 1, SHUNT_E_NOT_FOUND, "did you mean 'orders'?"},
               {{deep[0]}, 1, SHUNT_E_USAGE, "deep"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    shunt_query q = {.include = cases[i].include, .ninclude = cases[i].n};
    store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), cases[i].status, cases[i].words);
    assert_null(rows);
  }
  assert_int_equal(w->statements, 0);
  int64_t n;
  shunt_query q = {.include = of_user, .ninclude = 1};
  store_fails(w, shunt_count(w->session, "user", &q, &n, &w->err), SHUNT_E_USAGE, "includes no relations");
}

static void a_key_that_is_no_column_is_named(void **state) {
  store *w = *state;
  fill(w);
  shunt_rows *rows;
  const shunt_relation child = {.kind = SHUNT_HAS_MANY, .target = "order", .foreign_key = {"usr_id"}},
                       parent = {.kind = SHUNT_HAS_MANY, .target = "order", .foreign_key = {"user_id"}, .key = {"idd"}};
  shunt_include include = {.relation = "x", .with = &child};
  shunt_query q = {.include = &include, .ninclude = 1};
  store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), SHUNT_E_NOT_FOUND,
              "model 'order' has no column 'usr_id' (table orders on orders); did you mean 'user_id'?");
  include.with = &parent;
  store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), SHUNT_E_NOT_FOUND, "'idd'");
}

/* ---- mget ---- */

static void rows_are_got_in_the_order_of_their_keys(void **state) {
  store *w = *state;
  fill(w);
  const shunt_value ids[] = {shunt_integer(9),  shunt_null(),   shunt_integer(3), TEXT("9"),
                             shunt_integer(99), shunt_float(3), shunt_integer(1), TEXT("x")};
  static const int64_t expected[] = {9, 3, 9, 3, 1};
  shunt_query q = {.columns = (const char *const[]){"name"}, .ncolumns = 1, .include = of_user, .ninclude = 1};
  for (size_t max = 0; max < 10; max += 3) {
    shunt_rows *rows;
    w->session->max_params = max ? max : 0;
    store_fine(w, shunt_mget(w->session, "user", &(shunt_keys){.values = ids, .n = COUNT(ids)}, &q, &rows, &w->err));
    assert_int_equal(shunt_rows_count(rows), COUNT(expected));
    assert_int_equal(shunt_rows_ncolumns(rows), 1);
    for (size_t i = 0; i < COUNT(expected); i++) {
      char name[32], sql[96];
      size_t n;
      snprintf(name, sizeof name, "user %d", (int)expected[i]);
      assert_string_equal(shunt_rows_at(rows, i)[0].as.bytes, name);
      shunt_rows_related(rows, 0, i, &n);
      snprintf(sql, sizeof sql, "SELECT count(*) FROM orders WHERE user_id = %d", (int)expected[i]);
      assert_int_equal(n, store_number(w, 1, sql));
    }
    shunt_rows_free(rows);
  }
}

static void relations_are_counted_in_place_of_being_read(void **state) {
  store *w = *state;
  fill(w);
  const shunt_include counted = {.relation = "orders", .count = true};
  shunt_query q = {.include = &counted, .ninclude = 1};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  assert_null(shunt_rows_loaded(rows, 0).rows);
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    char sql[96];
    size_t n;
    snprintf(sql, sizeof sql, "SELECT count(*) FROM orders WHERE user_id = %d",
             (int)shunt_rows_at(rows, i)[0].as.integer);
    assert_null(shunt_rows_related(rows, 0, i, &n));
    assert_int_equal(n, store_number(w, 1, sql));
  }
  shunt_rows_free(rows);
}

static void rows_are_ordered_by_a_column_of_another_file(void **state) {
  store *w = *state;
  fill(w);
  const char *const order[] = {"-user.name", "id"}, *const far[] = {"orders.total"};
  shunt_query q = {.order = order, .norder = COUNT(order), .limit = 50};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "order", &q, &rows, &w->err));
  assert_int_equal(w->statements, 3); /* the keys, their ranks, the orders */
  assert_int_equal(shunt_rows_count(rows), 50);
  assert_int_equal(shunt_rows_ncolumns(rows), 4);
  char last[32] = "zzz";
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    int64_t user = shunt_rows_at(rows, i)[1].as.integer;
    char name[32];
    snprintf(name, sizeof name, "%s%d", user > 20 ? "" : "user ", user > 20 ? 0 : (int)user);
    assert_true(strcmp(name, last) <= 0); /* a user who does not exist is null, which is last here */
    memcpy(last, name, sizeof last);
  }
  shunt_rows_free(rows);
  q.order = far;
  q.norder = 1;
  store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), SHUNT_E_USAGE, "may lead to several rows");
}

static void no_keys_give_no_rows_but_their_columns(void **state) {
  store *w = *state;
  const shunt_value null = shunt_null(), odd = TEXT("no number");
  shunt_rows *rows;
  store_fine(w, shunt_mget(w->session, "user", &(shunt_keys){.values = NULL}, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  assert_int_equal(shunt_rows_ncolumns(rows), 3);
  shunt_rows_free(rows);
  store_fine(w, shunt_mget(w->session, "user", NULL, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  shunt_rows_free(rows);
  store_fine(w, shunt_insert_bulk(w->session, "user", NULL, NULL, NULL, &w->err));
  store_fails(w, shunt_aggregate(w->session, "user", NULL, NULL, &rows, &w->err), SHUNT_E_USAGE, "name something");
  store_fine(w, shunt_mget(w->session, "user", &(shunt_keys){.values = &null, .n = 1}, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  shunt_rows_free(rows);
  assert_int_equal(w->statements, 0);
  store_fine(w, shunt_mget(w->session, "user", &(shunt_keys){.values = &odd, .n = 1}, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  shunt_rows_free(rows);
  shunt_query q = {.limit = 1};
  store_fails(w, shunt_mget(w->session, "user", &(shunt_keys){.values = &odd, .n = 1}, &q, &rows, &w->err),
              SHUNT_E_USAGE, "order of the keys");
}

/* ---- memory ---- */

/* Every allocation of a warm session's call fails in turn: an error or everything, and the next call works. */
static void a_read_that_runs_out_of_memory_loses_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  store_make(&w);
  fill(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  const shunt_value ids[] = {shunt_integer(9), shunt_integer(3), shunt_integer(9)};
  shunt_query q = {.include = of_user, .ninclude = COUNT(of_user)};
  const shunt_include counted[] = {{.relation = "orders", .count = true}, {.relation = "roles", .count = true}};
  shunt_query counts = {.include = counted, .ninclude = COUNT(counted)};
  const char *const by_user[] = {"-user.name", "user.age"};
  const shunt_query ordered = {.order = by_user, .norder = COUNT(by_user)};
  char *whole = tree(&w, &q);
  size_t failures = 0;
  for (int what = 0; what < 5; what++) {
    bool done = false;
    for (size_t at = 1; !done; at++) {
      shunt_rows *rows = NULL;
      int64_t n;
      shunt_session_close(w.session);
      store_open_session(&w, NULL);
      f.fail_at = f.seen + at;
      f.failed = false;
      shunt_status status =
          what == 0   ? shunt_select(w.session, "user", &q, &rows, &w.err)
          : what == 3 ? shunt_select(w.session, "user", &counts, &rows, &w.err)
          : what == 4 ? shunt_select(w.session, "order", &ordered, &rows, &w.err)
          : what == 1 ? shunt_mget(w.session, "user", &(shunt_keys){.values = ids, .n = COUNT(ids)}, &q, &rows, &w.err)
                      : shunt_count(w.session, "user", NULL, &n, &w.err);
      f.fail_at = 0;
      done = !f.failed;
      if (status && status != SHUNT_E_MEMORY && status != SHUNT_E_LIMIT && status != SHUNT_E_RULE)
        fail_msg("%s: %s", shunt_status_name(status), w.err.message);
      failures += status != SHUNT_OK;
      assert_true(what == 2 || !status == (rows != NULL));
      shunt_rows_free(rows);
    }
  }
  assert_true(failures > 100);
  char *again = tree(&w, &q);
  assert_string_equal(again, whole);
  shunt_free(again);
  shunt_free(whole);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(keys_may_be_cut_into_any_number_of_statements),
      store_test(limits_count_per_parent_and_not_per_statement),
      store_test(nothing_is_asked_for_no_keys),
      store_test(includes_that_make_no_sense_are_refused_before_anything_is_read),
      store_test(a_key_that_is_no_column_is_named),
      store_test(rows_are_got_in_the_order_of_their_keys),
      store_test(relations_are_counted_in_place_of_being_read),
      store_test(rows_are_ordered_by_a_column_of_another_file),
      store_test(no_keys_give_no_rows_but_their_columns),
      cmocka_unit_test(a_read_that_runs_out_of_memory_loses_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
