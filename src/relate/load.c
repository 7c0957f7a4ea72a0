/* Loading a tree of relations.
 *
 * Idea: one statement for each relation, level and site, whatever the number of parents (`… WHERE user_id IN (…)`), and
 * the rows are joined here by key. A JOIN in SQL can't cross datasources, and it would repeat each parent row once for
 * each of its children.
 *
 * Each relation is a `loading`: a little state machine. A step (direct_begin, links_end, …) asks for rows and names the
 * step to resume with once they are there. Siblings, and relations of different branches, are under way at the same
 * time in one gather; children begin as soon as the rows of their own parents are there. There is no thread and no
 * callback from outside: load_all takes the feeds as they complete.
 *
 * Invariants: children hang on their parents only after the whole tree is loaded (attach), so a failure leaves the
 * parents as they were. A loading comes in the list before the loadings of its children, and siblings are in the plan's
 * order. The rows of a relation are those of a join: duplicates stay, a dangling key gives no row, a null matches
 * nothing. A limit counts for each parent: the statement counts itself (`row_number() OVER (PARTITION BY …)`), except
 * for rows that come through links, which link.c cuts.
 *
 * Not here: one statement for each parent, whose round trips grow with the parents, and lateral joins for limits, which
 * SQLite does not have. */
#include "relate/load.h"

#include <string.h>

#include "base/alloc.h"

/* ---- has_one, has_many, belongs_to ---- */

static shunt_status group_by_parents(loading *l) {
  const cat_relation *r = l->p->relation;
  group_spec g = {
      .key = plan_child_key(r), .request = load_target_request(l), .where = {r->as.where, l->p->query->where}};
  shunt_status status = group_parents(l->c, r, &l->parents, &g);
  return status ? status : group_keys(l->c, &l->scratch, &g, &l->fetch.k);
}

/* ranks: if the rows of one parent come from several statements; else NULL. */
static shunt_status distribute(loading *l, const sort_ranks *ranks) {
  size_t nparents = l->parents.rows->count;
  const uint32_t *positions;
  uint64_t nitems = 0;
  for (size_t i = 0; i < nparents; i++) nitems += fetch_of_entry(&l->fetch, i, &positions);
  shunt_status status = load_room(l, nitems);
  if (status) return status;
  for (size_t i = 0; i < nparents; i++) {
    uint32_t n = fetch_of_entry(&l->fetch, i, &positions), at = l->starts[i];
    if (n) memcpy(l->items + at, positions, n * sizeof *l->items);
    l->starts[i + 1] = at + (ranks ? load_arrange(&l->q, ranks, l->items + at, n) : n);
  }
  return ranks && (l->q.limited || l->q.offset) ? load_drop_unrelated(l) : SHUNT_OK;
}

/* Limits count per parent: the first row for has_one and belongs_to, the requested number for has_many. */
static void set_limits(loading *l) {
  const grouped *k = &l->fetch.k;
  select_spec *q = &l->q;
  if (plan_is_one(l->p->relation)) {
    bool unique = site_unique(access_only_site(&k->groups[0].at), &k->groups[0].keys.columns);
    if (unique) q->norder = 0;
    q->limited = !unique || k->parted;
    q->limit = 1;
    q->offset = 0;
  }
  if (q->limited || q->offset) q->per_key = q->by_key = true;
}

static shunt_status direct_end(loading *l) {
  shunt_status status = fetch_by_key(&l->fetch, l->children);
  return status ? status : distribute(l, NULL);
}

/* Each part has given as many rows of a parent as may stay. */
static shunt_status parts_end(loading *l) {
  sort_ranks ranks = {NULL, NULL, NULL};
  shunt_status status = fetch_by_key(&l->fetch, l->children);
  if (!status && load_is_ordered(&l->q)) status = load_rank(l, &ranks);
  return status ? status : distribute(l, &ranks);
}

static shunt_status ask_parts(loading *l) {
  shunt_status status = load_is_ordered(&l->q) ? load_need_order(l, &l->q) : SHUNT_OK;
  if (status) return status;
  select_spec each = l->q;
  each.offset = 0;
  if (each.limited && each.limit > INT64_MAX - l->q.offset) each.limited = each.per_key = false;
  if (each.limited) each.limit += l->q.offset;
  if (!each.limited) each.per_key = false;
  return load_ask_for(l, &each, parts_end);
}

static shunt_status counts_end(loading *l) {
  uint64_t *counts;
  shunt_status status = fetch_counts(&l->fetch, l->children, &counts);
  if (status) return status;
  for (size_t i = 0; i < l->parents.rows->count; i++) {
    uint32_t key = l->fetch.k.of_entry[i];
    l->counts[i] = load_shown(l, key == KEY_NONE ? 0 : counts[key]);
  }
  return SHUNT_OK;
}

static shunt_status direct_begin(loading *l) {
  key_names needed = plan_child_key(l->p->relation);
  const grouped *k = &l->fetch.k;
  shunt_status status = load_target_spec(l, needed.list, needed.n, &l->q);
  if (!status) status = group_by_parents(l);
  if (status) return status;
  if (k->ngroups == 0) return load_nothing(l);
  if (l->counts) return load_ask_counts(l, counts_end);
  l->child_shape = access_only_site(&k->groups[0].at)->table->shape;
  set_limits(l);
  if (l->p->aggregates.n) return load_ask_results(l);
  return k->parted ? ask_parts(l) : load_ask(l, &l->q, l->children, direct_end);
}

