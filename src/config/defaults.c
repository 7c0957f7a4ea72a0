/* All settings with their defaults, as a YAML file that means the same as an empty file: a row with a default is a
 * line, and every other row is a comment. Below a name that the user chooses, everything is a comment. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/settings.h"
#include "config/config.h"

enum { WIDTH = 100, LIVE = -1, STEP = 2 };

typedef struct writer {
  buf out;
  int commented; /* the column of the # that begins each line; LIVE: lines are not comments */
} writer;

static void begin_line(writer *w, int indent) {
  if (w->commented == LIVE)
    buf_printf(&w->out, "%*s", indent, "");
  else
    buf_printf(&w->out, "%*s# %*s", w->commented, "", indent - w->commented, "");
}

/* A comment, on as many lines as it needs. */
static void write_comment(writer *w, int indent, const char *text) {
  while (*text) {
    size_t room = (size_t)(WIDTH - indent), size = strlen(text);
    if (size > room)
      for (size = room; size > 0 && text[size] != ' ';) size--;
    begin_line(w, indent);
    buf_puts(&w->out, "# ");
    buf_add(&w->out, text, size);
    buf_putc(&w->out, '\n');
    text += size + (text[size] == ' ');
  }
}

static void write_about(writer *w, int indent, const schema_field *f) {
  static const char *const reloads[] = {
      [SCHEMA_NEXT] = "", [SCHEMA_POOLS] = "; reload: new pools", [SCHEMA_WORKER] = "; reload: new workers"};
  buf about = {0};
  buf_printf(&about, "%s (", f->sentence);
  schema_expected(f, &about);
  if (f->unset) buf_printf(&about, strcmp(f->unset, "required") == 0 ? "; %s" : "; if absent: %s", f->unset);
  buf_printf(&about, "%s)", reloads[f->reload]);
  if (about.failed)
    w->out.failed = true;
  else
    write_comment(w, indent, about.data);
  buf_free(&about);
}

/* Whether a map has a line that is not a comment. */
static bool is_live(const schema *s) {
  for (const schema_field *f = s->fields; f->key; f++)
    if (f->fallback || (f->type == SCHEMA_MAP && is_live(f->of))) return true;
  return false;
}

static void write_rows(writer *w, const schema *s, int indent);

static void write_name(writer *w, int indent, const char *name) {
  begin_line(w, indent);
  buf_printf(&w->out, "%s\n", name);
}

/* The keys of a connection, by engine. */
static void write_engines(writer *w, int indent) {
  for (const char *const *engine = settings_engines; *engine; engine++) {
    char title[32];
    snprintf(title, sizeof title, "---- %s ----", *engine);
    write_comment(w, indent, title);
    write_rows(w, settings_of_connection(*engine), indent);
  }
}

static void write_row(writer *w, const schema *s, const schema_field *f, int indent) {
  int before = w->commented;
  write_about(w, indent, f);
  if (!f->fallback && !(f->type == SCHEMA_MAP && is_live(f->of)) && before == LIVE) w->commented = indent;
  begin_line(w, indent);
  buf_printf(&w->out, f->fallback ? "%s: %s\n" : "%s:\n", f->key, f->fallback);
  if (f->type == SCHEMA_MAP) {
    write_rows(w, f->of, indent + STEP);
  } else if (f->type == SCHEMA_NAMED || f->type == SCHEMA_MAPS) {
    write_name(w, indent + STEP, f->type == SCHEMA_NAMED ? "NAME:" : "-");
    write_rows(w, f->of, indent + 2 * STEP);
  } else if (s == &schema_client && strcmp(f->key, "connection") == 0) {
    write_engines(w, indent + STEP);
  }
  w->commented = before;
}

static void write_rows(writer *w, const schema *s, int indent) {
  for (const schema_field *f = s->fields; f->key; f++) write_row(w, s, f, indent);
}

shunt_status config_defaults(char **yaml, shunt_error *err) {
  writer w = {.commented = LIVE};
  write_rows(&w, &schema_config, 0);
  *yaml = buf_take(&w.out);
  buf_free(&w.out);
  return *yaml ? SHUNT_OK : error_memory(err);
}
