#include <string.h>

#include "route/trie_key.h"

static trie_key absent(void) { return (trie_key){0, NULL, 0, SHUNT_NULL}; }
static trie_key of_integer(int64_t i) { return (trie_key){(uint64_t)i, NULL, 0, SHUNT_INTEGER}; }
static trie_key of_bits(uint64_t bits) { return (trie_key){bits, NULL, 0, SHUNT_INTEGER}; }

static uint64_t load_8(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

static uint64_t load_4(const char *at) {
  uint32_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Up to eight bytes as a number: with the size, no two texts have the same. */
static uint64_t pack(const char *text, size_t size) {
  if (size == 8) return load_8(text);
  if (size >= 4) return load_4(text) | load_4(text + size - 4) << 32;
  if (size == 0) return 0;
  uint64_t first = (unsigned char)text[0], middle = (unsigned char)text[size / 2];
  return first | middle << 8 | (uint64_t)(unsigned char)text[size - 1] << 16;
}

/* NH (Black, Halevi, Krawczyk, Krovetz and Rogaway, 1999), so that who sends texts can't make them collide without
 * knowing the words. What is longer than they reach is never kept, and need not be told apart. */
static uint64_t hash(const trie *t, const char *text, size_t size) {
  uint64_t sum = size;
  const char *last = text + size - 8;
  size_t i = 0;
  for (; text < last && i < TRIE_HASH_WORDS - 1; text += 8, i++) {
    uint64_t word = load_8(text), key = t->words[i];
    sum += (uint64_t)((uint32_t)word + (uint32_t)key) * (uint32_t)((word >> 32) + (key >> 32));
  }
  uint64_t word = load_8(last), key = t->words[i];
  return sum + (uint64_t)((uint32_t)word + (uint32_t)key) * (uint32_t)((word >> 32) + (key >> 32));
}

static trie_key of_text(const trie *t, const char *text, size_t size) {
  if (size <= 8) return (trie_key){pack(text, size), NULL, (uint32_t)size, SHUNT_TEXT};
  return (trie_key){hash(t, text, size), text, (uint32_t)size, SHUNT_TEXT};
}

static trie_key of_name(const trie *t, const char *name) { return name ? of_text(t, name, strlen(name)) : absent(); }

static trie_key of_value(const trie *t, const shunt_value *v) {
  trie_key key = {0, NULL, 0, v->type};
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    break;
  case SHUNT_BOOL:
    key.bits = v->as.boolean;
    break;
  case SHUNT_INTEGER:
    key.bits = (uint64_t)v->as.integer;
    break;
  case SHUNT_FLOAT:
    memcpy(&key.bits, &v->as.number, sizeof key.bits);
    break;
  case SHUNT_TEXT:
  case SHUNT_BLOB: /* a rule sees both as the same text */
    return of_text(t, v->as.bytes, v->size);
  }
  return key;
}

static const char *relation_client(const route_request *q) {
  return q->relation_client ? q->relation_client : q->relation ? q->relation->as.client : NULL;
}

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
    return relation_client(q);
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

/* What a predicate says nothing of is a value too: a rule may have gone on in spite of the error. */
static trie_key of_predicate(const route_request *q, const rule_read *read) {
  shunt_value room;
  int64_t said;
  if (read->predicate == RULE_CLASS) return of_bits(read->of.classes[q->instance->id]);
  const shunt_value *value = subject(q, read, &room);
  if (rule_tell(read, value, &said)) return of_integer(said);
  return value ? (trie_key){0, NULL, 0, UINT8_MAX} : absent();
}

/* ---- fields ---- */

static trie_key of_instance(const trie *t, const cat_instance *i, rule_field field) {
  switch (field) {
  case RULE_INSTANCE_ID:
    return i->has_number ? of_integer(i->number) : absent();
  case RULE_INSTANCE_ISOLATE:
    return of_bits(i->isolate);
  case RULE_INSTANCE_ISOLATE_CLIENT:
    return i->isolate_client ? trie_key_client(i->isolate_client) : absent();
  case RULE_INSTANCE_CONFIG:
    return i->config ? of_bits((uint64_t)(uintptr_t)i->config) : absent();
  case RULE_INSTANCE_TITLE:
    return of_name(t, i->title);
  default: /* the name: no two have the same */
    return of_bits(i->id);
  }
}

trie_key trie_key_of(const trie *t, const route_request *q, const rule_read *read) {
  if (read->predicate != RULE_VALUE) return of_predicate(q, read);
  switch (read->field) {
  case RULE_FIELD_MODEL:
    return q->model ? of_bits(q->model->id) : absent();
  case RULE_FIELD_RELATION:
    return q->relation ? of_bits(q->relation->id) : absent();
  case RULE_FIELD_EXPLICIT:
    return of_name(t, q->explicit_client);
  case RULE_FIELD_RELATION_CLIENT:
    return of_name(t, relation_client(q));
  case RULE_FIELD_PARENT:
    return of_name(t, q->parent);
  case RULE_FIELD_CURRENT:
    return of_name(t, q->current);
  case RULE_FIELD_OP:
    return of_integer(q->op);
  case RULE_FIELD_LEVEL:
    return of_integer(q->level);
  case RULE_FIELD_IN_TRANSACTION:
    return of_bits(q->in_transaction);
  case RULE_FIELD_WHERE:
  case RULE_FIELD_ATTRS: {
    const shunt_value *v = named(q, read);
    return v ? of_value(t, v) : absent();
  }
  case RULE_INSTANCE_NAME:
  case RULE_INSTANCE_ID:
  case RULE_INSTANCE_ISOLATE:
  case RULE_INSTANCE_ISOLATE_CLIENT:
  case RULE_INSTANCE_CONFIG:
  case RULE_INSTANCE_TITLE:
    return of_instance(t, q->instance, read->field);
  case RULE_FIELD_DEFAULT: /* the same for a whole generation */
  case RULE_FIELD_ENV:
  case RULE_FIELD_CLIENT: /* made by the rules before */
  case RULE_FIELD_TABLE:
  case RULE_FIELD_INSTANCE: /* of which one only asks the class */
  case RULE_NFIELDS:
    break;
  }
  return absent();
}

bool trie_key_closed(const rule_read *read) {
  if (read->predicate == RULE_CLASS) return true;
  return read->predicate == RULE_VALUE &&
         (read->field == RULE_FIELD_MODEL || read->field == RULE_FIELD_RELATION || read->field >= RULE_INSTANCE_NAME);
}
