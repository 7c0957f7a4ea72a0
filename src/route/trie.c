#include "route/trie.h"

#include <string.h>

#include "base/alloc.h"

/* The value of a field, as edges compare it: 1 and 1.0 differ, since a rule can tell them apart. */
typedef struct trie_key {
  uint64_t bits; /* of the value, or a hash of the text */
  const char *text;
  uint32_t size;
  uint8_t type; /* a shunt_type; names of the catalog are its pointers, as integers */
} trie_key;

typedef struct trie_edge {
  trie_key key;
  trie_node *to;
} trie_edge;

struct trie_node {
  trie_leaf *leaf; /* or NULL, and then read says which field is next */
  rule_read read;
  trie_edge *edges;
  size_t count, capacity;
  uint32_t *slots; /* position in edges + 1, once there are more than FEW */
  size_t nslots;
};

enum { FEW = 8, LONGEST_KEY = 1024 /* what depends on longer texts is not remembered: hosts pass what users send */ };

static trie_key absent(void) { return (trie_key){0, NULL, 0, SHUNT_NULL}; }

static trie_key of_pointer(const void *p) {
  return p ? (trie_key){(uint64_t)(uintptr_t)p, NULL, 0, SHUNT_INTEGER} : absent();
}

static trie_key of_integer(int64_t i) { return (trie_key){(uint64_t)i, NULL, 0, SHUNT_INTEGER}; }

static trie_key of_text(const char *text, size_t size) {
  if (!text) return absent();
  return (trie_key){map_hash(text, size), text, (uint32_t)size, SHUNT_TEXT};
}

static trie_key of_name(const char *name) { return name ? of_text(name, strlen(name)) : absent(); }

static trie_key of_value(const shunt_value *v) {
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
    return of_text(v->size ? v->as.bytes : "", v->size);
  }
  return key;
}

/* No part of a predicate: the rules fail on such a value, and what fails is not remembered. */
static trie_key of_nothing(void) { return (trie_key){0, NULL, 0, UINT8_MAX}; }

static trie_key of_named(const shunt_value *value, const rule_read *read) {
  if (!value) return absent();
  if (read->predicate == RULE_VALUE || value->type == SHUNT_NULL) return of_value(value);
  int64_t part;
  return rule_part(read->predicate, value, read->parts, &part) ? of_integer(part) : of_nothing();
}

static trie_key key_of(const route_request *q, const rule_read *read) {
  switch (read->field) {
  case RULE_FIELD_MODEL:
    return of_pointer(q->model);
  case RULE_FIELD_RELATION:
    return of_pointer(q->relation);
  case RULE_FIELD_EXPLICIT:
    return of_name(q->explicit_client);
  case RULE_FIELD_RELATION_CLIENT:
    return of_name(q->relation_client ? q->relation_client : q->relation ? q->relation->as.client : NULL);
  case RULE_FIELD_PARENT:
    return of_name(q->parent);
  case RULE_FIELD_CURRENT:
    return of_name(q->current);
  case RULE_FIELD_INSTANCE:
    return of_pointer(q->instance);
  case RULE_FIELD_OP:
    return of_integer(q->op);
  case RULE_FIELD_LEVEL:
    return of_integer(q->level);
  case RULE_FIELD_IN_TRANSACTION:
    return of_integer(q->in_transaction);
  case RULE_FIELD_WHERE:
    return of_named(rule_where(q->where, q->nwhere, read->name), read);
  case RULE_FIELD_ATTRS:
    return of_named(rule_attr(q->attrs, q->nattrs, read->name), read);
  case RULE_FIELD_DEFAULT: /* the same for a whole generation */
  case RULE_FIELD_ENV:
  case RULE_FIELD_CLIENT: /* made by the rules before */
  case RULE_FIELD_TABLE:
  case RULE_NFIELDS:
    break;
  }
  return absent();
}

static bool is_constant(rule_field field) { return field == RULE_FIELD_DEFAULT || field == RULE_FIELD_ENV; }

static bool same(const trie_key *a, const trie_key *b) {
  return a->bits == b->bits && a->type == b->type && a->size == b->size &&
         (!a->text || memcmp(a->text, b->text, a->size) == 0);
}

static size_t slot_of(const trie_node *n, const trie_key *key) {
  uint64_t mixed = (key->bits ^ (key->bits >> 32) ^ key->type) * 0x9E3779B97F4A7C15u;
  return (size_t)(mixed >> 32) & (n->nslots - 1);
}

static trie_node *follow(const trie_node *n, const trie_key *key) {
  if (!n->slots) {
    for (size_t i = 0; i < n->count; i++)
      if (same(&n->edges[i].key, key)) return n->edges[i].to;
    return NULL;
  }
  for (size_t i = slot_of(n, key); n->slots[i]; i = (i + 1) & (n->nslots - 1))
    if (same(&n->edges[n->slots[i] - 1].key, key)) return n->edges[n->slots[i] - 1].to;
  return NULL;
}

