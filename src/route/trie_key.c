#include "route/trie_key.h"

static trie_key of_integer(int64_t i) { return (trie_key){(uint64_t)i, SHUNT_INTEGER, NULL}; }
static trie_key of_number(uint64_t bits) { return (trie_key){bits, SHUNT_INTEGER, NULL}; }

static const shunt_value *named(const route_request *q, const rule_read *read) {
  const shunt_value *v = read->field == RULE_FIELD_WHERE ? rule_where(q->where, q->nwhere, read->name)
                                                         : rule_attr(q->attrs, q->nattrs, read->name);
  return v && v->type != SHUNT_NULL ? v : NULL;
}

/* ---- predicates ---- */

static const char *text_of(const route_request *q, rule_field field) {
  switch (field) {
  case RULE_FIELD_MODEL:
    return q->model ? q->model->name : NULL;
  case RULE_FIELD_RELATION:
    return q->relation ? q->relation->full_name : NULL;
  case RULE_FIELD_EXPLICIT:
    return q->explicit_client;
  case RULE_FIELD_RELATION_CLIENT:
    return trie_key_relation_client(q);
  case RULE_FIELD_PARENT:
    return q->parent;
  case RULE_FIELD_CURRENT:
    return q->current;
  case RULE_FIELD_OP:
    return q->op == SHUNT_WRITE ? "write" : "read";
  case RULE_INSTANCE_NAME:
    return q->instance->name;
  default:
    return NULL;
  }
}

static const shunt_value *subject(const route_request *q, const rule_read *read, shunt_value *room) {
  switch (read->field) {
  case RULE_FIELD_WHERE:
  case RULE_FIELD_ATTRS:
    return named(q, read);
  case RULE_FIELD_LEVEL:
    *room = shunt_integer(q->level);
    return room;
  case RULE_FIELD_IN_TRANSACTION:
    *room = shunt_boolean(q->in_transaction);
    return room;
  case RULE_INSTANCE_ID:
    *room = shunt_integer(q->instance->number);
    return q->instance->has_number ? room : NULL;
  default: {
    const char *text = text_of(q, read->field);
    if (!text) return NULL;
    *room = shunt_text(text, strlen(text));
    return room;
  }
  }
}

bool trie_key_said(const route_request *q, const rule_read *read) {
  shunt_value room;
  int64_t said;
  return rule_tell(read, subject(q, read, &room), &said) && said;
}

/* What a predicate says nothing of is a value too: a rule may have gone on in spite of the error. */
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
  default: /* the name: no two have the same */
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
  case RULE_FIELD_EXPLICIT:
    return TRIE_EXPLICIT;
  case RULE_FIELD_RELATION_CLIENT:
    return TRIE_RELATION_CLIENT;
  case RULE_FIELD_PARENT:
    return TRIE_PARENT;
  case RULE_FIELD_CURRENT:
    return TRIE_CURRENT;
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
  switch (read->field) {
  case RULE_FIELD_EXPLICIT:
  case RULE_FIELD_RELATION_CLIENT:
  case RULE_FIELD_PARENT:
  case RULE_FIELD_CURRENT:
    return trie_key_of_name(t, trie_key_name(trie_key_kind(read), q));
  case RULE_FIELD_LEVEL:
    return of_integer(q->level);
  case RULE_FIELD_WHERE:
  case RULE_FIELD_ATTRS: {
    const shunt_value *v = named(q, read);
    return v ? trie_key_of_value(t, v) : trie_key_absent();
  }
  default:
    return of_instance(t, q->instance, read->field);
  }
}

bool trie_key_closed(const rule_read *read) {
  return read->predicate == RULE_VALUE && read->field >= RULE_INSTANCE_NAME;
}
