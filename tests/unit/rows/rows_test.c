/* Rows keep what is put into them, cost little more than that, and give everything back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "rows/rows.h"
#include "unit/faults.h"
#include "unit/random.h"

/* What stands in a cell is a function of its place, so that it can be checked without being kept. */
static shunt_value expected(uint64_t salt, size_t row, size_t column, char *bytes, size_t room) {
  rng r = {salt ^ (row << 20) ^ column};
  size_t size;
  switch (rng_below(&r, 6)) {
  case 0:
    return shunt_null();
  case 1:
    return shunt_integer((int64_t)rng_next(&r));
  case 2:
    return shunt_float((double)rng_below(&r, 1000) / 7);
  case 3:
    return shunt_boolean(rng_below(&r, 2));
  default:
    size = rng_below(&r, rng_below(&r, 50) ? 40 : room);
    for (size_t i = 0; i < size; i++) bytes[i] = (char)rng_below(&r, 256);
    return rng_below(&r, 2) ? shunt_text(bytes, size) : shunt_blob(bytes, size);
  }
}

static void assert_same(const shunt_value *a, const shunt_value *b) {
  assert_int_equal(a->type, b->type);
  assert_int_equal(a->size, b->size);
  if (a->type == SHUNT_TEXT || a->type == SHUNT_BLOB) {
    assert_memory_equal(a->as.bytes, b->as.bytes, a->size);
    assert_int_equal(a->as.bytes[a->size], 0);
  } else if (a->type != SHUNT_NULL) {
    assert_memory_equal(&a->as, &b->as, a->type == SHUNT_BOOL ? sizeof(bool) : sizeof a->as);
  }
}

static bool fill(shunt_rows *r, uint64_t salt, size_t rows, size_t columns, const char *const *names) {
  static char bytes[20000];
  if (!rows_set_columns(r, names, columns)) return false;
  for (size_t i = 0; i < rows; i++) {
    shunt_value *cells = rows_add(r);
    for (size_t c = 0; cells && c < columns; c++) {
      cells[c] = expected(salt, i, c, bytes, sizeof bytes);
      if (!rows_own(r, &cells[c])) return false;
    }
    if (!cells) return false;
  }
  return true;
}

static void check(const shunt_rows *r, uint64_t salt, size_t rows, size_t columns, const char *const *names) {
  static char bytes[20000];
  assert_int_equal(shunt_rows_count(r), rows);
  assert_int_equal(shunt_rows_ncolumns(r), columns);
  for (size_t c = 0; c < columns; c++) {
    assert_string_equal(shunt_rows_column(r, c), names[c]);
    assert_int_equal(rows_column_index(r, names[c]), (int)c);
  }
  for (size_t i = 0; i < rows; i++)
    for (size_t c = 0; c < columns; c++) {
      shunt_value want = expected(salt, i, c, bytes, sizeof bytes);
      assert_same(&shunt_rows_at(r, i)[c], &want);
    }
}

enum { MOST_COLUMNS = 120 };

static const char *const *names_for(rng *r) {
  static char text[MOST_COLUMNS][64];
  static const char *names[MOST_COLUMNS];
  for (size_t c = 0; c < MOST_COLUMNS; c++) {
    snprintf(text[c], sizeof text[c], "%.*sc%zu", (int)rng_below(r, 40), "a_rather_long_name_for_a_column_of_a_table",
             c);
    names[c] = text[c];
  }
  return names;
}

static void keeps_every_cell_whatever_the_shape(void **state) {
  (void)state;
  rng r = rng_start("rows");
  for (int round = 0; round < 300; round++) {
    size_t columns = 1 + rng_below(&r, rng_below(&r, 4) ? 8 : MOST_COLUMNS);
    size_t rows = rng_below(&r, rng_below(&r, 10) ? 40 : 2000);
    uint64_t salt = rng_next(&r);
    const char *const *names = names_for(&r);
    shunt_rows *made = rows_new();
    assert_true(fill(made, salt, rows, columns, names));
    check(made, salt, rows, columns, names);
    shunt_rows_free(made);
  }
}

