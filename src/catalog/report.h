/* For: reporting mistakes in configuration and rule files: one line each, without secrets, sorted by place.
 * Owner: the problems own the reports; a `shown` lives on the caller's stack.
 * Use: shown s; report(p, SHUNT_E_CONFIG, n->at, "unknown engine '%s'", show_value(n, "engine", &s)); then
 * report_settle(p, 0). */
#ifndef SHUNT_CATALOG_REPORT_H
#define SHUNT_CATALOG_REPORT_H

#include "base/buf.h"
#include "catalog/node.h"

#define REPORT_MASK "********"

/* Like problems_add, but replaces control characters: a mistake is one line, whatever it quotes. */
__attribute__((format(printf, 4, 5))) void report(problems *p, shunt_status status, place at, const char *format, ...);

/* Sorts by file, line and column. Of the problems from `since` on, drops those at the place of an earlier one (they
 * follow from it) and repetitions (a clone repeats the mistakes of its original). */
void report_settle(problems *p, size_t since);

typedef struct shown {
  char text[160];
} shown;

/* The printable form of a scalar: the mask for a secret; otherwise the text before ${} was filled in; otherwise the
 * value, shortened, with passwords masked. key may be NULL. */
const char *show_value(const node *n, const char *key, shown *s);
/* Adds the text with the passwords in it masked: in a URL (pg://user:pw@host), or as password=pw. */
void show_masked(buf *b, const char *text);

#endif
