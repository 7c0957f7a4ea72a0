/* For: random values as they are written in Lua, mostly near the limits of something.
 * Use: random_lua = rng_start("…"); add_number(&code); after_comma(&code, add_text); … */
#ifndef TESTS_UNIT_RULE_RANDOM_LUA_H
#define TESTS_UNIT_RULE_RANDOM_LUA_H

#include "base/buf.h"
#include "unit/random.h"

static rng random_lua;

static inline unsigned below(unsigned n) { return (unsigned)rng_below(&random_lua, n); }

#define pick(list) ((list)[below((unsigned)(sizeof(list) / sizeof((list)[0])))])

static inline void add_small(buf *code) { buf_printf(code, "%d", (int)below(16) - 4); }

static inline void add_integer(buf *code) {
  static const char *const edges[] = {"math.maxinteger",
                                      "math.mininteger",
                                      "math.maxinteger - 1",
                                      "math.mininteger + 1",
                                      "1 << 53",
                                      "(1 << 53) + 1",
                                      "-(1 << 53) - 1",
                                      "255",
                                      "256",
                                      "0x7FFFFFFF",
                                      "0x80000000",
                                      "0x10FFFF"};
  switch (below(4)) {
  case 0:
    buf_puts(code, pick(edges));
    break;
  case 1:
    buf_printf(code, "0x%" PRIx64, rng_next(&random_lua) >> below(64));
    break;
  default:
    add_small(code);
  }
}

static inline void add_float(buf *code) {
  static const char *const edges[] = {"0.0",  "-0.0", "1/0",  "-1/0",  "0/0",    "2^53",       "2^63",   "-2^63",
                                      "1e15", "1e16", "1e-5", "1e100", "5e-324", "1e308",      "2^1023", "0.1",
                                      "1.0",  "3.0",  "-7.0", "2.5",   "1e14",   "123456.789", "1/3",    "2^31"};
  if (below(2)) {
    buf_puts(code, pick(edges));
  } else {
    buf_printf(code, "%s0x%x.%xp%d", below(2) ? "-" : "", below(1000), below(100000), (int)below(200) - 100);
  }
}

static inline void add_number(buf *code) {
  if (below(2))
    add_integer(code);
  else
    add_float(code);
}

/* Half of the texts have no NUL, which some functions refuse. */
static inline void add_text(buf *code) {
  static const char letters[] = "abcXYZ019 .,-%_\n\r\t\"\\\177\200\377";
  unsigned count = below(2) ? sizeof letters : sizeof letters - 1;
  buf_putc(code, '"');
  for (unsigned n = below(below(8) ? 8 : 300); n > 0; n--)
    buf_printf(code, "\\%03u", (unsigned char)letters[below(count)]);
  buf_putc(code, '"');
}

static inline void add_value(buf *code) {
  static const char *const others[] = {"nil", "true", "false", "{}", "type", "'12'", "'0x1F'", "' 1e3 '", "'5.5'"};
  switch (below(8)) {
  case 0:
    buf_puts(code, pick(others));
    break;
  case 1:
  case 2:
    add_text(code);
    break;
  default:
    add_number(code);
  }
}

/* Where an index belongs. */
static inline void add_odd(buf *code) {
  static const char *const others[] = {"nil", "true", "{}", "'x'", "'2'", "' 0x3 '", "2.0", "1.5", "2^63", "0/0"};
  buf_puts(code, pick(others));
}

static inline void after_comma(buf *code, void (*add)(buf *)) {
  buf_puts(code, ", ");
  add(code);
}

/* Less than most arguments; one in six is of any kind. */
static inline void add_arguments(buf *code, unsigned most, void (*common)(buf *)) {
  for (unsigned n = below(most); n > 0; n--) after_comma(code, below(6) ? common : add_value);
}

#endif
