#include "route/trie_key.h"

static trie_key of_integer(int64_t i) { return (trie_key){(uint64_t)i, SHUNT_INTEGER, NULL}; }
static trie_key of_number(uint64_t bits) { return (trie_key){bits, SHUNT_INTEGER, NULL}; }

/* ---- predicates ---- */

static const shunt_value *subject(const route_request *q, const rule_read *read, shunt_value *room) {
  return rule_request_value(q, read->field, read->name, room);
}

bool trie_key_said(const route_request *q, const rule_read *read) {
  shunt_value room;
  int64_t said;
  return rule_tell(read, subject(q, read, &room), &said) && said;
}

/* A predicate without an answer is a value too: a rule may have continued after the error. */
static trie_key of_part(const route_request *q, const rule_read *read) {
  shunt_value room;
  int64_t said;
  const shunt_value *value = subject(q, read, &room);
  if (rule_tell(read, value, &said)) return of_integer(said);
  return value ? (trie_key){0, UINT8_MAX, NULL} : trie_key_absent();
}

/* ---- fields ---- */

static trie_key of_instance(const trie *t, const cat_instance *i, rule_field field) {
  switch (field) {
  case RULE_INSTANCE_ID:
    return i->has_number ? of_integer(i->number) : trie_key_absent();
  case RULE_INSTANCE_ISOLATE_CLIENT:
    return i->isolate_client ? of_number(i->isolate_client->id) : trie_key_absent();
  case RULE_INSTANCE_CONFIG:
    return i->config ? of_number((uint64_t)(uintptr_t)i->config) : trie_key_absent();
  case RULE_INSTANCE_TITLE:
    return trie_key_of_name(t, i->title);
  default: /* the name, which is unique */
    return of_number(i->id);
  }
}

trie_kind trie_key_kind(const rule_read *read) {
  switch (read->predicate) {
  case RULE_CLASS:
    return TRIE_CLASS;
  case RULE_ONE_OF:
  case RULE_PREFIX:
    return TRIE_SAID;
  case RULE_MOD:
  case RULE_BUCKET:
    return TRIE_OTHER;
  case RULE_VALUE:
    break;
  }
  switch (read->field) {
#define KIND_OF(id, name)                                                                                              \
  case RULE_FIELD_##id:                                                                                                \
    return TRIE_##id;
    TRIE_NAME_MAP(KIND_OF)
#undef KIND_OF
  case RULE_FIELD_ATTRS:
    return TRIE_ATTR;
  case RULE_FIELD_MODEL:
    return TRIE_MODEL;
  case RULE_FIELD_RELATION:
    return TRIE_RELATION;
  case RULE_FIELD_OP:
    return TRIE_OP;
  case RULE_FIELD_IN_TRANSACTION:
  case RULE_INSTANCE_ISOLATE:
    return TRIE_FLAG;
  default:
    return TRIE_OTHER;
  }
}

trie_key trie_key_of(const trie *t, const route_request *q, const rule_read *read) {
  if (read->predicate != RULE_VALUE) return of_part(q, read);
  if (read->field >= RULE_INSTANCE_NAME) return of_instance(t, q->instance, read->field);
  shunt_value room;
  const shunt_value *value = subject(q, read, &room);
  return value ? trie_key_of_value(t, value) : trie_key_absent();
}

bool trie_key_closed(const rule_read *read) {
  return read->predicate == RULE_VALUE && read->field >= RULE_INSTANCE_NAME;
}
