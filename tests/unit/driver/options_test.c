/* The drivers take the options that the table of settings lists, and no others. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "catalog/schema_value.h"
#include "catalog/settings.h"
#include "driver/mysql/options.h"
#include "driver/pg/conn.h"

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
#define ASSERT_ROW(name, key)                                                                                          \
  if (!schema_field_of(&schema_mysql, key)) fail_msg("%s: add it to catalog/settings_servers.c", key);
  MYSQL_SETTING_MAP(ASSERT_ROW)
#undef ASSERT_ROW
}

static void the_words_of_ssl_mode_are_in_the_order_of_the_modes(void **state) {
  (void)state;
  const char *const *words = schema_field_of(&schema_mysql, "ssl_mode")->words;
  assert_string_equal(words[TLS_DISABLED], "disabled");
  assert_string_equal(words[TLS_PREFERRED], "preferred");
  assert_string_equal(words[TLS_REQUIRED], "required");
  assert_string_equal(words[TLS_VERIFY_CA], "verify_ca");
  assert_string_equal(words[TLS_VERIFY_IDENTITY], "verify_identity");
  assert_null(words[TLS_VERIFY_IDENTITY + 1]);
}

/* ---- values, without a server ---- */

static shunt_status read_mysql(const cat_option *options, size_t n, mysql_settings *s, shunt_error *err) {
  static cat_client client;
  client = (cat_client){.name = "main", .engine = CAT_MYSQL, .options = options, .noptions = n};
  return mysqldb_settings_read(s, &client, 0, err);
}

static void mysql_has_the_defaults_of_the_rows(void **state) {
  (void)state;
  mysql_settings s;
  shunt_error err;
  assert_int_equal(read_mysql(NULL, 0, &s, &err), SHUNT_OK);
  for (const schema_field *f = schema_mysql.fields; f->key; f++) {
    const char *value = s.values[mysqldb_setting_named(f->key)];
    if (f->fallback) assert_string_equal(value, f->fallback);
    if (!f->fallback) assert_null(value);
  }
  shunt_value ms;
  const schema_field *row = schema_field_of(&schema_mysql, "connect_timeout");
  assert_true(schema_read_text(&schema_mysql, row, row->fallback, &ms));
  assert_int_equal(s.timeouts[SET_CONNECT_TIMEOUT] * 1000, ms.as.integer);
  assert_int_equal(s.timeouts[SET_READ_TIMEOUT], 0);
  assert_int_equal(s.tls, TLS_UNSAID);
  mysqldb_settings_free(&s);
}

static void mysql_reads_the_url_and_what_is_beside_it(void **state) {
  (void)state;
  const cat_option options[] = {
      {"url", "mysql://ada:p%40ss@[::1]:3307/shop?compress=1&sslMode=VERIFY-CA&user=eve", true},
      {"read-timeout", "1500ms", false},
      {"dbname", "beside", false}};
  mysql_settings s;
  shunt_error err;
  assert_int_equal(read_mysql(options, 3, &s, &err), SHUNT_OK);
  assert_string_equal(s.values[SET_USER], "ada");
  assert_string_equal(s.values[SET_PASSWORD], "p@ss");
  assert_string_equal(s.values[SET_HOST], "::1");
  assert_string_equal(s.values[SET_DATABASE], "beside");
  assert_int_equal(s.port, 3307);
  assert_int_equal(s.timeouts[SET_READ_TIMEOUT], 2);
  assert_true(s.compress);
  assert_int_equal(s.tls, TLS_VERIFY_CA);
  mysqldb_settings_free(&s);
}

