/* For: comparing texts that may be missing.
 * Use: if (text_same(a->table, b->table)) … */
#ifndef SHUNT_BASE_TEXT_H
#define SHUNT_BASE_TEXT_H

#include <stdbool.h>
#include <string.h>

/* Whether both are the same text, or both are NULL. */
static inline bool text_same(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

#endif
