#include "relate/load.h"

#include <string.h>

#include "base/alloc.h"
#include "base/suggest.h"

/* ---- what load.c and link.c share ---- */

shunt_status load_parent_column(const loading *l, const driver_column **column, int *index) {
  const cat_relation *r = l->p->relation;
  const char *name = plan_parent_key(r);
  *column = NULL;
  *index = -1;
  if (!l->shape) return SHUNT_OK; /* no table was read, so that there are no parents */
  *column = driver_table_column(l->shape, name);
  if (*column) {
    *index = rows_column_index(l->parents, (*column)->name);
    return SHUNT_OK;
  }
  suggest near = suggest_for(name);
  for (size_t i = 0; i < l->shape->count; i++) suggest_try(&near, l->shape->columns[i].name);
  return error_set(l->err, SHUNT_E_NOT_FOUND, "relation '%s' starts from column '%s', which model '%s' does not have%s",
                   r->full_name, name, r->source->name, suggest_text(&near));
}

route_request load_target_request(const loading *l) {
  route_request request = session_request(l->s, l->p->relation->target, l->op);
  request.relation = l->p->relation;
  request.relation_client = l->p->query->client;
  request.explicit_table = l->p->query->table;
  return request;
}

shunt_status load_target_spec(const loading *l, const char *const *needed, size_t nneeded, select_spec *out) {
  const cat_relation *r = l->p->relation;
  const shunt_query *asked = l->p->query;
  const char *const *below = plan_parent_keys(l->s, &l->p->children);
  const char **all = arena_array(&l->s->call, const char *, nneeded + l->p->children.count);
  if (!below || !all) return error_memory(l->err);
  if (nneeded) memcpy(all, needed, nneeded * sizeof *all);
  if (l->p->children.count) memcpy(all + nneeded, below, l->p->children.count * sizeof *all);
  *out = (select_spec){
      .filter = {.where = {r->as.where, asked->where}},
      .columns = asked->ncolumns ? asked->columns : r->as.columns,
      .ncolumns = asked->ncolumns ? asked->ncolumns : r->as.ncolumns,
      .needed = all,
      .nneeded = nneeded + l->p->children.count,
      .order = asked->norder ? asked->order : r->as.order,
      .norder = asked->norder ? asked->norder : r->as.norder,
      .limited = asked->limited || r->as.limited,
      .limit = asked->limited ? asked->limit : r->as.limit,
      .offset = asked->offset,
      .origins = l->p->children.count > 0,
  };
  out->by_key = out->norder > 0;
  return select_check_limits(r->target->name, out->limited, out->limit, out->offset, l->err);
}

shunt_status load_groups(loading *l, const grouped *k, select_spec *q, shunt_rows *rows,
                         shunt_status (*resume)(loading *l)) {
  l->feed = (feed){.rows = rows, .owner = l};
  l->range = arena_array(l->scratch, row_range, k->ngroups);
  if (!l->range) return error_memory(l->err);
  q->at_once = k->at_once;
  for (size_t g = 0; g < k->ngroups; g++) {
    q->filter.key = k->groups[g].key;
    q->filter.keys = k->groups[g].keys;
    q->filter.nkeys = k->groups[g].nkeys;
    shunt_status status = select_ask(l->s, &k->groups[g].at, q, &l->feed, &l->range[g], l->err);
    if (status) return status;
  }
  l->resume = resume;
  return SHUNT_OK;
}

shunt_status load_groups_now(loading *l, const grouped *k, select_spec *q, shunt_rows *rows) {
  gather g;
  feed *done;
  gather_begin(l->s, &g);
  shunt_status status = load_groups(l, k, q, rows, NULL);
  while (!status && l->feed.first) status = gather_next(l->s, &done, l->err);
  gather_end(l->s);
  return status;
}

/* What the rows' keys weigh; NULL where keys are not weighed. */
static shunt_status weights_of(const loading *l, grouped *k, const shunt_rows *rows, shunt_value **weights) {
  *weights = NULL;
  if (!k->keys.rule.weighed || k->ngroups == 0) return SHUNT_OK;
  int column = rows_column_index(rows, k->groups[0].key->name);
  shunt_value *cells = arena_alloc(l->scratch, rows->count * sizeof *cells);
  if (!cells) return error_memory(l->err);
  for (size_t i = 0; i < rows->count; i++) cells[i] = rows_row(rows, i)[column];
  return group_weigh(l->s, l->scratch, k, cells, rows->count, weights, l->err);
}

/* A counting sort: how many each key has, where they begin, and then each row to its place. A group whose keys its
 * column can't hold has asked no statement, and has no rows. */
