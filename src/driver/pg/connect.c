#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "driver/pg/conn.h"
#include "driver/socket.h"

/* Fixes the formats of values, whatever the settings of the server, the database and the user. Poolers keep the
 * first ones for each of their clients. The others would stay with the server's connection. */
#define SETTING(name, value, local) "pg_catalog.set_config('" name "', '" value "', " local ")"
#define KEPT_BY_POOLERS                                                                                                \
  "SELECT " SETTING("datestyle", "ISO", "false") ", " SETTING("timezone", "UTC", "false") ", " SETTING(                \
      "standard_conforming_strings", "on", "false")
#define NOT_KEPT(local)                                                                                                \
  SETTING("intervalstyle", "iso_8601", local)                                                                          \
  ", " SETTING("extra_float_digits", "3", local) ", " SETTING("bytea_output", "hex", local)

const char pg_settings_of_session[] = KEPT_BY_POOLERS ", " NOT_KEPT("false");
const char pg_settings_of_transaction[] =
    "; SET LOCAL intervalstyle = iso_8601; SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = hex";
const char pg_settings_of_rows[] = "SELECT " NOT_KEPT("true");

static const char TOO_MANY_CONNECTIONS[] = "53300";

enum { MOST_GREETING_BYTES = 4 * 1024 * 1024 /* before the connection is there; a server has few settings to send */ };

static void ignore_notice(void *ud, const PGresult *notice) { (void)ud, (void)notice; }

/* ---- how long ---- */

static const char *option(const char *const *keywords, const char *const *values, const char *keyword) {
  for (; *keywords; keywords++, values++)
    if (strcmp(*keywords, keyword) == 0) return *values;
  return "";
}

/* For each host; 0: no limit. */
static int64_t timeout_s(const char *const *keywords, const char *const *values) {
  long seconds = strtol(option(keywords, values, "connect_timeout"), NULL, 10);
  int64_t hosts = 1;
  for (const char *at = option(keywords, values, "host"); (at = strchr(at, ',')); at++) hosts++;
  return seconds > 0 && seconds < INT_MAX ? seconds * hosts : 0;
}

/* connect_timeout or the deadline, whichever is earlier. */
static void set_limit(pg_conn *conn, int64_t limit_s) {
  int64_t until_ns = limit_s ? clock_monotonic_ns() + limit_s * NS_PER_S : 0;
  conn->until_ns = conn->base.deadline_ns;
  if (until_ns && (!conn->until_ns || until_ns < conn->until_ns)) conn->until_ns = until_ns;
}

static shunt_status too_late(const pg_conn *conn, int64_t limit_s, shunt_error *err) {
  const char *name = conn->base.client->name;
  if (conn->until_ns == conn->base.deadline_ns)
    return error_set(err, SHUNT_E_TIMEOUT, "client '%s': timed out before the server accepted the connection", name);
  return error_set(err, SHUNT_E_DATASOURCE, "client '%s': the server does not answer within %lld s (connect_timeout)",
                   name, (long long)limit_s);
}

/* ---- what went wrong ---- */

/* For a refused connection, libpq gives the SQLSTATE only in its verbose message: "…: FATAL:  28P01: …". */
static char *find_state(char *line) {
  for (char *at = line; (at = strstr(at, ":  ")); at++) {
    size_t n = 0;
    while (n < 5 && (isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n]))) n++;
    if (n == 5 && at[8] == ':' && at[9] == ' ') return at + 3;
  }
  return NULL;
}

/* "LOCATION:  auth_failed, auth.c:326", a place in the server's source. */
static bool is_location(const char *line) {
  const char *file = strstr(line, ".c:");
  return file && file[3] && strspn(file + 3, "0123456789") == strlen(file + 3);
}

/* Also of a role, or a database, with a limit of its own. */
bool pg_is_full(const shunt_error *err) { return strcmp(err->sqlstate, TOO_MANY_CONNECTIONS) == 0; }

static shunt_status refused(const pg_conn *conn, shunt_error *err) {
  char said[1024], why[512] = "", state[6] = "";
  size_t size = 0;
  snprintf(said, sizeof said, "%s", PQerrorMessage(conn->pg));
  for (char *line = said, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    if (is_location(line)) continue;
    char *code = find_state(line);
    if (code) {
      memcpy(state, code, 5);
      memmove(code, code + 7, strlen(code + 7) + 1);
    }
    line += strspn(line, "\t ");
    if (size < sizeof why) size += (size_t)snprintf(why + size, sizeof why - size, "%s%s", size ? "; " : "", line);
  }
  const char *hint = strcmp(state, TOO_MANY_CONNECTIONS) == 0
                         ? "; lower the pools' max, or raise the server's max_connections or the role's own limit"
                         : "";
  const shunt_status status = !state[0] && pg_lacked_memory(why) ? SHUNT_E_MEMORY : SHUNT_E_DATASOURCE;
  error_set(err, status, "client '%s': %s%s%s", conn->base.client->name,
            status == SHUNT_E_MEMORY ? "out of memory: " : "", why, hint);
  if (err) memcpy(err->sqlstate, state, sizeof state);
  return status;
}

/* ---- connecting ---- */

/* PQconnectdb would print the server's notices before a notice processor could be set. False: the connection is
 * abandoned. */
static bool connect_by_steps(pg_conn *conn, PostgresPollingStatusType *step) {
  *step = PQstatus(conn->pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (*step == PGRES_POLLING_READING || *step == PGRES_POLLING_WRITING) {
    short events = *step == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    const int fd = PQsocket(conn->pg); /* of each attempt another one */
    if (!socket_wait(fd, events, conn->until_ns) || (conn->until_ns && clock_monotonic_ns() >= conn->until_ns))
      return pg_abandon(conn, PG_TOO_LATE);
    if (socket_received(fd) > MOST_GREETING_BYTES) return pg_abandon(conn, PG_ASTRAY);
    *step = PQconnectPoll(conn->pg);
  }
  return true;
}

/* Makes the connection nonblocking: libpq itself must never wait. */
static shunt_status begin_session(pg_conn *conn, shunt_error *err) {
  PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
  conn->encrypted = PQsslInUse(conn->pg) || PQgssEncInUse(conn->pg);
  if (PQsetnonblocking(conn->pg, 1)) return pg_fail(conn, NULL, NULL, err);
  return pg_exec(conn, conn->pooled ? KEPT_BY_POOLERS : pg_settings_of_session, NULL, err);
}

shunt_status pg_connect(pg_conn *conn, const char *const *keywords, const char *const *values, shunt_error *err) {
  int64_t limit_s = timeout_s(keywords, values);
  PostgresPollingStatusType step;
  set_limit(conn, limit_s);
  conn->pg = PQconnectStartParams(keywords, values, 0);
  if (!conn->pg) return error_memory(err);
  PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
  PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
  shunt_status status = SHUNT_OK;
  if (connect_by_steps(conn, &step)) status = step == PGRES_POLLING_OK ? begin_session(conn, err) : refused(conn, err);
  if (conn->ended == PG_TOO_LATE) return too_late(conn, limit_s, err);
  if (conn->ended) return pg_fail(conn, NULL, NULL, err);
  conn->until_ns = 0;
  return status;
}
