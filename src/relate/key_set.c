/* A hash table that chains through its entries. Slots are a power of two, nothing is ever removed, and room is known in
 * advance, so that adding can't fail. */
#include "relate/key_set.h"

#include <string.h>

bool key_set_init(key_set *k, arena *a, size_t width, size_t most) {
  if (most >= KEY_NONE) return false;
  size_t nslots = 16;
  while (nslots < most + most / 2) nslots *= 2;
  *k = (key_set){.width = width, .nslots = nslots};
  k->entries = arena_alloc(a, most * sizeof *k->entries);
  k->values = arena_alloc(a, most * width * sizeof *k->values);
  k->slots = arena_alloc(a, nslots * sizeof *k->slots);
  if (!k->entries || !k->values || !k->slots) return false;
  memset(k->slots, 0xff, nslots * sizeof *k->slots); /* KEY_NONE */
  return true;
}

static uint64_t mix(uint64_t h) {
  h *= 0x9E3779B97F4A7C15u;
  return h ^ (h >> 29);
}

static bool has_bytes(const shunt_value *v) { return v->type == SHUNT_TEXT || v->type == SHUNT_BLOB; }

/* What is not text or a blob, as 64 bits. */
static uint64_t bits_of(const shunt_value *v) {
  uint64_t bits = 0;
  if (v->type == SHUNT_BOOL) return v->as.boolean;
  if (v->type == SHUNT_INTEGER) return (uint64_t)v->as.integer;
  if (v->type == SHUNT_FLOAT) memcpy(&bits, &v->as.number, sizeof bits);
  return bits;
}

static uint64_t hash_of(const shunt_value *v) {
  uint64_t h = 14695981039346656037u;
  if (!has_bytes(v)) return mix(bits_of(v));
  for (size_t i = 0; i < v->size; i++) h = (h ^ (unsigned char)v->as.bytes[i]) * 1099511628211u;
  return mix(h ^ (h >> 32));
}

static bool same(const shunt_value *a, const shunt_value *b) {
  if (a->type != b->type) return false;
  if (!has_bytes(a)) return bits_of(a) == bits_of(b);
  return a->size == b->size && (a->size == 0 || memcmp(a->as.bytes, b->as.bytes, a->size) == 0);
}

static uint32_t *slot_of(const key_set *k, uint32_t tag, const shunt_value *values) {
  uint64_t hash = tag * 0x9E3779B97F4A7C15u;
  for (size_t i = 0; i < k->width; i++) hash = hash * 31 + hash_of(&values[i]);
  return &k->slots[(hash ^ (hash >> 32)) & (k->nslots - 1)];
}

static bool is_key(const key_set *k, uint32_t key, uint32_t tag, const shunt_value *values) {
  const shunt_value *own = key_set_values(k, key);
  if (k->entries[key].tag != tag) return false;
  for (size_t i = 0; i < k->width; i++)
    if (!same(&own[i], &values[i])) return false;
  return true;
}

static uint32_t find(const key_set *k, uint32_t tag, const shunt_value *values, uint32_t at) {
  while (at != KEY_NONE && !is_key(k, at, tag, values)) at = k->entries[at].next;
  return at;
}

uint32_t key_set_find(const key_set *k, uint32_t tag, const shunt_value *values) {
  return find(k, tag, values, *slot_of(k, tag, values));
}

uint32_t key_set_add(key_set *k, uint32_t tag, const shunt_value *values) {
  uint32_t *slot = slot_of(k, tag, values), found = find(k, tag, values, *slot);
  if (found != KEY_NONE) return found;
  memcpy(k->values + k->count * k->width, values, k->width * sizeof *values);
  k->entries[k->count] = (key_entry){tag, *slot};
  return *slot = (uint32_t)k->count++;
}
