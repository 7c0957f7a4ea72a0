/* For: bytes as text of letters, digits, + and /: base64 as RFC 4648 defines it in section 4, with its padding.
 * Owner: the caller's buffers. Use: base64_write(&b, bytes, size); base64_read(text, size, room, &written). */
#ifndef SHUNT_BASE_BASE64_H
#define SHUNT_BASE_BASE64_H

#include "base/buf.h"

void base64_write(buf *to, const char *bytes, size_t size);
/* to has room for 3 bytes of every 4. False: it is something else. */
bool base64_read(const char *text, size_t size, char *to, size_t *written);

#endif
