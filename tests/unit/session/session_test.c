/* Sessions and their transactions, from C: what holds them together, and what is said when they come apart. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include <math.h>

static void insert_user(store *w, const char *name) {
  shunt_field fields[] = {{"name", shunt_text(name, strlen(name))}};
  shunt_rows *rows;
  store_fine(w,
             shunt_insert(w->session, "user", &(shunt_record){.fields = fields, .nfields = 1}, NULL, &rows, &w->err));
  shunt_rows_free(rows);
}

static shunt_tx *begin(store *w, const shunt_tx_options *options) {
  shunt_tx *tx = NULL;
  store_fine(w, shunt_begin(w->session, options, &tx, &w->err));
  return tx;
}

static int64_t users(store *w) { return store_number(w, 0, "SELECT count(*) FROM users"); }

/* ---- opening ---- */

static void options_that_make_no_sense_are_refused(void **state) {
  store *w = *state;
  shunt_session *s = (shunt_session *)w;
  shunt_field attrs[] = {{"plan", TEXT("pro")}, {"x", shunt_null()}};
  shunt_session_options o = {.level = -1};
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_USAGE, "level");
  o = (shunt_session_options){.instance = "acmee"};
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_NOT_FOUND, "did you mean 'acme'?");
  o = (shunt_session_options){.attrs = attrs, .nattrs = 2};
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_USAGE, "attribute 'x'");
  attrs[1].value = shunt_blob("", 0);
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_USAGE, "attribute 'x'");
  attrs[1].value = shunt_float(NAN);
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_USAGE, "NaN");
  attrs[1] = (shunt_field){NULL, shunt_integer(1)};
  store_fails(w, shunt_session_open(w->app, &o, &s, &w->err), SHUNT_E_USAGE, "no name");
}

static void a_switch_holds_until_it_is_popped(void **state) {
  store *w = *state;
  const shunt_decision *d;
  shunt_request q = {.model = "user"};
  char name[] = "stock";
  store_fine(w, shunt_switch_push(w->session, name, &w->err));
  memset(name, 'x', 5); /* the session keeps no pointer to it */
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->client, "stock");
  store_fine(w, shunt_switch_push(w->session, NULL, &w->err));
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->client, "main");
  store_fails(w, shunt_switch_push(w->session, "stok", &w->err), SHUNT_E_NOT_FOUND, "did you mean 'stock'?");
  shunt_switch_pop(w->session);
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->client, "stock");
  shunt_switch_pop(w->session);
  shunt_switch_pop(w->session);
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->client, "main");
}

static void a_request_must_fit_together(void **state) {
  store *w = *state;
  const shunt_decision *d = (const shunt_decision *)w;
  shunt_request q = {.relation = "user.orders", .model = "role"};
  store_fails(w, shunt_resolve(w->session, &q, &d, &w->err), SHUNT_E_USAGE, "leads to model 'order'");
  assert_null(d);
  store_fails(w, shunt_resolve(w->session, &(shunt_request){.op = SHUNT_READ}, &d, &w->err), SHUNT_E_USAGE,
              "must name a model");
  q = (shunt_request){.model = "user", .level_up = -1};
  store_fails(w, shunt_resolve(w->session, &q, &d, &w->err), SHUNT_E_USAGE, "level");
  q = (shunt_request){.model = "user", .where = &(shunt_field){"age", shunt_float(NAN)}, .nwhere = 1};
  store_fails(w, shunt_resolve(w->session, &q, &d, &w->err), SHUNT_E_USAGE, "where.age is NaN");
  q = (shunt_request){.model = "user", .relation_client = "_inherit_", .explicit_client = "_inherit_"};
  store_fails(w, shunt_resolve(w->session, &q, &d, &w->err), SHUNT_E_NOT_FOUND, "_inherit_");
  q = (shunt_request){.relation = "user.roles"};
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->model, "role");
  q.model = "user_role"; /* the model between the two ends */
  store_fine(w, shunt_resolve(w->session, &q, &d, &w->err));
  assert_string_equal(d->client, "orders");
}

/* ---- transactions ---- */

