/* A statement takes a limited number of parameters. A list that would use up a good part of them becomes one parameter:
 * a JSON array, which the database unpacks. Values that JSON does not carry exactly, and long texts, stay parameters.
 */
#include "query/list.h"

#include <string.h>

#include "base/utf8.h"
#include "query/value.h"

enum {
  SHARE = 4,           /* of the parameters that lists of single values may use */
  LONGEST_PACKED = 255 /* bytes: MySQL looks longer texts up one by one */
};

/* ---- packing ---- */

/* INT64_MIN is no integer in the JSON of SQLite. */
static bool is_packable(const driver_column *column, const shunt_value *v) {
  if (v->type == SHUNT_INTEGER) return v->as.integer > INT64_MIN && (column->text || driver_column_holds(column, v));
  if (v->type != SHUNT_TEXT || column->numeric || v->size > LONGEST_PACKED) return false;
  return !memchr(v->as.bytes, 0, v->size) && utf8_valid(v->as.bytes, v->size);
}

static void put_text(buf *json, const shunt_value *text) {
  buf_putc(json, '"');
  for (size_t i = 0; i < text->size; i++) {
    char c = text->as.bytes[i];
    if ((unsigned char)c < ' ') {
      buf_printf(json, "\\u%04x", c);
      continue;
    }
    if (c == '"' || c == '\\') buf_putc(json, '\\');
    buf_putc(json, c);
  }
  buf_putc(json, '"');
}

static void put(buf *json, const driver_column *column, const shunt_value *v) {
  char room[VALUE_TEXT_BYTES];
  shunt_value text = v->type == SHUNT_INTEGER ? shunt_text(room, value_as_text(v, room)) : *v;
  buf_putc(json, json->size ? ',' : '[');
  if (v->type == SHUNT_INTEGER && !column->text)
    buf_add(json, text.as.bytes, text.size);
  else
    put_text(json, &text);
}

/* Moves what can be packed into *packed; the others remain, in their order. */
static list_values pack(const comparison *w, const driver_column *column, const list_values *values,
                        shunt_value *packed) {
  shunt_value *rest = arena_alloc(w->c->arena, values->n * sizeof *rest);
  list_values left = {rest, 0};
  buf json = {0};
  for (size_t i = 0; rest && i < values->n; i++) {
    if (is_packable(column, &values->values[i]))
      put(&json, column, &values->values[i]);
    else
      rest[left.n++] = values->values[i];
  }
  if (json.size) buf_putc(&json, ']');
  char *text = json.failed ? NULL : arena_strndup(w->c->arena, json.size ? json.data : "", json.size);
  if (!text || !rest || json.size > UINT32_MAX - 1) w->q->failed = true;
  *packed = shunt_text(text ? text : "", text ? json.size : 0);
  buf_free(&json);
  return left;
}

/* ---- writing ---- */

static void write_values(const comparison *w, const operand *o, bool in, const list_values *values) {
  compare_name(w, o);
  sql_puts(w->q, in ? " IN (" : " NOT IN (");
  compare_values(w, o, values->values, values->n);
  sql_puts(w->q, ")");
}

/* column->listed is SQL with one ?, for the array. */
static void write_packed(const comparison *w, const operand *o, bool in, const shunt_value *packed) {
  const char *listed = o->column->listed;
  size_t before = strcspn(listed, "?");
  compare_name(w, o);
  sql_puts(w->q, in ? " IN (" : " NOT IN (");
  sql_add(w->q, listed, before);
  sql_param(w->q, packed);
  sql_puts(w->q, listed + before + 1);
  sql_puts(w->q, ")");
}

static bool is_long(const comparison *w, const operand *o, size_t n) {
  return !o->sql && o->column->listed && n > site_max_params(w->c->s, w->at) / SHARE;
}

void list_write(const comparison *w, const operand *o, bool in, const list_values *values) {
  if (!is_long(w, o, values->n)) {
    write_values(w, o, in, values);
    return;
  }
  shunt_value packed;
  list_values rest = pack(w, o->column, values, &packed);
  if (packed.size && rest.n) sql_puts(w->q, "(");
  if (packed.size) write_packed(w, o, in, &packed);
  if (packed.size && rest.n) sql_puts(w->q, in ? " OR " : " AND ");
  if (rest.n) write_values(w, o, in, &rest);
  if (packed.size && rest.n) sql_puts(w->q, ")");
}
