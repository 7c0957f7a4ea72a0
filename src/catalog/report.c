#include "catalog/report.h"

#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "catalog/catalog.h"
#include "catalog/url.h"

void report(problems *p, shunt_status status, place at, const char *format, ...) {
  char message[sizeof(((shunt_error *)0)->message)];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  for (char *c = message; *c; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
  problems_add(p, status, at, "%s", message);
}

static int by_place(const void *left, const void *right) {
  const shunt_error *a = left, *b = right;
  int order = strcmp(a->file, b->file);
  if (order == 0) order = (a->line > b->line) - (a->line < b->line);
  if (order == 0) order = (a->column > b->column) - (a->column < b->column);
  return order;
}

static int by_place_and_message(const void *left, const void *right) {
  int order = by_place(left, right);
  return order ? order : strcmp(((const shunt_error *)left)->message, ((const shunt_error *)right)->message);
}

static void sort(problems *p, int (*order)(const void *, const void *)) {
  if (p->count > 1) qsort(p->list, p->count, sizeof *p->list, order);
}

void report_settle(problems *p, size_t since) {
  problems early = {.list = p->list, .count = since};
  sort(&early, by_place);
  size_t kept = since;
  for (size_t i = since; i < p->count; i++) {
    const shunt_error *e = &p->list[i];
    /* rule files have no columns, so several mistakes may be on one line */
    if (e->column && since && bsearch(e, p->list, since, sizeof *e, by_place)) continue;
    if (kept != i) p->list[kept] = *e;
    kept++;
  }
  p->count = kept;
  sort(p, by_place_and_message);
  kept = 0;
  for (size_t i = 0; i < p->count; i++) {
    if (kept && by_place_and_message(&p->list[kept - 1], &p->list[i]) == 0) continue;
    if (kept != i) p->list[kept] = p->list[i];
    kept++;
  }
  p->count = kept;
}

/* ---- secrets ---- */

typedef struct span {
  const char *from;
  const char *to;
} span;

typedef struct scan {
  const char *start;
  const char *last_at; /* the last @ of the text; NULL: it has none */
} scan;

static const char BLANK[] = " \t\r\n\f\v";

/* Of a name in an assignment; in a URL it may be percent-encoded. */
static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '%'; }

static bool is_secret_name(const char *from, const char *to) {
  char name[64];
  size_t size = 0;
  if (from == to || to - from >= (ptrdiff_t)sizeof name) return false;
  for (; from < to; from++) {
    int high = *from == '%' && to - from > 2 ? ascii_hex(from[1]) : -1, low = high < 0 ? -1 : ascii_hex(from[2]);
    name[size++] = low < 0 ? *from : (char)(high * 16 + low);
    if (low >= 0) from += 2;
  }
  name[size] = 0;
  return cat_secret_key(name);
}

/* The value in NAME=VALUE or NAME = 'VALUE', up to the end of the text: it may contain a quote, a blank or an & that
 * should have been escaped. text points at the equals sign. */
static bool assigned_password(const scan *s, const char *text, span *found) {
  const char *to = text;
  while (to > s->start && isspace((unsigned char)to[-1])) to--;
  const char *from = to;
  while (from > s->start && is_word(from[-1])) from--;
  if (!is_secret_name(from, to)) return false;
  const char *value = text + 1 + strspn(text + 1, BLANK);
  *found = (span){value, value + strlen(value)};
  return found->to > value;
}

/* scheme://user:password@host: all from the first colon to the last @ of the text, as a password may contain anything
 * that is not escaped. Hiding too much is better than hiding too little. Without an @, what stands where a
 * port should be, if it is not a number. text is what follows "://". */
static bool url_password(const scan *s, const char *text, span *found) {
  const char *at = s->last_at && s->last_at >= text ? s->last_at : NULL;
  const char *colon =
      at ? memchr(text, ':', (size_t)(at - text)) : url_odd_port(text, text + strcspn(text, "/?# \t\r\n"));
  if (!colon) return false;
  *found = (span){colon + 1, at ? at : text + strcspn(text, BLANK)};
  for (const char *equals = text; equals < found->to; equals++) {
    span option;
    if (*equals != '=' || !assigned_password(s, equals, &option)) continue;
    *found = (span){option.from < found->from ? option.from : found->from, option.to};
    break; /* nothing of the text is left */
  }
  return true;
}

static scan scan_of(const char *text) { return (scan){text, strrchr(text, '@')}; }

/* The next password at or after text. */
static bool next_password(const scan *s, const char *text, span *found) {
  for (; *text; text++) {
    if (strncmp(text, "://", 3) == 0 && url_password(s, text + 3, found)) return true;
    if (*text == '=' && assigned_password(s, text, found)) return true;
  }
  return false;
}

void show_masked(buf *b, const char *text) {
  const scan s = scan_of(text);
  span found;
  while (next_password(&s, text, &found)) {
    buf_add(b, text, (size_t)(found.from - text));
    buf_puts(b, REPORT_MASK);
    text = found.to;
  }
  buf_puts(b, text);
}

/* Into a fixed room, because a message must not need memory. */
static void cut_masked(shown *s, const char *text) {
  const scan all = scan_of(text);
  span found = {0};
  size_t used = 0, room = sizeof s->text;
  bool more = true;
  while (more && used < room) {
    more = next_password(&all, text, &found);
    size_t plain = more ? (size_t)(found.from - text) : strlen(text);
    int n = snprintf(s->text + used, room - used, "%.*s%s", (int)(plain < room ? plain : room), text,
                     more ? REPORT_MASK : "");
    used += n > 0 ? (size_t)n : 0;
    text = more ? found.to : text;
  }
  if (used >= room) memcpy(s->text + room - 4, "...", 4);
}

const char *show_value(const node *n, const char *key, shown *s) {
  if ((key && cat_secret_key(key)) || (n->secret && !n->raw)) return REPORT_MASK;
  if (n->kind != NODE_VALUE) return node_kind_name(n);
  const char *text = n->raw ? n->raw : n->spelling ? n->spelling : node_is_text(n) ? n->value.as.bytes : NULL;
  if (text) {
    cut_masked(s, text);
    return s->text;
  }
  if (n->value.type == SHUNT_INTEGER)
    snprintf(s->text, sizeof s->text, "%lld", (long long)n->value.as.integer);
  else if (n->value.type == SHUNT_FLOAT)
    snprintf(s->text, sizeof s->text, "%.14g", n->value.as.number);
  else if (n->value.type == SHUNT_BOOL)
    snprintf(s->text, sizeof s->text, "%s", n->value.as.boolean ? "true" : "false");
  else
    return node_kind_name(n);
  return s->text;
}
