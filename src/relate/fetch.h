/* For: reading the rows of grouped keys, and finding the rows of each key.
 * Owner: a fetch is a value; what it points to lives in its scratch arena.
 * Use: fetch f = {.c = c, .scratch = &arena}; group_keys(c, &arena, &g, &f.k); fetch_now(&f, &q, rows);
 * fetch_by_key(&f, rows); for each entry: n = fetch_of_entry(&f, entry, &positions); */
#ifndef SHUNT_RELATE_FETCH_H
#define SHUNT_RELATE_FETCH_H

#include "query/select.h"
#include "relate/group.h"

typedef struct fetch {
  call *c;
  arena *scratch;
  grouped k;
  feed feed;           /* its statements are under way */
  row_range *range;    /* of each group, in the feed's rows */
  uint32_t *starts;    /* key i has the positions from starts[i] up to starts[i + 1] in positions, */
  uint32_t *positions; /* which are numbers of rows */
} fetch;

/* Asks for the rows of all groups. q is asked of each group and counts the statements. */
shunt_status fetch_ask(fetch *f, select_spec *q, shunt_rows *rows);
/* The same, waiting for them. */
shunt_status fetch_now(fetch *f, select_spec *q, shunt_rows *rows);
/* Once the rows are there: fills starts and positions. */
shunt_status fetch_by_key(fetch *f, const shunt_rows *rows);
/* After a fetch of counts: the number of rows of each key. Errors: DATASOURCE, MEMORY. */
shunt_status fetch_counts(const fetch *f, const shunt_rows *rows, uint64_t **counts);
/* Whether the rows have numbers below n, see statement_numbers. */
shunt_status fetch_numbers(const fetch *f, const shunt_rows *rows, size_t n);
/* The number of rows of an entry; *positions are their numbers. */
static inline uint32_t fetch_of_entry(const fetch *f, size_t entry, const uint32_t **positions) {
  uint32_t key = f->k.of_entry[entry];
  if (key == KEY_NONE) return 0;
  *positions = f->positions + f->starts[key];
  return f->starts[key + 1] - f->starts[key];
}

/* The rows of all entries: *n pairs of an entry and the number of one of its rows, in the order of the entries. Errors:
 * MEMORY. */
shunt_status fetch_pairs(const fetch *f, size_t nentries, uint32_t **entry, uint32_t **row, size_t *n);

#endif
