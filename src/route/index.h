/* For: which rules of a stage a request can concern, without looking at the others: ten thousand rules for ten thousand
 * instances cost an access no more than one does.
 * Owner: the index owns its lists and borrows the catalog's rules. Read-only once built; a walk is one thread's.
 * Use: index_begin(x, &walk, …); while ((rule = index_next(&walk))) …: candidates in order, each once. A candidate's
 * conditions may still not hold: rule_mismatch tells. */
#ifndef SHUNT_ROUTE_INDEX_H
#define SHUNT_ROUTE_INDEX_H

#include "catalog/catalog.h"
#include "rule/host.h"

/* Positions in stage_index.ranked, ascending. */
typedef struct rank_list {
  uint32_t *ranks;
  size_t count, capacity;
} rank_list;

/* Rules with the same fate by model and relation, told apart by instance. */
typedef struct index_group {
  rank_list always;
  struct instance_lists *lists; /* while the index is built: by name and beginning */
  uint32_t *class_of;           /* by instance; NULL where no rule asks which it is */
  rule_read class_read;         /* of class_of */
  rank_list *classes;           /* instances of a class are alike: the rules for them */
  size_t nclasses, classes_capacity;
} index_group;

typedef struct stage_index {
  const cat_rule **ranked; /* the stage's rules in the order that they are asked */
  bool *conditional;       /* by rank: whether the rule has conditions that its place in the index does not tell */
  size_t count, capacity;
  index_group any;
  index_group **by_model; /* NULL where no rule is for that model alone */
  index_group **by_relation;
  size_t nmodels, nrelations;
  bool reads_model, reads_relation;
} stage_index;

typedef struct index_cursor {
  const uint32_t *at, *end;
} index_cursor;

typedef struct index_walk {
  const stage_index *index;
  index_cursor cursors[6]; /* of any, the model and the relation, each always and for the instance */
  size_t ncursors;
  const rule_read *read[3]; /* the classes that the walk depends on */
  size_t nread;
  uint32_t next; /* the least rank that may come: a rule that two lists have comes once */
  bool all;      /* every rule, in order */
} index_walk;

/* rules: the catalog's; those of the stage are taken. False when out of memory: the index is to be freed all the same.
 */
bool index_build(stage_index *x, const catalog *c, cat_stage stage);
void index_free(stage_index *x);

/* Begins a walk. all walks every rule of the stage. model, relation may be NULL. */
void index_begin(const stage_index *x, index_walk *w, bool all, const cat_model *model, const cat_relation *relation,
                 const cat_instance *instance);
const cat_rule *index_next(index_walk *w); /* NULL at the end */

/* Whether the conditions of the rule that index_next just gave are to be looked at. */
static inline bool index_is_conditional(const index_walk *w) { return w->all || w->index->conditional[w->next - 1]; }

bool cat_condition_holds(const cat_condition *c, const char *name);

#endif
