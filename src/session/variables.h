/* For: the values that a session gives the session variables of a client (`session` in the configuration).
 * Owner: the session keeps them until it moves to another generation or closes. Connections share them.
 * Use: status = session_variables(s, client, &variables, err); … driver_set_variables(conn, variables, err). */
#ifndef SHUNT_SESSION_VARIABLES_H
#define SHUNT_SESSION_VARIABLES_H

#include "session/session.h"

/* *out is NULL if the client has none. Errors: USAGE: the session lacks what a value needs, or it is not a value for
 * the variable; MEMORY. */
shunt_status session_variables(shunt_session *s, const cat_client *client, driver_variables **out, shunt_error *err);
void session_drop_variables(shunt_session *s);

#endif
