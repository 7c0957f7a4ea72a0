/* Writes with related rows, from C: all of it or nothing, and the truth about what became of each datasource. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"

static const shunt_include lines_of = {.relation = "lines"};
static const shunt_include of_user[] = {
    {.relation = "orders", .query = &(shunt_query){.include = &lines_of, .ninclude = 1}},
    {.relation = "profile"},
    {.relation = "roles"}};
static const shunt_write along = {.include = of_user, .ninclude = COUNT(of_user)};

/* A user with an order with a line, a profile and a role. */
typedef struct family {
  shunt_field user[2], order[2], line[1], profile[1], role[2];
  shunt_record lines, orders, profiles, roles;
  shunt_related of_order[1], of_user[3];
  shunt_record record;
} family;

static void make_family(family *f, const char *product, const char *state) {
  *f = (family){.user = {{"name", TEXT("Ada")}, {"age", shunt_integer(36)}},
                .order = {{"state", shunt_text(state, strlen(state))}, {"total", shunt_float(1.5)}},
                .line = {{"product", shunt_text(product, strlen(product))}},
                .profile = {{"bio", TEXT("first")}},
                .role = {{"name", TEXT("admin")}, {"id", shunt_null()}}};
  f->lines = (shunt_record){.fields = f->line, .nfields = 1};
  f->of_order[0] = (shunt_related){"lines", &f->lines, 1};
  f->orders = (shunt_record){.fields = f->order, .nfields = 2, .related = f->of_order, .nrelated = 1};
  f->profiles = (shunt_record){.fields = f->profile, .nfields = 1};
  f->roles = (shunt_record){.fields = f->role, .nfields = 1};
  f->of_user[0] = (shunt_related){"orders", &f->orders, 1};
  f->of_user[1] = (shunt_related){"profile", &f->profiles, 1};
  f->of_user[2] = (shunt_related){"roles", &f->roles, 1};
  f->record = (shunt_record){.fields = f->user, .nfields = 2, .related = f->of_user, .nrelated = 3};
}

/* Rows of every table that a family writes to. */
static int64_t everything(store *w) {
  return store_number(w, 0, "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM profiles)") +
         store_number(w, 1, "SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM user_roles)") +
         store_number(w, 2, "SELECT (SELECT count(*) FROM lines) + (SELECT count(*) FROM roles)");
}

static shunt_status insert(store *w, const family *f, shunt_rows **rows) {
  return shunt_insert(w->session, "user", &f->record, &along, rows, &w->err);
}

static void a_family_is_written_as_a_whole(void **state) {
  store *w = *state;
  family f;
  shunt_rows *rows;
  size_t n;
  make_family(&f, "tea", "open");
  store_fine(w, insert(w, &f, &rows));
  assert_int_equal(everything(w), 6);
  assert_int_equal(shunt_rows_count(rows), 1);
  shunt_loaded orders = shunt_rows_loaded(rows, 0), lines = shunt_rows_loaded(orders.rows, 0);
  const uint32_t *positions = shunt_rows_related(orders.rows, 0, *shunt_rows_related(rows, 0, 0, &n), &n);
  assert_int_equal(n, 1);
  assert_string_equal(shunt_rows_at(lines.rows, positions[0])[2].as.bytes, "tea");
  assert_string_equal(shunt_rows_loaded(rows, 2).name, "roles");
  assert_int_equal(shunt_rows_count(shunt_rows_loaded(rows, 2).rows), 1);
  shunt_rows_free(rows);
}

static void one_row_that_fails_takes_all_back(void **state) {
  store *w = *state;
  family f;
  shunt_rows *rows = (shunt_rows *)w;
  make_family(&f, "forbidden", "open");
  store_fails(w, insert(w, &f, &rows), SHUNT_E_CONSTRAINT, "CHECK");
  assert_null(rows);
  assert_string_equal(w->err.client, "stock");
  assert_int_equal(everything(w), 0);
  make_family(&f, "tea", "open"); /* nothing is left open */
  store_fine(w, insert(w, &f, &rows));
  shunt_rows_free(rows);
}

static void a_commit_that_fails_tells_what_each_datasource_did(void **state) {
  store *w = *state;
  family f;
  shunt_rows *rows;
  make_family(&f, "tea", "lost"); /* a state that there isn't, which the database sees at the end */
  store_fails(w, insert(w, &f, &rows), SHUNT_E_TRANSACTION, "main: committed; orders: failed: FOREIGN KEY");
  assert_non_null(strstr(w->err.message, "stock: rolled back"));
  assert_string_equal(w->err.client, "orders");
  assert_int_equal(store_number(w, 0, "SELECT count(*) FROM users"), 1);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM orders"), 0);
  assert_int_equal(store_number(w, 2, "SELECT count(*) FROM lines"), 0);
}

