/* For: changing an input at random: bytes, ranges, tokens, and parts of other inputs.
 * Owner: the caller; a dictionary is read once and kept.
 * Use: mutate_text t = {.size = n, …}; mutate(&r, &t, &dictionary, &another); */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include <string.h>

#include "unit/random.h"

enum { MUTATE_MOST = 16384, MUTATE_TOKENS = 512, MUTATE_TOKEN_BYTES = 96 };

typedef struct mutate_text {
  size_t size;
  uint8_t bytes[MUTATE_MOST];
} mutate_text;

typedef struct mutate_token {
  size_t size;
  uint8_t bytes[MUTATE_TOKEN_BYTES];
} mutate_token;

typedef struct mutate_dictionary {
  mutate_token tokens[MUTATE_TOKENS];
  size_t count;
} mutate_dictionary;

/* ---- dictionaries, in libFuzzer's format: one "token" a line, with \\, \" and \xAB ---- */

static inline size_t mutate_token_byte(const char *at, uint8_t *byte) {
  char digits[3] = {0};
  *byte = (uint8_t)at[at[0] == '\\' && at[1]];
  if (at[0] != '\\' || !at[1]) return 1;
  if (at[1] != 'x' || !at[2] || !at[3]) return 2;
  memcpy(digits, at + 2, 2);
  *byte = (uint8_t)strtoul(digits, NULL, 16);
  return 4;
}

static inline void mutate_add_line(mutate_dictionary *d, const char *line) {
  mutate_token *t = &d->tokens[d->count];
  if (line[0] != '"' || d->count == MUTATE_TOKENS) return;
  for (line++; *line && *line != '"' && t->size < MUTATE_TOKEN_BYTES;)
    line += mutate_token_byte(line, &t->bytes[t->size++]);
  if (t->size) d->count++;
}

/* A missing file is an empty dictionary. */
static inline void mutate_read_dictionary(mutate_dictionary *d, const char *path) {
  char line[512];
  FILE *file = fopen(path, "r");
  while (file && fgets(line, sizeof line, file)) mutate_add_line(d, line);
  if (file) fclose(file);
}

/* ---- changes ---- */

/* Puts bytes from elsewhere in the place of some. What would be too long is left as it was. */
static inline void mutate_replace(mutate_text *t, size_t at, size_t gone, const uint8_t *with, size_t size) {
  if (gone > t->size - at) gone = t->size - at;
  if (t->size - gone + size > MUTATE_MOST) return;
  memmove(t->bytes + at + size, t->bytes + at + gone, t->size - at - gone);
  if (size) memcpy(t->bytes + at, with, size);
  t->size += size - gone;
}

/* Mostly short. */
static inline size_t mutate_length(rng *r, size_t most) {
  const size_t short_one = 1 + rng_below(r, 16);
  return rng_below(r, 8) == 0 ? rng_below(r, most + 1) : short_one < most ? short_one : most;
}

static inline void mutate_copy_within(rng *r, mutate_text *t, const mutate_text *from) {
  static mutate_text part;
  if (!from->size) return;
  const size_t begin = rng_below(r, from->size);
  part.size = mutate_length(r, from->size - begin);
  memcpy(part.bytes, from->bytes + begin, part.size);
  const size_t gone = rng_below(r, 2) ? 0 : mutate_length(r, t->size);
  mutate_replace(t, rng_below(r, t->size + 1), gone, part.bytes, part.size);
}

/* Once, in the place of something, or so often that it nests deeply. */
static inline void mutate_put_token(rng *r, mutate_text *t, const mutate_dictionary *d) {
  const uint8_t random = (uint8_t)rng_next(r);
  const mutate_token *token = d->count ? &d->tokens[rng_below(r, d->count)] : NULL;
  const uint8_t *bytes = token ? token->bytes : &random;
  const size_t size = token ? token->size : 1, at = rng_below(r, t->size + 1);
  const size_t times = rng_below(r, 64) ? 1 : 1 + rng_below(r, 1024);
  mutate_replace(t, at, rng_below(r, 2) ? 0 : mutate_length(r, t->size), bytes, size);
  for (size_t i = 1; i < times; i++) mutate_replace(t, at, 0, bytes, size);
}

static inline void mutate_once(rng *r, mutate_text *t, const mutate_dictionary *d, const mutate_text *other) {
  uint8_t random[16];
  const size_t at = rng_below(r, t->size + 1);
  switch (rng_below(r, 10)) {
  case 0:
    if (at < t->size) t->bytes[at] = (uint8_t)(t->bytes[at] ^ 1u << rng_below(r, 8));
    break;
  case 1:
    if (at < t->size) t->bytes[at] = (uint8_t)rng_next(r);
    break;
  case 2:
    for (size_t i = 0; i < sizeof random; i++) random[i] = (uint8_t)rng_next(r);
    mutate_replace(t, at, 0, random, 1 + rng_below(r, sizeof random));
    break;
  case 3:
    mutate_replace(t, at, mutate_length(r, t->size), NULL, 0);
    break;
  case 4:
    if (rng_below(r, 4) == 0) t->size = at;
    break;
  case 5:
    mutate_copy_within(r, t, t);
    break;
  case 6:
    mutate_copy_within(r, t, other);
    break;
  default:
    mutate_put_token(r, t, d);
  }
}

static inline void mutate(rng *r, mutate_text *t, const mutate_dictionary *d, const mutate_text *other) {
  for (size_t n = 1 + rng_below(r, rng_below(r, 4) ? 3 : 12); n; n--) mutate_once(r, t, d, other);
}

#endif
