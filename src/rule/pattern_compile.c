/* From a pattern's text to its items. */
#include <stdio.h>
#include <string.h>

#include "rule/pattern_item.h"

#define ESCAPE '%'

/* ---- sets ---- */

static bool is_class_letter(unsigned char c) { return c != 0 && strchr("acdglpsuwxzACDGLPSUWXZ", c) != NULL; }

static void set_add(pattern_set *set, unsigned char c) { set->bits[c >> 5] |= (uint32_t)1 << (c & 31); }

/* A word at a time: a set may have half a million classes and ranges. */
static void set_add_escaped(pattern_set *set, unsigned char letter) {
  if (!is_class_letter(letter)) {
    set_add(set, letter);
    return;
  }
  const bool all_but = between(letter, 'A', 'Z');
  for (int i = 0; i < 8; i++) {
    const uint32_t bytes = i < 4 ? class_bytes[(letter | 0x20) - 'a'][i] : 0;
    set->bits[i] |= all_but ? ~bytes : bytes;
  }
}

static void set_add_range(pattern_set *set, unsigned char low, unsigned char high) {
  for (unsigned i = low >> 5; low <= high && i <= (unsigned)high >> 5; i++) {
    uint32_t bytes = UINT32_MAX;
    if (i == low >> 5) bytes &= UINT32_MAX << (low & 31);
    if (i == high >> 5) bytes &= UINT32_MAX >> (31 - (high & 31));
    set->bits[i] |= bytes;
  }
}

/* ---- from text to items ---- */

typedef struct compiler {
  pattern *p;
  const char *at;
  const char *end;
  uint32_t nitems;
  uint32_t nsets;
  uint32_t repeated; /* the last repeated item, or NOWHERE */
} compiler;

size_t pattern_bytes(const char *source, size_t size) {
  size_t sets = 0;
  for (size_t i = 0; i < size; i++) sets += source[i] == '[';
  return (size + 1) * sizeof(pattern_item) + sets * sizeof(pattern_set);
}

static pattern_item *add_item(compiler *c, item_kind kind) {
  pattern_item *n = &c->p->items[c->nitems++];
  memset(n, 0, sizeof *n);
  n->kind = (uint8_t)kind;
  n->repeat = ONCE;
  n->back = c->repeated;
  return n;
}

static void malformed(compiler *c, const char *format, int number) {
  add_item(c, ITEM_MALFORMED);
  snprintf(c->p->error, sizeof c->p->error, format, number);
  c->at = c->end;
}

/* Reads from after the '[' to after the ']'. False, with nothing read, if there is no ']'. */
static bool read_set(compiler *c, uint32_t *index) {
  const char *first = c->at;
  bool negated = first < c->end && *first == '^';
  if (negated) first++;
  const char *close = first;
  do { /* the first byte can't be the closing one */
    if (close == c->end) return false;
    if (*close++ == ESCAPE && close < c->end) close++;
  } while (close == c->end || *close != ']');
  pattern_set *set = &c->p->sets[c->nsets];
  memset(set, 0, sizeof *set);
  for (const char *s = first; s < close; s++) {
    if (*s == ESCAPE) {
      set_add_escaped(set, (unsigned char)*++s);
    } else if (close - s > 2 && s[1] == '-') {
      set_add_range(set, (unsigned char)s[0], (unsigned char)s[2]);
      s += 2;
    } else {
      set_add(set, (unsigned char)*s);
    }
  }
  if (negated)
    for (int i = 0; i < 8; i++) set->bits[i] = ~set->bits[i];
  c->at = close + 1;
  *index = c->nsets++;
  return true;
}

static void read_repeat(compiler *c, pattern_item *n) {
  if (c->at == c->end) return;
  switch (*c->at) {
  case '*':
    n->repeat = MOST;
    break;
  case '+':
    n->repeat = MOST_FROM_ONE;
    break;
  case '-':
    n->repeat = LEAST;
    break;
  case '?':
    n->repeat = OPTIONAL;
    break;
  default:
    return;
  }
  c->at++;
  c->repeated = (uint32_t)(n - c->p->items);
}