static void a_transaction_outlives_its_session_as_a_dead_one(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *inner = begin(w, NULL), *dropped = begin(w, NULL);
  insert_user(w, "Ada");
  shunt_session_close(w->session);
  w->session = NULL;
  assert_int_equal(users(w), 0);
  store_fails(w, shunt_commit(inner, &w->err), SHUNT_E_TRANSACTION, "session was closed");
  store_fails(w, shunt_commit(outer, &w->err), SHUNT_E_TRANSACTION, "session was closed");
  shunt_rollback(dropped, NULL);
}

static void the_outermost_end_decides(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *inner = begin(w, NULL);
  insert_user(w, "Ada");
  store_fine(w, shunt_commit(inner, &w->err));
  assert_int_equal(users(w), 0);
  store_fine(w, shunt_commit(outer, &w->err));
  assert_int_equal(users(w), 1);
}

static void an_inner_rollback_dooms_the_outer_one(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *middle = begin(w, NULL), *inner = begin(w, NULL);
  insert_user(w, "Ada");
  shunt_rollback(inner, NULL);
  store_fine(w, shunt_commit(middle, &w->err));
  store_fails(w, shunt_commit(outer, &w->err), SHUNT_E_TRANSACTION, "rolled back");
  assert_string_equal(w->err.client, "main");
  assert_int_equal(users(w), 0);
  insert_user(w, "Bo"); /* nothing is left open */
  assert_int_equal(users(w), 1);
}

static void an_outer_end_ends_those_inside(void **state) {
  store *w = *state;
  shunt_tx *outer = begin(w, NULL), *inner = begin(w, NULL);
  insert_user(w, "Ada");
  store_fine(w, shunt_commit(outer, &w->err));
  store_fails(w, shunt_commit(inner, &w->err), SHUNT_E_TRANSACTION, "has ended before");
  assert_int_equal(users(w), 1);
}

static void transactions_on_several_datasources_are_apart(void **state) {
  store *w = *state;
  shunt_tx *on_main = begin(w, &(shunt_tx_options){.client = "main"}),
           *on_orders = begin(w, &(shunt_tx_options){.client = "orders"});
  shunt_field fields[] = {{"user_id", shunt_integer(1)}};
  shunt_rows *rows;
  insert_user(w, "Ada");
  store_fine(w,
             shunt_insert(w->session, "order", &(shunt_record){.fields = fields, .nfields = 1}, NULL, &rows, &w->err));
  shunt_rows_free(rows);
  shunt_rollback(on_main, NULL);
  store_fine(w, shunt_commit(on_orders, &w->err));
  assert_int_equal(users(w), 0);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM orders"), 1);
}

static void begins_where_an_access_without_a_model_goes(void **state) {
  store *w = *state;
  int64_t n;
  store_fine(w, shunt_switch_push(w->session, "stock", &w->err));
  shunt_tx *tx = begin(w, NULL);
  store_fine(w, shunt_sql(w->session, "INSERT INTO roles (name) VALUES ('x')", &(shunt_sql_options){.client = "stock"},
                          NULL, &n, &w->err));
  assert_int_equal(store_number(w, 2, "SELECT count(*) FROM roles"), 0);
  shunt_tx *of_default = begin(w, &(shunt_tx_options){.client = "default"});
  shunt_rollback(of_default, NULL);
  shunt_rollback(tx, NULL);
}

static void what_cannot_join_says_so(void **state) {
  store *w = *state;
  shunt_tx *none, *outer = begin(w, &(shunt_tx_options){.isolation = "serializable"});
  shunt_tx_options o = {.isolation = "read committed"};
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_TRANSACTION, "can't join it");
  o.isolation = "SERIALIZABLE";
  shunt_rollback(begin(w, &o), NULL);
  shunt_rollback(outer, NULL);
  outer = begin(w, NULL);
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_TRANSACTION, "the engine's own isolation");
  shunt_rollback(outer, NULL);
  outer = begin(w, &(shunt_tx_options){.read_only = true});
  store_fails(w, shunt_begin(w->session, NULL, &none, &w->err), SHUNT_E_TRANSACTION, "read-only");
  assert_null(none);
  shunt_rollback(outer, NULL);
  o = (shunt_tx_options){.propagation = "SOMETIMES"};
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_USAGE, "SOMETIMES");
  o = (shunt_tx_options){.isolation = "chaos"};
  store_fails(w, shunt_begin(w->session, &o, &none, &w->err), SHUNT_E_USAGE, "isolation");
  store_fails(w, shunt_commit(NULL, &w->err), SHUNT_E_USAGE, "no transaction");
}

