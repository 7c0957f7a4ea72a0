/* The manual's table of settings, in Markdown. */
#include <string.h>

#include "base/buf.h"
#include "catalog/settings.h"
#include "config/config.h"

/* The path of a row, from the outermost key on. */
typedef struct path {
  const struct path *up;
  const char *key;
} path;

static void put_path(buf *b, const path *at) {
  if (!at) return;
  put_path(b, at->up);
  if (at->up) buf_putc(b, '.');
  buf_puts(b, at->key);
}

static void put_value(buf *b, const schema_field *f) {
  schema_expected(f, b);
  if (f->fallback) buf_printf(b, "; `%s`", f->fallback);
  if (f->unset) buf_printf(b, "; %s", f->unset);
}

static void put_row(buf *b, const schema_field *f, const path *at) {
  static const char *const reloads[] = {
      [SCHEMA_NEXT] = "", [SCHEMA_POOLS] = "new pools", [SCHEMA_WORKER] = "new workers"};
  buf_puts(b, "| `");
  put_path(b, at);
  buf_puts(b, "` | ");
  put_value(b, f);
  buf_printf(b, " | %s | %s", reloads[f->reload], f->sentence);
  if (f->see) buf_printf(b, " %s", f->see);
  buf_puts(b, " |\n");
}

static void put_rows(buf *b, const schema *s, const path *up);

/* A section has no row. The keys of database.base are the keys of a client. Models and the requests of a self-test have
 * their own chapters. */
static void put_setting(buf *b, const schema_field *f, const path *up) {
  path at = {up, f->key}, named = {&at, "NAME"};
  bool section = f->type == SCHEMA_MAP && !schema_field_of(f->of, "engine");
  if (!section) put_row(b, f, f->type == SCHEMA_NAMED ? &named : &at);
  if (section || (f->type == SCHEMA_NAMED && f->of != &schema_model)) put_rows(b, f->of, section ? &at : &named);
  if (strcmp(f->key, "connection") == 0 && up && strcmp(up->key, "NAME") == 0) put_rows(b, &schema_sqlite3, &at);
}

static void put_rows(buf *b, const schema *s, const path *up) {
  for (const schema_field *f = s->fields; f->key; f++) put_setting(b, f, up);
}

shunt_status config_manual(char **markdown, shunt_error *err) {
  buf b = {0};
  buf_puts(&b, "| setting | value; default | reload | meaning |\n| --- | --- | --- | --- |\n");
  put_rows(&b, &schema_config, NULL);
  *markdown = buf_take(&b);
  buf_free(&b);
  return *markdown ? SHUNT_OK : error_memory(err);
}
