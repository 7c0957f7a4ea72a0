#include "relate/load.h"

#include <string.h>

#include "base/alloc.h"
#include "relate/sort.h"

/* ---- what load.c and link.c share ---- */

route_request load_target_request(const loading *l) {
  route_request request = session_request(l->c->s, l->p->relation->target, l->op);
  request.relation = l->p->relation;
  request.relation_client = l->p->query->client;
  request.explicit_table = l->p->query->table;
  return request;
}

shunt_status load_target_spec(const loading *l, const char *const *needed, size_t nneeded, select_spec *out) {
  const cat_relation *r = l->p->relation;
  const shunt_query *asked = l->p->query;
  size_t nbelow;
  const char *const *below = plan_parent_keys(l->c, &l->p->children, &nbelow);
  const char **all = arena_array(l->c->arena, const char *, nneeded + nbelow);
  if (!below || !all) return error_memory(l->c->err);
  if (nneeded) memcpy(all, needed, nneeded * sizeof *all);
  if (nbelow) memcpy(all + nneeded, below, nbelow * sizeof *all);
  *out = (select_spec){
      .filter = {.where = {r->as.where, asked->where}},
      .columns = asked->ncolumns ? asked->columns : r->as.columns,
      .ncolumns = asked->ncolumns ? asked->ncolumns : r->as.ncolumns,
      .needed = all,
      .nneeded = nneeded + nbelow,
      .order = asked->norder ? asked->order : r->as.order,
      .norder = asked->norder ? asked->norder : r->as.norder,
      .limited = asked->limited || r->as.limited,
      .limit = asked->limited ? asked->limit : r->as.limit,
      .offset = asked->offset,
      .origins = l->p->children.count > 0,
  };
  out->by_key = out->norder > 0;
  return select_check_limits(r->target->name, out->limited, out->limit, out->offset, l->c->err);
}

shunt_status load_ask(loading *l, select_spec *q, shunt_rows *rows, shunt_status (*resume)(loading *l)) {
  l->fetch.feed.owner = l;
  l->resume = resume;
  return fetch_ask(&l->fetch, q, rows);
}

shunt_status load_room(loading *l, uint64_t nitems) {
  if (nitems > UINT32_MAX)
    return error_set(l->c->err, SHUNT_E_USAGE, "relation '%s' gives more rows than fit into one call",
                     l->p->relation->full_name);
  l->starts = base_alloc((l->parents.rows->count + 1) * sizeof *l->starts);
  l->items = base_alloc(nitems * sizeof *l->items);
  if (!l->starts || !l->items) return error_memory(l->c->err);
  l->starts[0] = 0;
  return SHUNT_OK;
}

uint32_t load_cut(const select_spec *q, uint32_t *items, uint32_t n) {
  uint32_t skipped = q->offset < (int64_t)n ? (uint32_t)q->offset : n, left = n - skipped;
  if (q->limited && q->limit < (int64_t)left) left = (uint32_t)q->limit;
  if (skipped) memmove(items, items + skipped, left * sizeof *items);
  return left;
}

shunt_status load_drop_unrelated(loading *l) {
  shunt_rows *rows = l->children;
  uint32_t *moved = arena_array(&l->scratch, uint32_t, rows->count), n = 0;
  uint32_t *clients = arena_alloc(&l->scratch, rows->count * sizeof *clients),
           nitems = l->starts[l->parents.rows->count];
  if (!moved || !clients) return error_memory(l->c->err);
  for (uint32_t i = 0; i < nitems; i++) moved[l->items[i]] = 1;
  for (uint32_t i = 0; i < rows->count; i++) {
    if (!moved[i]) continue;
    clients[n] = rows_origin_of(rows, i);
    if (n != i) memcpy(rows_row(rows, n), rows_row(rows, i), rows->ncolumns * sizeof(shunt_value));
    moved[i] = n++;
  }
  for (uint32_t i = 0; i < nitems; i++) l->items[i] = moved[l->items[i]];
  return sort_set_origins(rows, clients, n) ? SHUNT_OK : error_memory(l->c->err);
}

shunt_status load_nothing(loading *l) {
  shunt_status status = load_room(l, 0);
  if (!status) memset(l->starts, 0, (l->parents.rows->count + 1) * sizeof *l->starts);
  return status;
}

