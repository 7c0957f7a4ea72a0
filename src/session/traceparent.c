#include "session/traceparent.h"

#include <string.h>

/* version-trace-parent-flags: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
enum { VERSION_AT = 0, TRACE_AT = 3, PARENT_AT = 36, FLAGS_AT = 53, TRACEPARENT_SIZE = 55 };

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/* *zero: all digits are 0. */
static bool is_hexadecimal(const char *text, size_t n, bool *zero) {
  *zero = true;
  for (size_t i = 0; i < n; i++) {
    if (digit(text[i]) < 0) return false;
    *zero = *zero && text[i] == '0';
  }
  return true;
}

/* A later version of the standard may have more fields; a text with these is left alone. */
bool traceparent_is_sampled(const char *text, size_t size) {
  bool zero, no_trace, no_parent;
  if (size != TRACEPARENT_SIZE || text[TRACE_AT - 1] != '-' || text[PARENT_AT - 1] != '-' || text[FLAGS_AT - 1] != '-')
    return false;
  if (!is_hexadecimal(text + VERSION_AT, 2, &zero) || strncmp(text, "ff", 2) == 0) return false;
  if (!is_hexadecimal(text + TRACE_AT, 32, &no_trace) || !is_hexadecimal(text + PARENT_AT, 16, &no_parent))
    return false;
  if (!is_hexadecimal(text + FLAGS_AT, 2, &zero) || no_trace || no_parent) return false;
  return digit(text[FLAGS_AT + 1]) & 1;
}
