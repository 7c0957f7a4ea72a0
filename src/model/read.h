/* For: what reads and writes have in common at their start: the model of that name, and where the access goes. */
#ifndef SHUNT_MODEL_READ_H
#define SHUNT_MODEL_READ_H

#include "query/access.h"
#include "relate/plan.h"

/* The model, after the names of model and client were checked. */
shunt_status read_model(call *c, const char *model, const char *client, const cat_model **out);
/* Where the rows are that the query's conditions hold of. */
shunt_status read_access(call *c, const cat_model *model, const shunt_query *query, access *out);

#endif
