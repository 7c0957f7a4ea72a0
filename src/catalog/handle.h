/* For: names that a host asks for often, looked up once. A handle is a number that stands for a name of one kind for as
 * long as the application lives; what that is in a generation is found once, and from then on by the number.
 * Owner: the app has the handles, each generation the things that they are in it. Any thread.
 * Use: handles_take(h, CAT_KIND_MODEL, "order", &handle, err); … things_find(&t, h, c, CAT_KIND_MODEL, handle, &m,
 * err). */
#ifndef SHUNT_CATALOG_HANDLE_H
#define SHUNT_CATALOG_HANDLE_H

#include <pthread.h>
#include <stdatomic.h>

#include "catalog/catalog.h"

enum { HANDLE_MOST = 4096 /* of all kinds */ };

typedef struct handles {
  pthread_mutex_t lock;
  map names[CAT_NKINDS]; /* to their number */
  _Atomic(const char *) texts[HANDLE_MOST];
  size_t count;
  arena arena;
} handles;

typedef struct things {
  _Atomic(const void *) found[HANDLE_MOST];
} things;

bool handles_init(handles *h);
void handles_end(handles *h);
/* What the name is in the catalog. Errors: NOT_FOUND. */
shunt_status handle_thing(const catalog *c, cat_kind kind, const char *name, const void **out, shunt_error *err);
/* The same one for the same name, which is one for good: take none of what does not exist. Errors: USAGE, where there
 * are HANDLE_MOST; MEMORY. */
shunt_status handles_take(handles *h, cat_kind kind, const char *name, uint32_t *handle, shunt_error *err);

shunt_status things_find_slowly(things *t, const handles *h, const catalog *c, cat_kind kind, uint32_t handle,
                                const void **out, shunt_error *err);

/* The number after the kind: a handle of one kind is none of another. 0 is none. */
static inline size_t handle_place(uint32_t handle) { return handle / CAT_NKINDS - 1; }

/* Errors: USAGE, for what is no handle of this kind; NOT_FOUND, where this generation has no such name. */
static inline shunt_status things_find(things *t, const handles *h, const catalog *c, cat_kind kind, uint32_t handle,
                                       const void **out, shunt_error *err) {
  size_t at = handle_place(handle);
  if (at < HANDLE_MOST && handle % CAT_NKINDS == kind) {
    *out = atomic_load_explicit(&t->found[at], memory_order_acquire);
    if (*out) return SHUNT_OK;
  }
  return things_find_slowly(t, h, c, kind, handle, out, err);
}

#endif
