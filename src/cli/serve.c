#define _POSIX_C_SOURCE 200809L
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/thread.h"

enum { MOST_CLIENTS = 16, REQUEST_BYTES = 4096, BACKLOG = 128 };

static const int64_t TIME_NS = 5000000000 /* of a client */, PAUSE_NS = 100000000 /* after a failed accept */;

typedef enum client_state { FREE, READS, WRITES, ENDS } client_state;

typedef struct client {
  client_state state;
  int fd;
  int64_t until_ns;
  char request[REQUEST_BYTES];
  size_t received;
  char head[256];
  char *body; /* from shunt_metrics, or NULL */
  size_t head_size, body_size, sent;
} client;

struct serve {
  shunt_app *app;
  char address[128];
  int listener, wake[2]; /* a byte in the pipe ends the thread */
  int64_t pause_ns;      /* until then nothing is accepted */
  pthread_t thread;
  client clients[MOST_CLIENTS];
};

/* ---- clients ---- */

static void drop(client *c) {
  if (c->state == FREE) return;
  close(c->fd);
  shunt_free(c->body);
  c->body = NULL;
  c->state = FREE;
}

static void answer(client *c, const char *status, const char *more, const char *body, size_t body_size) {
  int n = snprintf(c->head, sizeof c->head, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   status, more, body_size, body ? body : "");
  c->head_size = n > 0 && (size_t)n < sizeof c->head ? (size_t)n : 0;
  c->sent = 0;
  c->state = WRITES;
}

static void refuse(client *c, const char *status, const char *more) {
  char body[64];
  int n = snprintf(body, sizeof body, "%s\n", status);
  answer(c, status, more, body, (size_t)n);
}

static void give_metrics(const serve *s, client *c, bool with_body) {
  if (shunt_metrics(s->app, &c->body, NULL)) {
    refuse(c, "503 Service Unavailable", "");
    return;
  }
  c->body_size = strlen(c->body);
  answer(c, "200 OK", "Content-Type: " SHUNT_METRICS_TYPE "\r\n", NULL, c->body_size);
  if (!with_body) c->body_size = 0;
}

/* The word up to the blank, which must follow it; NULL: no blank follows. *at moves behind the blank. */
static const char *word(char **at) {
  char *start = *at, *blank = strchr(start, ' ');
  if (!blank || blank == start) return NULL;
  *blank = 0;
  *at = blank + 1;
  return start;
}

/* The first line: METHOD TARGET HTTP/1.x. The other lines of the request are not needed. */
static void decide(const serve *s, client *c) {
  char *at = c->request;
  at[strcspn(at, "\r\n")] = 0;
  const char *method = word(&at), *target = method ? word(&at) : NULL;
  if (!target || strncmp(at, "HTTP/1.", 7) != 0) {
    refuse(c, "400 Bad Request", "");
    return;
  }
  const bool get = strcmp(method, "GET") == 0, head = strcmp(method, "HEAD") == 0;
  const size_t path = strcspn(target, "?#");
  if (path != strlen("/metrics") || strncmp(target, "/metrics", path) != 0)
    refuse(c, "404 Not Found", "");
  else if (get || head)
    give_metrics(s, c, get);
  else
    refuse(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
}

/* The lines of the request end in an empty one. */
static bool is_complete(const client *c) {
  return strstr(c->request, "\r\n\r\n") != NULL || strstr(c->request, "\n\n") != NULL;
}

static void read_some(const serve *s, client *c) {
  ssize_t n = recv(c->fd, c->request + c->received, sizeof c->request - 1 - c->received, 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (n <= 0) {
    drop(c);
    return;
  }
  c->received += (size_t)n;
  c->request[c->received] = 0;
  if (strlen(c->request) < c->received)
    refuse(c, "400 Bad Request", ""); /* a NUL */
  else if (is_complete(c))
    decide(s, c);
  else if (c->received == sizeof c->request - 1)
    refuse(c, "431 Request Header Fields Too Large", "");
}

/* A connection that is closed with unread bytes is reset, and the answer may be lost: so the client ends it. */
static void write_some(client *c) {
  const bool in_head = c->sent < c->head_size;
  const char *from = in_head ? c->head + c->sent : c->body + (c->sent - c->head_size);
  const size_t left = in_head ? c->head_size - c->sent : c->head_size + c->body_size - c->sent;
  ssize_t n = left ? send(c->fd, from, left, MSG_NOSIGNAL) : 0;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (n < 0) {
    drop(c);
    return;
  }
  c->sent += (size_t)n;
  if (c->sent < c->head_size + c->body_size) return;
  c->state = ENDS;
  if (shutdown(c->fd, SHUT_WR)) drop(c);
}

static void await_end(client *c) {
  char rest[1024];
  ssize_t n = recv(c->fd, rest, sizeof rest, 0);
  if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))) return;
  drop(c);
}

static void serve_client(const serve *s, client *c) {
  switch (c->state) {
  case FREE:
    return;
  case READS:
    read_some(s, c);
    return;
  case WRITES:
    write_some(c);
    return;
  case ENDS:
    await_end(c);
    return;
  }
}

/* ---- accepting ---- */

static bool make_ready(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* A free place, or the place of the oldest client. */
static client *place_for_one(serve *s) {
  client *oldest = &s->clients[0];
  for (int i = 0; i < MOST_CLIENTS; i++) {
    client *c = &s->clients[i];
    if (c->state == FREE) return c;
    if (c->until_ns < oldest->until_ns) oldest = c;
  }
  drop(oldest);
  return oldest;
}

/* Without descriptors the listener stays readable, so it rests for a moment. */
static void accept_one(serve *s, int64_t now_ns) {
  int fd = accept(s->listener, NULL, NULL);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) s->pause_ns = now_ns + PAUSE_NS;
    return;
  }
  if (!make_ready(fd)) {
    close(fd);
    return;
  }
  client *c = place_for_one(s);
  c->state = READS;
  c->fd = fd;
  c->until_ns = now_ns + TIME_NS;
  c->received = c->body_size = 0;
  c->request[0] = 0;
}

