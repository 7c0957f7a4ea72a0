/* A hash table of keys that compares them as a join in the child's column would.
 *
 * Idea: the parent's key comes from one engine, the child's from another one. 1 in a bigint column, "1" in a text
 * column and 1.0 in a double column are one key. Each value is brought into a canonical form (value.h): an integer if
 * it is whole, and otherwise the number or the text itself. How far texts count as numbers depends on the two columns
 * (match_rule): in a numeric column "01" is 1, between two text columns it is not. Canonical values are equal exactly
 * if the join would say so; relate_differential_spec compares that with SQLite's join on random data.
 *
 * The way back is match_forms: a canonical key is not what the child's column holds, so a statement asks for each form
 * in which the column could hold it. Such forms of one key stay together (at_once), or a limit would count twice.
 *
 * Invariants: slots are a power of two, chains go through `next`, and nothing is ever removed. Room is known in
 * advance, so that adding can't fail. Keys of different tags differ. For columns whose engine alone compares them,
 * `compared` holds collation keys (collation.h); equality is then equality of bytes.
 *
 * Not here: sorting and merging instead of hashing. The rows come in no order that both engines agree on. */
#include "relate/match.h"

#include <string.h>

static match_rule rule_of(const driver_column *parent, const driver_column *child) {
  bool rounded = (child->numeric && !child->exact) || (parent && parent->numeric && !parent->exact);
  return (match_rule){.numeric = child->numeric || (parent && parent->numeric),
                      .exact = !rounded,
                      .collation = child->collation,
                      .child = child};
}

match_rules match_rules_of(const key_columns *parent, const key_columns *child) {
  match_rules rules = {.n = child->n};
  for (size_t i = 0; i < child->n; i++) rules.list[i] = rule_of(parent->n ? parent->list[i] : NULL, child->list[i]);
  return rules;
}

bool match_collate(match_rules *rules) {
  bool any = false;
  for (size_t i = 0; i < rules->n; i++) {
    match_rule *rule = &rules->list[i];
    rule->collated = rule->collation == DRIVER_WEIGHED && !rule->numeric;
    any = any || rule->collated;
  }
  return any;
}

bool match_init(match_set *m, arena *a, const match_rules *rules, size_t most) {
  if (most >= MATCH_NONE) return false;
  bool collated = false;
  size_t nslots = 16;
  for (size_t i = 0; i < rules->n; i++) collated = collated || rules->list[i].collated;
  while (nslots < most + most / 2) nslots *= 2;
  *m = (match_set){.a = a, .rules = *rules, .capacity = most, .nslots = nslots};
  m->keys = arena_alloc(a, most * sizeof *m->keys);
  m->values = arena_alloc(a, most * rules->n * sizeof *m->values);
  m->compared = collated ? arena_alloc(a, most * rules->n * sizeof *m->compared) : m->values;
  m->slots = arena_alloc(a, nslots * sizeof *m->slots);
  if (!m->keys || !m->values || !m->compared || !m->slots) return false;
  memset(m->slots, 0xff, nslots * sizeof *m->slots); /* MATCH_NONE */
  return true;
}

/* If blanks at the end don't count, they are removed before the text is read as a number. */
static shunt_value canonical_of(const match_rule *rule, const shunt_value *value) {
  shunt_value v = *value;
  if (v.type == SHUNT_TEXT && (rule->collation == DRIVER_RTRIM || rule->collation == DRIVER_PADDED))
    while (v.size && v.as.bytes[v.size - 1] == ' ') v.size--;
  return rule->numeric && rule->exact ? value_exact(&v) : value_canonical(&v, rule->numeric);
}

/* False if a part is null: such a key equals nothing. */
static bool compared_of(const match_set *m, const shunt_value *values, const shunt_value *collation_keys,
                        shunt_value out[KEY_MOST]) {
  for (size_t i = 0; i < m->rules.n; i++) {
    const match_rule *rule = &m->rules.list[i];
    out[i] = rule->collated ? collation_keys[i] : canonical_of(rule, &values[i]);
    if (out[i].type == SHUNT_NULL) return false;
  }
  return true;
}

