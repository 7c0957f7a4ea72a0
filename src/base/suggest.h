/* For: "did you mean": the known name nearest to an unknown one; of names equally near, the first in order of bytes,
 * so that the order in which they are tried does not matter.
 * Owner: names are borrowed. Source: optimal string alignment distance (Damerau-Levenshtein with adjacent swaps).
 * Use: suggest s = suggest_for(name); for each known: suggest_try(&s, known); "...%s", suggest_text(&s) */
#ifndef SHUNT_BASE_SUGGEST_H
#define SHUNT_BASE_SUGGEST_H

#include <stddef.h>

typedef struct suggest {
  const char *name;
  const char *best; /* NULL: none is near */
  size_t distance;
  char text[160];
} suggest;

suggest suggest_for(const char *name);
void suggest_try(suggest *s, const char *known);
/* "; did you mean 'NAME'?", or "" if none is near. Valid as long as s. */
const char *suggest_text(suggest *s);

#endif
