/* For: which rows a statement is about: conditions, keys, and the instance that nothing removes.
 * Use: filter f = {.where = {query->where}}; filter_write(s, &a, &f, first, last, err) adds " WHERE …" to s->sql. */
#ifndef SHUNT_QUERY_FILTER_H
#define SHUNT_QUERY_FILTER_H

#include "query/access.h"

enum { FILTER_WHERES = 3 };

typedef struct filter {
  const shunt_where *where[FILTER_WHERES]; /* each to hold; NULL: none */
  const driver_column *key;                /* with keys: one of them; NULL: not asked */
  const shunt_value *keys;                 /* without nulls */
  size_t nkeys;
  const driver_column *key2; /* the same again */
  const shunt_value *keys2;
  size_t nkeys2;
} filter;

/* Everything but the keys. */
shunt_status filter_conditions(shunt_session *s, const access *a, const filter *f, shunt_error *err);
/* The keys from `from`, count of them. */
void filter_keys(shunt_session *s, const access *a, const filter *f, size_t from, size_t count);
/* How many keys a statement takes that has s->sql.nparams parameters and will have `more`. Errors: USAGE, where it is
 * none (or, without keys, where there are too many parameters already). */
shunt_status filter_room(shunt_session *s, const access *a, const filter *f, size_t more, size_t *room,
                         shunt_error *err);
size_t filter_max_params(const shunt_session *s, const access *a);

#endif
