/* For: a route over a small catalog, with whatever rules a test writes.
 * Use: bench b; open_bench(&b, "rule 'x' { … }\n"); route_decide(b.route, …); close_bench(&b); */
#ifndef TESTS_UNIT_ROUTE_BENCH_H
#define TESTS_UNIT_ROUTE_BENCH_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "route/route.h"
#include "rule/host.h"

static const char config_text[] = "database:\n"
                                  "  defaultClient: c0\n"
                                  "  clients:\n"
                                  "    c0: {engine: sqlite3, connection: {filename: c0.db}}\n"
                                  "    c1: {engine: pg, connection: {host: h}}\n"
                                  "    c2: {engine: mysql, connection: {host: h}, role: replica}\n"
                                  "    iso: {engine: pg, connection: {host: h}}\n"
                                  "instance:\n"
                                  "  instances:\n"
                                  "    \"\": {id: 1}\n"
                                  "    acme-eu: {id: 2, config: {region: eu, tier: 2, quota: {reads: 7}}}\n"
                                  "    acme-us: {id: 3, title: US, config: {region: us}}\n"
                                  "    globex: {id: 4}\n"
                                  "    iso: {id: 5, isolate: true, isolateClient: iso}\n"
                                  "rules: {timeout: 10s, instructions: 100000000}\n";

static const char models_text[] =
    "model 'user' { relations = { orders = has_many('order', 'user_id'), team = has_many('user', 'boss', { client = "
    "'_inherit_' }), old = has_many('order', 'user_id', { client = 'c1', table = 'old_orders' }) } }\n"
    "model 'order' { client = 'c2', table = function(req) local b = req:mod('where.user_id', 4); return b and "
    "'orders_' "
    ".. b or 'orders' end, relations = { user = belongs_to('user', 'user_id', { client = '_initial_' }) } }\n"
    "model 'role' { client = function(req) if req.attrs.plan == 'pro' then return 'c1' end end }\n";

typedef struct bench {
  char folder[64];
  catalog *catalog;
  rule_host *host;
  route *route;
  bool has_lib;
} bench;

static inline void write_file(const bench *b, const char *name, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", b->folder, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

/* lib: a module that the rules may require, or NULL. */
static inline void open_bench_with(bench *b, const char *rules, const char *lib, const route_settings *remembering) {
  problems found = {0};
  catalog_source source;
  config_rules files;
  shunt_error err;
  char path[128];
  memset(b, 0, sizeof *b);
  memset(&source, 0, sizeof source);
  memset(&files, 0, sizeof files);
  strcpy(b->folder, "/tmp/shunt-route-XXXXXX");
  assert_non_null(mkdtemp(b->folder));
  snprintf(path, sizeof path, "%s/rules", b->folder);
  assert_int_equal(mkdir(path, 0700), 0);
  write_file(b, "shunt.yaml", config_text);
  write_file(b, "rules/a.lua", models_text);
  write_file(b, "rules/b.lua", rules);
  if (lib) write_file(b, "rules/lib.lua", lib);
  b->has_lib = lib != NULL;
  snprintf(path, sizeof path, "%s/shunt.yaml", b->folder);
  assert_int_equal(config_read(path, "dev", &source, &files, &found), SHUNT_OK);
  sandbox_limits limits = {source.settings.instructions, source.settings.memory_bytes,
                           source.settings.timeout_ms * 1000000};
  assert_int_equal(rule_host_new(&limits, &b->host, &err), SHUNT_OK);
  rule_load what = {files.paths, files.places, files.npaths, true, false};
  rule_host_load(b->host, &what, &source, &found);
  shunt_status built = catalog_build(&source, &found, &b->catalog);
  for (size_t i = 0; i < found.count; i++)
    printf("%s:%d: %s\n", found.list[i].file, found.list[i].line, found.list[i].message);
  if (found.count) printf("%s", rules);
  assert_int_equal(found.count, 0);
  assert_int_equal(built, SHUNT_OK);
  problems_free(&found);
  assert_int_equal(route_new(b->catalog, b->host, 1, remembering, &b->route, &err), SHUNT_OK);
}

static inline void open_bench(bench *b, const char *rules) { open_bench_with(b, rules, NULL, NULL); }

static inline void close_bench(bench *b) {
  static const char *const files[] = {"shunt.yaml", "rules/a.lua", "rules/b.lua", "rules/lib.lua", "rules", ""};
  route_free(b->route);
  catalog_free(b->catalog);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[128];
    if (strcmp(files[i], "rules/lib.lua") == 0 && !b->has_lib) continue;
    snprintf(path, sizeof path, "%s/%s", b->folder, files[i]);
    assert_int_equal(remove(path), 0);
  }
}

#endif
