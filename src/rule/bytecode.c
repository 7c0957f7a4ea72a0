#include "rule/bytecode.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { OPCODE_SETUPVAL = 10, OPCODE_LEN = 52, OPCODE_MASK = 0x7F, B_SHIFT = 16 };
enum { CONSTANT_NIL = 0x00, CONSTANT_FALSE = 0x01, CONSTANT_TRUE = 0x11 };
enum { CONSTANT_INTEGER = 0x03, CONSTANT_FLOAT = 0x13, CONSTANT_SHORT = 0x04, CONSTANT_LONG = 0x14 };
enum { INSTRUCTION_BYTES = 4, NUMBER_BYTES = 8, UPVALUE_BYTES = 3, LINE_IS_ABSOLUTE = -0x80, DEEPEST = 250 };

typedef struct reader {
  const unsigned char *at;
  const unsigned char *end;
  bool broken;
  bool found;
  const bytecode_watcher *watcher; /* or NULL */
  bytecode_report *report;
} reader;

/* A function that is being read. The enclosing functions say which variables its upvalues refer to. */
typedef struct function {
  const struct function *around; /* NULL for the function that is checked */
  const unsigned char *code;
  size_t ncode;
  const unsigned char *upvalues;
  size_t nupvalues;
  const unsigned char *lines; /* per instruction: the difference to the line before */
  size_t nlines;
  const unsigned char *marks; /* pairs of instruction and line, for differences that don't fit */
  size_t nmarks;
  const unsigned char *names; /* of the upvalues */
  size_t nnames;
  int first_line;
} function;

/* ---- reading ---- */

static const unsigned char *read_bytes(reader *r, size_t count, size_t each) {
  const unsigned char *at = r->at;
  if (r->broken || count > (size_t)(r->end - r->at) / each) {
    r->broken = true;
    return at;
  }
  r->at += count * each;
  return at;
}

static unsigned char read_byte(reader *r) {
  const unsigned char *at = read_bytes(r, 1, 1);
  return r->broken ? 0 : *at;
}

/* Seven bits a byte, the highest first; the last byte has its top bit set. */
static size_t read_size(reader *r) {
  size_t n = 0;
  while (!r->broken) {
    unsigned char byte = read_byte(r);
    if (n > (SIZE_MAX >> 7)) break;
    n = n << 7 | (byte & 0x7F);
    if (byte & 0x80) return n;
  }
  r->broken = true;
  return 0;
}

static int read_int(reader *r) {
  size_t n = read_size(r);
  if (n > INT_MAX) r->broken = true;
  return r->broken ? 0 : (int)n;
}

/* A text, or NULL. */
static const unsigned char *read_text(reader *r, size_t *size) {
  size_t n = read_size(r);
  *size = n > 0 ? n - 1 : 0;
  const unsigned char *text = read_bytes(r, *size, 1);
  return n > 0 && !r->broken ? text : NULL;
}

static void skip_constants(reader *r, bytecode_code *code) {
  size_t size;
  code->nconstants = read_size(r);
  code->constants = r->at;
  for (size_t n = code->nconstants; n > 0 && !r->broken; n--) switch (read_byte(r)) {
    case CONSTANT_NIL:
    case CONSTANT_FALSE:
    case CONSTANT_TRUE:
      break;
    case CONSTANT_INTEGER:
    case CONSTANT_FLOAT:
      read_bytes(r, 1, NUMBER_BYTES);
      break;
    case CONSTANT_SHORT:
    case CONSTANT_LONG:
      read_text(r, &size);
      if (size > r->report->longest_text) r->report->longest_text = size;
      break;
    default:
      r->broken = true;
    }
}

static void read_debug(reader *r, function *f) {
  size_t size;
  f->nlines = read_size(r);
  f->lines = read_bytes(r, f->nlines, 1);
  f->nmarks = read_size(r);
  f->marks = r->at;
  for (size_t i = 0; i < f->nmarks && !r->broken; i++) {
    read_int(r);
    read_int(r);
  }
  for (size_t n = read_size(r); n > 0 && !r->broken; n--) { /* locals: name, first and last instruction */
    read_text(r, &size);
    read_int(r);
    read_int(r);
  }
  f->nnames = read_size(r);
  f->names = r->at;
  for (size_t n = f->nnames; n > 0 && !r->broken; n--) read_text(r, &size);
}

/* ---- looking ---- */

/* Whether an upvalue of f lies outside of the checked function; otherwise it is a local inside it. */
static bool comes_from_outside(const function *f, size_t index) {
  for (; f && index < f->nupvalues; f = f->around) {
    const unsigned char *upvalue = f->upvalues + index * UPVALUE_BYTES;
    bool is_local = upvalue[0];
    if (!f->around) return true;
    if (is_local) return false;
    index = upvalue[1];
  }
  return true; /* no dump of Lua has this */
}

