/* For: the error of a failed job as the text of its row: a JSON object, so that a waiting session gets it back whole.
 * Rows written before that hold "CODE: message", which is still read.
 * Owner: the text is the caller's; free it with base_free.
 * Use: failure_write(why, &text, err); … failure_read(text, &why, err); … failure_print(&why, line, sizeof line); */
#ifndef SHUNT_JOBS_FAILURE_H
#define SHUNT_JOBS_FAILURE_H

#include "base/error.h"

enum { FAILURE_LINE_ROOM = sizeof(((shunt_error *)0)->message) + sizeof(((shunt_error *)0)->file) + 48 };

/* Errors: MEMORY. */
shunt_status failure_write(const shunt_error *why, char **text, shunt_error *err);
/* Text that is no error gives INTERNAL with the text as the message. Errors: MEMORY. */
shunt_status failure_read(const char *text, shunt_error *why, shunt_error *err);
/* For people: "SHUNT_E_TIMEOUT: jobs/mail.lua:7: timed out". Returns line. */
const char *failure_print(const shunt_error *why, char *line, size_t room);

#endif