shunt_status load_by_key(const loading *l, grouped *k, const shunt_rows *rows, uint32_t **starts,
                         uint32_t **positions) {
  size_t nkeys = k->keys.count;
  if (rows->count >= UINT32_MAX)
    return error_set(l->err, SHUNT_E_USAGE, "model '%s' gives more rows than fit into one call",
                     k->groups[0].at.model->name);
  uint32_t *key_of = arena_alloc(l->scratch, rows->count * sizeof *key_of);
  *starts = arena_array(l->scratch, uint32_t, nkeys + 2);
  *positions = arena_alloc(l->scratch, rows->count * sizeof **positions);
  if (!key_of || !*starts || !*positions) return error_memory(l->err);
  shunt_value *weights;
  shunt_status status = weights_of(l, k, rows, &weights);
  if (status) return status;
  uint32_t *end = *starts + 1; /* of each key, once they are all placed */
  for (size_t g = 0; g < k->ngroups; g++) {
    int column = rows_column_index(rows, k->groups[0].key->name);
    for (uint32_t i = l->range[g].first; i < l->range[g].end; i++) {
      key_of[i] = group_find(k, g, weights ? &weights[i] : &rows_row(rows, i)[column]);
      if (key_of[i] != MATCH_NONE) end[key_of[i] + 1]++;
    }
  }
  for (size_t i = 1; i <= nkeys; i++) end[i] += end[i - 1];
  for (uint32_t i = 0; i < rows->count; i++)
    if (key_of[i] != MATCH_NONE) (*positions)[end[key_of[i]]++] = i;
  return SHUNT_OK;
}

shunt_status load_room(loading *l, uint64_t nitems) {
  if (nitems > UINT32_MAX)
    return error_set(l->err, SHUNT_E_USAGE, "relation '%s' gives more rows than fit into one call",
                     l->p->relation->full_name);
  l->starts = base_alloc((l->parents->count + 1) * sizeof *l->starts);
  l->items = base_alloc(nitems * sizeof *l->items);
  if (!l->starts || !l->items) return error_memory(l->err);
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
  uint32_t *moved = arena_array(l->scratch, uint32_t, rows->count), n = 0;
  uint32_t *clients = arena_alloc(l->scratch, rows->count * sizeof *clients), nitems = l->starts[l->parents->count];
  if (!moved || !clients) return error_memory(l->err);
  for (uint32_t i = 0; i < nitems; i++) moved[l->items[i]] = 1;
  for (uint32_t i = 0; i < rows->count; i++) {
    if (!moved[i]) continue;
    clients[n] = rows_origin_of(rows, i);
    if (n != i) memcpy(rows_row(rows, n), rows_row(rows, i), rows->ncolumns * sizeof(shunt_value));
    moved[i] = n++;
  }
  for (uint32_t i = 0; i < nitems; i++) l->items[i] = moved[l->items[i]];
  return sort_set_origins(rows, clients, n) ? SHUNT_OK : error_memory(l->err);
}

shunt_status load_nothing(loading *l) {
  shunt_status status = load_room(l, 0);
  if (!status) memset(l->starts, 0, (l->parents->count + 1) * sizeof *l->starts);
  return status;
}

/* ---- has_one, has_many, belongs_to ---- */

static const char *child_key(const cat_relation *r) {
  return r->as.kind == SHUNT_BELONGS_TO ? r->as.key : r->as.foreign_key;
}

static shunt_status group_parents(const loading *l, grouped *k) {
  const cat_relation *r = l->p->relation;
  group_spec g = {.entries = {.count = l->parents->count, .rows = l->parents, .origins = l->parents},
                  .key = child_key(r),
                  .request = load_target_request(l),
                  .where = {r->as.where, l->p->query->where}};
  shunt_status status = load_parent_column(l, &g.parent_column, &g.entries.column);
  return status ? status : group_keys(l->s, l->scratch, &g, k, l->err);
}

/* cut: what is asked for per parent is not what the statements did. */
static shunt_status distribute(loading *l, const grouped *k, const uint32_t *by_key, const uint32_t *positions,
                               const select_spec *cut) {
  size_t nparents = l->parents->count;
  uint64_t nitems = 0;
  for (size_t i = 0; i < nparents; i++) {
    uint32_t key = k->of_entry[i];
    if (key != MATCH_NONE) nitems += by_key[key + 1] - by_key[key];
  }
  shunt_status status = load_room(l, nitems);
  if (status) return status;
  for (size_t i = 0; i < nparents; i++) {
    uint32_t key = k->of_entry[i], n = key == MATCH_NONE ? 0 : by_key[key + 1] - by_key[key], at = l->starts[i];
    if (n) memcpy(l->items + at, positions + by_key[key], n * sizeof *l->items);
    l->starts[i + 1] = at + (cut ? load_cut(cut, l->items + at, n) : n);
  }
  return cut ? load_drop_unrelated(l) : SHUNT_OK;
}

