/* For: the session's open streams: connections whose statement is fetched in parts while the host does other work.
 * Owner: query/stream.c owns the links. A stream ends with the transaction that it reads in, or with the session; then
 * its conn is NULL.
 * Use: stream_link link = {.s = s, .conn = conn, .level = level}; stream_begin(&link); … stream_end(&link); */
#ifndef SHUNT_SESSION_STREAM_H
#define SHUNT_SESSION_STREAM_H

#include "session/session.h"

typedef struct stream_link {
  shunt_session *s;      /* NULL: it was closed before the stream */
  driver_conn *conn;     /* NULL: the stream has ended */
  const transaction *tx; /* whose connection it is; NULL: the stream's own, of the pool */
  int level;             /* of that pool */
  struct stream_link *next;
} stream_link;

void stream_begin(stream_link *link);
/* Ends the statement and gives its own connection back. No-op if it has ended. */
void stream_end(stream_link *link);
/* Ends the streams of the transaction; NULL: all of the session, which closes. */
void stream_end_all(shunt_session *s, const transaction *t);

#endif
