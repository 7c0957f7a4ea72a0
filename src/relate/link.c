/* belongs_to_many: from the parents to the rows of the through model, from these to the targets, and back. */
#include <stdlib.h>
#include <string.h>

#include "relate/load.h"
#include "relate/sort.h"

/* The links of all parents, in the order of the parents. */
struct links {
  key_columns to_target; /* of the rows between */
  size_t count;
  uint32_t *row;    /* among the rows between */
  uint32_t *parent; /* in the parents */
};

/* ---- from the parents to the links ---- */

static shunt_status group_by_parents(loading *l) {
  const cat_relation *r = l->p->relation;
  group_spec g = {.key = plan_child_key(r), .request = session_request(l->c->s, r->through, l->op)};
  g.request.relation = r;
  g.request.relation_client = r->as.through_client;
  shunt_status status = group_parents(l->c, r, &l->parents, &g);
  return status ? status : group_keys(l->c, &l->scratch, &g, &l->fetch.k);
}

static shunt_status links_end(loading *l);

static shunt_status ask_links(loading *l) {
  const cat_relation *r = l->p->relation;
  key_names to_parent = plan_child_key(r), to_target = plan_through_key(r);
  const char *columns[2 * KEY_MOST];
  select_spec q = {.columns = columns, .by_key = true};
  for (size_t i = 0; i < to_parent.n; i++) columns[q.ncolumns++] = to_parent.list[i];
  for (size_t i = 0; i < to_target.n; i++) columns[q.ncolumns++] = to_target.list[i];
  shunt_status status = group_by_parents(l);
  if (status) return status;
  if (l->fetch.k.ngroups == 0) return load_nothing(l);
  status = site_key_columns(l->c, access_only_site(&l->fetch.k.groups[0].at), &to_target, &l->links->to_target);
  return status ? status : load_ask(l, &q, l->between, links_end);
}

/* ---- from the links to the targets ---- */

static shunt_status target_spec(const loading *l, select_spec *q) {
  key_names key = plan_target_key(l->p->relation);
  shunt_status status = load_target_spec(l, key.list, key.n, q);
  return status || q->norder == 0 ? status : load_need_order(l, q);
}

static shunt_status group_links(loading *l) {
  const cat_relation *r = l->p->relation;
  const links *from = l->links;
  group_spec g = {.entries = {.count = from->count,
                              .rows = l->between,
                              .row = from->row,
                              .origins = l->parents.rows,
                              .origin_row = from->parent},
                  .parent = from->to_target,
                  .key = plan_target_key(r),
                  .request = load_target_request(l),
                  .where = {r->as.where, l->p->query->where}};
  for (size_t i = 0; i < g.parent.n; i++) g.entries.column[i] = rows_column_index(l->between, g.parent.list[i]->name);
  return group_keys(l->c, &l->scratch, &g, &l->fetch.k);
}

/* ---- and back ---- */

static shunt_status distribute(loading *l, const sort_ranks *ranks) {
  const links *from = l->links;
  const uint32_t *positions;
  uint64_t nitems = 0;
  for (size_t i = 0; i < from->count; i++) nitems += fetch_of_entry(&l->fetch, i, &positions);
  shunt_status status = load_room(l, nitems);
  size_t at = 0;
  for (uint32_t i = 0; i < l->parents.rows->count && !status; i++) {
    uint32_t start = l->starts[i], end = start;
    for (; at < from->count && from->parent[at] == i; at++) {
      uint32_t n = fetch_of_entry(&l->fetch, at, &positions);
      if (n) memcpy(l->items + end, positions, n * sizeof *l->items);
      end += n;
    }
    l->starts[i + 1] = start + load_arrange(&l->q, ranks, l->items + start, end - start);
  }
  return status;
}

static shunt_status targets_end(loading *l) {
  sort_ranks ranks = {NULL, NULL, NULL};
  shunt_status status = fetch_by_key(&l->fetch, l->children);
  if (!status && load_is_ordered(&l->q)) status = load_rank(l, &ranks);
  if (!status) status = distribute(l, &ranks);
  return status || (!l->q.limited && !l->q.offset) ? status : load_drop_unrelated(l);
}

static shunt_status counts_end(loading *l) {
  const links *from = l->links;
  const uint64_t *counts = fetch_counts(&l->fetch, l->children);
  if (!counts) return error_memory(l->c->err);
  for (size_t i = 0; i < from->count; i++) {
    uint32_t key = l->fetch.k.of_entry[i];
    if (key != KEY_NONE) l->counts[from->parent[i]] += counts[key];
  }
  for (size_t i = 0; i < l->parents.rows->count; i++) l->counts[i] = load_shown(l, l->counts[i]);
  return SHUNT_OK;
}

static shunt_status ask_targets(loading *l) {
  shunt_status status = group_links(l);
  if (status) return status;
  if (l->fetch.k.ngroups == 0) return load_nothing(l);
  if (l->counts) return load_ask_counts(l, counts_end);
  if (l->p->aggregates.n) return load_ask_linked_results(l, l->links->parent, l->links->count);
  l->child_shape = access_only_site(&l->fetch.k.groups[0].at)->table->shape;
  select_spec all = l->q; /* limits count per parent, after its rows are together */
  all.by_key = load_is_ordered(&l->q);
  all.limited = false;
  all.offset = 0;
  status = load_ask(l, &all, l->children, targets_end);
  l->q.statements = all.statements;
  return status;
}

static shunt_status links_end(loading *l) {
  shunt_status status = fetch_by_key(&l->fetch, l->between);
  if (!status)
    status = fetch_pairs(&l->fetch, l->parents.rows->count, &l->links->parent, &l->links->row, &l->links->count);
  if (status) return status;
  return l->links->count ? ask_targets(l) : load_nothing(l);
}

shunt_status link_begin(loading *l) {
  l->links = arena_new(&l->scratch, links);
  l->between = rows_new();
  shunt_status status = l->links && l->between ? target_spec(l, &l->q) : error_memory(l->c->err);
  if (status) return status;
  return l->q.limited && l->q.limit == 0 ? load_nothing(l) : ask_links(l);
}
