/* For: the event of a statement that took longer than `events.slowStatement`.
 * Owner: none. Use: if (slow_is_watched(s)) …take the time…; slow_report(s, engine, &statement); */
#ifndef SHUNT_QUERY_SLOW_H
#define SHUNT_QUERY_SLOW_H

#include "session/session.h"

/* Whether the time of statements is to be taken for it. */
static inline bool slow_is_watched(const shunt_session *s) {
  return events_wanted(s->generation.events, SHUNT_EVENT_STATEMENT_SLOW);
}

/* Reports the statement if it was slow, with its SQL, whose literals become "?": they may be secrets. */
void slow_report(const shunt_session *s, const driver_engine *engine, const shunt_statement *statement);

#endif
