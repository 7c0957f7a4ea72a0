#include "app/openmetrics.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/utf8.h"

void om_family(buf *b, const char *name, const char *type, const char *help) {
  static const char unit[] = "_seconds";
  const size_t size = strlen(name), of_unit = sizeof unit - 1;
  buf_printf(b, "# TYPE %s %s\n", name, type);
  if (size > of_unit && strcmp(name + size - of_unit, unit) == 0) buf_printf(b, "# UNIT %s %s\n", name, unit + 1);
  buf_printf(b, "# HELP %s %s\n", name, help);
}

static void put_valid(buf *b, const char *text) {
  for (; *text; text++) {
    if (*text == '\n')
      buf_puts(b, "\\n");
    else if (*text == '"' || *text == '\\')
      buf_printf(b, "\\%c", *text);
    else
      buf_putc(b, *text);
  }
}

/* The format is UTF-8. */
static void put_value(buf *b, const char *text) {
  size_t size = strlen(text);
  char *fixed = utf8_valid(text, size) ? NULL : utf8_repair(text, size, &size);
  if (!fixed && !utf8_valid(text, size)) b->failed = true;
  if (!b->failed) put_valid(b, fixed ? fixed : text);
  base_free(fixed);
}

static void put_labels(buf *b, const om_label *labels, const char *le) {
  char before = '{';
  for (; labels && labels->name; labels++, before = ',') {
    buf_printf(b, "%c%s=\"", before, labels->name);
    put_value(b, labels->value);
    buf_putc(b, '"');
  }
  if (le) buf_printf(b, "%cle=\"%s\"", before, le);
  if (le || before == ',') buf_putc(b, '}');
}

void om_sample(buf *b, const char *name, const char *suffix, const om_label *labels, uint64_t value) {
  buf_printf(b, "%s%s", name, suffix);
  put_labels(b, labels, NULL);
  buf_printf(b, " %" PRIu64 "\n", value);
}

void om_histogram(buf *b, const char *name, const om_label *labels, const histogram *h) {
#define BOUND(ns, seconds) seconds,
  static const char *const bounds[] = {HISTOGRAM_MAP(BOUND) "+Inf"};
#undef BOUND
  uint64_t count = 0;
  for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
    count += tally_get(&h->buckets[i]);
    buf_printf(b, "%s_bucket", name);
    put_labels(b, labels, bounds[i]);
    buf_printf(b, " %" PRIu64 "\n", count);
  }
  om_sample(b, name, "_count", labels, count);
  const uint64_t ns = tally_get(&h->total_ns), per_s = (uint64_t)NS_PER_S;
  buf_printf(b, "%s_sum", name);
  put_labels(b, labels, NULL);
  buf_printf(b, " %" PRIu64 ".%09" PRIu64 "\n", ns / per_s, ns % per_s); /* %f would follow the locale */
}

void om_end(buf *b) { buf_puts(b, "# EOF\n"); }
