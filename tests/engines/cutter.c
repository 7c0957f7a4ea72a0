/* For: a network between a test and a server on this machine that loses a connection at a chosen byte of a chosen
 * message, in either direction.
 * Owner: the process that holds its input; it ends when that closes.
 * Use: cutter pg|mysql PORT listens at 127.0.0.1, on a port that it prints, and forwards to 127.0.0.1:PORT. It numbers
 * the messages of all connections in the order in which they begin, from 1. It reads commands from its input, one per
 * line, and answers each with "done":
 *   cut N BYTES [refuse]
 *             numbers anew, and cuts the connection once it has forwarded so many bytes of message N; all: the whole of
 *             it. What the server was sent, it gets. The client sees a connection that has ended. refuse: no new
 *             connection is taken then, until
 *   pass      takes connections again, and cuts nothing that was not cut yet
 *   watch     numbers anew, and cuts nothing
 *   log       prints the messages since then: number, side (client or server), bytes, and the first of them in
 *             hexadecimal
 *   drop      ends all connections
 *   end       ends it, even while its input is open
 * Connections are not encrypted. */
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
#include <unistd.h>

enum { MOST_PAIRS = 64, MOST_SHOWN = 400, MOST_LOGGED = 4096, CLIENT = 0, SERVER = 1 };

/* A message, as far as it has come. */
typedef struct message {
  int number; /* 0: none has begun */
  size_t size, got;
  unsigned char shown[MOST_SHOWN];
} message;

typedef struct pair {
  int side[2]; /* of a client that was cut off: -1 */
  message from[2];
  bool started; /* PostgreSQL: the client's first message, which has no type, is over */
} pair;

typedef struct logged {
  int number, side;
  size_t size, nshown;
  unsigned char shown[MOST_SHOWN];
} logged;

typedef struct cutter {
  bool mysql;
  int listener;
  uint16_t port; /* the server's */
  pair pairs[MOST_PAIRS];
  int npairs;
  int numbers; /* given so far */
  int cut_at;  /* a message's number; 0: none */
  bool cut_all, cut_refuses, refuses;
  size_t cut_bytes;
  logged log[MOST_LOGGED];
  int nlogged;
} cutter;

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* ---- messages ---- */