static void a_first_commit_that_fails_is_an_error_like_any_other(void **state) {
  store *w = *state;
  shunt_field fields[] = {{"state", TEXT("lost")}};
  shunt_record record = {.fields = fields, .nfields = 1};
  int64_t n = 5;
  store_fails(w, shunt_insert_bulk(w->session, "order", &(shunt_records){&record, 1}, NULL, &n, &w->err),
              SHUNT_E_CONSTRAINT, "FOREIGN KEY");
  assert_int_equal(n, 0);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM orders"), 0);
}

static void inside_a_transaction_a_failure_leaves_what_was_before(void **state) {
  store *w = *state;
  family bad, good;
  shunt_tx *tx, *of_orders;
  shunt_rows *rows;
  make_family(&bad, "forbidden", "open");
  make_family(&good, "tea", "open");
  store_fine(w, shunt_begin(w->session, &(shunt_tx_options){.client = "main", .spanning = "run"}, &tx, &w->err));
  store_fine(w,
             shunt_begin(w->session, &(shunt_tx_options){.client = "orders", .spanning = "run"}, &of_orders, &w->err));
  store_fine(w, insert(w, &good, &rows)); /* its own part on stock is committed */
  shunt_rows_free(rows);
  store_fails(w, insert(w, &bad, &rows), SHUNT_E_CONSTRAINT, "CHECK");
  store_fine(w, shunt_commit(tx, &w->err));
  store_fine(w, shunt_commit(of_orders, &w->err));
  assert_int_equal(everything(w), 6);
}

/* Its part there is one with what was before, and can't be undone alone. */
static void inside_a_transaction_a_commit_that_fails_takes_all_of_it_back(void **state) {
  store *w = *state;
  family f;
  shunt_tx *tx;
  shunt_rows *rows;
  static const struct {
    const char *client, *words;
    shunt_status status;
    int64_t committed;
  } cases[] = {{"main", "FOREIGN KEY", SHUNT_E_CONSTRAINT, 0},
               {"stock", "main: committed; orders: failed: FOREIGN KEY constraint failed; stock: to be rolled back",
                SHUNT_E_TRANSACTION, 2}};
  make_family(&f, "tea", "lost");
  for (size_t i = 0; i < COUNT(cases); i++) {
    shunt_tx_options o = {.client = cases[i].client, .spanning = "run"};
    store_fine(w, shunt_begin(w->session, &o, &tx, &w->err));
    store_fails(w, insert(w, &f, &rows), cases[i].status, cases[i].words);
    assert_string_equal(w->err.client, "orders");
    store_fails(w, shunt_commit(tx, &w->err), SHUNT_E_TRANSACTION, "rolled back");
    assert_int_equal(everything(w), cases[i].committed);
  }
}

static void children_of_others_can_not_be_taken(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)");
  store_exec(w, 1, "INSERT INTO orders VALUES (10, 1, 1, 'open'), (20, 2, 2, 'open')");
  shunt_field user[] = {{"id", shunt_integer(1)}}, order[] = {{"id", shunt_integer(20)}, {"total", shunt_float(9)}};
  shunt_record child = {.fields = order, .nfields = 2};
  shunt_related related = {"orders", &child, 1};
  shunt_record record = {.fields = user, .nfields = 1, .related = &related, .nrelated = 1};
  int64_t n;
  store_fails(w, shunt_update(w->session, "user", &record, &along, &n, &w->err), SHUNT_E_NOT_FOUND, "id = 20");
  child.deleted = true;
  store_fails(w, shunt_update(w->session, "user", &record, &along, &n, &w->err), SHUNT_E_NOT_FOUND, "to be deleted");
  order[0].value = shunt_integer(10);
  store_fine(w, shunt_update(w->session, "user", &record, &along, &n, &w->err));
  assert_int_equal(n, 1);
  assert_int_equal(store_number(w, 1, "SELECT group_concat(id) FROM orders"), 20);
}

