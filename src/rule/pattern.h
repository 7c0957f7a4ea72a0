/* For: Lua 5.4's patterns with a budget, so that none of them can hang.
 * A pattern becomes a row of items. Patterns have neither alternatives nor repeated groups, so a match walks that row
 * forwards, and each repeated item needs to remember one choice only: going back is going to the repeated item before.
 * That takes no recursion and no stack, however the pattern looks.
 * Owner: everything is borrowed: memory, source and subject must outlive the pattern. Not a word about lua_State here.
 * Use: pattern_compile(&p, memory of pattern_bytes(source, size), source, size); pattern_subject(&p, text, size);
 *      while (pattern_match(&p, at, &end) == PATTERN_NO) at++; */
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
  PATTERN_BAD, /* the pattern is malformed from a place on that was reached: see error */
  PATTERN_OVER /* the budget is spent */
} pattern_result;

typedef struct pattern_capture {
  const char *start;
  ptrdiff_t size;
} pattern_capture;

typedef struct pattern_item pattern_item;
typedef struct pattern_set {
  uint32_t bits[8]; /* one a byte value */
} pattern_set;

typedef struct pattern {
  const char *text;
  const char *end;
  pattern_item *items;
  pattern_set *sets;
  unsigned ncaptures;
  pattern_capture captures[PATTERN_CAPTURES];
  char error[64]; /* what is wrong with the pattern; told when a match gets there, as Lua does */
  /* The budget: when steps are used up, more is asked for; without more, there is none. */
  int64_t steps;
  int64_t (*more)(void *ud); /* returns how many steps are granted; 0 ends it */
  void *ud;
} pattern;

/* What pattern_compile needs at most; aligned as for pointers. */
size_t pattern_bytes(const char *source, size_t size);
/* Never fails: what is malformed shows when a match reaches it. source comes without the anchor '^'. */
void pattern_compile(pattern *p, void *memory, const char *source, size_t size);
void pattern_subject(pattern *p, const char *text, size_t size);
/* Matches at one position. */
pattern_result pattern_match(pattern *p, const char *at, const char **match_end);
/* Whether source means itself, letter by letter. */
bool pattern_is_plain(const char *source, size_t size);

#endif
