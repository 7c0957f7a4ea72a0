/* Adding entries to the trie, under its lock.
 *
 * An entry becomes a path: one step for each field that was read and for each client that was drawn, in that order.
 * add_path follows the trie as far as the path agrees with it, then makes the missing rest from its end to its front
 * and publishes it with one store. Where a stem has one value and the path another, fork_stem replaces the stem by a
 * copy of its front, a branch and a copy of its rest: the old stem stays for readers that are inside it.
 *
 * Invariant: every reference in the trie leads to a complete node, at every moment. Therefore a failed allocation needs
 * no repair: the nodes made so far are in the arena, and no reference leads to them.
 *
 * A path that reads another field than an earlier path, after the same values, is refused (asks_the_same): such rules
 * are no function of the request, and remembering either of the two would be wrong for the other.
 *
 * Stems that end in a leaf are shared between entries (keep_stem), since most entries differ in one value only. Inner
 * nodes are not: the trie would be a DAG, in which a later entry changes paths that it does not belong to. A stem that
 * holds a copied text is never shared.
 *
 * Tried and replaced: one lock for finding and adding, with one Lua state behind it (every hit waited for it; now
 * finding takes no lock); a node for each field of an entry (most fields have one value, and a stem holds these in a
 * row); the whole value as the key of a field that req:mod reads (an entry for each user; the part is the key). */
#include "base/alloc.h"
#include "route/trie_inner.h"

enum {
  LONGEST_KEY = 1024, /* a decision that depends on a longer text is not remembered: texts may come from users */
  MOST_STEPS = 256    /* nor is one that depends on more fields */
};

/* ---- the path of an entry ---- */

typedef struct path_step {
  trie_kind kind;
  const rule_read *read; /* NULL where kind is TRIE_DRAW */
  const pick_choice *choice;
  trie_key key;        /* if the kind has numbers, bits is the number */
  const char *lasting; /* the text itself, if it is the catalog's and so can't change; else NULL */
} path_step;

typedef struct path {
  path_step steps[MOST_STEPS];
  size_t count;
  const char *unfit; /* the reason why it can't be kept, or NULL */
} path;

static path_step *next_of(path *p) {
  if (p->count == MOST_STEPS) {
    p->unfit = "it depends on more than 256 fields";
    p->count = 0;
  }
  return &p->steps[p->count++];
}

static const char *lasting_name(const trie *t, const route_request *q, trie_kind kind) {
  const char *name = trie_key_name(kind, q);
  if (kind == TRIE_RELATION_CLIENT && !q->relation_client) return name; /* the relation's own */
  const cat_client *client = name ? catalog_client(t->catalog, name) : NULL;
  return client && client->name == name ? name : NULL;
}

static void add_draw(path *p, const pick_drawn *drawn) {
  *next_of(p) = (path_step){.kind = TRIE_DRAW, .choice = &drawn->from, .key = {.bits = drawn->client->id}};
}

static void add_read(path *p, const trie *t, const route_request *q, const rule_read *read) {
  if (read->field == RULE_FIELD_DEFAULT || read->field == RULE_FIELD_ENV) return; /* the same for a whole generation */
  path_step *step = next_of(p);
  trie_kind kind = trie_key_kind(read);
  *step = (path_step){.kind = kind, .read = read};
  if (trie_has_numbers(kind))
    step->key.bits = trie_key_number(kind, q, read);
  else
    step->key = trie_key_of(t, q, read);
  if (trie_has_name(kind)) step->lasting = lasting_name(t, q, kind);
  if (step->key.tag >> TRIE_TAG_BITS > LONGEST_KEY) p->unfit = "it depends on a text of more than 1024 bytes";
}

static void find_path(path *p, const trie *t, const route_request *q, const trie_entry *entry) {
  const pick_draws *draws = entry->draws;
  size_t drawn = 0;
  p->count = 0;
  p->unfit = draws->count > PICK_MOST_DRAWS ? "more than 8 clients were drawn on the way" : NULL;
  for (size_t i = 0; i <= entry->nreads && !p->unfit; i++) {
    for (; drawn < draws->count && draws->list[drawn].nreads <= i; drawn++) add_draw(p, &draws->list[drawn]);
    if (i < entry->nreads) add_read(p, t, q, entry->reads[i]);
  }
}

