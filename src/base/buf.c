#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/format.h"

static bool room_for(buf *b, size_t size) {
  if (b->failed) return false;
  if (b->capacity - b->size > size) return true; /* with room for the NUL */
  b->failed = !base_grow(&b->data, &b->capacity, b->size + size + 1, 1);
  return !b->failed;
}

void buf_add(buf *b, const char *text, size_t size) {
  if (!room_for(b, size)) return;
  if (size) memcpy(b->data + b->size, text, size);
  b->data[b->size += size] = 0;
}

void buf_puts(buf *b, const char *text) { buf_add(b, text, strlen(text)); }

void buf_putc(buf *b, char c) {
  if (!room_for(b, 1)) return;
  b->data[b->size++] = c;
  b->data[b->size] = 0;
}

void buf_quoted(buf *b, const char *text, char quote) {
  size_t size = strlen(text);
  if (!room_for(b, 2 * size + 2)) return;
  char *to = b->data + b->size;
  *to++ = quote;
  for (; *text; text++) {
    if (*text == quote) *to++ = quote;
    *to++ = *text;
  }
  *to++ = quote;
  *to = 0;
  b->size = (size_t)(to - b->data);
}

void buf_printf(buf *b, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int size = format_size(format, args);
  if (size < 0) b->failed = true;
  if (size >= 0 && room_for(b, (size_t)size)) {
    vsnprintf(b->data + b->size, (size_t)size + 1, format, args);
    b->size += (size_t)size;
  }
  va_end(args);
}

void buf_reset(buf *b) {
  b->size = 0;
  b->failed = false;
  if (b->data) b->data[0] = 0;
}

char *buf_take(buf *b) {
  buf_add(b, "", 0);
  char *text = b->failed ? NULL : b->data;
  if (!text) base_free(b->data);
  memset(b, 0, sizeof *b);
  return text;
}

void buf_free(buf *b) {
  base_free(b->data);
  memset(b, 0, sizeof *b);
}