static size_t big_endian(const unsigned char *b) {
  return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

/* How many bytes of a message say its size. */
static size_t header_of(const cutter *c, const pair *p, int side) {
  if (c->mysql) return 4;
  return side == CLIENT && !p->started ? 4 : 5;
}

static size_t size_of(const cutter *c, const unsigned char *b, size_t header) {
  if (c->mysql) return 4 + (size_t)b[0] + ((size_t)b[1] << 8) + ((size_t)b[2] << 16);
  return header == 4 ? big_endian(b) : 1 + big_endian(b + 1);
}

static void note(cutter *c, const message *m, int side) {
  if (c->nlogged == MOST_LOGGED) return;
  logged *l = &c->log[c->nlogged++];
  *l = (logged){.number = m->number, .side = side, .size = m->size};
  l->nshown = m->got < MOST_SHOWN ? m->got : MOST_SHOWN;
  memcpy(l->shown, m->shown, l->nshown);
}

static bool is_cut_here(const cutter *c, const message *m) {
  if (!c->cut_at || m->number != c->cut_at) return false;
  return c->cut_all ? m->size && m->got == m->size : m->got == c->cut_bytes;
}

/* Counts the byte among the messages. */
static void take_byte(cutter *c, pair *p, int side, unsigned char byte) {
  message *m = &p->from[side];
  const size_t header = header_of(c, p, side);
  if (m->got < MOST_SHOWN) m->shown[m->got] = byte;
  if (++m->got == header) m->size = size_of(c, m->shown, header);
}

static void end_message(cutter *c, pair *p, int side) {
  message *m = &p->from[side];
  if (!m->size || m->got < m->size) return;
  note(c, m, side);
  if (side == CLIENT) p->started = true;
  *m = (message){.number = 0};
}

/* How many bytes to forward. *cuts: the connection ends behind them. */
static size_t look_at(cutter *c, pair *p, int side, const unsigned char *bytes, size_t n, bool *cuts) {
  message *m = &p->from[side];
  *cuts = false;
  for (size_t i = 0; i < n; i++) {
    if (!m->number) m->number = ++c->numbers;
    if ((*cuts = is_cut_here(c, m))) return i;
    take_byte(c, p, side, bytes[i]);
    if ((*cuts = m->size && is_cut_here(c, m))) return i + 1;
    end_message(c, p, side);
  }
  return n;
}

/* ---- connections ---- */

static void forget(cutter *c, int i) {
  pair *p = &c->pairs[i];
  for (int side = 0; side < 2; side++)
    if (p->side[side] >= 0) close(p->side[side]);
  *p = c->pairs[--c->npairs];
}

static void take(cutter *c) {
  struct sockaddr_in at = {
      .sin_family = AF_INET, .sin_port = htons(c->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  pair *p = &c->pairs[c->npairs++];
  memset(p, 0, sizeof *p);
  p->side[CLIENT] = accept(c->listener, NULL, NULL);
  p->side[SERVER] = socket(AF_INET, SOCK_STREAM, 0);
  if (p->side[CLIENT] < 0 || c->refuses || connect(p->side[SERVER], (struct sockaddr *)&at, sizeof at) < 0)
    forget(c, c->npairs - 1);
}

/* The server has the rest of its input, and may answer in vain. */
static void cut(cutter *c, pair *p) {
  c->cut_at = 0;
  c->refuses = c->cut_refuses;
  close(p->side[CLIENT]);
  p->side[CLIENT] = -1;
  shutdown(p->side[SERVER], SHUT_WR);
}

static bool send_all(int fd, const unsigned char *bytes, size_t n) {
  while (n) {
    ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes += sent;
    n -= (size_t)sent;
  }
  return true;
}

/* False: the connection has ended. */
static bool move(cutter *c, pair *p, int side) {
  unsigned char bytes[16384];
  bool cuts;
  ssize_t n = recv(p->side[side], bytes, sizeof bytes, 0);
  if (n <= 0) return false;
  if (p->side[CLIENT] < 0) return true;
  size_t forwarded = look_at(c, p, side, bytes, (size_t)n, &cuts);
  if (!send_all(p->side[!side], bytes, forwarded)) return false;
  if (cuts) cut(c, p);
  return true;
}

/* ---- commands ---- */

static void print_log(const cutter *c) {
  for (int i = 0; i < c->nlogged; i++) {
    const logged *l = &c->log[i];
    printf("%d %s %zu ", l->number, l->side == CLIENT ? "client" : "server", l->size);
    for (size_t k = 0; k < l->nshown; k++) printf("%02x", l->shown[k]);
    putchar('\n');
  }
}

/* A message that is under way keeps no number. */
static void number_anew(cutter *c) { c->numbers = c->nlogged = c->cut_at = 0; }

static void arm(cutter *c, const char *line) {
  char bytes[32] = "", refuse[16] = "";
  int number = 0;
  sscanf(line, "cut %d %31s %15s", &number, bytes, refuse);
  number_anew(c);
  c->cut_at = number;
  c->cut_all = strcmp(bytes, "all") == 0;
  c->cut_bytes = (size_t)strtoul(bytes, NULL, 10);
  c->cut_refuses = refuse[0] != 0;
}

static bool obey(cutter *c) {
  char line[64];
  if (!fgets(line, sizeof line, stdin)) return false;
  if (strncmp(line, "cut ", 4) == 0)
    arm(c, line);
  else if (strcmp(line, "watch\n") == 0)
    number_anew(c);
  else if (strcmp(line, "log\n") == 0)
    print_log(c);
  else if (strcmp(line, "pass\n") == 0)
    c->refuses = false, c->cut_at = 0;
  else if (strcmp(line, "drop\n") == 0)
    while (c->npairs) forget(c, 0);
  else
    return false;
  puts("done");
  fflush(stdout);
  return true;
}

/* ---- waiting ---- */

static void run(cutter *c) {
  struct pollfd at[2 + 2 * MOST_PAIRS];
  for (;;) {
    at[0] = (struct pollfd){STDIN_FILENO, POLLIN, 0};
    at[1] = (struct pollfd){c->npairs == MOST_PAIRS ? -1 : c->listener, POLLIN, 0};
    for (int i = 0; i < c->npairs; i++)
      for (int side = 0; side < 2; side++) at[2 + 2 * i + side] = (struct pollfd){c->pairs[i].side[side], POLLIN, 0};
    if (poll(at, (nfds_t)(2 + 2 * c->npairs), -1) < 0) die("poll");
    for (int i = c->npairs; i-- > 0;) { /* the last one takes the place of one that is gone */
      bool goes_on = true;
      for (int side = 0; side < 2 && goes_on; side++)
        if (at[2 + 2 * i + side].revents) goes_on = c->pairs[i].side[side] < 0 || move(c, &c->pairs[i], side);
      if (!goes_on) forget(c, i);
    }
    if (at[1].revents) take(c);
    if (at[0].revents && !obey(c)) return;
  }
}

static int listen_here(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, MOST_PAIRS) < 0 ||
      getsockname(fd, (struct sockaddr *)&at, &size) < 0)
    die("listen");
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  static cutter c;
  if (argc != 3) {
    fputs("use: cutter pg|mysql PORT\n", stderr);
    return 2;
  }
  setvbuf(stdin, NULL, _IONBF, 0); /* poll knows nothing of what lies in a buffer */
  c.mysql = strcmp(argv[1], "mysql") == 0;
  c.port = (uint16_t)strtol(argv[2], NULL, 10);
  c.listener = listen_here();
  run(&c);
  while (c.npairs) forget(&c, 0);
  close(c.listener);
  return 0;
}