/* Limits count per parent: the first of one, what was asked for of many. */
static void set_limits(const loading *l, const grouped *k, select_spec *q) {
  if (plan_is_one(l->p->relation)) {
    bool unique = access_unique(&k->groups[0].at, k->groups[0].key) && k->at_once == 1;
    if (unique) q->norder = 0;
    q->limited = !unique;
    q->limit = 1;
    q->offset = 0;
  }
  if (q->limited || q->offset) q->per_key = q->by_key = true;
}

static shunt_status direct_end(loading *l) {
  uint32_t *by_key, *positions;
  shunt_status status = load_by_key(l, &l->k, l->children, &by_key, &positions);
  return status ? status : distribute(l, &l->k, by_key, positions, l->cut ? &l->q : NULL);
}

static shunt_status direct_begin(loading *l) {
  const char *needed = child_key(l->p->relation);
  shunt_status status = load_target_spec(l, &needed, 1, &l->q);
  if (!status) status = group_parents(l, &l->k);
  if (status) return status;
  if (l->k.ngroups == 0) return load_nothing(l);
  l->child_shape = l->k.groups[0].at.table->shape;
  set_limits(l, &l->k, &l->q);
  select_spec q = l->q;
  /* a column that holds 1 and "1" would count the rows of one key twice */
  l->cut = q.per_key && l->k.at_once > 1;
  if (l->cut && !(q.limited && q.limit == 0)) {
    q.per_key = q.limited = false;
    q.offset = 0;
  }
  return load_groups(l, &l->k, &q, l->children, direct_end);
}

/* ---- the tree ---- */

typedef struct loader {
  shunt_session *s;
  shunt_op op;
  shunt_error *err;
  loading *first, *last; /* parents before their children, and siblings in the plan's order */
} loader;

static shunt_status begin_all(loader *w, shunt_rows *parents, const driver_table *shape, const plan *p);

/* What is needed until the relation is loaded. */
static void end_loading(loading *l) {
  arena_free(&l->own);
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
  } while (!status && step && !l->feed.first);
  if (status || step) return status;
  end_loading(l);
  return begin_all(w, l->children, l->child_shape, &l->p->children);
}

static shunt_status begin_all(loader *w, shunt_rows *parents, const driver_table *shape, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    loading *l = arena_new(&w->s->call, loading);
    if (!l) return error_memory(w->err);
    *l = (loading){.s = w->s, .parents = parents, .shape = shape, .p = &p->list[i], .op = w->op, .err = w->err};
    l->scratch = &l->own;
    *(w->last ? &w->last->next : &w->first) = l;
    w->last = l;
    l->children = rows_new();
    if (!l->children) return error_memory(w->err);
    bool many = l->p->relation->as.kind == SHUNT_BELONGS_TO_MANY;
    status = go_on(w, l, many ? link_begin : direct_begin);
  }
  return status;
}

static shunt_status load_all(loader *w) {
  feed *done;
  for (;;) {
    shunt_status status = gather_next(w->s, &done, w->err);
    if (status || !done) return status;
    loading *l = done->owner;
    status = go_on(w, l, l->resume);
    if (status) return status;
  }
}

static shunt_status attach(const loading *l) {
  const cat_relation *r = l->p->relation;
  return rows_attach(l->parents, r->as.name, r->as.kind, l->children, l->starts, l->items) ? SHUNT_OK
                                                                                           : error_memory(l->err);
}

static void abandon(loading *l) {
  shunt_rows_free(l->children);
  base_free(l->starts);
  base_free(l->items);
}

shunt_status load_relations(shunt_session *s, shunt_rows *parents, const driver_table *shape, const plan *p,
                            shunt_op op, shunt_error *err) {
  loader w = {.s = s, .op = op, .err = err};
  gather g;
  gather_begin(s, &g);
  shunt_status status = begin_all(&w, parents, shape, p);
  if (!status) status = load_all(&w);
  if (g.status) { /* what came after it may be but its consequence */
    status = g.status;
    if (err) *err = g.err;
  }
  gather_end(s);
  for (loading *l = w.first; l; l = l->next) {
    end_loading(l);
    if (status)
      abandon(l);
    else
      status = attach(l);
  }
  return status;
}
