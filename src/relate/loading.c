/* One relation while it is loaded: what load.c and link.c have in common. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "relate/load.h"

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
  const int64_t limit = asked->limit ? asked->limit : r->as.limit;
  size_t nbelow;
  const char *const *below = plan_parent_keys(l->c, &l->p->children, &nbelow);
  if (!below) return error_memory(l->c->err);
  *out = (select_spec){
      .filter = {.where = {r->as.where, asked->where}, .deleted = asked->deleted},
      .columns = asked->ncolumns ? asked->columns : r->as.columns,
      .ncolumns = asked->ncolumns ? asked->ncolumns : r->as.ncolumns,
      .needed = needed,
      .nneeded = nneeded,
      .order = asked->norder ? asked->order : r->as.order,
      .norder = asked->norder ? asked->norder : r->as.norder,
      .limited = limit != 0,
      .limit = select_most(limit),
      .offset = asked->offset,
      .origins = l->p->children.count > 0,
  };
  out->by_key = out->norder > 0;
  shunt_status status = select_need(l->c, out, below, nbelow);
  return status ? status : select_check_limits(r->target->name, limit, out->offset, l->c->err);
}

shunt_status load_ask(loading *l, select_spec *q, shunt_rows *rows, shunt_status (*resume)(loading *l)) {
  l->fetch.feed.owner = l;
  l->resume = resume;
  return fetch_ask(&l->fetch, q, rows);
}

shunt_status load_ask_for(loading *l, select_spec *q, shunt_status (*resume)(loading *l)) {
  shunt_status status = load_ask(l, q, l->children, resume);
  l->q.statements = q->statements;
  l->q.ranks = q->ranks;
  return status;
}

shunt_status load_ask_counts(loading *l, shunt_status (*resume)(loading *l)) {
  static const shunt_aggregation rows = {SHUNT_COUNT, NULL};
  static const aggregate_list counted = {.list = &rows, .n = 1};
  select_spec q = {.filter = l->q.filter, .aggregates = &counted};
  return load_ask(l, &q, l->children, resume);
}

uint64_t load_shown(const loading *l, uint64_t n) {
  if (plan_is_one(l->p->relation)) return n > 0;
  uint64_t offset = (uint64_t)l->q.offset, limit = l->q.limited ? (uint64_t)l->q.limit : UINT64_MAX;
  uint64_t left = n > offset ? n - offset : 0;
  return left < limit ? left : limit;
}

shunt_status load_check_count(const loading *l, uint64_t n) {
  if (n <= UINT32_MAX) return SHUNT_OK;
  return error_set(l->c->err, SHUNT_E_USAGE, "relation '%s' has too many rows for one call", l->p->relation->full_name);
}

shunt_status load_room(loading *l, uint64_t nitems) {
  shunt_status status = load_check_count(l, nitems);
  if (status) return status;
  l->starts = base_alloc((l->parents.rows->count + 1) * sizeof *l->starts);
  l->items = base_alloc(nitems * sizeof *l->items);
  if (!l->starts || !l->items) return error_memory(l->c->err);
  l->starts[0] = 0;
  return SHUNT_OK;
}

/* ---- rows of several statements ---- */

shunt_status load_need_order(const loading *l, select_spec *q) {
  key_names key = plan_target_key(l->p->relation);
  shunt_status status = select_need_order(l->c, q);
  return status ? status : select_need(l->c, q, key.list, key.n);
}

bool load_is_ordered(const select_spec *q) { return q->norder || q->limited || q->offset; }

shunt_status load_rank(loading *l, sort_ranks *out) {
  const select_spec *q = &l->q;
  sort_by *by = arena_array(&l->scratch, sort_by, q->norder + KEY_MOST);
  sort_spec spec = {
      .ranks = &q->ranks, .at = access_only_site(&l->fetch.k.groups[0].at), .by = by, .rows = l->children};
  if (!by) return error_memory(l->c->err);
  if (q->statements <= 1) return SHUNT_OK;
  shunt_status status = sort_terms(l->c, &spec, q->order, q->norder, by, &spec.n);
  return status ? status : sort_rows(l->c, &spec, &l->scratch, out);
}

static uint32_t cut(const select_spec *q, uint32_t *items, uint32_t n) {
  uint32_t skipped = q->offset < (int64_t)n ? (uint32_t)q->offset : n, left = n - skipped;
  if (q->limited && q->limit < (int64_t)left) left = (uint32_t)q->limit;
  if (skipped) memmove(items, items + skipped, left * sizeof *items);
  return left;
}

static int by_number(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

uint32_t load_arrange(const select_spec *q, const sort_ranks *ranks, uint32_t *items, uint32_t n) {
  if (load_is_ordered(q)) {
    for (uint32_t i = 0; i < n && ranks->rank; i++) items[i] = ranks->rank[items[i]];
    qsort(items, n, sizeof *items, by_number);
    for (uint32_t i = 0; i < n && ranks->rank; i++) items[i] = ranks->row[items[i]];
  }
  return cut(q, items, n);
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

/* ---- aggregates ---- */

static shunt_status add_nothing(loading *l, uint32_t *row) {
  *row = (uint32_t)l->children->count;
  shunt_value *cells = rows_add(l->children);
  if (!cells) return error_memory(l->c->err);
  for (size_t i = 0; i < l->p->aggregates.n; i++)
    if (l->p->aggregates.list[i].function == SHUNT_COUNT) cells[i] = shunt_integer(0);
  return SHUNT_OK;
}

/* row_of NULL: no parent has a row. */
static uint32_t row_of_parent(const loading *l, const uint32_t *row_of, size_t parent) {
  uint32_t number = row_of && l->numbers ? l->numbers[parent] : KEY_NONE;
  return number == KEY_NONE ? KEY_NONE : row_of[number];
}

shunt_status load_hang_results(loading *l, const uint32_t *row_of) {
  size_t nparents = l->parents.rows->count;
  uint32_t nothing = KEY_NONE;
  shunt_status status = load_room(l, nparents);
  for (size_t i = 0; i < nparents && !status; i++) {
    l->items[i] = row_of_parent(l, row_of, i);
    if (l->items[i] == KEY_NONE && nothing == KEY_NONE) status = add_nothing(l, &nothing);
    if (l->items[i] == KEY_NONE) l->items[i] = nothing;
    l->starts[i + 1] = (uint32_t)i + 1;
  }
  return status;
}

static shunt_status no_results(loading *l) {
  const aggregate_list *list = &l->p->aggregates;
  return rows_set_columns(l->children, list->names, list->n) ? load_hang_results(l, NULL) : error_memory(l->c->err);
}

/* ---- nothing ---- */

shunt_status load_nothing(loading *l) {
  if (l->counts) return SHUNT_OK; /* they are 0 */
  if (l->p->aggregates.n) return no_results(l);
  shunt_status status = load_room(l, 0);
  if (!status) memset(l->starts, 0, (l->parents.rows->count + 1) * sizeof *l->starts);
  return status;
}
