/* Scalars have the types of YAML 1.2's core schema, and ${…} is filled in before they are typed. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

#include <locale.h>

#include "config/scalar.h"

static node *config_of(app *a, const char *yaml) {
  app_begin(a);
  app_file(a, "app.yaml", yaml);
  app_file(a, "secret", "hunter2\n");
  app_file(a, "crlf", "two\nlines\r\n");
  app_file(a, "binary", "\xFF\xFE");
  app_read(a, "dev");
  return a->source.config;
}

static const node *value_in(app *a, const char *scalar) {
  char yaml[512];
  snprintf(yaml, sizeof yaml, "instance: {instances: {x: {config: {\n  v: %s\n  }}}}\n", scalar);
  node *config = config_of(a, yaml);
  if (a->problems.count) print_error("%s\n", a->problems.list[0].message);
  assert_int_equal(a->problems.count, 0);
  return node_get(node_get(node_get(node_get(node_get(config, "instance"), "instances"), "x"), "config"), "v");
}

static void knows_the_types_of_the_core_schema(void **state) {
  (void)state;
  static const struct {
    const char *text;
    shunt_type type;
  } cases[] = {
      {"true", SHUNT_BOOL},       {"False", SHUNT_BOOL},   {"TRUE", SHUNT_BOOL},   {"yes", SHUNT_TEXT},
      {"no", SHUNT_TEXT},         {"on", SHUNT_TEXT},      {"off", SHUNT_TEXT},    {"y", SHUNT_TEXT},
      {"tRue", SHUNT_TEXT},       {"null", SHUNT_NULL},    {"~", SHUNT_NULL},      {"", SHUNT_NULL},
      {"NULL", SHUNT_NULL},       {"nil", SHUNT_TEXT},     {"12", SHUNT_INTEGER},  {"-12", SHUNT_INTEGER},
      {"+12", SHUNT_INTEGER},     {"0o14", SHUNT_INTEGER}, {"0xC", SHUNT_INTEGER}, {"0x", SHUNT_TEXT},
      {"0b1", SHUNT_TEXT},        {"1_000", SHUNT_TEXT},   {"12:30", SHUNT_TEXT},  {"1.5", SHUNT_FLOAT},
      {".5", SHUNT_FLOAT},        {"5.", SHUNT_FLOAT},     {"1e3", SHUNT_FLOAT},   {"-1.5E-3", SHUNT_FLOAT},
      {"1e", SHUNT_TEXT},         {".", SHUNT_TEXT},       {"-", SHUNT_TEXT},      {"1.2.3", SHUNT_TEXT},
      {".inf", SHUNT_FLOAT},      {"-.INF", SHUNT_FLOAT},  {".nan", SHUNT_FLOAT},  {"inf", SHUNT_TEXT},
      {"2001-01-01", SHUNT_TEXT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    shunt_value v = scalar_plain(cases[i].text, strlen(cases[i].text));
    if (v.type != cases[i].type) print_error("%s\n", cases[i].text);
    assert_int_equal(v.type, cases[i].type);
  }
}

static void keeps_the_value_of_every_number(void **state) {
  (void)state;
  assert_int_equal(scalar_plain("9223372036854775807", 19).as.integer, INT64_MAX);
  assert_true(scalar_plain("-9223372036854775808", 20).as.integer == INT64_MIN);
  assert_int_equal(scalar_plain("9223372036854775808", 19).type, SHUNT_FLOAT);
  assert_int_equal(scalar_plain("0o17", 4).as.integer, 15);
  assert_int_equal(scalar_plain("0xfF", 4).as.integer, 255);
  assert_int_equal(scalar_plain("007", 3).as.integer, 7);
  assert_true(scalar_plain("1.25", 4).as.number == 1.25);
  assert_true(scalar_plain("-2e-1", 5).as.number == -0.2);
}

static void reads_numbers_alike_in_every_locale(void **state) {
  (void)state;
  /* skips nothing where the locale isn't there: C reads it too */
  setlocale(LC_NUMERIC, "de_DE.UTF-8");
  assert_true(scalar_plain("1.25", 4).as.number == 1.25);
  setlocale(LC_NUMERIC, "C");
}