/* The key with a text that lasts. */
static bool own_key(trie *t, const path_step *step, trie_key *key) {
  *key = step->key;
  if (step->lasting)
    key->text = step->lasting;
  else if (key->text)
    key->text = arena_strndup(&t->arena, key->text, key->tag >> TRIE_TAG_BITS);
  return key->text || !step->key.text;
}

/* ---- stems ---- */

/* Room for a stem until the next one is made. */
static trie_stem *draft_stem(trie *t, size_t n, trie_ref to) {
  size_t size = sizeof(trie_stem) + n * (sizeof(trie_stem_step) + 1);
  if (!base_grow(&t->draft, &t->draft_capacity, size, 1)) return NULL;
  trie_stem *stem = t->draft;
  memset(stem, 0, sizeof *stem); /* with its padding: stems are compared by their bytes */
  atomic_init(&stem->to, to);
  stem->n = (uint32_t)n;
  return stem;
}

/* The copy in the arena. A stem that ends in a leaf never changes, so that entries may share it. */
static trie_ref keep_stem(trie *t, const trie_stem *draft, bool may_share) {
  size_t size = sizeof *draft + draft->n * (sizeof draft->steps[0] + 1), before = t->kept.count;
  if (may_share && trie_kind_of(trie_load(&draft->to)) == TRIE_LEAF) {
    const void *kept = trie_keep(t, draft, size);
    t->nodes[TRIE_STEM] += t->kept.count - before;
    return kept ? trie_ref_to(TRIE_STEM, kept) : TRIE_NOTHING;
  }
  void *copy = arena_alloc(&t->arena, size);
  if (!copy) return TRIE_NOTHING;
  t->nodes[TRIE_STEM]++;
  return trie_ref_to(TRIE_STEM, memcpy(copy, draft, size));
}

static trie_ref grow_stem(trie *t, const path_step *steps, size_t n, trie_ref to) {
  trie_stem *stem = draft_stem(t, n, to);
  bool texts = false;
  if (!stem) return TRIE_NOTHING;
  for (size_t i = 0; i < n; i++) {
    stem->steps[i].read = steps[i].read;
    trie_stem_kinds(stem)[i] = (uint8_t)steps[i].kind;
    if (!own_key(t, &steps[i], &stem->steps[i].key)) return TRIE_NOTHING;
    texts = texts || (steps[i].key.text && !steps[i].lasting); /* a copy, so no other stem has the same bytes */
  }
  return keep_stem(t, stem, !texts);
}

/* A part of another stem that leads to to; if the part is empty, to itself. */
static trie_ref cut(trie *t, const trie_stem *from, size_t first, size_t n, trie_ref to) {
  if (n == 0) return to;
  trie_stem *stem = draft_stem(t, n, to);
  if (!stem) return TRIE_NOTHING;
  memcpy(stem->steps, from->steps + first, n * sizeof stem->steps[0]);
  memcpy(trie_stem_kinds(stem), trie_stem_kinds(from) + first, n);
  return keep_stem(t, stem, true);
}

/* ---- branches ---- */

static trie_branch *new_branch(trie *t, trie_kind kind, const void *on, uint32_t nslots) {
  size_t each = trie_has_numbers(kind) ? sizeof(_Atomic trie_ref) : sizeof(trie_edge);
  trie_branch *b = arena_zalloc(&t->arena, sizeof *b + nslots * each);
  if (!b) return NULL;
  b->on = on;
  b->nslots = nslots;
  b->shift = 63;
  for (uint32_t n = nslots; n > 2; n >>= 1) b->shift--;
  return b;
}

/* The edge of the key, or a free slot for it; NULL if there is no room. */
static _Atomic trie_ref *edge_of(const trie *t, const trie_branch *b, const trie_key *key) {
  trie_edge *e = trie_edges(b);
  uint32_t last = b->nslots - 1, i = trie_first_slot(t, b, key);
  for (uint32_t n = 0; n <= last; n++) {
    if (!trie_load(&e[i].to) || trie_key_same(key, &e[i].key)) return &e[i].to;
    i = (i + 1) & last;
  }
  return NULL;
}

/* The place of the value's reference in b; NULL if there is no room for it. */
static _Atomic trie_ref *place_in(const trie *t, trie_branch *b, trie_kind kind, const trie_key *key) {
  if (trie_has_numbers(kind)) return key->bits < b->nslots ? &trie_numbers(b)[key->bits] : NULL;
  return key->tag == TRIE_ABSENT ? &b->absent : edge_of(t, b, key);
}

