/* The server's side: messages, and the harm that is done to them. */
#define _DEFAULT_SOURCE
#include "unit/driver/peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 1 << 16, DRIP_US = 20000, FEED_US = 1000, MOST_NOISE = 40 };

/* ---- bytes ---- */

void peer_gone(peer *p) { longjmp(p->gone, 1); }

void peer_raw(peer *p, const void *bytes, size_t n) {
  for (const char *at = bytes; n;) {
    ssize_t sent = send(p->fd, at, n, MSG_NOSIGNAL);
    if (sent <= 0) peer_gone(p);
    at += sent;
    n -= (size_t)sent;
  }
}

static void note_heard(peer *p, const void *bytes, size_t n) {
  size_t at = atomic_fetch_add(&p->report->heard_size, n), room = sizeof p->report->heard;
  if (at < room) memcpy(p->report->heard + at, bytes, n < room - at ? n : room - at);
}

void peer_read(peer *p, void *to, size_t n) {
  for (char *at = to; n;) {
    ssize_t got = recv(p->fd, at, n, 0);
    if (got <= 0) peer_gone(p);
    note_heard(p, at, (size_t)got);
    at += got;
    n -= (size_t)got;
  }
}

void peer_hold(peer *p) {
  char byte;
  for (;;) peer_read(p, &byte, 1);
}

bool peer_does(const peer *p, const char *behaviour) {
  return p->c->behaviour && strcmp(p->c->behaviour, behaviour) == 0;
}

/* ---- messages ---- */

/* Says another length than it has. */
static void say_length(peer *p, unsigned char *message, size_t size, uint32_t length) {
  p->engine->frame(p, message, length);
  peer_raw(p, message, size);
}

static void say(peer *p, unsigned char *message, size_t size) {
  say_length(p, message, size, (uint32_t)(size - p->engine->header));
}

static unsigned char *copy(const void *message, size_t size) {
  unsigned char *made = malloc(size + MOST_NOISE);
  if (!made) _exit(1);
  return memcpy(made, message, size);
}

void peer_say_for_ever(peer *p, const void *message, size_t size) {
  size_t n = size < BLOCK ? BLOCK / size : 1;
  unsigned char *block = calloc(n, size);
  if (!block) _exit(1);
  for (;;) {
    for (size_t i = 0; i < n; i++) {
      memcpy(block + i * size, message, size);
      p->engine->frame(p, block + i * size, (uint32_t)(size - p->engine->header));
    }
    peer_raw(p, block, n * size);
  }
}

static void fill(peer *p, unsigned char *to, size_t n) {
  for (size_t i = 0; i < n; i++) to[i] = (unsigned char)rng_next(&p->random);
}

static void say_noise(peer *p) {
  unsigned char noise[MOST_NOISE];
  size_t n = 1 + rng_below(&p->random, MOST_NOISE);
  fill(p, noise, n);
  peer_raw(p, noise, n);
}

static void drip(peer *p, const unsigned char *message, size_t size) {
  for (size_t i = 0; i < size; i++) {
    peer_raw(p, message + i, 1);
    usleep(DRIP_US);
  }
}

/* No faster than a network: a client library may read on as long as anything is there. */
static void feed(peer *p) {
  unsigned char block[BLOCK];
  fill(p, block, sizeof block);
  for (;;) {
    peer_raw(p, block, sizeof block);
    usleep(FEED_US);
  }
}

static void reset(peer *p) {
  struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  peer_gone(p);
}

/* ---- harm ---- */

static void flip_bits(peer *p, unsigned char *body, size_t n) {
  for (size_t flips = 1 + rng_below(&p->random, 4); n && flips; flips--)
    body[rng_below(&p->random, n)] ^= (unsigned char)(1u << rng_below(&p->random, 8));
}

