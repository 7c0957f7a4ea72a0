/* For: clients that meet a hostile server. A fake server holds a valid conversation, and harms one message of it
 * (peer_mutation), or behaves in a way of the engine's own (a case's `behaviour`). The client runs in a process of its
 * own, which must not crash, hang, grow, print, or read from the terminal.
 * Owner: the caller has the cases; processes, sockets and reports belong to the harness.
 * Use: write a peer_engine. Its `serve` holds the server's side of one connection, and ends with peer_gone or by
 * returning, which closes it:
 *   peer_read(p, head, 5); … peer_say(p, message, size); if (peer_does(p, "asks for a password")) …
 * Its `use` does what a client does, within deadline_ms, and notes what it got: peer_note(report, "open: %s", …).
 * Then peer_cases(&list, …) and peer_run(&engine, list.cases, list.count) == 0, which prints each case that did harm.
 */
#ifndef SHUNT_TESTS_DRIVER_PEER_H
#define SHUNT_TESTS_DRIVER_PEER_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "unit/random.h"

/* X(SYMBOL, words). "Well framed": the header gives the length that is sent. */
#define PEER_MUTATIONS(X)                                                                                              \
  X(NOTHING, "is valid")                                                                                               \
  X(MISSING, "is left out")                                                                                            \
  X(CLOSED, "is not sent: the connection is closed")                                                                   \
  X(RESET, "is not sent: the connection is reset")                                                                     \
  X(SILENT, "is not sent, nor anything else")                                                                          \
  X(HALF_CLOSED, "ends in its middle, where the connection is closed")                                                 \
  X(HALF_SILENT, "ends in its middle, and nothing follows")                                                            \
  X(DRIPS, "comes a byte at a time")                                                                                   \
  X(TWICE, "comes twice")                                                                                              \
  X(ENDLESS, "comes again and again, for ever")                                                                        \
  X(SWAPPED, "comes after the next one")                                                                               \
  X(LENGTH_NONE, "has the length of an empty one")                                                                     \
  X(LENGTH_BELOW, "has a length that is less than its header's")                                                       \
  X(LENGTH_NEGATIVE, "has a negative length")                                                                          \
  X(LENGTH_LESS, "has a length that is one less")                                                                      \
  X(LENGTH_MORE, "has a length that is one more")                                                                      \
  X(LENGTH_HUGE, "announces more than ever comes")                                                                     \
  X(LENGTH_FED, "announces as much as can be, and sends it")                                                           \
  X(CUT, "has half its body, well framed")                                                                             \
  X(EMPTY, "has no body, well framed")                                                                                 \
  X(PADDED, "has bytes behind its body, well framed")                                                                  \
  X(TYPE, "is of another type")                                                                                        \
  X(ZEROS, "is all zeros, well framed")                                                                                \
  X(ONES, "is all ones, well framed")                                                                                  \
  X(NOISE, "is random, well framed")                                                                                   \
  X(BITS, "has some bits flipped")                                                                                     \
  X(UNENDED, "has no NUL at the end of its texts")                                                                     \
  X(COUNT_NONE, "begins with a count of 0")                                                                            \
  X(COUNT_ONE, "begins with a count of 1")                                                                             \
  X(COUNT_MOST, "begins with the greatest count")                                                                      \
  X(NOISE_BEFORE, "comes after random bytes")                                                                          \
  X(NOISE_AFTER, "comes before random bytes")

typedef enum peer_mutation {
#define PEER_SYMBOL(symbol, words) PEER_##symbol,
  PEER_MUTATIONS(PEER_SYMBOL)
#undef PEER_SYMBOL
      PEER_NMUTATIONS
} peer_mutation;

/* What happens: message number `at`, counted over all connections of the case, is mutated; or the engine's `serve` asks
 * peer_does for the behaviour. */
typedef struct peer_case {
  const char *behaviour; /* NULL: none but the mutation */
  peer_mutation mutation;
  unsigned at;
  uint64_t seed;
  const char *want;     /* words that the client must note. NULL: any notes */
  const char *unwanted; /* words that it must not note. NULL: none */
  const char *unheard;  /* bytes that the server must not get from it, as a password. NULL: none */
} peer_case;

/* In memory that client, server and the test share. */
typedef struct peer_report peer_report;

/* The server's side of one connection, in a process of its own. */
typedef struct peer peer;

typedef struct peer_engine {
  const char *name;
  size_t header;     /* bytes of a message in front of its body */
  bool type_in_body; /* the body's first byte says what kind of message it is; otherwise the header's first */
  uint32_t largest;  /* length that a header can say and that no client has to refuse at once */
  /* Writes into the header the length of the body, whatever the body is, and what else each sending needs. */
  void (*frame)(peer *p, unsigned char *message, uint32_t length);
  void (*serve)(peer *p);
  void (*use)(const peer_case *c, uint16_t port, peer_report *report);
  int64_t deadline_ms; /* that `use` gives itself, of its whole run */
  int64_t slack_ms;    /* it must have ended that much later */
  long most_mib;       /* that the process of the client may take; under a sanitizer, more */
} peer_engine;

struct peer {
  const peer_engine *engine;
  const peer_case *c;
  peer_report *report;
  int fd;
  unsigned sequence; /* the engine's */
  rng random;
  jmp_buf gone;
  unsigned char *late; /* a message that comes after the next one */
  size_t late_size;
};

/* ---- in `serve` ---- */

/* Reads n bytes. Doesn't return if the client has closed. */
void peer_read(peer *p, void *to, size_t n);
/* Sends a message, whose header has room for what `frame` writes, or harms it, if it is its turn. */
void peer_say(peer *p, const void *message, size_t size);
/* Sends bytes that are no message, and that no mutation harms. Doesn't return if the client has closed. */
void peer_raw(peer *p, const void *bytes, size_t n);
/* The same message for ever. Doesn't return. */
_Noreturn void peer_say_for_ever(peer *p, const void *message, size_t size);
/* Sends nothing more, and reads until the client closes. Doesn't return. */
_Noreturn void peer_hold(peer *p);
/* Ends the connection. Doesn't return. */
_Noreturn void peer_gone(peer *p);
bool peer_does(const peer *p, const char *behaviour);

/* ---- in `use` ---- */

__attribute__((format(printf, 2, 3))) void peer_note(peer_report *r, const char *form, ...);

/* ---- in the test ---- */

/* Cases that the test owns. */
typedef struct peer_list {
  peer_case *cases;
  size_t count;
} peer_list;

/* The engine's own cases, and as many random ones, a mutation of any message of the valid conversation: SHUNT_PEERS, or
 * `most` without it. Fails the test if the valid conversation does harm. Free list.cases. */
peer_list peer_cases(const peer_engine *e, const peer_case *own, size_t n, size_t most);
/* Runs the cases, many at a time. Returns how many did harm; each of them was printed. */
size_t peer_run(const peer_engine *e, const peer_case *cases, size_t n);

/* ---- between the two files of the harness ---- */

/* The whole life of the server's process. */
_Noreturn void peer_serve(const peer_engine *e, const peer_case *c, peer_report *report, int listener);

struct peer_report {
  atomic_uint said; /* messages of the server */
  char notes[4096]; /* the client's */
  size_t size;
  int64_t took_ms; /* the client; 0: it has not ended */
  atomic_size_t heard_size;
  char heard[1 << 16]; /* the beginning of all that the client sent */
};

#endif
