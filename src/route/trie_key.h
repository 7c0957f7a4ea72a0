/* For: the values of fields as the trie compares them: by type and bits, since a rule can distinguish 1 from 1.0; or as
 * small numbers if a field has few values.
 * Owner: a key borrows the request's text.
 * Use: kind = trie_key_kind(read); if (trie_has_numbers(kind)) n = trie_key_number(kind, q, read);
 *      else key = trie_key_of(t, q, read); */
#ifndef SHUNT_ROUTE_TRIE_KEY_H
#define SHUNT_ROUTE_TRIE_KEY_H

#include <string.h>

#include "route/trie.h"

typedef struct trie_key {
  uint64_t bits;    /* of the value; of a text up to 8 bytes its bytes, of a longer one a hash */
  uint64_t tag;     /* the size of a text, and a shunt_type; objects of the catalog count as integers */
  const char *text; /* if bits is a hash; else NULL */
} trie_key;

enum { TRIE_ABSENT = SHUNT_NULL, TRIE_TAG_BITS = 8 };

/* The kind of node for the read. */
trie_kind trie_key_kind(const rule_read *read);
/* Whether the catalog bounds the number of the field's values. */
bool trie_key_closed(const rule_read *read);
/* The value of a field whose values are not small numbers. */
trie_key trie_key_of(const trie *t, const route_request *q, const rule_read *read);
/* The value of a field whose values are: from 1; 0 if it is absent. */
static inline uint32_t trie_key_number(trie_kind kind, const route_request *q, const rule_read *read);

bool trie_key_said(const route_request *q, const rule_read *read);

static inline trie_key trie_key_absent(void) { return (trie_key){0, TRIE_ABSENT, NULL}; }

/* ---- texts ---- */

static inline uint64_t trie_key_load(const char *at) {
  uint64_t word;
  memcpy(&word, at, sizeof word);
  return word;
}

/* Up to eight bytes as a number. Together with the size it is unique. */
static inline uint64_t trie_key_pack(const char *text, size_t size) {
  uint32_t first, last;
  if (size >= sizeof first) {
    memcpy(&first, text, sizeof first);
    memcpy(&last, text + size - sizeof last, sizeof last);
    return first | (uint64_t)last << 32;
  }
  if (size == 0) return 0;
  uint64_t middle = (unsigned char)text[size / 2];
  return (unsigned char)text[0] | middle << 8 | (uint64_t)(unsigned char)text[size - 1] << 16;
}

/* NH (Black, Halevi, Krawczyk, Krovetz and Rogaway, "UMAC", 1999): a sender of texts can't make them collide without
 * knowing the random words. Texts that are longer than the words reach are never kept, so their tail may be ignored. */
static inline uint64_t trie_key_hash(const trie *t, const char *text, size_t size) {
  uint64_t sum = size, word, key;
  const char *last = text + size - sizeof word;
  const uint64_t *keys = t->words;
  for (; text < last && keys < t->words + TRIE_HASH_WORDS - 1; text += sizeof word) {
    word = trie_key_load(text);
    key = *keys++;
    sum += (uint64_t)((uint32_t)word + (uint32_t)key) * (uint32_t)((word >> 32) + (key >> 32));
  }
  word = trie_key_load(last);
  key = *keys;
  return sum + (uint64_t)((uint32_t)word + (uint32_t)key) * (uint32_t)((word >> 32) + (key >> 32));
}

static inline trie_key trie_key_of_text(const trie *t, const char *text, size_t size) {
  uint64_t tag = (uint64_t)size << TRIE_TAG_BITS | SHUNT_TEXT;
  if (size <= sizeof(uint64_t)) return (trie_key){trie_key_pack(text, size), tag, NULL};
  return (trie_key){trie_key_hash(t, text, size), tag, text};
}

static inline trie_key trie_key_of_name(const trie *t, const char *name) {
  return name ? trie_key_of_text(t, name, strlen(name)) : trie_key_absent();
}

static inline trie_key trie_key_of_value(const trie *t, const shunt_value *v) {
  if (v->type == SHUNT_TEXT || v->type == SHUNT_BLOB) /* a rule sees both as the same text */
    return trie_key_of_text(t, v->as.bytes, v->size);
  trie_key key = {0, v->type, NULL};
  if (v->type == SHUNT_BOOL)
    key.bits = v->as.boolean;
  else if (v->type != SHUNT_NULL)
    memcpy(&key.bits, &v->as, sizeof key.bits);
  return key;
}

static inline bool trie_has_name(trie_kind kind) { return kind < TRIE_ATTR; }

/* The client's name in a field of a kind of TRIE_NAME_MAP. */
static inline const char *trie_key_name(trie_kind kind, const route_request *q) {
  switch (kind) {
#define NAME_OF(id, name)                                                                                              \
  case TRIE_##id:                                                                                                      \
    return name;
    TRIE_NAME_MAP(NAME_OF)
#undef NAME_OF
  default:
    return NULL;
  }
}

static inline trie_key trie_key_of_attr(const trie *t, const route_request *q, const rule_read *read) {
  const char *name = read->name;
  for (const shunt_field *f = q->attrs, *end = f + q->nattrs; f < end; f++)
    for (size_t i = 0; f->name[i] == name[i]; i++)
      if (name[i] == 0) return trie_key_of_value(t, &f->value);
  return trie_key_absent();
}

static inline uint32_t trie_key_number(trie_kind kind, const route_request *q, const rule_read *read) {
  switch (kind) {
  case TRIE_MODEL:
    return q->model ? q->model->id + 1 : 0;
  case TRIE_RELATION:
    return q->relation ? q->relation->id + 1 : 0;
  case TRIE_CLASS:
    return read->of.classes[q->instance->id] + 1;
  case TRIE_OP:
    return (uint32_t)q->op + 1;
  case TRIE_FLAG:
    return (uint32_t)(read->field == RULE_FIELD_IN_TRANSACTION ? q->in_transaction : q->instance->isolate) + 1;
  case TRIE_SAID:
    return (uint32_t)trie_key_said(q, read) + 1;
  default:
    return 0;
  }
}

static inline bool trie_key_same(const trie_key *a, const trie_key *b) {
  return a->bits == b->bits && a->tag == b->tag && (!a->text || memcmp(a->text, b->text, a->tag >> TRIE_TAG_BITS) == 0);
}

#endif
