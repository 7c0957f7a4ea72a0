#include "route/trie.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "route/trie_inner.h"
#include "route/trie_key.h"

/* to is NULL in a free slot; the key is written before it. */
typedef struct trie_edge {
  trie_key key;
  const char *lasting; /* the very text, where that can't change: a name of the catalog */
  _Atomic trie_step to;
} trie_edge;

/* A branch is followed by its slots: edges, in an open-addressing table with linear probing; or where the field's
 * values are small numbers, only where they lead, by number. One that is too small is replaced by a bigger copy: a
 * reader in the old one sees what was there when it came. */
typedef struct trie_branch {
  uint32_t nslots;
  uint32_t count;           /* of edges, for those who add */
  uint8_t shift;            /* of a hash, to the position of a slot */
  uint8_t kind;             /* a trie_kind */
  const void *on;           /* the rule_read; of TRIE_DRAW the pick_choice */
  _Atomic trie_step absent; /* where absence leads, which is number 0 among numbers */
} trie_branch;

enum {
  FEW = 4,            /* edges that are looked at one by one */
  LONGEST_KEY = 1024, /* what depends on longer texts is not remembered: hosts pass what users send */
  MOST_STEPS = 256    /* nor what depends on more fields */
};

static trie_step load(const _Atomic trie_step *at) { return atomic_load_explicit(at, memory_order_acquire); }
static void publish(_Atomic trie_step *at, trie_step s) { atomic_store_explicit(at, s, memory_order_release); }

static trie_kind kind_of(trie_step s) { return (trie_kind)(s & TRIE_KIND_MASK); }
static void *thing_of(trie_step s) { return (void *)(s & ~(trie_step)TRIE_KIND_MASK); }
static trie_step step_to(trie_kind kind, const void *thing) { return (uintptr_t)thing | kind; }

static bool has_numbers(trie_kind kind) { return kind >= TRIE_MODEL; }

static trie_edge *edges(const trie_branch *b) { return (trie_edge *)(b + 1); }
static _Atomic trie_step *numbers(const trie_branch *b) { return (_Atomic trie_step *)(b + 1); }

/* Where the key leads, or the place where that would stand; NULL where there is none. */
static inline _Atomic trie_step *place_of_key(const trie *t, const trie_branch *b, const trie_key *key) {
  trie_edge *e = edges(b);
  uint32_t last = b->nslots - 1, i = (uint32_t)((key->bits * t->seed) >> b->shift) & last;
  for (uint32_t n = 0; n <= last; n++) {
    if (!load(&e[i].to) || trie_key_same(&e[i].key, key)) return &e[i].to;
    i = (i + 1) & last;
  }
  return NULL;
}

/* ---- finding ---- */

static inline trie_step by_number(const trie_branch *b, uint32_t n) {
  return n < b->nslots ? load(&numbers(b)[n]) : TRIE_NOTHING;
}

static inline trie_step by_key(const trie *t, const trie_branch *b, const trie_key *key) {
  const _Atomic trie_step *at = key->tag == TRIE_ABSENT ? &b->absent : place_of_key(t, b, key);
  return at ? load(at) : TRIE_NOTHING;
}

static trie_step by_text(const trie *t, const trie_branch *b, const char *text) {
  trie_key key = trie_key_of_name(t, text);
  return by_key(t, b, &key);
}

/* Names mostly come out of the catalog, and are the same where they stand at the same place. */
static inline trie_step by_name(const trie *t, const trie_branch *b, const char *name) {
  if (!name) return load(&b->absent);
  const trie_edge *e = edges(b);
  for (const trie_edge *end = e + (b->nslots < FEW ? b->nslots : FEW); e < end; e++) {
    trie_step to = load(&e->to);
    if (to && e->lasting == name) return to;
  }
  return by_text(t, b, name);
}

static inline const shunt_value *attr(const route_request *q, const char *name) {
  for (const shunt_field *f = q->attrs, *end = f + q->nattrs; f < end; f++)
    for (size_t i = 0; f->name[i] == name[i]; i++)
      if (name[i] == 0) return &f->value;
  return NULL;
}

static inline trie_step by_attr(const trie *t, const trie_branch *b, const route_request *q) {
  const shunt_value *v = attr(q, ((const rule_read *)b->on)->name);
  if (!v) return load(&b->absent);
  trie_key key = trie_key_of_value(t, v);
  return by_key(t, b, &key);
}

