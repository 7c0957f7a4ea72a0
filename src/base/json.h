/* For: reading JSON (RFC 8259). jansson writes ours, but without memory its reader takes other texts than the given
 * ones. Use: status = json_read(text, size, &sink, ud, &scratch, err); or, to check only, json_check(text, size, err).
 */
#ifndef SHUNT_BASE_JSON_H
#define SHUNT_BASE_JSON_H

#include "base/buf.h"
#include "shunt.h"

enum { JSON_DEEPEST = 2000 };

/* Gets what is read, in its order. Texts are valid until the function returns. The functions may leave by longjmp: only
 * the scratch holds memory. False: out of memory. */
typedef struct json_sink {
  bool (*value)(void *ud, const shunt_value *v); /* null, boolean, integer, float, text */
  bool (*key)(void *ud, const char *name, size_t size);
  bool (*begin)(void *ud, bool object); /* an object, or a list */
  bool (*end)(void *ud, bool object);
  /* Where in the text the next name or value begins; called before the function that gets it. NULL: not asked. */
  void (*at)(void *ud, const char *where);
} json_sink;

/* text ends in a NUL, which size does not count. Errors: USAGE, with line and column, also in the message: it is not
 * JSON, an integer does not fit into 64 bits, a number not into a double, a name holds a NUL, or it is deeper than
 * JSON_DEEPEST; MEMORY. */
shunt_status json_read(const char *text, size_t size, const json_sink *sink, void *ud, buf *scratch, shunt_error *err);
/* Needs no memory, once plain_locale_ready was called. */
shunt_status json_check(const char *text, size_t size, shunt_error *err);
/* The end of the name or value that begins there, in JSON that was read without an error. */
const char *json_end_of(const char *value);

#endif