static void new_cells_are_null_also_where_a_row_was_dropped(void **state) {
  (void)state;
  shunt_rows *r = rows_new();
  assert_true(rows_set_columns(r, (const char *[]){"a", "b"}, 2));
  shunt_value *cells = rows_add(r);
  assert_int_equal(cells[0].type, SHUNT_NULL);
  cells[0] = cells[1] = shunt_integer(7);
  rows_drop_last(r);
  assert_int_equal(shunt_rows_count(r), 0);
  cells = rows_add(r);
  assert_int_equal(cells[0].type, SHUNT_NULL);
  assert_int_equal(cells[1].type, SHUNT_NULL);
  assert_null(shunt_rows_at(r, 1));
  shunt_rows_free(r);
}

static void names_its_columns_once(void **state) {
  (void)state;
  shunt_rows *r = rows_new();
  char name[] = "a";
  assert_true(rows_set_columns(r, (const char *[]){name, "b"}, 2));
  name[0] = 'x';
  assert_true(rows_set_columns(r, (const char *[]){"c", "d"}, 2));
  assert_false(rows_set_columns(r, (const char *[]){"c"}, 1));
  assert_string_equal(shunt_rows_column(r, 0), "a");
  assert_int_equal(rows_column_index(r, "b"), 1);
  assert_int_equal(rows_column_index(r, "c"), -1);
  r->visible = 1;
  assert_int_equal(shunt_rows_ncolumns(r), 1);
  assert_null(shunt_rows_column(r, 1));
  shunt_rows_free(r);
}

static void assert_named(shunt_rows *r, const char *const *names, size_t n) {
  assert_int_equal(shunt_rows_ncolumns(r), n);
  for (size_t c = 0; c < n; c++) assert_string_equal(shunt_rows_column(r, c), names[c]);
}

static void names_in_one_piece_name_rows_as_a_list_does(void **state) {
  (void)state;
  rng random = rng_start("names");
  arena a = {0};
  for (int round = 0; round < 500; round++) {
    size_t n = rng_below(&random, MOST_COLUMNS);
    const char *const *list = names_for(&random);
    rows_names names;
    assert_true(rows_names_init(&names, &a, list, n));
    shunt_rows *r = rows_new(), *by_list = rows_new();
    if (rng_below(&random, 2)) assert_non_null(rows_bytes(r, "odd", 3));
    assert_true(rows_set_names(r, &names));
    assert_true(rows_set_columns(by_list, list, n));
    assert_named(r, list, n);
    assert_named(by_list, list, n);
    assert_true(rows_have_names(r, &names));
    assert_true(rows_have_names(by_list, &names));
    rows_names others;
    const char *const *other_list = names_for(&random); /* of other lengths, as good as always */
    assert_true(rows_names_init(&others, &a, other_list, n));
    bool same = true;
    for (size_t c = 0; c < n; c++) same = same && strcmp(shunt_rows_column(r, c), other_list[c]) == 0;
    assert_int_equal(rows_have_names(r, &others), same);
    arena_reset(&a);
    assert_true(rows_add(r) != NULL);
    shunt_rows_free(r);
    shunt_rows_free(by_list);
  }
  arena_free(&a);
}

static void names_in_one_piece_are_compared_to_the_last_letter(void **state) {
  (void)state;
  arena a = {0};
  rows_names names;
  assert_true(rows_names_init(&names, &a, (const char *[]){"ab", "c"}, 2));
  static const char *const lists[][2] = {{"ab", "c"}, {"ab", "d"}, {"a", "bc"}, {"ab", "cd"}, {"Ab", "c"}};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    shunt_rows *r = rows_new();
    assert_true(rows_set_columns(r, lists[i], 2));
    assert_int_equal(rows_have_names(r, &names), i == 0);
    assert_true(rows_set_names(r, &names)); /* named already */
    assert_string_equal(shunt_rows_column(r, 1), lists[i][1]);
    shunt_rows_free(r);
  }
  shunt_rows *one = rows_new();
  assert_true(rows_set_columns(one, (const char *[]){"ab"}, 1));
  assert_false(rows_have_names(one, &names));
  assert_false(rows_set_names(one, &names));
  shunt_rows_free(one);
  arena_free(&a);
}

