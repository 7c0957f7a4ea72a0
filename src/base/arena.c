#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/format.h"

struct arena_block {
  arena_block *before;
  size_t bytes;
  _Alignas(max_align_t) char data[];
};

enum { FIRST_BYTES = 1024, LARGEST_BYTES = 1 << 20 };
#define ALIGNED(bytes) (((bytes) + (sizeof(void *) * 2 - 1)) & ~(sizeof(void *) * 2 - 1))

static bool add_block(arena *a, size_t need) {
  size_t bytes = a->next_bytes ? a->next_bytes : FIRST_BYTES;
  a->next_bytes = bytes < LARGEST_BYTES ? bytes * 2 : bytes;
  if (bytes < need) bytes = need;
  arena_block *block = base_alloc(sizeof *block + bytes);
  if (!block) return false;
  block->before = a->block;
  block->bytes = bytes;
  a->block = block;
  a->at = block->data;
  a->end = block->data + bytes;
  a->total_bytes += bytes;
  return true;
}

void *arena_alloc(arena *a, size_t bytes) {
  if (bytes > SIZE_MAX / 2) return NULL;
  bytes = ALIGNED(bytes ? bytes : 1);
  if ((size_t)(a->end - a->at) < bytes && !add_block(a, bytes)) return NULL;
  void *got = a->at;
  a->at += bytes;
  return got;
}

void *arena_zalloc(arena *a, size_t bytes) {
  void *got = arena_alloc(a, bytes);
  if (got) memset(got, 0, bytes);
  return got;
}

char *arena_strndup(arena *a, const char *text, size_t size) {
  char *copy = arena_alloc(a, size + 1);
  if (!copy) return NULL;
  if (size) memcpy(copy, text, size);
  copy[size] = 0;
  return copy;
}

char *arena_strdup(arena *a, const char *text) { return arena_strndup(a, text, strlen(text)); }

char *arena_printf(arena *a, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int size = format_size(format, args);
  char *text = size < 0 ? NULL : arena_alloc(a, (size_t)size + 1);
  if (text) vsnprintf(text, (size_t)size + 1, format, args);
  va_end(args);
  return text;
}

bool arena_grow(arena *a, void *array, size_t *capacity, size_t need, size_t element_bytes) {
  if (need <= *capacity) return true;
  size_t room = *capacity ? *capacity * 2 : 4;
  if (room < need) room = need;
  if (room > SIZE_MAX / 2 / element_bytes) return false;
  void *old, *grown = arena_alloc(a, room * element_bytes);
  if (!grown) return false;
  memcpy(&old, array, sizeof old);
  if (*capacity) memcpy(grown, old, *capacity * element_bytes);
  memcpy(array, &grown, sizeof grown);
  *capacity = room;
  return true;
}

void arena_reset(arena *a) {
  if (!a->block) return;
  arena_block *block = a->block->before;
  while (block) {
    arena_block *before = block->before;
    a->total_bytes -= block->bytes;
    base_free(block);
    block = before;
  }
  a->block->before = NULL;
  a->at = a->block->data;
}

void arena_free(arena *a) {
  arena_block *block = a->block;
  while (block) {
    arena_block *before = block->before;
    base_free(block);
    block = before;
  }
  memset(a, 0, sizeof *a);
}