/* What is sent is as long as its header says. */
static void harm_body(peer *p, unsigned char *message, size_t size) {
  unsigned char *body = message + p->engine->header;
  size_t n = size - p->engine->header, count = n < 2 ? n : 2;
  switch ((int)p->c->mutation) {
  case PEER_CUT:
    n /= 2;
    break;
  case PEER_EMPTY:
    n = 0;
    break;
  case PEER_PADDED:
    fill(p, body + n, MOST_NOISE);
    n += 1 + rng_below(&p->random, MOST_NOISE);
    break;
  case PEER_TYPE:
    *(p->engine->type_in_body ? body : message) = (unsigned char)rng_next(&p->random);
    break;
  case PEER_ZEROS:
    memset(body, 0, n);
    break;
  case PEER_ONES:
    memset(body, 0xff, n);
    break;
  case PEER_NOISE:
    fill(p, body, n);
    break;
  case PEER_BITS:
    flip_bits(p, body, n);
    break;
  case PEER_UNENDED:
    for (size_t i = 0; i < n; i++)
      if (!body[i]) body[i] = 'x';
    break;
  case PEER_COUNT_NONE:
    memset(body, 0, count);
    break;
  case PEER_COUNT_ONE:
    for (size_t i = 0; i < count; i++) body[i] = i + 1 == count;
    break;
  case PEER_COUNT_MOST:
    for (size_t i = 0; i < count; i++) body[i] = i ? 0xff : 0x7f;
    break;
  }
  say(p, message, p->engine->header + n);
}

static void harm_length(peer *p, unsigned char *message, size_t size) {
  uint32_t n = (uint32_t)(size - p->engine->header);
  switch ((int)p->c->mutation) {
  case PEER_LENGTH_NONE:
    say_length(p, message, size, 0);
    break;
  case PEER_LENGTH_BELOW:
    say_length(p, message, size, (uint32_t)0 - (uint32_t)p->engine->header);
    break;
  case PEER_LENGTH_NEGATIVE:
    say_length(p, message, size, UINT32_C(0x80000000));
    break;
  case PEER_LENGTH_LESS:
    say_length(p, message, size, n - 1);
    break;
  case PEER_LENGTH_MORE:
    say_length(p, message, size, n + 1);
    break;
  case PEER_LENGTH_HUGE:
    say_length(p, message, size, p->engine->largest);
    peer_hold(p);
    break;
  case PEER_LENGTH_FED:
    say_length(p, message, size, p->engine->largest);
    feed(p);
    break;
  }
}

static void harm_order(peer *p, unsigned char *message, size_t size) {
  const size_t half = size / 2;
  switch ((int)p->c->mutation) {
  case PEER_MISSING:
    break;
  case PEER_CLOSED:
    peer_gone(p);
    break;
  case PEER_RESET:
    reset(p);
    break;
  case PEER_SILENT:
    peer_hold(p);
    break;
  case PEER_HALF_CLOSED:
  case PEER_HALF_SILENT:
    say_length(p, message, half, (uint32_t)(size - p->engine->header));
    if (p->c->mutation == PEER_HALF_SILENT) peer_hold(p);
    peer_gone(p);
    break;
  case PEER_DRIPS:
    p->engine->frame(p, message, (uint32_t)(size - p->engine->header));
    drip(p, message, size);
    break;
  case PEER_TWICE:
    say(p, message, size);
    say(p, message, size);
    break;
  case PEER_ENDLESS:
    peer_say_for_ever(p, message, size);
    break;
  case PEER_SWAPPED:
    p->late = copy(message, size);
    p->late_size = size;
    break;
  case PEER_NOISE_BEFORE:
    say_noise(p);
    say(p, message, size);
    break;
  case PEER_NOISE_AFTER:
    say(p, message, size);
    say_noise(p);
    break;
  }
}

static void harm(peer *p, unsigned char *message, size_t size) {
  peer_mutation m = p->c->mutation;
  if (m >= PEER_LENGTH_NONE && m <= PEER_LENGTH_FED)
    harm_length(p, message, size);
  else if (m >= PEER_CUT && m <= PEER_COUNT_MOST)
    harm_body(p, message, size);
  else
    harm_order(p, message, size);
}

void peer_say(peer *p, const void *message, size_t size) {
  bool turn = atomic_fetch_add(&p->report->said, 1) == p->c->at && p->c->mutation != PEER_NOTHING;
  unsigned char *mine = copy(message, size), *late = p->late;
  p->late = NULL;
  if (turn)
    harm(p, mine, size);
  else
    say(p, mine, size);
  if (late) say(p, late, p->late_size);
  free(late);
  free(mine);
}

/* ---- the process ---- */

static void hold_connection(const peer_engine *e, const peer_case *c, peer_report *report, int fd) {
  peer p = {.engine = e, .c = c, .report = report, .fd = fd, .random = {c->seed}};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (!setjmp(p.gone)) e->serve(&p);
}

void peer_serve(const peer_engine *e, const peer_case *c, peer_report *report, int listener) {
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) _exit(1);
    if (fork() == 0) {
      close(listener);
      hold_connection(e, c, report, fd);
      _exit(0);
    }
    close(fd);
  }
}
