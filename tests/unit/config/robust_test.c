/* Whatever the files contain: no message holds a secret, nothing crashes, and running out of memory is reported. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

/* ---- secrets ---- */

#define SECRET "hUnTeR2-Xyzzy"

/* Lines of which each holds a mistake or none; %s is where a scalar goes. */
static const char *const lines[] = {
    "database: %s\n",
    "database:\n  defaultClient: %s\n",
    "database:\n  clients: {a: {engine: %s}}\n",
    "database:\n  defaultClient: a\n  clients:\n    a: {engine: sqlite3, connection: {filename: x, busyTimeout: %s, "
    "create: %s}}\n",
    "database:\n  defaultClient: a\n  clients:\n    a: {engine: pg, connection: {password: %s, passwd: [%s], ssl: %s}, "
    "pool: {min: %s, "
    "idleTimeout: %s}}\n    b: {clone: %s}\n    c: {role: %s, token: %s, pasword: %s}\n",
    "database:\n  defaultClient: a\n  clients:\n    a: {engine: sqlite3, connection: {password: %s, secret: %s, "
    "api_key: {x: %s}}}\n",
    "instance:\n  isolation: %s\n  instances:\n    a: {id: %s, isolate: %s, isolateClient: %s, title: %s, config: "
    "%s}\n",
    "instance:\n  instances:\n    a: {id: 1, isolate: true, isolateClient: %s}\n    b: {id: 1, password: %s}\n",
    "models:\n  user: {table: %s, client: %s, primary_key: %s, relations: {x: {kind: %s, target: %s, client: %s, "
    "where: %s}}}\n",
    "models:\n  user: {table: t, relations: {x: {kind: has_many, foreign_key: k, target: %s, where: {password: {gtx: "
    "%s}}, "
    "order: [%s], limit: %s}}}\n",
    "rules: {path: %s, memory: %s, timeout: %s, instructions: %s, standard: %s}\n",
    "rules: {pasword: %s, password: %s, password: %s}\n",
    "attributes: {plan: %s, token: [%s, %s], on: [a, %s]}\n",
};

/* Ways for a secret to get into a scalar that are never told, wherever the scalar stands. */
static const char *const hidden[] = {
    "\"${SHUNT_HIDDEN}\"",       "\"${file:secret}\"",          "\"a ${SHUNT_HIDDEN} b\"", "\"x${file:secret}y\"",
    ("\"pg://u:" SECRET "@h\""), "\"${SHUNT_HIDDEN} ${NOPE}\"", ("!" SECRET " x"),         ("*" SECRET)};
static const char *const harmless[] = {"a", "5", "true", "[1]", "{b: 1}", "\"\"", "5s", "null", "nonsense"};

static const char *random_of(uint64_t *random, const char *const *list, size_t count) {
  return list[app_random(random, count)];
}

#define RANDOM_OF(list) random_of(&random, list, sizeof(list) / sizeof *(list))

static void tells_no_secret_in_any_message(void **state) {
  (void)state;
  uint64_t random = app_seed();
  size_t told = 0;
  assert_int_equal(setenv("SHUNT_HIDDEN", SECRET, 1), 0);
  app a;
  app_begin(&a);
  app_file(&a, "secret", SECRET "\n");
  for (int i = 0; i < 4000; i++) {
    buf yaml = {0};
    const char *line = RANDOM_OF(lines), *at;
    while ((at = strstr(line, "%s")) != NULL) {
      buf_add(&yaml, line, (size_t)(at - line));
      bool secret_key = at - line >= 10 && strncmp(at - 10, "password: ", 10) == 0;
      if (secret_key && app_random(&random, 2))
        buf_puts(&yaml, SECRET);
      else
        buf_puts(&yaml, app_random(&random, 2) ? RANDOM_OF(hidden) : RANDOM_OF(harmless));
      line = at + 2;
    }
    buf_puts(&yaml, line);
    assert_false(yaml.failed);
    app_file_of(&a, "app.yaml", yaml.data, yaml.size);
    app_open(&a, "dev");
    for (size_t k = 0; k < a.problems.count; k++) {
      if (strstr(a.problems.list[k].message, SECRET)) print_error("%s%s\n", yaml.data, a.problems.list[k].message);
      assert_null(strstr(a.problems.list[k].message, SECRET));
      told++;
    }
    app_close(&a);
    buf_free(&yaml);
  }
  assert_true(told > 4000);
  app_end(&a);
}

