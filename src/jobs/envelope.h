/* For: the parts of a session that go with a job, as one JSON object, so that the job runs in a session like it.
 * Owner: the text belongs to the caller; free it with base_free.
 * Use: envelope_write(s, s->instance, true, &text, err); … on another host: envelope_open(shunt_session_open, app,
 * text, &s, err);
 */
#ifndef SHUNT_JOBS_ENVELOPE_H
#define SHUNT_JOBS_ENVELOPE_H

#include "session/session.h"

/* shunt_session_open has this type. It lies in a layer above, so it is passed in. */
typedef shunt_status (*envelope_opener)(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                        shunt_error *err);

/* For a job of this instance. If that is not the session's, attributes and current datasource stay behind: they
 * describe the work for another tenant. waits: the session waits for the job; so the job must not wait for what the
 * session has locked. Errors: MEMORY. */
shunt_status envelope_write(const shunt_session *s, const cat_instance *instance, bool waits, char **text,
                            shunt_error *err);
/* The name of the instance, in the arena. Errors: INTERNAL, MEMORY. */
shunt_status envelope_instance(const char *text, arena *a, const char **instance, shunt_error *err);
/* Whether the process that pushed the job knew other models, relations or clients than this catalog. */
bool envelope_is_foreign(const char *text, const catalog *c);
/* Errors: those of shunt_session_open and shunt_switch_push; INTERNAL: the text is not an envelope. */
shunt_status envelope_open(envelope_opener open, shunt_app *app, const char *text, shunt_session **session,
                           shunt_error *err);

/* Whether the session has a transaction that writes open on this SQLite file. */
bool envelope_has_locked(const shunt_session *s, const cat_client *client);

#endif
