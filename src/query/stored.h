/* For: sharding keys in one spelling. Rules see a value as they would see it if it came from its column: an upper-case
 * UUID, a date with a time and 1.5 in a decimal(12, 2) route like the values that the column stores for them.
 * Owner: the values live in the call's arena, or are those of the request.
 * Use: status = stored_request(c, &at, decision, &request, &changed); if (changed) decide again. */
#ifndef SHUNT_QUERY_STORED_H
#define SHUNT_QUERY_STORED_H

#include "query/site.h"

/* Replaces the values of the columns that chose the site. A value that the column can't hold stays: the engine refuses
 * it, or finds no row. Errors: USAGE if values of the column's type have several spellings that only the engine knows;
 * MEMORY. */
shunt_status stored_request(call *c, const site *at, const route_decision *d, route_request *request, bool *changed);

/* Whether texts of the column, a sharding key, may be equal though their bytes differ, so that rows with equal ones lie
 * in several parts: it compares without case or accents, and its declared type does not give them one spelling. Always
 * false for models without parts. */
bool stored_is_loose(const site *at, const driver_column *column);
/* Takes the texts of such columns out of the request; *loose is one of them, or stays as it is. */
shunt_status stored_loosen(call *c, const site *at, const route_decision *d, route_request *request,
                           const driver_column **loose);

#endif
