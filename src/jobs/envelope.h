/* For: the parts of a session that go with a job, as one JSON object, so that the job runs in a session like it.
 * Owner: the written text belongs to the caller; free it with base_free. What is read lies in the caller's arena.
 * Use: envelope_write(s, s->instance, true, &text, err); … on another host: envelope_read(text, &arena, &e, err);
 * envelope_open(shunt_session_open, app, &e, &s, err); */
#ifndef SHUNT_JOBS_ENVELOPE_H
#define SHUNT_JOBS_ENVELOPE_H

#include "session/session.h"

/* shunt_session_open has this type. It lies in a layer above, so it is passed in. */
typedef shunt_status (*envelope_opener)(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                        shunt_error *err);

/* Larger ones are not written: a claim carries the envelope, and must be quick. */
enum { ENVELOPE_MOST_BYTES = 65536 };

typedef struct envelope {
  const char *instance;
  const char *current; /* the datasource that the session was switched to; NULL: none */
  const shunt_field *attrs;
  size_t nattrs;
  int level;
  const char *names;         /* the hash of the names that the pushing process knew; NULL: it did not say */
  const char *const *locked; /* files that the waiting session has locked */
  size_t nlocked;
  const char *waiter; /* the name of that session; NULL: unknown */
} envelope;

/* For a job of this instance. If that is not the session's, attributes and current datasource stay behind: they
 * describe the work for another tenant. waits: the session waits for the job; so the job must not wait for what the
 * session has locked. Errors: MEMORY; USAGE: it would be too large. */
shunt_status envelope_write(const shunt_session *s, const cat_instance *instance, bool waits, char **text,
                            shunt_error *err);
/* Any text may be read. INTERNAL: it is not an envelope; the error says which part of it is wrong. MEMORY. */
shunt_status envelope_read(const char *text, arena *a, envelope *e, shunt_error *err);
/* Whether the process that pushed the job knew other models, relations, clients or attributes than this catalog. */
bool envelope_is_foreign(const envelope *e, const catalog *c);
/* Errors: those of shunt_session_open and shunt_switch_push. */
shunt_status envelope_open(envelope_opener open, shunt_app *app, const envelope *e, shunt_session **session,
                           shunt_error *err);

/* Whether the session has a transaction that writes open on this SQLite file. */
bool envelope_has_locked(const shunt_session *s, const cat_client *client);

#endif
