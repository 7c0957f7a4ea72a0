/* belongs_to_many: from the parents to the rows between, from these to the targets, and back. */
#include <stdlib.h>
#include <string.h>

#include "relate/load.h"

/* Each link of each parent, in the order of parents. */
struct links {
  int target_key; /* the column of the rows between */
  const driver_column *target_column;
  size_t count;
  uint32_t *row;    /* among the rows between */
  uint32_t *parent; /* in the parents */
};

/* ---- from the parents to the links ---- */

static shunt_status group_parents(const loading *l, grouped *k) {
  const cat_relation *r = l->p->relation;
  group_spec g = {.entries = {.count = l->parents->count, .rows = l->parents, .origins = l->parents},
                  .key = r->as.foreign_key,
                  .request = session_request(l->s, r->through, l->op)};
  g.request.relation = r;
  g.request.relation_client = r->as.through_client;
  shunt_status status = load_parent_column(l, &g.parent_column, &g.entries.column);
  return status ? status : group_keys(l->s, l->scratch, &g, k, l->err);
}

/* Parents one after the other, each with its links. */
static shunt_status list_links(const loading *l, const grouped *k, const uint32_t *by_key, const uint32_t *positions,
                               links *out) {
  uint64_t n = 0;
  for (size_t i = 0; i < l->parents->count; i++)
    if (k->of_entry[i] != MATCH_NONE) n += by_key[k->of_entry[i] + 1] - by_key[k->of_entry[i]];
  if (n > SIZE_MAX / sizeof *out->row) return error_memory(l->err);
  out->row = arena_alloc(l->scratch, (size_t)n * sizeof *out->row);
  out->parent = arena_alloc(l->scratch, (size_t)n * sizeof *out->parent);
  if (!out->row || !out->parent) return error_memory(l->err);
  for (uint32_t i = 0; i < l->parents->count; i++) {
    uint32_t key = k->of_entry[i];
    for (uint32_t at = key == MATCH_NONE ? 0 : by_key[key]; key != MATCH_NONE && at < by_key[key + 1]; at++) {
      out->row[out->count] = positions[at];
      out->parent[out->count++] = i;
    }
  }
  return SHUNT_OK;
}

static shunt_status links_end(loading *l);

static shunt_status ask_links(loading *l) {
  const cat_relation *r = l->p->relation;
  const char *const columns[] = {r->as.foreign_key, r->as.through_key};
  select_spec q = {.columns = columns, .ncolumns = 2, .by_key = true};
  shunt_status status = group_parents(l, &l->k);
  if (status) return status;
  if (l->k.ngroups == 0) return load_nothing(l);
  status = access_column(l->s, &l->k.groups[0].at, r->as.through_key, &l->links->target_column, l->err);
  return status ? status : load_groups(l, &l->k, &q, l->between, links_end);
}

/* ---- from the links to the targets ---- */

/* The columns that an order compares, which must be there to merge what several statements gave. */
static const char **order_columns(const loading *l, const select_spec *q) {
  const char **names = arena_array(&l->s->call, const char *, q->norder + 1);
  for (size_t i = 0; names && i < q->norder; i++) names[i] = q->order[i] ? q->order[i] + (q->order[i][0] == '-') : NULL;
  return names;
}

static shunt_status target_spec(const loading *l, select_spec *q) {
  const char *key = l->p->relation->target->primary_key;
  shunt_status status = load_target_spec(l, &key, 1, q);
  if (status || q->norder == 0) return status;
  const char **needed = order_columns(l, q);
  if (!needed) return error_memory(l->err);
  needed[q->norder] = key;
  status = load_target_spec(l, needed, q->norder + 1, q);
  return status;
}

static shunt_status group_links(const loading *l, grouped *k) {
  const cat_relation *r = l->p->relation;
  const links *from = l->links;
  group_spec g = {.entries = {.count = from->count,
                              .rows = l->between,
                              .column = from->target_key,
                              .row = from->row,
                              .origins = l->parents,
                              .origin_row = from->parent},
                  .parent_column = from->target_column,
                  .key = r->target->primary_key,
                  .request = load_target_request(l),
                  .where = {r->as.where, l->p->query->where}};
  return group_keys(l->s, l->scratch, &g, k, l->err);
}

