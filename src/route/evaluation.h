/* For: the state of one evaluation of the rules: the candidate, and the record of how it was found.
 * Owner: an evaluation lives on route_evaluate's frame and owns nothing: any call of a rule may end it.
 * Use: evaluation_begin(&e); … evaluation_note(&e, stage, rule, verdict, detail); return evaluation_finish(&e, status);
 */
#ifndef SHUNT_ROUTE_EVALUATION_H
#define SHUNT_ROUTE_EVALUATION_H

#include "route/route_inner.h"

typedef struct evaluation {
  const route *r;
  route_lane *l;
  const route_request *request;
  rule_view *view; /* what rules see */
  route_decision *d;
  shunt_error *err;
  const cat_rule *rule; /* the rule that runs, or ran last; NULL: a function of the model */
  const cat_client *client;
  const char *table;
  int level;
  route_outcome *outcome;
  size_t nplacing;  /* reads before the guards */
  bool in_default;  /* the default stage is being asked for the default client */
  bool timed;       /* the rules are timed */
  int64_t since_ns; /* end of the previous rule, or start of the stage */
  int64_t slow_ns;  /* a rule that takes this long is slow; 0: slow rules are not reported */
  int64_t cpu_ns;   /* the thread's CPU time at since_ns: a busy machine does not make a rule slow */
} evaluation;

/* It only compares: it is not counted, has no trace and asks no guards. */
static inline bool evaluation_is_aside(const evaluation *e) { return e->outcome->draws.like != NULL; }

void evaluation_begin(evaluation *e);
/* Fills the decision. Returns status, unless memory runs out. */
shunt_status evaluation_finish(evaluation *e, shunt_status status);

/* Whether all the rule's conditions hold; *mismatch is the first that doesn't. */
bool evaluation_holds(evaluation *e, const cat_rule *rule, cat_dimension *mismatch);

/* Each adds a step to the trace. Errors: MEMORY. */
shunt_status evaluation_note(evaluation *e, cat_stage stage, const cat_rule *rule, shunt_verdict verdict,
                             const char *detail);
shunt_status evaluation_note_mismatch(evaluation *e, cat_stage stage, const cat_rule *rule, cat_dimension dimension);
/* If the wanted column was read for the first time since the last question, the rule is its reader. NULL: the model's
 * table function. */
void evaluation_look_for_reader(const evaluation *e, const cat_rule *rule);
/* Names the rule as the one that decided. */
void evaluation_credit(evaluation *e, const cat_rule *rule);
/* The candidate, with what the answer gave: "main, table users_03". NULL if memory runs out. */
const char *evaluation_candidate_text(evaluation *e, const rule_answer *answer);
/* Adds the place and name of the rule that runs to the error. Returns status. */
shunt_status evaluation_error(evaluation *e, shunt_status status);

#endif
