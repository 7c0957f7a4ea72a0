/* A pattern reaches the engine in one form: % and _ are wild, and ! in front of a character makes it that character. So
 * neither a backslash nor the escape that the caller has chosen means different things on different engines. */
#include "query/pattern.h"

#include <string.h>

#include "base/utf8.h"
#include "query/comparable.h"

static const char ESCAPE = '!', ESCAPED[] = " ESCAPE '!'";

/* ---- patterns ---- */

static char *put(char *to, char c, bool literal) {
  if (literal && (c == '%' || c == '_' || c == ESCAPE)) *to++ = ESCAPE;
  *to++ = c;
  return to;
}

static char *put_all(char *to, const shunt_value *text) {
  for (size_t i = 0; i < text->size; i++) to = put(to, text->as.bytes[i], true);
  return to;
}

/* Room for a pattern that is made from this text. NULL, when out of memory, makes the statement fail. */
static char *room_for(const comparison *w, const shunt_value *text) {
  char *room = arena_alloc(w->c->arena, 2 * (size_t)text->size + sizeof "%%");
  if (!room) w->q->failed = true;
  return room;
}

static void put_param(const comparison *w, const char *pattern, char *end) {
  *end = 0;
  shunt_value v = shunt_text(pattern, (size_t)(end - pattern));
  sql_param(w->q, &v);
}

/* A caller's pattern in the form above; escape: NULL, or one character. False: it ends in its escape. */
static bool write_pattern(const comparison *w, const shunt_value *pattern, const shunt_value *escape) {
  const char *text = pattern->as.bytes;
  size_t size = escape ? escape->size : 0;
  char *room = room_for(w, pattern), *to = room;
  if (!room) return true;
  for (size_t i = 0; i < pattern->size; i++) {
    bool escaped = size && pattern->size - i >= size && memcmp(text + i, escape->as.bytes, size) == 0;
    if (escaped) i += size;
    if (i >= pattern->size) return false;
    to = put(to, text[i], escaped || text[i] == ESCAPE);
  }
  put_param(w, room, to);
  return true;
}

/* ---- like ---- */

static bool is_text(const driver_column *column) {
  return column->kind == DRIVER_ANYTHING || column->kind == DRIVER_TEXTS || column->kind == DRIVER_STRINGS;
}

static void write_column(const comparison *w, const operand *o) {
  if (is_text(o->column))
    compare_name(w, o);
  else
    compare_text(w, o);
}

/* One character that is not wild itself. */
static bool is_escape(const shunt_value *v) {
  if (v->type != SHUNT_TEXT || !v->size || !utf8_valid(v->as.bytes, v->size)) return false;
  for (size_t i = 1; i < v->size; i++)
    if ((v->as.bytes[i] & 0xc0) != 0x80) return false;
  return v->as.bytes[0] != '%' && v->as.bytes[0] != '_';
}

static bool write_like(const comparison *w, const operand *o, const shunt_where *c, const char **why) {
  const char *lower = o->column->cased ? "LOWER(" : "", *end = o->column->cased ? ")" : "";
  if (c->nvalues == 2 && !is_escape(&c->values[1])) {
    *why = "the escape of a pattern is one character other than % and _";
    return false;
  }
  sql_puts(w->q, lower);
  write_column(w, o);
  sql_puts(w->q, end);
  sql_puts(w->q, w->at->engine->like);
  sql_puts(w->q, lower);
  if (!write_pattern(w, &c->values[0], c->nvalues == 2 ? &c->values[1] : NULL)) {
    *why = "the pattern ends in its escape character, which needs a character behind it";
    return false;
  }
  sql_puts(w->q, end);
  sql_puts(w->q, ESCAPED);
  return true;
}

/* ---- contains, starts_with, ends_with ---- */

static void write_part(const comparison *w, const operand *o, const shunt_value *part) {
  const char *lower = o->column->collation == DRIVER_NOCASE ? "lower(" : "", *end = lower[0] ? ")" : "";
  sql_puts(w->q, lower);
  if (part)
    sql_param(w->q, part);
  else
    compare_name(w, o);
  sql_puts(w->q, end);
}

/* `form` has @ for the column and ? for the text. */
static void write_form(const comparison *w, const operand *o, const char *form, const shunt_value *text) {
  for (size_t n; *form; form += n) {
    n = strcspn(form, "@?");
    sql_add(w->q, form, n);
    if (!form[n]) return;
    write_part(w, o, form[n] == '?' ? text : NULL);
    n++;
  }
}

static void write_part_pattern(const comparison *w, const operand *o, shunt_operator op, const shunt_value *text) {
  char *room = room_for(w, text), *to = room;
  if (!room) return;
  write_column(w, o);
  sql_puts(w->q, " LIKE ");
  if (op != SHUNT_STARTS_WITH) *to++ = '%';
  to = put_all(to, text);
  if (op != SHUNT_ENDS_WITH) *to++ = '%';
  put_param(w, room, to);
  sql_puts(w->q, ESCAPED);
}

static void write_look_up(const comparison *w, const operand *o, const shunt_where *c) {
  const driver_engine *e = w->at->engine;
  const shunt_value *text = &c->values[0];
  shunt_operator op = text->size ? c->op : SHUNT_STARTS_WITH; /* every text has the empty one anywhere */
  const char *form = op == SHUNT_CONTAINS ? e->contains : op == SHUNT_STARTS_WITH ? e->starts_with : e->ends_with;
  if (form)
    write_form(w, o, form, text);
  else
    write_part_pattern(w, o, op, text);
}

bool pattern_write(const comparison *w, const operand *o, const shunt_where *c, const char **why) {
  bool like = c->op == SHUNT_LIKE || c->op == SHUNT_ILIKE;
  if (!c->nvalues || c->nvalues > (like ? 2u : 1u) || c->values[0].type != SHUNT_TEXT) {
    *why = like ? "like takes text, such as \"A%\"" : "the operator takes text";
    return false;
  }
  if (!comparable_by_text(w, o->column)) {
    *why = "the operator looks into texts, and engines write the column's values differently";
    return false;
  }
  if (like) return write_like(w, o, c, why);
  write_look_up(w, o, c);
  return true;
}