/* The message says what the row takes, and never the value, which may be a secret. */
static void mysql_refuses_what_no_row_allows(void **state) {
  (void)state;
  static const struct {
    const char *query, *says;
  } cases[] = {{"port=65536", "port: give an integer from 0 to 65535"},
               {"read_timeout=25h", "read_timeout: give a duration or a number of seconds from 0s to 24h"},
               {"ssl_mode=secret", "ssl_mode: give disabled, preferred, required, verify_ca or verify_identity"},
               {"compress=secret", "compress: give true or false"},
               {"charset=secret", "charset: give utf8mb4"},
               {"auth_plugins=secret%20", "auth_plugins: give the names"},
               {"auth_plugins=/tmp/secret", "auth_plugins: give the names"},
               {"auth_plugins=mysql_clear_password,dialog", "dialog is not possible"},
               {"auth_plugins=a,,b", "auth_plugins: give the names"},
               {"server_public_key_path=/secret.pem", "server_public_key_path: the file can't be read"},
               {"hosst=secret", "hosst: unknown option of mysql; did you mean 'host'?"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char url[128];
    snprintf(url, sizeof url, "mysql://h/d?%s", cases[i].query);
    const cat_option option = {"url", url, true};
    mysql_settings s;
    shunt_error err;
    assert_int_equal(read_mysql(&option, 1, &s, &err), SHUNT_E_CONFIG);
    if (!strstr(err.message, cases[i].says)) fail_msg("%s", err.message);
    assert_null(strstr(err.message, "secret"));
    mysqldb_settings_free(&s);
  }
}

static void a_plugin_is_allowed_by_its_whole_name(void **state) {
  (void)state;
  static const char named[] = "mysql_clear_password,evil";
  static const char *const allowed[] = {"mysql_native_password", "caching_sha2_password", "mysql_clear_password",
                                        "evil"};
  static const char *const refused[] = {"",
                                        "password",
                                        "dialog",
                                        "mysql",
                                        "evi",
                                        "evil2",
                                        "EVIL",
                                        "mysql_old_password",
                                        "mysql_native_password,caching_sha2_password",
                                        "a/b"};
  for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
    if (!mysqldb_plugin_is_allowed(allowed[i], named)) fail_msg("%s", allowed[i]);
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (mysqldb_plugin_is_allowed(refused[i], named)) fail_msg("%s", refused[i]);
  assert_false(mysqldb_plugin_is_allowed("mysql_clear_password", NULL));
  assert_false(mysqldb_plugin_is_allowed("dialog", "dialog"));
  assert_true(mysqldb_plugins_are_valid(named));
}

/* ---- pg ---- */

static const char *value_of(const char **keywords, const char **values, const char *keyword) {
  for (; *keywords; keywords++, values++)
    if (strcmp(*keywords, keyword) == 0) return *values;
  return NULL;
}

/* Whether this libpq knows the option and has no value of its own for it. */
static bool is_open(const PQconninfoOption *known, const char *keyword) {
  while (known->keyword && strcmp(known->keyword, keyword) != 0) known++;
  return known->keyword && !(known->val && *known->val);
}

/* Durations as libpq counts them. */
static void assert_default(const schema_field *f, const char *value) {
  char number[32];
  shunt_value ms;
  assert_non_null(value);
  snprintf(number, sizeof number, "%s", f->fallback);
  if (f->type == SCHEMA_DURATION) {
    assert_true(schema_read_text(&schema_pg, f, f->fallback, &ms));
    snprintf(number, sizeof number, "%lld", (long long)(ms.as.integer / f->bare_ms));
  }
  assert_string_equal(value, number);
}

static void libpq_gets_the_defaults_of_the_rows(void **state) {
  (void)state;
  const cat_client client = {.name = "main", .engine = CAT_PG};
  int count = 0;
  const char **keywords, **values;
  arena a = {0};
  shunt_error err;
  PQconninfoOption *known = PQconndefaults();
  assert_non_null(known);
  assert_int_equal(pg_options(&client, &a, &keywords, &values, &err), SHUNT_OK);
  assert_string_equal(value_of(keywords, values, "fallback_application_name"), "shunt");
  assert_string_equal(value_of(keywords, values, "connect_timeout"), "10");
  for (const schema_field *f = schema_pg.fields; f->key; f++) {
    if (!f->fallback || strcmp(f->key, "application_name") == 0 || !is_open(known, f->key)) continue;
    assert_default(f, value_of(keywords, values, f->key));
    count++;
  }
  assert_true(count >= 5);
  PQconninfoFree(known);
  arena_free(&a);
}

/* As require_auth of libpq 16: it would be a promise that is not kept. */
static void an_option_that_this_libpq_lacks_is_refused(void **state) {
  (void)state;
  PQconninfoOption *known = PQconndefaults();
  assert_non_null(known);
  for (const schema_field *f = schema_pg.fields; f->key; f++) {
    const cat_option option = {f->key, "1", false};
    const cat_client client = {.name = "main", .engine = CAT_PG, .options = &option, .noptions = 1};
    const PQconninfoOption *o = known;
    const char **keywords, **values;
    arena a = {0};
    shunt_error err;
    while (o->keyword && strcmp(o->keyword, f->key) != 0) o++;
    bool ours = strcmp(f->key, "url") == 0 || strcmp(f->key, "prepare") == 0 || strcmp(f->key, "database") == 0;
    shunt_status status = pg_options(&client, &a, &keywords, &values, &err);
    if (!o->keyword && !ours) assert_int_equal(status, SHUNT_E_CONFIG);
    if (!o->keyword && !ours) assert_non_null(strstr(err.message, "libpq"));
    if (o->keyword) assert_non_null(value_of(keywords, values, f->key));
    arena_free(&a);
  }
  PQconninfoFree(known);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_option_of_libpq_has_a_row),
      cmocka_unit_test(the_driver_of_mysql_knows_every_row),
      cmocka_unit_test(every_option_of_the_driver_of_mysql_has_a_row),
      cmocka_unit_test(the_words_of_ssl_mode_are_in_the_order_of_the_modes),
      cmocka_unit_test(mysql_has_the_defaults_of_the_rows),
      cmocka_unit_test(mysql_reads_the_url_and_what_is_beside_it),
      cmocka_unit_test(mysql_refuses_what_no_row_allows),
      cmocka_unit_test(a_plugin_is_allowed_by_its_whole_name),
      cmocka_unit_test(an_option_that_this_libpq_lacks_is_refused),
      cmocka_unit_test(libpq_gets_the_defaults_of_the_rows),
  };
  return cmocka_run_group_tests_name("options of connections", tests, NULL, NULL);
}
