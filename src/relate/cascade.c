/* Deletes along relations: included rows go before the rows that they refer to. */
#include "relate/load.h"
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
    if (r->as.limited || in->query->limited || in->query->offset)
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

/* The keys of the targets that the relation's conditions let through. */
static shunt_status read_targets(const level *l, shunt_rows **targets) {
  key_names key = plan_target_key(l->p->relation);
  shunt_query keys = {.columns = key.list,
                      .ncolumns = key.n,
                      .where = l->p->query->where,
                      .client = l->p->query->client,
                      .table = l->p->query->table};
  plan_relation relation = {.relation = l->p->relation, .query = &keys};
  plan p = {&relation, 1};
  shunt_rows *holder = l->from->rows;
  shunt_status status = load_relations(l->w->c, l->from, &p, SHUNT_WRITE);
  *targets = status ? NULL : holder->loaded[holder->nloaded - 1].rows;
  return status;
}

/* Deletes only the links to these targets, as many at once as leave room for the parents' keys. */
static shunt_status delete_links_to(const level *l, const key_group *group, const shunt_rows *targets) {
  call *c = l->w->c;
  const site *at = access_only_site(&group->at);
  key_names names = plan_through_key(l->p->relation);
  key_columns none = {.n = 0};
  filter f = {.keys = group->keys};
  match_set m;
  int64_t affected = 0;
  shunt_status status = site_key_columns(c, at, &names, &f.also.columns);
  if (status) return status;
  size_t width = names.n, at_once = site_max_params(c->s, at) / 2 / width, most = targets->count;
  shunt_value *keys = arena_alloc(l->scratch, most * MATCH_FORMS * width * sizeof *keys);
  match_rules rules = match_rules_of(&none, &f.also.columns);
  if (!keys || !match_init(&m, l->scratch, &rules, most)) return error_memory(c->err);
  for (size_t i = 0; i < most; i++) match_add(&m, 0, rows_row(targets, i), NULL);
  f.also.values = keys;
  for (uint32_t i = 0; i < m.count && !status; i++) {
    size_t n;
    if (!match_forms(&m, i, &f.also.columns, keys + f.also.count * width, &n)) return error_memory(c->err);
    f.also.count += n;
    if (f.also.count == 0 || (f.also.count < at_once && i + 1 < m.count)) continue;
    status = write_delete(c, &group->at, &f, &affected);
    f.also.count = 0;
  }
  return status;
}

static shunt_status delete_links(const level *l) {
  writing *w = l->w;
  bool some = l->p->relation->as.where || l->p->query->where;
  shunt_rows *targets = NULL;
  grouped k;
  int64_t affected = 0;
  shunt_status status = group_by_parents(l, l->p->relation->through, NULL, &k);
  if (!status && some && k.ngroups) status = read_targets(l, &targets);
  for (size_t g = 0; !status && g < k.ngroups; g++) {
    const key_group *group = &k.groups[g];
    filter f = {.keys = group->keys};
    status = join_unit(w, &group->at);
    if (!status && some)
      status = delete_links_to(l, group, targets);
    else if (!status)
      status = write_delete(w->c, &group->at, &f, &affected);
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
