/* For: the Lua side of rules: a host loads rule files into declarations, and later calls the functions in them.
 * Owner: a host owns its sandbox. One thread at a time may use it, so route has one for each thread. Declarations live
 * in the catalog_source.
 * Use: rule_host_new(&limits, &h, err); rule_host_load(h, &what, &source, &found); build the catalog; then for each
 * decision rule_host_run(h, &view, body, ud, err), where body calls rule_host_when, rule_host_ask and rule_host_table.
 */
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
  const place *places;      /* where the app config names each */
  size_t npaths;
  bool standard; /* load the standard policy, too */
  bool strict;   /* load the rule of strict isolation, even without standard */
} rule_load;

/* Runs every rule file, adds the declarations to source, then freezes all values that the functions can reach. Mistakes
 * go to found; the next file loads in spite of them. */
void rule_host_load(rule_host *h, const rule_load *what, catalog_source *source, problems *found);

/* The same on a thread of its own, for whose end the caller does not wait longer than its limits allow. If the limits
 * are exceeded in one step that can't be stopped, *host becomes NULL and source empty: the thread frees them once that
 * step is over. Everything that what points to lies in the source's arena. Errors: LIMIT, which is added to found, too;
 * MEMORY. */
shunt_status rule_host_load_watched(rule_host **host, const rule_load *what, catalog_source *source, problems *found,
                                    shunt_error *err);

/* Makes a second host from the texts that the first has read, so that it does not depend on the disk. Its functions
 * have the same numbers. It borrows the texts: free the first host last. The first may be in use meanwhile. Errors:
 * LIMIT, MEMORY; INTERNAL if the texts declare something different this time. */
shunt_status rule_host_clone(const rule_host *first, rule_host **out, shunt_error *err);

/* Runs body in one protected call with fresh limits. An error in Lua ends body and becomes the status. body must not
 * own anything: a rule_host_ function may not return. */
shunt_status rule_host_run(rule_host *h, const rule_view *view, shunt_status (*body)(void *ud), void *ud,
                           shunt_error *err);

/* The reads since rule_host_run began, in order, each once. The list is valid until the next run; the reads themselves,
 * with all they point to, as long as the host, or where it keeps no more names as long as the view's arena. */
const rule_read *const *rule_host_reads(const rule_host *h, size_t *count);
/* Records a field that the core itself has read. May not return, like the functions below. */
void rule_host_read(rule_host *h, rule_field field);
/* The same for the class of the instance, which is less informative than its name. class is a rule_class; the caller
 * keeps it as long as the host. */
rule_read rule_class(const uint32_t *classes);
void rule_host_read_class(rule_host *h, const rule_read *class);
/* Whether a column without a value was read since the last question; only noted while a part is asked for. */
bool rule_host_missed(rule_host *h);
/* The reason of the first uncacheable since rule_host_run began, or NULL. Valid until the next run. */
const char *rule_host_uncacheable(const rule_host *h);
/* Whether some of the reads lie in the view's arena: the answers must not be remembered. */
bool rule_host_passing(const rule_host *h);

typedef enum rule_policy { RULE_ROUND_ROBIN, RULE_RANDOM, RULE_LEAST_BUSY, RULE_HASH } rule_policy;

typedef enum rule_answer_kind {
  RULE_ANSWER_NONE,
  RULE_ANSWER_CLIENT,
  RULE_ANSWER_PICK,
  RULE_ANSWER_DENY
} rule_answer_kind;

enum { RULE_PICK_MOST = 64 };

/* The answer of a rule's function. Its strings are valid until the next rule_host_ call. */
typedef struct rule_answer {
  rule_answer_kind kind;
  const char *client; /* CLIENT; NULL if the answer has only a table or level */
  const char *table;  /* or NULL */
  int level;          /* or -1 */
  const char *deny;
  rule_policy policy; /* PICK */
  uint64_t key_hash;
  size_t npicks;
  const char *picks[RULE_PICK_MOST];
} rule_answer;

/* These may not return: an error ends the enclosing rule_host_run. what names the function in messages: "rule 'x'". */
bool rule_host_when(rule_host *h, int function);
void rule_host_ask(rule_host *h, int function, const char *what, rule_answer *answer);
/* Calls a model's table function. The text is valid until the next rule_host_ call. */
const char *rule_host_table(rule_host *h, int function, const char *what);
/* The line of the model's own function that gave the last answer: of the rule that passes on req:model_client(), or of
 * rule_host_table. Without a line: a rule's function gave it. file is valid as long as the host. */
place rule_host_model_at(const rule_host *h);

#endif
