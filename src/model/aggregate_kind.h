/* For: what the engines do differently with sums and averages, by the kind of the column.
 * Use: status = aggregate_takes(c, at, SHUNT_SUM, column); … aggregate_write_mean(sql, at, column). */
#ifndef SHUNT_MODEL_AGGREGATE_KIND_H
#define SHUNT_MODEL_AGGREGATE_KIND_H

#include "query/site.h"
#include "query/sql.h"

/* SUM and AVG take numbers only: some engines would make numbers of texts and dates. Errors: USAGE. */
shunt_status aggregate_takes(call *c, const site *at, shunt_function function, const driver_column *column);
/* Whether the column holds integers, also above INT64_MAX: its sums are integers, its averages floats. */
bool aggregate_is_integer(const driver_column *column);
/* Whether the engine's own AVG would round. */
bool aggregate_is_mean(const site *at, shunt_function function, const driver_column *column);
void aggregate_write_mean(sql_text *q, const site *at, const driver_column *column);

#endif
