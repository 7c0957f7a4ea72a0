/* For: what was done on a connection. Each connection counts for itself, so that counting costs no lock and no cache
 * line that threads share. The pool adds them up (pool/record.h).
 * Owner: a part of the connection, written by the thread that has acquired it; any thread reads.
 * Use: driver_count_statement(&conn->counts, SHUNT_READ, took_ns, status); */
#ifndef SHUNT_DRIVER_COUNTS_H
#define SHUNT_DRIVER_COUNTS_H

#include "base/histogram.h"
#include "shunt.h"

enum { DRIVER_NOPS = SHUNT_WRITE + 1, DRIVER_NOUTCOMES = SHUNT_UNKNOWN + 1 };

typedef struct driver_counts {
  struct {
    histogram times;
    tally failed;
  } statements[DRIVER_NOPS];            /* by shunt_op */
  tally transactions[DRIVER_NOUTCOMES]; /* that ended: NOT_DONE are those rolled back */
  tally acquired;                       /* how often it was lent */
} driver_counts;

static inline void driver_count_statement(driver_counts *c, shunt_op op, int64_t took_ns, shunt_status status) {
  histogram_add(&c->statements[op].times, took_ns, false);
  if (status) tally_add(&c->statements[op].failed, 1, false);
}

static inline void driver_counts_merge(driver_counts *to, const driver_counts *from, bool shared) {
  for (int i = 0; i < DRIVER_NOPS; i++) {
    histogram_merge(&to->statements[i].times, &from->statements[i].times, shared);
    tally_add(&to->statements[i].failed, tally_get(&from->statements[i].failed), shared);
  }
  for (int i = 0; i < DRIVER_NOUTCOMES; i++) tally_add(&to->transactions[i], tally_get(&from->transactions[i]), shared);
  tally_add(&to->acquired, tally_get(&from->acquired), shared);
}

#endif
