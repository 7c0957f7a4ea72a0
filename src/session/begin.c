/* Where SQL and transactions go that name a client, or none. */
#include <string.h>

#include "session/transaction.h"

static shunt_status ask_rules(call *c, shunt_op op, bool effective, const cat_client **client, int *level) {
  route_request request = session_request(c->s, NULL, op);
  route_decision *d = call_decision(c);
  if (effective) request.current = NULL;
  if (!d) return error_memory(c->err);
  shunt_status status = route_decide(c->s->generation.route, &request, d, c->err);
  if (status) return status;
  *client = d->client;
  *level = d->as.level;
  return SHUNT_OK;
}

shunt_status transaction_client(call *c, const char *name, shunt_op op, const cat_client **client, int *level) {
  shunt_status status;
  *level = c->s->level.now;
  if (!name || strcmp(name, CATALOG_DEFAULT) == 0)
    status = ask_rules(c, op, name != NULL, client, level);
  else
    status = session_named_client(c->s, name, client, c->err);
  if (!status) *level = session_level_of(*client, *level);
  return status;
}
