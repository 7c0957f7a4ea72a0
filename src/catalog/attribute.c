/* Attributes of sessions: which ones there are, and with which values. */
#include <math.h>
#include <string.h>

#include "base/buf.h"
#include "catalog/catalog.h"

static const char *const type_names[] = {
#define TYPE_NAME(name, text) text,
    CAT_ATTRIBUTE_MAP(TYPE_NAME)
#undef TYPE_NAME
        "list"};

const char *cat_attribute_type_name(cat_attribute_type type) { return type_names[type]; }

/* ---- values ---- */

/* As Lua compares them: 1 and 1.0 are equal. */
static bool same(const shunt_value *a, const shunt_value *b) {
  const bool numbers =
      (a->type == SHUNT_INTEGER && b->type == SHUNT_FLOAT) || (a->type == SHUNT_FLOAT && b->type == SHUNT_INTEGER);
  if (numbers) {
    const shunt_value *i = a->type == SHUNT_INTEGER ? a : b, *f = i == a ? b : a;
    return (double)i->as.integer == f->as.number;
  }
  if (a->type != b->type) return false;
  switch ((shunt_type)a->type) {
  case SHUNT_BOOL:
    return a->as.boolean == b->as.boolean;
  case SHUNT_INTEGER:
    return a->as.integer == b->as.integer;
  case SHUNT_FLOAT:
    return a->as.number == b->as.number;
  default:
    return a->size == b->size && (!a->size || memcmp(a->as.bytes, b->as.bytes, a->size) == 0);
  }
}

static bool is_whole(const shunt_value *v) {
  const double d = v->type == SHUNT_FLOAT ? v->as.number : 0.5;
  return v->type == SHUNT_INTEGER ||
         (d >= -9223372036854775808.0 && d < 9223372036854775808.0 && d == (double)(int64_t)d);
}

static bool is_listed(const cat_attribute *a, const shunt_value *v) {
  for (size_t i = 0; i < a->nvalues; i++)
    if (same(&a->values[i], v)) return true;
  return false;
}

static bool takes(const cat_attribute *a, const shunt_value *v) {
  switch (a->type) {
  case CAT_ATTRIBUTE_TEXT:
    return v->type == SHUNT_TEXT;
  case CAT_ATTRIBUTE_INTEGER:
    return is_whole(v);
  case CAT_ATTRIBUTE_NUMBER:
    return v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  case CAT_ATTRIBUTE_BOOLEAN:
    return v->type == SHUNT_BOOL;
  case CAT_ATTRIBUTE_LISTED:
    break;
  }
  return is_listed(a, v);
}

/* ---- messages ---- */

static void spell(buf *b, const shunt_value *v) {
  if (v->type == SHUNT_TEXT)
    buf_printf(b, "'%.*s'", v->size < 64 ? (int)v->size : 64, v->as.bytes);
  else if (v->type == SHUNT_BOOL)
    buf_puts(b, v->as.boolean ? "true" : "false");
  else if (v->type == SHUNT_INTEGER)
    buf_printf(b, "%lld", (long long)v->as.integer);
  else
    buf_printf(b, "%.14g", v->as.number);
}

static void spell_expected(buf *b, const cat_attribute *a) {
  enum { MOST = 8 };
  if (a->type != CAT_ATTRIBUTE_LISTED)
    buf_printf(b, "%s %s", a->type == CAT_ATTRIBUTE_INTEGER ? "an" : "a", type_names[a->type]);
  for (size_t i = 0; i < a->nvalues && i < MOST; i++) {
    if (i) buf_puts(b, i + 1 == a->nvalues ? " or " : ", ");
    spell(b, &a->values[i]);
  }
  if (a->nvalues > MOST) buf_printf(b, " or one of %zu others", a->nvalues - MOST);
}

static suggest nearest_value(const cat_attribute *a, const char *text) {
  suggest near = suggest_for(text);
  for (size_t i = 0; i < a->nvalues; i++)
    if (a->values[i].type == SHUNT_TEXT) suggest_try(&near, a->values[i].as.bytes);
  return near;
}

static shunt_status refuse(const cat_attribute *a, const shunt_value *v, shunt_error *err) {
  if (cat_secret_key(a->name))
    return error_set(err, SHUNT_E_USAGE, "the attribute '%s' has a value that the app config does not allow", a->name);
  char text[65] = "";
  buf is = {0}, must = {0};
  spell(&is, v);
  spell_expected(&must, a);
  if (v->type == SHUNT_TEXT) memcpy(text, v->as.bytes, v->size < sizeof text ? v->size : sizeof text - 1);
  suggest near = nearest_value(a, text);
  shunt_status status = is.failed || must.failed
                            ? error_memory(err)
                            : error_set(err, SHUNT_E_USAGE, "the attribute '%s' takes %s, not %s%s", a->name, must.data,
                                        is.data, suggest_text(&near));
  buf_free(&is);
  buf_free(&must);
  return status;
}

