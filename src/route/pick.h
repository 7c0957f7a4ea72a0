/* For: drawing one of the clients that a rule's pick{…} names, and the record of the draws for a decision.
 * Owner: each lane of a route has its own picker, so that drawing shares nothing.
 * Use: picker_init(&p, nrules, first, shared, &load); client = pick_draw(&p, &from, NULL); picker_free(&p); */
#ifndef SHUNT_ROUTE_PICK_H
#define SHUNT_ROUTE_PICK_H

#include "base/arena.h"
#include "base/tally.h"
#include "catalog/catalog.h"
#include "rule/host.h"

/* How busy clients are, and which of them are considered down. NULL, both: all are idle. */
typedef struct pick_load {
  int (*fn)(void *ud, const cat_client *client);
  bool (*is_down)(void *ud, const cat_client *client);
  void *ud;
} pick_load;

typedef struct picker {
  tally *turns; /* per rule */
  tally random;
  const pick_load *load;
  bool shared; /* several threads use it */
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
  size_t nreads; /* reads before the draw */
} pick_drawn;

/* The clients that the decisions of one access drew. They hold the same rows as the others of their choices: an access
 * that asks two of them reads rows twice. */
struct pick_memo {
  arena *arena;
  const cat_client **clients;
  size_t n, room;
};

/* The draws for one request. If a walk of the trie ends without a decision, the rules repeat the walk's draws. */
typedef struct pick_draws {
  pick_drawn list[PICK_MOST_DRAWS];
  size_t count;                 /* larger than the list if there were too many draws */
  size_t walked;                /* number of draws by the walk */
  pick_memo *memo;              /* of the access, or NULL */
  const rule_transaction *held; /* the transaction that the access runs in, or NULL */
  /* An evaluation aside, which only compares, draws as these did, rule by rule. NULL: it is not aside */
  const struct pick_draws *like;
} pick_draws;

/* first is the first turn: pickers of different threads should not all begin with the same client. False if memory runs
 * out. */
bool picker_init(picker *p, size_t nrules, unsigned first, bool shared, const pick_load *load);
void picker_free(picker *p);
/* Draws no client that is considered down, unless all are, or each client holds rows of its own (by the hash of a key).
 * Repeats what the memo has, if the choice offers it, and adds to it otherwise. By the hash of a key, clients may hold
 * different rows; they are drawn again for another key only if all or all but one are replicas. NULL if memory runs
 * out, which needs a memo. */
/* The client with the session's transaction, if one is offered that holds the same rows as the others; else NULL. */
const cat_client *pick_held(const pick_choice *from, const rule_transaction *held);
const cat_client *pick_draw(picker *p, const pick_choice *from, pick_memo *memo);
/* The same during an evaluation, after nreads reads. Repeats the walk's draw for that rule, if there was one. Adds the
 * draw to draws, with a copy of the choice in the arena. NULL if memory runs out. */
const cat_client *pick_draw_noted(picker *p, const pick_choice *from, pick_draws *draws, size_t nreads, arena *a);
bool pick_same_choice(const pick_choice *a, const pick_choice *b);

#endif
