/* For: the start of every public read and write: the model of this name, and where the access goes.
 * Use: read_model(&c, "user", NULL, &model); read_access(&c, model, query, &a); */
#ifndef SHUNT_MODEL_READ_H
#define SHUNT_MODEL_READ_H

#include "query/access.h"
#include "relate/plan.h"

/* Checks both names. Errors: NOT_FOUND, USAGE. */
shunt_status read_model(call *c, const char *model, const char *client, const cat_model **out);
/* Where the rows of the query are. */
shunt_status read_access(call *c, const cat_model *model, const shunt_query *query, access *out);

#endif