/* ---- the tree ---- */

typedef struct loader {
  call *c;
  shunt_op op;
  gather gather;
  loading *first, *last; /* parents before their children, and siblings in the plan's order */
} loader;

static loading *loading_new(loader *w, const parents *from, const plan_relation *p) {
  loading *l = arena_new(w->c->arena, loading);
  if (!l) return NULL;
  *l = (loading){.c = w->c, .parents = *from, .p = p, .op = w->op};
  l->fetch = (fetch){.c = w->c, .scratch = &l->scratch};
  *(w->last ? &w->last->next : &w->first) = l;
  w->last = l;
  l->children = rows_new();
  if (!l->children || !p->count) return l->children ? l : NULL;
  size_t bytes = (from->rows->count + 1) * sizeof *l->counts;
  l->counts = base_alloc(bytes);
  if (!l->counts) return NULL;
  memset(l->counts, 0, bytes);
  return l;
}

static shunt_status begin_all(loader *w, const parents *from, const plan *p);

/* Frees what is needed only until the relation is loaded. */
static void end_loading(loading *l) {
  arena_free(&l->scratch);
  if (load_shows_links(l)) return;
  shunt_rows_free(l->between);
  l->between = NULL;
}

/* Runs steps until one has to wait. */
static shunt_status go_on(loader *w, loading *l, shunt_status (*step)(loading *l)) {
  shunt_status status;
  do {
    l->resume = NULL;
    status = step(l);
    step = l->resume;
  } while (!status && step && !l->fetch.feed.first);
  if (status || step) return status;
  end_loading(l);
  return begin_all(w, &(parents){l->children, l->child_shape}, &l->p->children);
}

/* A row has its columns and its relations by name. */
static shunt_status check_name(call *c, const parents *from, const cat_relation *r) {
  if (!from->shape || !driver_table_column(from->shape, r->as.name)) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "relation '%s' has the name of a column of its model's table; give it another name", r->full_name);
}

static shunt_status begin_all(loader *w, const parents *from, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    loading *l = loading_new(w, from, &p->list[i]);
    if (!l) return error_memory(w->c->err);
    status = check_name(w->c, from, p->list[i].relation);
    if (status) return status;
    bool many = l->p->relation->as.kind == SHUNT_BELONGS_TO_MANY;
    status = go_on(w, l, many ? link_begin : direct_begin);
  }
  return status;
}

static shunt_status load_all(loader *w) {
  feed *done;
  for (;;) {
    shunt_status status = gather_next(&w->gather, &done);
    if (status || !done) return status;
    loading *l = done->owner;
    status = go_on(w, l, l->resume);
    if (status) return status;
  }
}

static void abandon(loading *l) {
  shunt_rows_free(l->between);
  shunt_rows_free(l->children);
  base_free(l->starts);
  base_free(l->items);
  base_free(l->counts);
}

/* Each child has the link of the same number. */
static bool attach_links(loading *l) {
  size_t n = l->children->count;
  uint32_t *starts = base_alloc((n + 1) * sizeof *starts), *items = base_alloc(n * sizeof *items);
  shunt_rows *between = l->between;
  if (!starts || !items) {
    base_free(starts);
    base_free(items);
    return false;
  }
  for (uint32_t i = 0; i <= n; i++) starts[i] = i;
  for (uint32_t i = 0; i < n; i++) items[i] = i;
  l->between = NULL;
  return rows_attach(l->children, PLAN_LINK, SHUNT_HAS_ONE, between, starts, items);
}

static shunt_status attach(loading *l) {
  const cat_relation *r = l->p->relation;
  if (l->counts) {
    shunt_rows_free(l->children);
    return rows_attach_counts(l->parents.rows, r->as.name, r->as.kind, l->counts) ? SHUNT_OK : error_memory(l->c->err);
  }
  if (load_shows_links(l) && !attach_links(l)) {
    abandon(l);
    return error_memory(l->c->err);
  }
  shunt_kind kind = l->p->aggregates.n ? SHUNT_HAS_ONE : r->as.kind;
  return rows_attach(l->parents.rows, r->as.name, kind, l->children, l->starts, l->items) ? SHUNT_OK
                                                                                          : error_memory(l->c->err);
}

shunt_status load_relations(call *c, const parents *from, const plan *p, shunt_op op) {
  loader w = {.c = c, .op = op};
  gather_begin(c, &w.gather);
  shunt_status status = begin_all(&w, from, p);
  if (!status) status = load_all(&w);
  if (w.gather.status) { /* later errors may only follow from this one */
    status = w.gather.status;
    if (c->err) *c->err = w.gather.err;
  }
  gather_end(&w.gather);
  for (loading *l = w.first; l; l = l->next) {
    end_loading(l);
    if (status)
      abandon(l);
    else
      status = attach(l);
  }
  return status;
}
