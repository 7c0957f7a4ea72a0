/* The links of belongs_to_many, from C: read, filtered, ordered by and written; three files, and nothing lost when
 * memory runs out. */
#define _POSIX_C_SOURCE 200809L
#include "base/buf.h"
#include "unit/query/store.h"

#include "unit/faults.h"

static const char *const note[] = {"note"};
static const shunt_link all_of_it, its_note = {.columns = note, .ncolumns = 1};

static void fill(store *w) {
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3)");
  store_exec(w, 1,
             "INSERT INTO user_roles VALUES (1, 1, 1, 'x'), (2, 1, 2, 'y'), (3, 1, 1, 'z'), (4, 2, 1, 'x'), "
             "(5, 2, 9, 'x'), (6, 2, 3, NULL), (7, 1, 3, 'x')");
  store_exec(w, 2, "INSERT INTO roles VALUES (1, 'p'), (2, 'q'), (3, 'r')");
}

static void put_text(buf *out, const shunt_value *v) { buf_puts(out, v->type == SHUNT_TEXT ? v->as.bytes : "-"); }

/* "1: p(x) q(y); " and so on: the roles of each user with the notes of their links, if these are shown. */
static char *roles_of_all(const shunt_rows *rows) {
  buf out = {0};
  shunt_loaded roles = shunt_rows_loaded(rows, 0);
  for (size_t i = 0; i < shunt_rows_count(rows); i++) {
    size_t n, one;
    const uint32_t *at = shunt_rows_related(rows, 0, i, &n);
    buf_printf(&out, "%s%d:", i ? "; " : "", (int)shunt_rows_at(rows, i)[0].as.integer);
    for (size_t k = 0; k < n; k++) {
      buf_putc(&out, ' ');
      if (!roles.rows) {
        buf_putc(&out, '-'); /* only counted */
        continue;
      }
      put_text(&out, &shunt_rows_at(roles.rows, at[k])[1]);
      const uint32_t *link = shunt_rows_related(roles.rows, 0, at[k], &one);
      if (!shunt_rows_nloaded(roles.rows)) continue;
      assert_int_equal(one, 1);
      const shunt_rows *links = shunt_rows_loaded(roles.rows, 0).rows;
      buf_putc(&out, '(');
      put_text(&out, &shunt_rows_at(links, *link)[shunt_rows_ncolumns(links) - 1]);
      buf_putc(&out, ')');
    }
  }
  char *text = buf_take(&out);
  assert_non_null(text);
  return text;
}

static void assert_roles(store *w, const shunt_include *in, const char *expected) {
  shunt_query q = {.include = in, .ninclude = 1, .order = (const char *const[]){"id"}, .norder = 1};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  char *text = roles_of_all(rows);
  assert_string_equal(text, expected);
  shunt_free(text);
  shunt_rows_free(rows);
}

#define ORDER(...)                                                                                                     \
  .order = (const char *const[]){__VA_ARGS__}, .norder = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)

static void each_row_has_its_own_link(void **state) {
  store *w = *state;
  fill(w);
  shunt_include in = {.relation = "roles", .link = &all_of_it, .query = &(shunt_query){ORDER("name")}};
  assert_roles(w, &in, "1: p(x) p(z) q(y) r(x); 2: p(x) r(-); 3:");
  in.link = &its_note;
  assert_roles(w, &in, "1: p(x) p(z) q(y) r(x); 2: p(x) r(-); 3:");
  shunt_query q = {.include = &in, .ninclude = 1};
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", &q, &rows, &w->err));
  shunt_loaded link = shunt_rows_loaded(shunt_rows_loaded(rows, 0).rows, 0);
  assert_string_equal(link.name, "link");
  assert_int_equal(link.kind, SHUNT_HAS_ONE);
  assert_int_equal(shunt_rows_ncolumns(link.rows), 1);
  assert_string_equal(shunt_rows_column(link.rows, 0), "note");
  assert_int_equal(shunt_rows_count(link.rows), 6); /* that which leads nowhere is gone */
  shunt_rows_free(rows);
}

static void links_order_and_limit_the_rows_of_each_parent(void **state) {
  store *w = *state;
  fill(w);
  for (size_t max = 0; max < 9; max += 4) { /* parameters of a statement; 0: as the engine says */
    w->session->max_params = max;
    shunt_query of_roles = {ORDER("link.note", "-name")};
    shunt_include in = {.relation = "roles", .query = &of_roles};
    assert_roles(w, &in, "1: r p q p; 2: r p; 3:");
    of_roles.limit = 2;
    of_roles.offset = 1;
    assert_roles(w, &in, "1: p q; 2: p; 3:");
    in.link = &its_note;
    assert_roles(w, &in, "1: p(x) q(y); 2: p(x); 3:");
    of_roles = (shunt_query){ORDER("name", "-link.note nulls last", "link.id")};
    assert_roles(w, &in, "1: p(z) p(x) q(y) r(x); 2: p(x) r(-); 3:");
  }
}

