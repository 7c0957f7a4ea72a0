/* Every allocation failing in turn, in every operation: those of the client libraries, of Lua, libyaml, jansson and the
 * C library too. A sanitizer has a malloc of its own, so there is nothing to try with one. */
#define _DEFAULT_SOURCE
#include "unit/sweep/nth.h"
#include "unit/sweep/sweep.h"

#include <errno.h>
#include <mysql.h>
#include <stdatomic.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static _Atomic long live; /* blocks */

#if !SANITIZED

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void __libc_free(void *block);

static bool fails(void) {
  if (!nth_fails(true)) return false;
  errno = ENOMEM;
  return true;
}

static void *counted(void *block) {
  if (block) live++;
  return block;
}

#define EXPORTED __attribute__((visibility("default")))
EXPORTED void *malloc(size_t size) { return fails() ? NULL : counted(__libc_malloc(size)); }
EXPORTED void *calloc(size_t n, size_t size) { return fails() ? NULL : counted(__libc_calloc(n, size)); }
EXPORTED void *realloc(void *block, size_t size) {
  if (block && !size) live--;
  if ((!block || size) && fails()) return NULL;
  void *got = __libc_realloc(block, size);
  return block ? got : counted(got);
}
EXPORTED void free(void *block) {
  if (block) live--;
  __libc_free(block);
}

#endif

static bool is_expected(const shunt_error *err) {
  const bool of_a_hook = err->status == SHUNT_E_TRANSACTION && strstr(err->message, "memory");
  return (err->status == SHUNT_E_MEMORY && strstr(err->message, "memory")) || of_a_hook;
}

static const sweep_kind kind = {"failing malloc", nth_arm, nth_disarm, nth_fired, is_expected, true, false, 20};

/* MySQL's own library crashes in mysql_stmt_execute and in mysql_close. */
static bool survives(world_kind engine) {
#ifdef MARIADB_BASE_VERSION
  (void)engine;
  return true;
#else
  return engine != WORLD_MYSQL;
#endif
}

static void without_memory_of_libraries_the_same_holds(void **state) {
  const world_kind engine = *(const world_kind *)*state;
  if (SANITIZED || !world_is_there(engine) || !survives(engine)) skip();
  rng r = rng_start(kind.name);
  sweep_engine(engine, &kind, &r);
}

int main(void) {
  return sweep_on_each("without memory of libraries the same holds", without_memory_of_libraries_the_same_holds);
}