static void fills_in(void **state) {
  (void)state;
  static const struct {
    const char *scalar;
    const char *text; /* what it comes to; NULL: null */
    shunt_type type;
  } cases[] = {
      {"\"${SHUNT_A}\"", "alpha", SHUNT_TEXT},
      {"\"<${SHUNT_A}-${SHUNT_A}>\"", "<alpha-alpha>", SHUNT_TEXT},
      {"\"${SHUNT_NOPE:-fallback}\"", "fallback", SHUNT_TEXT},
      {"\"${SHUNT_NOPE:-}\"", "", SHUNT_TEXT},
      {"\"${SHUNT_NOPE:-a:-b}\"", "a:-b", SHUNT_TEXT},
      {"\"${SHUNT_EMPTY}\"", "", SHUNT_TEXT},
      {"\"${SHUNT_EMPTY:-fallback}\"", "fallback", SHUNT_TEXT},
      {"\"${SHUNT_A:-fallback}\"", "alpha", SHUNT_TEXT},
      {"\"$${SHUNT_A}\"", "${SHUNT_A}", SHUNT_TEXT},
      {"\"$$${SHUNT_A}\"", "$${SHUNT_A}", SHUNT_TEXT},
      {"\"$SHUNT_A $ $$ {}\"", "$SHUNT_A $ $$ {}", SHUNT_TEXT},
      {"\"${SHUNT_DOLLAR}\"", "${SHUNT_A}", SHUNT_TEXT}, /* what was filled in is not looked at again */
      {"'${file:secret}'", "hunter2", SHUNT_TEXT},
      {"'${file:crlf}'", "two\nlines", SHUNT_TEXT},
      {"\"${SHUNT_PORT}\"", "5432", SHUNT_TEXT},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    app a;
    const node *v = value_in(&a, cases[i].scalar);
    assert_int_equal(v->value.type, cases[i].type);
    assert_string_equal(v->value.as.bytes, cases[i].text);
    assert_string_equal(v->spelling, cases[i].text);
    app_end(&a);
  }
}

/* What comes from outside of the text is no placeholder there. */
static void fills_in_templates_of_the_session(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml",
           "database:\n"
           "  defaultClient: main\n"
           "  clients:\n"
           "    main:\n"
           "      engine: pg\n"
           "      session: {a.a: \"${SHUNT_INSTANCE}, ${instance}\", a.b: \"${SHUNT_NOPE:-a$}{instance}\", "
           "a.c: \"$${env} ${SHUNT_A}\", a.d: \"$$${env}\"}\n");
  app_open(&a, "dev");
  assert_string_equal(a.told, "");
  const cat_variable *v = catalog_client(a.catalog, "main")->variables;
  assert_string_equal(v[0].value.as.bytes, "$${instance}, ${instance}");
  assert_string_equal(v[1].value.as.bytes, "a$${instance}");
  assert_string_equal(v[2].value.as.bytes, "$${env} alpha");
  assert_string_equal(v[3].value.as.bytes, "$$${env}");
  app_end(&a);
}

static void types_a_plain_scalar_after_it_is_filled_in(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml",
           "database:\n"
           "  defaultClient: main\n"
           "  clients:\n"
           "    main:\n"
           "      engine: pg\n"
           "      connection:\n"
           "        port: ${SHUNT_PORT}\n"
           "        dbname: 007\n"
           "        user: ${SHUNT_NOPE:-}\n"
           "      pool:\n"
           "        max: ${SHUNT_NOPE:-3}\n");
  app_open(&a, "dev");
  assert_string_equal(a.told, "");
  const cat_client *main = catalog_client(a.catalog, "main");
  assert_int_equal(main->pool.max, 3);
  assert_int_equal(main->noptions, 2);
  assert_string_equal(main->options[0].value, "5432");
  assert_string_equal(main->options[1].value, "007");
  const node *connection =
      node_get(node_get(node_get(node_get(a.catalog->merged, "database"), "clients"), "main"), "connection");
  assert_int_equal(node_get(connection, "port")->value.as.integer, 5432);
  assert_string_equal(node_get(connection, "port")->raw, "${SHUNT_PORT}");
  app_end(&a);
}

