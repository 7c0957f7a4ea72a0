/* For: reading rows from several sites at the same time, and merging them as one table would return them.
 * Use: status = merge_select(c, &a, &q, rows); if the access has one site this is select_at. */
#ifndef SHUNT_MODEL_MERGE_H
#define SHUNT_MODEL_MERGE_H

#include "query/select.h"

/* The rows of all sites, in q's order, with its limit and offset. Errors: those of select_run. */
shunt_status merge_select(call *c, const access *a, select_spec *q, shunt_rows *rows);
/* Rows from `offset` on, `most` at most, of `count`. *first is the number of the first. */
size_t merge_cut(size_t count, int64_t most, int64_t offset, size_t *first);

#endif
