/* For: what the pools of a client's name have counted at a level, in all generations: counters never go back, whatever
 * a reload changes.
 * Owner: the house lists the records; each pool has a share of its own, and the last one frees it. Its list of pools is
 * protected by the house's lock; counters may be added to without it.
 * Use: record_share(h, pl, client, level); … record_close(pl->record, conn); … record_drop(h, pl); */
#ifndef SHUNT_POOL_RECORD_H
#define SHUNT_POOL_RECORD_H

#include "base/probe.h"
#include "driver/driver.h"

struct house;
struct pool;

typedef struct pool_record {
  char *client;
  int level;
  struct pool *pools; /* all that are alive, by next_alike */
  driver_counts past; /* of connections that are closed */
  histogram waits;    /* in the waitlists */
  tally opened, closed, failed, timeouts;
  struct pool_record *next; /* the house's */
} pool_record;

/* Finds or makes the pool's record and adds the pool to it. False: out of memory. */
bool record_share(struct house *h, struct pool *pl, const char *client, int level);
/* Takes the pool out; its connections are closed. */
void record_drop(struct house *h, struct pool *pl);

/* The connection is taken out of its pool's list. */
static inline void record_close(pool_record *r, const driver_conn *conn) {
  driver_counts_merge(&r->past, &conn->counts, true);
}

static inline void record_wait(pool_record *r, int64_t waited_ns, shunt_status status) {
  PROBE(pool__waited, 4, r->client, r->level, waited_ns, status);
  histogram_add(&r->waits, waited_ns, true);
  if (status == SHUNT_E_TIMEOUT) tally_add(&r->timeouts, 1, true);
}

/* Adds up what its connections have done, the open ones of all its pools too. The caller holds the house's lock, and
 * the lock of no pool. */
void record_sum(const pool_record *r, driver_counts *sum);

#endif
