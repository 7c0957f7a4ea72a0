/* For: what an INSERT does if it meets a row with the same unique key: the clause that follows its values.
 * Owner: an upsert lives in the call's arena. Use: upsert u; upsert_find(c, &at, conflict, &t, &u); …
 * upsert_write(sql, &at, &u); */
#ifndef SHUNT_QUERY_UPSERT_H
#define SHUNT_QUERY_UPSERT_H

#include "query/write_inner.h"

typedef struct upsert {
  const driver_column **key; /* with the model's instance column */
  const size_t *key_fields;  /* the place of each in the targets; their number n stands for the stamp */
  size_t nkey;
  bool complete;                /* the row gives all of the key */
  const driver_column **update; /* the columns that get the new row's values */
  size_t nupdate;               /* 0: the row that is there stays as it is */
} upsert;

/* Errors: NOT_FOUND, USAGE. */
shunt_status upsert_find(call *c, const site *at, const shunt_conflict *conflict, const targets *t, upsert *u);
void upsert_write(sql_text *sql, const site *at, const upsert *u);
/* Whether the engine has no clause for leaving the old row alone, so that such rows are inserted one by one, and the
 * error of a duplicate key is no error. */
bool upsert_is_tried(const site *at, const upsert *u);
/* The conditions that find the row again, if the row gives all of its key, none of it null. False: it does not. */
bool upsert_finds(const upsert *u, const targets *t, const shunt_field *fields, shunt_where *items, size_t *n);

/* Rows of one statement: on engines where it may meet a row only once, it ends before a key that may be equal to an
 * earlier one. */
typedef struct upsert_seen {
  const upsert *u; /* NULL: any rows may stand in one statement */
  map keys;
} upsert_seen;

upsert_seen upsert_seen_of(const site *at, const upsert *u);
/* Sets *again if the row may meet a row of the same statement; otherwise it is part of the statement. */
shunt_status upsert_see(call *c, upsert_seen *seen, const targets *t, const shunt_field *fields, bool *again);
void upsert_next(upsert_seen *seen); /* the next statement begins */
void upsert_seen_free(upsert_seen *seen);

#endif
