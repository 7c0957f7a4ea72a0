/* JSON as jansson reads it, on random texts: the same are refused, and the others have the same values. Without memory
 * there is an error, and never another value. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/json.h"
#include "catalog/node_json.h"
#include "unit/faults.h"
#include "unit/random.h"

enum { ROUNDS = 40000, ROOM = 400 };

typedef struct text {
  char bytes[ROOM];
  size_t size;
} text;

static void add(text *t, const char *bytes, size_t size) {
  if (t->size + size >= ROOM) return;
  memcpy(t->bytes + t->size, bytes, size);
  t->size += size;
  t->bytes[t->size] = 0;
}

static void add_one(text *t, rng *r, const char *const *list, size_t n) {
  const char *chosen = list[rng_below(r, n)];
  add(t, chosen, strlen(chosen));
}
#define ADD(t, r, list) add_one(t, r, list, sizeof list / sizeof *list)

static void add_string(text *t, rng *r) {
  static const char *const pieces[] = {"a",
                                       "\\n",
                                       "\\u0041",
                                       "\\ud83d\\ude00",
                                       "\\ud83d",
                                       "\\udc00",
                                       "\xc3\xa9",
                                       "\xf0\x9f\x98\x80",
                                       "\\\\",
                                       "\\\"",
                                       "\\/",
                                       "\\u0000",
                                       "\\x",
                                       "\xff",
                                       "\xed\xa0\x80",
                                       "\x01",
                                       "\\u12G4",
                                       "some longer text",
                                       "\\t",
                                       "/",
                                       "\x7f"};
  add(t, "\"", 1);
  for (size_t n = rng_below(r, 5); n > 0; n--) {
    const size_t most = rng_below(r, 8) ? 4 : sizeof pieces / sizeof *pieces;
    add_one(t, r, pieces, most);
  }
  if (rng_below(r, 40)) add(t, "\"", 1);
}

static void add_value(text *t, rng *r, int depth) {
  static const char *const scalars[] = {"null",
                                        "true",
                                        "false",
                                        "0",
                                        "-0",
                                        "1",
                                        "-17",
                                        "12345678901234567",
                                        "9223372036854775807",
                                        "9223372036854775808",
                                        "-9223372036854775808",
                                        "-9223372036854775809",
                                        "1.5",
                                        "-0.0",
                                        "1e3",
                                        "1E-3",
                                        "2.5e+2",
                                        "1e308",
                                        "1e309",
                                        "-1e400",
                                        "1e-400",
                                        "01",
                                        "1.",
                                        ".5",
                                        "-",
                                        "+1",
                                        "1e",
                                        "nul",
                                        "True",
                                        "0x1",
                                        "0.1000000000000000055511151231257827021181583404541015625",
                                        "NaN"};
  static const char *const blanks[] = {"", "", "", " ", "\n", "\t\r\n ", "\f"};
  const size_t kind = rng_below(r, depth > 4 ? 4 : 8);
  if (rng_below(r, 30) == 0) ADD(t, r, blanks);
  if (kind < 2) {
    add_string(t, r);
  } else if (kind < 4) {
    add_one(t, r, scalars, rng_below(r, 4) ? 7 : sizeof scalars / sizeof *scalars);
  } else {
    const bool object = kind < 6;
    add(t, object ? "{" : "[", 1);
    for (size_t n = rng_below(r, 4), i = 0; i < n; i++) {
      if (i && rng_below(r, 40)) add(t, ",", 1);
      if (object) add_string(t, r);
      if (object && rng_below(r, 40)) add(t, ":", 1);
      add_value(t, r, depth + 1);
    }
    if (rng_below(r, 40) == 0) add(t, ",", 1);
    if (rng_below(r, 40)) add(t, object ? "}" : "]", 1);
  }
  if (rng_below(r, 30) == 0) ADD(t, r, blanks);
}

static bool same(const node *n, const json_t *j);

static bool same_group(const node *n, const json_t *j) {
  if (n->kind == NODE_LIST) {
    if (!json_is_array(j) || json_array_size(j) != n->count) return false;
    for (size_t i = 0; i < n->count; i++)
      if (!same(n->items[i], json_array_get(j, i))) return false;
    return true;
  }
  if (!json_is_object(j) || json_object_size(j) != n->count) return false;
  for (size_t i = 0; i < n->count; i++)
    if (!same(n->entries[i].value, json_object_get(j, n->entries[i].key))) return false;
  return true;
}

static bool same(const node *n, const json_t *j) {
  if (!j || n->kind != NODE_VALUE) return j && same_group(n, j);
  const shunt_value *v = &n->value;
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    return json_is_null(j);
  case SHUNT_BOOL:
    return json_is_boolean(j) && json_is_true(j) == v->as.boolean;
  case SHUNT_INTEGER:
    return json_is_integer(j) && json_integer_value(j) == v->as.integer;
  case SHUNT_FLOAT: {
    const double d = json_real_value(j);
    return json_is_real(j) && memcmp(&d, &v->as.number, sizeof d) == 0;
  }
  case SHUNT_TEXT:
    return json_is_string(j) && json_string_length(j) == v->size &&
           memcmp(json_string_value(j), v->as.bytes, v->size) == 0;
  case SHUNT_BLOB:
    break;
  }
  return false;
}

static void reads_what_jansson_reads(void **state) {
  rng r = rng_start("JSON");
  size_t read = 0, refused = 0;
  (void)state;
  for (int i = 0; i < ROUNDS; i++) {
    const uint64_t seed = r.state;
    text t = {.size = 0};
    shunt_error err;
    arena a = {0};
    node *n;
    add_value(&t, &r, 0);
    json_t *j = json_loadb(t.bytes, t.size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    const shunt_status status = node_from_json(&a, t.bytes, t.size, &n, &err);
    if (!status != (j != NULL) || (j && !same(n, j)))
      fail_msg("seed %llu: %s: %s", (unsigned long long)seed, t.bytes, status ? err.message : "other values");
    if (!status) assert_int_equal(json_check(t.bytes, t.size, &err), SHUNT_OK);
    read += !status;
    refused += status != SHUNT_OK;
    json_decref(j);
    arena_free(&a);
  }
  printf("%zu read, %zu refused\n", read, refused);
  assert_true(read > ROUNDS / 10 && refused > ROUNDS / 10);
}

static void says_where_and_what_is_wrong(void **state) {
  static const char *const wrong[][2] = {
      {"[1,\n 2,\n x]", "line 3 column 2: a value is expected"},
      {"{\"a\" 1}", "line 1 column 6: a colon is expected"},
      {"[9223372036854775808]", "line 1 column 2: the integer does not fit into 64 bits"},
      {"1e999", "line 1 column 1: the number is too large for a double"},
      {"{\"a\":1,\"a\":2}", "an object has the name 'a' twice"},
      {"", "line 1 column 1: a value is expected"},
      {"1 2", "line 1 column 3: something follows the value"},
      {"\"\\ud800\"", "half of a surrogate pair"}};
  (void)state;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    shunt_error err;
    arena a = {0};
    node *n;
    assert_int_equal(node_from_json(&a, wrong[i][0], strlen(wrong[i][0]), &n, &err), SHUNT_E_USAGE);
    assert_null(n);
    if (!strstr(err.message, wrong[i][1])) fail_msg("'%s' is not in: %s", wrong[i][1], err.message);
    arena_free(&a);
  }
}

static void is_as_deep_as_it_says(void **state) {
  static char deep[2 * JSON_DEEPEST + 3];
  shunt_error err;
  (void)state;
  memset(deep, '[', JSON_DEEPEST);
  memset(deep + JSON_DEEPEST, ']', JSON_DEEPEST);
  assert_int_equal(json_check(deep, strlen(deep), &err), SHUNT_OK);
  memset(deep, '[', JSON_DEEPEST + 1);
  memset(deep + JSON_DEEPEST + 1, ']', JSON_DEEPEST + 1);
  assert_int_equal(json_check(deep, strlen(deep), &err), SHUNT_E_USAGE);
  assert_non_null(strstr(err.message, "too deep"));
}

static void without_memory_it_is_never_another_value(void **state) {
  static const char long_one[] =
      "{\"a long name of a member\": [\"a text with an \\u00e9, which has to be copied\", 123456789.25]}";
  faults f;
  shunt_error err;
  json_t *j = json_loads(long_one, 0, NULL);
  (void)state;
  faults_on(&f);
  for (bool done = false; !done;) {
    arena a = {0};
    node *n;
    f.seen = 0;
    f.failed = false;
    f.fail_at++;
    const shunt_status status = node_from_json(&a, long_one, strlen(long_one), &n, &err);
    done = !f.failed;
    assert_int_equal(status, f.failed ? SHUNT_E_MEMORY : SHUNT_OK);
    if (!status) assert_true(same(n, j));
    arena_free(&a);
  }
  assert_true(f.fail_at > 2);
  assert_int_equal(f.live, 0);
  faults_off();
  json_decref(j);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_jansson_reads), cmocka_unit_test(says_where_and_what_is_wrong),
      cmocka_unit_test(is_as_deep_as_it_says), cmocka_unit_test(without_memory_it_is_never_another_value)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