static void bytes_stay_where_they_are(void **state) {
  (void)state;
  enum { N = 3000 };
  static const char *at[N];
  shunt_rows *r = rows_new();
  for (int i = 0; i < N; i++) at[i] = rows_bytes(r, &i, sizeof i);
  for (int i = 0; i < N; i++) assert_memory_equal(at[i], &i, sizeof i);
  shunt_rows_free(r);
}

static void a_row_as_get_reads_it_takes_one_allocation(void **state) {
  (void)state;
  faults f;
  faults_on(&f);
  shunt_rows *r = rows_new();
  const char *names[] = {"id", "name", "email", "city", "created_at", "iid"};
  assert_true(rows_set_columns(r, names, 6));
  shunt_value *cells = rows_add(r);
  for (size_t i = 0; i < 6; i++) {
    cells[i] = shunt_text("twenty letters of it", 20);
    assert_true(rows_own(r, &cells[i]));
  }
  assert_int_equal(f.seen, 1);
  shunt_rows_free(r);
  assert_int_equal(f.live, 0);
  faults_off();
}

static void many_rows_cost_their_cells_and_their_text(void **state) {
  (void)state;
  enum { ROWS = 300000, COLUMNS = 5, TEXT = 11 };
  faults f;
  faults_on(&f);
  shunt_rows *r = rows_new();
  assert_true(rows_set_columns(r, (const char *[]){"a", "b", "c", "d", "e"}, COLUMNS));
  for (size_t i = 0; i < ROWS; i++) {
    shunt_value *cells = rows_add(r);
    cells[0] = shunt_text("some letter", TEXT);
    assert_true(rows_own(r, &cells[0]));
  }
  size_t least = (size_t)ROWS * (COLUMNS * sizeof(shunt_value) + TEXT + 1);
  assert_in_range(f.peak_bytes, least, least + least / 20);
  shunt_rows_free(r);
  assert_int_equal(f.live, 0);
  faults_off();
}

static void large_values_leave_no_gaps(void **state) {
  (void)state;
  enum { N = 40, SIZE = 600000 };
  faults f;
  faults_on(&f);
  char *large = base_zalloc(SIZE);
  size_t before = f.bytes;
  shunt_rows *r = rows_new();
  for (int i = 0; i < N; i++) {
    assert_non_null(rows_bytes(r, large, SIZE));
    assert_non_null(rows_bytes(r, "small", 5));
  }
  assert_in_range(f.peak_bytes - before, (size_t)N * SIZE, (size_t)N * SIZE * 21 / 20);
  shunt_rows_free(r);
  base_free(large);
  assert_int_equal(f.live, 0);
  faults_off();
}

static void tells_where_a_row_came_from(void **state) {
  (void)state;
  rng random = rng_start("origins");
  for (int round = 0; round < 50; round++) {
    uint32_t want[600];
    shunt_rows *r = rows_new();
    assert_true(rows_set_columns(r, (const char *[]){"a"}, 1));
    uint32_t client = UINT32_MAX;
    size_t rows = rng_below(&random, 600);
    for (size_t i = 0; i < rows; i++) {
      while (rng_below(&random, 3) == 0) {
        client = (uint32_t)rng_below(&random, 3);
        assert_true(rows_add_origin(r, client));
      }
      want[i] = client;
      assert_non_null(rows_add(r));
    }
    for (size_t i = 0; i < rows; i++) assert_int_equal(rows_origin_of(r, i), want[i]);
    shunt_rows_free(r);
  }
}

static uint32_t *positions(const uint32_t *from, size_t n) {
  uint32_t *copy = base_alloc(n * sizeof *copy);
  if (copy) memcpy(copy, from, n * sizeof *copy);
  return copy;
}

