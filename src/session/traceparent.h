/* For: the trace that a session belongs to: its attribute `traceparent`, as W3C Trace Context writes it.
 * Owner: none. Use: if (traceparent_is_sampled(text, size)) … */
#ifndef SHUNT_SESSION_TRACEPARENT_H
#define SHUNT_SESSION_TRACEPARENT_H

#include <stdbool.h>
#include <stddef.h>

#define TRACEPARENT "traceparent" /* the attribute */

/* Whether the text is valid and says that the trace is recorded. A valid text has letters, digits and hyphens alone. As
 * the standard has it, what is not valid is no trace, and no error: it may come from outside. */
bool traceparent_is_sampled(const char *text, size_t size);

#endif
