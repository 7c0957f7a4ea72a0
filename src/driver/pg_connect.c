#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "driver/pg_conn.h"

/* So that values look the same whatever the server, the database and the user are set to. */
static const char settings[] = "SET datestyle = ISO; SET intervalstyle = iso_8601; SET timezone = 'UTC'; "
                               "SET extra_float_digits = 3; SET bytea_output = hex; "
                               "SET standard_conforming_strings = on";

static const int64_t NS_PER_MS = 1000000, NS_PER_S = 1000000000;

static void ignore_notice(void *ud, const PGresult *notice) { (void)ud, (void)notice; }

/* ---- how long ---- */

static const char *option(const char *const *keywords, const char *const *values, const char *keyword) {
  for (; *keywords; keywords++, values++)
    if (strcmp(*keywords, keyword) == 0) return *values;
  return "";
}

/* Of each host; 0: as long as it takes. */
static int64_t timeout_s(const char *const *keywords, const char *const *values) {
  long seconds = strtol(option(keywords, values, "connect_timeout"), NULL, 10);
  int64_t hosts = 1;
  for (const char *at = option(keywords, values, "host"); (at = strchr(at, ',')); at++) hosts++;
  return seconds > 0 && seconds < INT_MAX ? seconds * hosts : 0;
}

/* False once it is too late. */
static bool wait_for(const PGconn *pg, PostgresPollingStatusType what, int64_t until_ns) {
  struct pollfd ready = {.fd = PQsocket(pg), .events = what == PGRES_POLLING_READING ? POLLIN : POLLOUT};
  for (;;) {
    int64_t left_ms = until_ns ? (until_ns - clock_monotonic_ns() + NS_PER_MS - 1) / NS_PER_MS : -1;
    if (until_ns && left_ms <= 0) return false;
    int n = poll(&ready, 1, left_ms > INT_MAX ? INT_MAX : (int)left_ms);
    if (n > 0 || (n < 0 && errno != EINTR)) return true; /* libpq tells what is wrong with it */
  }
}

/* ---- what went wrong ---- */

/* libpq tells a SQLSTATE of a connection that was refused only in what it says at length: "…: FATAL:  28P01: …". */
static char *find_state(char *line) {
  for (char *at = line; (at = strstr(at, ":  ")); at++) {
    size_t n = 0;
    while (n < 5 && (isdigit((unsigned char)at[3 + n]) || isupper((unsigned char)at[3 + n]))) n++;
    if (n == 5 && at[8] == ':' && at[9] == ' ') return at + 3;
  }
  return NULL;
}

/* "LOCATION:  auth_failed, auth.c:326": where in the server's source. */
static bool is_location(const char *line) {
  const char *file = strstr(line, ".c:");
  return file && file[3] && strspn(file + 3, "0123456789") == strlen(file + 3);
}

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
  error_set(err, SHUNT_E_DATASOURCE, "client '%s': %s", conn->base.client->name, why);
  if (err) memcpy(err->sqlstate, state, sizeof state);
  return SHUNT_E_DATASOURCE;
}

/* ---- connecting ---- */

static shunt_status apply_settings(pg_conn *conn, shunt_error *err) {
  PQsetErrorVerbosity(conn->pg, PQERRORS_DEFAULT);
  PGresult *result = PQexec(conn->pg, settings);
  shunt_status status = PQresultStatus(result) == PGRES_COMMAND_OK ? SHUNT_OK : pg_fail(conn, result, NULL, err);
  PQclear(result);
  return status;
}

/* Step by step, since libpq would print the server's notices before it could be told not to. */
shunt_status pg_connect(pg_conn *conn, const char *const *keywords, const char *const *values, shunt_error *err) {
  int64_t limit_s = timeout_s(keywords, values), until_ns = limit_s ? clock_monotonic_ns() + limit_s * NS_PER_S : 0;
  conn->pg = PQconnectStartParams(keywords, values, 0);
  if (!conn->pg) return error_memory(err);
  PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
  PQsetErrorVerbosity(conn->pg, PQERRORS_VERBOSE);
  PostgresPollingStatusType next = PQstatus(conn->pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
  while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
    if (!wait_for(conn->pg, next, until_ns))
      return error_set(err, SHUNT_E_DATASOURCE,
                       "client '%s': the server does not answer within %lld s (connect_timeout)",
                       conn->base.client->name, (long long)limit_s);
    next = PQconnectPoll(conn->pg);
  }
  return next == PGRES_POLLING_OK ? apply_settings(conn, err) : refused(conn, err);
}
