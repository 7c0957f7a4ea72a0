#include "rule/pattern.h"

#include <stdio.h>
#include <string.h>

typedef enum node_kind {
  NODE_CHAR, /* the kinds up to NODE_SET match one byte and may be repeated */
  NODE_ANY,
  NODE_CLASS,
  NODE_SET,
  NODE_START_CAPTURE,
  NODE_END_CAPTURE,
  NODE_POSITION,
  NODE_AGAIN, /* what a capture matched */
  NODE_BALANCED,
  NODE_FRONTIER,
  NODE_END, /* of the subject */
  NODE_NEVER,
  NODE_DONE,
  NODE_MALFORMED
} node_kind;

typedef enum node_repeat { ONCE, MOST, MOST_FROM_ONE, LEAST, OPTIONAL } node_repeat;

struct pattern_node {
  uint8_t kind;
  uint8_t repeat;
  unsigned char c; /* the byte; the class's letter; what opens */
  unsigned char d; /* what closes */
  uint32_t index;  /* of the set or the capture */
  uint32_t back;   /* the repeated node before, or NOWHERE */
  const char *low; /* a repeated node's choice: it may end anywhere from low to at, and ends at at */
  const char *at;
};

#define NOWHERE UINT32_MAX
#define ESCAPE '%'

/* ---- bytes and sets ---- */

static bool between(unsigned char c, unsigned char low, unsigned char high) { return c >= low && c <= high; }

