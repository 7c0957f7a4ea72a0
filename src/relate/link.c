/* belongs_to_many: from the parents to the rows of the through model, from these to the targets, and back. */
#include <string.h>

#include "relate/link_order.h"

/* ---- from the parents to the links ---- */

static shunt_status group_by_parents(loading *l) {
  const cat_relation *r = l->p->relation;
  group_spec g = {.key = plan_child_key(r), .request = session_request(l->c->s, r->through, l->op)};
  g.request.relation = r;
  g.request.relation_client = r->as.through_client;
  g.where[0] = plan_link_where(l->p);
  shunt_status status = group_parents(l->c, r, &l->parents, &g);
  return status ? status : group_keys(l->c, &l->scratch, &g, &l->fetch.k);
}

static shunt_status links_end(loading *l);

static shunt_status no_links(loading *l) {
  l->between->count = 0;
  return load_nothing(l);
}

/* The links' keys, and the columns that are shown. */
static shunt_status link_spec(loading *l, select_spec *q) {
  const cat_relation *r = l->p->relation;
  const shunt_link *asked = l->p->link;
  key_names to_parent = plan_child_key(r), to_target = plan_through_key(r);
  *q = (select_spec){.filter = {.where = {plan_link_where(l->p)}}, .by_key = plan_has_rows(l->p)};
  shunt_status status = select_need(l->c, q, to_parent.list, to_parent.n);
  if (!status) status = select_need(l->c, q, to_target.list, to_target.n);
  if (!load_shows_links(l)) {
    q->columns = q->needed;
    q->ncolumns = q->nneeded;
  } else {
    q->columns = asked->columns;
    q->ncolumns = asked->ncolumns;
  }
  return status;
}

static shunt_status ask_links(loading *l, select_spec *q) {
  key_names to_target = plan_through_key(l->p->relation);
  shunt_status status = group_by_parents(l);
  if (status) return status;
  if (l->fetch.k.ngroups == 0) return no_links(l);
  l->links->at = *access_only_site(&l->fetch.k.groups[0].at);
  status = site_key_columns(l->c, &l->links->at, &to_target, &l->links->to_target);
  if (!status) status = link_order_at(l, q);
  if (!status) status = load_ask(l, q, l->between, links_end);
  l->links->ranks = q->ranks;
  return status;
}

/* ---- from the links to the targets ---- */

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

static shunt_status make_pairs(loading *l, pairs *p) {
  const links *from = l->links;
  const uint32_t *positions;
  uint64_t n = 0;
  for (size_t i = 0; i < from->count; i++) n += fetch_of_entry(&l->fetch, i, &positions);
  shunt_status status = load_room(l, n);
  if (status) return status;
  *p = (pairs){arena_alloc(&l->scratch, n * sizeof *p->link), arena_alloc(&l->scratch, n * sizeof *p->target), 0};
  if (!p->link || !p->target) return error_memory(l->c->err);
  for (uint32_t i = 0; i < from->count; i++) {
    uint32_t of_link = fetch_of_entry(&l->fetch, i, &positions);
    for (uint32_t k = 0; k < of_link; k++) {
      p->link[p->count] = i;
      p->target[p->count++] = positions[k];
    }
  }
  return SHUNT_OK;
}

/* Gives each parent its pairs, as many as the limit leaves. */
static void cut_pairs(loading *l, pairs *p) {
  size_t at = 0, kept = 0;
  for (uint32_t i = 0; i < l->parents.rows->count; i++) {
    size_t begin = at;
    while (at < p->count && l->links->parent[p->link[at]] == i) at++;
    size_t n = (size_t)load_shown(l, at - begin), from = n ? begin + (size_t)l->q.offset : at;
    for (size_t k = 0; k < n; k++, kept++) {
      p->link[kept] = p->link[from + k];
      p->target[kept] = p->target[from + k];
    }
    l->starts[i + 1] = (uint32_t)kept;
  }
  p->count = kept;
}

/* Each pair is a row of its own, with its link beside it. */
static shunt_status show_links(loading *l, const pairs *p) {
  uint32_t *rows = arena_alloc(&l->scratch, p->count * sizeof *rows);
  if (!rows) return error_memory(l->c->err);
  for (uint32_t i = 0; i < p->count; i++) {
    rows[i] = l->links->row[p->link[i]];
    l->items[i] = i;
  }
  shunt_status status = sort_pick(l->c, l->between, rows, p->count, &l->scratch);
  return status ? status : sort_pick(l->c, l->children, p->target, p->count, &l->scratch);
}

static shunt_status distribute(loading *l) {
  pairs p;
  shunt_status status = make_pairs(l, &p);
  if (!status) status = link_order_sort(l, &l->links->order, &p);
  if (status) return status;
  cut_pairs(l, &p);
  if (load_shows_links(l)) return show_links(l, &p);
  if (p.count) memcpy(l->items, p.target, p.count * sizeof *l->items);
  return l->q.limited || l->q.offset ? load_drop_unrelated(l) : SHUNT_OK;
}

/* A row has its columns and its link by name. */
static shunt_status check_name(const loading *l) {
  int column = load_shows_links(l) ? rows_column_index(l->children, PLAN_LINK) : -1;
  if (column < 0 || (size_t)column >= l->children->visible) return SHUNT_OK;
  return error_set(l->c->err, SHUNT_E_USAGE,
                   "include: relation '%s' shows its links as '" PLAN_LINK
                   "', and model '%s' has a column of that name; "
                   "name the columns that you need, without this one",
                   l->p->relation->full_name, l->p->relation->target->name);
}

static shunt_status targets_end(loading *l) {
  shunt_status status = check_name(l);
  if (!status) status = fetch_by_key(&l->fetch, l->children);
  return status ? status : distribute(l);
}

static shunt_status counts_end(loading *l) {
  const links *from = l->links;
  uint64_t *counts;
  shunt_status status = fetch_counts(&l->fetch, l->children, &counts);
  if (status) return status;
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
  if (l->fetch.k.ngroups == 0) return no_links(l);
  if (l->counts) return load_ask_counts(l, counts_end);
  if (l->p->aggregates.n) return load_ask_linked_results(l, l->links->parent, l->links->count);
  l->child_shape = access_only_site(&l->fetch.k.groups[0].at)->table->shape;
  select_spec all = l->q; /* limits count per parent, after its rows are together */
  all.by_key = l->links->order.n > 0;
  all.limited = false;
  all.offset = 0;
  return load_ask_for(l, &all, targets_end);
}

static shunt_status links_end(loading *l) {
  shunt_status status = fetch_by_key(&l->fetch, l->between);
  if (!status)
    status = fetch_pairs(&l->fetch, l->parents.rows->count, &l->links->parent, &l->links->row, &l->links->count);
  if (!status) status = load_check_count(l, l->links->count);
  if (status) return status;
  return l->links->count ? ask_targets(l) : no_links(l);
}

shunt_status link_begin(loading *l) {
  key_names key = plan_target_key(l->p->relation);
  select_spec q;
  l->links = arena_new(&l->scratch, links);
  l->between = rows_new();
  if (!l->links || !l->between) return error_memory(l->c->err);
  shunt_status status = load_target_spec(l, key.list, key.n, &l->q);
  if (!status) status = link_spec(l, &q);
  if (!status) status = link_order_make(l, &q, &l->links->order);
  if (status) return status;
  return l->q.limited && l->q.limit == 0 ? no_links(l) : ask_links(l, &q);
}
