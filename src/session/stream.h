/* For: the session's open streams: connections whose statement is fetched in parts while the host does other work.
 * Owner: query/stream.c owns the links. The session lists those with a connection of their own until their statement
 * ends, those of a transaction until that ends, or its savepoint in which they began: the rows that they have fetched
 * are then no longer there.
 * Use: stream_link link = {.s = s, .conn = conn, .level = level, .cut = cut}; stream_begin(&link); … stream_end(&link);
 * … stream_leave(&link); */
#ifndef SHUNT_SESSION_STREAM_H
#define SHUNT_SESSION_STREAM_H

#include "session/session.h"

typedef struct stream_link {
  shunt_session *s;                      /* NULL: it was closed before the stream */
  driver_conn *conn;                     /* NULL: its statement has ended */
  const transaction *tx;                 /* whose connection it is; NULL: the stream's own, of the pool */
  int savepoint;                         /* with tx: the innermost that was open when it began; 0: none */
  int level;                             /* of that pool */
  bool over;                             /* the transaction has ended before it, or the session before its statement */
  void (*cut)(struct stream_link *link); /* called before its statement is ended by stream_end_all */
  struct stream_link *next;
} stream_link;

void stream_begin(stream_link *link);
/* Ends the statement and gives its own connection back. No-op if it has ended. */
void stream_end(stream_link *link);
/* Ends it, and takes it off the session's list. */
void stream_leave(stream_link *link);
/* Ends the streams of the transaction that began in the savepoint, or in one inside; 0: all of the transaction. NULL:
 * all of the session, which closes. */
void stream_end_all(shunt_session *s, const transaction *t, int savepoint);

#endif
