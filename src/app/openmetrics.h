/* For: writing metrics in the text format of OpenMetrics 1.0.
 * Owner: the caller's buf. Use: om_family(&b, "shunt_pool_open", "gauge", "Open connections.");
 * om_sample(&b, "shunt_pool_open", "", labels, n); … om_end(&b); */
#ifndef SHUNT_APP_OPENMETRICS_H
#define SHUNT_APP_OPENMETRICS_H

#include "base/buf.h"
#include "base/histogram.h"

typedef struct om_label {
  const char *name, *value; /* the value is any text; a NULL name ends a list */
} om_label;

/* The lines that describe a family; its samples follow them. A name that ends in _seconds has that unit. */
void om_family(buf *b, const char *name, const char *type, const char *help);
/* One sample; suffix: "_total" of a counter, "" of a gauge. */
void om_sample(buf *b, const char *name, const char *suffix, const om_label *labels, uint64_t value);
/* The samples of one histogram. */
void om_histogram(buf *b, const char *name, const om_label *labels, const histogram *h);
void om_end(buf *b);

#endif
