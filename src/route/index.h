/* For: finding the rules of a stage that a request can concern, without looking at the others: ten thousand rules for
 * ten thousand instances cost an access no more than one rule. Owner: the index owns its lists and borrows the
 * catalog's rules. It is read-only once built; a walk belongs to one thread. Use: index_begin(x, &walk, …); while
 * ((rule = index_next(&walk))) …: the rules in order, each once. If index_is_conditional(&walk), the rule has more
 * conditions to check. */
#ifndef SHUNT_ROUTE_INDEX_H
#define SHUNT_ROUTE_INDEX_H

#include "catalog/catalog.h"
#include "rule/host.h"

/* Positions in stage_index.ranked, ascending. */
typedef struct rank_list {
  uint32_t *ranks;
  size_t count, capacity;
} rank_list;

/* Rules with the same condition on model and relation. Their conditions on the instance distinguish them. */
typedef struct index_group {
  rank_list always;
  struct instance_lists *lists; /* while the index is built: by exact name and by prefix */
  uint32_t *class_of;           /* by instance; NULL if no rule has a condition on it */
  rule_read class_read;         /* the read of class_of */
  rank_list *classes;           /* the rules for the instances of each class */
  size_t nclasses, classes_capacity;
} index_group;

typedef struct stage_index {
  const cat_rule **ranked; /* the stage's rules in the order in which they are asked */
  bool *conditional;       /* by rank: the rule has conditions beyond its place in the index */
  size_t count, capacity;
  index_group any;
  index_group **by_model; /* NULL if no rule is for that model alone */
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
  uint32_t next; /* the least rank that may follow: a rule in two lists is returned once */
  bool all;      /* every rule, in order */
} index_walk;

/* Takes the catalog's rules of the stage. False if memory runs out: the index must be freed then, too. */
bool index_build(stage_index *x, const catalog *c, cat_stage stage);
void index_free(stage_index *x);

/* Begins a walk. With all, it visits every rule of the stage. model and relation may be NULL. */
void index_begin(const stage_index *x, index_walk *w, bool all, const cat_model *model, const cat_relation *relation,
                 const cat_instance *instance);
const cat_rule *index_next(index_walk *w); /* NULL at the end */

/* Whether the rule that index_next returned last has conditions to check. */
static inline bool index_is_conditional(const index_walk *w) { return w->all || w->index->conditional[w->next - 1]; }

bool cat_condition_holds(const cat_condition *c, const char *name);

#endif
