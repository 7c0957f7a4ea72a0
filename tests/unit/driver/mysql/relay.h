/* For: a server that falls silent for its connections alone: a relay of one, on a port of its own, that stops passing
 * bytes on. To the connections it looks as a server does that is stopped, or from which no packet comes any more.
 * Owner: relay_start and relay_end belong together; nothing else of it is the caller's to free.
 * Use: relay_start(&r, port_of_the_server); connect to r.port; r.silent = true; …; relay_end(&r). */
#ifndef SHUNT_TESTS_MYSQL_RELAY_H
#define SHUNT_TESTS_MYSQL_RELAY_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RELAY_PAIRS = 8, RELAY_CLIENT = 0, RELAY_SERVER = 1 };

typedef struct relay {
  char port[8];                  /* where it listens */
  atomic_bool silent;            /* nothing is passed on, and no connection is made */
  atomic_long bytes_to_silence;  /* silent after that many from the server; 0: not so */
  atomic_bool holding;           /* answers on the first connection, until a later one has come and gone */
  _Atomic(const char *) unknown; /* a word that the server is to know nothing of. NULL: it hears all of them */
  atomic_bool ending;
  int listener;
  uint16_t server_port;
  int pairs[RELAY_PAIRS][2];
  size_t npairs;
  pthread_t thread;
} relay;

static inline struct sockaddr_in relay_address(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void relay_accept(relay *r) {
  struct sockaddr_in at = relay_address(r->server_port);
  int *pair = r->pairs[r->npairs];
  pair[RELAY_CLIENT] = accept(r->listener, NULL, NULL);
  pair[RELAY_SERVER] = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(pair[RELAY_SERVER], (struct sockaddr *)&at, sizeof at) == 0) r->npairs++;
}

static inline void relay_close(relay *r, size_t i) {
  for (int side = 0; side < 2; side++) {
    if (r->pairs[i][side] >= 0) close(r->pairs[i][side]);
    r->pairs[i][side] = -1;
  }
  if (i > 0) r->holding = false;
}

static inline void relay_spoil(char *bytes, size_t n, const char *word) {
  size_t size = strlen(word);
  for (size_t i = 0; i + size <= n; i++)
    if (memcmp(bytes + i, word, size) == 0) bytes[i] = 'x';
}

static inline void relay_pass(relay *r, size_t i, int from) {
  char bytes[4096];
  ssize_t n = recv(r->pairs[i][from], bytes, sizeof bytes, 0);
  const char *unknown = r->unknown;
  if (n > 0 && from == RELAY_CLIENT && unknown) relay_spoil(bytes, (size_t)n, unknown);
  if (n <= 0 || send(r->pairs[i][!from], bytes, (size_t)n, MSG_NOSIGNAL) != n) {
    relay_close(r, i);
    return;
  }
  if (from == RELAY_SERVER && r->bytes_to_silence && atomic_fetch_sub(&r->bytes_to_silence, n) <= n) r->silent = true;
}

/* Looks every few ms whether it is to be silent, and is so from then on. */
static inline void *relay_run(void *what) {
  relay *r = what;
  while (!r->ending) {
    struct pollfd at[1 + 2 * RELAY_PAIRS];
    for (size_t i = 0; i < r->npairs; i++)
      for (int side = 0; side < 2; side++) {
        bool held = r->silent || (i == 0 && side == RELAY_SERVER && r->holding);
        at[1 + 2 * i + (size_t)side] = (struct pollfd){held ? -1 : r->pairs[i][side], POLLIN, 0};
      }
    at[0] = (struct pollfd){r->silent || r->npairs == RELAY_PAIRS ? -1 : r->listener, POLLIN, 0};
    size_t known = r->npairs;
    if (poll(at, (nfds_t)(1 + 2 * known), 2) <= 0) continue;
    for (size_t k = 0; k < 2 * known && !r->silent; k++)
      if (at[1 + k].revents && r->pairs[k / 2][k % 2] >= 0) relay_pass(r, k / 2, (int)(k % 2));
    if (at[0].revents) relay_accept(r);
  }
  return NULL;
}

static inline bool relay_start(relay *r, uint16_t server_port) {
  struct sockaddr_in at = relay_address(0);
  socklen_t size = sizeof at;
  memset(r, 0, sizeof *r);
  r->server_port = server_port;
  r->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(r->listener, (struct sockaddr *)&at, size) || listen(r->listener, RELAY_PAIRS) ||
      getsockname(r->listener, (struct sockaddr *)&at, &size))
    return false;
  snprintf(r->port, sizeof r->port, "%d", ntohs(at.sin_port));
  return pthread_create(&r->thread, NULL, relay_run, r) == 0;
}

static inline void relay_end(relay *r) {
  r->ending = true;
  pthread_join(r->thread, NULL);
  for (size_t i = 0; i < r->npairs; i++) relay_close(r, i);
  close(r->listener);
}

#endif
