/* The merged configuration prints as YAML. Read back, it is the same configuration, except for its secrets. */
#define _POSIX_C_SOURCE 200809L
#include "catalog/template.h"
#include "unit/config/app.h"

static char *printed(const node *n) {
  char *yaml = NULL;
  shunt_error err;
  assert_int_equal(config_print(n, &yaml, &err), SHUNT_OK);
  return yaml;
}

static void prints_what_was_merged(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "secret", "hunter2\n");
  app_file(&a, "app.yaml",
           "database:\n"
           "  defaultClient: token\n"
           "  clients:\n"
           "    token: {engine: pg, connection: {port: 5432, url: \"pg://app:pw@host/db?x=1&sslpassword=abc&y=2\", "
           "password: \"${file:secret}\", options: 'user=me password = ''it is'' x=1'}}\n"
           "    gone: {engine: pg}\n"
           "instance: {instances: {\"\": {id: 1, title: \"yes\"}, \"7\": {config: {secrets: {a: deep, b: [deeper]}, "
           "note: \"${file:secret}\", price: 1.50, dollar: \"$${X}\", list: [a, 'null', \"1\"], maps: [{a: 1}]}}}}\n"
           "models: {user: {table: t, relations: {password: {kind: has_one, target: user, foreign_key: my_key, where: "
           "{gone: null}}}}}\n");
  app_file(&a, "app.prod.yaml", "database: {clients: {gone: null}}\nrules: {timeout: 20ms}\n");
  app_open(&a, "prod");
  assert_string_equal(a.told, "");
  char *yaml = printed(a.catalog->merged);
  assert_string_equal(yaml, "database:\n"
                            "  defaultClient: token\n"
                            "  clients:\n"
                            "    token:\n"
                            "      engine: pg\n"
                            "      connection:\n"
                            "        port: 5432\n"
                            "        url: pg://app:********@host/db?x=1&sslpassword=********\n"
                            "        password: '********'\n"
                            "        options: user=me password = ********\n"
                            "    gone: null\n"
                            "instance:\n"
                            "  instances:\n"
                            "    \"\":\n"
                            "      id: 1\n"
                            "      title: \"yes\"\n"
                            "    \"7\":\n"
                            "      config:\n"
                            "        secrets:\n"
                            "          a: '********'\n"
                            "          b: ['********']\n"
                            "        note: '********'\n"
                            "        price: 1.50\n"
                            "        dollar: $${X}\n"
                            "        list: [a, \"null\", \"1\"]\n"
                            "        maps:\n"
                            "        - a: 1\n"
                            "models:\n"
                            "  user:\n"
                            "    table: t\n"
                            "    relations:\n"
                            "      password:\n"
                            "        kind: has_one\n"
                            "        target: user\n"
                            "        foreign_key: my_key\n"
                            "        where:\n"
                            "          gone: null\n"
                            "rules:\n"
                            "  timeout: 20ms\n");
  base_free(yaml);
  app_end(&a);
}

static void masks_every_way_to_write_a_password_in_a_text(void **state) {
  (void)state;
  static const char *const texts[] = {"pg://u:hunter2@h/d",
                                      "pg://u:hun/hunter2@h",
                                      "mysql://u:hunter2@h1,u:hunter2@h2",
                                      "pg://u:a b@hunter2@h",
                                      "pg://u:x@h/d?password=a@hunter2",
                                      "pg://u@h/d?password=a&hunter2",
                                      "pg://u@h/d?p%61ssword=hunter2",
                                      "pg://password=hunter2:x@h",
                                      "pg://u:hunter2/d",
                                      "host=h password\n=\na hunter2",
                                      "pg://:hunter2@h",
                                      "password=hunter2",
                                      "host=h PassWord = hunter2",
                                      "a;pwd=hunter2;b",
                                      "x?api_key=hunter2",
                                      "password='a hunter2 b' c",
                                      "password=\"a hunter2\"",
                                      "token='it\\'s hunter2'",
                                      "pg://h/?password=hunter2",
                                      "see pg://u:hunter2@h and pg://v:hunter2@h"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    arena in = {0};
    place at = {"x", 1, 1};
    node *n = node_map(&in, at);
    assert_true(node_put(&in, n, "url", at, node_text(&in, at, texts[i], strlen(texts[i]))));
    char *yaml = printed(n);
    if (strstr(yaml, "hunter2")) print_error("%s", yaml);
    assert_null(strstr(yaml, "hunter2"));
    assert_non_null(strstr(yaml, "********"));
    base_free(yaml);
    arena_free(&in);
  }
}

/* ---- reading back ---- */

static const char *const pieces[] = {"a",
                                     " ",
                                     "\n",
                                     "\t",
                                     "'",
                                     "\"",
                                     "#",
                                     ": ",
                                     "- ",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     "*",
                                     "&",
                                     "!",
                                     "|",
                                     ">",
                                     "%",
                                     "@",
                                     "`",
                                     ",",
                                     "?",
                                     "~",
                                     "1",
                                     ".",
                                     "e",
                                     "0x",
                                     "-",
                                     "${",
                                     "$",
                                     "\\",
                                     "null",
                                     "no",
                                     "true",
                                     "\xC3\xA4",
                                     "=",
                                     "<<",
                                     ":",
                                     "\r",
                                     "\x01",
                                     "\xE2\x80\xA8",
                                     "\xEF\xBB\xBF",
                                     "\x7F",
                                     "\xC2\x85"};

