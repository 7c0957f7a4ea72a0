/* For: conditions over relations whose ends the engine's own = compares otherwise than an include does, or can't
 * compare: other types, other collations, other datasources. The rows' own keys are read, and the related table is
 * asked for them just as an include asks. Use: if (related_is_sharp(column)) … related_match(w, &ends); */
#ifndef SHUNT_QUERY_RELATED_KEYS_H
#define SHUNT_QUERY_RELATED_KEYS_H

#include "query/compare.h"

enum { RELATED_MOST = 10000 /* keys that are read for one condition */ };

typedef struct related_ends {
  const char *relation; /* for messages */
  const key_columns *outer;
  const site *at; /* of the related table */
  const key_columns *inner;
  /* Writes what must hold for the related rows beside the key; it begins with AND. */
  shunt_status (*rest)(const comparison *in, const void *context);
  const void *context;
} related_ends;

/* Whether values of the column that are equal there are equal anywhere. */
bool related_is_sharp(const driver_column *column);
/* Writes a condition: the row's key is one of those with a related row. It is true or false, never unknown. Errors:
 * USAGE if there are more than RELATED_MOST keys; those of statements. */
shunt_status related_match(const comparison *w, const related_ends *ends);

#endif