static trie_step by_other(const trie *t, const trie_branch *b, const route_request *q) {
  trie_key key = trie_key_of(t, q, b->on);
  return by_key(t, b, &key);
}

static trie_step by_draw(const trie_branch *b, picker *p, pick_draws *draws) {
  const pick_choice *choice = b->on;
  pick_drawn *drawn = &draws->list[draws->count++];
  drawn->from.rule = choice->rule;
  drawn->client = pick_draw(p, choice);
  return by_number(b, drawn->client->id);
}

/* The kinds that most requests come by have their own few instructions; trie_key_of and trie_key_number say the same.
 */
const trie_leaf *trie_find(const trie *t, const route_request *q, picker *p, pick_draws *draws) {
  trie_step s = load(&t->root);
  for (;;) {
    const trie_branch *b = thing_of(s);
    switch (kind_of(s)) {
    case TRIE_NOTHING:
      return NULL;
    case TRIE_LEAF:
      return thing_of(s);
    case TRIE_EXPLICIT:
      s = by_name(t, b, q->explicit_client);
      break;
    case TRIE_RELATION_CLIENT:
      s = by_name(t, b, trie_key_relation_client(q));
      break;
    case TRIE_PARENT:
      s = by_name(t, b, q->parent);
      break;
    case TRIE_CURRENT:
      s = by_name(t, b, q->current);
      break;
    case TRIE_ATTR:
      s = by_attr(t, b, q);
      break;
    case TRIE_MODEL:
      s = by_number(b, q->model ? q->model->id + 1 : 0);
      break;
    case TRIE_RELATION:
      s = by_number(b, q->relation ? q->relation->id + 1 : 0);
      break;
    case TRIE_CLASS:
      s = by_number(b, ((const rule_read *)b->on)->of.classes[q->instance->id] + 1);
      break;
    case TRIE_OP:
      s = by_number(b, (uint32_t)q->op + 1);
      break;
    case TRIE_IN_TRANSACTION:
      s = by_number(b, (uint32_t)q->in_transaction + 1);
      break;
    case TRIE_ISOLATE:
      s = by_number(b, (uint32_t)q->instance->isolate + 1);
      break;
    case TRIE_SAID:
      s = by_number(b, (uint32_t)trie_key_said(q, b->on) + 1);
      break;
    case TRIE_DRAW:
      s = by_draw(b, p, draws);
      break;
    case TRIE_OTHER:
      s = by_other(t, b, q);
      break;
    }
  }
}

/* ---- what is added ---- */

/* A step on the way: which branch, and the edge from there. */
typedef struct way_step {
  trie_kind kind;
  const rule_read *read; /* NULL where kind is TRIE_DRAW */
  const pick_choice *choice;
  uint32_t number;
  trie_key key; /* where the kind has no numbers */
  const char *lasting;
} way_step;

typedef struct way {
  way_step steps[MOST_STEPS];
  size_t count;
  bool too_long;
} way;

static way_step *next_of(way *w) {
  if (w->count == MOST_STEPS) {
    w->too_long = true;
    w->count = 0;
  }
  return &w->steps[w->count++];
}

/* The name, if it is the catalog's own. */
static const char *lasting_name(const trie *t, const char *name) {
  const cat_client *client = name ? catalog_client(t->catalog, name) : NULL;
  return client && client->name == name ? name : NULL;
}

static void add_draw(way *w, const pick_drawn *drawn) {
  *next_of(w) = (way_step){.kind = TRIE_DRAW, .choice = &drawn->from, .number = drawn->client->id};
}

static void add_read(way *w, const trie *t, const route_request *q, const rule_read *read) {
  if (read->field == RULE_FIELD_DEFAULT || read->field == RULE_FIELD_ENV) return; /* the same for a whole generation */
  way_step *step = next_of(w);
  *step = (way_step){.kind = trie_key_kind(read), .read = read};
  if (has_numbers(step->kind))
    step->number = trie_key_number(q, read);
  else
    step->key = trie_key_of(t, q, read);
  if (step->kind <= TRIE_CURRENT) step->lasting = lasting_name(t, trie_key_name(step->kind, q));
  if (step->key.tag >> TRIE_TAG_BITS > LONGEST_KEY) w->too_long = true;
}