static void what_can_not_be_written_along_is_refused(void **state) {
  store *w = *state;
  shunt_field fields[] = {{"name", TEXT("x")}, {"user_id", shunt_integer(5)}};
  shunt_record child = {.fields = fields + 1, .nfields = 1}, twice = {.fields = fields, .nfields = 1};
  shunt_related related = {"orders", &child, 1};
  shunt_record record = {.fields = fields, .nfields = 1, .related = &related, .nrelated = 1};
  shunt_include user = {.relation = "user"}, limited = {.relation = "orders", .query = &(shunt_query){.limit = 1}};
  shunt_rows *rows;
  int64_t n;
  store_fails(w, shunt_insert(w->session, "user", &record, NULL, &rows, &w->err), SHUNT_E_USAGE,
              "include that relation");
  store_fails(w, shunt_insert(w->session, "user", &record, &along, &rows, &w->err), SHUNT_E_USAGE, "parent's key");
  shunt_write up = {.include = &user, .ninclude = 1};
  store_fails(w, shunt_insert(w->session, "order", &twice, &up, &rows, &w->err), SHUNT_E_USAGE, "write that one first");
  up = (shunt_write){.include = &user, .ninclude = 1, .all = true};
  store_fails(w, shunt_delete(w->session, "order", &up, &n, &w->err), SHUNT_E_USAGE, "can't be deleted along");
  up = (shunt_write){.include = &limited, .ninclude = 1, .all = true};
  store_fails(w, shunt_delete(w->session, "user", &up, &n, &w->err), SHUNT_E_USAGE, "limited");
  child.deleted = true;
  store_fails(w, shunt_insert(w->session, "user", &record, &along, &rows, &w->err), SHUNT_E_USAGE,
              "must have its 'id'");
  shunt_field doubled[] = {fields[0], fields[0]};
  twice = (shunt_record){.fields = doubled, .nfields = 2};
  store_fails(w, shunt_insert(w->session, "user", &twice, NULL, &rows, &w->err), SHUNT_E_USAGE, "given twice");
  assert_int_equal(everything(w), 0);
}

static void a_link_needs_its_target(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 1)");
  store_exec(w, 2, "INSERT INTO roles VALUES (3, 'editor')");
  shunt_field user[] = {{"id", shunt_integer(1)}}, role[] = {{"id", shunt_integer(3)}};
  shunt_record child = {.fields = role, .nfields = 1};
  shunt_related related = {"roles", &child, 1};
  shunt_record record = {.fields = user, .nfields = 1, .related = &related, .nrelated = 1};
  int64_t n;
  for (int i = 0; i < 2; i++) { /* linked once, however often it is said */
    store_fine(w, shunt_update(w->session, "user", &record, &along, &n, &w->err));
    assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles WHERE user_id = 1 AND role_id = 3"), 1);
  }
  role[0].value = shunt_integer(4);
  store_fails(w, shunt_update(w->session, "user", &record, &along, &n, &w->err), SHUNT_E_NOT_FOUND, "to be linked");
  role[0].value = shunt_integer(3);
  child.deleted = true;
  store_fine(w, shunt_update(w->session, "user", &record, &along, &n, &w->err));
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles"), 0);
  assert_int_equal(store_number(w, 2, "SELECT count(*) FROM roles"), 1);
}

static void a_delete_goes_down_its_relations(void **state) {
  store *w = *state;
  family f;
  shunt_rows *rows;
  int64_t n;
  make_family(&f, "tea", "open");
  for (int i = 0; i < 5; i++) {
    char name[32];
    snprintf(name, sizeof name, "role %d", i);
    f.role[0].value = shunt_text(name, strlen(name));
    store_fine(w, insert(w, &f, &rows));
    shunt_rows_free(rows);
  }
  assert_int_equal(everything(w), 30);
  const shunt_value two = shunt_integer(2);
  shunt_where first = {.op = SHUNT_LTE, .column = "id", .values = &two, .nvalues = 1};
  shunt_write o = along;
  o.where = &first;
  w->session->max_params = 3;
  store_fine(w, shunt_delete(w->session, "user", &o, &n, &w->err));
  assert_int_equal(n, 2);
  assert_int_equal(everything(w), 30 - 2 * 5); /* the roles themselves stay */
  /* of one role alone, the links to it */
  const shunt_value editor = TEXT("role 3");
  shunt_where named = store_is("name", &editor);
  shunt_include roles[] = {of_user[0], of_user[1], {.relation = "roles", .query = &(shunt_query){.where = &named}}};
  o = (shunt_write){.all = true, .include = roles, .ninclude = 3};
  store_fine(w, shunt_delete(w->session, "user", &o, &n, &w->err));
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles"), 2);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM orders"), 0);
}

/* ---- many rows ---- */

