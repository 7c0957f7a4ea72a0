/* For: making every allocation fail in turn, and seeing that none is lost.
 * Use: faults_on(&f); for (f.fail_at = 1; !done; f.fail_at++) { f.seen = 0; … } assert_int_equal(f.live, 0);
 * faults_off(); */
#ifndef TESTS_UNIT_FAULTS_H
#define TESTS_UNIT_FAULTS_H

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "shunt.h"

/* Threads of the library may allocate, too. */
typedef struct faults {
  _Atomic size_t seen;    /* allocations asked for since it was last set to 0 */
  _Atomic size_t fail_at; /* this one of them fails, and those after it too where all_after is set; 0: none does */
  _Atomic bool all_after;
  _Atomic bool failed; /* one did */
  _Atomic long live;   /* blocks that are out */
  _Atomic size_t bytes, peak_bytes;
} faults;

static inline void *faults_alloc(void *ud, void *block, size_t old_bytes, size_t new_bytes) {
  faults *f = ud;
  (void)old_bytes;
  size_t had = block ? malloc_usable_size(block) : 0;
  if (new_bytes == 0) {
    if (block) f->live--;
    f->bytes -= had;
    free(block);
    return NULL;
  }
  const size_t seen = ++f->seen;
  if (f->fail_at && (seen == f->fail_at || (f->all_after && seen > f->fail_at))) {
    f->failed = true;
    return NULL;
  }
  void *got = realloc(block, new_bytes);
  if (!block && got) f->live++;
  f->bytes += malloc_usable_size(got) - had;
  if (f->bytes > f->peak_bytes) f->peak_bytes = f->bytes;
  return got;
}

static inline void faults_on(faults *f) {
  memset(f, 0, sizeof *f);
  shunt_set_allocator(faults_alloc, f);
}

static inline void faults_off(void) { shunt_set_allocator(NULL, NULL); }

#endif
