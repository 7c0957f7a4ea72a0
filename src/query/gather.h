/* For: the reads of one call on several connections: all are sent before the first answer is waited for, and received
 * as the answers come, in the caller's own thread. Owner: the gather stands on the stack of who reads; each feed
 * belongs to who waits for it, and takes over the text of its statements. What their parameters point to stays until
 * they are received. Use: gather_begin(s, &g); … gather_ask(s, &f, &ask, err) …; while (!(status = gather_next(s,
 * &done, err)) && done) …; gather_end(s). */
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
  sql_text sql;
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
  feeds open, complete;
  inquiry *flying[GATHER_MOST]; /* under way, in the order of their sending */
  size_t nflying;
  shunt_status status; /* the first failure */
  shunt_error err;
} gather;

/* A session has one at a time. */
void gather_begin(shunt_session *s, gather *g);
/* Takes s->sql for the feed. Statements asked one after the other may share a range, empty at first: it will be that of
 * all their rows. Errors: MEMORY. */
shunt_status gather_ask(shunt_session *s, feed *f, const cat_client *client, int level, bool origin, row_range *range,
                        shunt_error *err);
/* Goes on until a feed has all of its rows, *done, or nothing is left, NULL. Errors: those of statement_read. */
shunt_status gather_next(shunt_session *s, feed **done, shunt_error *err);
/* Receives all that is under way, so that no connection is held. */
void gather_settle(shunt_session *s);
/* What has not been received is thrown away. */
void gather_end(shunt_session *s);

#endif
