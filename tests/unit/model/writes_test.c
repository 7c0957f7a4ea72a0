/* Writes of many rows through the C API: on_conflict, rows back, updates of many and increments, also as memory runs
 * out. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"

enum { ROWS = 3 };

typedef struct batch {
  char names[ROWS][16];
  shunt_field fields[ROWS][2];
  shunt_record records[ROWS];
  shunt_records all;
} batch;

static const char *const name_column[] = {"name"};
static const shunt_conflict by_name = {.columns = name_column, .ncolumns = 1, .update_all = true};

/* role N, role N + 1, …; the first two have the same name if `twice`. */
static void make_batch(batch *b, int first, bool twice) {
  for (int i = 0; i < ROWS; i++) {
    int size = snprintf(b->names[i], sizeof b->names[i], "role %d", first + (twice && i == 1 ? 0 : i));
    b->fields[i][0] = (shunt_field){"name", shunt_text(b->names[i], (size_t)size)};
    b->fields[i][1] = (shunt_field){"id", shunt_integer(first + i)};
    b->records[i] = (shunt_record){.fields = b->fields[i], .nfields = 1};
  }
  b->all = (shunt_records){b->records, ROWS};
}

static int64_t roles(store *w) { return store_number(w, 2, "SELECT count(*) FROM roles"); }

static void rows_come_back_in_the_order_of_the_records(void **state) {
  store *w = *state;
  batch b;
  shunt_rows *rows;
  make_batch(&b, 10, false);
  store_fine(w, shunt_insert_rows(w->session, "role", &b.all, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), ROWS);
  for (size_t i = 0; i < ROWS; i++) {
    const shunt_value *name = &shunt_rows_at(rows, i)[1];
    assert_string_equal(name->as.bytes, b.names[i]);
  }
  shunt_rows_free(rows);
  store_fine(w, shunt_insert_rows(w->session, "role", NULL, NULL, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), 0);
  shunt_rows_free(rows);
  store_fails(w, shunt_insert_rows(w->session, "role", &b.all, NULL, &rows, &w->err), SHUNT_E_CONSTRAINT, "UNIQUE");
  assert_null(rows);
  assert_int_equal(roles(w), ROWS);
}

static void rows_that_are_there_stay_or_are_updated(void **state) {
  store *w = *state;
  batch b;
  int64_t n;
  shunt_conflict keep = by_name;
  keep.update_all = false;
  make_batch(&b, 10, true);
  store_fine(w, shunt_insert_bulk(w->session, "role", &b.all, &(shunt_write){.on_conflict = &keep}, &n, &w->err));
  assert_int_equal(n, 2);
  for (int i = 0; i < ROWS; i++) b.records[i].nfields = 2;
  store_fine(w, shunt_insert_bulk(w->session, "role", &b.all, &(shunt_write){.on_conflict = &by_name}, &n, &w->err));
  assert_int_equal(n, ROWS);
  assert_int_equal(store_number(w, 2, "SELECT id FROM roles WHERE name = 'role 10'"), 11);
  shunt_rows *rows;
  store_fine(w, shunt_insert_rows(w->session, "role", &b.all, &(shunt_write){.on_conflict = &keep}, &rows, &w->err));
  assert_int_equal(shunt_rows_count(rows), ROWS);
  shunt_rows_free(rows);
  shunt_conflict both = by_name;
  both.update = name_column;
  both.nupdate = 1;
  store_fails(w, shunt_insert_bulk(w->session, "role", &b.all, &(shunt_write){.on_conflict = &both}, &n, &w->err),
              SHUNT_E_USAGE, "both update_all and columns");
  shunt_conflict none = {.ncolumns = 0};
  store_fails(w, shunt_insert_bulk(w->session, "role", &b.all, &(shunt_write){.on_conflict = &none}, &n, &w->err),
              SHUNT_E_USAGE, "needs the columns");
  shunt_include lines = {.relation = "lines"};
  shunt_write along = {.on_conflict = &by_name, .include = &lines, .ninclude = 1};
  store_fails(w, shunt_insert(w->session, "order", NULL, &along, &rows, &w->err), SHUNT_E_USAGE, "include");
}

