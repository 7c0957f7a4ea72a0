#include "catalog/report.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/catalog.h"

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

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-'; }

/* The password of scheme://user:password@host; text is what follows "://". A password ends at a blank only: it may
 * contain an unescaped slash or @, and hiding too much is better than hiding too little. */
static bool url_password(const char *text, span *found) {
  const char *end = text + strcspn(text, " \t\r\n");
  const char *at = end;
  while (at > text && *at != '@') at--;
  const char *colon = memchr(text, ':', (size_t)(at - text));
  if (!colon) return false;
  *found = (span){colon + 1, at};
  return true;
}

/* The value in NAME=VALUE or NAME = 'VALUE'; text points at the equals sign. */
static bool assigned_password(const char *start, const char *text, span *found) {
  char name[64];
  const char *to = text;
  while (to > start && to[-1] == ' ') to--;
  const char *from = to;
  while (from > start && is_word(from[-1])) from--;
  size_t size = (size_t)(to - from);
  if (size == 0 || size >= sizeof name) return false;
  memcpy(name, from, size);
  name[size] = 0;
  if (!cat_secret_key(name)) return false;
  const char *value = text + 1 + strspn(text + 1, " ");
  const char *end = value + strcspn(value, "&; \t\r\n");
  if (*value == '\'' || *value == '"') {
    const char *quote = strrchr(value + 1, *value); /* to the last quote: one inside may be escaped */
    end = quote ? quote + 1 : value + strlen(value);
  }
  *found = (span){value, end};
  return end > value;
}

/* The next password at or after text, which is a part of start. */
static bool next_password(const char *start, const char *text, span *found) {
  for (; *text; text++) {
    if (strncmp(text, "://", 3) == 0 && url_password(text + 3, found)) return true;
    if (*text == '=' && assigned_password(start, text, found)) return true;
  }
  return false;
}

void show_masked(buf *b, const char *text) {
  const char *start = text;
  span found;
  while (next_password(start, text, &found)) {
    buf_add(b, text, (size_t)(found.from - text));
    buf_puts(b, REPORT_MASK);
    text = found.to;
  }
  buf_puts(b, text);
}

/* Into a fixed room, because a message must not need memory. */
static void cut_masked(shown *s, const char *text) {
  const char *start = text;
  span found = {0};
  size_t used = 0, room = sizeof s->text;
  bool more = true;
  while (more && used < room) {
    more = next_password(start, text, &found);
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