static uint32_t *slot_of(const match_set *m, uint32_t tag, const shunt_value *compared) {
  uint64_t hash = tag * 0x9E3779B97F4A7C15u;
  for (size_t i = 0; i < m->rules.n; i++) hash = hash * 31 + value_hash(&compared[i], m->rules.list[i].collation);
  return &m->slots[(hash ^ (hash >> 32)) & (m->nslots - 1)];
}

static bool equal(const match_set *m, uint32_t key, const shunt_value *compared) {
  const shunt_value *own = m->compared + key * m->rules.n;
  for (size_t i = 0; i < m->rules.n; i++)
    if (!value_equal(&own[i], &compared[i], m->rules.list[i].collation)) return false;
  return true;
}

static uint32_t find(const match_set *m, uint32_t tag, const shunt_value *compared, uint32_t at) {
  while (at != MATCH_NONE && !(m->keys[at].tag == tag && equal(m, at, compared))) at = m->keys[at].next;
  return at;
}

uint32_t match_find(const match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys) {
  shunt_value compared[KEY_MOST];
  if (!compared_of(m, values, collation_keys, compared)) return MATCH_NONE;
  return find(m, tag, compared, *slot_of(m, tag, compared));
}

uint32_t match_add(match_set *m, uint32_t tag, const shunt_value *values, const shunt_value *collation_keys) {
  shunt_value compared[KEY_MOST];
  if (!compared_of(m, values, collation_keys, compared)) return MATCH_NONE;
  uint32_t *slot = slot_of(m, tag, compared), found = find(m, tag, compared, *slot);
  if (found != MATCH_NONE) return found;
  size_t at = m->count * m->rules.n;
  for (size_t i = 0; i < m->rules.n; i++) {
    m->compared[at + i] = compared[i];
    if (m->rules.list[i].collated) m->values[at + i] = canonical_of(&m->rules.list[i], &values[i]);
  }
  m->keys[m->count] = (match_key){tag, *slot};
  return *slot = (uint32_t)m->count++;
}

void match_recollate(match_set *m, const shunt_value *collation_keys) {
  memset(m->slots, 0xff, m->nslots * sizeof *m->slots);
  for (uint32_t key = 0; key < m->count; key++) {
    shunt_value *compared = m->compared + key * m->rules.n;
    for (size_t i = 0; i < m->rules.n; i++)
      if (m->rules.list[i].collated) compared[i] = collation_keys[key * m->rules.n + i];
    uint32_t *slot = slot_of(m, m->keys[key].tag, compared);
    m->keys[key].next = *slot;
    *slot = key;
  }
}

/* ---- forms ---- */

static size_t most_forms(const match_rule *rule, const driver_column *child) {
  return child->numeric || (child->text && !rule->numeric) ? 1 : MATCH_FORMS;
}

size_t match_most_forms(const match_rules *rules, const key_columns *child) {
  size_t most = 1;
  for (size_t i = 0; i < child->n; i++) most *= most_forms(&rules->list[i], child->list[i]);
  return most;
}

static bool column_forms(arena *a, const match_rule *rule, const shunt_value *v, const driver_column *child,
                         shunt_value forms[MATCH_FORMS], size_t *n) {
  bool number = v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  forms[0] = *v;
  *n = number && child->text ? 0 : 1;
  if (number && !child->numeric) {
    char *text = arena_alloc(a, VALUE_TEXT_BYTES);
    if (!text) return false;
    size_t size = value_as_text(v, text);
    forms[(*n)++] = shunt_text(text, size);
    if (child->text && rule->numeric && v->type == SHUNT_INTEGER) {
      char *whole = arena_alloc(a, VALUE_TEXT_BYTES);
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

bool match_forms(const match_set *m, uint32_t key, const key_columns *child, shunt_value forms[MATCH_FORMS * KEY_MOST],
                 size_t *n) {
  _Static_assert(KEY_MOST == 1, "keys of several columns have each combination of their columns' forms");
  return column_forms(m->a, &m->rules.list[0], match_values(m, key), child->list[0], forms, n);
}