static void links_are_filtered_and_counted(void **state) {
  store *w = *state;
  fill(w);
  const shunt_value x = TEXT("x");
  shunt_where is_x = store_is("note", &x);
  shunt_link only = {.where = &is_x};
  shunt_include in = {.relation = "roles", .link = &only, .query = &(shunt_query){ORDER("name")}};
  assert_roles(w, &in, "1: p(x) r(x); 2: p(x); 3:");
  in = (shunt_include){.relation = "roles", .link = &only, .count = true};
  assert_roles(w, &in, "1: - -; 2: -; 3:");
}

static void links_where_they_can_not_be_are_refused(void **state) {
  store *w = *state;
  fill(w);
  const shunt_relation with_link = {.kind = SHUNT_BELONGS_TO_MANY,
                                    .target = "user",
                                    .foreign_key = {"role_id"},
                                    .through = "user_role",
                                    .through_key = {"user_id"}};
  const shunt_include below = {.relation = "link", .with = &with_link};
  const struct {
    shunt_include in;
    shunt_status status;
    const char *words;
  } cases[] = {
      {{.relation = "orders", .link = &all_of_it}, SHUNT_E_USAGE, "'user.orders' has no links"},
      {{.relation = "roles", .link = &its_note, .count = true}, SHUNT_E_USAGE, "a where and no columns"},
      {{.relation = "roles", .link = &all_of_it, .count = true}, SHUNT_E_USAGE, "a where and no columns"},
      {{.relation = "roles", .link = &all_of_it, .query = &(shunt_query){.include = &below, .ninclude = 1}},
       SHUNT_E_USAGE,
       "the name of the relation 'role.link'"},
      {{.relation = "roles", .query = &(shunt_query){ORDER("link.nope")}},
       SHUNT_E_NOT_FOUND,
       "'user_role' has no column 'nope'"},
      {{.relation = "roles", .query = &(shunt_query){ORDER("link.")}},
       SHUNT_E_USAGE,
       "'user_role': a column has no name"},
      {{.relation = "orders", .query = &(shunt_query){ORDER("link.note")}}, SHUNT_E_NOT_FOUND, "nor a relation 'link'"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    shunt_query q = {.include = &cases[i].in, .ninclude = 1};
    shunt_rows *rows;
    store_fails(w, shunt_select(w->session, "user", &q, &rows, &w->err), cases[i].status, cases[i].words);
  }
}

/* ---- writes ---- */

static const shunt_include roles = {.relation = "roles"};
static const shunt_write along = {.include = &roles, .ninclude = 1};

/* Writes a role of user 1, with one column of its link. */
static shunt_status write_role(store *w, int64_t role, bool deleted, const shunt_field *link, size_t n) {
  shunt_field user = {"id", shunt_integer(1)}, id = {"id", shunt_integer(role)};
  shunt_record child = {.fields = &id, .nfields = 1, .deleted = deleted, .link = link, .nlink = n};
  shunt_related related = {"roles", &child, 1};
  shunt_record record = {.fields = &user, .nfields = 1, .related = &related, .nrelated = 1};
  int64_t affected;
  return shunt_update(w->session, "user", &record, &along, &affected, &w->err);
}

static void a_link_gets_its_columns_when_it_is_made_and_later(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 1)");
  store_exec(w, 2, "INSERT INTO roles VALUES (3, 'editor')");
  shunt_field first[] = {{"note", shunt_integer(5)}, {"user_id", shunt_integer(1)}, {"id", shunt_null()}},
              second[] = {{"note", shunt_integer(6)}, {"id", shunt_integer(8)}}, other = {"user_id", shunt_integer(2)};
  store_fine(w, write_role(w, 3, false, first, COUNT(first)));
  assert_int_equal(store_number(w, 1, "SELECT note FROM user_roles WHERE user_id = 1 AND role_id = 3"), 5);
  store_fine(w, write_role(w, 3, false, second, 1));
  assert_int_equal(store_number(w, 1, "SELECT note FROM user_roles WHERE user_id = 1 AND role_id = 3"), 6);
  store_fine(w, write_role(w, 3, false, NULL, 0));
  assert_int_equal(store_number(w, 1, "SELECT sum(note) FROM user_roles"), 6);
  store_fine(w, write_role(w, 3, false, second, 2)); /* another link to the same row */
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles WHERE user_id = 1 AND role_id = 3"), 2);
  store_fails(w, write_role(w, 3, false, &other, 1), SHUNT_E_USAGE, "'user_id' of a link is the key of its parent");
  store_fine(w, write_role(w, 3, true, second, 2));
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles WHERE id <> 8"), 1);
}