static node *random_scalar(arena *in, uint64_t *random, place at) {
  char text[256] = "";
  switch (app_random(random, 7)) {
  case 3:
    return node_value(in, at, shunt_null());
  case 0:
    return node_value(in, at, shunt_integer((int64_t)app_random(random, 1000) - 500));
  case 1:
    return node_value(in, at, shunt_boolean(app_random(random, 2)));
  case 2:
    return node_value(in, at, shunt_float((double)app_random(random, 1000) / 8 + 0.125));
  default:
    for (uint64_t n = app_random(random, 8); n > 0; n--)
      strcat(text, pieces[app_random(random, sizeof pieces / sizeof *pieces)]);
    return node_text(in, at, text, strlen(text));
  }
}

static node *random_node(arena *in, uint64_t *random, int depth) {
  place at = {"x", 1, 1};
  uint64_t kind = depth == 0 ? 0 : app_random(random, depth > 3 ? 1 : 3) + (depth > 3 ? 2 : 0);
  if (kind == 2) return random_scalar(in, random, at);
  node *n = kind == 0 ? node_map(in, at) : node_list(in, at);
  for (uint64_t count = app_random(random, 5); count > 0; count--) {
    node *below = random_node(in, random, depth + 1);
    node *key = random_scalar(in, random, at);
    const char *name = node_is_text(key) ? key->value.as.bytes : "k";
    if (cat_secret_key(name)) continue;
    assert_true(kind == 0 ? node_put(in, n, name, at, below) : node_append(in, n, below));
  }
  return n;
}

/* ---- with templates, which sessions fill in ---- */

static bool is_right(const char *template) {
  template_piece piece;
  while (template_next(&template, &piece))
    if (piece.wrong) return false;
  return true;
}

static node *random_template(arena *in, uint64_t *random, place at) {
  static const char *const more[] = {"${instance}", "${instance.id}", "${env}", "${attrs.a}", "$${", "$", "{", "}"};
  enum { MORE = sizeof more / sizeof *more, ALL = MORE + sizeof pieces / sizeof *pieces };
  char text[256];
  do {
    *text = 0;
    for (uint64_t n = app_random(random, 6); n > 0; n--) {
      const uint64_t k = app_random(random, 2) ? app_random(random, MORE) : app_random(random, ALL);
      strcat(text, k < MORE ? more[k] : pieces[k - MORE]);
    }
  } while (!is_right(text));
  return node_text(in, at, text, strlen(text));
}

static node *put_map(arena *in, node *above, const char *key) {
  place at = {"x", 1, 1};
  node *below = node_map(in, at);
  assert_true(node_put(in, above, key, at, below));
  return below;
}

static void put_session(arena *in, uint64_t *random, node *in_map) {
  static const char *const names[] = {"search_path", "app.tenant", "@a"};
  place at = {"x", 1, 1};
  node *session = put_map(in, in_map, "session");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const bool is_text = app_random(random, 4);
    assert_true(node_put(in, session, names[i], at,
                         is_text ? random_template(in, random, at) : node_value(in, at, shunt_integer(7))));
  }
}

/* A configuration whose clients have session variables, beside other texts. */
static node *random_config(arena *in, uint64_t *random) {
  static const char *const names[] = {"base", "session", "token", "7"};
  place at = {"x", 1, 1};
  node *n = node_map(in, at), *database = put_map(in, n, "database"), *clients = put_map(in, database, "clients");
  put_session(in, random, put_map(in, database, "base"));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    node *client = put_map(in, clients, names[i]);
    assert_true(node_put(in, client, "connection", at, random_node(in, random, 1)));
    put_session(in, random, client);
  }
  put_session(in, random, put_map(in, n, "instance")); /* these are no templates */
  assert_true(node_put(in, n, "models", at, random_node(in, random, 1)));
  return n;
}

static bool are_same(const node *a, const node *b) {
  if (!b || a->kind != b->kind || a->count != b->count) return false;
  for (size_t i = 0; i < a->count; i++) {
    if (a->kind == NODE_MAP && strcmp(a->entries[i].key, b->entries[i].key) != 0) return false;
    if (!are_same(a->kind == NODE_MAP ? a->entries[i].value : a->items[i],
                  a->kind == NODE_MAP ? b->entries[i].value : b->items[i]))
      return false;
  }
  if (a->kind != NODE_VALUE) return true;
  if (a->value.type != b->value.type) return false;
  if (a->value.type == SHUNT_TEXT)
    return a->value.size == b->value.size && strcmp(a->value.as.bytes, b->value.as.bytes) == 0;
  if (a->value.type == SHUNT_FLOAT) return a->value.as.number == b->value.as.number;
  if (a->value.type == SHUNT_BOOL) return a->value.as.boolean == b->value.as.boolean;
  return a->value.as.integer == b->value.as.integer;
}

static void reads_back_as_what_was_printed(void **state) {
  (void)state;
  uint64_t random = app_seed();
  for (int i = 0; i < 3000; i++) {
    arena in = {0};
    problems p = {0};
    node *n = i % 4 ? random_node(&in, &random, 0) : random_config(&in, &random), *back = NULL;
    char *yaml = printed(n);
    assert_int_equal(yaml_read(&in, &p, "x", yaml, strlen(yaml), &back), SHUNT_OK);
    if (p.count || !are_same(n, back)) print_error("run %d: %s\n%s", i, p.count ? p.list[0].message : "", yaml);
    assert_int_equal(p.count, 0);
    assert_true(are_same(n, back));
    base_free(yaml);
    problems_free(&p);
    arena_free(&in);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(prints_what_was_merged),
      cmocka_unit_test(masks_every_way_to_write_a_password_in_a_text),
      cmocka_unit_test(reads_back_as_what_was_printed),
  };
  return cmocka_run_group_tests_name("printing the configuration", tests, NULL, NULL);
}
