/* For: the operators of where that look into texts: like, contains, starts_with, ends_with.
 * Use: pattern_write(&comparison, &operand, &where, &why); */
#ifndef SHUNT_QUERY_PATTERN_H
#define SHUNT_QUERY_PATTERN_H

#include "query/compare.h"

/* False: the condition makes no sense, and *why says why. */
bool pattern_write(const comparison *w, const operand *o, const shunt_where *c, const char **why);

#endif
