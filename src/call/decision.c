#include <string.h>

#include "call/calling.h"

/* Those that say more about a decision than where it goes are left out where they say nothing. */
static const char *const only_if_set[] = {"not_remembered", "uncacheable",    "unfixed",
                                          "unfixed_rule",   "unfixed_source", "outside"};

static bool is_left_out(const shunt_decision *d, const char *name, const char *text) {
  if (text) return false;
  for (size_t i = 0; i < sizeof only_if_set / sizeof *only_if_set; i++)
    if (strcmp(only_if_set[i], name) == 0) return true;
  return strcmp(name, d->denied ? "client" : "denied") == 0;
}

static void put_text(buf *to, const shunt_decision *d, const char *name, const char *text) {
  if (!is_left_out(d, name, text)) json_put_member(to, name, text);
}

static void put_texts(buf *to, const char *const *texts, size_t n) {
  buf_putc(to, '[');
  for (size_t i = 0; i < n; i++) {
    json_put_comma(to);
    json_put_text(to, texts[i], strlen(texts[i]));
  }
  buf_putc(to, ']');
}

/* The verdict and its detail as one text. */
static void put_result(buf *to, const shunt_trace *t) {
  const char *verdict = shunt_verdict_text(t->verdict);
  const bool names =
      t->verdict == SHUNT_VERDICT_CHOSE || t->verdict == SHUNT_VERDICT_CHANGED || t->verdict == SHUNT_VERDICT_PINNED;
  buf text = {0};
  buf_printf(&text, "%s%s%s", verdict, !t->detail ? "" : names ? " " : ": ", t->detail ? t->detail : "");
  if (text.failed) to->failed = true;
  json_put_member(to, "result", text.data);
  buf_free(&text);
}

static void put_steps(buf *to, const shunt_trace *steps, size_t n) {
  buf_putc(to, '[');
  for (size_t i = 0; i < n; i++) {
    json_put_comma(to);
    buf_putc(to, '{');
    json_put_member(to, "stage", steps[i].stage);
    json_put_member(to, "rule", steps[i].rule);
    json_put_member(to, "source", steps[i].source);
    put_result(to, &steps[i]);
    json_put_member(to, "verdict", shunt_verdict_text(steps[i].verdict));
    json_put_member(to, "detail", steps[i].detail);
    buf_putc(to, '}');
  }
  buf_putc(to, ']');
}

static void put_key_and(buf *to, const char *name, const char *word) {
  json_put_key(to, name);
  buf_puts(to, word);
}

static void put_integer(buf *to, const char *name, int64_t number) {
  json_put_key(to, name);
  buf_printf(to, "%lld", (long long)number);
}

#define PUT_TEXT(member) put_text(to, d, #member, d->member);
#define PUT_INTEGER(member) put_integer(to, #member, d->member);
#define PUT_COUNT(member) put_integer(to, #member, (int64_t)d->member);
#define PUT_OP(member) json_put_member(to, #member, d->member == SHUNT_WRITE ? "write" : "read");
#define PUT_FLAG(member) put_key_and(to, #member, d->member ? "true" : "false");
#define PUT_FIELDS(member)                                                                                             \
  json_put_key(to, #member);                                                                                           \
  put_texts(to, d->member, d->n##member);
#define PUT_STEPS(member)                                                                                              \
  json_put_key(to, #member);                                                                                           \
  put_steps(to, d->member, d->n##member);
#define PUT(kind, member) PUT_##kind(member)

void call_put_decision(buf *to, const shunt_decision *d) {
  buf_putc(to, '{');
  SHUNT_DECISION_MAP(PUT)
  buf_putc(to, '}');
}
