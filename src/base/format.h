/* For: how long formatted text becomes, before there is room for it.
 * Owner: none. Use: va_start(args, format); int size = format_size(format, args); … vsnprintf(room, …, args);
 * va_end(args); */
#ifndef SHUNT_BASE_FORMAT_H
#define SHUNT_BASE_FORMAT_H

#include <stdarg.h>
#include <stdio.h>

/* Without the NUL; negative if the format fails. args can be used once more. */
__attribute__((format(printf, 1, 0))) static inline int format_size(const char *format, va_list args) {
  va_list copy;
  va_copy(copy, args);
  int size = vsnprintf(NULL, 0, format, copy);
  va_end(copy);
  return size;
}

#endif
