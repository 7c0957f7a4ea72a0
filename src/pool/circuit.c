#include "pool/circuit.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "pool/jitter.h"

enum {
  BACK_OFF_MS = 200,          /* doubled with each probe that fails */
  LONGEST_BACK_OFF_MS = 1000, /* a server that is back is considered down for at most this long */
  PATIENCE_MS = 1000          /* a connect timeout counts as a failure of the server from this time on */
};

bool circuit_init(circuit *c) {
  memset(c, 0, sizeof *c);
  return pthread_mutex_init(&c->lock, NULL) == 0;
}

void circuit_end(circuit *c) { pthread_mutex_destroy(&c->lock); }

/* ---- under the lock ---- */

static bool is_open(const circuit *c) { return c->failures >= CIRCUIT_OPENS_AT; }

/* The only place that changes it. */
static void set_failures(circuit *c, int failures) {
  c->failures = failures;
  atomic_store_explicit(&c->open, is_open(c), memory_order_relaxed);
}

static int64_t left_ms(const circuit *c, int64_t now_ns) {
  if (!is_open(c) || c->probing || now_ns >= c->retry_ns) return 0;
  return (c->retry_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

static int64_t back_off_ns(const circuit *c, int64_t now_ns) {
  int64_t ms = BACK_OFF_MS;
  for (int i = CIRCUIT_OPENS_AT; i < c->failures && ms < LONGEST_BACK_OFF_MS; i++) ms *= 2;
  if (ms > LONGEST_BACK_OFF_MS) ms = LONGEST_BACK_OFF_MS;
  return (int64_t)((double)(ms * NS_PER_MS) * (0.8 + 0.4 * jitter((uint64_t)now_ns)));
}

const char *circuit_words(const shunt_error *failure, const char *client) {
  char name[160];
  int size = snprintf(name, sizeof name, "client '%s': ", client);
  return strncmp(failure->message, name, (size_t)size) == 0 ? failure->message + size : failure->message;
}

static shunt_status refuse(const circuit *c, const char *client, int64_t now_ns, shunt_error *err) {
  char next[64] = "is being made right now";
  if (!c->probing) snprintf(next, sizeof next, "is made in %lld ms", (long long)left_ms(c, now_ns));
  error_set(err, SHUNT_E_DATASOURCE,
            "client '%s' is considered down: %d attempts in a row to connect have failed, and the next one %s. The "
            "last failure: %s",
            client, c->failures, next, circuit_words(&c->last, client));
  error_client(err, client);
  if (!err) return SHUNT_E_DATASOURCE;
  err->engine_code = c->last.engine_code;
  memcpy(err->sqlstate, c->last.sqlstate, sizeof err->sqlstate);
  return SHUNT_E_DATASOURCE;
}

static shunt_status check(const circuit *c, const char *client, int64_t now_ns, shunt_error *err) {
  if (!is_open(c) || (!c->probing && now_ns >= c->retry_ns)) return SHUNT_OK;
  return refuse(c, client, now_ns, err);
}

/* ---- from outside ---- */

shunt_status circuit_enter(circuit *c, const char *client, circuit_attempt *attempt, shunt_error *err) {
  int64_t now_ns = clock_monotonic_ns();
  pthread_mutex_lock(&c->lock);
  shunt_status status = check(c, client, now_ns, err);
  *attempt = (circuit_attempt){.probe = !status && is_open(c), .started_ns = now_ns};
  if (attempt->probe) c->probing = true;
  pthread_mutex_unlock(&c->lock);
  return status;
}

/* Only a probe doubles the back-off: not each of the attempts that were in progress when the circuit opened. */
circuit_change circuit_leave(circuit *c, const circuit_attempt *attempt, shunt_status status, const shunt_error *err) {
  int64_t now_ns = clock_monotonic_ns();
  bool down = err && (status == SHUNT_E_DATASOURCE ||
                      (status == SHUNT_E_TIMEOUT && now_ns - attempt->started_ns >= PATIENCE_MS * NS_PER_MS));
  pthread_mutex_lock(&c->lock);
  const bool before = is_open(c);
  if (!status) set_failures(c, 0);
  if (down && (attempt->probe || !is_open(c))) {
    set_failures(c, c->failures + 1);
    c->retry_ns = now_ns + back_off_ns(c, now_ns);
    c->last = *err;
  }
  if (attempt->probe) c->probing = false;
  const bool now = is_open(c);
  pthread_mutex_unlock(&c->lock);
  return before == now ? CIRCUIT_SAME : now ? CIRCUIT_OPENED : CIRCUIT_CLOSED;
}

/* Asked for each draw of a client: without a lock, as long as it is closed. */
shunt_status circuit_check(circuit *c, const char *client, shunt_error *err) {
  if (!atomic_load_explicit(&c->open, memory_order_relaxed)) return SHUNT_OK;
  int64_t now_ns = clock_monotonic_ns();
  pthread_mutex_lock(&c->lock);
  shunt_status status = check(c, client, now_ns, err);
  pthread_mutex_unlock(&c->lock);
  return status;
}

void circuit_look(circuit *c, bool *open, int64_t *retry_ms) {
  int64_t now_ns = clock_monotonic_ns();
  pthread_mutex_lock(&c->lock);
  *open = is_open(c);
  *retry_ms = left_ms(c, now_ns);
  pthread_mutex_unlock(&c->lock);
}
