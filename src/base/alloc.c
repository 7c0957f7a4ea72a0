#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *with_malloc(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  (void)old_bytes;
  if (new_bytes == 0) {
    free(block);
    return NULL;
  }
  return block ? realloc(block, new_bytes) : malloc(new_bytes);
}

static shunt_alloc_fn hook = with_malloc;
static void *hook_ud;

void shunt_set_allocator(shunt_alloc_fn alloc, void *ud) {
  hook = alloc ? alloc : with_malloc;
  hook_ud = alloc ? ud : NULL;
}

void shunt_free(void *block) { base_free(block); }

void *base_alloc(size_t bytes) { return hook(hook_ud, NULL, 0, bytes ? bytes : 1); }

void *base_zalloc(size_t bytes) {
  void *block = base_alloc(bytes);
  if (block) memset(block, 0, bytes);
  return block;
}

void *base_realloc(void *block, size_t bytes) { return hook(hook_ud, block, 0, bytes ? bytes : 1); }

void base_free(void *block) {
  if (block) hook(hook_ud, block, 0, 0);
}

char *base_strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = base_alloc(size);
  if (copy) memcpy(copy, text, size);
  return copy;
}

bool base_grow(void *array, size_t *capacity, size_t need, size_t element_bytes) {
  if (need <= *capacity) return true;
  size_t room = *capacity ? *capacity : 8;
  while (room < need) {
    if (room > SIZE_MAX / 2) return false;
    room *= 2;
  }
  if (room > SIZE_MAX / element_bytes) return false;
  void *old;
  memcpy(&old, array, sizeof old);
  void *grown = base_realloc(old, room * element_bytes);
  if (!grown) return false;
  memcpy(array, &grown, sizeof grown);
  *capacity = room;
  return true;
}

void *base_lua_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud;
  /* for a NULL block, Lua passes the kind of the new object in old_bytes */
  if (new_bytes == 0) {
    if (block) hook(hook_ud, block, old_bytes, 0);
    return NULL;
  }
  return hook(hook_ud, block, block ? old_bytes : 0, new_bytes);
}
