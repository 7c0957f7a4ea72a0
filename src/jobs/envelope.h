/* For: what of a session goes with a job, so that it runs in one like it: as JSON, one object.
 * Owner: the text is the caller's, ended with base_free.
 * Use: envelope_write(s, true, &text, err); … on another host: envelope_open(open, app, text, &s, err). */
#ifndef SHUNT_JOBS_ENVELOPE_H
#define SHUNT_JOBS_ENVELOPE_H

#include "session/session.h"

/* As shunt_session_open, which lies above. */
typedef shunt_status (*envelope_opener)(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                        shunt_error *err);

/* waits: the session waits for the job, which so must not write what the session has locked. Errors: MEMORY. */
shunt_status envelope_write(const shunt_session *s, bool waits, char **text, shunt_error *err);
/* Errors: those of opening a session, and of switching it. */
shunt_status envelope_open(envelope_opener open, shunt_app *app, const char *text, shunt_session **session,
                           shunt_error *err);

/* Whether the session has a transaction that writes open on this SQLite file. */
bool envelope_has_locked(const shunt_session *s, const cat_client *client);

#endif
