/* For: an application of a few texts in a folder of its own, read and built, with its problems as one text.
 * Owner: the test; each app_begin needs an app_end, which deletes the folder.
 * Use: app a; app_begin(&a); app_file(&a, "app.yaml", "…"); app_open(&a, "prod"); …a.catalog…; app_end(&a); */
#ifndef TESTS_UNIT_CONFIG_APP_H
#define TESTS_UNIT_CONFIG_APP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "catalog/catalog.h"
#include "config/config.h"
#include "config/yaml.h"

enum { APP_MOST_FILES = 16, APP_MOST_TEXTS = 32 };

typedef struct app {
  char folder[64];
  char files[APP_MOST_FILES][128];
  size_t nfiles;
  arena names;
  problems problems;
  catalog_source source;
  config_rules rules;
  catalog *catalog;
  shunt_status read;
  shunt_status built;
  char *told; /* one line a problem, without the folder */
} app;

static inline void app_begin(app *a) {
  memset(a, 0, sizeof *a);
  const char *tmp = getenv("TMPDIR");
  snprintf(a->folder, sizeof a->folder, "%s/shunt-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
  assert_non_null(mkdtemp(a->folder));
}

/* In the memory of the test. */
#define app_text(a, ...) app_not_null(arena_printf(&(a)->names, __VA_ARGS__))
static inline const char *app_not_null(const char *text) {
  assert_non_null(text);
  return text;
}

static inline const char *app_path(app *a, const char *name) {
  const char *path = arena_printf(&a->names, "%s/%s", a->folder, name);
  assert_non_null(path);
  return path;
}

static inline void app_file_of(app *a, const char *name, const char *text, size_t size) {
  const char *path = app_path(a, name);
  bool known = false;
  for (size_t i = 0; i < a->nfiles; i++) known = known || strcmp(a->files[i], path) == 0;
  if (!known) {
    assert_true(a->nfiles < APP_MOST_FILES);
    snprintf(a->files[a->nfiles++], sizeof a->files[0], "%s", path);
  }
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(text, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static inline void app_file(app *a, const char *name, const char *text) { app_file_of(a, name, text, strlen(text)); }

/* Places of rule files have no columns. The text "fn N" stands for the function N. */
static inline void app_as_lua(node *n, const char *file, int line) {
  n->at = (place){file, line, 0};
  n->spelling = NULL;
  if (node_is_text(n) && strncmp(n->value.as.bytes, "fn ", 3) == 0) {
    n->kind = NODE_FUNCTION;
    n->function = atoi(n->value.as.bytes + 3);
  }
  for (size_t i = 0; i < n->count; i++) {
    if (n->kind == NODE_MAP) n->entries[i].at = n->at;
    app_as_lua(n->kind == NODE_MAP ? n->entries[i].value : n->items[i], file, line);
  }
}

/* As if rules.lua said on that line: WORD "name" {…}, the body being written as YAML. */
static inline void app_declare(app *a, cat_declarations *to, int line, const char *name, const char *body) {
  node *n;
  arena *in = &a->source.arena;
  place at = {arena_strdup(in, "rules.lua"), line, 0};
  assert_int_equal(yaml_read(in, &a->problems, "body", body, strlen(body), &n), SHUNT_OK);
  app_as_lua(n, at.file, line);
  assert_true(cat_declare(to, (cat_declaration){arena_strdup(in, name), n, at, false}));
}

static inline char *app_lines(const app *a, const problems *p) {
  buf b = {0};
  size_t skip = strlen(a->folder) + 1;
  for (size_t i = 0; i < p->count; i++) {
    const shunt_error *e = &p->list[i];
    const char *file = strncmp(e->file, a->folder, skip - 1) == 0 ? e->file + skip : e->file;
    buf_printf(&b, "%s:%d:%d: ", file, e->line, e->column);
    const char *message = e->message, *inside;
    while ((inside = strstr(message, a->folder)) != NULL) {
      buf_add(&b, message, (size_t)(inside - message));
      message = inside + skip;
    }
    buf_printf(&b, "%s\n", message);
  }
  char *text = buf_take(&b);
  assert_non_null(text);
  return text;
}

static inline void app_read(app *a, const char *env) {
  a->read = config_read(app_path(a, "app.yaml"), env, &a->source, &a->rules, &a->problems);
}

static inline void app_build(app *a) {
  a->built = catalog_build(&a->source, &a->problems, &a->catalog);
  a->told = app_lines(a, &a->problems);
}

static inline void app_open(app *a, const char *env) {
  app_read(a, env);
  app_build(a);
}

/* Forgets what was read, so that the same files can be read again. */
static inline void app_close(app *a) {
  catalog_free(a->catalog);
  catalog_source_free(&a->source);
  problems_free(&a->problems);
  base_free(a->told);
  a->catalog = NULL;
  a->told = NULL;
}

static inline void app_end(app *a) {
  app_close(a);
  for (size_t i = 0; i < a->nfiles; i++) unlink(a->files[i]);
  assert_int_equal(rmdir(a->folder), 0);
  arena_free(&a->names);
}

static inline uint64_t app_seed(void) {
  const char *given = getenv("SHUNT_SEED");
  uint64_t seed = given ? strtoull(given, NULL, 10) : 20240611;
  print_message("SHUNT_SEED=%llu\n", (unsigned long long)seed);
  return seed;
}

/* xorshift64* (Vigna): below n. */
static inline uint64_t app_random(uint64_t *state, uint64_t n) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return (*state * 2685821657736338717u >> 33) % n;
}

#endif
