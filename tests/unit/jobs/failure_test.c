/* The errors of jobs, as the text of a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "jobs/failure.h"

static void gives_an_error_back_as_it_was(void **state) {
  (void)state;
  shunt_error why, read;
  char *text;
  error_set(&why, SHUNT_E_CONFLICT, "a \"quoted\": thing\nand more");
  error_client(&why, "main");
  error_place(&why, "rules/a.lua", 7, 0);
  strcpy(why.sqlstate, "40001");
  strcpy(why.rule, "keep out");
  why.engine_code = 1213;
  assert_int_equal(failure_write(&why, &text, NULL), SHUNT_OK);
  assert_int_equal(failure_read(text, &read, NULL), SHUNT_OK);
  base_free(text);
  assert_int_equal(read.status, why.status);
  assert_string_equal(read.message, why.message);
  assert_string_equal(read.client, why.client);
  assert_string_equal(read.sqlstate, why.sqlstate);
  assert_string_equal(read.rule, why.rule);
  assert_string_equal(read.file, why.file);
  assert_int_equal(read.line, why.line);
  assert_int_equal(read.engine_code, why.engine_code);
}

static void repairs_text_that_is_not_utf8(void **state) {
  (void)state;
  shunt_error why, read;
  char *text;
  error_set(&why, SHUNT_E_RULE, "a\xffz");
  assert_int_equal(failure_write(&why, &text, NULL), SHUNT_OK);
  assert_int_equal(failure_read(text, &read, NULL), SHUNT_OK);
  base_free(text);
  assert_string_equal(read.message, "a\xef\xbf\xbdz");
}

static void reads_rows_of_earlier_versions(void **state) {
  (void)state;
  static const struct {
    const char *text;
    shunt_status status;
    const char *message;
  } rows[] = {
      {"SHUNT_E_TIMEOUT: it took: too long", SHUNT_E_TIMEOUT, "it took: too long"},
      {"SHUNT_E_FUTURE: hm", SHUNT_E_INTERNAL, "hm"},
      {"no code at all", SHUNT_E_INTERNAL, "no code at all"},
      {"", SHUNT_E_INTERNAL, ""},
      {"{}", SHUNT_E_INTERNAL, "{}"},
      {"{\"code\":\"SHUNT_E_RULE\"}", SHUNT_E_RULE, ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    shunt_error read;
    assert_int_equal(failure_read(rows[i].text, &read, NULL), SHUNT_OK);
    assert_int_equal(read.status, rows[i].status);
    assert_string_equal(read.message, rows[i].message);
  }
}

static void prints_the_code_the_place_and_the_message(void **state) {
  (void)state;
  shunt_error why;
  char line[FAILURE_LINE_ROOM];
  error_set(&why, SHUNT_E_DENIED, "no");
  assert_string_equal(failure_print(&why, line, sizeof line), "SHUNT_E_DENIED: no");
  snprintf(why.file, sizeof why.file, "jobs/mail.lua");
  why.line = 7;
  assert_string_equal(failure_print(&why, line, sizeof line), "SHUNT_E_DENIED: jobs/mail.lua:7: no");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_an_error_back_as_it_was),
      cmocka_unit_test(repairs_text_that_is_not_utf8),
      cmocka_unit_test(reads_rows_of_earlier_versions),
      cmocka_unit_test(prints_the_code_the_place_and_the_message),
  };
  return cmocka_run_group_tests_name("failures of jobs", tests, NULL, NULL);
}
