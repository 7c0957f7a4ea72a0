#include "relate/plan.h"

#include <string.h>

#include "base/sized.h"
#include "base/suggest.h"

/* Relations with autoload in all directions could need more memory than there is. */
enum { DEEPEST = 64, MOST_RELATIONS = 1000 };

/* The relations on the way down to this one. */
typedef struct chain {
  const cat_relation *relation;
  const struct chain *up;
  int depth;
} chain;

typedef struct planner {
  call *c;
  bool autoload;
  size_t *count; /* of the relations so far */
} planner;

/* The struct as this version of the library has it, for as long as the plan. */
static shunt_status keep(const planner *p, const void *given, const sized_type *type, const void **out) {
  *out = given ? given : sized_nothing;
  if (!given || sized_fits(given, type)) return SHUNT_OK;
  void *room = arena_alloc(p->c->arena, type->now);
  if (!room) return error_memory(p->c->err);
  *out = sized_copy(given, room, type, p->c->err);
  return *out ? SHUNT_OK : SHUNT_E_USAGE;
}

/* ---- relations made on the spot ---- */

static shunt_status missing(const planner *p, const cat_relation *r, const char *what) {
  return error_set(p->c->err, SHUNT_E_USAGE, "relation '%s', given in the query, names no %s", r->full_name, what);
}

static shunt_status check_ends(const planner *p, cat_relation *r) {
  const catalog *c = p->c->s->generation.catalog;
  bool linked = r->as.kind == SHUNT_BELONGS_TO_MANY;
  if (!r->as.target) return missing(p, r, "target");
  if (!r->as.foreign_key[0]) return missing(p, r, "foreign key");
  if (linked && !r->as.through) return missing(p, r, "model that it goes through");
  if (linked && !r->as.through_key[0]) return missing(p, r, "key to its target");
  if (r->as.kind > SHUNT_BELONGS_TO_MANY)
    return error_set(p->c->err, SHUNT_E_USAGE, "relation '%s', given in the query, has an unknown kind", r->full_name);
  shunt_status status = catalog_find_model(c, r->as.target, &r->target, p->c->err);
  if (!status && linked) status = catalog_find_model(c, r->as.through, &r->through, p->c->err);
  if (!status) status = session_check_client(p->c->s, r->as.client, true, p->c->err);
  if (!status) status = session_check_client(p->c->s, r->as.through_client, true, p->c->err);
  return status;
}

/* Two keys that correspond have as many columns. */
static shunt_status check_columns(const planner *p, const cat_relation *r, const char *what, const char *const *key,
                                  const char *const *referred) {
  size_t n = key_names_of(key).n, m = key_names_of(referred).n;
  if (n == m) return SHUNT_OK;
  return error_set(p->c->err, SHUNT_E_USAGE,
                   "relation '%s', given in the query: its %s has %zu column%s, and the key that it refers to %zu",
                   r->full_name, what, n, n == 1 ? "" : "s", m);
}

static shunt_status check_keys(const planner *p, cat_relation *r) {
  const cat_model *referred = r->as.kind == SHUNT_BELONGS_TO ? r->target : r->source;
  if (!r->as.key[0]) memcpy(r->as.key, referred->primary_key, sizeof r->as.key);
  shunt_status status = check_columns(p, r, "foreign key", r->as.foreign_key, r->as.key);
  return status || !r->through ? status : check_columns(p, r, "through key", r->as.through_key, r->target->primary_key);
}

static shunt_status make_relation(const planner *p, const cat_model *source, const shunt_include *in,
                                  const cat_relation **out) {
  cat_relation *r = arena_new(p->c->arena, cat_relation);
  if (!r) return error_memory(p->c->err);
  const shunt_relation *with = SIZED(shunt_relation, in->with, &r->as, p->c->err);
  if (!with) return SHUNT_E_USAGE;
  if (with != &r->as) r->as = *with;
  r->as.name = in->relation;
  r->full_name = arena_printf(p->c->arena, "%s.%s", source->name, in->relation);
  if (!r->full_name) return error_memory(p->c->err);
  r->id = UINT32_MAX;
  r->source = source;
  shunt_status status = check_ends(p, r);
  if (!status) status = check_keys(p, r);
  if (status) return status;
  if (!r->as.client) r->as.client = CATALOG_AUTO;
  if (r->through && !r->as.through_client) r->as.through_client = CATALOG_AUTO;
  *out = r;
  return SHUNT_OK;
}

/* ---- the tree ---- */

static shunt_status find_relation(const planner *p, const cat_model *model, const shunt_include *in,
                                  const cat_relation **out) {
  if (!in->relation || !in->relation[0])
    return error_set(p->c->err, SHUNT_E_USAGE, "include, model '%s': a relation has no name", model->name);
  if (in->with) return make_relation(p, model, in, out);
  *out = cat_model_relation(model, in->relation);
  if (*out) return SHUNT_OK;
  suggest near = cat_model_suggest(model, in->relation);
  return error_set(p->c->err, SHUNT_E_NOT_FOUND, "model '%s' has no relation '%.128s'%s", model->name, in->relation,
                   suggest_text(&near));
}

