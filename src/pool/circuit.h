/* For: sparing callers, and a server that is down, from one futile attempt to connect after the other. After some
 * failures in a row the circuit is open: attempts are refused at once until a back-off has passed; then one alone
 * probes, and its success closes the circuit.
 * Owner: a client has one, over all its levels. Any thread.
 * Use: if (!(status = circuit_enter(&c, client, &attempt, err))) { status = …connect…; circuit_leave(&c, &attempt,
 * status, err); } */
#ifndef SHUNT_POOL_CIRCUIT_H
#define SHUNT_POOL_CIRCUIT_H

#include <pthread.h>

#include "base/error.h"

enum { CIRCUIT_OPENS_AT = 5 }; /* failures in a row */

typedef struct circuit {
  pthread_mutex_t lock;
  int failures;     /* to connect, since the last success */
  bool probing;     /* somebody finds out whether the server is back */
  int64_t retry_ns; /* where it is open: nobody tries before */
  shunt_error last;
} circuit;

typedef struct circuit_attempt {
  bool probe;
  int64_t started_ns;
} circuit_attempt;

typedef enum circuit_change { CIRCUIT_SAME, CIRCUIT_OPENED, CIRCUIT_CLOSED } circuit_change;

bool circuit_init(circuit *c);
void circuit_end(circuit *c);

/* SHUNT_OK where one may try to connect, and must tell with circuit_leave how it went. Errors: DATASOURCE, with what
 * the last failure was. */
shunt_status circuit_enter(circuit *c, const char *client, circuit_attempt *attempt, shunt_error *err);
/* err is what came with the status. What says nothing about the server (a mistake in the configuration, no memory, a
 * caller who did not give it the time) leaves the circuit as it was. */
circuit_change circuit_leave(circuit *c, const circuit_attempt *attempt, shunt_status status, const shunt_error *err);
/* Whether circuit_enter would refuse; the same errors. */
shunt_status circuit_check(circuit *c, const char *client, shunt_error *err);
/* *retry_ms is 0 where it is closed, or is being probed, or the next to come probes. */
void circuit_look(circuit *c, bool *open, int64_t *retry_ms);

#endif
