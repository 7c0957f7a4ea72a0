/* For: which rules of a stage a request can concern, without looking at the others: ten thousand rules for ten thousand
 * instances cost an access no more than one does.
 * Owner: the index owns its lists and borrows the catalog's rules. Read-only once built; a walk is one thread's.
 * Use: index_begin(x, &walk, …); while ((rule = index_next(&walk))) …: candidates in order, each once. A candidate's
 * conditions may still not hold: rule_mismatch tells. */
#ifndef SHUNT_ROUTE_INDEX_H
#define SHUNT_ROUTE_INDEX_H

#include "catalog/catalog.h"

/* Positions in stage_index.ranked, ascending. */
typedef struct rank_list {
  uint32_t *ranks;
  size_t count, capacity;
} rank_list;

typedef struct prefix_group {
  size_t size;
  map lists; /* beginning of that size to rank_list */
} prefix_group;

/* Rules with the same fate by model and relation, told apart by instance. */
typedef struct index_group {
  rank_list always;
  map exact; /* instance name to rank_list */
  prefix_group *prefixes;
  size_t nprefixes, prefix_capacity;
} index_group;

typedef struct stage_index {
  const cat_rule **ranked; /* the stage's rules in the order that they are asked */
  bool *conditional;       /* by rank: whether the rule has conditions at all */
  size_t count, capacity;
  index_group any;
  index_group **by_model; /* NULL where no rule is for that model alone */
  index_group **by_relation;
  size_t nmodels, nrelations;
  bool reads_model, reads_relation;
  size_t most_lists; /* that one walk may have to merge */
} stage_index;

typedef struct index_cursor {
  const uint32_t *at, *end;
} index_cursor;

typedef struct index_walk {
  const stage_index *index;
  index_cursor *cursors; /* room for most_lists */
  size_t ncursors;
  uint32_t next; /* the least rank that may come: a rule that two lists have comes once */
  bool all;      /* every rule, in order */
} index_walk;

/* rules: the catalog's; those of the stage are taken. False when out of memory: the index is to be freed all the same.
 */
bool index_build(stage_index *x, const catalog *c, cat_stage stage);
void index_free(stage_index *x);

/* Begins a walk. cursors has room for x->most_lists. all walks every rule of the stage. model, relation may be NULL;
 * *reads_instance says whether the outcome depends on the instance's name. */
void index_begin(const stage_index *x, index_walk *w, index_cursor *cursors, bool all, const cat_model *model,
                 const cat_relation *relation, const cat_instance *instance, bool *reads_instance);
const cat_rule *index_next(index_walk *w); /* NULL at the end */

/* Whether the conditions of the rule that index_next just gave are to be looked at. */
static inline bool index_is_conditional(const index_walk *w) { return w->all || w->index->conditional[w->next - 1]; }

bool cat_condition_holds(const cat_condition *c, const char *name);

#endif
