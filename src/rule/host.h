/* For: the Lua side of rules: loads rule files into declarations, and later answers for their functions.
 * Owner: a host owns its sandbox; one thread at a time, so route has one for each. Declarations live in the
 * catalog_source. Use: rule_host_new; rule_host_load for everything; catalog_build; then for each decision
 * rule_host_run(h, &view, body, ud, err), in whose body rule_host_ask and its like may be called. */
#ifndef SHUNT_RULE_HOST_H
#define SHUNT_RULE_HOST_H

#include "base/error.h"
#include "catalog/catalog.h"
#include "rule/request.h"
#include "rule/sandbox.h"

shunt_status rule_host_new(const sandbox_limits *limits, rule_host **out, shunt_error *err);
void rule_host_free(rule_host *h);

typedef struct rule_load {
  const char *const *paths; /* files or folders, relative to the source's folder unless absolute */
  const place *places;      /* where each was named */
  size_t npaths;
  bool standard; /* the standard policy too */
  bool strict;   /* the rule of strict isolation, whatever standard says */
} rule_load;

/* Runs every rule file and adds what they declare to source; then makes read-only all that their functions can reach.
 * Mistakes go to found, one file's not keeping the next from loading. */
void rule_host_load(rule_host *h, const rule_load *what, catalog_source *source, problems *found);

/* A second host of the very texts that the first has loaded, and that no disk is asked for again: the numbers of its
 * functions are the same. Borrows those texts: the first is to be freed last. The first may be deciding meanwhile.
 * Errors: LIMIT, MEMORY; INTERNAL where the texts declared something else this time. */
shunt_status rule_host_clone(const rule_host *first, rule_host **out, shunt_error *err);

/* Runs body in one protected call with fresh limits: what raises in Lua ends it, and is the status. The body must hold
 * nothing that would be lost when a rule_host_ function does not return. */
shunt_status rule_host_run(rule_host *h, const rule_view *view, shunt_status (*body)(void *ud), void *ud,
                           shunt_error *err);

/* The fields read since rule_host_run began, in the order of their first reading. The list holds until the next run;
 * the reads themselves, with all they point to, as long as the host. */
const rule_read *const *rule_host_reads(const rule_host *h, size_t *count);
/* Counts a field as read that the core itself looked at. May not return, as the functions below. */
void rule_host_read(rule_host *h, rule_field field);
/* The same for the class that the instance is in, which tells less than its name: a rule_class of the caller's, who
 * keeps it as long as the host. */
rule_read rule_class(const uint32_t *classes);
void rule_host_read_class(rule_host *h, const rule_read *class);
/* Why a rule said uncacheable since rule_host_run began, or NULL. Holds until the next run. */
const char *rule_host_uncacheable(const rule_host *h);

typedef enum rule_policy { RULE_ROUND_ROBIN, RULE_RANDOM, RULE_LEAST_BUSY, RULE_HASH } rule_policy;

typedef enum rule_answer_kind {
  RULE_ANSWER_NONE,
  RULE_ANSWER_CLIENT,
  RULE_ANSWER_PICK,
  RULE_ANSWER_DENY
} rule_answer_kind;

enum { RULE_PICK_MOST = 64 };

/* What a rule's function said. Its strings hold until the next rule_host_ call. */
typedef struct rule_answer {
  rule_answer_kind kind;
  const char *client; /* CLIENT; NULL where only table or level were given */
  const char *table;  /* or NULL */
  int level;          /* or -1 */
  const char *deny;
  rule_policy policy; /* PICK */
  uint64_t key_hash;
  size_t npicks;
  const char *picks[RULE_PICK_MOST];
} rule_answer;

/* These may not return: they end the rule_host_run around them. what is for messages: "rule 'x'". */
bool rule_host_when(rule_host *h, int function);
void rule_host_ask(rule_host *h, int function, const char *what, rule_answer *answer);
/* A model's table function; the text holds until the next rule_host_ call. */
const char *rule_host_table(rule_host *h, int function, const char *what);

#endif
