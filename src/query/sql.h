/* For: writing the text of statements. Names come from the database's descriptions and are quoted as the engine does;
 * values are parameters only. Owner: call_sql lends the text; params borrow the caller's bytes. Use: sql_text *sql =
 * call_sql(c); sql_puts(sql, "DELETE FROM "); sql_name(sql, engine, "users"); sql_param(sql, &v); … */
#ifndef SHUNT_QUERY_SQL_H
#define SHUNT_QUERY_SQL_H

#include "session/call.h"

void sql_add(sql_text *q, const char *text, size_t size);
void sql_name(sql_text *q, const driver_engine *engine, const char *name);
/* "a", "b", "c" */
void sql_names(sql_text *q, const driver_engine *engine, const char *const *names, size_t n);
void sql_param(sql_text *q, const shunt_value *value); /* writes the ? as well */
/* After a term of ORDER BY: nulls come first, on every engine. */
void sql_direction(sql_text *q, const driver_engine *engine, bool nullable, bool descending);
/* SQL with a ? for each of these values. */
void sql_part(sql_text *q, const char *sql, const shunt_value *params, size_t n);
/* Writes ?, ?, ? for the values, none of which is null. */
void sql_params(sql_text *q, const shunt_value *values, size_t n);
shunt_status sql_status(const sql_text *q, shunt_error *err);

static inline void sql_puts(sql_text *q, const char *text) { buf_add(&q->text, text, __builtin_strlen(text)); }

#endif
