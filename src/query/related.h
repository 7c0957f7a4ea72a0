/* For: conditions over relations: some, none or every related row fulfils a condition.
 * Use: condition_write(&comparison, &related_columns, where). */
#ifndef SHUNT_QUERY_RELATED_H
#define SHUNT_QUERY_RELATED_H

#include "query/condition.h"

/* The columns of the site, and the relations of its model. */
extern const condition_names related_columns;

#endif
