/* For: no futile attempts to connect to a server that is down. After some failures in a row the circuit opens: attempts
 * fail at once until a back-off has passed. Then one caller probes; its success closes the circuit. Owner: each client
 * has one circuit for all its levels. Any thread. Use: if (!(status = circuit_enter(&c, client, &attempt, err))) {
 * status = …connect…; circuit_leave(&c, &attempt, status, err); } */
#ifndef SHUNT_POOL_CIRCUIT_H
#define SHUNT_POOL_CIRCUIT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"

enum { CIRCUIT_OPENS_AT = 5 }; /* failures in a row */

typedef struct circuit {
  pthread_mutex_t lock;
  int failures;     /* to connect, since the last success */
  atomic_bool open; /* whether these are enough; read without the lock */
  bool probing;     /* a caller tries whether the server is back */
  int64_t retry_ns; /* while it is open: the time of the next probe */
  shunt_error last;
} circuit;

typedef struct circuit_attempt {
  bool probe;
  int64_t started_ns;
} circuit_attempt;

typedef enum circuit_change { CIRCUIT_SAME, CIRCUIT_OPENED, CIRCUIT_CLOSED } circuit_change;

bool circuit_init(circuit *c);
void circuit_end(circuit *c);

/* SHUNT_OK: the caller may try to connect, and must report the result with circuit_leave. Errors: DATASOURCE, with the
 * last failure. */
shunt_status circuit_enter(circuit *c, const char *client, circuit_attempt *attempt, shunt_error *err);
/* err goes with the status; NULL: the failure says nothing about the server, as it serves other connections. Neither do
 * some others (a mistake in the configuration, no memory, a caller with too little time). Such failures change nothing.
 */
circuit_change circuit_leave(circuit *c, const circuit_attempt *attempt, shunt_status status, const shunt_error *err);
/* Whether circuit_enter would refuse; the same errors. */
shunt_status circuit_check(circuit *c, const char *client, shunt_error *err);
/* The message of a failure without the client's name at its beginning, for one that has named it already. */
const char *circuit_words(const shunt_error *failure, const char *client);
/* *retry_ms is 0 if the circuit is closed, a probe is in progress, or the next caller probes. */
void circuit_look(circuit *c, bool *open, int64_t *retry_ms);

#endif
