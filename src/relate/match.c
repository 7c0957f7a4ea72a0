#include "relate/match.h"

#include <string.h>

match_rule match_rule_of(const driver_column *parent, const driver_column *child) {
  bool rounded = (child->numeric && !child->exact) || (parent && parent->numeric && !parent->exact);
  return (match_rule){.numeric = child->numeric || (parent && parent->numeric),
                      .exact = !rounded,
                      .collation = child->collation,
                      .child = child};
}

bool match_init(match_set *m, arena *a, match_rule rule, size_t most) {
  if (most >= MATCH_NONE) return false;
  size_t nslots = 16;
  while (nslots < most + most / 2) nslots *= 2;
  *m = (match_set){.a = a, .rule = rule, .capacity = most, .nslots = nslots};
  m->keys = arena_alloc(a, most * sizeof *m->keys);
  m->slots = arena_alloc(a, nslots * sizeof *m->slots);
  if (rule.weighed) m->weights = arena_alloc(a, most * sizeof *m->weights);
  if (!m->keys || !m->slots || (rule.weighed && !m->weights)) return false;
  memset(m->slots, 0xff, nslots * sizeof *m->slots); /* MATCH_NONE */
  return true;
}

/* Where blanks at the end count for nothing, they are gone before it is asked whether the text is a number. */
static shunt_value canonical_of(const match_set *m, const shunt_value *value) {
  shunt_value v = *value;
  if (v.type == SHUNT_TEXT && (m->rule.collation == DRIVER_RTRIM || m->rule.collation == DRIVER_PADDED))
    while (v.size && v.as.bytes[v.size - 1] == ' ') v.size--;
  return m->rule.numeric && m->rule.exact ? value_exact(&v) : value_canonical(&v, m->rule.numeric);
}

/* What keys are compared by: their weights, or what they are. */
static const shunt_value *by(const match_set *m, uint32_t key) {
  return m->weights ? &m->weights[key] : &m->keys[key].value;
}

static uint32_t *slot_of(const match_set *m, uint32_t tag, const shunt_value *compared) {
  uint64_t hash = value_hash(compared, m->rule.collation) + tag * 0x9E3779B97F4A7C15u;
  return &m->slots[(hash ^ (hash >> 32)) & (m->nslots - 1)];
}

static uint32_t find(const match_set *m, uint32_t tag, const shunt_value *compared) {
  for (uint32_t at = *slot_of(m, tag, compared); at != MATCH_NONE; at = m->keys[at].next)
    if (m->keys[at].tag == tag && value_equal(by(m, at), compared, m->rule.collation)) return at;
  return MATCH_NONE;
}

static uint32_t add(match_set *m, uint32_t tag, const shunt_value *canonical, const shunt_value *compared) {
  uint32_t found = find(m, tag, compared);
  if (found != MATCH_NONE) return found;
  uint32_t *slot = slot_of(m, tag, compared);
  m->keys[m->count] = (match_key){*canonical, tag, *slot};
  if (m->weights) m->weights[m->count] = *compared;
  return *slot = (uint32_t)m->count++;
}

uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *value) {
  if (value->type == SHUNT_NULL) return MATCH_NONE;
  shunt_value canonical = canonical_of(m, value);
  return find(m, tag, &canonical);
}

uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *value) {
  if (value->type == SHUNT_NULL) return MATCH_NONE;
  shunt_value canonical = canonical_of(m, value);
  return add(m, tag, &canonical, &canonical);
}

uint32_t match_find_weighed(const match_set *m, uint32_t tag, const shunt_value *weight) {
  return weight->type == SHUNT_NULL ? MATCH_NONE : find(m, tag, weight);
}

uint32_t match_add_weighed(match_set *m, uint32_t tag, const shunt_value *value, const shunt_value *weight) {
  shunt_value canonical = canonical_of(m, value);
  return weight->type == SHUNT_NULL ? MATCH_NONE : add(m, tag, &canonical, weight);
}

void match_reweigh(match_set *m, const shunt_value *weights) {
  memset(m->slots, 0xff, m->nslots * sizeof *m->slots);
  for (uint32_t i = 0; i < m->count; i++) {
    m->weights[i] = weights[i];
    uint32_t *slot = slot_of(m, m->keys[i].tag, &weights[i]);
    m->keys[i].next = *slot;
    *slot = i;
  }
}

size_t match_most_forms(const match_rule *rule, const driver_column *child) {
  return child->numeric || (child->text && !rule->numeric) ? 1 : MATCH_FORMS;
}

bool match_forms(const match_set *m, uint32_t key, const driver_column *child, shunt_value forms[MATCH_FORMS],
                 size_t *n) {
  const shunt_value *v = &m->keys[key].value;
  bool number = v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  forms[0] = *v;
  *n = number && child->text ? 0 : 1;
  if (number && !child->numeric) {
    char *text = arena_alloc(m->a, VALUE_TEXT_BYTES);
    if (!text) return false;
    size_t size = value_as_text(v, text);
    forms[(*n)++] = shunt_text(text, size);
    if (child->text && m->rule.numeric && v->type == SHUNT_INTEGER) {
      char *whole = arena_alloc(m->a, VALUE_TEXT_BYTES);
      if (!whole) return false;
      memcpy(whole, text, size);
      memcpy(whole + size, ".0", 2);
      forms[(*n)++] = shunt_text(whole, size + 2);
    }
  }
  size_t held = 0;
  for (size_t i = 0; i < *n; i++)
    if (driver_column_holds(child, &forms[i])) forms[held++] = forms[i];
  *n = held;
  return true;
}
