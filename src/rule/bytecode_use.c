#include "rule/bytecode_use.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of Lua 5.4, in its order. */
enum { LOADI = 1, LOADF, LOADK, LOADKX, LOADFALSE, LOADTRUE = 7, GETTABUP = 11, GETFIELD = 14 };
enum { SETTABUP = 15, SETTABLE, SETI, SETFIELD, NEWTABLE, SELF, ADDI, ADDK, BXORK = 31, SHRI, SHLI };
enum { EQ = 57, LT, LE, EQK, EQI, LTI, LEI, GTI, GEI, SETLIST = 78, EXTRAARG = 82 };
enum { CONSTANT_NIL, CONSTANT_FALSE, CONSTANT_TRUE = 0x11, CONSTANT_INTEGER = 0x03, CONSTANT_FLOAT = 0x13 };
enum { OFFSET_B = 127, OFFSET_BX = 65535, LONGEST_PATH = 160, MOST_VALUES = 256 };

typedef struct instruction {
  unsigned op, a, b, c;
  bool k; /* c is the number of a constant */
  int bx; /* unsigned */
  int ax;
} instruction;

typedef struct finder {
  const bytecode_code *code;
  bytecode_found found;
  void *ud;
  char path[LONGEST_PATH];
  size_t next; /* constant, which begins at next_at: most are asked for in their order */
  const unsigned char *next_at;
} finder;

/* An instruction that does nothing stands for those behind the end. */
static instruction at(const finder *f, size_t i) {
  uint32_t word;
  if (i >= f->code->ncode) return (instruction){.op = UINT8_MAX};
  memcpy(&word, f->code->code + i * sizeof word, sizeof word);
  return (instruction){.op = word & 0x7F,
                       .a = word >> 7 & 0xFF,
                       .b = word >> 16 & 0xFF,
                       .c = word >> 24,
                       .k = word >> 15 & 1,
                       .bx = (int)(word >> 15),
                       .ax = (int)(word >> 7)};
}

/* ---- constants ---- */

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t size_at(const unsigned char **at, const unsigned char *end) {
  size_t n = 0;
  while (*at < end) {
    const unsigned char byte = *(*at)++;
    n = n << 7 | (byte & 0x7F);
    if (byte & 0x80) break;
  }
  return n;
}

/* Reads the constant at *at, and moves behind it. The reader of the dump has seen that all are whole. */
static shunt_value next_constant(const unsigned char **at, const unsigned char *end) {
  int64_t integer = 0;
  double number = 0;
  const unsigned char type = *(*at)++;
  switch (type) {
  case CONSTANT_NIL:
    return shunt_null();
  case CONSTANT_FALSE:
  case CONSTANT_TRUE:
    return shunt_boolean(type == CONSTANT_TRUE);
  case CONSTANT_INTEGER:
    memcpy(&integer, *at, sizeof integer);
    *at += sizeof integer;
    return shunt_integer(integer);
  case CONSTANT_FLOAT:
    memcpy(&number, *at, sizeof number);
    *at += sizeof number;
    return shunt_float(number);
  default: {
    const size_t size = size_at(at, end);
    const char *text = (const char *)*at;
    *at += size ? size - 1 : 0;
    return shunt_text(text, size ? size - 1 : 0);
  }
  }
}

static bool constant(finder *f, size_t index, shunt_value *out) {
  if (index >= f->code->nconstants) return false;
  if (index < f->next || !f->next_at) {
    f->next = 0;
    f->next_at = f->code->constants;
  }
  for (; f->next <= index; f->next++) *out = next_constant(&f->next_at, f->code->end);
  return true;
}

static bool is_text(const shunt_value *v, const char *text) {
  const size_t size = strlen(text);
  return v->type == SHUNT_TEXT && v->size == size && memcmp(v->as.bytes, text, size) == 0;
}

static bool text_constant(finder *f, size_t index, shunt_value *out) {
  return constant(f, index, out) && out->type == SHUNT_TEXT;
}