static const shunt_include *named(const char *name, const shunt_include *include, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (include[i].relation && strcmp(include[i].relation, name) == 0) return &include[i];
  return NULL;
}

static bool passed(const chain *way, const cat_relation *r) {
  for (; way; way = way->up)
    if (way->relation == r) return true;
  return false;
}

static shunt_status grow(const planner *p, const cat_model *model, const shunt_include *include, size_t n,
                         const chain *way, plan *out);

/* Of the options of a query, an include takes only some. */
static shunt_status check_options(const planner *p, const cat_relation *r, const shunt_query *query) {
  const char *extra = query->distinct                       ? "distinct"
                      : query->having                       ? "having"
                      : query->lock                         ? "lock"
                      : query->nowait || query->skip_locked ? "nowait or skip_locked"
                                                            : NULL;
  if (!extra) return SHUNT_OK;
  return error_set(p->c->err, SHUNT_E_USAGE, "relation '%s': an include does not take the option %s", r->full_name,
                   extra);
}

/* Adds the relation alone. */
static shunt_status add_one(const planner *p, const cat_relation *r, const shunt_query *query, plan *out) {
  if (++*p->count > MOST_RELATIONS)
    return error_set(p->c->err, SHUNT_E_USAGE,
                     "include: one call would load more than %d relations, '%s' among them; ask for less, or take "
                     "autoload off relations that lead to each other",
                     MOST_RELATIONS, r->full_name);
  out->list[out->count++] = (plan_relation){.relation = r, .query = query};
  shunt_status status = check_options(p, r, query);
  return status ? status : session_check_client(p->c->s, query->client, true, p->c->err);
}

static shunt_status add(const planner *p, const cat_relation *r, const shunt_query *query, const chain *way,
                        plan *out) {
  chain here = {r, way, way ? way->depth + 1 : 1};
  if (here.depth > DEEPEST)
    return error_set(p->c->err, SHUNT_E_USAGE, "include: relations are nested more than %d deep", DEEPEST);
  shunt_status status = add_one(p, r, query, out);
  if (status) return status;
  return grow(p, r->target, query->include, query->ninclude, &here, &out->list[out->count - 1].children);
}

/* The relation without its rows: how says in messages what is asked for. */
static shunt_status add_without_rows(const planner *p, const cat_relation *r, const shunt_query *query, const char *how,
                                     plan *out) {
  const char *extra = query->ninclude ? "include" : query->norder ? "order" : query->ncolumns ? "columns" : NULL;
  if (!p->autoload)
    return error_set(p->c->err, SHUNT_E_USAGE, "include: relation '%s' is to be %s, which only reads do", r->full_name,
                     how);
  if (extra)
    return error_set(p->c->err, SHUNT_E_USAGE,
                     "include: relation '%s' is to be %s, and takes no %s; leave it out, or load the rows",
                     r->full_name, how, extra);
  return add_one(p, r, query, out);
}

static shunt_status add_count(const planner *p, const cat_relation *r, const shunt_query *query, plan *out) {
  shunt_status status = add_without_rows(p, r, query, "counted", out);
  if (!status) out->list[out->count - 1].count = true;
  return status;
}

/* Links are asked for beside the rows of the relation. */
static shunt_status add_link(const planner *p, const shunt_include *in, plan_relation *to) {
  const cat_relation *r = to->relation;
  if (!in->link) return SHUNT_OK;
  const void *link;
  shunt_status status = keep(p, in->link, SIZED_TYPE(shunt_link), &link);
  if (status) return status;
  to->link = link;
  if (!r->through)
    return error_set(p->c->err, SHUNT_E_USAGE, "include: relation '%s' has no links; only a belongs_to_many has them",
                     r->full_name);
  if (!plan_has_rows(to) && (to->link->ncolumns || !to->link->where))
    return error_set(p->c->err, SHUNT_E_USAGE,
                     "include: relation '%s' is to be counted or aggregated, and its link takes a where and no columns",
                     r->full_name);
  for (size_t i = 0; i < to->children.count; i++)
    if (strcmp(to->children.list[i].relation->as.name, PLAN_LINK) == 0)
      return error_set(p->c->err, SHUNT_E_USAGE,
                       "include: relation '%s' shows its links as '" PLAN_LINK "', the name of the relation '%s' that "
                       "is loaded with its rows; leave that out, with include = {" PLAN_LINK " = false}",
                       r->full_name, to->children.list[i].relation->full_name);
  return SHUNT_OK;
}

