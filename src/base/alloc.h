/* For: the one door to memory, so that a host's allocator and a fault injector see everything.
 * Owner: the caller of base_alloc frees with base_free. The hook is process-wide.
 * Use: p = base_alloc(n); if (!p) return SHUNT_E_MEMORY; ... base_free(p); */
#ifndef SHUNT_BASE_ALLOC_H
#define SHUNT_BASE_ALLOC_H

#include <stddef.h>

#include "shunt.h"

void *base_alloc(size_t bytes);                /* NULL when there is none */
void *base_zalloc(size_t bytes);               /* the same, zeroed */
void *base_realloc(void *block, size_t bytes); /* block stays as it is on failure */
void base_free(void *block);                   /* accepts NULL */
char *base_strdup(const char *text);

/* Grows *array (of elements of the given size, *capacity of them) to hold at least need. False when out of memory. */
bool base_grow(void *array, size_t *capacity, size_t need, size_t element_bytes);

/* lua_Alloc itself, over the same hook. */
void *base_lua_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes);

#endif
