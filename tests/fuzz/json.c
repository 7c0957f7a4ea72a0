/* JSON of any bytes: query/document and shunt.json_decode take the same, except what the latter has no values for:
 * numbers out of range, half pairs of surrogates, names with NUL, and depth without end. What is read is written and
 * read again as the same. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <jansson.h>
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>

#include "base/json.h"
#include "fuzz/fuzz.h"
#include "query/document.h"

int luaopen_shunt_core(lua_State *L);

static lua_State *L;

/* A state takes longer to make than most calls: so it is kept, and swept after each. */
static void make_state(void) {
  if (L) return;
  L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  luaL_requiref(L, "shunt.core", luaopen_shunt_core, 0); /* the one value that stays on the stack */
}

/* ---- what can be read ---- */

static bool is_in_range(const document_part *number) {
  char *text = fuzz_copy(number->text, number->size);
  errno = 0;
  const bool integer = !strpbrk(text, ".eE");
  const double real = strtod(text, NULL);
  bool fits = isfinite(real);
  errno = 0;
  if (integer) (void)strtoll(text, NULL, 10);
  fits = fits && !errno;
  free(text);
  return fits;
}

static bool is_readable(const document *d) {
  if (d->fault != DOCUMENT_FINE || d->alone) return false;
  for (size_t i = 0; i < d->nnumbers; i++)
    if (!is_in_range(&d->numbers[i])) return false;
  return true;
}

/* ---- reading and writing ---- */

/* Calls the function with the value on top, in whose place its result or message comes. */
static bool call(const char *function) {
  lua_getfield(L, 1, function);
  lua_insert(L, -2);
  return lua_pcall(L, 1, 1, 0) == LUA_OK;
}

static const char *message(void) { return luaL_tolstring(L, -1, NULL); }

static json_t *parse(const char *text, size_t size) {
  return json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
}

/* The value that was read is on top. */
static void check_written(const char *from, size_t from_size) {
  size_t size, size_again;
  if (!call("json")) FUZZ_HOLDS(false, "read, and not written: %s", message());
  const char *text = lua_tolstring(L, -1, &size);
  json_t *meant = parse(from, from_size), *written = parse(text, size);
  FUZZ_HOLDS(meant && written && json_equal(meant, written), "%.*s\nis written as\n%s", (int)from_size, from, text);
  json_decref(meant);
  json_decref(written);
  lua_pushvalue(L, -1);
  if (!call("json_decode") || !call("json")) FUZZ_HOLDS(false, "%s\nis not read or written: %s", text, message());
  const char *again = lua_tolstring(L, -1, &size_again);
  FUZZ_HOLDS(size == size_again && memcmp(text, again, size) == 0, "%s\nis written as\n%s", text, again);
}

int shunt_fuzz_json(const uint8_t *data, size_t size) {
  char *text = fuzz_copy(data, size);
  arena a = {0};
  const shunt_value v = shunt_text(text, size);
  const document d = document_read(&a, &v);
  make_state();
  lua_pushlstring(L, text, size);
  const bool read = call("json_decode");
  const bool may_be_refused = d.nul || d.depth > JSON_DEEPEST; /* a name may hold the NUL */
  const bool taken = json_check(text, size, NULL) == SHUNT_OK;
  FUZZ_HOLDS(taken == read || d.fault == DOCUMENT_REPEATS, "taken as data of a job: %d, and read: %d", taken, read);
  if (read != is_readable(&d) && !(may_be_refused && !read))
    FUZZ_HOLDS(false, "read: %d, but fault %d, alone %d, depth %zu: %s", read, (int)d.fault, d.alone, d.depth,
               message());
  FUZZ_HOLDS(read || strstr(message(), "SHUNT_E_USAGE"), "%s", message());
  if (read && d.depth <= JSON_DEEPEST) check_written(text, size);
  lua_settop(L, 1);
  lua_gc(L, LUA_GCCOLLECT);
  arena_free(&a);
  free(text);
  return 0;
}
