#include "rule/bytecode_use.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of Lua 5.4. Those that compare with an immediate value are in the order of the language: EQI to GEI. */
enum { LOADI = 1, LOADF, LOADK, LOADFALSE = 5, LOADTRUE = 7, GETTABUP = 11, GETFIELD = 14, NEWTABLE = 19, SELF };
enum { EQ = 57, LT, LE, EQK, EQI, LTI, LEI, GTI, GEI, CALL = 68, SETLIST = 78, EXTRAARG = 82 };
enum { CONSTANT_NIL, CONSTANT_FALSE, CONSTANT_TRUE = 0x11, CONSTANT_INTEGER = 0x03, CONSTANT_FLOAT = 0x13 };
enum { OFFSET_B = 127, OFFSET_BX = 65535, LONGEST_PATH = 160, MOST_VALUES = 256, MOST_CONSTANTS = 4096 };

typedef struct instruction {
  unsigned op, a, b, c;
  int bx; /* unsigned */
} instruction;

typedef struct finder {
  const bytecode_code *code;
  bytecode_found found;
  void *ud;
  char path[LONGEST_PATH];
  size_t compared; /* the last instruction that compares a field */
} finder;

/* An instruction that does nothing stands for those behind the end. */
static instruction at(const finder *f, size_t i) {
  uint32_t word;
  if (i >= f->code->ncode) return (instruction){.op = UINT8_MAX};
  memcpy(&word, f->code->code + i * sizeof word, sizeof word);
  return (instruction){word & 0x7F, word >> 7 & 0xFF, word >> 16 & 0xFF, word >> 24, (int)(word >> 15)};
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

static bool constant(const finder *f, size_t index, shunt_value *out) {
  const unsigned char *at = f->code->constants;
  if (index >= f->code->nconstants || index >= MOST_CONSTANTS) return false;
  for (size_t i = 0; i <= index; i++) *out = next_constant(&at, f->code->end);
  return true;
}

static bool is_text(const shunt_value *v, const char *text) {
  const size_t size = strlen(text);
  return v->type == SHUNT_TEXT && v->size == size && memcmp(v->as.bytes, text, size) == 0;
}

static bool text_constant(const finder *f, size_t index, shunt_value *out) {
  return constant(f, index, out) && out->type == SHUNT_TEXT;
}

/* The value that the instruction loads into its register. */
static bool loaded(const finder *f, const instruction *i, shunt_value *out) {
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
  if (kind != CAT_USE_READ && value.type == SHUNT_NULL) return; /* whether there is any */
  if (kind == CAT_USE_EQUAL || kind == CAT_USE_ORDER) f->compared = where;
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

/* A literal beside something else, such as a local variable that holds a field. */
static void find_loose(finder *f, const instruction *here, size_t i) {
  if (i == f->compared || here->op < EQK || here->op > GEI) return;
  f->path[0] = 0;
  find_immediate(f, here, i);
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
      {"mod", CAT_USE_PARTS}, {"bucket", CAT_USE_PARTS}, {"one_of", CAT_USE_EQUAL}, {"prefix", CAT_USE_PREFIX}};
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

static void find_predicate(finder *f, size_t i) {
  const instruction self = at(f, i), path = at(f, i + 1);
  shunt_value method, text;
  cat_use_kind kind;
  if (!text_constant(f, self.c, &method) || !kind_of(&method, &kind)) return;
  if (path.op != LOADK || path.a != self.a + 2 || !text_constant(f, (size_t)path.bx, &text)) return;
  if (!set_path(f, "", &text)) return;
  if (strncmp(f->path, "attrs.", 6) != 0 && strncmp(f->path, "where.", 6) != 0) return;
  tell(f, CAT_USE_READ, shunt_null(), i + 1);
  find_arguments(f, i + 2, kind);
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
