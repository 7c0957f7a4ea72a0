/* For: the start of every public read and write: the model of this name, and where the access goes.
 * Use: read_model(&c, "user", NULL, &model); read_access(&c, model, query, &a); */
#ifndef SHUNT_MODEL_READ_H
#define SHUNT_MODEL_READ_H

#include "query/select.h"
#include "relate/plan.h"

/* Checks both names. Errors: NOT_FOUND, USAGE. */
shunt_status read_model(call *c, const char *model, const char *client, const cat_model **out);
/* Options of a query that not every read takes. */
enum { READ_DISTINCT = 1, READ_HAVING = 2, READ_LOCK = 4 };
/* Refuses the options that are not among those that the read takes, anywhere in the query. Errors: USAGE. */
shunt_status read_check(const call *c, const cat_model *model, const shunt_query *query, int takes);
/* The select of a query without keys. */
shunt_status read_spec(call *c, const cat_model *model, const shunt_query *query, const plan *p, select_spec *out);
/* Refuses an access to several sites; what: the option or call that needs one. Errors: USAGE. */
shunt_status read_together(const call *c, const access *a, const char *what);
/* Where the rows of the query are. A read that locks is a write for rules. */
shunt_status read_access(call *c, const cat_model *model, const shunt_query *query, access *out);

#endif