static void many_updates_take_keys_and_nothing_else(void **state) {
  store *w = *state;
  batch b;
  int64_t n;
  make_batch(&b, 20, false);
  for (int i = 0; i < ROWS; i++) b.records[i].nfields = 2;
  store_fine(w, shunt_insert_bulk(w->session, "role", &b.all, NULL, &n, &w->err));
  for (int i = 0; i < ROWS; i++) b.fields[i][0].value = TEXT("x");
  b.fields[0][0].value = TEXT("y");
  b.fields[1][1].value = shunt_integer(1);
  store_fine(w, shunt_update_bulk(w->session, "role", &b.all, NULL, &n, &w->err));
  assert_int_equal(n, 2);
  const shunt_write wrong[] = {{.all = true}, {.on_conflict = &by_name}, {.increments = b.fields[0], .nincrements = 1}};
  for (size_t i = 0; i < COUNT(wrong); i++)
    store_fails(w, shunt_update_bulk(w->session, "role", &b.all, &wrong[i], &n, &w->err), SHUNT_E_USAGE, "update_bulk");
  store_fine(w, shunt_update_bulk(w->session, "role", NULL, NULL, NULL, &w->err));
}

static void increments_add_up(void **state) {
  store *w = *state;
  int64_t n;
  store_exec(w, 0, "INSERT INTO users VALUES (1, 'Ada', 36)");
  shunt_field id = {"id", shunt_integer(1)}, by = {"age", shunt_integer(2)};
  shunt_record which = {.fields = &id, .nfields = 1};
  shunt_write add = {.increments = &by, .nincrements = 1};
  store_fine(w, shunt_update(w->session, "user", &which, &add, &n, &w->err));
  assert_int_equal(n, 1);
  assert_int_equal(store_number(w, 0, "SELECT age FROM users"), 38);
  by.name = "name";
  store_fails(w, shunt_update(w->session, "user", &which, &add, &n, &w->err), SHUNT_E_USAGE, "holds no numbers");
  by.name = NULL;
  store_fails(w, shunt_update(w->session, "user", &which, &add, &n, &w->err), SHUNT_E_USAGE, "no name");
}

/* ---- without memory ---- */

typedef shunt_status (*attempt)(store *w, const batch *b);

static shunt_status upsert(store *w, const batch *b) {
  shunt_rows *rows;
  shunt_status status =
      shunt_insert_rows(w->session, "role", &b->all, &(shunt_write){.on_conflict = &by_name}, &rows, &w->err);
  shunt_rows_free(rows);
  return status;
}

static shunt_status update_many(store *w, const batch *b) {
  return shunt_update_bulk(w->session, "role", &b->all, NULL, NULL, &w->err);
}

/* Every allocation fails once: then nothing is written and nothing lost. */
static void starve(store *w, faults *f, attempt try) {
  const char sum[] = "SELECT coalesce(sum(id * CAST(substr(name, 6) AS INTEGER)), 0) FROM roles";
  batch b;
  size_t failures = 0;
  f->failed = true;
  for (size_t at = 1; f->failed; at++) {
    make_batch(&b, 1000 + (int)at * ROWS, false);
    for (int i = 0; i < ROWS; i++) b.records[i].nfields = 2;
    if (try == update_many)
      for (int i = 0; i < ROWS; i++) b.fields[i][1].value = shunt_integer(i + 1);
    shunt_session_close(w->session);
    store_open_session(w, NULL);
    int64_t before = store_number(w, 2, sum);
    f->fail_at = f->seen + at;
    f->failed = false;
    shunt_status status = try(w, &b);
    f->fail_at = 0;
    if (status && status != SHUNT_E_MEMORY && status != SHUNT_E_LIMIT && status != SHUNT_E_RULE)
      fail_msg("%s: %s", shunt_status_name(status), w->err.message);
    assert_true(!status == (store_number(w, 2, sum) != before));
    failures += status != SHUNT_OK;
  }
  assert_true(failures > 5);
}

static void writes_that_run_out_of_memory_leave_all_or_nothing(void **state) {
  (void)state;
  store w;
  faults f;
  store_make(&w);
  faults_on(&f);
  store_open(&w);
  store_open_session(&w, NULL);
  store_exec(&w, 2, "INSERT INTO roles VALUES (1, ''), (2, 'a'), (3, 'b')");
  starve(&w, &f, upsert);
  starve(&w, &f, update_many);
  store_close(&w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_remove(&w);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(rows_come_back_in_the_order_of_the_records),
      store_test(rows_that_are_there_stay_or_are_updated),
      store_test(many_updates_take_keys_and_nothing_else),
      store_test(increments_add_up),
      cmocka_unit_test(writes_that_run_out_of_memory_leave_all_or_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
