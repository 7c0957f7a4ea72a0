/* For: the values that a session gives the session variables of a client, as the engine takes them.
 * Owner: shared by a session and the connections that have these values; the last share frees them. Frozen.
 * Use: v = variables_new(sql, scope); if (!variables_same(conn->variables, v)) … variables_drop(v); */
#ifndef SHUNT_DRIVER_VARIABLES_H
#define SHUNT_DRIVER_VARIABLES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct driver_variables {
  atomic_int shares;
  const char *scope; /* the values of those that decide which table a name means; "": none does */
  size_t sql_size;
  char sql[]; /* sets them; the same for the same values */
} driver_variables;

/* Copies both; with one share. NULL: out of memory. */
driver_variables *variables_new(const char *sql, const char *scope);
driver_variables *variables_share(driver_variables *v); /* accepts NULL, as do the next ones */
void variables_drop(driver_variables *v);
bool variables_same(const driver_variables *a, const driver_variables *b);
static inline const char *variables_scope(const driver_variables *v) { return v ? v->scope : ""; }

#endif
