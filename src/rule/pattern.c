/* Matching Lua patterns without recursion and within a budget.
 *
 * Idea. A Lua pattern is a sequence of items: a byte class with an optional repeat (* + - ?), a capture's parenthesis,
 * %b, %f or %1. It has no alternatives and no repeated groups. So backtracking needs no stack of positions: a match
 * walks the items forwards, and each repeated item stores its one open choice in itself, the range of ends that are
 * left to try (low and at). If an item fails, the match goes back to the repeated item before it (back), takes its next
 * end, and walks forwards again.
 *
 * Invariant. The choices of the items before the current one describe exactly the ends that were not tried yet; the
 * choice of an item behind the current one is not used. Captures need no undo: a capture is set again before an item
 * that reads it.
 *
 * Time. Backtracking is exponential in the number of repeated items, as in Lua. Each byte that an item looks at costs a
 * step, and a spent budget ends the match (PATTERN_OVER), so the caller's limits hold inside one call.
 *
 * Not there: an automaton (Thompson 1968), which would match in linear time: %b, %1 and Lua's exact choice of captures
 * are not regular, and all existing patterns must match as in Lua 5.4. lstrlib.c recurses for repeats and captures, 200
 * levels at most. */
#include "rule/pattern.h"

#include <string.h>

#include "rule/pattern_item.h"

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

/* Whether a one-byte item matches the byte at s. */
static inline bool takes(const pattern *p, const pattern_item *n, const char *s) {
  if (s == p->end) return false;
  unsigned char c = (unsigned char)*s;
  switch ((item_kind)n->kind) {
  case ITEM_CHAR:
    return c == n->c;
  case ITEM_ANY:
    return true;
  case ITEM_CLASS:
    return in_class(n->c, c);
  default:
    return set_has(&p->sets[n->index], c);
  }
}

static const char *take_most(const pattern *p, const pattern_item *n, const char *s) {
  if (n->kind == ITEM_ANY) return p->end;
  while (takes(p, n, s)) s++;
  return s;
}

/* Matches a one-byte item with its repeat at s, for the first time. Returns its end, or NULL. */
static const char *enter(const pattern *p, pattern_item *n, const char *s) {
  if (n->repeat == ONCE) return takes(p, n, s) ? s + 1 : NULL;
  if (n->repeat == MOST_FROM_ONE && !takes(p, n, s)) return NULL;
  n->low = n->repeat == MOST_FROM_ONE ? s + 1 : s;
  switch ((item_repeat)n->repeat) {
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

/* The next end to try for a repeated item, or NULL if there are no more. */
static const char *choose_again(const pattern *p, pattern_item *n) {
  if (n->repeat == LEAST) return takes(p, n, n->at) ? ++n->at : NULL;
  return n->at > n->low ? --n->at : NULL;
}

static const char *match_balanced(const pattern *p, const pattern_item *n, const char *s) {
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

static const char *match_again(const pattern *p, const pattern_item *n, const char *s) {
  const pattern_capture *capture = &p->captures[n->index];
  size_t size = (size_t)capture->size;
  if ((size_t)(p->end - s) < size || memcmp(capture->start, s, size) != 0) return NULL;
  return s + size;
}

static bool is_frontier(const pattern *p, const pattern_item *n, const char *s) {
  const pattern_set *set = &p->sets[n->index];
  unsigned char before = s == p->text ? 0 : (unsigned char)s[-1];
  unsigned char after = s == p->end ? 0 : (unsigned char)*s;
  return !set_has(set, before) && set_has(set, after);
}

/* Matches any item but the last at s. Returns its end, or NULL. */
static const char *step(pattern *p, pattern_item *n, const char *s) {
  switch ((item_kind)n->kind) {
  case ITEM_CHAR:
  case ITEM_ANY:
  case ITEM_CLASS:
  case ITEM_SET:
    return enter(p, n, s);
  case ITEM_START_CAPTURE:
    p->captures[n->index] = (pattern_capture){s, PATTERN_OPEN};
    return s;
  case ITEM_END_CAPTURE:
    p->captures[n->index].size = s - p->captures[n->index].start;
    return s;
  case ITEM_POSITION:
    p->captures[n->index] = (pattern_capture){s, PATTERN_POSITION};
    return s;
  case ITEM_AGAIN:
    return match_again(p, n, s);
  case ITEM_BALANCED:
    return match_balanced(p, n, s);
  case ITEM_FRONTIER:
    return is_frontier(p, n, s) ? s : NULL;
  case ITEM_END:
    return s == p->end ? s : NULL;
  case ITEM_NEVER:
  case ITEM_DONE:
  case ITEM_MALFORMED:
    break;
  }
  return NULL;
}

/* The most bytes that the item has looked at. */
static ptrdiff_t looked_at(const pattern *p, const pattern_item *n, const char *s, const char *next) {
  if (n->kind == ITEM_ANY) return 0;
  if (next) return next - s;
  return n->kind == ITEM_BALANCED || n->kind == ITEM_AGAIN ? p->end - s : 0; /* a scan without a result */
}

pattern_result pattern_match(pattern *p, const char *at, const char **match_end) {
  const char *s = at;
  for (uint32_t i = 0;;) {
    pattern_item *n = &p->items[i];
    if (n->kind == ITEM_DONE) {
      *match_end = s;
      return PATTERN_YES;
    }
    if (n->kind == ITEM_MALFORMED) return PATTERN_BAD;
    const char *next = step(p, n, s);
    if (!spend(p, 1 + looked_at(p, n, s, next))) return PATTERN_OVER;
    while (!next) {
      i = n->back;
      if (i == NOWHERE) return PATTERN_NO;
      n = &p->items[i];
      next = choose_again(p, n);
      if (!spend(p, 1)) return PATTERN_OVER;
    }
    s = next;
    i++;
  }
}