/* b has room. */
static void set(const trie *t, trie_branch *b, trie_kind kind, const trie_key *key, trie_ref to) {
  _Atomic trie_ref *at = place_in(t, b, kind, key);
  if (!trie_has_numbers(kind) && key->tag != TRIE_ABSENT) {
    trie_edge *edge = (trie_edge *)((char *)at - offsetof(trie_edge, to));
    edge->key = *key;
    b->count++;
  }
  trie_publish(at, to);
}

/* Replaces the branch by a copy that has room for the key. */
static trie_branch *widen(trie *t, _Atomic trie_ref *at, const trie_branch *old, trie_kind kind, const trie_key *key) {
  uint32_t nslots = old->nslots * 2;
  if (trie_has_numbers(kind) && nslots <= key->bits) nslots = (uint32_t)key->bits + 1;
  trie_branch *b = new_branch(t, kind, old->on, nslots);
  if (!b) return NULL;
  trie_publish(&b->absent, trie_load(&old->absent));
  for (uint32_t i = 0; i < old->nslots; i++) {
    if (trie_has_numbers(kind))
      trie_publish(&trie_numbers(b)[i], trie_load(&trie_numbers(old)[i]));
    else if (trie_load(&trie_edges(old)[i].to))
      set(t, b, kind, &trie_edges(old)[i].key, trie_load(&trie_edges(old)[i].to));
  }
  trie_publish(at, trie_ref_to(kind, b));
  return b;
}

static bool is_full(const trie_branch *b, trie_kind kind, const trie_key *key) {
  if (trie_has_numbers(kind)) return key->bits >= b->nslots;
  if (key->tag == TRIE_ABSENT) return false;
  return b->nslots <= 4 ? b->count == b->nslots : b->count * 4 >= b->nslots * 3;
}

/* Adds an edge to the branch, which *at refers to. */
static bool put(trie *t, _Atomic trie_ref *at, trie_branch *b, const path_step *step, trie_ref to) {
  trie_key key;
  if (!own_key(t, step, &key)) return false;
  if (is_full(b, step->kind, &key) && !(b = widen(t, at, b, step->kind, &key))) return false;
  set(t, b, step->kind, &key, to);
  return true;
}

/* Whether b may have one more child. */
static bool has_room(trie *t, const trie_branch *b, const path_step *step) {
  if (trie_has_numbers(step->kind) || trie_key_closed(step->read) || b->count < TRIE_MOST_CHILDREN) return true;
  t->refused_children++;
  return false;
}

static trie_ref draw_branch(trie *t, const path_step *step, trie_ref to) {
  pick_choice choice = *step->choice;
  choice.clients = trie_keep(t, choice.clients, choice.n * sizeof(const cat_client *));
  const void *on = choice.clients ? trie_keep(t, &choice, sizeof choice) : NULL;
  trie_branch *b = on ? new_branch(t, TRIE_DRAW, on, (uint32_t)step->key.bits + 1) : NULL;
  if (!b) return TRIE_NOTHING;
  set(t, b, TRIE_DRAW, &step->key, to);
  t->nodes[TRIE_DRAW]++;
  return trie_ref_to(TRIE_DRAW, b);
}

/* ---- adding ---- */

/* Nodes for the steps, the last of which leads to to. */
static trie_ref tail(trie *t, const path_step *steps, size_t n, trie_ref to) {
  while (n > 0 && to) {
    size_t first = n;
    while (first > 0 && steps[first - 1].kind != TRIE_DRAW) first--;
    if (first < n) {
      to = grow_stem(t, steps + first, n - first, to);
      n = first;
    } else {
      to = draw_branch(t, &steps[--n], to);
    }
  }
  return to;
}