/* ---- SQL and the observer ---- */

static void sql_can_not_end_a_transaction(void **state) {
  store *w = *state;
  static const char *const refused[] = {
      "BEGIN", " commit", "/* a */ -- b\nRollback", "; savepoint x", "END;", "ATTACH 'x' AS y", "release x"};
  for (size_t i = 0; i < COUNT(refused); i++)
    store_fails(w, shunt_sql(w->session, refused[i], &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err),
                SHUNT_E_USAGE, "transaction");
  store_fails(w, shunt_sql(w->session, NULL, &(shunt_sql_options){.client = "main"}, NULL, NULL, &w->err),
              SHUNT_E_USAGE, "the SQL is missing");
  assert_int_equal(w->statements, 0);
}

static void an_observer_is_told_of_failures_too(void **state) {
  store *w = *state;
  int64_t n;
  store_fails(w,
              shunt_sql(w->session, "INSERT INTO users (name) VALUES (NULL)", &(shunt_sql_options){.client = "main"},
                        NULL, &n, &w->err),
              SHUNT_E_CONSTRAINT, "users.name");
  assert_string_equal(w->err.client, "main");
  assert_int_equal(w->statements, 1);
  assert_int_equal(w->told, SHUNT_E_CONSTRAINT);
  shunt_observe(w->session, NULL, w);
  insert_user(w, "Ada");
  assert_int_equal(w->statements, 1);
}

static void a_table_is_seen_as_it_is_after_ddl(void **state) {
  store *w = *state;
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_ncolumns(rows), 3);
  shunt_rows_free(rows);
  store_fine(w, shunt_sql(w->session, "ALTER TABLE users ADD COLUMN city TEXT", &(shunt_sql_options){.client = "main"},
                          NULL, NULL, &w->err));
  store_fine(w, shunt_select(w->session, "user", NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_ncolumns(rows), 4);
  shunt_rows_free(rows);
  store_exec(w, 0, "ALTER TABLE users ADD COLUMN zip TEXT"); /* another program: seen once it is named */
  shunt_query q = {.columns = (const char *const[]){"ZIP"}, .ncolumns = 1};
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  assert_string_equal(shunt_rows_column(rows, 0), "zip");
  shunt_rows_free(rows);
  store_exec(
      w, 0,
      "ALTER TABLE users DROP COLUMN zip"); /* another program: one statement fails, and the call is taken again */
  store_fine(w, shunt_select(w->session, "user", NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_ncolumns(rows), 4);
  shunt_rows_free(rows);
}

static void describes_a_table(void **state) {
  store *w = *state;
  shunt_rows *rows;
  store_fine(w, shunt_table_columns(w->session, "default", "users", &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 3);
  const shunt_value *cells = shunt_rows_at(rows, 0);
  assert_string_equal(cells[0].as.bytes, "id");
  assert_string_equal(cells[1].as.bytes, "INTEGER");
  assert_false(cells[2].as.boolean);
  assert_int_equal(cells[3].as.integer, 1);
  shunt_rows_free(rows);
  store_fails(w, shunt_table_columns(w->session, "main", "usres", &rows, &w->err), SHUNT_E_NOT_FOUND, "users");
  assert_null(rows);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(options_that_make_no_sense_are_refused),
      store_test(a_switch_holds_until_it_is_popped),
      store_test(a_request_must_fit_together),
      store_test(a_transaction_outlives_its_session_as_a_dead_one),
      store_test(the_outermost_end_decides),
      store_test(an_inner_rollback_dooms_the_outer_one),
      store_test(an_outer_end_ends_those_inside),
      store_test(transactions_on_several_datasources_are_apart),
      store_test(begins_where_an_access_without_a_model_goes),
      store_test(what_cannot_join_says_so),
      store_test(sql_can_not_end_a_transaction),
      store_test(an_observer_is_told_of_failures_too),
      store_test(a_table_is_seen_as_it_is_after_ddl),
      store_test(describes_a_table),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