static shunt_status unknown(const catalog *c, const char *name, shunt_error *err) {
  suggest near = suggest_for(name);
  for (size_t i = 0; i < c->nattributes; i++) suggest_try(&near, c->attributes[i].name);
  return error_set(err, SHUNT_E_NOT_FOUND, "there is no attribute '%.64s' among the attributes of the app config%s",
                   name, suggest_text(&near));
}

shunt_status catalog_check_attribute(const catalog *c, const char *name, const shunt_value *value, shunt_error *err) {
  if (!c->closed_attributes) return SHUNT_OK;
  const cat_attribute *a = map_get(&c->attribute_names, name);
  if (!a) return unknown(c, name, err);
  return !value || takes(a, value) ? SHUNT_OK : refuse(a, value, err);
}

/* ---- uses ---- */

static bool known(const cat_uses *u, const cat_use *use) {
  for (size_t i = 0; i < u->count; i++)
    if (u->list[i].kind == use->kind && same(&u->list[i].value, &use->value) && strcmp(u->list[i].path, use->path) == 0)
      return true;
  return false;
}

/* Any order, as long as it depends on the values alone. */
static bool goes_before(const cat_use *a, const cat_use *b) {
  const shunt_value *v = &a->value, *w = &b->value;
  if (v->type != w->type) return v->type < w->type;
  if (v->type == SHUNT_INTEGER && v->as.integer != w->as.integer) return v->as.integer < w->as.integer;
  if (v->type == SHUNT_FLOAT && v->as.number != w->as.number) return v->as.number < w->as.number;
  if (v->type == SHUNT_TEXT) {
    const int order = memcmp(v->as.bytes, w->as.bytes, v->size < w->size ? v->size : w->size);
    if (order) return order < 0;
    if (v->size != w->size) return v->size < w->size;
  }
  return a->kind < b->kind;
}

/* The use's place in the order of those without a path. */
static size_t loose_rank(const cat_uses *u, const cat_use *use) {
  size_t low = 0, high = u->loose;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (goes_before(&u->list[u->order[middle]], use))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool copy_use(catalog_source *to, const cat_use *use, cat_use *made) {
  *made = *use;
  made->path = arena_strdup(&to->arena, use->path);
  made->at.file = arena_strdup(&to->arena, use->at.file);
  if (use->value.type == SHUNT_TEXT)
    made->value.as.bytes = arena_strndup(&to->arena, use->value.as.bytes, use->value.size);
  return made->path && made->at.file && (use->value.type != SHUNT_TEXT || made->value.as.bytes);
}

static bool add_use(catalog_source *to, const cat_use *use) {
  cat_uses *u = &to->uses;
  if (!arena_grow(&to->arena, &u->list, &u->capacity, u->count + 1, sizeof *u->list) ||
      !copy_use(to, use, &u->list[u->count]))
    return false;
  u->count++;
  return true;
}

/* The values of tables come in an order that changes from run to run, and there may be very many. So the first ones by
 * their values are kept. */
static bool note_loose(catalog_source *to, const cat_use *use) {
  cat_uses *u = &to->uses;
  const size_t rank = loose_rank(u, use);
  if (rank < u->loose && !goes_before(use, &u->list[u->order[rank]])) return true; /* it is known */
  uint16_t at = (uint16_t)u->count;
  if (u->loose == CATALOG_MOST_LOOSE) {
    u->cut = true;
    if (rank == u->loose) return true;
    at = u->order[--u->loose];
    if (!copy_use(to, use, &u->list[at])) return false;
  } else if (!add_use(to, use)) {
    return false;
  }
  memmove(&u->order[rank + 1], &u->order[rank], (u->loose - rank) * sizeof *u->order);
  u->order[rank] = at;
  u->loose++;
  return true;
}

bool cat_order_uses(arena *a, cat_uses *u) {
  cat_use *list = arena_array(a, cat_use, u->count);
  size_t n = 0;
  if (!list) return false;
  for (size_t i = 0; i < u->count; i++)
    if (*u->list[i].path) list[n++] = u->list[i];
  for (size_t i = 0; i < u->loose; i++) list[n++] = u->list[u->order[i]];
  u->list = list;
  return true;
}

bool cat_note_use(catalog_source *to, const cat_use *use) {
  cat_uses *u = &to->uses;
  const shunt_value *v = &use->value;
  if (v->type == SHUNT_FLOAT && !isfinite(v->as.number)) return true; /* a bound of everything */
  const bool full = *use->path && u->count - u->loose == CATALOG_MOST_USES;
  if (full || (v->type == SHUNT_TEXT && v->size > CATALOG_LONGEST_USE)) {
    u->cut = true;
    return true;
  }
  if (!*use->path) return note_loose(to, use);
  return known(u, use) || add_use(to, use);
}
