/* For: telling by its words SQL by which a session itself can leave nothing on a connection, and SQL that reads.
 * Owner: nothing is allocated.
 * Use: if (!plain_is(engine->lex, sql, size)) conn->altered = true; */
#ifndef SHUNT_DRIVER_PLAIN_H
#define SHUNT_DRIVER_PLAIN_H

#include "driver/lex.h"

/* Whether it is a SELECT, INSERT, UPDATE or DELETE that calls no function, except for a few of the engine's own. What
 * its tables run (triggers, views, defaults) does not show here. */
bool plain_is(const lex_dialect *dialect, const char *sql, size_t size);

/* Whether it says that it reads. The engine may know better: a function can write. */
bool plain_reads(const lex_dialect *dialect, const char *sql, size_t size);
/* Whether its first word says so, whatever follows. */
bool plain_begins_read(const lex_dialect *dialect, const char *sql, size_t size);

#endif
