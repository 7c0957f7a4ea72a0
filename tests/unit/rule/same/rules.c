#define _XOPEN_SOURCE 700
#include "unit/rule/same/rules.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/rule/same/literal.h"

enum { LARGEST_NUMBER = 40, TABLES = 3, STEPS = 6, PIECES = 3 };

/* How many pieces of a shape a set takes at least, nearly always. */
static const size_t taken[SAME_NSHAPES] = {[SAME_TEXT] = 9, [SAME_MAKE] = 1, [SAME_TABLE] = 3};

typedef struct writer {
  const same_set *set;
  const same_pieces *pieces;
  FILE *out;
  rng r;
  size_t *deck[SAME_NSHAPES]; /* the positions of the pieces in an order of the seed */
  size_t next[SAME_NSHAPES];
} writer;

/* ---- files ---- */

static FILE *create(const same_set *set, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", set->folder, name);
  FILE *file = fopen(path, "wb");
  if (!file) fail_msg("can't write %s", path);
  return file;
}

static void create_folder(const same_set *set, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", set->folder, name);
  assert_int_equal(mkdir(path, 0700), 0);
}

static void copy_module(const same_set *set, const char *name) {
  char path[512], bytes[4096];
  snprintf(path, sizeof path, SAME_LIB "/%s", name);
  FILE *from = fopen(path, "rb");
  if (!from) fail_msg("can't read %s: run this in the project's folder", path);
  snprintf(path, sizeof path, "rules/lib/%s", name);
  FILE *to = create(set, path);
  for (size_t n; (n = fread(bytes, 1, sizeof bytes, from)) > 0;) assert_int_equal(fwrite(bytes, 1, n, to), n);
  fclose(from);
  assert_int_equal(fclose(to), 0);
}

static void copy_modules(const same_set *set) {
  static const char *const names[] = {
      "fold.lua", "text.lua",  "numbers.lua", "make.lua",       "tables.lua",       "calls.lua",       "unicode.lua",
      "asks.lua", "state.lua", "answer.lua",  "deep/names.lua", "deep/nothing.lua", "deep/counter.lua"};
  create_folder(set, "rules");
  create_folder(set, "rules/lib");
  create_folder(set, "rules/lib/deep");
  create_folder(set, "rules/lib/deep/unreadable.lua"); /* which can't be read as a module */
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) copy_module(set, names[i]);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at) {
  (void)st, (void)kind, (void)at;
  return remove(path);
}

void same_remove(const char *folder) { nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* ---- pieces ---- */

/* The sets take the pieces in turn, so that some sets together use each of them. */
static void shuffle(writer *w, same_shape shape) {
  rng r = {w->set->seed};
  size_t count = w->pieces->count[shape];
  size_t *deck = malloc(count * sizeof *deck);
  assert_non_null(deck);
  for (size_t i = 0; i < count; i++) {
    size_t at = rng_below(&r, i + 1);
    deck[i] = deck[at];
    deck[at] = i;
  }
  w->deck[shape] = deck;
  w->next[shape] = w->set->number * taken[shape];
}

static const char *take(writer *w, same_shape shape) {
  size_t at = w->next[shape]++ % w->pieces->count[shape];
  return w->pieces->of[shape][w->deck[shape][at]].name;
}

static size_t number(writer *w) { return 1 + rng_below(&w->r, LARGEST_NUMBER); }

static void write_piece(writer *w) {
  fputs("  x = fold.short(", w->out);
  switch (rng_below(&w->r, 6)) {
  case 0:
    fprintf(w->out, "%s(frozen[%zu], %zu)", take(w, SAME_TABLE), 1 + rng_below(&w->r, TABLES), number(w));
    break;
  case 1: {
    const char *table = take(w, SAME_TABLE);
    fprintf(w->out, "%s(%s(x, %zu), %zu)", table, take(w, SAME_MAKE), number(w), number(w));
    break;
  }
  default:
    fprintf(w->out, "%s(x, %zu, req)", take(w, SAME_TEXT), number(w));
  }
  fputs(" .. x)\n", w->out);
}

/* ---- the rule file ---- */

static void write_step(writer *w, size_t step) {
  static const char *const sources[] = {"req.attrs.name", "req.where.user_id", "req.attrs.n", "req.instance.name",
                                        "req.model",      "req.attrs.flag",    "req.op",      "req.where.region"};
  enum { SOURCES = sizeof sources / sizeof *sources };
  fprintf(w->out, "local function step%zu(req)\n  local x = fold.short(fold.all(%s, %s, req.table, \"%zu\"))\n", step,
          sources[rng_below(&w->r, SOURCES)], sources[rng_below(&w->r, SOURCES)], step);
  for (int i = 0; i < PIECES; i++) write_piece(w);
  fputs("  return x\nend\n\n", w->out);
}

static void write_head(writer *w) {
  static const char *const modules[] = {"fold",  "text",    "numbers", "make",  "tables",
                                        "calls", "unicode", "asks",    "state", "answer"};
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++)
    fprintf(w->out, "local %s = require \"lib.%s\"\n", modules[i], modules[i]);
  fputs("require \"lib.deep.counter\"\n\nlocal frozen = {\n", w->out);
  for (int i = 0; i < TABLES; i++) {
    fputs("  ", w->out);
    same_lua_table(w->out, &w->r, 2);
    fputs(",\n", w->out);
  }
  fputs("}\n\n", w->out);
}