static void prints_no_secret(void **state) {
  (void)state;
  app a;
  app_begin(&a);
  app_file(&a, "secret", SECRET "\n");
  app_file(&a, "app.yaml",
           "database:\n  defaultClient: a\n  clients:\n    a:\n      engine: pg\n"
           "      connection: {password: " SECRET ", PASSWD: \"" SECRET "\", url: 'pg://x:" SECRET
           "@h', sslkey: " SECRET ", ApiKey: " SECRET
           ", host: \"${file:secret}\", note: \"a${file:secret}b\", access_token: {a: [" SECRET "]}}\n");
  app_read(&a, "dev");
  char *yaml = NULL;
  assert_int_equal(config_print(a.source.config, &yaml, NULL), SHUNT_OK);
  assert_null(strstr(yaml, SECRET));
  base_free(yaml);
  app_end(&a);
}

/* ---- memory ---- */

typedef struct meter {
  size_t calls;
  size_t fail_at; /* from 1; 0: never */
  size_t live;
} meter;

static void *metered(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  meter *m = ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    free(block);
    m->live--;
    return NULL;
  }
  if (++m->calls == m->fail_at) return NULL;
  void *got = realloc(block, new_bytes);
  if (got && !block) m->live++;
  return got;
}

static const char everything[] =
    "database:\n"
    "  defaultClient: main\n"
    "  base: {pool: {max: 4}}\n"
    "  clients:\n"
    "    main: &m {engine: sqlite3, connection: {filename: main.db}}\n"
    "    copy: {clone: default, connection: {filename: copy.db}}\n"
    "    alias: *m\n"
    "    pg: {engine: pg, connection: {host: \"${SHUNT_NOPE:-h}\", port: 5432, password: \"${file:secret}\"}}\n"
    "    reader: {clone: pg, connection: {url: \"pg://r:x@h2:1/d?options=-c%20a\"}}\n"
    "attributes: {plan: [free, pro], age: integer, gone: text}\n"
    "instance:\n"
    "  instances: {i1: {id: 1}, i2: {id: 2}, i3: {id: 3}, i4: {id: 4}, i5: {id: 5}, i6: {id: 6}, i7: {id: 7}, i8: {id: "
    "8},\n"
    "    i9: {id: 9, config: {a: [1, 2, {b: c}], gone: null}}, i10: {id: 10, isolate: true, isolateClient: copy}}\n"
    "models:\n"
    "  order: {table: orders, client: pg, relations: {user: {kind: belongs_to, target: user, foreign_key: user_id,\n"
    "    where: {age: {gte: 18}, _or: [{a: 1}, {b: [1, 2]}]}, order: [a, -b], columns: c}}}\n"
    "rules: {path: [rules, more]}\n";

static void open_everything(app *a, bool with_mistakes, char **yaml) {
  app_read(a, "prod");
  if (a->source.config && config_print(a->source.config, yaml, NULL) != SHUNT_OK) a->problems.out_of_memory = true;
  if (a->read != SHUNT_E_MEMORY) {
    node *body = NULL;
    arena *in = &a->source.arena;
    static const char model[] =
        "{table: 'fn 1', relations: {roles: {kind: has_many, target: order, foreign_key: user_id}}}";
    static const char rule[] = "{stage: guard, model: [user, 'o*'], relation: order.user, client: copy, deny: no}";
    const char *const texts[] = {model, rule};
    const char *const names[] = {"user", "a rule"};
    cat_declarations *const lists[] = {&a->source.models, &a->source.rules};
    for (int i = 0; i < 2; i++) {
      bool read = yaml_read(in, &a->problems, "body", texts[i], strlen(texts[i]), &body) == SHUNT_OK;
      if (read) app_as_lua(body, "rules.lua", i + 1);
      if (!read || !cat_declare(lists[i], (cat_declaration){names[i], body, body->at, false}))
        a->problems.out_of_memory = true;
    }
    const cat_use use = {
        "attrs.plan", CAT_USE_EQUAL, {.as.bytes = "pro", .size = 3, .type = SHUNT_TEXT}, {"rules.lua", 1, 0}};
    if (!cat_note_use(&a->source, &use)) a->problems.out_of_memory = true;
    if (with_mistakes && a->source.config) node_remove(node_get(a->source.config, "database"), "clients");
  }
  a->built = catalog_build(&a->source, &a->problems, &a->catalog);
}