static int line_at(const reader *whole, const function *f, size_t instruction) {
  reader marks = {.at = f->marks, .end = whole->end};
  int line = f->first_line;
  for (size_t i = 0; i <= instruction && i < f->nlines; i++) {
    int difference = f->lines[i] < 128 ? f->lines[i] : f->lines[i] - 256;
    if (difference != LINE_IS_ABSOLUTE) {
      line += difference;
    } else { /* there is one mark for each, in order */
      read_int(&marks);
      line = read_int(&marks);
    }
  }
  return line;
}

static void name_upvalue(const reader *whole, const function *f, size_t index, char *name, size_t room) {
  reader names = {.at = f->names, .end = whole->end};
  const unsigned char *text = NULL;
  size_t size = 0;
  for (size_t i = 0; i <= index && index < f->nnames; i++) text = read_text(&names, &size);
  if (text && size < room)
    snprintf(name, room, "%.*s", (int)size, (const char *)text);
  else
    snprintf(name, room, "?");
}

static void look_through(reader *r, const function *f) {
  for (size_t i = 0; i < f->ncode; i++) {
    uint32_t instruction;
    memcpy(&instruction, f->code + i * INSTRUCTION_BYTES, sizeof instruction);
    if ((instruction & OPCODE_MASK) == OPCODE_LEN) r->broken = true; /* sandbox_load leaves no such operator */
    if ((instruction & OPCODE_MASK) != OPCODE_SETUPVAL) continue;
    size_t index = instruction >> B_SHIFT & 0xFF;
    if (!comes_from_outside(f, index)) continue;
    int line = line_at(r, f, i);
    if (r->found && line >= r->report->line) continue;
    r->found = true;
    r->report->line = line;
    name_upvalue(r, f, index, r->report->name, sizeof r->report->name);
  }
}

/* Passes a use on with its line. */
typedef struct passing {
  const reader *whole;
  const function *f;
} passing;

static void pass_on(void *ud, const bytecode_use *use) {
  const passing *p = ud;
  const bytecode_watcher *w = p->whole->watcher;
  w->found(w->ud, use, line_at(p->whole, p->f, use->instruction));
}

static void look_for_uses(const reader *r, const function *f, bytecode_code *code) {
  code->code = f->code;
  code->ncode = f->ncode;
  code->end = r->end;
  bytecode_find_uses(code, pass_on, &(passing){r, f});
}

static void read_function(reader *r, const function *around, int depth) {
  function f = {.around = around};
  bytecode_code code;
  size_t size;
  if (depth > DEEPEST) r->broken = true;
  read_text(r, &size); /* the source's name */
  f.first_line = read_int(r);
  read_int(r);         /* the last line */
  read_bytes(r, 3, 1); /* parameters, varargs, stack */
  f.ncode = read_size(r);
  f.code = read_bytes(r, f.ncode, INSTRUCTION_BYTES);
  skip_constants(r, &code);
  f.nupvalues = read_size(r);
  f.upvalues = read_bytes(r, f.nupvalues, UPVALUE_BYTES);
  for (size_t n = read_size(r); n > 0 && !r->broken; n--) read_function(r, &f, depth + 1);
  read_debug(r, &f);
  if (r->broken) return;
  look_through(r, &f);
  if (r->watcher) look_for_uses(r, &f, &code);
}

static bool read_header(reader *r) {
  static const unsigned char expected[] = {0x1B, 'L', 'u', 'a', 0x54, 0, 0x19, 0x93, '\r', '\n', 0x1A, '\n', 4, 8, 8};
  int64_t integer;
  double number;
  const unsigned char *fixed = read_bytes(r, sizeof expected, 1);
  const unsigned char *probes = read_bytes(r, 2, NUMBER_BYTES);
  read_byte(r); /* the number of upvalues */
  if (r->broken || memcmp(fixed, expected, sizeof expected) != 0) return false;
  memcpy(&integer, probes, sizeof integer);
  memcpy(&number, probes + NUMBER_BYTES, sizeof number);
  return integer == 0x5678 && number == 370.5;
}

bytecode_result bytecode_check(const char *dump, size_t size, const bytecode_watcher *watcher,
                               bytecode_report *report) {
  memset(report, 0, sizeof *report);
  const unsigned char *begin = (const unsigned char *)dump;
  reader r = {.at = begin, .end = begin + size, .watcher = watcher, .report = report};
  if (!read_header(&r)) return BYTECODE_BROKEN;
  read_function(&r, NULL, 0);
  if (r.broken || r.at != r.end) return BYTECODE_BROKEN;
  return r.found ? BYTECODE_WRITES : BYTECODE_PURE;
}