/* Named as they were asked for: a parent without rows has the same names, and no table is looked at for it. */
static shunt_status name_results(const planner *p, const shunt_include *in, aggregate_list *out) {
  const char **names = arena_array(p->c->arena, const char *, in->naggregates);
  if (!names) return error_memory(p->c->err);
  *out = (aggregate_list){.list = in->aggregates, .n = in->naggregates, .names = names};
  for (size_t i = 0; i < out->n; i++) {
    shunt_status status = aggregate_check(p->c, &in->aggregates[i]);
    if (status) return status;
    names[i] = aggregate_name(p->c->arena, &in->aggregates[i], in->aggregates[i].column);
    if (!names[i]) return error_memory(p->c->err);
  }
  return SHUNT_OK;
}

static shunt_status add_aggregates(const planner *p, const cat_relation *r, const shunt_include *in,
                                   const shunt_query *query, plan *out) {
  bool cut = query->limit || query->offset || r->as.limit;
  if (in->count)
    return error_set(p->c->err, SHUNT_E_USAGE,
                     "include: relation '%s' is to be counted, which gives one number, and to be aggregated; a count "
                     "may be one of the aggregates",
                     r->full_name);
  if (cut && r->as.kind == SHUNT_BELONGS_TO_MANY)
    return error_set(p->c->err, SHUNT_E_USAGE,
                     "include: relation '%s' is to be aggregated, and has a limit or an offset: no statement sees all "
                     "rows that its links lead to; leave the limit out, or load the rows",
                     r->full_name);
  shunt_status status = add_without_rows(p, r, query, "aggregated", out);
  return status ? status : name_results(p, in, &out->list[out->count - 1].aggregates);
}

static shunt_status add_asked(const planner *p, const cat_model *model, const shunt_include *include, size_t i,
                              const chain *way, plan *out) {
  const cat_relation *r;
  shunt_status status = find_relation(p, model, &include[i], &r);
  if (status) return status;
  if (named(include[i].relation, include, i))
    return error_set(p->c->err, SHUNT_E_USAGE, "include: relation '%s' is asked for twice", r->full_name);
  if (include[i].off) return SHUNT_OK;
  const void *query;
  status = keep(p, include[i].query, SIZED_TYPE(shunt_query), &query);
  if (status) return status;
  if (include[i].naggregates)
    status = add_aggregates(p, r, &include[i], query, out);
  else if (include[i].count)
    status = add_count(p, r, query, out);
  else
    status = add(p, r, query, way, out);
  return status ? status : add_link(p, &include[i], &out->list[out->count - 1]);
}

static shunt_status grow(const planner *p, const cat_model *model, const shunt_include *include, size_t n,
                         const chain *way, plan *out) {
  shunt_status status = SHUNT_OK;
  size_t most = n;
  for (size_t i = 0; p->autoload && i < model->nrelations; i++) most += model->relations[i]->as.autoload;
  *out = (plan){NULL, 0};
  if (most == 0) return SHUNT_OK;
  out->list = arena_array(p->c->arena, plan_relation, most);
  if (!out->list) return error_memory(p->c->err);
  for (size_t i = 0; i < n && !status; i++) status = add_asked(p, model, include, i, way, out);
  for (size_t i = 0; p->autoload && i < model->nrelations && !status; i++) {
    const cat_relation *r = model->relations[i];
    if (r->as.autoload && !named(r->as.name, include, n) && !passed(way, r))
      status = add(p, r, sized_nothing, way, out);
  }
  return status;
}

shunt_status plan_make(call *c, const cat_model *model, const shunt_include *include, size_t ninclude, bool autoload,
                       plan *out) {
  size_t count = 0;
  planner p = {c, autoload, &count};
  return grow(&p, model, include, ninclude, NULL, out);
}

/* ---- what it needs ---- */

key_names plan_parent_key(const cat_relation *r) {
  return key_names_of(r->as.kind == SHUNT_BELONGS_TO ? r->as.foreign_key : r->as.key);
}

key_names plan_child_key(const cat_relation *r) {
  return key_names_of(r->as.kind == SHUNT_BELONGS_TO ? r->as.key : r->as.foreign_key);
}

key_names plan_through_key(const cat_relation *r) { return key_names_of(r->as.through_key); }

key_names plan_target_key(const cat_relation *r) { return key_names_of(r->target->primary_key); }

const char *const *plan_parent_keys(call *c, const plan *p, size_t *n) {
  static const char *const none[1];
  *n = 0;
  if (p->count == 0) return none;
  const char **columns = arena_array(c->arena, const char *, p->count *KEY_MOST);
  for (size_t i = 0; columns && i < p->count; i++) {
    key_names key = plan_parent_key(p->list[i].relation);
    for (size_t k = 0; k < key.n; k++) columns[(*n)++] = key.list[k];
  }
  return columns;
}
