#include "route/trie.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "route/trie_key.h"

typedef struct trie_edge {
  trie_key key;
  _Atomic(trie_step *) to;
} trie_edge;

/* Its edges lie in an open-addressing table of a fixed size, by linear probing; one that is full is replaced by a
 * bigger copy. A reader in the old one sees what was there when it came. */
typedef struct trie_branch {
  trie_step step;
  uint8_t shift;  /* of a hash, to the position in slots */
  uint32_t count; /* for those who add */
  uint32_t nslots;
  union {
    rule_read read;     /* TRIE_FIELD */
    pick_choice choice; /* TRIE_DRAW */
  } on;
  _Atomic(trie_edge *) slots[];
} trie_branch;

enum {
  LOG2_FEWEST_SLOTS = 2,
  LONGEST_KEY = 1024, /* what depends on longer texts is not remembered: hosts pass what users send */
  DEEPEST = 256       /* nor what depends on more fields */
};

static trie_step *next_step(const _Atomic(trie_step *) *at) { return atomic_load_explicit(at, memory_order_acquire); }

/* The position of an edge, or of the free slot where it would be. */
static size_t slot_of(const trie *t, const trie_branch *b, const trie_key *key, trie_edge **edge) {
  size_t i = (size_t)((key->bits * t->seed) >> b->shift);
  while ((*edge = atomic_load_explicit(&b->slots[i], memory_order_acquire))) {
    if (trie_key_same(&(*edge)->key, key)) break;
    i = (i + 1) & (b->nslots - 1);
  }
  return i;
}

static trie_key draw(const trie_branch *b, picker *p, pick_draws *draws) {
  pick_drawn *drawn = &draws->list[draws->count++];
  drawn->from.rule = b->on.choice.rule;
  drawn->client = pick_draw(p, &b->on.choice);
  return trie_key_client(drawn->client);
}

const trie_leaf *trie_find(const trie *t, const route_request *q, picker *p, pick_draws *draws) {
  const trie_step *s = next_step(&t->root);
  draws->count = 0;
  while (s && s->kind != TRIE_LEAF) {
    const trie_branch *b = (const trie_branch *)s;
    trie_key key = s->kind == TRIE_FIELD ? trie_key_of(t, q, &b->on.read) : draw(b, p, draws);
    trie_edge *edge;
    slot_of(t, b, &key, &edge);
    s = edge ? next_step(&edge->to) : NULL;
  }
  draws->walked = draws->count;
  return (const trie_leaf *)s;
}

/* ---- branches ---- */

static trie_branch *new_branch(trie *t, const trie_branch *what, uint8_t log2_slots) {
  size_t nslots = (size_t)1 << log2_slots;
  trie_branch *b = arena_zalloc(&t->arena, sizeof *b + nslots * sizeof b->slots[0]);
  if (!b) return NULL;
  b->step = what->step;
  b->on = what->on;
  b->shift = (uint8_t)(64 - log2_slots);
  b->nslots = (uint32_t)nslots;
  return b;
}

static void put_edge(const trie *t, trie_branch *b, trie_edge *edge) {
  trie_edge *none;
  size_t i = slot_of(t, b, &edge->key, &none);
  b->count++;
  atomic_store_explicit(&b->slots[i], edge, memory_order_release);
}

/* A copy of twice the size, in the old one's place. */
static trie_branch *widen(trie *t, _Atomic(trie_step *) *at, const trie_branch *old) {
  trie_branch *b = new_branch(t, old, (uint8_t)(64 - old->shift + 1));
  if (!b) return NULL;
  for (size_t i = 0; i < old->nslots; i++) {
    trie_edge *edge = atomic_load_explicit(&old->slots[i], memory_order_relaxed);
    if (edge) put_edge(t, b, edge);
  }
  atomic_store_explicit(at, &b->step, memory_order_release);
  return b;
}