/* The classes are those of the C locale whatever the process has set, so that a rule decides the same everywhere. */
static bool in_class(unsigned char letter, unsigned char c) {
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

static bool is_class_letter(unsigned char c) { return c != 0 && strchr("acdglpsuwxzACDGLPSUWXZ", c) != NULL; }

static void set_add(pattern_set *set, unsigned char c) { set->bits[c >> 5] |= (uint32_t)1 << (c & 31); }

static bool set_has(const pattern_set *set, unsigned char c) { return (set->bits[c >> 5] >> (c & 31)) & 1; }

static void set_add_escaped(pattern_set *set, unsigned char letter) {
  if (!is_class_letter(letter)) {
    set_add(set, letter);
    return;
  }
  for (unsigned c = 0; c < 256; c++)
    if (in_class(letter, (unsigned char)c)) set_add(set, (unsigned char)c);
}

/* ---- from text to nodes ---- */

typedef struct compiler {
  pattern *p;
  const char *at;
  const char *end;
  uint32_t nnodes;
  uint32_t nsets;
  uint32_t repeated; /* the last repeated node, or NOWHERE */
} compiler;

size_t pattern_bytes(const char *source, size_t size) {
  size_t sets = 0;
  for (size_t i = 0; i < size; i++) sets += source[i] == '[';
  return (size + 1) * sizeof(pattern_node) + sets * sizeof(pattern_set);
}

static pattern_node *add_node(compiler *c, node_kind kind) {
  pattern_node *n = &c->p->nodes[c->nnodes++];
  memset(n, 0, sizeof *n);
  n->kind = (uint8_t)kind;
  n->repeat = ONCE;
  n->back = c->repeated;
  return n;
}

static void malformed(compiler *c, const char *format, int number) {
  add_node(c, NODE_MALFORMED);
  snprintf(c->p->error, sizeof c->p->error, format, number);
  c->at = c->end;
}

/* From behind the '[' to behind the ']'. False, with nothing read, where there is no ']'. */
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
      for (unsigned b = (unsigned char)s[0]; b <= (unsigned char)s[2]; b++) set_add(set, (unsigned char)b);
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

static void read_repeat(compiler *c, pattern_node *n) {
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
  c->repeated = (uint32_t)(n - c->p->nodes);
}

static void read_single(compiler *c, unsigned char byte) {
  pattern_node *n;
  uint32_t index = 0;
  if (byte == '.') {
    n = add_node(c, NODE_ANY);
  } else if (byte == ESCAPE) {
    unsigned char letter = (unsigned char)*c->at++;
    n = add_node(c, is_class_letter(letter) ? NODE_CLASS : NODE_CHAR);
    n->c = letter;
  } else if (byte == '[') {
    if (!read_set(c, &index)) {
      malformed(c, "malformed pattern (missing ']')", 0);
      return;
    }
    n = add_node(c, NODE_SET);
    n->index = index;
  } else {
    n = add_node(c, NODE_CHAR);
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
  add_node(c, position ? NODE_POSITION : NODE_START_CAPTURE)->index = p->ncaptures;
  p->captures[p->ncaptures++].size = position ? PATTERN_POSITION : PATTERN_OPEN;
}

/* While nodes are made, a capture's size tells whether it is closed yet: 0. */
static void read_close(compiler *c) {
  pattern *p = c->p;
  for (unsigned i = p->ncaptures; i > 0; i--)
    if (p->captures[i - 1].size == PATTERN_OPEN) {
      p->captures[i - 1].size = 0;
      add_node(c, NODE_END_CAPTURE)->index = i - 1;
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
    add_node(c, NODE_NEVER);
  else
    add_node(c, NODE_AGAIN)->index = (uint32_t)index;
}

static void read_balanced(compiler *c) {
  if (c->end - c->at < 2) {
    malformed(c, "malformed pattern (missing arguments to '%%b')", 0);
    return;
  }
  pattern_node *n = add_node(c, NODE_BALANCED);
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
    add_node(c, NODE_FRONTIER)->index = index;
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
  p->nodes = memory;
  p->sets = (pattern_set *)(void *)(p->nodes + size + 1);
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
      add_node(&c, NODE_END);
    else if (byte == ESCAPE)
      read_escape(&c);
    else
      read_single(&c, byte);
  }
  if (c.nnodes == 0 || p->nodes[c.nnodes - 1].kind != NODE_MALFORMED) add_node(&c, NODE_DONE);
}

bool pattern_is_plain(const char *source, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (source[i] && strchr("^$*+?.([%-", source[i])) return false;
  return true;
}

/* ---- matching ---- */

void pattern_subject(pattern *p, const char *text, size_t size) {
  p->text = text;
  p->end = text + size;
}

static bool spend(pattern *p, ptrdiff_t steps) {
  p->steps -= steps;
  while (p->steps < 0) {
    int64_t more = p->more ? p->more(p->ud) : 0;
    if (more <= 0) return false;
    p->steps += more;
  }
  return true;
}

/* Whether a node for one byte takes the byte at s. */
static inline bool takes(const pattern *p, const pattern_node *n, const char *s) {
  if (s == p->end) return false;
  unsigned char c = (unsigned char)*s;
  switch ((node_kind)n->kind) {
  case NODE_CHAR:
    return c == n->c;
  case NODE_ANY:
    return true;
  case NODE_CLASS:
    return in_class(n->c, c);
  default:
    return set_has(&p->sets[n->index], c);
  }
}

static const char *take_most(const pattern *p, const pattern_node *n, const char *s) {
  if (n->kind == NODE_ANY) return p->end;
  while (takes(p, n, s)) s++;
  return s;
}

/* A node for one byte, for the first time at s: where it ends, or NULL. */
static const char *enter(const pattern *p, pattern_node *n, const char *s) {
  if (n->repeat == ONCE) return takes(p, n, s) ? s + 1 : NULL;
  if (n->repeat == MOST_FROM_ONE && !takes(p, n, s)) return NULL;
  n->low = n->repeat == MOST_FROM_ONE ? s + 1 : s;
  switch ((node_repeat)n->repeat) {
  case MOST:
  case MOST_FROM_ONE:
    n->at = take_most(p, n, n->low);
    break;
  case OPTIONAL:
    n->at = takes(p, n, s) ? s + 1 : s;
    break;
  case LEAST:
  case ONCE:
    n->at = s;
    break;
  }
  return n->at;
}

/* A repeated node's next choice, or NULL when it had them all. */
static const char *choose_again(const pattern *p, pattern_node *n) {
  if (n->repeat == LEAST) return takes(p, n, n->at) ? ++n->at : NULL;
  return n->at > n->low ? --n->at : NULL;
}

static const char *match_balanced(const pattern *p, const pattern_node *n, const char *s) {
  if (s == p->end || (unsigned char)*s != n->c) return NULL;
  size_t depth = 1;
  for (s++; s < p->end; s++) {
    if ((unsigned char)*s == n->d) {
      if (--depth == 0) return s + 1;
    } else if ((unsigned char)*s == n->c) {
      depth++;
    }
  }
  return NULL;
}

static const char *match_again(const pattern *p, const pattern_node *n, const char *s) {
  const pattern_capture *capture = &p->captures[n->index];
  size_t size = (size_t)capture->size;
  if ((size_t)(p->end - s) < size || memcmp(capture->start, s, size) != 0) return NULL;
  return s + size;
}

static bool is_frontier(const pattern *p, const pattern_node *n, const char *s) {
  const pattern_set *set = &p->sets[n->index];
  unsigned char before = s == p->text ? 0 : (unsigned char)s[-1];
  unsigned char after = s == p->end ? 0 : (unsigned char)*s;
  return !set_has(set, before) && set_has(set, after);
}

/* Any node but the last: where it ends, or NULL. */
static const char *step(pattern *p, pattern_node *n, const char *s) {
  switch ((node_kind)n->kind) {
  case NODE_CHAR:
  case NODE_ANY:
  case NODE_CLASS:
  case NODE_SET:
    return enter(p, n, s);
  case NODE_START_CAPTURE:
    p->captures[n->index] = (pattern_capture){s, PATTERN_OPEN};
    return s;
  case NODE_END_CAPTURE:
    p->captures[n->index].size = s - p->captures[n->index].start;
    return s;
  case NODE_POSITION:
    p->captures[n->index] = (pattern_capture){s, PATTERN_POSITION};
    return s;
  case NODE_AGAIN:
    return match_again(p, n, s);
  case NODE_BALANCED:
    return match_balanced(p, n, s);
  case NODE_FRONTIER:
    return is_frontier(p, n, s) ? s : NULL;
  case NODE_END:
    return s == p->end ? s : NULL;
  case NODE_NEVER:
  case NODE_DONE:
  case NODE_MALFORMED:
    break;
  }
  return NULL;
}

/* How many bytes a step looked at, at most. */
static ptrdiff_t looked_at(const pattern *p, const pattern_node *n, const char *s, const char *next) {
  if (n->kind == NODE_ANY) return 0;
  if (next) return next - s;
  return n->kind == NODE_BALANCED || n->kind == NODE_AGAIN ? p->end - s : 0; /* a scan that came to nothing */
}

pattern_result pattern_match(pattern *p, const char *at, const char **match_end) {
  const char *s = at;
  for (uint32_t i = 0;;) {
    pattern_node *n = &p->nodes[i];
    if (n->kind == NODE_DONE) {
      *match_end = s;
      return PATTERN_YES;
    }
    if (n->kind == NODE_MALFORMED) return PATTERN_BAD;
    const char *next = step(p, n, s);
    if (!spend(p, 1 + looked_at(p, n, s, next))) return PATTERN_OVER;
    while (!next) {
      i = n->back;
      if (i == NOWHERE) return PATTERN_NO;
      n = &p->nodes[i];
      next = choose_again(p, n);
      if (!spend(p, 1)) return PATTERN_OVER;
    }
    s = next;
    i++;
  }
}