/* ---- and back ---- */

/* The places that the rows have in the order asked for. One statement has given them in it. */
static shunt_status rank_targets(const loading *l, const grouped *k, const select_spec *q, sort_ranks *out) {
  if (q->statements <= 1) return SHUNT_OK;
  return sort_rows(l->s, &k->groups[0].at, q->order, q->norder, l->children, l->scratch, out, l->err);
}

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

/* Of one parent: n of them, of which the first ones are cut off, and the last ones. Returns how many stay. */
static uint32_t arrange(uint32_t *items, uint32_t n, const select_spec *q, const sort_ranks *ranks) {
  if (q->norder) {
    for (uint32_t i = 0; i < n && ranks->rank; i++) items[i] = ranks->rank[items[i]];
    qsort(items, n, sizeof *items, by_number);
    for (uint32_t i = 0; i < n && ranks->rank; i++) items[i] = ranks->row[items[i]];
  }
  return load_cut(q, items, n);
}

static shunt_status distribute(loading *l, const uint32_t *by_key, const uint32_t *positions, const sort_ranks *ranks) {
  const links *from = l->links;
  const grouped *k = &l->k;
  uint64_t nitems = 0;
  for (size_t i = 0; i < from->count; i++)
    if (k->of_entry[i] != MATCH_NONE) nitems += by_key[k->of_entry[i] + 1] - by_key[k->of_entry[i]];
  shunt_status status = load_room(l, nitems);
  size_t at = 0;
  for (uint32_t i = 0; i < l->parents->count && !status; i++) {
    uint32_t start = l->starts[i], end = start;
    for (; at < from->count && from->parent[at] == i; at++) {
      uint32_t key = k->of_entry[at], n = key == MATCH_NONE ? 0 : by_key[key + 1] - by_key[key];
      if (n) memcpy(l->items + end, positions + by_key[key], n * sizeof *l->items);
      end += n;
    }
    l->starts[i + 1] = start + arrange(l->items + start, end - start, &l->q, ranks);
  }
  return status;
}

static shunt_status targets_end(loading *l) {
  uint32_t *by_key, *positions;
  sort_ranks ranks = {NULL, NULL};
  shunt_status status = load_by_key(l, &l->k, l->children, &by_key, &positions);
  if (!status && l->q.norder) status = rank_targets(l, &l->k, &l->q, &ranks);
  if (!status) status = distribute(l, by_key, positions, &ranks);
  return status || (!l->q.limited && !l->q.offset) ? status : load_drop_unrelated(l);
}

static shunt_status ask_targets(loading *l) {
  shunt_status status = group_links(l, &l->k);
  if (status) return status;
  if (l->k.ngroups == 0) return load_nothing(l);
  l->child_shape = l->k.groups[0].at.table->shape;
  select_spec all = l->q; /* limits count per parent, once its rows are together */
  all.limited = false;
  all.offset = 0;
  status = load_groups(l, &l->k, &all, l->children, targets_end);
  l->q.statements = all.statements;
  return status;
}

static shunt_status links_end(loading *l) {
  uint32_t *by_key, *positions;
  shunt_status status = load_by_key(l, &l->k, l->between, &by_key, &positions);
  l->links->target_key = rows_column_index(l->between, l->links->target_column->name);
  if (!status) status = list_links(l, &l->k, by_key, positions, l->links);
  if (status) return status;
  return l->links->count ? ask_targets(l) : load_nothing(l);
}

shunt_status link_begin(loading *l) {
  l->links = arena_new(l->scratch, links);
  l->between = rows_new();
  shunt_status status = l->links && l->between ? target_spec(l, &l->q) : error_memory(l->err);
  if (status) return status;
  return l->q.limited && l->q.limit == 0 ? load_nothing(l) : ask_links(l);
}
