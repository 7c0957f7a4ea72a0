/* For: the start of every public write: names are checked, the relations planned.
 * Use: write_call r = {.options = options ? options : &write_plainly}; status = write_begin(&c, "user", &r); … */
#ifndef SHUNT_MODEL_WRITE_H
#define SHUNT_MODEL_WRITE_H

#include "model/read.h"
#include "relate/nested.h"

typedef struct write_call {
  const shunt_write *options;
  const cat_model *model;
  plan plan;
} write_call;

extern const shunt_write write_plainly; /* zeroed */

route_request write_request(const call *c, const cat_model *model, const shunt_write *o);
/* options is set. Errors: those of read_model and plan_make. */
shunt_status write_begin(call *c, const char *model, write_call *r);

#endif