/* ---- the thread ---- */

static int left_ms(const serve *s, int64_t now_ns) {
  int64_t next_ns = s->pause_ns;
  for (int i = 0; i < MOST_CLIENTS; i++) {
    const client *c = &s->clients[i];
    if (c->state != FREE && (!next_ns || c->until_ns < next_ns)) next_ns = c->until_ns;
  }
  if (!next_ns) return -1;
  return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns) / NS_PER_MS + 1);
}

static void end_late(serve *s, int64_t now_ns) {
  for (int i = 0; i < MOST_CLIENTS; i++)
    if (s->clients[i].state != FREE && now_ns >= s->clients[i].until_ns) drop(&s->clients[i]);
  if (now_ns >= s->pause_ns) s->pause_ns = 0;
}

/* False: it has to end. */
static bool turn(serve *s) {
  struct pollfd at[2 + MOST_CLIENTS];
  const int64_t now_ns = clock_monotonic_ns();
  end_late(s, now_ns);
  at[0] = (struct pollfd){.fd = s->wake[0], .events = POLLIN};
  at[1] = (struct pollfd){.fd = s->pause_ns ? -1 : s->listener, .events = POLLIN};
  for (int i = 0; i < MOST_CLIENTS; i++) {
    const client *c = &s->clients[i];
    at[2 + i] = (struct pollfd){.fd = c->state == FREE ? -1 : c->fd, .events = c->state == WRITES ? POLLOUT : POLLIN};
  }
  if (poll(at, 2 + MOST_CLIENTS, left_ms(s, now_ns)) < 0) return true;
  if (at[0].revents) return false;
  for (int i = 0; i < MOST_CLIENTS; i++)
    if (at[2 + i].revents) serve_client(s, &s->clients[i]);
  if (at[1].revents) accept_one(s, clock_monotonic_ns());
  return true;
}

static void *run(void *ud) {
  serve *s = ud;
  while (turn(s)) continue;
  for (int i = 0; i < MOST_CLIENTS; i++) drop(&s->clients[i]);
  return NULL;
}

/* ---- opening ---- */

static bool is_port(const char *text) {
  const size_t size = strlen(text);
  return size && size <= 5 && strspn(text, "0123456789") == size && strtol(text, NULL, 10) <= 65535;
}

/* HOST:PORT in two parts; the host may be in brackets. */
static bool split(const char *address, char *host, size_t room, const char **port) {
  const char *colon = strrchr(address, ':');
  if (!colon || !is_port(colon + 1)) return false;
  *port = colon + 1;
  const bool bracketed = address[0] == '[' && colon > address + 1 && colon[-1] == ']';
  const char *from = address + bracketed;
  const size_t size = (size_t)(colon - from) - bracketed;
  if (!size || size >= room || (!bracketed && memchr(from, ':', size))) return false;
  memcpy(host, from, size);
  host[size] = 0;
  return true;
}

static int listen_at(const struct addrinfo *at) {
  const int yes = 1;
  int fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
  if (fd < 0) return fd;
  if (make_ready(fd) && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
      bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  const int why = errno;
  close(fd);
  errno = why;
  return -1;
}

static bool find_address(serve *s) {
  struct sockaddr_storage at;
  socklen_t size = sizeof at;
  char host[64], port[8];
  if (getsockname(s->listener, (struct sockaddr *)&at, &size)) return false;
  if (getnameinfo((struct sockaddr *)&at, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
    return false;
  snprintf(s->address, sizeof s->address, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
  return true;
}

static bool begin_listening(serve *s, const char *address, char *why, size_t room) {
  const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
  struct addrinfo *found = NULL;
  const char *port;
  char host[64];
  if (!split(address, host, sizeof host, &port)) {
    snprintf(why, room, "'%s' is not HOST:PORT", address);
    return false;
  }
  int failed = getaddrinfo(host, port, &hints, &found);
  if (failed) {
    snprintf(why, room, "can't listen at %s: %s", address, gai_strerror(failed));
    return false;
  }
  for (const struct addrinfo *at = found; at && s->listener < 0; at = at->ai_next) s->listener = listen_at(at);
  if (s->listener < 0) snprintf(why, room, "can't listen at %s: %s", address, strerror(errno));
  freeaddrinfo(found);
  return s->listener >= 0 && find_address(s);
}

static bool start(serve *s) {
  if (pipe(s->wake)) return false;
  if (make_ready(s->wake[0]) && make_ready(s->wake[1]) && thread_start(&s->thread, 0, run, s) == 0) return true;
  close(s->wake[0]);
  close(s->wake[1]);
  return false;
}

bool serve_open(shunt_app *app, const char *address, serve **out, char *why, size_t room) {
  serve *s = base_zalloc(sizeof *s);
  snprintf(why, room, "out of memory");
  if (!s) return false;
  s->app = app;
  s->listener = -1;
  if (begin_listening(s, address, why, room)) {
    *out = s;
    if (start(s)) return true;
    snprintf(why, room, "can't listen at %s: the system gives no thread", address);
  }
  if (s->listener >= 0) close(s->listener);
  base_free(s);
  return false;
}

const char *serve_address(const serve *s) { return s->address; }

void serve_close(serve *s) {
  if (!s) return;
  ssize_t written = write(s->wake[1], "", 1);
  (void)written; /* the pipe is empty: it has room */
  pthread_join(s->thread, NULL);
  close(s->listener);
  close(s->wake[0]);
  close(s->wake[1]);
  base_free(s);
}