static void find_way(way *w, const trie *t, const route_request *q, const rule_read *const *reads, size_t nreads,
                     const pick_draws *draws) {
  size_t drawn = 0;
  w->count = 0;
  w->too_long = draws->count > PICK_MOST_DRAWS;
  for (size_t i = 0; i <= nreads && !w->too_long; i++) {
    for (; drawn < draws->count && draws->list[drawn].nreads <= i; drawn++) add_draw(w, &draws->list[drawn]);
    if (i < nreads) add_read(w, t, q, reads[i]);
  }
}

static bool same_branch(const trie_branch *b, const way_step *step) {
  if (b->kind != step->kind) return false;
  return step->read ? rule_same_read(b->on, step->read) : pick_same_choice(b->on, step->choice);
}

/* Where the step leads from b; NULL where there is no room for it. */
static _Atomic trie_step *place_of(const trie *t, trie_branch *b, const way_step *step) {
  if (has_numbers(step->kind)) return step->number < b->nslots ? &numbers(b)[step->number] : NULL;
  return step->key.tag == TRIE_ABSENT ? &b->absent : place_of_key(t, b, &step->key);
}

/* ---- branches ---- */

static trie_branch *new_branch(trie *t, trie_kind kind, const void *on, uint32_t nslots) {
  size_t each = has_numbers(kind) ? sizeof(_Atomic trie_step) : sizeof(trie_edge);
  trie_branch *b = arena_zalloc(&t->arena, sizeof *b + nslots * each);
  if (!b) return NULL;
  b->kind = (uint8_t)kind;
  b->on = on;
  b->nslots = nslots;
  b->shift = 63;
  for (uint32_t n = nslots; n > 2; n >>= 1) b->shift--;
  return b;
}

static void put_edge(const trie *t, trie_branch *b, const trie_key *key, const char *lasting, trie_step to) {
  _Atomic trie_step *at = place_of_key(t, b, key);
  trie_edge *edge = (trie_edge *)((char *)at - offsetof(trie_edge, to));
  edge->key = *key;
  edge->lasting = lasting;
  b->count++;
  publish(at, to);
}

/* A copy that has room for the step, in the old one's place. */
static trie_branch *widen(trie *t, _Atomic trie_step *at, const trie_branch *old, const way_step *step) {
  uint32_t nslots = old->nslots * 2;
  if (has_numbers(step->kind) && nslots <= step->number) nslots = step->number + 1;
  trie_branch *b = new_branch(t, step->kind, old->on, nslots);
  if (!b) return NULL;
  publish(&b->absent, load(&old->absent));
  for (uint32_t i = 0; i < old->nslots; i++) {
    if (has_numbers(step->kind))
      publish(&numbers(b)[i], load(&numbers(old)[i]));
    else if (load(&edges(old)[i].to))
      put_edge(t, b, &edges(old)[i].key, edges(old)[i].lasting, load(&edges(old)[i].to));
  }
  publish(at, step_to(step->kind, b));
  return b;
}

static bool is_full(const trie_branch *b) {
  return b->nslots <= 4 ? b->count == b->nslots : b->count * 4 >= b->nslots * 3;
}

/* Adds the edge that leads to what is complete by now. at is where b stands. */
static bool put(trie *t, _Atomic trie_step *at, trie_branch *b, const way_step *step, trie_step to) {
  trie_key key = step->key;
  if (!has_numbers(step->kind) && key.tag != TRIE_ABSENT) {
    if (is_full(b) && !(b = widen(t, at, b, step))) return false;
    if (key.text && !(key.text = arena_strndup(&t->arena, key.text, key.tag >> TRIE_TAG_BITS))) return false;
    put_edge(t, b, &key, step->lasting, to);
    return true;
  }
  if (!place_of(t, b, step) && !(b = widen(t, at, b, step))) return false;
  publish(place_of(t, b, step), to);
  return true;
}

/* ---- adding ---- */

/* What the branch is about: a read is its host's for good, a choice was the evaluation's. */
static const void *keep_on(trie *t, const way_step *step) {
  if (step->read) return step->read;
  pick_choice choice = *step->choice;
  choice.clients = trie_keep(t, choice.clients, choice.n * sizeof(const cat_client *));
  return choice.clients ? trie_keep(t, &choice, sizeof choice) : NULL;
}

