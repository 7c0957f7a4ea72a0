/* For: writing JSON, piece by piece, into text that grows. Without memory buf.failed is set.
 * Use: buf_putc(&b, '{'); json_put_key(&b, "id"); if (!json_put_value(&b, &cell)) …not a number…; buf_putc(&b, '}'); */
#ifndef SHUNT_BASE_JSON_WRITE_H
#define SHUNT_BASE_JSON_WRITE_H

#include "base/buf.h"
#include "shunt.h"

/* In quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_put_text(buf *to, const char *text, size_t size);
/* A comma, unless a list or an object begins before it. */
void json_put_comma(buf *to);
/* The name and its colon, after a comma. */
void json_put_key(buf *to, const char *name);
/* A name, and text or null. */
void json_put_member(buf *to, const char *name, const char *text);
/* Integers stay integers, floats have a point or an exponent, blobs are base64. False: it is NaN
 * or an infinity, which JSON has no form for. */
bool json_put_value(buf *to, const shunt_value *v);

#endif
