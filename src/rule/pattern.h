/* For: Lua 5.4's patterns with a budget of steps, so that no match can hang. pattern.c describes the algorithm.
 * Owner: everything is borrowed: memory, source and subject must outlive the pattern. Nothing here needs a lua_State.
 * Use: memory has pattern_bytes(source, size) bytes; pattern_compile(&p, memory, source, size);
 *      pattern_subject(&p, text, size); while (pattern_match(&p, at, &end) == PATTERN_NO) at++; */
#ifndef SHUNT_RULE_PATTERN_H
#define SHUNT_RULE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_CAPTURES = 32 };

/* Sizes of captures that aren't text. */
#define PATTERN_OPEN ((ptrdiff_t)-1)     /* never closed */
#define PATTERN_POSITION ((ptrdiff_t)-2) /* a position: () */

typedef enum pattern_result {
  PATTERN_NO,
  PATTERN_YES,
  PATTERN_BAD, /* the match reached a malformed part of the pattern: see error */
  PATTERN_OVER /* the budget is spent */
} pattern_result;

typedef struct pattern_capture {
  const char *start;
  ptrdiff_t size;
} pattern_capture;

typedef struct pattern_item pattern_item;
typedef struct pattern_set {
  uint32_t bits[8]; /* one bit for each byte value */
} pattern_set;

typedef struct pattern {
  const char *text;
  const char *end;
  pattern_item *items;
  pattern_set *sets;
  unsigned ncaptures;
  pattern_capture captures[PATTERN_CAPTURES];
  char error[64]; /* the mistake in the pattern; reported when a match reaches it, as in Lua */
  /* The budget. If the steps are used up, more() is called; without it, the match ends. */
  int64_t steps;
  int64_t (*more)(void *ud); /* returns the number of granted steps; 0 ends the match */
  void *ud;
} pattern;

/* The most memory that pattern_compile needs, aligned as for pointers. */
size_t pattern_bytes(const char *source, size_t size);
/* Never fails: a malformed part is reported when a match reaches it. source comes without the anchor '^'. */
void pattern_compile(pattern *p, void *memory, const char *source, size_t size);
void pattern_subject(pattern *p, const char *text, size_t size);
/* Matches at one position. */
pattern_result pattern_match(pattern *p, const char *at, const char **match_end);
/* Whether source means itself, letter by letter. */
bool pattern_is_plain(const char *source, size_t size);

#endif
