/* For: a network between a test and a server on this machine that is slow, or that loses connections silently.
 * Owner: the process that holds its input; it ends when that closes.
 * Use: relay ADDRESS PORT listens at ADDRESS, on a port that it prints, and forwards to 127.0.0.1:PORT. It reads
 * commands from its input, one per line, and answers each with "done":
 *   delay MS   delays all further data, both ways
 *   rate BYTES passes on at most so many bytes per second, each way of a connection; 0: as many as come
 *   silence    forwards nothing any more and accepts no connection, until
 *   pass       accepts new ones. It closes the silent ones to the server, but not to the client
 *   end        ends it, even while its input is open */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PAIRS = 64, MOST_CHUNKS = 256, CLIENT = 0, SERVER = 1 };

typedef struct chunk {
  struct chunk *next;
  int64_t due_ms;
  size_t size, sent;
  char bytes[16384];
} chunk;

/* What came from one side, for the other. */
typedef struct flow {
  chunk *first, *last;
  int count;
  int64_t free_ms; /* when the line has passed on what came before */
  bool ended;      /* nothing more comes */
} flow;

typedef struct pair {
  int side[2];
  flow from[2];
  bool silent;
} pair;

typedef struct relay {
  int listener;
  uint16_t port; /* the server's */
  pair pairs[MOST_PAIRS];
  int npairs;
  int64_t delay_ms, rate;
  bool silent;
} relay;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- one pair ---- */

static void drop_chunk(flow *f) {
  chunk *gone = f->first;
  f->first = gone->next;
  f->count--;
  free(gone);
}

static void close_side(pair *p, int side) {
  if (p->side[side] >= 0) close(p->side[side]);
  p->side[side] = -1;
  while (p->from[side].first) drop_chunk(&p->from[side]);
}

static void close_pair(pair *p) {
  close_side(p, CLIENT);
  close_side(p, SERVER);
}

/* When the line has passed on so many bytes more. */
static int64_t due_ms(const relay *r, flow *f, size_t size) {
  const int64_t at_ms = now_ms();
  if (!r->rate) return at_ms + r->delay_ms;
  f->free_ms = (f->free_ms > at_ms ? f->free_ms : at_ms) + (int64_t)size * 1000 / r->rate;
  return f->free_ms + r->delay_ms;
}

static bool read_from(const relay *r, pair *p, int side) {
  flow *f = &p->from[side];
  chunk *c = malloc(sizeof *c);
  if (!c) die("malloc");
  ssize_t n = recv(p->side[side], c->bytes, sizeof c->bytes, MSG_DONTWAIT);
  if (n <= 0) {
    free(c);
    f->ended = n == 0;
    return n == 0;
  }
  c->next = NULL;
  c->due_ms = due_ms(r, f, (size_t)n);
  c->size = (size_t)n;
  c->sent = 0;
  *(f->first ? &f->last->next : &f->first) = c;
  f->last = c;
  f->count++;
  return true;
}

static bool write_from(pair *p, int side) {
  flow *f = &p->from[side];
  chunk *c = f->first;
  ssize_t n = send(p->side[!side], c->bytes + c->sent, c->size - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) return false;
  c->sent += (size_t)n;
  if (c->sent == c->size) drop_chunk(f);
  return true;
}

/* False when nothing is to come of it any more. */
static bool goes_on(pair *p) {
  for (int side = 0; side < 2; side++)
    if (p->from[side].ended && !p->from[side].first) shutdown(p->side[!side], SHUT_WR);
  return !(p->from[CLIENT].ended && p->from[SERVER].ended && !p->from[CLIENT].first && !p->from[SERVER].first);
}

/* ---- all of them ---- */

static void forget(relay *r, int i) {
  close_pair(&r->pairs[i]);
  r->pairs[i] = r->pairs[--r->npairs];
}