static void read_single(compiler *c, unsigned char byte) {
  pattern_item *n;
  uint32_t index = 0;
  if (byte == '.') {
    n = add_item(c, ITEM_ANY);
  } else if (byte == ESCAPE) {
    unsigned char letter = (unsigned char)*c->at++;
    n = add_item(c, is_class_letter(letter) ? ITEM_CLASS : ITEM_CHAR);
    n->c = letter;
  } else if (byte == '[') {
    if (!read_set(c, &index)) {
      malformed(c, "malformed pattern (missing ']')", 0);
      return;
    }
    n = add_item(c, ITEM_SET);
    n->index = index;
  } else {
    n = add_item(c, ITEM_CHAR);
    n->c = byte;
  }
  read_repeat(c, n);
}

static void read_open(compiler *c) {
  pattern *p = c->p;
  if (p->ncaptures >= PATTERN_CAPTURES) {
    malformed(c, "too many captures", 0);
    return;
  }
  bool position = c->at < c->end && *c->at == ')';
  if (position) c->at++;
  add_item(c, position ? ITEM_POSITION : ITEM_START_CAPTURE)->index = p->ncaptures;
  p->captures[p->ncaptures++].size = position ? PATTERN_POSITION : PATTERN_OPEN;
}

/* During compilation, a capture's size is 0 once it is closed. */
static void read_close(compiler *c) {
  pattern *p = c->p;
  for (unsigned i = p->ncaptures; i > 0; i--)
    if (p->captures[i - 1].size == PATTERN_OPEN) {
      p->captures[i - 1].size = 0;
      add_item(c, ITEM_END_CAPTURE)->index = i - 1;
      return;
    }
  malformed(c, "invalid pattern capture", 0);
}

static void read_again(compiler *c, unsigned char digit) {
  pattern *p = c->p;
  int index = digit - '1';
  if (index < 0 || (unsigned)index >= p->ncaptures || p->captures[index].size == PATTERN_OPEN)
    malformed(c, "invalid capture index %%%d", index + 1);
  else if (p->captures[index].size == PATTERN_POSITION)
    add_item(c, ITEM_NEVER);
  else
    add_item(c, ITEM_AGAIN)->index = (uint32_t)index;
}

static void read_balanced(compiler *c) {
  if (c->end - c->at < 2) {
    malformed(c, "malformed pattern (missing arguments to '%%b')", 0);
    return;
  }
  pattern_item *n = add_item(c, ITEM_BALANCED);
  n->c = (unsigned char)*c->at++;
  n->d = (unsigned char)*c->at++;
}

static void read_frontier(compiler *c) {
  uint32_t index = 0;
  if (c->at == c->end || *c->at != '[') {
    malformed(c, "missing '[' after '%%f' in pattern", 0);
    return;
  }
  c->at++;
  if (read_set(c, &index))
    add_item(c, ITEM_FRONTIER)->index = index;
  else
    malformed(c, "malformed pattern (missing ']')", 0);
}

static void read_escape(compiler *c) {
  if (c->at == c->end) {
    malformed(c, "malformed pattern (ends with '%%')", 0);
    return;
  }
  unsigned char letter = (unsigned char)*c->at;
  if (letter == 'b' || letter == 'f' || between(letter, '0', '9')) {
    c->at++;
    if (letter == 'b')
      read_balanced(c);
    else if (letter == 'f')
      read_frontier(c);
    else
      read_again(c, letter);
  } else {
    read_single(c, ESCAPE);
  }
}

void pattern_compile(pattern *p, void *memory, const char *source, size_t size) {
  p->items = memory;
  p->sets = (pattern_set *)(void *)(p->items + size + 1);
  p->ncaptures = 0;
  p->error[0] = 0;
  compiler c = {.p = p, .at = source, .end = source + size, .repeated = NOWHERE};
  while (c.at < c.end) {
    unsigned char byte = (unsigned char)*c.at++;
    if (byte == '(')
      read_open(&c);
    else if (byte == ')')
      read_close(&c);
    else if (byte == '$' && c.at == c.end)
      add_item(&c, ITEM_END);
    else if (byte == ESCAPE)
      read_escape(&c);
    else
      read_single(&c, byte);
  }
  if (c.nitems == 0 || p->items[c.nitems - 1].kind != ITEM_MALFORMED) add_item(&c, ITEM_DONE);
}

bool pattern_is_plain(const char *source, size_t size) {
  static const bool special[256] = {['^'] = true, ['$'] = true, ['*'] = true, ['+'] = true, ['?'] = true,
                                    ['.'] = true, ['('] = true, ['['] = true, ['%'] = true, ['-'] = true};
  for (size_t i = 0; i < size; i++)
    if (special[(unsigned char)source[i]]) return false;
  return true;
}
