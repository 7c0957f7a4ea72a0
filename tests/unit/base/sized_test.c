/* Option structs of callers that know fewer members than the library, or more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sized.h"
#include "unit/random.h"

/* The same struct in three versions of shunt.h, this library's in the middle. */
typedef struct first {
  size_t size;
  int64_t limit;
  const char *client;
} first;
typedef struct now {
  size_t size;
  int64_t limit;
  const char *client;
  int64_t added;
} now;
typedef struct later {
  size_t size;
  int64_t limit;
  const char *client;
  int64_t added, unknown;
  const char *text;
} later;

static const sized_type type = {"shunt_now", sizeof(now), sizeof(first)};

static const now *view(const void *given, now *room, shunt_error *err) {
  err->status = SHUNT_OK;
  const now *seen = sized_view(given, room, &type, err);
  assert_true(!seen == (err->status == SHUNT_E_USAGE));
  return seen;
}

static void a_struct_of_this_version_is_used_as_it_is(void **state) {
  (void)state;
  shunt_error err;
  now room, given = {.size = sizeof given, .limit = 7, .added = 9};
  assert_ptr_equal(view(&given, &room, &err), &given);
}

static void none_at_all_is_as_good_as_zeros(void **state) {
  (void)state;
  shunt_error err;
  now room, zeros = {0};
  assert_memory_equal(view(NULL, &room, &err), &zeros, sizeof zeros);
}

static void members_that_the_caller_does_not_know_are_zero(void **state) {
  (void)state;
  for (size_t size = 0; size <= sizeof(first); size += sizeof(first)) {
    struct {
      first given;
      int64_t behind; /* not the struct's */
    } own = {{size, 7, "main"}, -1};
    shunt_error err;
    now room;
    memset(&room, 0xff, sizeof room);
    const now *seen = view(&own.given, &room, &err);
    assert_ptr_equal(seen, &room);
    assert_int_equal(seen->size, sizeof room);
    assert_int_equal(seen->limit, 7);
    assert_string_equal(seen->client, "main");
    assert_int_equal(seen->added, 0);
  }
}

static void members_of_a_later_version_are_refused_only_if_they_are_set(void **state) {
  (void)state;
  shunt_error err;
  now room;
  later given = {.size = sizeof given, .limit = 7, .added = 9};
  const now *seen = view(&given, &room, &err);
  assert_int_equal(seen->limit, 7);
  assert_int_equal(seen->added, 9);
  given.text = "";
  assert_null(view(&given, &room, &err));
  assert_non_null(strstr(err.message, "shunt_now"));
  assert_non_null(strstr(err.message, "compiled for a later one"));
}

/* Whatever garbage the size is, nothing behind the struct is read: that is the sanitizer's part. */
static void sizes_that_can_not_be_are_refused(void **state) {
  (void)state;
  rng r = rng_start("sized");
  for (int i = 0; i < 2000; i++) {
    shunt_error err;
    now room;
    size_t size = i < 200 ? (size_t)i : (size_t)rng_next(&r);
    if (size == 0 || (size >= sizeof(first) && size <= 1024)) continue;
    size_t *given = malloc(sizeof(first));
    assert_non_null(given);
    *given = size;
    assert_null(view(given, &room, &err));
    assert_non_null(strstr(err.message, "with zeros"));
    free(given);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_struct_of_this_version_is_used_as_it_is),
      cmocka_unit_test(none_at_all_is_as_good_as_zeros),
      cmocka_unit_test(members_that_the_caller_does_not_know_are_zero),
      cmocka_unit_test(members_of_a_later_version_are_refused_only_if_they_are_set),
      cmocka_unit_test(sizes_that_can_not_be_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
