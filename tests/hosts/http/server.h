/* For: an HTTP server on libmicrohttpd that answers GET on the loopback interface, in a pool of threads, and can be
 * drained: http.c answers with shunt, tests/bench/http_by_hand.c without.
 * Owner: http_start makes the server, http_stop frees it. A reply's body is malloc'ed, and the server frees it.
 * Use: http_start(&(http_options){.threads = 8, .user = answer_user, .page = answer_page, .ud = app});
 * …; http_drain(server); http_stop(server); */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct http_server http_server;

/* A request for users. The texts are valid during the call. */
typedef struct http_request {
  const char *tenant;  /* the header X-Tenant, or NULL */
  const char *include; /* the relations to load, with commas between them, or NULL */
  int64_t id;
} http_request;

typedef struct http_reply {
  unsigned status;  /* of HTTP */
  const char *type; /* of the body; static */
  char *body;       /* NULL: the status alone */
} http_reply;

typedef struct http_options {
  uint16_t port; /* 0: any that is free */
  unsigned threads;
  /* GET /users/ID, on any thread of the pool. */
  void (*user)(void *ud, const http_request *request, http_reply *reply);
  /* GET of any other path. drains: the server takes no more connections. Returns false if there is no such page. */
  bool (*page)(void *ud, const char *path, bool drains, http_reply *reply);
  void *ud;
} http_options;

/* NULL: the port is taken, or there is no memory. */
http_server *http_start(const http_options *options);
uint16_t http_port(const http_server *server);
/* Takes no new connections, answers the requests that were sent, and asks clients to close theirs. Returns when all
 * connections are closed, or no request was under way for a second; after 30 s in any case. */
void http_drain(http_server *server);
void http_stop(http_server *server);

#endif
