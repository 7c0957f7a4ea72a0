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

/* The classes of the C locale, whatever locale the process has set, so that a rule decides the same everywhere: for
 * each letter the set of its bytes. No class has bytes above 127. */
static const uint32_t class_bytes[26][4] = {
    ['a' - 'a'] = {0, 0, 0x07FFFFFE, 0x07FFFFFE},
    ['c' - 'a'] = {0xFFFFFFFF, 0, 0, 0x80000000},
    ['d' - 'a'] = {0, 0x03FF0000, 0, 0},
    ['g' - 'a'] = {0, 0xFFFFFFFE, 0xFFFFFFFF, 0x7FFFFFFF},
    ['l' - 'a'] = {0, 0, 0, 0x07FFFFFE},
    ['p' - 'a'] = {0, 0xFC00FFFE, 0xF8000001, 0x78000001},
    ['s' - 'a'] = {0x00003E00, 0x00000001, 0, 0},
    ['u' - 'a'] = {0, 0, 0x07FFFFFE, 0},
    ['w' - 'a'] = {0, 0x03FF0000, 0x07FFFFFE, 0x07FFFFFE},
    ['x' - 'a'] = {0, 0x03FF0000, 0x0000007E, 0x0000007E},
    ['z' - 'a'] = {0x00000001, 0, 0, 0},
};

/* letter is one of is_class_letter; a capital is the complement. */
static inline bool in_class(unsigned char letter, unsigned char c) {
  const bool in = c < 128 && (class_bytes[(letter | 0x20) - 'a'][c >> 5] >> (c & 31)) & 1;
  return between(letter, 'A', 'Z') ? !in : in;
}

static inline bool set_has(const pattern_set *set, unsigned char c) { return (set->bits[c >> 5] >> (c & 31)) & 1; }

#endif