trie_leaf *trie_find(trie *t, const route_request *q) {
  const trie_node *n = t->root;
  while (n && !n->leaf) {
    trie_key key = key_of(q, &n->read);
    n = follow(n, &key);
  }
  if (!n) return NULL;
  n->leaf->hits++;
  return n->leaf;
}

/* ---- growing ---- */

static bool rehash(trie_node *n) {
  size_t nslots = n->nslots ? n->nslots * 2 : (size_t)FEW * 4;
  uint32_t *slots = base_zalloc(nslots * sizeof *slots);
  if (!slots) return false;
  base_free(n->slots);
  n->slots = slots;
  n->nslots = nslots;
  for (size_t e = 0; e < n->count; e++) {
    size_t i = slot_of(n, &n->edges[e].key);
    while (n->slots[i]) i = (i + 1) & (nslots - 1);
    n->slots[i] = (uint32_t)e + 1;
  }
  return true;
}

static trie_node *branch(trie *t, trie_node *n, trie_key key) {
  trie_node *to = follow(n, &key);
  if (to || key.size > LONGEST_KEY) return to;
  if (key.text && !(key.text = arena_strndup(&t->arena, key.text, key.size))) return NULL;
  if (!base_grow(&n->edges, &n->capacity, n->count + 1, sizeof *n->edges)) return NULL;
  to = base_zalloc(sizeof *to);
  if (!to) return NULL;
  n->edges[n->count++] = (trie_edge){key, to};
  bool fine = true;
  if (n->count > FEW && n->count * 2 > n->nslots) {
    fine = rehash(n);
  } else if (n->slots) {
    size_t i = slot_of(n, &key);
    while (n->slots[i]) i = (i + 1) & (n->nslots - 1);
    n->slots[i] = (uint32_t)n->count;
  }
  if (fine) return to;
  n->count--;
  base_free(to);
  return NULL;
}

static const char *kept(trie *t, const char *text, bool *fine) {
  char *copy = text ? arena_strdup(&t->arena, text) : NULL;
  if (text && !copy) *fine = false;
  return copy;
}

static trie_leaf *new_leaf(trie *t, const route_decision *d, bool level_given) {
  trie_leaf *leaf = arena_new(&t->arena, trie_leaf);
  shunt_trace *trace = arena_array(&t->arena, shunt_trace, d->as.ntrace);
  const cat_rule **rules = arena_array(&t->arena, const cat_rule *, d->as.ntrace);
  const char **depends_on = arena_array(&t->arena, const char *, d->as.ndepends_on);
  if (!leaf || !trace || !rules || !depends_on) return NULL;
  bool fine = true;
  leaf->as = d->as;
  leaf->as.table = kept(t, d->as.table, &fine);
  leaf->as.denied = kept(t, d->as.denied, &fine);
  for (size_t i = 0; i < d->as.ntrace; i++) {
    trace[i] = d->as.trace[i];
    trace[i].detail = kept(t, trace[i].detail, &fine);
    rules[i] = d->rules[i];
  }
  if (d->as.ndepends_on) memcpy(depends_on, d->as.depends_on, d->as.ndepends_on * sizeof *depends_on);
  leaf->as.trace = trace;
  leaf->as.depends_on = depends_on;
  leaf->rules = rules;
  leaf->client = d->client;
  leaf->level_given = level_given;
  return fine ? leaf : NULL;
}

static bool same_read(const rule_read *a, const rule_read *b) {
  return a->display == b->display && a->predicate == b->predicate && a->parts == b->parts;
}

void trie_add(trie *t, const route_request *q, const rule_read *reads, size_t nreads, const route_decision *d,
              bool level_given) {
  t->misses++;
  if (t->nleaves >= TRIE_MOST_LEAVES) return;
  if (!base_grow(&t->leaves, &t->leaves_capacity, t->nleaves + 1, sizeof *t->leaves)) return;
  if (!t->root && !(t->root = base_zalloc(sizeof *t->root))) return;
  trie_node *n = t->root;
  for (size_t i = 0; n && i < nreads; i++) {
    if (is_constant(reads[i].field)) continue;
    if (n->leaf) return; /* the policy read less before: it is no function of the request */
    if (n->read.display && !same_read(&n->read, &reads[i])) return;
    n->read = reads[i];
    n = branch(t, n, key_of(q, &reads[i]));
  }
  if (!n || n->leaf || n->count || n->read.display) return;
  trie_leaf *leaf = new_leaf(t, d, level_given);
  if (!leaf) return;
  n->leaf = leaf;
  t->leaves[t->nleaves++] = leaf;
}

static void free_node(trie_node *n) {
  if (!n) return;
  for (size_t i = 0; i < n->count; i++) free_node(n->edges[i].to); /* no deeper than fields were read */
  base_free(n->edges);
  base_free(n->slots);
  base_free(n);
}

void trie_free(trie *t) {
  free_node(t->root);
  base_free(t->leaves);
  arena_free(&t->arena);
}