static void write_models(writer *w) {
  fprintf(w->out,
          "datasource \"c9\" { clone = \"c1\", role = \"replica\" }\n"
          "instance \"late\" { id = 9, config = { list = { 1, \"é\", %zu }, sub = { deep = 7 } } }\n\n"
          "model \"user\" {\n  table = function(req) return answer.table(step1(req)) end,\n  relations = {\n"
          "    orders = has_many(\"order\", \"user_id\"), first = has_one(\"order\", \"user_id\", { client = "
          "\"_inherit_\" }),\n"
          "    roles = belongs_to_many(\"link\", \"role\", \"user_id\", \"role_id\"),\n  },\n}\n"
          "model \"order\" {\n  client = function(req) return answer.client(step1(req), %zu) end,\n"
          "  relations = { user = belongs_to(\"user\", \"user_id\", { client = \"_initial_\" }) },\n}\n"
          "model \"role\" { client = \"c2\" }\nmodel \"link\" {}\n\n",
          number(w), number(w));
}

static void write_rules(writer *w) {
  static const char *const stages[] = {"override", "explicit", "relation", "model", "current"};
  fprintf(w->out,
          "rule \"select\" { stage = \"%s\", client = function(req) return answer.client(step2(req), %zu) end }\n",
          stages[rng_below(&w->r, 5)], number(w));
  fprintf(
      w->out,
      "rule \"when\" {\n  stage = \"%s\", op = \"%s\", when = function(req) return answer.yes(step3(req), %zu) end,\n"
      "  client = \"c%zu\",\n}\n",
      stages[rng_below(&w->r, 5)], rng_below(&w->r, 2) ? "read" : "write", number(w), rng_below(&w->r, 4));
  for (size_t step = 4; step < STEPS; step++)
    fprintf(
        w->out,
        "rule \"refine %zu\" { stage = \"refine\", to = function(req) return answer.refined(step%zu(req), %zu) end }\n",
        step, step, number(w));
  fprintf(w->out,
          "rule \"guard\" { stage = \"guard\", check = function(req) return answer.checked(step%d(req), %zu) end }\n",
          STEPS, number(w));
}

static void write_rule_file(writer *w) {
  w->out = create(w->set, "rules/rules.lua");
  write_head(w);
  for (size_t step = 1; step <= STEPS; step++) write_step(w, step);
  write_models(w);
  write_rules(w);
  assert_int_equal(fclose(w->out), 0);
}

/* ---- the app config ---- */

static void write_config(writer *w) {
  static const char *const instances[] = {"acme-eu", "acme-us", "iso"};
  w->out = create(w->set, "shunt.yaml");
  fputs("database:\n  defaultClient: c0\n  clients:\n", w->out);
  for (int i = 0; i < 4; i++) fprintf(w->out, "    c%d: {engine: sqlite3, connection: {filename: c%d.db}}\n", i, i);
  fputs("instance:\n  instances:\n    \"\": {id: 1}\n", w->out);
  for (size_t i = 0; i < sizeof instances / sizeof *instances; i++) {
    fprintf(w->out, "    %s: {id: %zu, title: Zoë, isolate: %s, isolateClient: c3, config: ", instances[i], i + 2,
            i == 2 ? "true" : "false");
    same_yaml_config(w->out, &w->r);
    fputs("}\n", w->out);
  }
  fputs("rules: {path: rules, timeout: 10m, instructions: 5000000}\n", w->out);
  assert_int_equal(fclose(w->out), 0);
}

void same_write_rules(const same_set *set, const same_pieces *pieces) {
  writer w = {.set = set, .pieces = pieces, .r = same_rng(set, SAME_RULES)};
  for (int shape = 0; shape < SAME_NSHAPES; shape++) shuffle(&w, (same_shape)shape);
  copy_modules(set);
  write_config(&w);
  write_rule_file(&w);
  for (int shape = 0; shape < SAME_NSHAPES; shape++) free(w.deck[shape]);
}