/* The value that the instruction loads into its register. */
static bool loaded(finder *f, const instruction *i, shunt_value *out) {
  switch (i->op) {
  case LOADI:
    *out = shunt_integer(i->bx - OFFSET_BX);
    return true;
  case LOADF:
    *out = shunt_float(i->bx - OFFSET_BX);
    return true;
  case LOADTRUE:
  case LOADFALSE:
    *out = shunt_boolean(i->op == LOADTRUE);
    return true;
  case LOADK:
    return constant(f, (size_t)i->bx, out);
  default:
    return false;
  }
}

/* ---- req.attrs.NAME compared with a literal ---- */

static void tell(finder *f, cat_use_kind kind, shunt_value value, size_t where) {
  const bool values = kind == CAT_USE_EQUAL || kind == CAT_USE_ORDER || kind == CAT_USE_PREFIX;
  if (values && value.type == SHUNT_NULL) return; /* whether there is any */
  f->found(f->ud, &(bytecode_use){f->path, kind, value, where});
}

/* Two registers are compared: the field, and one that was loaded with a literal. */
static void find_pair(finder *f, const instruction *load, unsigned field, size_t i) {
  const instruction pair = at(f, i);
  shunt_value value;
  if (pair.op < EQ || pair.op > LE || !loaded(f, load, &value)) return;
  const bool both = (pair.a == field && pair.b == load->a) || (pair.b == field && pair.a == load->a);
  if (both) tell(f, pair.op == EQ ? CAT_USE_EQUAL : CAT_USE_ORDER, value, i);
}

/* A register is compared with the literal in the instruction. */
static void find_immediate(finder *f, const instruction *here, size_t i) {
  shunt_value value;
  if (here->op == EQK && constant(f, here->b, &value))
    tell(f, CAT_USE_EQUAL, value, i);
  else if (here->op >= EQI && here->op <= GEI)
    tell(f, here->op == EQI ? CAT_USE_EQUAL : CAT_USE_ORDER, shunt_integer((int)here->b - OFFSET_B), i);
}

/* What the register that holds the field is compared with, from instruction i on. A literal in front of the comparison
 * was loaded before the two instructions that read the field. */
static void find_comparison(finder *f, size_t i, unsigned field) {
  const instruction before = at(f, i - 3), first = at(f, i);
  if (first.a == field) find_immediate(f, &first, i);
  find_pair(f, &first, field, i + 1);
  find_pair(f, &before, field, i);
}

static bool set_path(finder *f, const char *group, const shunt_value *name) {
  const int n = snprintf(f->path, sizeof f->path, "%s%.*s", group, (int)name->size, name->as.bytes);
  return n > 0 && (size_t)n < sizeof f->path;
}

static void find_field(finder *f, size_t i) {
  const instruction group = at(f, i), field = at(f, i + 1);
  shunt_value of, name;
  if (field.op != GETFIELD || field.b != group.a || !text_constant(f, group.c, &of)) return;
  const bool attrs = is_text(&of, "attrs");
  if (!attrs && !is_text(&of, "where")) return;
  if (!text_constant(f, field.c, &name) || !set_path(f, attrs ? "attrs." : "where.", &name)) return;
  tell(f, CAT_USE_READ, shunt_null(), i + 1);
  find_comparison(f, i + 2, field.a);
}

/* ---- req:mod("attrs.NAME", n) and the other predicates ---- */

static bool kind_of(const shunt_value *method, cat_use_kind *kind) {
  static const struct {
    const char *name;
    cat_use_kind kind;
  } methods[] = {
      {"mod", CAT_USE_PARTS}, {"bucket", CAT_USE_BUCKETS}, {"one_of", CAT_USE_EQUAL}, {"prefix", CAT_USE_PREFIX}};
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    *kind = methods[i].kind;
    if (is_text(method, methods[i].name)) return true;
  }
  return false;
}