static void keeps_what_was_written(void **state) {
  (void)state;
  app a;
  const node *v = value_in(&a, "\"${SHUNT_A}!\"");
  assert_string_equal(v->raw, "${SHUNT_A}!");
  assert_false(v->secret);
  app_end(&a);
  v = value_in(&a, "\"plain\"");
  assert_null(v->raw);
  app_end(&a);
}

static void holds_for_secret_what_comes_from_a_file_or_a_secret_variable(void **state) {
  (void)state;
  app a;
  assert_true(value_in(&a, "'${file:secret}'")->secret);
  app_end(&a);
  assert_true(value_in(&a, "\"x${SHUNT_TOKEN}\"")->secret);
  app_end(&a);
}

static void tells_what_can_not_be_filled_in(void **state) {
  (void)state;
  static const char *const scalars[] = {"\"${SHUNT_NOPE}\"",  "\"${}\"",        "\"${A\"",
                                        "\"${A B}\"",         "'${file:nope}'", "'${file:binary}'",
                                        "\"${SHUNT_BYTES}\"", "'${file:}'"};
  for (size_t i = 0; i < sizeof scalars / sizeof *scalars; i++) {
    app a;
    char yaml[256];
    snprintf(yaml, sizeof yaml, "instance:\n  instances: {x: {config: {v: %s}}}\n", scalars[i]);
    config_of(&a, yaml);
    assert_int_equal(a.problems.count, 1);
    assert_int_equal(a.problems.list[0].line, 2);
    assert_int_equal(a.problems.list[0].column, 31);
    app_end(&a);
  }
}

static void counts_columns_in_characters(void **state) {
  (void)state;
  app a;
  config_of(&a, "\xEF\xBB\xBF{instance: {instances: {\"\xC3\xA4\xE2\x82\xAC\": {id: x}}}}\n");
  assert_int_equal(a.problems.count, 1);
  assert_int_equal(a.problems.list[0].line, 1);
  assert_int_equal(a.problems.list[0].column, 36);
  app_end(&a);
}

static void copies_what_an_alias_stands_for(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "app.yaml",
           "database:\n"
           "  defaultClient: a\n"
           "  clients:\n"
           "    a: &a {engine: pg, pool: &p {max: 2}}\n"
           "    b: *a\n"
           "    c: {engine: pg, pool: *p}\n");
  app_file(&a, "app.prod.yaml", "database: {clients: {b: {pool: {max: 5}}}}\n");
  app_open(&a, "prod");
  assert_string_equal(a.told, "");
  assert_int_equal(catalog_client(a.catalog, "a")->pool.max, 2);
  assert_int_equal(catalog_client(a.catalog, "b")->pool.max, 5);
  assert_int_equal(catalog_client(a.catalog, "c")->pool.max, 2);
  app_end(&a);
}

static void bounds_what_aliases_make(void **state) {
  (void)state;
  app a;
  config_of(&a, "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n");
  assert_int_equal(a.read, SHUNT_E_CONFIG);
  assert_int_equal(a.problems.count, 1);
  assert_string_equal(a.problems.list[0].message, "the aliases up to here make too many nodes");
  app_end(&a);
}

