/* The cache of prepared statements against a list that is kept the slow way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "driver/cache.h"
#include "unit/random.h"

enum { TEXTS = 400, STEPS = 30000 };

typedef struct item {
  cache_entry entry;
  char sql[2048];
  uint64_t used; /* 0: not in the cache */
} item;

static item items[TEXTS];

static void make_items(rng *r, size_t longest) {
  memset(items, 0, sizeof items);
  for (size_t i = 0; i < TEXTS; i++) {
    size_t size = (size_t)snprintf(items[i].sql, sizeof items[i].sql, "SELECT %zu", i);
    for (size_t more = rng_below(r, longest); more && size < sizeof items[i].sql - 1; more--)
      items[i].sql[size++] = ' ';
    items[i].entry.sql = items[i].sql;
    items[i].entry.size = size;
  }
}

static item *oldest(void) {
  item *found = NULL;
  for (size_t i = 0; i < TEXTS; i++)
    if (items[i].used && (!found || items[i].used < found->used)) found = &items[i];
  return found;
}

static void assert_totals(const sql_cache *c) {
  size_t count = 0, bytes = 0;
  for (size_t i = 0; i < TEXTS; i++)
    if (items[i].used) count++, bytes += items[i].entry.size;
  assert_int_equal(c->count, count);
  assert_int_equal(c->bytes, bytes);
  assert_true(c->count <= CACHE_MOST && c->bytes <= CACHE_MOST_BYTES);
}

static void add(sql_cache *c, item *it, uint64_t now) {
  cache_entry *old;
  while ((old = cache_surplus(c, it->entry.size))) {
    assert_ptr_equal(old, &oldest()->entry);
    oldest()->used = 0;
  }
  cache_add(c, &it->entry);
  it->used = now;
}

static void try_with(const char *what, size_t longest) {
  rng r = rng_start(what);
  sql_cache c = {0};
  make_items(&r, longest);
  for (uint64_t now = 1; now <= STEPS; now++) {
    item *it = &items[rng_below(&r, TEXTS)];
    cache_entry *found = cache_find(&c, it->sql, it->entry.size);
    assert_ptr_equal(found, it->used ? &it->entry : NULL);
    if (found && rng_below(&r, 20) == 0) {
      cache_remove(&c, found);
      it->used = 0;
    } else if (found) {
      it->used = now;
    } else {
      add(&c, it, now);
    }
    if (now % 100 == 0) assert_totals(&c);
  }
}

static void keeps_those_that_were_used_last(void **state) {
  (void)state;
  try_with("cache", 4);
}

static void keeps_to_its_bytes_too(void **state) {
  (void)state;
  size_t bytes = 0;
  try_with("cache of long texts", sizeof items->sql);
  for (size_t i = 0; i < TEXTS; i++) bytes += items[i].entry.size;
  assert_true(bytes > CACHE_MOST_BYTES);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_those_that_were_used_last),
      cmocka_unit_test(keeps_to_its_bytes_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
