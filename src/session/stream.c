#include "session/stream.h"

void stream_begin(stream_link *link) {
  link->conn->streams = true;
  link->next = link->s->streams;
  link->s->streams = link;
}

void stream_end(stream_link *link) {
  driver_conn *conn = link->conn;
  if (!conn) return;
  stream_link **at = &link->s->streams;
  while (*at != link) at = &(*at)->next;
  *at = link->next;
  link->conn = NULL;
  conn->engine->fetch_end(conn);
  conn->streams = false;
  if (!link->tx) pool_release(conn, link->level);
}

void stream_end_all(shunt_session *s, const transaction *t) {
  for (stream_link *link = s->streams, *next; link; link = next) {
    next = link->next;
    if (t && link->tx != t) continue;
    stream_end(link);
    if (!t) link->s = NULL;
  }
}
