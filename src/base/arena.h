/* For: memory that is freed all at once: a generation's catalog, a call's SQL and conditions.
 * Owner: the caller that has the arena; memory from it lives until arena_free or arena_reset.
 * Use: arena a = {0}; char *copy = arena_strdup(&a, text); ... arena_free(&a); */
#ifndef SHUNT_BASE_ARENA_H
#define SHUNT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

typedef struct arena_block arena_block;

typedef struct arena {
  arena_block *block; /* the newest; it links to the older ones */
  char *at;
  char *end;
  size_t next_bytes; /* size of the next block */
  size_t total_bytes;
} arena;

/* Aligned for any object, not zeroed; NULL when out of memory. */
void *arena_alloc(arena *a, size_t bytes);
void *arena_zalloc(arena *a, size_t bytes);
char *arena_strndup(arena *a, const char *text, size_t size);
char *arena_strdup(arena *a, const char *text);
__attribute__((format(printf, 2, 3))) char *arena_printf(arena *a, const char *format, ...);
/* Grows *array, which has room for *capacity elements of the given size, to at least need elements. Doubling wastes at
 * most as much as is in use, since the arena keeps the old array. False when out of memory. */
bool arena_grow(arena *a, void *array, size_t *capacity, size_t need, size_t element_bytes);
void arena_reset(arena *a); /* keeps the newest block, to use it again */
void arena_free(arena *a);

#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))

#endif