/* The branch at that place, made where nothing is there yet; NULL where something else is. */
static trie_branch *branch_at(trie *t, _Atomic(trie_step *) *at, const trie_branch *what) {
  trie_branch *b = (trie_branch *)next_step(at);
  if (b) {
    if (b->step.kind != what->step.kind)
      return NULL; /* the policy read less before: it is no function of the request */
    bool same = what->step.kind == TRIE_FIELD ? rule_same_read(&b->on.read, &what->on.read)
                                              : pick_same_choice(&b->on.choice, &what->on.choice);
    return same ? b : NULL;
  }
  b = new_branch(t, what, LOG2_FEWEST_SLOTS);
  if (!b) return NULL;
  if (what->step.kind == TRIE_DRAW) {
    size_t n = what->on.choice.n;
    const cat_client **clients = arena_array(&t->arena, const cat_client *, n);
    if (!clients) return NULL;
    memcpy(clients, what->on.choice.clients, n * sizeof *clients);
    b->on.choice.clients = clients;
  }
  t->nbranches++;
  atomic_store_explicit(at, &b->step, memory_order_release);
  return b;
}

/* Where the edge of that key leads, which is made where it is not there yet. */
static _Atomic(trie_step *) *way_on(trie *t, _Atomic(trie_step *) *at, const trie_branch *what, trie_key key) {
  trie_branch *b = branch_at(t, at, what);
  trie_edge *edge;
  if (!b) return NULL;
  slot_of(t, b, &key, &edge);
  if (edge) return &edge->to;
  if (key.size > LONGEST_KEY) return NULL;
  bool closed = what->step.kind == TRIE_DRAW || trie_key_closed(&what->on.read);
  if (!closed && b->count >= TRIE_MOST_CHILDREN) {
    t->refused_children++;
    return NULL;
  }
  if ((b->count + 1) * 4 > b->nslots * 3 && !(b = widen(t, at, b))) return NULL;
  if (key.text && !(key.text = arena_strndup(&t->arena, key.text, key.size))) return NULL;
  edge = arena_new(&t->arena, trie_edge);
  if (!edge) return NULL;
  edge->key = key;
  put_edge(t, b, edge);
  return &edge->to;
}

/* ---- leaves ---- */

/* The trie's own copy; of the same bytes it is the same one, since decisions have most of their trace in common. */
static const void *keep(trie *t, const void *bytes, size_t size) {
  const void *kept = map_get_n(&t->kept, bytes, size);
  if (kept || size == 0) return size ? kept : "";
  char *copy = arena_strndup(&t->arena, bytes, size);
  return copy && map_put_n(&t->kept, copy, size, copy) ? copy : NULL;
}

static const char *keep_text(trie *t, const char *text, bool *fine) {
  const char *kept = text ? keep(t, text, strlen(text) + 1) : NULL;
  if (text && !kept) *fine = false;
  return kept;
}

static const void *take_scratch(trie *t, bool *fine) {
  const void *kept = t->scratch.failed ? NULL : keep(t, t->scratch.data, t->scratch.size);
  if (!kept) *fine = false;
  buf_reset(&t->scratch);
  return kept;
}

static void keep_trace(trie *t, trie_leaf *leaf, const route_decision *d, bool *fine) {
  for (size_t i = 0; i < d->as.ntrace; i++) {
    shunt_trace trace;
    memset(&trace, 0, sizeof trace); /* its gaps too: they are compared */
    trace.stage = d->as.trace[i].stage;
    trace.rule = d->as.trace[i].rule;
    trace.source = d->as.trace[i].source;
    trace.verdict = d->as.trace[i].verdict;
    trace.detail = keep_text(t, d->as.trace[i].detail, fine);
    buf_add(&t->scratch, (const char *)&trace, sizeof trace);
  }
  leaf->as.trace = take_scratch(t, fine);
  buf_add(&t->scratch, (const char *)d->rules, d->as.ntrace * sizeof *d->rules);
  leaf->rules = take_scratch(t, fine);
  for (size_t i = 0; i < d->as.ndepends_on; i++) {
    const char *field = keep_text(t, d->as.depends_on[i], fine);
    buf_add(&t->scratch, (const char *)&field, sizeof field);
  }
  leaf->as.depends_on = take_scratch(t, fine);
}

