/* Random calls of the libraries, which give in the sandbox what they give in stock Lua. Patterns are in pattern_test.c.
 * Left out is what differs on purpose, and so has a mark in tests/unit/rule/cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above it */
#include <cmocka.h>

#include "unit/rule/beside_lua.h"
#include "unit/rule/random_lua.h"

enum { CALLS = 20000 };

/* ---- string ---- */

/* Without %p, and without %s of a table or function: they show addresses. Lua checks the flags of %a and %c before
 * their arguments, which therefore fit. */
static void add_argument(buf *code, char conversion) {
  if (conversion == '%') return;
  buf_puts(code, ", ");
  if (conversion == 's' || (conversion == 'q' && below(3)))
    add_text(code);
  else if (strchr("cdiuoxX", conversion) && below(4))
    add_integer(code);
  else if (below(16))
    add_number(code);
  else
    add_value(code);
}

/* Returns the conversion, or 0 where it is missing. */
static char add_spec(buf *code) {
  static const char flags[] = "-+ #0", conversions[] = "diuoxXcaAeEfFgGqsdfgxs%y";
  char conversion = conversions[below(sizeof conversions)];
  buf_putc(code, '%');
  if (conversion != '%') {
    for (unsigned n = below(2) ? 0 : below(3); n > 0; n--) buf_putc(code, flags[below(5)]);
    if (below(3) == 0) buf_printf(code, "%u", below(below(20) ? 20 : 130));
    if (below(4) == 0) buf_puts(code, ".");
    if (below(4) == 0) buf_printf(code, "%u", below(below(20) ? 20 : 130));
  }
  if (conversion) buf_putc(code, conversion);
  return conversion;
}

static void make_format(buf *code) {
  char conversions[3];
  unsigned count = 1 + below(3);
  buf_puts(code, "return string.format(\"<");
  for (unsigned i = 0; i < count; i++) {
    conversions[i] = add_spec(code);
    buf_putc(code, '|');
  }
  buf_puts(code, "\"");
  if (below(16) == 0) count--;
  for (unsigned i = 0; i < count; i++) add_argument(code, conversions[i]);
  buf_puts(code, ")");
}

static void make_string(buf *code) {
  static const char *const ranges[] = {"sub", "byte"};
  switch (below(5)) {
  case 0:
  case 1:
    buf_printf(code, "return string.%s(", pick(ranges));
    add_text(code);
    add_arguments(code, 3, add_small);
    break;
  case 2:
    buf_puts(code, "return string.rep(");
    add_text(code);
    after_comma(code, add_small);
    if (below(2)) after_comma(code, add_value);
    break;
  case 3:
    buf_printf(code, "return string.char(%u", below(300));
    add_arguments(code, 4, add_small);
    break;
  default:
    buf_puts(code, "local s = ");
    below(3) ? add_text(code) : add_value(code);
    buf_puts(code, " return string.upper(s), string.lower(s), string.reverse(s), (string.len(s)");
  }
  buf_puts(code, ")");
}

/* ---- numbers and texts ---- */

static void add_digits(buf *code, unsigned most) {
  static const char digits[] = "0123456789012345678901234567890fFazZ";
  for (unsigned n = below(most); n > 0; n--) buf_putc(code, digits[below(sizeof digits - 1)]);
}

/* Mostly a number, sometimes nearly one. */
static void add_numeral(buf *code) {
  static const char *const spaces[] = {"", "", "", " ", "\\t", "\\n ", "\\v", "\\0"};
  static const char *const signs[] = {"", "", "-", "+", "- "};
  static const char *const bases[] = {"", "", "", "0x", "0X", "0"};
  static const char *const exponents[] = {"", "", "", "e", "E+", "e-", "p", "P-"};
  buf_printf(code, "\"%s%s%s", pick(spaces), pick(signs), pick(bases));
  for (unsigned n = below(below(5) ? 6 : 40); n > 0; n--) buf_printf(code, "%u", below(10));
  if (below(3) == 0) buf_putc(code, '.');
  if (below(3) == 0) add_digits(code, 8);
  const char *exponent = pick(exponents);
  buf_puts(code, exponent);
  if (*exponent) buf_printf(code, "%u", below(below(4) ? 30 : 500));
  buf_printf(code, "%s\"", pick(spaces));
}

