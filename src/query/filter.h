/* For: which rows a statement is about: conditions, keys, and always the instance.
 * Use: filter f = {.where = {query->where}}; filter_conditions(c, sql, &at, &f) adds " WHERE …"; key_sql_among(…) adds
 * the keys. */
#ifndef SHUNT_QUERY_FILTER_H
#define SHUNT_QUERY_FILTER_H

#include "query/key_sql.h"

enum { FILTER_WHERES = 3 };

typedef struct filter {
  const shunt_where *where[FILTER_WHERES]; /* all must hold; NULL: no condition */
  key_list keys;                           /* the row has one of these keys; without columns: any key */
  bool deleted;                            /* rows that are marked as deleted count, too; a delete of them is final */
  const key_list *also;                    /* a second list of keys, complete in each statement; NULL: any key */
} filter;

static inline bool filter_has_keys(const filter *f) { return f->keys.columns.n > 0; }

/* Everything but the keys. */
shunt_status filter_conditions(call *c, sql_text *sql, const site *at, const filter *f);
/* One condition alone. */
shunt_status filter_condition(call *c, sql_text *sql, const site *at, const shunt_where *where);
/* How many keys fit into the statement, which has its parameters so far and gets `more` beside the keys. Errors: USAGE
 * if not one key fits, or without keys if there are too many parameters already. */
shunt_status filter_room(call *c, const sql_text *sql, const site *at, const filter *f, size_t more, size_t *room);

#endif
