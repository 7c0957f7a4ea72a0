#include "relate/match.h"

#include <string.h>

match_rule match_rule_of(const driver_column *parent, const driver_column *child) {
  return (match_rule){child->numeric || (parent && parent->numeric), child->collation, child};
}

bool match_init(match_set *m, arena *a, match_rule rule, size_t most) {
  if (most >= MATCH_NONE) return false;
  size_t nslots = 16;
  while (nslots < most + most / 2) nslots *= 2;
  *m = (match_set){.a = a, .rule = rule, .capacity = most, .nslots = nslots};
  m->keys = arena_alloc(a, most * sizeof *m->keys);
  m->slots = arena_alloc(a, nslots * sizeof *m->slots);
  if (!m->keys || !m->slots) return false;
  memset(m->slots, 0xff, nslots * sizeof *m->slots); /* MATCH_NONE */
  return true;
}

/* Where blanks at the end count for nothing, they are gone before it is asked whether the text is a number. */
static shunt_value canonical_of(const match_set *m, const shunt_value *value) {
  shunt_value v = *value;
  if (v.type == SHUNT_TEXT && m->rule.collation == DRIVER_RTRIM)
    while (v.size && v.as.bytes[v.size - 1] == ' ') v.size--;
  return value_canonical(&v, m->rule.numeric);
}

static uint32_t *slot_of(const match_set *m, uint32_t tag, const shunt_value *canonical) {
  uint64_t hash = value_hash(canonical, m->rule.collation) + tag * 0x9E3779B97F4A7C15u;
  return &m->slots[(hash ^ (hash >> 32)) & (m->nslots - 1)];
}

static uint32_t search(const match_set *m, uint32_t at, uint32_t tag, const shunt_value *canonical) {
  for (; at != MATCH_NONE; at = m->keys[at].next)
    if (m->keys[at].tag == tag && value_equal(&m->keys[at].value, canonical, m->rule.collation)) return at;
  return MATCH_NONE;
}

uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *value) {
  if (value->type == SHUNT_NULL) return MATCH_NONE;
  shunt_value canonical = canonical_of(m, value);
  return search(m, *slot_of(m, tag, &canonical), tag, &canonical);
}

uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *value) {
  if (value->type == SHUNT_NULL) return MATCH_NONE;
  shunt_value canonical = canonical_of(m, value);
  uint32_t *slot = slot_of(m, tag, &canonical), found = search(m, *slot, tag, &canonical);
  if (found != MATCH_NONE) return found;
  m->keys[m->count] = (match_key){canonical, tag, *slot};
  return *slot = (uint32_t)m->count++;
}

size_t match_most_forms(const match_rule *rule) {
  const driver_column *child = rule->child;
  return child->numeric || (child->text && !rule->numeric) ? 1 : MATCH_FORMS;
}

size_t match_forms(const match_set *m, uint32_t key, shunt_value forms[MATCH_FORMS]) {
  const shunt_value *v = &m->keys[key].value;
  bool number = v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  size_t n = 0;
  if (!number || !m->rule.child->text) forms[n++] = *v;
  if (!number || m->rule.child->numeric) return n;
  char *text = arena_alloc(m->a, VALUE_TEXT_BYTES);
  if (!text) return 0;
  size_t size = value_as_text(v, text);
  forms[n++] = shunt_text(text, size);
  if (!m->rule.child->text || !m->rule.numeric || v->type == SHUNT_FLOAT) return n;
  char *whole = arena_alloc(m->a, VALUE_TEXT_BYTES);
  if (!whole) return 0;
  memcpy(whole, text, size);
  memcpy(whole + size, ".0", 2);
  forms[n++] = shunt_text(whole, size + 2);
  return n;
}