static void make_tonumber(buf *code) {
  switch (below(5)) {
  case 0:
    buf_puts(code, "return (");
    add_numeral(code);
    buf_puts(code, below(2) ? " + 0" : " * 1");
    break;
  case 1:
    buf_printf(code, "return tonumber(\"%s", below(3) ? "" : below(2) ? " -" : "-");
    add_digits(code, below(6) ? 8 : 70);
    buf_printf(code, "%s\", %d", below(8) ? "" : " ", (int)below(40) - 1);
    break;
  case 2:
    buf_puts(code, "return tonumber(");
    add_value(code);
    add_arguments(code, 2, add_small);
    break;
  default:
    buf_puts(code, "return tonumber(");
    add_numeral(code);
  }
  buf_puts(code, ")");
}

static void make_tostring(buf *code) {
  buf_puts(code, "local a, b = ");
  add_number(code);
  after_comma(code, add_number);
  buf_puts(code,
           " return tostring(a), a .. '|' .. b, #(a .. b), tonumber(tostring(a)), math.type(a), math.tointeger(b),");
  buf_puts(code, below(2) ? " a < b, a <= b, a == b" : " math.floor(a), math.ceil(b), math.max(a, b)");
}

/* ---- utf8 ---- */

static void add_characters(buf *code) {
  static const char *const parts[] = {"a",
                                      "\\0",
                                      "z",
                                      "\\xC3\\xA4",
                                      "\\xE2\\x82\\xAC",
                                      "\\x80",
                                      "\\xBF",
                                      "\\xC3",
                                      "\\xE2\\x82",
                                      "\\xF0\\x9D\\x84\\x9E",
                                      "\\xC0",
                                      "\\xED\\xA0\\x80",
                                      "\\xF4\\x90\\x80\\x80",
                                      "\\xFD\\xBF\\xBF\\xBF\\xBF\\xBF",
                                      "\\xFF",
                                      "\\xE0\\x80\\x80"};
  unsigned valid = below(2) ? 5 : sizeof parts / sizeof parts[0];
  buf_putc(code, '"');
  for (unsigned n = below(6); n > 0; n--) buf_puts(code, parts[below(valid)]);
  buf_putc(code, '"');
}

/* A code around one from which another number of bytes is needed. */
static void add_code(buf *code) {
  static const unsigned starts[] = {0x80, 0x800, 0xD800, 0xE000, 0x10000, 0x110000, 0x200000, 0x4000000, 0x80000000};
  buf_printf(code, "%u", below(3) ? pick(starts) + below(4) - 2 : below(0x110000));
}

static void make_utf8(buf *code) {
  static const char *const functions[] = {"len", "codepoint", "offset"};
  switch (below(4)) {
  case 0:
    buf_puts(code, "local t = {} for p, c in utf8.codes(");
    add_characters(code);
    buf_printf(code, "%s) do t[#t + 1] = p t[#t + 1] = c end return t", below(2) ? ", true" : "");
    return;
  case 1:
    buf_puts(code, "return utf8.char(");
    add_code(code);
    add_arguments(code, 3, add_code);
    break;
  default:
    buf_printf(code, "return utf8.%s(", pick(functions));
    add_characters(code);
    add_arguments(code, 3, add_small);
    if (below(4) == 0) buf_puts(code, ", true");
  }
  buf_puts(code, ")");
}

/* ---- table ---- */

/* A table without holes, since the sandbox defines the length of the others. Returns its length. */
static unsigned add_table(buf *code) {
  unsigned size = below(8);
  buf_puts(code, "local t = {");
  for (unsigned i = 0; i < size; i++) {
    static const char *const values[] = {"'a'", "'b'", "1", "2.5", "'\\0'", "{}", "true"};
    buf_printf(code, "%s, ", below(4) ? pick(values) : "3");
  }
  buf_puts(code, below(4) ? "} " : "n = 1} ");
  return size;
}

/* An index beyond the table comes last, in pcall: versions of Lua disagree about the number of the argument. */
static void make_insert_and_remove(buf *code) {
  unsigned size = add_table(code);
  for (unsigned n = 1 + below(5); n > 0; n--) switch (below(4)) {
    case 0:
      buf_printf(code, "table.insert(t, %u) ", n), size++;
      break;
    case 1:
      buf_printf(code, "table.insert(t, %u, 'i') ", 1 + below(size + 1)), size++;
      break;
    case 2:
      buf_puts(code, "table.remove(t) "), size -= size > 0;
      break;
    default:
      buf_printf(code, "table.remove(t, %u) ", size > 0 ? 1 + below(size) : below(2)), size -= size > 0;
    }
  if (below(3) == 0) {
    buf_puts(code, "table.insert(t, ");
    add_value(code);
    buf_puts(code, ", 'x') ");
  }
  buf_puts(code, "local ok = pcall(table.remove, t");
  after_comma(code, below(3) ? add_small : add_integer);
  buf_puts(code, ") return ok, #t, table.unpack(t, -2, 16)");
}

