/* Deletes along relations: the rows of the relations that a delete includes go before those that they refer to. */
#include "query/value.h"
#include "relate/load.h"
#include "relate/nested.h"

/* One relation of one level. */
typedef struct level {
  writing *w;
  shunt_rows *parents;
  const driver_table *shape;
  const plan_relation *p;
  arena *scratch;
} level;

/* ---- checks before anything is deleted ---- */

static shunt_status refuse(const writing *w, const cat_relation *r, const char *why) {
  return error_set(w->err, SHUNT_E_USAGE, "relation '%s' can't be deleted along: %s", r->full_name, why);
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

static shunt_status group_parents(const level *l, const cat_model *target, const shunt_query *asked, grouped *k) {
  const cat_relation *r = l->p->relation;
  loading of = {.s = l->w->s, .parents = l->parents, .shape = l->shape, .p = l->p, .err = l->w->err};
  group_spec g = {.entries = {.count = l->parents->count, .rows = l->parents, .origins = l->parents},
                  .key = r->as.foreign_key,
                  .request = session_request(l->w->s, target, SHUNT_WRITE)};
  g.request.relation = r;
  g.request.relation_client = asked ? asked->client : r->as.through_client;
  g.request.explicit_table = asked ? asked->table : NULL;
  if (asked) {
    g.where[0] = r->as.where;
    g.where[1] = asked->where;
  }
  shunt_status status = load_parent_column(&of, &g.parent_column, &g.entries.column);
  return status ? status : group_keys(l->w->s, l->scratch, &g, k, l->w->err);
}

/* The rows that go, for the keys that those below refer to. */
static shunt_status read_children(const level *l, const key_group *group, const filter *f, shunt_rows *rows) {
  writing *w = l->w;
  const char *const *needed = plan_parent_keys(w->s, &l->p->children);
  if (!needed) return error_memory(w->err);
  select_spec q = {.filter = *f, .columns = needed, .ncolumns = l->p->children.count, .origins = true};
  return select_run(w->s, &group->at, &q, rows, w->err);
}

static shunt_status delete_group(const level *l, const key_group *group) {
  writing *w = l->w;
  const plan *below = &l->p->children;
  filter f = {.where = {l->p->relation->as.where, l->p->query->where},
              .key = group->key,
              .keys = group->keys,
              .nkeys = group->nkeys};
  int64_t affected = 0;
  shunt_status status = unit_join(w->s, &w->u, group->at.client, group->at.level, w->err);
  if (!status && below->count) {
    shunt_rows *rows = rows_new();
    status = rows ? read_children(l, group, &f, rows) : error_memory(w->err);
    if (!status) status = cascade_delete(w, rows, group->at.table->shape, below);
    shunt_rows_free(rows);
  }
  return status ? status : write_delete(w->s, &group->at, &f, &affected, w->err);
}

static shunt_status delete_direct(const level *l) {
  grouped k;
  shunt_status status = group_parents(l, l->p->relation->target, l->p->query, &k);
  for (size_t g = 0; g < k.ngroups && !status; g++) status = delete_group(l, &k.groups[g]);
  return status;
}

/* ---- belongs_to_many ---- */

/* The keys of the targets that the relation's conditions let through. */
static shunt_status read_targets(const level *l, shunt_rows *holder, shunt_rows **targets) {
  writing *w = l->w;
  shunt_query keys = {.columns = &l->p->relation->target->primary_key,
                      .ncolumns = 1,
                      .where = l->p->query->where,
                      .client = l->p->query->client,
                      .table = l->p->query->table};
  plan_relation relation = {.relation = l->p->relation, .query = &keys};
  plan p = {&relation, 1};
  shunt_status status = load_relations(w->s, holder, l->shape, &p, SHUNT_WRITE, w->err);
  *targets = status ? NULL : holder->loaded[holder->nloaded - 1].rows;
  return status;
}

/* Of links with these targets alone: as many at once as leave room for parents. */
static shunt_status delete_links_to(const level *l, const key_group *group, const shunt_rows *targets) {
  writing *w = l->w;
  size_t at_once = filter_max_params(w->s, &group->at) / 2, most = targets->count;
  shunt_value *keys = arena_alloc(l->scratch, most * MATCH_FORMS * sizeof *keys);
  filter f = {.key = group->key, .keys = group->keys, .nkeys = group->nkeys, .keys2 = keys};
  match_set m;
  int64_t affected = 0;
  shunt_status status = access_column(w->s, &group->at, l->p->relation->as.through_key, &f.key2, w->err);
  if (status) return status;
  if (!keys || !match_init(&m, l->scratch, match_rule_of(NULL, f.key2), most)) return error_memory(w->err);
  for (size_t i = 0; i < most; i++) match_add(&m, 0, &rows_row(targets, i)[0]);
  for (uint32_t i = 0; i < m.count && !status; i++) {
    size_t n;
    if (!match_forms(&m, i, f.key2, keys + f.nkeys2, &n)) return error_memory(w->err);
    f.nkeys2 += n;
    if (f.nkeys2 == 0 || (f.nkeys2 < at_once && i + 1 < m.count)) continue;
    status = write_delete(w->s, &group->at, &f, &affected, w->err);
    f.nkeys2 = 0;
  }
  return status;
}

static shunt_status delete_links(const level *l) {
  writing *w = l->w;
  bool some = l->p->relation->as.where || l->p->query->where;
  shunt_rows *targets = NULL;
  grouped k;
  int64_t affected = 0;
  shunt_status status = group_parents(l, l->p->relation->through, NULL, &k);
  if (!status && some && k.ngroups) status = read_targets(l, l->parents, &targets);
  for (size_t g = 0; g < k.ngroups && !status; g++) {
    const key_group *group = &k.groups[g];
    filter f = {.key = group->key, .keys = group->keys, .nkeys = group->nkeys};
    status = unit_join(w->s, &w->u, group->at.client, group->at.level, w->err);
    if (!status && some)
      status = delete_links_to(l, group, targets);
    else if (!status)
      status = write_delete(w->s, &group->at, &f, &affected, w->err);
  }
  return status;
}

shunt_status cascade_delete(writing *w, shunt_rows *parents, const driver_table *shape, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    arena scratch = {0};
    level l = {w, parents, shape, &p->list[i], &scratch};
    status = l.p->relation->through ? delete_links(&l) : delete_direct(&l);
    arena_free(&scratch);
  }
  return status;
}
