/* For: names that a host asks for often, looked up once. A handle is a number for a name of one kind. It is valid as
 * long as the application lives. Each generation looks up the name of a handle once, and finds it by number from then
 * on. Owner: the app owns the handles; each generation owns its `handle_results`, the results of the lookups. Any
 * thread. Use: handles_take(h, CAT_KIND_MODEL, "order", &handle, err); handle_find(&t, CAT_KIND_MODEL, handle, &m,
 * err). */
#ifndef SHUNT_CATALOG_HANDLE_H
#define SHUNT_CATALOG_HANDLE_H

#include <stdatomic.h>

#include "base/process.h"
#include "catalog/catalog.h"

enum { HANDLE_MOST = 4096 /* of all kinds together */ };

typedef struct handles {
  map names[CAT_NKINDS]; /* to their number */
  _Atomic(const char *) texts[HANDLE_MOST];
  size_t count;
  arena arena;
} handles;

typedef struct handle_results {
  const handles *handles;
  const catalog *catalog;
  _Atomic(const void *) found[HANDLE_MOST];
} handle_results;

void handles_init(handles *h);
void handles_end(handles *h);
void handles_at_fork(process_step step);
/* Finds the thing of that kind and name in the catalog. Errors: NOT_FOUND. */
shunt_status handle_lookup(const catalog *c, cat_kind kind, const char *name, const void **out, shunt_error *err);
/* The handle of a name; the same name always has the same handle. Handles are never freed: take them only for names
 * that exist. Errors: USAGE (HANDLE_MOST are taken), MEMORY. */
shunt_status handles_take(handles *h, cat_kind kind, const char *name, uint32_t *handle, shunt_error *err);

shunt_status handle_find_slowly(handle_results *t, cat_kind kind, uint32_t handle, const void **out, shunt_error *err);

/* The index of a handle. A handle is (index + 1) * CAT_NKINDS + kind, so it is valid for one kind, and 0 is not a
 * handle. */
static inline size_t handle_place(uint32_t handle) { return handle / CAT_NKINDS - 1; }

/* Errors: USAGE (not a handle of this kind), NOT_FOUND (this generation has no such name). */
static inline shunt_status handle_find(handle_results *t, cat_kind kind, uint32_t handle, const void **out,
                                       shunt_error *err) {
  size_t at = handle_place(handle);
  if (at < HANDLE_MOST && handle % CAT_NKINDS == kind) {
    *out = atomic_load_explicit(&t->found[at], memory_order_acquire);
    if (*out) return SHUNT_OK;
  }
  return handle_find_slowly(t, kind, handle, out, err);
}

#endif
