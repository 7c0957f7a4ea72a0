/* For: calls as JSON, for hosts that reach the library through a foreign-function interface. shunt_call is its public
 * function. Use: status = call_session_options(json, &a, &options, err); …open the session… */
#ifndef SHUNT_CALL_CALL_H
#define SHUNT_CALL_CALL_H

#include "base/arena.h"
#include "shunt.h"

/* A session's options from JSON; NULL: none. They lie in the arena. Errors: USAGE, MEMORY. */
shunt_status call_session_options(const char *json, arena *a, shunt_session_options *out, shunt_error *err);

#endif
