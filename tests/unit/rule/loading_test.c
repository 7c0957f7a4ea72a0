/* Loading rule files is bounded, too: in time, whatever Lua does in one step; in memory; in the number of mistakes. And
 * every clone of a host loads the same. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "rule/host.h"
#include "unit/files.h"

typedef struct loaded {
  char folder[40], file[60], modules[60], module[80];
  rule_host *host;
  catalog_source source;
  problems found;
  shunt_status status;
  shunt_error err;
} loaded;

static const sandbox_limits limits = {.instructions = 1000000, .memory_bytes = 64 << 20, .timeout_ns = 50000000};

/* Loads text as the one rule file; module is the text of the module 'lib.x', NULL: none, "": one that can't be read. */
static void load(loaded *l, const sandbox_limits *within, const char *text, const char *module) {
  memset(l, 0, sizeof *l);
  strcpy(l->folder, "/tmp/shunt-loading-XXXXXX");
  assert_non_null(mkdtemp(l->folder));
  snprintf(l->file, sizeof l->file, "%s/a.lua", l->folder);
  snprintf(l->modules, sizeof l->modules, "%s/lib", l->folder);
  snprintf(l->module, sizeof l->module, "%s/x.lua", l->modules);
  write_file(l->file, text);
  assert_int_equal(mkdir(l->modules, 0700), 0);
  if (module && *module) write_file(l->module, module);
  if (module && !*module) assert_int_equal(mkdir(l->module, 0700), 0);
  const char **paths = arena_array(&l->source.arena, const char *, 1);
  place *places = arena_array(&l->source.arena, place, 1);
  paths[0] = arena_strdup(&l->source.arena, l->folder);
  places[0] = (place){"", 0, 0};
  l->source.env = "dev";
  l->source.folder = "";
  const rule_load what = {.paths = paths, .places = places, .npaths = 1};
  assert_int_equal(rule_host_new(within, &l->host, &l->err), SHUNT_OK);
  l->status = rule_host_load_watched(&l->host, &what, &l->source, &l->found, &l->err);
}

static void unload(loaded *l) {
  rule_host_free(l->host);
  catalog_source_free(&l->source);
  problems_free(&l->found);
  remove(l->module);
  assert_int_equal(rmdir(l->modules), 0);
  assert_int_equal(remove(l->file), 0);
  assert_int_equal(rmdir(l->folder), 0);
}

/* ---- time ---- */

/* Nothing can stop Lua while it rehashes the table; the test must not wait for that either. */
static void does_not_wait_for_a_step_that_nothing_stops(void **state) {
  (void)state;
  loaded l;
  const int64_t before_ns = clock_monotonic_ns();
  load(&l, &limits, "model 'user' {}\nlocal t = {}\nfor i = 1, (1 << 16) + 1 do t[i * ((1 << 17) - 1)] = true end\n",
       NULL);
  assert_int_equal(l.status, SHUNT_E_LIMIT);
  assert_non_null(strstr(l.err.message, "in one step that can't be stopped"));
  assert_string_equal(l.err.file, l.file);
  assert_null(l.host);
  assert_int_equal(l.found.count, 1);
  print_message("gave up after %d ms\n", (int)((clock_monotonic_ns() - before_ns) / NS_PER_MS));
  unload(&l);
}

/* Each is hard to parse for its size, or to run. */
static void add_hard(buf *b, int kind) {
  switch (kind) {
  case 0: /* each label is compared with all before it */
    for (int i = 0; i < 400000; i++) buf_printf(b, "::l%d:: ", i);
    break;
  case 1: /* each goto with all that wait */
    for (int i = 0; i < 200000; i++) buf_printf(b, "goto l%d ", i);
    break;
  case 2: /* names that are looked for in many functions */
    for (int i = 0; i < 180; i++) buf_puts(b, "local function f() ");
    for (int i = 0; i < 1000000; i++) buf_puts(b, "x=x ");
    break;
  case 3:
    buf_puts(b, "for i = 1, 1e9 do pcall(require, ('x'):rep(1e6)) end");
    break;
  case 4:
    buf_puts(b, "for i = 1, 1e9 do pcall(require, 'x' .. i) end");
    break;
  default:
    buf_puts(b, "while true do pcall(model, 'm') end");
  }
}

static void ends_in_time_whatever_the_file(void **state) {
  (void)state;
  for (int kind = 0; kind < 6; kind++) {
    loaded l;
    buf text = {0};
    add_hard(&text, kind);
    assert_false(text.failed);
    load(&l, &limits, text.data, "return 1");
    if (!l.found.count) fail_msg("kind %d loads", kind);
    assert_true(l.found.list[0].status == SHUNT_E_LIMIT || l.found.list[0].status == SHUNT_E_RULE);
    buf_free(&text);
    unload(&l);
  }
}

/* ---- mistakes ---- */

static void keeps_a_hundred_mistakes(void **state) {
  (void)state;
  loaded l;
  load(&l, &limits, "for i = 1, 5000 do rule('x' .. i) end", NULL);
  assert_int_equal(l.status, SHUNT_OK);
  assert_int_equal(l.found.count, PROBLEMS_KEPT);
  assert_int_equal(l.found.more, 5000 - PROBLEMS_KEPT);
  assert_int_equal(problems_status(&l.found, &l.err), SHUNT_E_CONFIG);
  assert_non_null(strstr(l.err.message, "(and 4999 more)"));
  unload(&l);
}

/* ---- declarations within declarations ---- */

static void a_body_may_declare(void **state) {
  (void)state;
  loaded l;
  load(&l, &limits,
       "model 'm' { parts = function()\n"
       "  for i = 1, 300 do rule('x' .. i) { stage = 'override', client = 'c' } end\n"
       "  return { { client = 'c' } }\n"
       "end }\n",
       NULL);
  assert_int_equal(l.status, SHUNT_OK);
  assert_int_equal(l.found.count, 0);
  assert_int_equal(l.source.rules.count, 300);
  assert_int_equal(l.source.models.count, 1);
  assert_string_equal(l.source.models.list[0].name, "m");
  unload(&l);
}

/* ---- modules ---- */

/* A file that goes on without a module declares by what the module's error said. */
static void a_clone_fails_where_the_first_failed(void **state) {
  (void)state;
  static const char *const modules[] = {"", "return 1 +", "error 'broken'", "return require 'lib.x'", "return 7"};
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
    loaded l;
    rule_host *clone = NULL;
    load(&l, &limits,
         "local ok, why = pcall(require, 'lib.x')\nlocal also, again = pcall(require, 'lib.x')\n"
         "local none, unknown = pcall(require, 'none')\n"
         "local said = tostring(why) .. tostring(again) .. unknown\n"
         "for i = 1, #said do model('m' .. said:sub(i, i):byte() .. '_' .. i) { client = function() end } end",
         modules[i]);
    assert_int_equal(l.status, SHUNT_OK);
    assert_int_equal(l.found.count, 0);
    const shunt_status status = rule_host_clone(l.host, &clone, &l.err);
    if (status) fail_msg("%s: %s", modules[i], l.err.message);
    rule_host_free(clone);
    unload(&l);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(does_not_wait_for_a_step_that_nothing_stops),
      cmocka_unit_test(ends_in_time_whatever_the_file),
      cmocka_unit_test(keeps_a_hundred_mistakes),
      cmocka_unit_test(a_body_may_declare),
      cmocka_unit_test(a_clone_fails_where_the_first_failed),
  };
  return cmocka_run_group_tests_name("rule/loading", tests, NULL, NULL);
}
