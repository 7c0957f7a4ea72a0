/* For: the start of every public write: names are checked, the relations planned.
 * Use: write_call r; status = write_options(&r, options, err); if (!status) status = call_enter(&v, &c, s,
 * r.options->timeout_ms, err); if (!status) status = write_begin(&c, "user", &r); … */
#ifndef SHUNT_MODEL_WRITE_H
#define SHUNT_MODEL_WRITE_H

#include "model/read.h"
#include "relate/nested.h"

typedef struct write_call {
  const shunt_write *options;
  const shunt_conflict *conflict; /* of options; NULL: none */
  const cat_model *model;
  plan plan;
  shunt_write own; /* copies, for callers whose structs have other sizes */
  shunt_conflict own_conflict;
} write_call;

/* given may be NULL. Errors: USAGE. */
shunt_status write_options(write_call *r, const shunt_write *given, shunt_error *err);

route_request write_request(const call *c, const cat_model *model, const shunt_write *o);
/* r has its options. Errors: those of read_model and plan_make. */
shunt_status write_begin(call *c, const char *model, write_call *r);

#endif
