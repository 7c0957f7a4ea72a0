/* For: the items of a pattern: pattern_compile.c makes them, pattern.c matches them.
 * Owner: the memory given to pattern_compile.
 * Use: each item is one step of a match; the last is ITEM_DONE or ITEM_MALFORMED. */
#ifndef SHUNT_RULE_PATTERN_ITEM_H
#define SHUNT_RULE_PATTERN_ITEM_H

#include "rule/pattern.h"

typedef enum item_kind {
  ITEM_CHAR, /* the kinds up to ITEM_SET match one byte and may be repeated */
  ITEM_ANY,
  ITEM_CLASS,
  ITEM_SET,
  ITEM_START_CAPTURE,
  ITEM_END_CAPTURE,
  ITEM_POSITION,
  ITEM_AGAIN, /* the text of a capture */
  ITEM_BALANCED,
  ITEM_FRONTIER,
  ITEM_END, /* of the subject */
  ITEM_NEVER,
  ITEM_DONE,
  ITEM_MALFORMED
} item_kind;

typedef enum item_repeat { ONCE, MOST, MOST_FROM_ONE, LEAST, OPTIONAL } item_repeat;

struct pattern_item {
  uint8_t kind;
  uint8_t repeat;
  unsigned char c; /* the byte; the letter of the class; the opening byte */
  unsigned char d; /* the closing byte */
  uint32_t index;  /* of the set or the capture */
  uint32_t back;   /* the repeated item before, or NOWHERE */
  const char *low; /* a repeated item's choice: it may end anywhere from low to at, and ends at at */
  const char *at;
};

#define NOWHERE UINT32_MAX

/* ---- bytes and sets ---- */

static inline bool between(unsigned char c, unsigned char low, unsigned char high) { return c >= low && c <= high; }

/* The classes of the C locale, whatever locale the process has set, so that a rule decides the same everywhere. */
static inline bool in_class(unsigned char letter, unsigned char c) {
  bool lower = between(c, 'a', 'z'), upper = between(c, 'A', 'Z'), digit = between(c, '0', '9');
  bool in;
  switch (letter | 0x20) {
  case 'a':
    in = lower || upper;
    break;
  case 'c':
    in = c < 32 || c == 127;
    break;
  case 'd':
    in = digit;
    break;
  case 'g':
    in = between(c, 33, 126);
    break;
  case 'l':
    in = lower;
    break;
  case 'p':
    in = between(c, 33, 126) && !lower && !upper && !digit;
    break;
  case 's':
    in = c == ' ' || between(c, '\t', '\r');
    break;
  case 'u':
    in = upper;
    break;
  case 'w':
    in = lower || upper || digit;
    break;
  case 'z':
    in = c == 0;
    break;
  case 'x':
    in = digit || between(c, 'a', 'f') || between(c, 'A', 'F');
    break;
  default: /* not reached: is_class_letter comes first */
    return false;
  }
  return between(letter, 'A', 'Z') ? !in : in;
}

static inline bool set_has(const pattern_set *set, unsigned char c) { return (set->bits[c >> 5] >> (c & 31)) & 1; }

#endif
