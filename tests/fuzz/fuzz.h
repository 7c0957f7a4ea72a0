/* For: fuzzers. Each is one function of any bytes that returns 0, int shunt_fuzz_NAME(const uint8_t *data, size_t size)
 * in tests/fuzz/NAME.c, called by main.c or by libFuzzer. A call depends on no call before it, and keeps no memory.
 * Owner: the bytes are the caller's, without a NUL at their end.
 * Use: fuzz_input in = {data, size}; char *line = fuzz_line(&in); … FUZZ_HOLDS(same, "read again as %s", text); */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A violation: printed, and ends the process as a crash does, with the input kept. */
#define FUZZ_HOLDS(condition, ...)                                                                                     \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: not so: %s\n  ", __FILE__, __LINE__, #condition);                                        \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

typedef struct fuzz_input {
  const uint8_t *data;
  size_t size;
} fuzz_input;

/* A copy that ends in NUL and is exactly as large as its text, for the sanitizer to see. Free it with free. */
static inline char *fuzz_copy(const void *data, size_t size) {
  char *copy = size < PTRDIFF_MAX ? malloc(size + 1) : NULL;
  if (!copy) abort();
  if (size) memcpy(copy, data, size);
  copy[size] = 0;
  return copy;
}

/* Takes what stands before the mark, and the mark; everything if it is not there. */
static inline fuzz_input fuzz_until(fuzz_input *in, char mark) {
  const uint8_t *at = in->size ? memchr(in->data, mark, in->size) : NULL;
  fuzz_input taken = {in->data, at ? (size_t)(at - in->data) : in->size};
  const size_t past = taken.size + (at != NULL);
  if (past) in->data += past;
  in->size -= past;
  return taken;
}

/* Takes the next line, without its end. Free it with free. */
static inline char *fuzz_line(fuzz_input *in) {
  fuzz_input line = fuzz_until(in, '\n');
  return fuzz_copy(line.data, line.size);
}

#endif
