/* For: telling mistakes in configuration and rule files: one line each, without secrets, in the order of their places.
 * Owner: the problems own what is reported; a shown lives on the caller's stack.
 * Use: shown s; report(p, SHUNT_E_CONFIG, n->at, "engine '%s' is none", show_value(n, "engine", &s)); report_settle(p,
 * 0). */
#ifndef SHUNT_CATALOG_REPORT_H
#define SHUNT_CATALOG_REPORT_H

#include "base/buf.h"
#include "catalog/node.h"

#define REPORT_MASK "********"

/* As problems_add, with control characters replaced, so that a mistake is one line whatever is quoted in it. */
__attribute__((format(printf, 4, 5))) void report(problems *p, shunt_status status, place at, const char *format, ...);

/* Sorts by file, line and column. Of the problems from `since` on, leaves out those at a place that an earlier one has
 * (they only follow from it) and those that say the same twice (a clone repeats its original's mistakes). */
void report_settle(problems *p, size_t since);

typedef struct shown {
  char text[160];
} shown;

/* What of a scalar may be printed: the mask for the value of a secret key, what was written before ${} was filled in,
 * else the value, with passwords in it masked and cut where it is long. key may be NULL. */
const char *show_value(const node *n, const char *key, shown *s);
/* Adds the text with the passwords in it masked: in a URL (pg://user:pw@host), or as password=pw. */
void show_masked(buf *b, const char *text);

#endif
