/* The lists and texts that rules give to one_of and prefix. The host keeps them, up to a number and a size, so that a
 * decision can depend on the predicate's answer in place of the whole value. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rule/host_inner.h"
#include "rule/sandbox_inner.h"

struct rule_operand {
  const char *bytes;
  size_t size;
  size_t count;        /* of a list */
  shunt_value *values; /* sorted */
};

/* Operands lie outside of the sandbox's memory. */
enum { MOST_OPERANDS = 4096 };

/* ---- values as Lua compares them: 1 and 1.0 are equal, text and blobs are the same ---- */

static shunt_value plain(const shunt_value *v) {
  shunt_value plain = *v;
  if (v->type == SHUNT_BLOB) plain.type = SHUNT_TEXT;
  if (v->type != SHUNT_FLOAT) return plain;
  double d = v->as.number;
  if (d >= -9223372036854775808.0 && d < 9223372036854775808.0 && d == floor(d)) return shunt_integer((int64_t)d);
  return plain;
}

static int compare(const void *a, const void *b) {
  const shunt_value *l = a, *r = b;
  if (l->type != r->type) return l->type < r->type ? -1 : 1;
  switch ((shunt_type)l->type) {
  case SHUNT_BOOL:
    return (int)l->as.boolean - (int)r->as.boolean;
  case SHUNT_INTEGER:
    return l->as.integer < r->as.integer ? -1 : l->as.integer > r->as.integer;
  case SHUNT_FLOAT:
    return l->as.number < r->as.number ? -1 : l->as.number > r->as.number;
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    if (l->size != r->size) return l->size < r->size ? -1 : 1;
    return l->size ? memcmp(l->as.bytes, r->as.bytes, l->size) : 0;
  case SHUNT_NULL:
    break;
  }
  return 0;
}

static bool is_nan(const shunt_value *v) { return v->type == SHUNT_FLOAT && isnan(v->as.number); }

bool host_equal(const shunt_value *a, const shunt_value *b) {
  shunt_value l = plain(a), r = plain(b);
  return !is_nan(&l) && !is_nan(&r) && compare(&l, &r) == 0;
}

bool host_begins(const shunt_value *value, const char *prefix, size_t size) {
  bool text = value->type == SHUNT_TEXT || value->type == SHUNT_BLOB;
  return text && value->size >= size && (size == 0 || memcmp(value->as.bytes, prefix, size) == 0);
}

bool host_list_has(const rule_operand *list, const shunt_value *value) {
  shunt_value wanted = plain(value);
  if (is_nan(&wanted)) return false;
  return list->count && bsearch(&wanted, list->values, list->count, sizeof wanted, compare);
}

bool host_prefix_holds(const rule_operand *prefix, const shunt_value *value) {
  return host_begins(value, prefix->bytes, prefix->size);
}

/* ---- a list as bytes: each value's type and size, then what it holds ---- */

void host_list_add(buf *bytes, const shunt_value *value) {
  shunt_value v = plain(value);
  if (is_nan(&v)) return; /* NaN equals nothing */
  uint32_t size = v.type == SHUNT_TEXT ? v.size : sizeof v.as.integer;
  if (v.type == SHUNT_BOOL) v.as.integer = v.as.boolean;
  buf_putc(bytes, (char)v.type);
  buf_add(bytes, (const char *)&size, sizeof size);
  if (size) buf_add(bytes, v.type == SHUNT_TEXT ? v.as.bytes : (const char *)&v.as, size);
}

static shunt_value next_value(const char **at) {
  shunt_value v = {{.integer = 0}, 0, (uint8_t) * *at};
  memcpy(&v.size, ++*at, sizeof v.size);
  *at += sizeof v.size;
  if (v.type == SHUNT_TEXT)
    v.as.bytes = *at;
  else
    memcpy(&v.as, *at, v.size);
  *at += v.size;
  if (v.type == SHUNT_BOOL) v.as.boolean = v.as.integer != 0;
  return v;
}

static bool fill_values(arena *a, rule_operand *o) {
  const char *end = o->bytes + o->size;
  for (const char *at = o->bytes; at < end; next_value(&at)) o->count++;
  o->values = arena_array(a, shunt_value, o->count);
  if (!o->values) return false;
  size_t i = 0;
  for (const char *at = o->bytes; at < end;) o->values[i++] = next_value(&at);
  qsort(o->values, o->count, sizeof *o->values, compare);
  return true;
}

/* ---- keeping them ---- */

const rule_operand *host_operand(lua_State *L, rule_host *h, rule_predicate predicate, const char *bytes, size_t size) {
  map *known = predicate == RULE_ONE_OF ? &h->lists : &h->prefixes;
  rule_operand *o = map_get_n(known, bytes, size);
  if (o) return o;
  if (known->count >= MOST_OPERANDS || size > HOST_OPERAND_BYTES - h->operand_bytes) return NULL;
  o = arena_new(&h->names, rule_operand);
  char *copy = arena_strndup(&h->names, bytes, size);
  if (!o || !copy) sandbox_raise_memory(L);
  o->bytes = copy;
  o->size = size;
  if (predicate == RULE_ONE_OF && !fill_values(&h->names, o)) sandbox_raise_memory(L);
  if (!map_put_n(known, copy, size, o)) sandbox_raise_memory(L);
  h->operand_bytes += size;
  return o;
}

bool host_operand_is(const rule_operand *a, const rule_operand *b) {
  return a == b || (a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0);
}