static void take(relay *r) {
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons(r->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  pair *p = &r->pairs[r->npairs++];
  memset(p, 0, sizeof *p);
  p->side[CLIENT] = accept(r->listener, NULL, NULL);
  p->side[SERVER] = socket(AF_INET, SOCK_STREAM, 0);
  if (p->side[CLIENT] < 0 || connect(p->side[SERVER], (struct sockaddr *)&at, sizeof at) < 0) forget(r, r->npairs - 1);
}

static void silence(relay *r) {
  r->silent = true;
  for (int i = 0; i < r->npairs; i++) r->pairs[i].silent = true;
}

static void pass(relay *r) {
  r->silent = false;
  for (int i = 0; i < r->npairs; i++)
    if (r->pairs[i].silent) close_side(&r->pairs[i], SERVER);
}

static bool obey(relay *r) {
  char line[64];
  if (!fgets(line, sizeof line, stdin)) return false;
  if (strncmp(line, "delay ", 6) == 0)
    r->delay_ms = strtol(line + 6, NULL, 10);
  else if (strncmp(line, "rate ", 5) == 0)
    r->rate = strtol(line + 5, NULL, 10);
  else if (strcmp(line, "silence\n") == 0)
    silence(r);
  else if (strcmp(line, "pass\n") == 0)
    pass(r);
  else
    return false;
  puts("done");
  return true;
}

/* ---- waiting ---- */

typedef struct watch {
  struct pollfd at[2 + 4 * MOST_PAIRS]; /* input, listener, and of each pair what comes from and what goes to a side */
  int64_t until_ms;                     /* 0: as long as it takes */
} watch;

static struct pollfd *of_pair(watch *w, int i, int side) { return &w->at[2 + 4 * i + 2 * side]; }

static void look_at(watch *w, const pair *p, int i, int64_t at_ms) {
  for (int side = 0; side < 2; side++) {
    const flow *f = &p->from[side];
    bool due = f->first && f->first->due_ms <= at_ms;
    struct pollfd *in = of_pair(w, i, side), *out = in + 1;
    *in = (struct pollfd){p->silent || f->ended || f->count == MOST_CHUNKS ? -1 : p->side[side], POLLIN, 0};
    *out = (struct pollfd){p->silent || !due ? -1 : p->side[!side], POLLOUT, 0};
    if (!p->silent && f->first && !due && (!w->until_ms || f->first->due_ms < w->until_ms))
      w->until_ms = f->first->due_ms;
  }
}

static void wait_for_any(const relay *r, watch *w) {
  int64_t at_ms = now_ms();
  w->until_ms = 0;
  w->at[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
  w->at[1] = (struct pollfd){r->silent || r->npairs == MOST_PAIRS ? -1 : r->listener, POLLIN, 0};
  for (int i = 0; i < r->npairs; i++) look_at(w, &r->pairs[i], i, at_ms);
  if (poll(w->at, (nfds_t)(2 + 4 * r->npairs), w->until_ms ? (int)(w->until_ms - at_ms) : -1) < 0) die("poll");
}

static bool move(relay *r, watch *w, int i) {
  pair *p = &r->pairs[i];
  for (int side = 0; side < 2; side++) {
    struct pollfd *in = of_pair(w, i, side), *out = in + 1;
    if (in->revents && !read_from(r, p, side)) return false;
    if (out->revents && !write_from(p, side)) return false;
  }
  return goes_on(p);
}

static void run(relay *r) {
  watch w;
  for (;;) {
    wait_for_any(r, &w);
    for (int i = r->npairs; i-- > 0;) /* the last one takes the place of one that is gone */
      if (!r->pairs[i].silent && !move(r, &w, i)) forget(r, i);
    if (w.at[1].revents) take(r);
    if (w.at[0].revents && !obey(r)) return;
  }
}

static int listen_at(const char *address) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1 || bind(fd, (struct sockaddr *)&at, size) < 0 ||
      listen(fd, MOST_PAIRS) < 0 || getsockname(fd, (struct sockaddr *)&at, &size) < 0)
    die(address);
  printf("%d\n", ntohs(at.sin_port));
  return fd;
}

int main(int argc, char **argv) {
  static relay r;
  if (argc != 3) {
    fputs("use: relay ADDRESS PORT\n", stderr);
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  setvbuf(stdin, NULL, _IONBF, 0); /* poll knows nothing of what lies in a buffer */
  r.port = (uint16_t)strtol(argv[2], NULL, 10);
  r.listener = listen_at(argv[1]);
  run(&r);
  while (r.npairs) forget(&r, 0);
  close(r.listener);
  return 0;
}