/* An index near 1 or near one of the limits. */
static void add_index(buf *code, unsigned where) {
  static const char *const origins[] = {"", "", "math.maxinteger - 9 + ", "math.mininteger + 9 + "};
  buf_printf(code, ", %s%d", origins[where], (int)below(13) - 3);
}

/* The range is short, or it is longer than any integer: Lua would walk over what lies between. */
static void make_move(buf *code) {
  unsigned where = below(4), to = below(4);
  add_table(code);
  buf_printf(code, "local u = %s return rawequal(t, table.move(t", below(2) ? "t" : "{7, 8, 9}");
  if (below(8) == 0) {
    buf_printf(code, ", %d, math.maxinteger", -(int)below(4));
  } else {
    add_index(code, where);
    add_index(code, where);
  }
  add_index(code, to);
  buf_puts(code, below(2) ? ", u" : "");
  buf_puts(code, ")), {table.unpack(t, -4, 16)}, table.unpack(u, -4, 16)");
}

static void make_concat_and_unpack(buf *code) {
  static const char *const functions[] = {"concat", "unpack", "concat", "unpack", "pack"};
  const char *function = pick(functions);
  unsigned size = add_table(code), where = below(8) ? 0 : below(4);
  buf_printf(code, "return table.%s(t", function);
  if (strcmp(function, "concat") == 0) after_comma(code, below(6) ? add_text : add_value);
  if (below(2)) add_index(code, where);
  if (below(2) && size > 0) add_index(code, below(8) ? where : below(4));
  if (below(10) == 0) after_comma(code, add_odd);
  buf_puts(code, ")");
}

/* Values that are equal look the same, and the order doesn't contradict itself. */
static void make_sort(buf *code) {
  static const char *const orders[] = {"", ", function(a, b) return a > b end",
                                       ", function(a, b) return tostring(a) < tostring(b) end", ", nil"};
  bool texts = below(2);
  buf_puts(code, "local t = {");
  for (unsigned n = below(below(10) ? 12 : 120); n > 0; n--) {
    if (texts)
      add_text(code);
    else
      buf_printf(code, "%d%s", (int)below(60) - 30, below(3) ? "" : ".5");
    buf_puts(code, ", ");
  }
  buf_printf(code, "} table.sort(t%s) return t", pick(orders));
  if (below(10) == 0) buf_puts(code, ", table.sort({2, 1}, 3)");
}

/* ---- the comparison ---- */

typedef struct family {
  const char *name;
  void (*make)(buf *code);
  unsigned calls, errors;
} family;

static void call_once(beside *b, family *f, buf *code) {
  buf_reset(code);
  f->make(code);
  beside_run(b, code->data);
  if (strcmp(b->ours.data, b->theirs.data) != 0)
    fail_msg("%s, call %u\n  code     %s\n  sandbox  %s\n  Lua      %s", f->name, f->calls, code->data, b->ours.data,
             b->theirs.data);
  f->calls++;
  f->errors += b->theirs.data[0] == '!';
}

static void gives_what_lua_gives(void **state) {
  (void)state;
  family families[] = {
      {.name = "format", .make = make_format},     {.name = "string", .make = make_string},
      {.name = "tonumber", .make = make_tonumber}, {.name = "tostring", .make = make_tostring},
      {.name = "utf8", .make = make_utf8},         {.name = "insert and remove", .make = make_insert_and_remove},
      {.name = "move", .make = make_move},         {.name = "concat and unpack", .make = make_concat_and_unpack},
      {.name = "sort", .make = make_sort}};
  enum { FAMILIES = sizeof families / sizeof families[0] };
  beside b;
  buf code = {0};
  random_lua = rng_start("libraries");
  beside_open(&b);
  for (unsigned i = 0; i < CALLS; i++) call_once(&b, &families[below(FAMILIES)], &code);
  for (const family *f = families; f < families + FAMILIES; f++) {
    print_message("%s: %u calls, %u errors\n", f->name, f->calls, f->errors);
    assert_true(f->calls > CALLS / FAMILIES / 2 && f->errors < f->calls / 10 * 9);
  }
  beside_close(&b);
  buf_free(&code);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_what_lua_gives),
  };
  return cmocka_run_group_tests_name("rule/lib_random", tests, NULL, NULL);
}
