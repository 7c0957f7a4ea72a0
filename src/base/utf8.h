/* For: making any text valid UTF-8, for JSON: invalid bytes become U+FFFD.
 * Owner: the caller of utf8_repair frees with base_free.
 * Use: if (!utf8_valid(text, size)) fixed = utf8_repair(text, size, &size); */
#ifndef SHUNT_BASE_UTF8_H
#define SHUNT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

enum { UTF8_MOST = 4 };

/* As Unicode defines it: without overlong forms, surrogates and code points above U+10FFFF. */
bool utf8_valid(const char *text, size_t size);
/* A copy that ends in a NUL; *fixed_size does not count it. NULL when out of memory. */
char *utf8_repair(const char *text, size_t size, size_t *fixed_size);
/* Writes a code point, at most UTF8_MOST bytes, and returns the end. Surrogates are written as they are. */
char *utf8_put(char *to, unsigned code);

#endif