/* The literals up to the call are the arguments, or the list that is one. */
static void find_arguments(finder *f, size_t i, cat_use_kind kind) {
  shunt_value value;
  for (size_t last = i + MOST_VALUES; i < last; i++) {
    const instruction next = at(f, i);
    if (loaded(f, &next, &value))
      tell(f, kind, value, i);
    else if (next.op != NEWTABLE && next.op != EXTRAARG && next.op != SETLIST)
      return;
  }
}

static bool asks_parts(cat_use_kind kind) { return kind == CAT_USE_PARTS || kind == CAT_USE_BUCKETS; }

/* The number of parts, which is the argument behind the path; null if it is no literal. */
static void find_parts(finder *f, size_t i, cat_use_kind kind, unsigned argument) {
  const instruction number = at(f, i);
  shunt_value value;
  if (number.a != argument || !loaded(f, &number, &value)) value = shunt_null();
  tell(f, kind, value, i);
}

/* The field of the path that is loaded into the register; "" if it is no literal. False if it is another field. */
static bool find_path(finder *f, size_t i, unsigned argument) {
  const instruction path = at(f, i);
  shunt_value text;
  f->path[0] = 0;
  if (path.op != LOADK || path.a != argument || !text_constant(f, (size_t)path.bx, &text)) return true;
  return set_path(f, "", &text) && (strncmp(f->path, "attrs.", 6) == 0 || strncmp(f->path, "where.", 6) == 0);
}

static void find_predicate(finder *f, size_t i) {
  const instruction self = at(f, i);
  shunt_value method;
  cat_use_kind kind;
  if (!text_constant(f, self.c, &method) || !kind_of(&method, &kind) || !find_path(f, i + 1, self.a + 2)) return;
  if (*f->path) tell(f, CAT_USE_READ, shunt_null(), i + 1);
  if (asks_parts(kind))
    find_parts(f, i + 2, kind, self.a + 3);
  else if (*f->path)
    find_arguments(f, i + 2, kind);
}

/* ---- literals anywhere ---- */

/* The key of a field that is set in a table. */
static bool key(finder *f, const instruction *here, shunt_value *out) {
  if (here->op == SETI) *out = shunt_integer(here->b);
  return here->op == SETI || (here->op == SETFIELD && constant(f, here->b, out));
}

/* The literal that the instruction loads, compares with, computes with or sets. */
static bool operand(finder *f, const instruction *here, size_t i, shunt_value *out) {
  if (here->op == LOADKX) return constant(f, (size_t)at(f, i + 1).ax, out);
  if (here->op == EQK) return constant(f, here->b, out);
  if (here->op >= ADDK && here->op <= BXORK) return constant(f, here->c, out);
  if (here->op >= SETTABUP && here->op <= SETFIELD) return here->k && constant(f, here->c, out);
  if (here->op >= EQI && here->op <= GEI) {
    *out = shunt_integer((int)here->b - OFFSET_B);
  } else if (here->op == ADDI || here->op == SHRI || here->op == SHLI) {
    *out = shunt_integer((int)here->c - OFFSET_B);
  } else {
    return loaded(f, here, out);
  }
  return true;
}

/* A field may be compared with it by way of a local variable, an argument or a table. */
static void find_loose(finder *f, const instruction *here, size_t i) {
  shunt_value value;
  f->path[0] = 0;
  if (key(f, here, &value)) tell(f, CAT_USE_EQUAL, value, i);
  if (!operand(f, here, i, &value) || value.type == SHUNT_BOOL) return;
  const bool bound = value.type != SHUNT_TEXT && here->op != EQK && here->op != EQI;
  tell(f, bound ? CAT_USE_ORDER : CAT_USE_EQUAL, value, i);
}

void bytecode_find_uses(const bytecode_code *c, bytecode_found found, void *ud) {
  finder f = {.code = c, .found = found, .ud = ud};
  for (size_t i = 0; i < c->ncode; i++) {
    const instruction here = at(&f, i);
    if (here.op == GETFIELD || here.op == GETTABUP) find_field(&f, i); /* the request may be an upvalue */
    if (here.op == SELF) find_predicate(&f, i);
    find_loose(&f, &here, i);
  }
}