static void rows_go_where_their_values_lead_them(void **state) {
  store *w = *state;
  shunt_field fields[40][2];
  shunt_record records[40];
  int64_t n;
  for (size_t i = 0; i < COUNT(records); i++) {
    fields[i][0] = (shunt_field){"user_id", shunt_integer((int64_t)i)};
    fields[i][1] = (shunt_field){"page", TEXT("p")};
    records[i] = (shunt_record){.fields = fields[i], .nfields = 2};
  }
  store_fine(w, shunt_insert_bulk(w->session, "visit", &(shunt_records){records, COUNT(records)}, NULL, &n, &w->err));
  assert_int_equal(n, 40);
  assert_int_equal(w->statements, 4);
  for (int part = 0; part < 4; part++) {
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM visits_%d WHERE user_id %% 4 = %d", part, part);
    assert_int_equal(store_number(w, part % 2 ? 2 : 1, sql), 10);
  }
  w->session->max_params = 7; /* three rows at once */
  w->statements = 0;
  records[5].nfields = 1; /* and one without a page, between them */
  store_fine(w, shunt_insert_bulk(w->session, "visit", &(shunt_records){records, COUNT(records)}, NULL, &n, &w->err));
  assert_int_equal(w->statements, 4 + 4 + 4 + 1 + 1 + 3);
  assert_int_equal(store_number(w, 2, "SELECT count(*) FROM visits_1"), 20);
}

static void an_update_moves_no_row(void **state) {
  store *w = *state;
  store_exec(w, 1, "INSERT INTO visits_0 VALUES (1, 4, 'a')");
  const shunt_value four = shunt_integer(4);
  shunt_where is_4 = store_is("user_id", &four);
  shunt_write o = {.where = &is_4};
  shunt_field fields[] = {{"user_id", shunt_integer(8)}};
  shunt_record record = {.fields = fields, .nfields = 1};
  int64_t n;
  store_fine(w, shunt_update(w->session, "visit", &record, &o, &n, &w->err)); /* the same part */
  assert_int_equal(n, 1);
  const shunt_value eight = shunt_integer(8);
  is_4.values = &eight;
  fields[0].value = shunt_integer(9);
  store_fails(w, shunt_update(w->session, "visit", &record, &o, &n, &w->err), SHUNT_E_USAGE, "an update moves no rows");
  assert_int_equal(store_number(w, 1, "SELECT user_id FROM visits_0"), 8);
}

/* ---- memory ---- */

static void a_write_that_runs_out_of_memory_leaves_all_or_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  family people;
  shunt_rows *rows;
  make_family(&people, "tea", "open");
  store_make(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  store_fine(&w, insert(&w, &people, &rows));
  shunt_rows_free(rows);
  int64_t before = everything(&w);
  size_t failures = 0;
  bool done = false;
  for (size_t at = 1; !done; at++) {
    char name[32];
    snprintf(name, sizeof name, "role %zu", at);
    people.role[0].value = shunt_text(name, strlen(name));
    shunt_session_close(w.session);
    store_open_session(&w, NULL);
    f.fail_at = f.seen + at;
    f.failed = false;
    shunt_status status = insert(&w, &people, &rows);
    f.fail_at = 0;
    done = !f.failed;
    int64_t now = everything(&w);
    if (status && status != SHUNT_E_MEMORY && status != SHUNT_E_LIMIT && status != SHUNT_E_RULE)
      fail_msg("%s: %s", shunt_status_name(status), w.err.message);
    if (now != before + (status ? 0 : 6))
      fail_msg("allocation %zu, %s: %d rows", at, shunt_status_name(status), (int)(now - before));
    failures += status != SHUNT_OK;
    before = now;
    shunt_rows_free(rows);
  }
  assert_true(failures > 20);
  for (size_t at = 1, left = 1; left; at++) {
    shunt_session_close(w.session);
    store_open_session(&w, NULL);
    shunt_write o = along;
    int64_t n;
    o.all = true;
    f.fail_at = f.seen + at;
    shunt_status status = shunt_delete(w.session, "user", &o, &n, &w.err);
    f.fail_at = 0;
    left = (size_t)store_number(&w, 0, "SELECT count(*) FROM users");
    assert_true(!status == (left == 0));
    int64_t roles = store_number(&w, 2, "SELECT count(*) FROM roles");
    assert_int_equal(everything(&w), status ? before : roles);
  }
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(a_family_is_written_as_a_whole),
      store_test(one_row_that_fails_takes_all_back),
      store_test(a_commit_that_fails_tells_what_each_datasource_did),
      store_test(a_first_commit_that_fails_is_an_error_like_any_other),
      store_test(inside_a_transaction_a_failure_leaves_what_was_before),
      store_test(inside_a_transaction_a_commit_that_fails_takes_all_of_it_back),
      store_test(children_of_others_can_not_be_taken),
      store_test(what_can_not_be_written_along_is_refused),
      store_test(a_link_needs_its_target),
      store_test(a_delete_goes_down_its_relations),
      store_test(rows_go_where_their_values_lead_them),
      store_test(an_update_moves_no_row),
      cmocka_unit_test(a_write_that_runs_out_of_memory_leaves_all_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
