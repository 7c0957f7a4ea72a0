/* For: the relations of a call as one tree: those asked for and those with autoload. All names are checked before
 * anything is read. Owner: the tree lives in the call's arena and borrows the caller's query. Use: plan_make(c, model,
 * include, n, true, &p); for each p.list[i]: relation, query, children. */
#ifndef SHUNT_RELATE_PLAN_H
#define SHUNT_RELATE_PLAN_H

#include "query/aggregate.h"
#include "session/call.h"

typedef struct plan_relation plan_relation;

typedef struct plan {
  plan_relation *list;
  size_t count;
} plan;

struct plan_relation {
  const cat_relation *relation; /* the model's, or one made on the spot */
  const shunt_query *query;     /* how it was asked for; never NULL */
  bool count;                   /* only the number of its rows is asked for; it has no children */
  const shunt_link *link;       /* belongs_to_many: the links that count and, unless counted, are shown; or NULL */
  aggregate_list aggregates;    /* not empty: only these are asked for; it has no children */
  plan children;
};

/* autoload: also loads relations with autoload, except inside themselves. Errors: NOT_FOUND, USAGE, MEMORY. */
shunt_status plan_make(call *c, const cat_model *model, const shunt_include *include, size_t ninclude, bool autoload,
                       plan *out);

/* The columns of the parent rows that the relation starts from. */
key_names plan_parent_key(const cat_relation *r);
/* The columns that these are compared with: the target's, or the through model's. */
key_names plan_child_key(const cat_relation *r);
/* belongs_to_many: the through model's columns that refer to the target, and the target's. */
key_names plan_through_key(const cat_relation *r);
key_names plan_target_key(const cat_relation *r);
/* The name under which links are shown. */
#define PLAN_LINK "link"
/* What must hold for the links; may be NULL. */
static inline const shunt_where *plan_link_where(const plan_relation *p) { return p->link ? p->link->where : NULL; }
/* Whether its rows are asked for, and not only their number or aggregates. */
static inline bool plan_has_rows(const plan_relation *p) { return !p->count && !p->aggregates.n; }
/* At most one row per parent. */
static inline bool plan_is_one(const cat_relation *r) {
  return r->as.kind == SHUNT_HAS_ONE || r->as.kind == SHUNT_BELONGS_TO;
}
/* The columns of the parents that the relations start from, *n of them; NULL when out of memory. */
const char *const *plan_parent_keys(call *c, const plan *p, size_t *n);

#endif
