/* For: text from anywhere made fit for formats that take UTF-8 alone (JSON): what is no UTF-8 becomes U+FFFD.
 * Owner: the caller of utf8_repair frees with base_free.
 * Use: if (!utf8_valid(text, size)) fixed = utf8_repair(text, size, &size); */
#ifndef SHUNT_BASE_UTF8_H
#define SHUNT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* As Unicode defines it: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(const char *text, size_t size);
/* A copy, with a NUL behind; *fixed_size is its size. NULL when out of memory. */
char *utf8_repair(const char *text, size_t size, size_t *fixed_size);

#endif
