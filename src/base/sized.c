#include "base/sized.h"

#include <string.h>

#include "base/error.h"

enum { MOST = 1024 };

static const union {
  max_align_t aligned;
  char bytes[MOST];
} zeros;

const void *const sized_nothing = &zeros;

static bool is_zero(const char *bytes, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (bytes[i]) return false;
  return true;
}

const void *sized_copy(const void *given, void *room, const sized_type *type, shunt_error *err) {
  size_t size = *(const size_t *)given;
  if (size == 0) size = type->first;
  if (size < type->first || size > MOST) {
    error_set(err, SHUNT_E_USAGE, "the size of a %s is %zu, which can't be; fill the struct with zeros first",
              type->name, size);
    return NULL;
  }
  const size_t known = size < type->now ? size : type->now;
  if (!is_zero((const char *)given + known, size - known)) {
    error_set(err, SHUNT_E_USAGE,
              "a %s sets a member that this library, version " SHUNT_VERSION
              ", does not have: the program was compiled for a later one",
              type->name);
    return NULL;
  }
  memset(room, 0, type->now);
  memcpy(room, given, known);
  memcpy(room, &type->now, sizeof type->now);
  return room;
}