static trie_leaf *new_leaf(trie *t, const route_decision *d, bool level_given, const char *denial) {
  trie_leaf *leaf = arena_new(&t->arena, trie_leaf);
  if (!leaf) return NULL;
  bool fine = true;
  leaf->step.kind = TRIE_LEAF;
  leaf->as = d->as;
  leaf->as.remembered = true;
  leaf->as.table = keep_text(t, d->as.table, &fine);
  leaf->as.denied = keep_text(t, d->as.denied, &fine);
  leaf->denial = keep_text(t, denial, &fine);
  keep_trace(t, leaf, d, &fine);
  leaf->client = d->client;
  leaf->levels = !level_given && (!d->client || d->client->engine != CAT_SQLITE3);
  return fine ? leaf : NULL;
}

/* ---- adding ---- */

/* The same for a whole generation. */
static bool is_constant(rule_field field) { return field == RULE_FIELD_DEFAULT || field == RULE_FIELD_ENV; }

/* The place of the leaf, at the end of all that was read and drawn. */
static _Atomic(trie_step *) *way_to(trie *t, const route_request *q, const rule_read *reads, size_t nreads,
                                    const pick_draws *draws) {
  _Atomic(trie_step *) *at = &t->root;
  size_t drawn = 0;
  for (size_t i = 0; at && i <= nreads; i++) {
    for (; at && drawn < draws->count && draws->list[drawn].nreads <= i; drawn++) {
      trie_branch what = {.step = {TRIE_DRAW}, .on = {.choice = draws->list[drawn].from}};
      at = way_on(t, at, &what, trie_key_client(draws->list[drawn].client));
    }
    if (!at || i == nreads || is_constant(reads[i].field)) continue;
    trie_branch what = {.step = {TRIE_FIELD}, .on = {.read = reads[i]}};
    at = way_on(t, at, &what, trie_key_of(t, q, &reads[i]));
  }
  return at;
}

void trie_add(trie *t, const route_request *q, const rule_read *reads, size_t nreads, const pick_draws *draws,
              const route_decision *d, bool level_given, const char *denial) {
  if (nreads > DEEPEST || draws->count > PICK_MOST_DRAWS) return;
  pthread_mutex_lock(&t->lock);
  bool room = t->nleaves < t->most_leaves;
  if (!room) t->refused_leaves++;
  _Atomic(trie_step *) *at = room ? way_to(t, q, reads, nreads, draws) : NULL;
  if (at && !next_step(at) && base_grow(&t->leaves, &t->leaves_capacity, t->nleaves + 1, sizeof *t->leaves)) {
    trie_leaf *leaf = new_leaf(t, d, level_given, denial);
    if (leaf) {
      leaf->id = (uint32_t)t->nleaves;
      t->leaves[t->nleaves++] = leaf;
      atomic_store_explicit(at, &leaf->step, memory_order_release);
    }
  }
  pthread_mutex_unlock(&t->lock);
}

/* ---- birth and end ---- */

void trie_init(trie *t, size_t most_leaves) {
  memset(t, 0, sizeof *t);
  atomic_init(&t->root, NULL);
  pthread_mutex_init(&t->lock, NULL);
  t->most_leaves = most_leaves;
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
  size_t tables = t->kept.capacity * sizeof(map_entry) + t->kept.nslots * sizeof(uint32_t);
  trie_counts counts = {.leaves = t->nleaves,
                        .branches = t->nbranches,
                        .bytes = t->arena.total_bytes + tables + t->leaves_capacity * sizeof *t->leaves,
                        .refused_children = t->refused_children,
                        .refused_leaves = t->refused_leaves};
  pthread_mutex_unlock(&t->lock);
  return counts;
}

void trie_each_leaf(trie *t, void (*fn)(void *ud, const trie_leaf *leaf), void *ud) {
  pthread_mutex_lock(&t->lock);
  for (size_t i = 0; i < t->nleaves; i++) fn(ud, t->leaves[i]);
  pthread_mutex_unlock(&t->lock);
}

void trie_free(trie *t) {
  base_free(t->leaves);
  map_free(&t->kept);
  buf_free(&t->scratch);
  arena_free(&t->arena);
  pthread_mutex_destroy(&t->lock);
}
