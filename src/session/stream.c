#include "session/stream.h"

void stream_begin(stream_link *link) {
  link->conn->streams = true;
  link->next = link->s->streams;
  link->s->streams = link;
}

static void unlink_it(stream_link *link) {
  stream_link **at = &link->s->streams;
  while (*at != link) at = &(*at)->next;
  *at = link->next;
}

void stream_end(stream_link *link) {
  driver_conn *conn = link->conn;
  if (!conn) return;
  link->conn = NULL;
  conn->engine->fetch_end(conn);
  conn->streams = false;
  if (link->tx) return;
  unlink_it(link);
  pool_release(conn, link->level);
}

void stream_leave(stream_link *link) {
  stream_end(link);
  if (link->tx) unlink_it(link);
  link->tx = NULL;
}

void stream_end_all(shunt_session *s, const transaction *t, int savepoint) {
  for (stream_link *link = s->streams, *next; link; link = next) {
    next = link->next;
    if (t && (link->tx != t || link->savepoint < savepoint)) continue;
    link->over = link->conn || link->tx;
    if (link->conn) link->cut(link);
    stream_leave(link);
    if (!t) link->s = NULL;
  }
}
