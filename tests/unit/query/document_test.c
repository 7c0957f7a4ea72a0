/* JSON documents: which texts are documents, and what columns lose of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "query/document.h"

static const driver_column members = {.form = DRIVER_FORM_MEMBERS}, doubles = {.form = DRIVER_FORM_DOUBLES},
                           plain = {.form = DRIVER_FORM_JSON};

static document_fault read_fault(const char *text) {
  arena a = {0};
  shunt_value v = shunt_text(text, strlen(text));
  document_fault fault = document_read(&a, &v).fault;
  arena_free(&a);
  return fault;
}

static void assert_lost(const driver_column *column, const char *text, document_fault fault, const char *part) {
  shunt_value v = shunt_text(text, strlen(text));
  document d = document_for(column, &v);
  if (d.fault != fault) fail_msg("%s: %d", text, (int)d.fault);
  if (part && (d.part.size != strlen(part) || memcmp(d.part.text, part, d.part.size) != 0))
    fail_msg("%s: %.*s", text, (int)d.part.size, d.part.text);
}

static void documents_are_read(void **state) {
  (void)state;
  static const char *const valid[] = {"1",    "-0.5e+10",  " [1, {\"a\" : [ ] } , null ]\r\n",
                                      "\"\"", "{}",        "\"\\u00e4\\ud83d\\ude00\\\"\\/\\b\\f\\n\\r\\t\\\\\"",
                                      "[[]]", "{\"\":{}}", "true"};
  static const char *const invalid[] = {"",
                                        " ",
                                        "01",
                                        "1.",
                                        ".5",
                                        "+1",
                                        "1e",
                                        "-",
                                        "nul",
                                        "truee",
                                        "[1 2]",
                                        "[1,]",
                                        "[,1]",
                                        "[",
                                        "]",
                                        "[]]",
                                        "{",
                                        "{1:2}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "\"",
                                        "\"\\",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\n\"",
                                        "{\"a\":1,}",
                                        "[}",
                                        "{\"a\":1]",
                                        "'a'",
                                        "\xff",
                                        "\"\xed\xa0\x80\"",
                                        "1 1",
                                        "[1]\v"};
  for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
    if (read_fault(valid[i]) != DOCUMENT_FINE) fail_msg("%s is refused", valid[i]);
  for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
    if (read_fault(invalid[i]) != DOCUMENT_INVALID) fail_msg("%s is taken", invalid[i]);
}

static void names_may_not_repeat(void **state) {
  (void)state;
  assert_lost(&members, "{\"a\":1,\"b\":{\"a\":2},\"c\":[{\"a\":3},{\"a\":4}]}", DOCUMENT_FINE, NULL);
  assert_lost(&members, "{\"a\":1,\"b\":2,\"a\":3}", DOCUMENT_REPEATS, "\"a\"");
  assert_lost(&members, "[{\"x\":{\"\":1,\"\":1}}]", DOCUMENT_REPEATS, "\"\"");
  assert_lost(&members, "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":1}", DOCUMENT_REPEATS, NULL);
  assert_lost(&members, "{\"\\u00e4\":1,\"\xc3\xa4\":1}", DOCUMENT_REPEATS, NULL);
  assert_lost(&members, "{\"\\u20ac\":1,\"\xe2\x82\xac\":1}", DOCUMENT_REPEATS, NULL);
  assert_lost(&plain, "{\"a\":1,\"a\":2}", DOCUMENT_FINE, NULL);
}

static void numbers_are_kept_or_rounded(void **state) {
  (void)state;
  static const char *const kept[] = {"18446744073709551615",
                                     "-9223372036854775808",
                                     "0",
                                     "-0",
                                     "0.1",
                                     "1e20",
                                     "1.50",
                                     "100000000000000000000",
                                     "5e-324",
                                     "0e308"};
  static const char *const rounded[] = {
      "18446744073709551616", "-9223372036854775809", "0.1234567890123456789", "1e400", "1e-400", "9007199254740993.0"};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) assert_lost(&doubles, kept[i], DOCUMENT_FINE, NULL);
  for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++) {
    assert_lost(&doubles, rounded[i], DOCUMENT_ROUNDED, rounded[i]);
    assert_lost(&members, rounded[i], DOCUMENT_FINE, NULL);
  }
  assert_lost(&doubles, "{\"a\":[1, 1e400 ]}", DOCUMENT_ROUNDED, "1e400");
  assert_lost(&doubles, "{1e400", DOCUMENT_FINE, NULL); /* the engine refuses it */
}

static void what_texts_hold_is_noted(void **state) {
  (void)state;
  arena a = {0};
  const char *text = "[[\"\\ud800\"],{\"\\u0000\":[{}]}]";
  shunt_value v = shunt_text(text, strlen(text));
  document d = document_read(&a, &v);
  assert_int_equal(d.fault, DOCUMENT_FINE);
  assert_true(d.nul);
  assert_true(d.alone);
  assert_int_equal(d.depth, 4);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(documents_are_read),
      cmocka_unit_test(names_may_not_repeat),
      cmocka_unit_test(numbers_are_kept_or_rounded),
      cmocka_unit_test(what_texts_hold_is_noted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
