/* For: which rows a statement is about: conditions, keys, and the instance that nothing removes.
 * Use: filter f = {.where = {query->where}}; filter_conditions(c, sql, &at, &f) adds " WHERE …"; filter_keys(…) the
 * keys. */
#ifndef SHUNT_QUERY_FILTER_H
#define SHUNT_QUERY_FILTER_H

#include "query/site.h"

enum { FILTER_WHERES = 3 };

typedef struct filter {
  const shunt_where *where[FILTER_WHERES]; /* each to hold; NULL: none */
  key_list keys;                           /* one of them; without columns: not asked */
  key_list also;                           /* the same again, all in each statement */
} filter;

static inline bool filter_has_keys(const filter *f) { return f->keys.columns.n > 0; }

/* Everything but the keys. */
shunt_status filter_conditions(call *c, sql_text *sql, const site *at, const filter *f);
/* The keys from `from`, count of them. */
void filter_keys(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count);
/* How many keys a statement takes that will have `more` parameters beside them and its own. Errors: USAGE, where it is
 * none (or, without keys, where there are too many parameters already). */
shunt_status filter_room(call *c, const sql_text *sql, const site *at, const filter *f, size_t more, size_t *room);
size_t filter_max_params(const shunt_session *s, const site *at);

#endif
