#include "base/json_write.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/number.h"
#include "base/utf8.h"

static void put_escaped(buf *to, unsigned char c) {
  static const char meant[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
  const char *found = c ? strchr(meant, c) : NULL;
  if (found)
    buf_printf(to, "\\%c", letters[found - meant]);
  else
    buf_printf(to, "\\u%04x", c);
}

static void put_valid(buf *to, const char *text, size_t size) {
  const char *end = text + size, *plain = text;
  buf_putc(to, '"');
  for (; text < end; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    buf_add(to, plain, (size_t)(text - plain));
    put_escaped(to, c);
    plain = text + 1;
  }
  buf_add(to, plain, (size_t)(end - plain));
  buf_putc(to, '"');
}

void json_put_text(buf *to, const char *text, size_t size) {
  if (!size || utf8_valid(text, size)) {
    put_valid(to, size ? text : "", size);
    return;
  }
  char *fixed = utf8_repair(text, size, &size);
  if (fixed)
    put_valid(to, fixed, size);
  else
    to->failed = true;
  base_free(fixed);
}

void json_put_comma(buf *to) {
  const char last = to->size ? to->data[to->size - 1] : '[';
  if (last != '[' && last != '{') buf_putc(to, ',');
}

void json_put_key(buf *to, const char *name) {
  json_put_comma(to);
  json_put_text(to, name, strlen(name));
  buf_putc(to, ':');
}

void json_put_member(buf *to, const char *name, const char *text) {
  json_put_key(to, name);
  if (text)
    json_put_text(to, text, strlen(text));
  else
    buf_puts(to, "null");
}

static bool put_float(buf *to, double number) {
  char room[NUMBER_BYTES];
  if (!isfinite(number)) return false;
  const size_t size = number_write(number, room);
  buf_add(to, room, size);
  if (!strpbrk(room, ".e")) buf_puts(to, ".0");
  return true;
}

bool json_put_value(buf *to, const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    break;
  case SHUNT_BOOL:
    buf_puts(to, v->as.boolean ? "true" : "false");
    return true;
  case SHUNT_INTEGER:
    buf_printf(to, "%lld", (long long)v->as.integer);
    return true;
  case SHUNT_FLOAT:
    return put_float(to, v->as.number);
  case SHUNT_TEXT:
    json_put_text(to, v->as.bytes, v->size);
    return true;
  case SHUNT_BLOB:
    buf_putc(to, '"');
    base64_write(to, v->as.bytes, v->size);
    buf_putc(to, '"');
    return true;
  }
  buf_puts(to, "null");
  return true;
}
