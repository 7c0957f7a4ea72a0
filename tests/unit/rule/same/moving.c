#include "unit/rule/same/moving.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/random.h"

enum { NEW_GARBAGE = 0xA5, OLD_GARBAGE = 0xDB, MOST_PADDING = 32 };

/* Stands before each block. */
typedef struct header {
  _Alignas(max_align_t) void *whole; /* what malloc gave */
  size_t bytes;
} header;

static size_t padding(void) {
  static _Atomic uint64_t count;
  rng r = {(uint64_t)(uintptr_t)&r + atomic_fetch_add(&count, 1)};
  return rng_below(&r, MOST_PADDING) * sizeof(header);
}

static void *make(size_t bytes) {
  size_t before = padding();
  char *whole = malloc(before + sizeof(header) + bytes);
  if (!whole) return NULL;
  header *h = (header *)(void *)(whole + before);
  *h = (header){whole, bytes};
  return memset(h + 1, NEW_GARBAGE, bytes);
}

static void drop(void *block) {
  header *h = (header *)block - 1;
  void *whole = h->whole;
  memset(block, OLD_GARBAGE, h->bytes);
  free(whole);
}

void *same_moving(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  (void)ud, (void)old_bytes;
  void *made = NULL;
  if (new_bytes > 0) {
    made = make(new_bytes);
    if (!made) return NULL;
    size_t had = block ? ((header *)block - 1)->bytes : 0;
    if (had) memcpy(made, block, had < new_bytes ? had : new_bytes);
  }
  if (block) drop(block);
  return made;
}