/* A branch with the one edge. */
static trie_step stem(trie *t, const way_step *step, trie_step to) {
  const void *on = keep_on(t, step);
  trie_branch *b = on ? new_branch(t, step->kind, on, has_numbers(step->kind) ? step->number + 1 : 1) : NULL;
  _Atomic trie_step none;
  atomic_init(&none, TRIE_NOTHING);
  if (!b || !put(t, &none, b, step, to)) return TRIE_NOTHING;
  t->nbranches++;
  return step_to(step->kind, b);
}

/* Whether one edge more may leave b. */
static bool has_room(trie *t, const trie_branch *b, const way_step *step) {
  if (has_numbers(step->kind) || trie_key_closed(step->read) || b->count < TRIE_MOST_CHILDREN) return true;
  t->refused_children++;
  return false;
}

/* Goes as far as the trie does, and adds the rest, from the leaf on: whoever comes by sees all of it or nothing. */
static void add_way(trie *t, const way *w, const route_decision *d, bool level_given, const char *denial) {
  _Atomic trie_step *at = &t->root, *next;
  trie_branch *b = NULL;
  size_t i = 0;
  for (trie_step s; (s = load(at)); i++) {
    b = thing_of(s);
    if (i == w->count || kind_of(s) == TRIE_LEAF || !same_branch(b, &w->steps[i]))
      return; /* it is there; or the policy reads something else this time, and is no function of the request */
    next = place_of(t, b, &w->steps[i]);
    if (!next || !load(next)) break;
    at = next;
    b = NULL;
  }
  if (b && !has_room(t, b, &w->steps[i])) return;
  trie_leaf *leaf = trie_leaf_for(t, d, level_given, denial);
  trie_step to = leaf ? step_to(TRIE_LEAF, leaf) : TRIE_NOTHING;
  for (size_t k = w->count; to && k > (b ? i + 1 : i); k--) to = stem(t, &w->steps[k - 1], to);
  if (!to) return;
  if (!b)
    publish(at, to);
  else if (!put(t, at, b, &w->steps[i], to))
    return;
  t->nways++;
}

void trie_add(trie *t, const route_request *q, const rule_read *const *reads, size_t nreads, const pick_draws *draws,
              const route_decision *d, bool level_given, const char *denial) {
  way w;
  find_way(&w, t, q, reads, nreads, draws);
  if (w.too_long) return;
  pthread_mutex_lock(&t->lock);
  if (t->nways < t->most_ways)
    add_way(t, &w, d, level_given, denial);
  else
    t->refused_ways++;
  pthread_mutex_unlock(&t->lock);
}

/* ---- birth and end ---- */

void trie_init(trie *t, const catalog *c, size_t most_ways) {
  memset(t, 0, sizeof *t);
  t->catalog = c;
  atomic_init(&t->root, TRIE_NOTHING);
  pthread_mutex_init(&t->lock, NULL);
  t->most_ways = most_ways;
  bool random = getrandom(t->words, sizeof t->words, GRND_NONBLOCK) == (ssize_t)sizeof t->words &&
                getrandom(&t->seed, sizeof t->seed, GRND_NONBLOCK) == (ssize_t)sizeof t->seed;
  if (!random) { /* early in the machine's life: the limit on children bounds what collisions cost */
    t->seed = (uint64_t)clock_monotonic_ns() * 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < TRIE_HASH_WORDS; i++) t->words[i] = t->seed = t->seed * 0xD1342543DE82EF95u + 1;
  }
  t->seed |= 1;
}

trie_counts trie_count(trie *t) {
  pthread_mutex_lock(&t->lock);
  size_t entries = t->kept.capacity + t->leaves.capacity, slots = t->kept.nslots + t->leaves.nslots;
  trie_counts counts = {.ways = t->nways,
                        .leaves = t->nleaves,
                        .branches = t->nbranches,
                        .bytes = t->arena.total_bytes + entries * sizeof(map_entry) + slots * sizeof(uint32_t),
                        .refused_children = t->refused_children,
                        .refused_ways = t->refused_ways};
  pthread_mutex_unlock(&t->lock);
  return counts;
}

void trie_free(trie *t) {
  map_free(&t->kept);
  map_free(&t->leaves);
  arena_free(&t->arena);
  pthread_mutex_destroy(&t->lock);
}
