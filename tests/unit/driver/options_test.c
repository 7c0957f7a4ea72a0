/* The drivers take the options that the table of settings lists, and no others. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "catalog/settings.h"
#include "driver/mysql/conn.h"

static void every_option_of_libpq_has_a_row(void **state) {
  (void)state;
  PQconninfoOption *known = PQconndefaults();
  assert_non_null(known);
  for (const PQconninfoOption *o = known; o->keyword; o++)
    if (!schema_field_of(&schema_pg, o->keyword)) fail_msg("%s: add it to catalog/settings_servers.c", o->keyword);
  PQconninfoFree(known);
}

/* The port is refused before anything is connected, but only after the names. */
static void assert_known(const char *name) {
  const cat_option options[] = {{"port", "99999", false}, {name, "", false}};
  const cat_client client = {.name = "main", .engine = CAT_MYSQL, .options = options, .noptions = 2};
  driver_conn *conn = NULL;
  shunt_error err;
  if (strcmp(name, "port") == 0) return;
  assert_int_equal(driver_mysql.open(&client, 0, &conn, &err), SHUNT_E_CONFIG);
  if (!strstr(err.message, strcmp(name, "url") == 0 ? "url" : "port")) fail_msg("%s: %s", name, err.message);
}

static void the_driver_of_mysql_knows_every_row(void **state) {
  (void)state;
  for (const schema_field *f = schema_mysql.fields; f->key; f++) {
    assert_known(f->key);
    if (f->alias) assert_known(f->alias);
  }
}

static void every_option_of_the_driver_of_mysql_has_a_row(void **state) {
  (void)state;
  for (size_t i = 0; mysqldb_option(i); i++)
    if (!schema_field_of(&schema_mysql, mysqldb_option(i)))
      fail_msg("%s: add it to catalog/settings_servers.c", mysqldb_option(i));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_of_libpq_has_a_row),
      cmocka_unit_test(the_driver_of_mysql_knows_every_row),
      cmocka_unit_test(every_option_of_the_driver_of_mysql_has_a_row),
  };
  return cmocka_run_group_tests_name("options of connections", tests, NULL, NULL);
}
