/* Values of settings: reading them, storing them into structs, and describing in words which values a setting takes. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/ascii.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/schema_value.h"

static bool holds_nul(const node *n) { return strlen(n->value.as.bytes) != n->value.size; }

static bool has_bounds(const schema_field *f) { return f->least < f->most; }

static bool in_bounds(const schema_field *f, int64_t value) {
  return !has_bounds(f) || (value >= f->least && value <= f->most);
}

bool schema_same_name(const char *a, const char *b, bool loose) {
  if (!loose) return strcmp(a, b) == 0;
  for (;; a++, b++) {
    while (*a == '_' || *a == '-') a++;
    while (*b == '_' || *b == '-') b++;
    if (ascii_lower(*a) != ascii_lower(*b)) return false;
    if (!*a) return true;
  }
}

/* ---- from text ---- */

static bool read_whole_number(const char *text, size_t size, int64_t *out) {
  bool negative = size > 0 && *text == '-';
  int64_t value = 0;
  if (size == negative) return false;
  for (size_t i = negative; i < size; i++) {
    if (text[i] < '0' || text[i] > '9' || value > (INT64_MAX - 9) / 10) return false;
    value = value * 10 + (text[i] - '0');
  }
  *out = negative ? -value : value;
  return true;
}

static bool read_integers(const schema_field *f, const char *text, int64_t *out) {
  bool fine = true;
  for (size_t size = strcspn(text, ","); f->list && text[size] && fine; size = strcspn(text, ",")) {
    fine = size == 0 || (read_whole_number(text, size, out) && in_bounds(f, *out));
    text += size + 1;
  }
  return fine && ((f->list && !*text) || read_whole_number(text, strlen(text), out));
}

static bool read_duration(const schema_field *f, const char *text, int64_t *ms) {
  if (cat_parse_duration_ms(text, ms)) return true;
  if (!f->bare_ms || !read_whole_number(text, strlen(text), ms)) return false;
  if (*ms > INT64_MAX / f->bare_ms || *ms < -(INT64_MAX / f->bare_ms)) return false;
  *ms *= f->bare_ms;
  return true;
}

static bool read_word(const schema *s, const schema_field *f, const char *text, shunt_value *out) {
  for (int64_t i = 0; f->words[i]; i++) {
    if (!schema_same_name(f->words[i], text, s->loose)) continue;
    *out = shunt_integer(i);
    return true;
  }
  return false;
}

static bool read_boolean(const schema *s, const char *text, shunt_value *out) {
  bool yes = schema_same_name(text, "true", s->loose) || strcmp(text, "1") == 0;
  *out = shunt_boolean(yes);
  return yes || schema_same_name(text, "false", s->loose) || strcmp(text, "0") == 0;
}

bool schema_read_text(const schema *s, const schema_field *f, const char *text, shunt_value *out) {
  int64_t value = 0;
  bool fine = false;
  switch (f->type) {
  case SCHEMA_INTEGER:
    fine = read_integers(f, text, &value);
    break;
  case SCHEMA_DURATION:
    fine = read_duration(f, text, &value);
    break;
  case SCHEMA_SIZE:
    fine = cat_parse_size_bytes(text, &value);
    break;
  case SCHEMA_NUMBER:
    if (!read_whole_number(text, strlen(text), &value)) return false;
    *out = shunt_float((double)value);
    return true;
  case SCHEMA_BOOLEAN:
    return read_boolean(s, text, out);
  case SCHEMA_WORD:
    return read_word(s, f, text, out);
  default:
    *out = shunt_text(text, strlen(text));
    return f->type == SCHEMA_TEXT || *text;
  }
  *out = shunt_integer(value);
  return fine && in_bounds(f, value);
}

/* ---- from a node ---- */

static bool read_number(const schema_field *f, const node *n, shunt_value *out) {
  bool whole = n->value.type == SHUNT_INTEGER;
  if (!whole && !(n->value.type == SHUNT_FLOAT && isfinite(n->value.as.number))) return false;
  double number = whole ? (double)n->value.as.integer : n->value.as.number;
  *out = shunt_float(number);
  return !has_bounds(f) || (number >= (double)f->least && number <= (double)f->most);
}

bool schema_read(const schema *s, const schema_field *f, const node *n, shunt_value *out) {
  char room[NODE_SPELLED_MAX];
  if (!n || n->kind != NODE_VALUE) return false;
  if (s->spelled) {
    const char *text = node_spelled(n, room);
    return text && (!*text || schema_read_text(s, f, text, out));
  }
  switch (f->type) {
  case SCHEMA_INTEGER:
    *out = n->value;
    return n->value.type == SHUNT_INTEGER && in_bounds(f, n->value.as.integer);
  case SCHEMA_BOOLEAN:
    *out = n->value;
    return n->value.type == SHUNT_BOOL;
  case SCHEMA_NUMBER:
    return read_number(f, n, out);
  case SCHEMA_TEXT:
  case SCHEMA_NAME:
  case SCHEMA_TEXT_OR_FUNCTION:
  case SCHEMA_WORD:
  case SCHEMA_DURATION:
  case SCHEMA_SIZE:
    return node_is_text(n) && !holds_nul(n) && schema_read_text(s, f, n->value.as.bytes, out);
  default:
    return false;
  }
}

