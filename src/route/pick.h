/* For: drawing one client of those a rule's pick{…} names, and the record of what was drawn on the way to a decision.
 * Owner: each lane of a route has a picker of its own, so that drawing shares nothing.
 * Use: picker_init(&p, nrules, …); client = pick_draw(&p, &from); */
#ifndef SHUNT_ROUTE_PICK_H
#define SHUNT_ROUTE_PICK_H

#include "base/arena.h"
#include "base/tally.h"
#include "catalog/catalog.h"
#include "rule/host.h"

/* How busy clients are; NULL: all are idle. */
typedef struct pick_load {
  int (*fn)(void *ud, const cat_client *client);
  void *ud;
} pick_load;

typedef struct picker {
  tally *turns; /* per rule */
  tally random;
  const pick_load *load;
  bool shared; /* by several threads */
} picker;

/* A choice that a rule leaves to the core. */
typedef struct pick_choice {
  uint32_t rule;
  rule_policy policy;
  uint64_t key_hash;
  const cat_client *const *clients;
  size_t n;
} pick_choice;

enum { PICK_MOST_DRAWS = 8 };

typedef struct pick_drawn {
  pick_choice from;
  const cat_client *client;
  size_t nreads; /* that came before it */
} pick_drawn;

/* What was drawn for one request. What a walk of the trie drew before it found no way on, the rules draw again. */
typedef struct pick_draws {
  pick_drawn list[PICK_MOST_DRAWS];
  size_t count;  /* more than there is room for where too many were made */
  size_t walked; /* so many of the list a walk has drawn */
} pick_draws;

/* first: the turn to begin with, so that pickers side by side don't all begin with the same client. False when out of
 * memory. */
bool picker_init(picker *p, size_t nrules, unsigned first, bool shared, const pick_load *load);
void picker_free(picker *p);
const cat_client *pick_draw(picker *p, const pick_choice *from);
/* The same on the way to a decision, after nreads fields were read: what a walk drew before for that rule is drawn
 * again. Notes it in draws, with a copy of the choice in the arena. NULL when out of memory. */
const cat_client *pick_draw_noted(picker *p, const pick_choice *from, pick_draws *draws, size_t nreads, arena *a);
bool pick_same_choice(const pick_choice *a, const pick_choice *b);

#endif