/* Replaces step k of the stem, which *at refers to, by a branch with a second edge, to to. */
static bool fork_stem(trie *t, _Atomic trie_ref *at, const trie_stem *stem, size_t k, const path_step *step,
                      trie_ref to) {
  const trie_stem_step *old = &stem->steps[k];
  trie_kind kind = step->kind;
  uint64_t most = old->key.bits > step->key.bits ? old->key.bits : step->key.bits;
  trie_branch *b = new_branch(t, kind, old->read, trie_has_numbers(kind) ? (uint32_t)most + 1 : 2);
  trie_ref rest = cut(t, stem, k + 1, stem->n - k - 1, trie_load(&stem->to));
  trie_key key;
  if (!b || !rest || !own_key(t, step, &key)) return false;
  set(t, b, kind, &old->key, rest);
  set(t, b, kind, &key, to);
  trie_ref before = cut(t, stem, 0, k, trie_ref_to(kind, b));
  if (!before) return false;
  t->nodes[kind]++;
  trie_publish(at, before);
  return true;
}

/* The number of the stem's first steps that the path agrees with. */
static size_t common(const trie_stem *stem, const path_step *steps, size_t n) {
  size_t k = 0;
  while (k < stem->n && k < n && trie_stem_kinds(stem)[k] == steps[k].kind &&
         rule_same_read(stem->steps[k].read, steps[k].read) && trie_key_same(&steps[k].key, &stem->steps[k].key))
    k++;
  return k;
}

static bool asks_the_same(trie_ref s, const path_step *step) {
  const trie_branch *b = trie_node_of(s);
  if (trie_kind_of(s) != step->kind) return false;
  return step->read ? rule_same_read(b->on, step->read) : pick_same_choice(b->on, step->choice);
}

static trie_ref leaf_after(trie *t, const path *p, size_t from, const trie_entry *entry) {
  trie_leaf *leaf = trie_leaf_for(t, entry);
  return leaf ? tail(t, p->steps + from, p->count - from, trie_ref_to(TRIE_LEAF, leaf)) : TRIE_NOTHING;
}

/* Returns false if the path exists already, if the rules read another field than before after the same values, and if
 * there is no room. */
static bool add_path(trie *t, const path *p, const trie_entry *entry) {
  _Atomic trie_ref *at = &t->root;
  trie_ref s, to;
  size_t i = 0;
  while ((s = trie_load(at))) {
    if (i == p->count || trie_kind_of(s) == TRIE_LEAF) return false;
    const path_step *step = &p->steps[i];
    if (trie_kind_of(s) == TRIE_STEM) {
      trie_stem *stem = trie_node_of(s);
      size_t k = common(stem, step, p->count - i);
      i += k;
      at = k == stem->n ? &stem->to : at;
      if (k == stem->n) continue;
      bool forks =
          i < p->count && trie_stem_kinds(stem)[k] == step[k].kind && rule_same_read(stem->steps[k].read, step[k].read);
      to = forks ? leaf_after(t, p, i + 1, entry) : TRIE_NOTHING;
      return to && fork_stem(t, at, stem, k, &step[k], to);
    }
    if (!asks_the_same(s, step)) return false;
    trie_branch *b = trie_node_of(s);
    _Atomic trie_ref *next = place_in(t, b, step->kind, &step->key);
    i++;
    if (!next || !trie_load(next)) {
      to = has_room(t, b, step) ? leaf_after(t, p, i, entry) : TRIE_NOTHING;
      return to && put(t, at, b, step, to);
    }
    at = next;
  }
  to = leaf_after(t, p, i, entry);
  if (to) trie_publish(at, to);
  return to != TRIE_NOTHING;
}

/* Only the number of entries is bounded, so that each must be small. */
static bool is_long(const trie_entry *entry) {
  enum { MOST_BYTES = 4096 };
  const char *denied = entry->decision->as.denied, *table = entry->decision->as.table;
  return (denied && strlen(denied) > MOST_BYTES) || (table && strlen(table) > MOST_BYTES);
}

const char *trie_add(trie *t, const route_request *q, const trie_entry *entry) {
  path p;
  const char *why = NULL;
  if (is_long(entry)) return "its texts are too long";
  find_path(&p, t, q, entry);
  if (p.unfit) return p.unfit;
  pthread_mutex_lock(&t->lock);
  uint64_t refused = t->refused_children;
  if (t->nentries >= t->most_entries) {
    t->refused_entries++;
    why = "as many as rules.remember says are remembered already";
  } else if (add_path(t, &p, entry)) {
    t->nentries++;
  } else if (t->refused_children > refused) {
    why = "a field that it depends on has too many values";
  }
  pthread_mutex_unlock(&t->lock);
  return why;
}
