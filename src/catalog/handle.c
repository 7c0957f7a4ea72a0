#include "catalog/handle.h"

#include <string.h>

static const char *const kinds[CAT_NKINDS] = {"model", "relation", "instance", "client"};

/* Handles are taken once for each name: one lock for all apps, which a fork can hold. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void handles_at_fork(process_step step) { process_step_lock(&lock, step); }

void handles_init(handles *h) { memset(h, 0, sizeof *h); }

void handles_end(handles *h) {
  for (int kind = 0; kind < CAT_NKINDS; kind++) map_free(&h->names[kind]);
  arena_free(&h->arena);
}

/* Under the lock. */
static shunt_status add(handles *h, cat_kind kind, const char *name, uint32_t *handle, shunt_error *err) {
  if (h->count == HANDLE_MOST)
    return error_set(err, SHUNT_E_USAGE, "all %d handles are taken: take handles only for names that are used often",
                     HANDLE_MOST);
  char *copy = arena_strdup(&h->arena, name);
  *handle = (uint32_t)(h->count + 1) * CAT_NKINDS + kind;
  if (!copy || !map_put(&h->names[kind], copy, (void *)(uintptr_t)*handle)) return error_memory(err);
  atomic_store_explicit(&h->texts[h->count++], copy, memory_order_release);
  return SHUNT_OK;
}

shunt_status handles_take(handles *h, cat_kind kind, const char *name, uint32_t *handle, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  pthread_mutex_lock(&lock);
  *handle = (uint32_t)(uintptr_t)map_get(&h->names[kind], name);
  if (!*handle) status = add(h, kind, name, handle, err);
  pthread_mutex_unlock(&lock);
  return status;
}

shunt_status handle_lookup(const catalog *c, cat_kind kind, const char *name, const void **out, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  const cat_model *model = NULL;
  const cat_relation *relation = NULL;
  const cat_instance *instance = NULL;
  const cat_client *client = NULL;
  switch (kind) {
  case CAT_KIND_MODEL:
    status = catalog_find_model(c, name, &model, err);
    *out = model;
    break;
  case CAT_KIND_RELATION:
    status = catalog_find_relation(c, name, &relation, err);
    *out = relation;
    break;
  case CAT_KIND_INSTANCE:
    status = catalog_find_instance(c, name, &instance, err);
    *out = instance;
    break;
  case CAT_KIND_CLIENT:
  case CAT_NKINDS:
    status = catalog_find_client(c, name, &client, err);
    *out = client;
    break;
  }
  return status;
}

shunt_status handle_find_slowly(handle_results *t, cat_kind kind, uint32_t handle, const void **out, shunt_error *err) {
  size_t at = handle_place(handle);
  *out = NULL;
  const char *name = at < HANDLE_MOST && handle % CAT_NKINDS == kind
                         ? atomic_load_explicit(&t->handles->texts[at], memory_order_acquire)
                         : NULL;
  if (!name) return error_set(err, SHUNT_E_USAGE, "%u is not a handle of a %s", (unsigned)handle, kinds[kind]);
  shunt_status status = handle_lookup(t->catalog, kind, name, out, err);
  if (!status) atomic_store_explicit(&t->found[at], *out, memory_order_release);
  return status;
}
