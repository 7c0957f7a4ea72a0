/* For: events of an application, from the place where they happen to the host's callback (shunt_events).
 * Owner: the app owns its events; pools, routes and sessions borrow the pointer, which may be NULL: no events.
 * Use: events_emit(e, SHUNT_EVENT_CIRCUIT_CLOSED, {"client", event_text(name)}, {"level", shunt_integer(0)});
 *
 * While no callback is set, or a less severe event happens than it asked for, an event costs one load and one branch:
 * the fields are not evaluated. The callback runs under a read lock, so that setting another one waits for it; events
 * are therefore emitted outside of every lock that the callback may take (those of the pools, and of reloading). */
#ifndef SHUNT_BASE_EVENT_H
#define SHUNT_BASE_EVENT_H

#include <stdatomic.h>

#include "base/process.h"
#include "shunt.h"

typedef void (*event_fn)(void *ud, const shunt_event *event);

/* What is read without a lock; event.c has the rest. */
typedef struct event_sink {
  atomic_int least; /* severity; above all of them while no callback is set */
} event_sink;

event_sink *events_new(void);    /* NULL when out of memory */
void events_free(event_sink *e); /* accepts NULL */
/* Another one with the same callback. In the child of a fork, a thread of the parent may be in the first. NULL when out
 * of memory. */
event_sink *events_again(const event_sink *e);
void events_at_fork(process_step step);
/* Waits for calls of the callback before. fn NULL: none. Not inside of a callback. */
void events_set(event_sink *e, shunt_severity least, event_fn fn, void *ud);

static inline shunt_severity event_severity(shunt_event_kind kind) {
  static const unsigned char severities[] = {
#define EVENT_SEVERITY(kind, severity, name, text) SHUNT_##severity,
      SHUNT_EVENT_MAP(EVENT_SEVERITY)
#undef EVENT_SEVERITY
  };
  return (shunt_severity)severities[kind];
}

/* For work that is done for an event alone, a look at the clock say. */
static inline bool events_wanted(const event_sink *e, shunt_event_kind kind) {
  return e && (int)event_severity(kind) >= atomic_load_explicit(&e->least, memory_order_relaxed);
}

static inline shunt_value event_text(const char *text) {
  return text ? shunt_text(text, __builtin_strlen(text)) : shunt_null();
}

/* Fields that are null are left out. */
void events_send(event_sink *e, shunt_event_kind kind, const shunt_field *fields, size_t nfields);

#define events_emit(e, kind, ...)                                                                                      \
  do {                                                                                                                 \
    if (!events_wanted(e, kind)) break;                                                                                \
    const shunt_field event_fields[] = {__VA_ARGS__};                                                                  \
    events_send(e, kind, event_fields, sizeof event_fields / sizeof *event_fields);                                    \
  } while (0)

/* The fields that an error has in every event. */
#define EVENT_ERROR(err)                                                                                               \
  {"code", event_text(shunt_status_name((err)->status))}, { "message", event_text((err)->message) }

#endif
