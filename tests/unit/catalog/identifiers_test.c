/* Lists of identifiers: what stands for placeholders is one name, read by PostgreSQL as what it is, or it is refused.
 */
#define _POSIX_C_SOURCE 200809L
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "catalog/identifiers.h"
#include "unit/random.h"

enum { TRIES = 20000, ROOM = 512 };

static shunt_status put(void *ud, const template_piece *placeholder, buf *to) {
  (void)placeholder;
  buf_puts(to, ud);
  return SHUNT_OK;
}

static shunt_status refuse(void *ud, const char *name, const char *why) {
  (void)ud;
  assert_true(*name && *why);
  return SHUNT_E_USAGE;
}

static shunt_status fill(const char *list, const char *value, buf *to) {
  return identifiers_fill(&(identifiers){(void *)(uintptr_t)value, put, refuse}, list, to);
}

/* ---- as PostgreSQL reads a list ---- */

/* Puts the identifier at `at` into out, and returns what follows it and its comma; NULL: the list is not well-formed.
 */
static const char *read_identifier(const char *at, char *out) {
  at += strspn(at, " \t\n\r\f");
  if (*at == '"')
    for (at++;; *out++ = *at++) {
      if (!*at) return NULL;
      if (*at == '"' && *++at != '"') break;
    }
  else
    while (*at && !strchr(", \t\n\r\f", *at)) *out++ = *at++;
  *out = 0;
  at += strspn(at, " \t\n\r\f");
  return *at == ',' ? at + 1 : *at ? NULL : at;
}

/* These mean a thing of their own in a search_path, in quotes, too, or no schema of a tenant can have that name. */
static bool is_special(const char *name) {
  return strlen(name) > 63 || strcmp(name, "$user") == 0 || strncmp(name, "pg_", 3) == 0 ||
         strcmp(name, "information_schema") == 0;
}

/* ---- tests ---- */

static const struct {
  const char *list, *before, *after; /* the identifier of the value, the first one, is the value between these */
} lists[] = {
    {"${instance}", "", ""},
    {"\t${instance} ,public", "", ""},
    {"\"${instance}\" , \"$user\"", "", ""},
    {"t_${instance}", "t_", ""},
    {" \"t ${instance} \", pg_temp", "t ", " "},
    {"${instance}_x", "", "_x"},
    {"p${instance}", "p", ""},
    {"$${${instance}}", "${", "}"},
};

static const char *const pieces[] = {
    "$user",  "user", "$",  "pg_", "g_",       "temp",
    " ",      "\"",   ",",  "\\",  "\xC3\xBC", "information_schema",
    "public", "A",    "\n", "'",   "${env}",   "0123456789012345678901234567890123456789"};

static void make_value(rng *random, char *out) {
  *out = 0;
  for (size_t n = 1 + rng_below(random, 4); n > 0; n--)
    strcat(out, pieces[rng_below(random, sizeof pieces / sizeof *pieces)]);
}

static void name_what_the_value_says_or_are_refused(void **state) {
  (void)state;
  rng random = rng_start("lists of identifiers");
  for (int i = 0; i < TRIES; i++) {
    char value[ROOM], name[ROOM], found[ROOM];
    buf list = {0};
    const size_t kind = rng_below(&random, sizeof lists / sizeof *lists);
    make_value(&random, value);
    snprintf(name, sizeof name, "%s%s%s", lists[kind].before, value, lists[kind].after);
    const shunt_status status = fill(lists[kind].list, value, &list);
    assert_int_equal(status, is_special(name) ? SHUNT_E_USAGE : SHUNT_OK);
    if (!status) {
      const char *rest = read_identifier(list.data, found);
      assert_non_null(rest);
      assert_string_equal(found, name);
      assert_int_equal(*rest != 0, strchr(lists[kind].list, ',') != NULL);
    }
    buf_free(&list);
  }
}

static void leave_the_literal_parts_as_they_are(void **state) {
  (void)state;
  buf list = {0};
  assert_int_equal(fill("\"$user\", ${instance} , pg_catalog,Public", "a", &list), SHUNT_OK);
  assert_string_equal(list.data, "\"$user\",\"a\", pg_catalog,Public");
  buf_free(&list);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(name_what_the_value_says_or_are_refused),
      cmocka_unit_test(leave_the_literal_parts_as_they_are),
  };
  return cmocka_run_group_tests_name("lists of identifiers", tests, NULL, NULL);
}