static void says_so_when_memory_runs_out_at_any_point(void **state) {
  (void)state;
  for (int with_mistakes = 0; with_mistakes < 2; with_mistakes++) {
    app a;
    app_begin(&a);
    app_file(&a, "secret", "x");
    app_file(&a, "app.yaml", everything);
    app_file(
        &a, "app.prod.yaml",
        "database: {clients: {main: {pool: {min: 1}}, alias: null, pg: {connection: {url: \"host=h3 user='u'\"}}}}\n"
        "attributes: {gone: null}\n");
    app_path(&a, "app.yaml"); /* the arena of names has its block before memory runs out */
    bool failed = true;
    size_t most = 0;
    for (size_t at = 1; failed; at++) {
      meter m = {.fail_at = at};
      arena names = a.names;
      char *yaml = NULL;
      shunt_set_allocator(metered, &m);
      open_everything(&a, with_mistakes, &yaml);
      failed = m.calls >= at;
      if (failed) {
        assert_true(a.built == SHUNT_E_MEMORY || a.read == SHUNT_E_MEMORY || a.problems.out_of_memory);
        assert_null(a.catalog);
      } else {
        assert_int_equal(a.built, with_mistakes ? SHUNT_E_CONFIG : SHUNT_OK);
        assert_non_null(yaml);
      }
      base_free(yaml);
      app_close(&a);
      assert_ptr_equal(names.block, a.names.block);
      assert_int_equal(m.live, 0);
      shunt_set_allocator(NULL, NULL);
      a.names = names; /* the path that app_read made */
      most = at;
    }
    assert_true(most > 30);
    app_end(&a);
  }
}

/* ---- random bytes ---- */

static void survives_any_bytes(void **state) {
  (void)state;
  uint64_t random = app_seed();
  static const char alphabet[] = "{}[]:,-'\"#&*!|>%@`~?\n\n\n   \t${}ab01.\\";
  app a;
  app_begin(&a);
  app_file(&a, "secret", "x");
  for (int i = 0; i < 4000; i++) {
    char text[sizeof everything + 64];
    size_t size = sizeof everything - 1;
    memcpy(text, everything, size);
    uint64_t way = app_random(&random, 3);
    if (way == 0) { /* noise */
      size = app_random(&random, 200);
      for (size_t k = 0; k < size; k++) text[k] = (char)app_random(&random, 256);
    } else if (way == 1) { /* the characters that mean something */
      size = app_random(&random, 300);
      for (size_t k = 0; k < size; k++) text[k] = alphabet[app_random(&random, sizeof alphabet - 1)];
    } else { /* a real one with a few bytes changed */
      for (uint64_t n = app_random(&random, 8) + 1; n > 0; n--) {
        size_t k = app_random(&random, size);
        text[k] = app_random(&random, 4) ? alphabet[app_random(&random, sizeof alphabet - 1)]
                                         : (char)app_random(&random, 256);
      }
    }
    app_file_of(&a, "app.yaml", text, size);
    app_read(&a, "dev");
    char *yaml = NULL;
    if (a.source.config) assert_int_equal(config_print(a.source.config, &yaml, NULL), SHUNT_OK);
    base_free(yaml);
    app_build(&a);
    assert_int_equal(a.catalog != NULL, a.problems.count == 0);
    for (size_t k = 1; k < a.problems.count; k++) {
      const shunt_error *one = &a.problems.list[k - 1], *two = &a.problems.list[k];
      int order = strcmp(one->file, two->file);
      assert_true(order < 0 ||
                  (order == 0 && (one->line < two->line || (one->line == two->line && one->column <= two->column))));
    }
    app_close(&a);
  }
  app_end(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_no_secret_in_any_message),
      cmocka_unit_test(prints_no_secret),
      cmocka_unit_test(says_so_when_memory_runs_out_at_any_point),
      cmocka_unit_test(survives_any_bytes),
  };
  return cmocka_run_group_tests_name("an app config of any kind", tests, NULL, NULL);
}
