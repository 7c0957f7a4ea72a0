/* For: the reads of one call on several connections: all are sent before the first answer is waited for, and received
 * as the answers come, in the caller's own thread.
 * Owner: the gather stands on the stack of the function that reads; each feed belongs to who waits for it. The gather
 * takes over the texts of the statements; what their parameters point to stays until they are received.
 * Use: gather_begin(c, &g); … gather_ask(c, &f, sql, &at, false, &range) …; while (!(status = gather_next(&g, &done))
 * && done) …; gather_end(&g); */
#ifndef SHUNT_QUERY_GATHER_H
#define SHUNT_QUERY_GATHER_H

#include "query/statement.h"

enum { GATHER_MOST = 64 /* under way at once */ };

typedef struct inquiry inquiry;

/* Rows from first on, up to and without end. Zeroed it is empty. */
typedef struct row_range {
  uint32_t first, end;
} row_range;

/* Statements whose rows go into the same rows, in the order in which they were asked, sent and received in it. */
typedef struct feed {
  shunt_rows *rows;
  void *owner;
  inquiry *first, *last; /* not received yet: those under way, and behind them */
  inquiry *unsent;       /* those that are not */
  struct feed *next;
} feed;

struct inquiry {
  execution e;
  sql_text *sql;
  feed *feed;
  row_range *range;  /* grows by the rows received; may be NULL */
  bool origin;       /* note which client its rows come from */
  driver_conn *conn; /* on which it is under way; NULL: it isn't */
  int socket;
  inquiry *next; /* of its feed */
};

typedef struct feeds {
  feed *first, *last;
} feeds;

typedef struct gather {
  call_reads reads; /* the first field: this much of it the call knows */
  call c;           /* a copy of the caller's, with the error below */
  call *caller;
  feeds open, complete;
  inquiry *flying[GATHER_MOST]; /* under way, in the order of their sending: reads.nflying of them */
  shunt_status status;          /* the first failure */
  shunt_error err;
} gather;

/* A call has one at a time. */
void gather_begin(call *c, gather *g);
/* Takes over the statement for the feed, in the call's gather; origin: notes which client its rows come from.
 * Statements asked one after the other may share a range, empty at first: it will be that of all their rows. Errors:
 * MEMORY. */
shunt_status gather_ask(call *c, feed *f, sql_text *sql, const site *at, bool origin, row_range *range);
/* Goes on until a feed has all of its rows, *done, or nothing is left, NULL. Errors: those of statement_read. */
shunt_status gather_next(gather *g, feed **done);
/* What has not been received is thrown away. */
void gather_end(gather *g);

#endif