static void related_rows_hang_on_their_parents(void **state) {
  (void)state;
  shunt_rows *r = rows_new(), *orders = rows_new();
  assert_true(rows_set_columns(r, (const char *[]){"id"}, 1));
  for (int i = 0; i < 3; i++) assert_non_null(rows_add(r));
  uint32_t *starts = positions((uint32_t[]){0, 2, 2, 3}, 4), *items = positions((uint32_t[]){4, 1, 4}, 3);
  assert_true(rows_attach(r, "orders", SHUNT_HAS_MANY, orders, starts, items));
  assert_int_equal(shunt_rows_nloaded(r), 1);
  shunt_loaded loaded = shunt_rows_loaded(r, 0);
  assert_string_equal(loaded.name, "orders");
  assert_int_equal(loaded.kind, SHUNT_HAS_MANY);
  assert_ptr_equal(loaded.rows, orders);
  size_t count = 9;
  const uint32_t *at = shunt_rows_related(r, 0, 0, &count);
  assert_int_equal(count, 2);
  assert_int_equal(at[0], 4);
  assert_int_equal(at[1], 1);
  assert_null(shunt_rows_related(r, 0, 1, &count));
  assert_int_equal(count, 0);
  at = shunt_rows_related(r, 0, 2, &count);
  assert_int_equal(count, 1);
  assert_int_equal(at[0], 4);
  assert_null(shunt_rows_related(r, 0, 3, &count));
  assert_null(shunt_rows_related(r, 1, 0, &count));
  assert_null(shunt_rows_loaded(r, 1).name);
  shunt_rows_free(r);
}

static void a_tree_of_any_depth_is_freed(void **state) {
  (void)state;
  faults f;
  faults_on(&f);
  shunt_rows *tree = rows_new();
  for (int depth = 0; depth < 200000; depth++) {
    shunt_rows *parent = rows_new();
    assert_true(rows_attach(parent, "child", SHUNT_HAS_MANY, tree, NULL, NULL));
    if (depth % 1000 == 0) assert_true(rows_attach(parent, "other", SHUNT_HAS_ONE, rows_new(), NULL, NULL));
    tree = parent;
  }
  assert_true(f.live > 200000);
  shunt_rows_free(tree);
  shunt_rows_free(NULL);
  assert_int_equal(f.live, 0);
  faults_off();
}

static bool build(size_t columns, size_t rows, uint64_t salt, const char *const *names) {
  shunt_rows *r = rows_new(), *child = NULL;
  bool ok = r && fill(r, salt, rows, columns, names) && rows_add_origin(r, 3) && (child = rows_new()) != NULL;
  if (ok) {
    uint32_t zero = 0, *starts = positions(&zero, 1), *items = positions(&zero, 1);
    bool there = starts && items;
    ok = rows_attach(r, "child", SHUNT_HAS_MANY, child, starts, items) && there;
  }
  if (ok) check(r, salt, rows, columns, names);
  shunt_rows_free(r);
  return ok;
}

static void survives_every_allocation_that_fails(void **state) {
  (void)state;
  rng random = rng_start("faults");
  const char *const *names = names_for(&random);
  static const size_t columns[] = {1, 6, MOST_COLUMNS}, rows[] = {1, 30, 1500};
  for (size_t shape = 0; shape < 9; shape++) {
    faults f;
    faults_on(&f);
    f.fail_at = 1;
    bool done = false;
    for (; !done; f.fail_at++) {
      f.seen = 0;
      f.failed = false;
      done = build(columns[shape % 3], rows[shape / 3], 11, names);
      assert_int_not_equal(done, f.failed);
      assert_int_equal(f.live, 0);
    }
    assert_true(f.fail_at > 3);
    faults_off();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_every_cell_whatever_the_shape),
      cmocka_unit_test(new_cells_are_null_also_where_a_row_was_dropped),
      cmocka_unit_test(names_its_columns_once),
      cmocka_unit_test(names_in_one_piece_name_rows_as_a_list_does),
      cmocka_unit_test(names_in_one_piece_are_compared_to_the_last_letter),
      cmocka_unit_test(bytes_stay_where_they_are),
      cmocka_unit_test(a_row_as_get_reads_it_takes_one_allocation),
      cmocka_unit_test(many_rows_cost_their_cells_and_their_text),
      cmocka_unit_test(large_values_leave_no_gaps),
      cmocka_unit_test(tells_where_a_row_came_from),
      cmocka_unit_test(related_rows_hang_on_their_parents),
      cmocka_unit_test(a_tree_of_any_depth_is_freed),
      cmocka_unit_test(survives_every_allocation_that_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
