/* For: text that grows: SQL, messages, JSON. A failed allocation sets `failed`, which is checked once at the end.
 * Owner: the caller that has the buf; buf_take hands the text over (free it with base_free).
 * Use: buf b = {0}; buf_puts(&b, "SELECT "); ... if (b.failed) return SHUNT_E_MEMORY; buf_free(&b); */
#ifndef SHUNT_BASE_BUF_H
#define SHUNT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

typedef struct buf {
  char *data; /* NULL, or text that ends in a NUL */
  size_t size;
  size_t capacity;
  bool failed;
} buf;

void buf_add(buf *b, const char *text, size_t size);
void buf_puts(buf *b, const char *text);
void buf_putc(buf *b, char c);
void buf_quoted(buf *b, const char *text, char quote); /* the text in quotes; a quote inside is doubled */
__attribute__((format(printf, 2, 3))) void buf_printf(buf *b, const char *format, ...);
void buf_reset(buf *b); /* keeps the memory */
char *buf_take(buf *b); /* NULL when failed; an empty buf gives "" */
void buf_free(buf *b);

#endif