static void columns_of_a_link_belong_to_a_row_of_belongs_to_many(void **state) {
  store *w = *state;
  shunt_field link = {"note", shunt_integer(5)}, name = {"name", TEXT("Ada")};
  shunt_record child = {.link = &link, .nlink = 1}, record = {.fields = &name, .nfields = 1, .link = &link, .nlink = 1};
  shunt_related related = {"orders", &child, 1};
  const shunt_include orders = {.relation = "orders"};
  shunt_write o = {.include = &orders, .ninclude = 1};
  shunt_rows *rows;
  int64_t n;
  store_fails(w, shunt_insert(w->session, "user", &record, NULL, &rows, &w->err), SHUNT_E_USAGE, "columns of a link");
  store_fails(w, shunt_insert_bulk(w->session, "user", &(shunt_records){&record, 1}, NULL, &n, &w->err), SHUNT_E_USAGE,
              "columns of a link");
  record = (shunt_record){.fields = &name, .nfields = 1, .related = &related, .nrelated = 1};
  store_fails(w, shunt_insert(w->session, "user", &record, &o, &rows, &w->err), SHUNT_E_USAGE,
              "'user.orders': a row gives columns of its link");
  assert_int_equal(store_number(w, 0, "SELECT count(*) FROM users"), 0);
}

static void a_delete_takes_the_links_that_are_asked_for(void **state) {
  store *w = *state;
  fill(w);
  const shunt_value x = TEXT("x"), p = TEXT("p");
  shunt_where is_x = store_is("note", &x), is_p = store_is("name", &p);
  shunt_link only = {.where = &is_x};
  shunt_include in = {.relation = "roles", .link = &only, .query = &(shunt_query){.where = &is_p}};
  shunt_write o = {.all = true, .include = &in, .ninclude = 1};
  int64_t n;
  store_fine(w, shunt_delete(w->session, "user", &o, &n, &w->err));
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles WHERE id IN (1, 4)"), 0);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles"), 5);
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'a', 1), (2, 'b', 2)");
  in.query = NULL;
  store_fine(w, shunt_delete(w->session, "user", &o, &n, &w->err));
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles WHERE note = 'x'"), 0);
  assert_int_equal(store_number(w, 1, "SELECT count(*) FROM user_roles"), 3);
}

/* ---- memory ---- */

static void links_that_run_out_of_memory_lose_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  store_make(&w);
  fill(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  const shunt_include in = {
      .relation = "roles", .link = &its_note, .query = &(shunt_query){ORDER("-name", "link.note"), .limit = 3}};
  shunt_query q = {.include = &in, .ninclude = 1};
  shunt_field link[] = {{"note", TEXT("new")}};
  size_t failures = 0;
  for (int writes = 0; writes < 2; writes++) {
    bool done = false;
    for (size_t at = 1; !done; at++) {
      shunt_rows *rows = NULL;
      shunt_session_close(w.session);
      store_open_session(&w, NULL);
      f.fail_at = f.seen + at;
      f.failed = false;
      shunt_status status =
          writes ? write_role(&w, 2, false, link, 1) : shunt_select(w.session, "user", &q, &rows, &w.err);
      f.fail_at = 0;
      done = !f.failed;
      if (status && status != SHUNT_E_MEMORY && status != SHUNT_E_LIMIT && status != SHUNT_E_RULE)
        fail_msg("%s: %s", shunt_status_name(status), w.err.message);
      failures += status != SHUNT_OK;
      shunt_rows_free(rows);
    }
  }
  assert_true(failures > 50);
  assert_int_equal(store_number(&w, 1, "SELECT count(*) FROM user_roles WHERE note = 'new'"), 1);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(each_row_has_its_own_link),
      store_test(links_order_and_limit_the_rows_of_each_parent),
      store_test(links_are_filtered_and_counted),
      store_test(links_where_they_can_not_be_are_refused),
      store_test(a_link_gets_its_columns_when_it_is_made_and_later),
      store_test(columns_of_a_link_belong_to_a_row_of_belongs_to_many),
      store_test(a_delete_takes_the_links_that_are_asked_for),
      cmocka_unit_test(links_that_run_out_of_memory_lose_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
