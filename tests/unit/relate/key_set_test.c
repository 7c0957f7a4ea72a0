/* Keys have one number for each tag and tuple of values, of the same types and bytes. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "relate/key_set.h"
#include "unit/random.h"

enum { MOST = 200, WIDEST = KEY_MOST };

static shunt_value random_value(rng *r) {
  static const char bytes[] = "ab\0A ";
  switch (rng_below(r, 5)) {
  case 0:
    return shunt_integer((int64_t)rng_below(r, 3));
  case 1:
    return shunt_float((double)rng_below(r, 3));
  case 2:
    return shunt_boolean(rng_below(r, 2));
  case 3:
    return shunt_text(bytes + rng_below(r, 3), rng_below(r, 3));
  default:
    return shunt_blob(bytes + rng_below(r, 3), rng_below(r, 3));
  }
}

static bool same_value(const shunt_value *a, const shunt_value *b) {
  if (a->type != b->type) return false;
  if (a->type == SHUNT_INTEGER) return a->as.integer == b->as.integer;
  if (a->type == SHUNT_BOOL) return a->as.boolean == b->as.boolean;
  if (a->type == SHUNT_FLOAT) return memcmp(&a->as.number, &b->as.number, sizeof a->as.number) == 0;
  return a->size == b->size && memcmp(a->as.bytes, b->as.bytes, a->size) == 0;
}

static bool same_key(const shunt_value *a, const shunt_value *b, size_t width) {
  for (size_t i = 0; i < width; i++)
    if (!same_value(&a[i], &b[i])) return false;
  return true;
}

static void keys_of_the_same_values_have_one_number(void **state) {
  (void)state;
  rng r = rng_start("keys");
  for (size_t width = 1; width <= WIDEST; width++) {
    arena a = {0};
    key_set k;
    shunt_value all[MOST][WIDEST], other[WIDEST];
    uint32_t tags[MOST], numbers[MOST];
    assert_true(key_set_init(&k, &a, width, MOST));
    for (size_t i = 0; i < MOST; i++) {
      size_t first = 0;
      tags[i] = (uint32_t)rng_below(&r, 2);
      for (size_t c = 0; c < width; c++) all[i][c] = random_value(&r);
      while (first < i && !(tags[first] == tags[i] && same_key(all[first], all[i], width))) first++;
      uint32_t before = key_set_find(&k, tags[i], all[i]);
      assert_int_equal(before, first < i ? numbers[first] : KEY_NONE);
      numbers[i] = key_set_add(&k, tags[i], all[i]);
      assert_int_equal(numbers[i], first < i ? numbers[first] : k.count - 1);
      assert_true(same_key(key_set_values(&k, numbers[i]), all[i], width));
    }
    for (size_t c = 0; c < width; c++) other[c] = shunt_integer(1000);
    assert_int_equal(key_set_find(&k, 0, other), KEY_NONE);
    arena_free(&a);
  }
}

static void too_many_keys_are_refused(void **state) {
  (void)state;
  arena a = {0};
  key_set k;
  assert_false(key_set_init(&k, &a, 1, KEY_NONE));
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(keys_of_the_same_values_have_one_number),
                                     cmocka_unit_test(too_many_keys_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