/* ---- has_one, has_many, belongs_to ---- */

static shunt_status group_by_parents(loading *l) {
  const cat_relation *r = l->p->relation;
  group_spec g = {
      .key = plan_child_key(r), .request = load_target_request(l), .where = {r->as.where, l->p->query->where}};
  shunt_status status = group_parents(l->c, r, &l->parents, &g);
  return status ? status : group_keys(l->c, &l->scratch, &g, &l->fetch.k);
}

/* cut: what is asked for per parent is not what the statements did. */
static shunt_status distribute(loading *l, const select_spec *cut) {
  size_t nparents = l->parents.rows->count;
  const uint32_t *positions;
  uint64_t nitems = 0;
  for (size_t i = 0; i < nparents; i++) nitems += fetch_of_entry(&l->fetch, i, &positions);
  shunt_status status = load_room(l, nitems);
  if (status) return status;
  for (size_t i = 0; i < nparents; i++) {
    uint32_t n = fetch_of_entry(&l->fetch, i, &positions), at = l->starts[i];
    if (n) memcpy(l->items + at, positions, n * sizeof *l->items);
    l->starts[i + 1] = at + (cut ? load_cut(cut, l->items + at, n) : n);
  }
  return cut ? load_drop_unrelated(l) : SHUNT_OK;
}

/* Limits count per parent: the first of one, what was asked for of many. */
static void set_limits(loading *l) {
  const grouped *k = &l->fetch.k;
  select_spec *q = &l->q;
  if (plan_is_one(l->p->relation)) {
    bool unique = site_unique(access_only_site(&k->groups[0].at), &k->groups[0].keys.columns) && k->at_once == 1;
    if (unique) q->norder = 0;
    q->limited = !unique;
    q->limit = 1;
    q->offset = 0;
  }
  if (q->limited || q->offset) q->per_key = q->by_key = true;
}

static shunt_status direct_end(loading *l) {
  shunt_status status = fetch_by_key(&l->fetch, l->children);
  return status ? status : distribute(l, l->cut ? &l->q : NULL);
}

static shunt_status direct_begin(loading *l) {
  key_names needed = plan_child_key(l->p->relation);
  const grouped *k = &l->fetch.k;
  shunt_status status = load_target_spec(l, needed.list, needed.n, &l->q);
  if (!status) status = group_by_parents(l);
  if (status) return status;
  if (k->ngroups == 0) return load_nothing(l);
  l->child_shape = access_only_site(&k->groups[0].at)->table->shape;
  set_limits(l);
  select_spec q = l->q;
  /* a column that holds 1 and "1" would count the rows of one key twice */
  l->cut = q.per_key && k->at_once > 1;
  if (l->cut && !(q.limited && q.limit == 0)) {
    q.per_key = q.limited = false;
    q.offset = 0;
  }
  return load_ask(l, &q, l->children, direct_end);
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
  return l->children ? l : NULL;
}

static shunt_status begin_all(loader *w, const parents *from, const plan *p);

/* What is needed until the relation is loaded. */
static void end_loading(loading *l) {
  arena_free(&l->scratch);
  shunt_rows_free(l->between);
  l->between = NULL;
}

/* As far as it comes without waiting. */
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

static shunt_status begin_all(loader *w, const parents *from, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    loading *l = loading_new(w, from, &p->list[i]);
    if (!l) return error_memory(w->c->err);
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

static shunt_status attach(const loading *l) {
  const cat_relation *r = l->p->relation;
  return rows_attach(l->parents.rows, r->as.name, r->as.kind, l->children, l->starts, l->items)
             ? SHUNT_OK
             : error_memory(l->c->err);
}

static void abandon(loading *l) {
  shunt_rows_free(l->children);
  base_free(l->starts);
  base_free(l->items);
}

shunt_status load_relations(call *c, const parents *from, const plan *p, shunt_op op) {
  loader w = {.c = c, .op = op};
  gather_begin(c, &w.gather);
  shunt_status status = begin_all(&w, from, p);
  if (!status) status = load_all(&w);
  if (w.gather.status) { /* what came after it may be but its consequence */
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
