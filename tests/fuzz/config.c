/* An app config of any bytes, with its overlay behind a line that reads "####". Its mistakes lie within the files. If
 * it has none, what `shunt config` prints is an app config without mistakes, too; it describes itself as the first did,
 * and prints the same. */
#define _POSIX_C_SOURCE 200809L
#include <jansson.h>

#include "base/alloc.h"
#include "catalog/describe.h"
#include "catalog/report.h"
#include "config/config.h"
#include "fuzz/complete.h"
#include "fuzz/files.h"

/* ---- places ---- */

/* The size of the line's end at this place; 0: the line goes on. YAML 1.1 has more ends than editors have. */
static size_t line_end(fuzz_input at, bool yaml) {
  if (at.size && at.data[0] == '\n') return 1;
  if (!yaml) return 0;
  if (at.size && at.data[0] == '\r') return at.size > 1 && at.data[1] == '\n' ? 2 : 1;
  if (at.size > 1 && memcmp(at.data, "\xC2\x85", 2) == 0) return 2;
  return at.size > 2 && (memcmp(at.data, "\xE2\x80\xA8", 3) == 0 || memcmp(at.data, "\xE2\x80\xA9", 3) == 0) ? 3 : 0;
}

/* The end of the text may be a line of its own. */
static bool is_within(fuzz_input text, int line, int column, bool yaml) {
  int now = 1, characters = 0;
  while (text.size && now < line) {
    const size_t end = line_end(text, yaml), step = end ? end : 1;
    now += end != 0;
    text.data += step, text.size -= step;
  }
  for (; text.size && !line_end(text, yaml); text.data++, text.size--) characters += (*text.data & 0xC0) != 0x80;
  return now == line ? column <= characters + 1 : now + 1 == line && column <= 1;
}

static void check_places(const problems *found, fuzz_input app, fuzz_input overlay) {
  for (size_t i = 0; i < found->count; i++) {
    const shunt_error *e = &found->list[i];
    const bool above = strcmp(e->file, files_path(FILES_OVERLAY)) == 0;
    FUZZ_HOLDS(above || strcmp(e->file, files_path(FILES_APP)) == 0, "file '%s' of: %s", e->file, e->message);
    FUZZ_HOLDS(e->line >= 0 && (e->line > 0 || e->column == 0), "%d:%d: %s", e->line, e->column, e->message);
    const fuzz_input in = above ? overlay : app;
    FUZZ_HOLDS(!e->line || is_within(in, e->line, e->column, true) || is_within(in, e->line, e->column, false),
               "%d:%d: %s", e->line, e->column, e->message);
    FUZZ_HOLDS(e->message[0] && !strpbrk(e->message, "\n\r"), "a message of several lines: %s", e->message);
  }
}

/* ---- reading ---- */

typedef struct app {
  catalog *c; /* NULL: it has mistakes */
  problems found;
} app;

static app read_app(void) {
  app a = {0};
  catalog_source source;
  config_rules rules;
  const shunt_status read = config_read(files_path(FILES_APP), "dev", &source, &rules, &a.found);
  if (read) {
    FUZZ_HOLDS(a.found.count, "not read, without a reason");
    catalog_source_free(&source);
    return a;
  }
  const shunt_status built = catalog_build(&source, &a.found, &a.c);
  FUZZ_HOLDS(!built == (a.found.count == 0), "status %d with %zu mistakes", (int)built, a.found.count);
  return a;
}

static void free_app(app *a) {
  catalog_free(a->c);
  problems_free(&a->found);
}

/* ---- printing ---- */

static void drop_places(json_t *in) {
  const char *key;
  json_t *item;
  size_t i;
  json_object_del(in, "source");
  json_object_foreach(in, key, item) drop_places(item);
  json_array_foreach(in, i, item) drop_places(item);
}

static json_t *describe(const catalog *c) {
  char *text = NULL;
  FUZZ_HOLDS(catalog_describe(c, 1, NULL, &text, NULL) == SHUNT_OK, "no description");
  json_t *json = json_loads(text, JSON_ALLOW_NUL, NULL);
  FUZZ_HOLDS(json, "not JSON: %s", text);
  base_free(text);
  drop_places(json);
  return json;
}

static char *print(const catalog *c) {
  char *yaml = NULL;
  FUZZ_HOLDS(config_print(c->merged, &yaml, NULL) == SHUNT_OK, "not printed");
  return yaml;
}

static void check_same(const catalog *first, const catalog *second, const char *yaml) {
  char *again = print(second);
  FUZZ_HOLDS(strcmp(yaml, again) == 0, "%s\nprints as\n%s", yaml, again);
  base_free(again);
  json_t *one = describe(first), *two = describe(second);
  if (!json_equal(one, two)) {
    char *a = json_dumps(one, JSON_SORT_KEYS), *b = json_dumps(two, JSON_SORT_KEYS);
    FUZZ_HOLDS(false, "%s\ndescribes\n%s\nand not\n%s", yaml, b, a);
  }
  json_decref(one);
  json_decref(two);
}

/* A masked secret may be refused, where it stands for a number. */
static void check_printed(const catalog *c) {
  char *yaml = print(c);
  files_write(FILES_APP, (fuzz_input){(const uint8_t *)yaml, strlen(yaml)});
  unlink(files_path(FILES_OVERLAY));
  app again = read_app();
  const bool masked = strstr(yaml, REPORT_MASK) != NULL;
  if (!masked && again.found.count) FUZZ_HOLDS(false, "%s\nis refused: %s", yaml, again.found.list[0].message);
  if (again.c && !masked) check_same(c, again.c, yaml);
  free_app(&again);
  base_free(yaml);
}

/* ---- the input ---- */

/* Takes what stands before the line, and the line. */
static fuzz_input take_app(fuzz_input *in) {
  static const char mark[] = "\n####\n";
  const size_t width = sizeof mark - 1;
  fuzz_input taken = *in;
  for (size_t i = 0; i + width <= in->size; i++) {
    if (memcmp(in->data + i, mark, width) != 0) continue;
    taken.size = i + 1;
    *in = (fuzz_input){in->data + i + width, in->size - i - width};
    return taken;
  }
  *in = (fuzz_input){NULL, 0};
  return taken;
}

int shunt_fuzz_config(const uint8_t *data, size_t size) {
  fuzz_input overlay = {data, size}, text = take_app(&overlay);
  setenv("SHUNT_FUZZ", "a text", 1);
  files_write(FILES_APP, text);
  if (overlay.data) files_write(FILES_OVERLAY, overlay);
  app a = read_app();
  check_places(&a.found, text, overlay);
  if (a.c) {
    complete_check(a.c);
    check_printed(a.c);
  }
  free_app(&a);
  unlink(files_path(FILES_OVERLAY));
  return 0;
}
