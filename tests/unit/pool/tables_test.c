/* What is remembered of tables: the latest, and each look once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pool/tables.h"
#include "unit/faults.h"

/* A table of one column of that type. */
static driver_table *describe(const char *type) {
  driver_table *t = driver_table_new();
  if (!t) return NULL;
  bool ok = driver_table_size(t, 1);
  if (ok) t->columns[0] = (driver_column){.name = "id", .type = type, .key = 1};
  if (ok && driver_table_name(t)) return t;
  driver_table_free(t);
  return NULL;
}

static const driver_table *see(table_cache *c, const char *name, const char *type) {
  driver_table *fresh = describe(type);
  return fresh ? tables_remember(c, name, fresh) : NULL;
}

static void a_table_that_changes_to_and_fro_is_kept_once_as_each(void **state) {
  (void)state;
  table_cache c;
  assert_true(tables_init(&c));
  const driver_table *first = see(&c, "t", "integer");
  assert_ptr_equal(tables_known(&c, "t"), first);
  for (int i = 0; i < 10; i++) {
    const driver_table *second = see(&c, "t", "text");
    assert_ptr_not_equal(second, first);
    assert_ptr_equal(tables_known(&c, "t"), second);
    assert_ptr_equal(see(&c, "t", "integer"), first);
    assert_ptr_equal(tables_known(&c, "t"), first);
  }
  assert_int_equal(c.count, 2);
  tables_end(&c);
}

static void tables_that_look_the_same_are_one_description_until_they_differ(void **state) {
  (void)state;
  table_cache c;
  assert_true(tables_init(&c));
  const driver_table *first = see(&c, "visits_0", "integer");
  assert_ptr_equal(see(&c, "visits_1", "integer"), first);
  assert_ptr_not_equal(see(&c, "visits_0", "text"), first);
  assert_ptr_equal(tables_known(&c, "visits_1"), first);
  tables_forget(&c, "visits_0");
  assert_null(tables_known(&c, "visits_0"));
  assert_ptr_equal(tables_known(&c, "visits_1"), first);
  assert_ptr_equal(see(&c, "visits_0", "integer"), first);
  assert_int_equal(c.count, 2);
  tables_end(&c);
}

static void nothing_is_lost_when_memory_runs_out(void **state) {
  (void)state;
  faults f;
  bool done = false;
  faults_on(&f);
  for (f.fail_at = 1; !done; f.fail_at++) {
    table_cache c;
    f.seen = 0;
    f.failed = false;
    assert_true(tables_init(&c));
    const driver_table *a = see(&c, "a", "integer"), *b = see(&c, "b", "text"), *again = see(&c, "c", "text");
    done = !f.failed;
    assert_true(f.failed || (a && b && again == b));
    if (a) assert_ptr_equal(tables_known(&c, "a"), a);
    if (b) assert_ptr_equal(tables_known(&c, "b"), b);
    tables_end(&c);
    assert_int_equal(f.live, 0);
  }
  assert_true(f.fail_at > 8);
  faults_off();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_that_changes_to_and_fro_is_kept_once_as_each),
      cmocka_unit_test(tables_that_look_the_same_are_one_description_until_they_differ),
      cmocka_unit_test(nothing_is_lost_when_memory_runs_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
