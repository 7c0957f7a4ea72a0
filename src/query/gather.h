/* For: the reads of one call on several connections: all are sent before the first answer is waited for, and are
 * received as the answers come, in the caller's thread. Owner: the gather stands on the stack of the function that
 * reads; each feed belongs to the code that waits for it. The gather takes over the texts of the statements. What their
 * parameters point to must stay until they are received. Use: gather_begin(c, &g); … gather_ask(c, &f, sql, &at, false,
 * &range) …; while (!(status = gather_next(&g, &done)) && done) …; gather_end(&g); */
#ifndef SHUNT_QUERY_GATHER_H
#define SHUNT_QUERY_GATHER_H

#include "query/statement.h"

enum { GATHER_MOST = 64 /* under way at once */ };

typedef struct inquiry inquiry;

/* The rows from first up to end, without end. A zeroed range is empty. */
typedef struct row_range {
  uint32_t first, end;
} row_range;

/* Statements whose rows go into the same rows, in the order in which they are asked, sent and received. */
typedef struct feed {
  shunt_rows *rows;
  void *owner;
  inquiry *first, *last; /* not received yet: first those under way, then the unsent ones */
  inquiry *unsent;       /* the first that is not sent */
  struct feed *next;
} feed;

struct inquiry {
  execution e;
  sql_text *sql;
  feed *feed;
  row_range *range;  /* grows by the rows received; may be NULL */
  bool inside;       /* its engine runs statements in the caller's thread */
  bool origin;       /* notes which client its rows come from */
  driver_conn *conn; /* NULL: it is not under way */
  int socket;
  inquiry *next; /* of its feed */
};

typedef struct feeds {
  feed *first, *last;
} feeds;

typedef struct gather {
  call_reads reads; /* must be the first field: the call points to it */
  call c;           /* a copy of the caller's, with the error below */
  call *caller;
  feeds open, complete;
  inquiry *flying[GATHER_MOST]; /* under way, in the order of their sending: reads.nflying of them */
  shunt_status status;          /* the first failure */
  shunt_error err;
} gather;

/* A call has one gather at a time. */
void gather_begin(call *c, gather *g);
/* Adds the statement to the feed, in the call's gather, and takes it over. With origin it notes which client its rows
 * come from. Statements that are asked one after the other may share a range, empty at first, which then covers all
 * their rows. Errors: MEMORY. */
shunt_status gather_ask(call *c, feed *f, sql_text *sql, const site *at, bool origin, row_range *range);
/* Receives until a feed is complete, which is *done, or nothing is left, and *done is NULL. Errors: those of
 * statement_read. */
shunt_status gather_next(gather *g, feed **done);
/* Throws away what has not been received. */
void gather_end(gather *g);

#endif
