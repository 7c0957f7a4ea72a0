/* For: the text of statements. Names come from what the database said of its tables, quoted as the engine does it;
 * values only ever go in as parameters.
 * Owner: the session's sql_text is used for one statement after the other; params borrow the caller's bytes.
 * Use: sql_reset(q); sql_puts(q, "DELETE FROM "); sql_name(q, engine, "users"); sql_param(q, &v); if (q->failed) … */
#ifndef SHUNT_SESSION_SQL_H
#define SHUNT_SESSION_SQL_H

#include "base/buf.h"
#include "driver/driver.h"

typedef struct sql_text {
  buf text;
  shunt_value *params;
  size_t nparams, capacity;
  bool failed; /* out of memory */
} sql_text;

void sql_reset(sql_text *q);
void sql_free(sql_text *q);
void sql_add(sql_text *q, const char *text, size_t size);
void sql_name(sql_text *q, const driver_engine *engine, const char *name);
/* "a", "b", "c" */
void sql_names(sql_text *q, const driver_engine *engine, const char *const *names, size_t n);
void sql_param(sql_text *q, const shunt_value *value); /* the ? too */
/* After a term of ORDER BY: nulls are less than anything else on every engine. */
void sql_direction(sql_text *q, const driver_engine *engine, bool nullable, bool descending);
/* ?, ?, ? for the values, without a null among them. */
void sql_params(sql_text *q, const shunt_value *values, size_t n);
shunt_status sql_status(const sql_text *q, shunt_error *err);

static inline void sql_puts(sql_text *q, const char *text) { sql_add(q, text, __builtin_strlen(text)); }

#endif
