/* For: the SQL comment that names the trace of a statement for the server, in the format of sqlcommenter.
 * Owner: the text lives in the call's arena. Use: if (comment_wanted(c, client, engine)) status = comment_add(…);
 *
 * Each trace has another comment, so each statement with one is another text. Such a statement is not kept as a
 * prepared one (driver_conn.once): it would push out the others. Only the sessions of sampled traces pay for that. */
#ifndef SHUNT_QUERY_COMMENT_H
#define SHUNT_QUERY_COMMENT_H

#include "session/call.h"

static inline bool comment_wanted(const call *c, const cat_client *client, const driver_engine *engine) {
  return c->s->traceparent && client->trace_comments && engine->comments;
}

/* *sql becomes the text with the comment behind it. by_hand: SQL that has a comment already is left as it is. Errors:
 * MEMORY. */
shunt_status comment_add(const call *c, bool by_hand, const char **sql, size_t *size);

#endif