static void bounds_the_depth(void **state) {
  (void)state;
  app a;
  char yaml[4096];
  memset(yaml, '[', 2000);
  memset(yaml + 2000, ']', 2000);
  yaml[4000] = 0;
  config_of(&a, yaml);
  assert_int_equal(a.read, SHUNT_E_CONFIG);
  assert_string_equal(a.problems.list[0].message, "nested too deeply");
  app_end(&a);
  buf b = {0};
  for (int i = 0; i < 40; i++) buf_puts(&b, i ? "[" : "a: &a [");
  for (int i = 0; i < 40; i++) buf_puts(&b, "]");
  buf_puts(&b, "\nb: ");
  for (int i = 0; i < 40; i++) buf_puts(&b, "[");
  buf_puts(&b, "*a");
  for (int i = 0; i < 40; i++) buf_puts(&b, "]");
  config_of(&a, b.data);
  assert_string_equal(a.problems.list[0].message, "nested too deeply");
  buf_free(&b);
  app_end(&a);
}

static void finds_the_paths_of_rules(void **state) {
  (void)state;
  app a;
  config_of(&a, "rules: {path: [rules, /srv/more], standard: false, instructions: 10, memory: 1GiB, timeout: 2h}\n");
  assert_int_equal(a.rules.npaths, 2);
  assert_string_equal(a.rules.paths[1], "/srv/more");
  assert_int_equal(a.rules.places[1].column, 23);
  assert_false(a.source.settings.standard_rules);
  assert_int_equal(a.source.settings.instructions, 10);
  assert_true(a.source.settings.memory_bytes == 1 << 30);
  assert_int_equal(a.source.settings.timeout_ms, 7200000);
  app_end(&a);
  config_of(&a, "rules: {path: one}\n");
  assert_int_equal(a.rules.npaths, 1);
  assert_string_equal(a.rules.paths[0], "one");
  assert_true(a.source.settings.standard_rules);
  assert_int_equal(a.source.settings.instructions, 1000000);
  assert_true(a.source.settings.memory_bytes == 64 << 20);
  assert_int_equal(a.source.settings.timeout_ms, 50);
  app_end(&a);
}

static void looks_for_rules_in_the_usual_folder(void **state) {
  (void)state;
  app a;
  config_of(&a, "");
  assert_int_equal(a.rules.npaths, 0);
  app_close(&a);
  const char *rules = app_path(&a, "rules");
  assert_int_equal(mkdir(rules, 0777), 0);
  app_read(&a, "dev");
  assert_int_equal(a.rules.npaths, 1);
  assert_string_equal(a.rules.paths[0], "rules");
  assert_int_equal(rmdir(rules), 0);
  app_end(&a);
}

static int set_variables(void **state) {
  (void)state;
  unsetenv("SHUNT_NOPE");
  return setenv("SHUNT_A", "alpha", 1) || setenv("SHUNT_EMPTY", "", 1) || setenv("SHUNT_PORT", "5432", 1) ||
         setenv("SHUNT_DOLLAR", "${SHUNT_A}", 1) || setenv("SHUNT_TOKEN", "t", 1) ||
         setenv("SHUNT_BYTES", "\xC0\x80", 1) || setenv("SHUNT_INSTANCE", "${instance}", 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_the_types_of_the_core_schema),
      cmocka_unit_test(keeps_the_value_of_every_number),
      cmocka_unit_test(reads_numbers_alike_in_every_locale),
      cmocka_unit_test(fills_in),
      cmocka_unit_test(fills_in_templates_of_the_session),
      cmocka_unit_test(types_a_plain_scalar_after_it_is_filled_in),
      cmocka_unit_test(keeps_what_was_written),
      cmocka_unit_test(holds_for_secret_what_comes_from_a_file_or_a_secret_variable),
      cmocka_unit_test(tells_what_can_not_be_filled_in),
      cmocka_unit_test(counts_columns_in_characters),
      cmocka_unit_test(copies_what_an_alias_stands_for),
      cmocka_unit_test(bounds_what_aliases_make),
      cmocka_unit_test(bounds_the_depth),
      cmocka_unit_test(finds_the_paths_of_rules),
      cmocka_unit_test(looks_for_rules_in_the_usual_folder),
  };
  return cmocka_run_group_tests_name("scalars and what is filled in", tests, set_variables, NULL);
}