/* ---- into a struct ---- */

static void store(const schema_field *f, const shunt_value *value, void *into) {
  void *at = (char *)into + f->offset;
  int64_t integer = value->type == SHUNT_BOOL      ? value->as.boolean
                    : value->type == SHUNT_INTEGER ? value->as.integer
                                                   : 0;
  switch (f->slot) {
  case SLOT_BOOL:
    *(bool *)at = integer != 0;
    break;
  case SLOT_INT:
    *(int *)at = (int)integer;
    break;
  case SLOT_INT64:
    *(int64_t *)at = integer;
    break;
  case SLOT_DOUBLE:
    *(double *)at = value->type == SHUNT_FLOAT ? value->as.number : 0;
    break;
  case SLOT_TEXT:
    *(const char **)at = value->type == SHUNT_TEXT ? value->as.bytes : NULL;
    break;
  case SLOT_NONE:
    break;
  }
}

static bool fills(const schema_field *f, const char *record) {
  return f->type == SCHEMA_MAP && f->of->record && strcmp(f->of->record, record) == 0;
}

void schema_fill(const schema *s, const node *from, const char *record, void *into) {
  assert(s->record && strcmp(s->record, record) == 0);
  for (const schema_field *f = s->fields; f->key; f++) {
    const node *n = node_get(from, f->key);
    shunt_value value = shunt_null();
    if (fills(f, record)) schema_fill(f->of, n, record, into);
    if (f->slot == SLOT_NONE) continue;
    bool given = schema_read(s, f, n, &value);
    if (!given && !(f->fallback && schema_read_text(s, f, f->fallback, &value))) value = shunt_null();
    store(f, &value, into);
  }
}

static bool same(const schema_field *f, const void *left, const void *right) {
  const void *a = (const char *)left + f->offset, *b = (const char *)right + f->offset;
  switch (f->slot) {
  case SLOT_BOOL:
    return *(const bool *)a == *(const bool *)b;
  case SLOT_INT:
    return *(const int *)a == *(const int *)b;
  case SLOT_INT64:
    return *(const int64_t *)a == *(const int64_t *)b;
  case SLOT_DOUBLE:
    return *(const double *)a == *(const double *)b;
  case SLOT_TEXT:
    return text_same(*(const char *const *)a, *(const char *const *)b);
  case SLOT_NONE:
    break;
  }
  return true;
}

bool schema_same_pools(const schema *s, const char *record, const void *a, const void *b) {
  assert(s->record && strcmp(s->record, record) == 0);
  for (const schema_field *f = s->fields; f->key; f++) {
    if (fills(f, record) && !schema_same_pools(f->of, record, a, b)) return false;
    if (f->reload == SCHEMA_POOLS && !same(f, a, b)) return false;
  }
  return true;
}

/* ---- in words ---- */

/* In the largest unit that gives a whole number. */
static void put_amount(buf *b, schema_type type, int64_t amount) {
  static const struct {
    const char *name;
    int64_t factor;
  } durations[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}},
    sizes[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {" bytes", 1}};
  const char *unit = "";
  for (size_t i = 0; i < 4 && type != SCHEMA_INTEGER && type != SCHEMA_NUMBER; i++) {
    int64_t factor = type == SCHEMA_DURATION ? durations[i].factor : sizes[i].factor;
    if (amount % factor || (amount == 0 && i < 2)) continue;
    amount /= factor;
    unit = type == SCHEMA_DURATION ? durations[i].name : sizes[i].name;
    break;
  }
  buf_printf(b, "%lld%s", (long long)amount, unit);
}

static void put_words(buf *b, const char *const *words) {
  for (; *words; words++) buf_printf(b, "%s%s", *words, !words[1] ? "" : words[2] ? ", " : " or ");
}

void schema_expected(const schema_field *f, buf *b) {
  static const char *const names[] = {
      [SCHEMA_TEXT] = "text",
      [SCHEMA_NAME] = "text",
      [SCHEMA_TEXTS] = "text or a list of texts",
      [SCHEMA_BOOLEAN] = "true or false",
      [SCHEMA_INTEGER] = "an integer",
      [SCHEMA_NUMBER] = "a number",
      [SCHEMA_DURATION] = "a duration",
      [SCHEMA_SIZE] = "a size",
      [SCHEMA_SCALARS] = "a map of scalars",
      [SCHEMA_FREE] = "a map",
      [SCHEMA_ANY] = "any value",
      [SCHEMA_MAP] = "a map",
      [SCHEMA_NAMED] = "a map",
      [SCHEMA_MAPS] = "a list of maps",
      [SCHEMA_FUNCTION] = "a function",
      [SCHEMA_TEXT_OR_FUNCTION] = "text",
  };
  if (f->type == SCHEMA_WORD) {
    put_words(b, f->words);
    return;
  }
  buf_puts(b, names[f->type]);
  if (f->bare_ms) buf_puts(b, f->bare_ms == 1 ? " or a number of milliseconds" : " or a number of seconds");
  if (!has_bounds(f)) return;
  bool open = f->most == INT64_MAX;
  buf_puts(b, open ? " of " : " from ");
  put_amount(b, f->type, f->least);
  buf_puts(b, open ? " or more" : " to ");
  if (!open) put_amount(b, f->type, f->most);
}
