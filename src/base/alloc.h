/* For: all allocations, so that the host's allocator and a fault injector see each of them.
 * Owner: the caller of base_alloc frees with base_free. The hook is process-wide.
 * Use: p = base_alloc(n); if (!p) return SHUNT_E_MEMORY; ... base_free(p); */
#ifndef SHUNT_BASE_ALLOC_H
#define SHUNT_BASE_ALLOC_H

#include <stddef.h>

#include "shunt.h"

void *base_alloc(size_t bytes);                /* NULL when out of memory */
void *base_zalloc(size_t bytes);               /* the same, zeroed */
void *base_realloc(void *block, size_t bytes); /* on failure the block stays as it is */
void base_free(void *block);                   /* accepts NULL */
char *base_strdup(const char *text);

/* Grows *array, which has room for *capacity elements of the given size, to at least need elements. False when out of
 * memory. */
bool base_grow(void *array, size_t *capacity, size_t need, size_t element_bytes);

/* A lua_Alloc over the same hook. */
void *base_lua_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes);

#endif
