/* Deletes along relations: included rows go before the rows that they refer to. */
#include "relate/fetch.h"
#include "relate/nested.h"

/* One relation of one level. */
typedef struct level {
  writing *w;
  const parents *from;
  const plan_relation *p;
  arena *scratch;
} level;

/* ---- checks before anything is deleted ---- */

static shunt_status refuse(const writing *w, const cat_relation *r, const char *why) {
  return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s' can't be deleted along: %s", r->full_name, why);
}

shunt_status cascade_check(const writing *w, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    const plan_relation *in = &p->list[i];
    const cat_relation *r = in->relation;
    if (r->as.kind == SHUNT_BELONGS_TO) return refuse(w, r, "it leads to the row that this one belongs to");
    if (r->as.limit || in->query->limit || in->query->offset)
      return refuse(w, r, "it is limited, and rows that are left would refer to nothing");
    if (r->through && in->children.count)
      return refuse(w, r, "only its links are deleted, not the rows that they lead to, so that nothing lies below");
    status = cascade_check(w, &in->children);
  }
  return status;
}

/* ---- has_one, has_many ---- */

/* asked: NULL for the rows of a through model. */
static shunt_status group_by_parents(const level *l, const cat_model *target, const shunt_query *asked, grouped *k) {
  call *c = l->w->c;
  const cat_relation *r = l->p->relation;
  group_spec g = {.key = plan_child_key(r), .request = session_request(c->s, target, SHUNT_WRITE)};
  g.request.relation = r;
  g.request.relation_client = asked ? asked->client : r->as.through_client;
  g.request.explicit_table = asked ? asked->table : NULL;
  if (asked) {
    g.where[0] = r->as.where;
    g.where[1] = asked->where;
  } else {
    g.where[0] = plan_link_where(l->p);
  }
  shunt_status status = group_parents(c, r, l->from, &g);
  return status ? status : group_keys(c, l->scratch, &g, k);
}

static shunt_status join_unit(writing *w, const access *a) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++)
    status = unit_join(w->c, &w->u, a->sites[i].client, a->sites[i].level);
  return status;
}

/* Reads the rows to delete, for the keys that the rows below refer to. */
static shunt_status read_children(const level *l, const key_group *group, const filter *f, shunt_rows *rows) {
  call *c = l->w->c;
  size_t n;
  const char *const *needed = plan_parent_keys(c, &l->p->children, &n);
  if (!needed) return error_memory(c->err);
  select_spec q = {.filter = *f, .columns = needed, .ncolumns = n, .origins = true};
  return select_run(c, &group->at, &q, rows);
}

static shunt_status delete_below(const level *l, const key_group *group, const filter *f) {
  writing *w = l->w;
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? read_children(l, group, f, rows) : error_memory(w->c->err);
  parents below = {rows, access_only_site(&group->at)->table->shape};
  if (!status) status = cascade_delete(w, &below, &l->p->children);
  shunt_rows_free(rows);
  return status;
}

static shunt_status delete_group(const level *l, const key_group *group) {
  writing *w = l->w;
  filter f = {.where = {l->p->relation->as.where, l->p->query->where}, .keys = group->keys};
  int64_t affected = 0;
  shunt_status status = join_unit(w, &group->at);
  if (!status && l->p->children.count) status = delete_below(l, group, &f);
  return status ? status : write_delete(w->c, &group->at, &f, &affected);
}

static shunt_status delete_direct(const level *l) {
  grouped k;
  shunt_status status = group_by_parents(l, l->p->relation->target, l->p->query, &k);
  for (size_t g = 0; !status && g < k.ngroups; g++) status = delete_group(l, &k.groups[g]);
  return status;
}

/* ---- belongs_to_many ---- */

/* Links of the parents, and the rows that they lead to. */
typedef struct led {
  fetch links;
  shunt_rows *between;
  key_columns to_target; /* of the rows between */
  uint32_t *parent, *row;
  size_t count;
  fetch targets; /* its entries are the links */
  shunt_rows *found;
} led;

static shunt_status read_links(const level *l, led *d) {
  key_names to_parent = plan_child_key(l->p->relation), to_target = plan_through_key(l->p->relation);
  const char *columns[2 * KEY_MOST];
  select_spec q = {.filter = {.where = {plan_link_where(l->p)}}, .columns = columns};
  for (size_t i = 0; i < to_parent.n; i++) columns[q.ncolumns++] = to_parent.list[i];
  for (size_t i = 0; i < to_target.n; i++) columns[q.ncolumns++] = to_target.list[i];
  const site *at = access_only_site(&d->links.k.groups[0].at);
  shunt_status status = site_key_columns(l->w->c, at, &to_target, &d->to_target);
  if (!status) status = fetch_now(&d->links, &q, d->between);
  if (!status) status = fetch_by_key(&d->links, d->between);
  return status ? status : fetch_pairs(&d->links, l->from->rows->count, &d->parent, &d->row, &d->count);
}

/* Of the targets only those that the relation's conditions let through. */
static shunt_status read_targets(const level *l, led *d) {
  call *c = l->w->c;
  const cat_relation *r = l->p->relation;
  group_spec g = {.entries = {.count = d->count,
                              .rows = d->between,
                              .row = d->row,
                              .origins = l->from->rows,
                              .origin_row = d->parent},
                  .parent = d->to_target,
                  .key = plan_target_key(r),
                  .request = session_request(c->s, r->target, SHUNT_WRITE),
                  .where = {r->as.where, l->p->query->where}};
  g.request.relation = r;
  g.request.relation_client = l->p->query->client;
  g.request.explicit_table = l->p->query->table;
  for (size_t i = 0; i < g.parent.n; i++) g.entries.column[i] = rows_column_index(d->between, g.parent.list[i]->name);
  select_spec q = {.filter = {.where = {r->as.where, l->p->query->where}}, .columns = g.key.list, .ncolumns = g.key.n};
  shunt_status status = group_keys(c, l->scratch, &g, &d->targets.k);
  if (status || d->targets.k.ngroups == 0) return status;
  status = fetch_now(&d->targets, &q, d->found);
  return status ? status : fetch_by_key(&d->targets, d->found);
}

/* The values by which rows of one part of the through model refer to the targets found. */
static shunt_status list_targets(const level *l, const led *d, const row_range *part, key_list *out) {
  const uint32_t *positions;
  key_set distinct;
  shunt_value values[KEY_MOST];
  size_t width = d->to_target.n;
  if (!key_set_init(&distinct, l->scratch, width, d->count)) return error_memory(l->w->c->err);
  for (size_t i = 0; i < d->count; i++) {
    bool here = d->row[i] >= part->first && d->row[i] < part->end;
    if (!here || fetch_of_entry(&d->targets, i, &positions) == 0) continue;
    const shunt_value *link = rows_row(d->between, d->row[i]);
    for (size_t k = 0; k < width; k++) {
      const shunt_value *own = &link[rows_column_index(d->between, d->to_target.list[k]->name)];
      if (key_fit(l->scratch, &out->columns, k, d->to_target.list[k], own, &values[k]) == KEY_NO_MEMORY)
        return error_memory(l->w->c->err);
    }
    key_set_add(&distinct, 0, values);
  }
  out->values = distinct.values;
  out->count = distinct.count;
  return SHUNT_OK;
}

/* As many targets at once as leave room for the parents' keys. */
static shunt_status delete_links_to(const level *l, const key_group *group, const key_list *targets) {
  call *c = l->w->c;
  const site *at = access_only_site(&group->at);
  size_t width = targets->columns.n, most = site_max_params(c->s, at) / 2 / width;
  int64_t affected = 0;
  shunt_status status = SHUNT_OK;
  for (size_t from = 0, n; from < targets->count && !status; from += n) {
    n = key_sql_part(at->engine, targets, from, most);
    key_list some = {.columns = targets->columns, .values = targets->values + from * width, .count = n};
    filter f = {.where = {plan_link_where(l->p)}, .keys = group->keys, .also = &some};
    status = write_delete(c, &group->at, &f, &affected);
  }
  return status;
}

static shunt_status delete_led(const level *l, led *d) {
  const grouped *k = &d->links.k;
  key_names to_target = plan_through_key(l->p->relation);
  shunt_status status = read_links(l, d);
  if (!status && d->count) status = read_targets(l, d);
  for (size_t g = 0; g < k->ngroups && d->count && d->targets.k.ngroups && !status; g++) {
    key_list targets = {.values = NULL};
    status = site_key_columns(l->w->c, access_only_site(&k->groups[g].at), &to_target, &targets.columns);
    if (!status) key_columns_compare(&targets.columns, &d->to_target);
    if (!status) status = list_targets(l, d, &d->links.range[g], &targets);
    if (!status) status = delete_links_to(l, &k->groups[g], &targets);
  }
  return status;
}

static shunt_status delete_some(const level *l, const grouped *k) {
  call *c = l->w->c;
  led d = {.links = {.c = c, .scratch = l->scratch, .k = *k},
           .between = rows_new(),
           .targets = {.c = c, .scratch = l->scratch},
           .found = rows_new()};
  shunt_status status = d.between && d.found ? delete_led(l, &d) : error_memory(c->err);
  shunt_rows_free(d.between);
  shunt_rows_free(d.found);
  return status;
}

static shunt_status delete_links(const level *l) {
  writing *w = l->w;
  bool some = l->p->relation->as.where || l->p->query->where;
  grouped k;
  int64_t affected = 0;
  shunt_status status = group_by_parents(l, l->p->relation->through, NULL, &k);
  for (size_t g = 0; !status && g < k.ngroups; g++) status = join_unit(w, &k.groups[g].at);
  if (status || k.ngroups == 0) return status;
  if (some) return delete_some(l, &k);
  for (size_t g = 0; !status && g < k.ngroups; g++) {
    filter f = {.where = {plan_link_where(l->p)}, .keys = k.groups[g].keys};
    status = write_delete(w->c, &k.groups[g].at, &f, &affected);
  }
  return status;
}

shunt_status cascade_delete(writing *w, const parents *from, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    arena scratch = {0};
    level l = {w, from, &p->list[i], &scratch};
    status = l.p->relation->through ? delete_links(&l) : delete_direct(&l);
    arena_free(&scratch);
  }
  return status;
}
