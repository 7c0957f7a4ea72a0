#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "driver/pg/conn.h"

/* Whole SQLSTATEs, and classes for all others. The longest match wins. */
typedef struct meaning {
  const char *state;
  shunt_status status;
} meaning;

static const meaning meanings[] = {
    {"08", SHUNT_E_DATASOURCE},    {"0A", SHUNT_E_USAGE},         {"21", SHUNT_E_USAGE},
    {"22", SHUNT_E_USAGE},         {"22001", SHUNT_E_CONSTRAINT}, {"22003", SHUNT_E_CONSTRAINT},
    {"22007", SHUNT_E_CONSTRAINT}, {"22008", SHUNT_E_CONSTRAINT}, {"22021", SHUNT_E_CONSTRAINT},
    {"22P02", SHUNT_E_CONSTRAINT}, {"22P03", SHUNT_E_CONSTRAINT}, {"22P05", SHUNT_E_CONSTRAINT},
    {"23", SHUNT_E_CONSTRAINT},    {"25", SHUNT_E_TRANSACTION},   {"25P01", SHUNT_E_USAGE},
    {"26000", SHUNT_E_CONFLICT},   {"3B", SHUNT_E_USAGE},         {"3F000", SHUNT_E_NOT_FOUND},
    {"40", SHUNT_E_TRANSACTION},   {"40001", SHUNT_E_CONFLICT},   {"40P01", SHUNT_E_CONFLICT},
    {"42", SHUNT_E_USAGE},         {"42501", SHUNT_E_DATASOURCE}, {"42703", SHUNT_E_NOT_FOUND},
    {"42704", SHUNT_E_NOT_FOUND},  {"42P01", SHUNT_E_NOT_FOUND},  {"44", SHUNT_E_CONSTRAINT},
    {"54", SHUNT_E_USAGE},         {"55P03", SHUNT_E_CONFLICT},   {"57014", SHUNT_E_TIMEOUT},
    {"P0", SHUNT_E_CONSTRAINT}, /* RAISE and ASSERT of a function or trigger */
};

static shunt_status status_of(const char *state) {
  shunt_status status = SHUNT_E_DATASOURCE;
  size_t longest = 0;
  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
    size_t size = strlen(meanings[i].state);
    if (size <= longest || strncmp(state, meanings[i].state, size) != 0) continue;
    longest = size;
    status = meanings[i].status;
  }
  return status;
}

void pg_one_line(const char *message, char *room, size_t size) {
  size_t at = 0;
  for (; *message && at + 2 < size; message++) {
    if (*message != '\n' && *message != '\t')
      room[at++] = *message;
    else if (*message == '\n' && message[1])
      memcpy(room + at, "; ", 2), at += 2;
  }
  room[at] = 0;
}

const char *pg_sqlstate(const PGresult *result) {
  const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
  return state ? state : "";
}

/* An error of class 08 comes from what is between here and the server, as a pooler. A PANIC may come after the commit
 * was written. */
bool pg_is_answer(const PGresult *result) {
  const char *state = pg_sqlstate(result), *severity;
  if (!result || PQresultStatus(result) != PGRES_FATAL_ERROR) return result != NULL;
  severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
  return state[0] && strncmp(state, "08", 2) != 0 && !(severity && strcmp(severity, "PANIC") == 0);
}

bool pg_is_outdated_plan(const PGresult *result) {
  const char *source = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
  return strcmp(pg_sqlstate(result), "0A000") == 0 && source && strcmp(source, "RevalidateCachedQuery") == 0;
}

shunt_status pg_refuse_failed(shunt_error *err) {
  error_set(err, SHUNT_E_TRANSACTION,
            "an earlier statement of this transaction failed, and PostgreSQL takes no other one until it is rolled "
            "back");
  if (err) memcpy(err->sqlstate, "25P02", sizeof "25P02");
  return SHUNT_E_TRANSACTION;
}

static const char *field(const PGresult *result, int which) {
  const char *text = PQresultErrorField(result, which);
  return text ? text : "";
}

/* libpq has no other sign. getaddrinfo's text is the C library's. */
bool pg_lacked_memory(const char *message) {
  return strstr(message, "out of memory") || strstr(message, gai_strerror(EAI_MEMORY)) ||
         strstr(message, strerror(ENOMEM));
}

static shunt_status lost(pg_conn *conn, const PGresult *result, shunt_error *err) {
  const bool astray = conn->ended == PG_ASTRAY || (result && PQresultStatus(result) != PGRES_FATAL_ERROR);
  char why[512];
  conn->base.broken = true;
  pg_one_line(result ? PQresultErrorMessage(result) : PQerrorMessage(conn->pg), why, sizeof why);
  if (pg_lacked_memory(why))
    return error_set(err, SHUNT_E_MEMORY, "client '%s': the connection is given up: %s", conn->base.client->name, why);
  return error_set(err, SHUNT_E_DATASOURCE, "client '%s': the connection is %s: %s", conn->base.client->name,
                   PQstatus(conn->pg) == CONNECTION_OK ? "given up" : "lost",
                   astray   ? "the server's answer does not belong to the request"
                   : why[0] ? why
                            : "the server has closed it");
}

static shunt_status abandoned(pg_conn *conn, shunt_error *err) {
  switch (conn->ended) {
  case PG_TOO_LATE:
    conn->late = true;
    return error_set(err, SHUNT_E_TIMEOUT, "client '%s': the server did not answer within %lld ms",
                     conn->base.client->name, pg_time_ms(conn));
  case PG_TOO_MUCH:
    return driver_too_large(&conn->base, err);
  case PG_NO_MEMORY:
    return error_set(err, SHUNT_E_MEMORY, "client '%s': the connection is given up: libpq ran out of memory",
                     conn->base.client->name);
  default:
    return lost(conn, NULL, err);
  }
}

static shunt_status by_state(pg_conn *conn, const PGresult *result, const char *state, const char *sql,
                             shunt_error *err) {
  shunt_status status = status_of(state);
  const char *message = field(result, PG_DIAG_MESSAGE_PRIMARY), *hint = field(result, PG_DIAG_MESSAGE_HINT);
  if (strcmp(state, "25P02") == 0) return pg_refuse_failed(err);
  conn->late = conn->late || (status == SHUNT_E_TIMEOUT && conn->until_ns);
  if (status == SHUNT_E_TIMEOUT && conn->until_ns)
    return error_set(err, status, "client '%s': the statement timed out after %lld ms and was cancelled",
                     conn->base.client->name, pg_time_ms(conn));
  if (pg_is_outdated_plan(result))
    return error_set(err, SHUNT_E_CONFLICT,
                     "a table was changed since this connection first read it; begin the transaction again");
  if (strcmp(state, "26000") == 0)
    return error_set(err, status, "%s; behind a pooler in transaction mode set prepare: false in the connection",
                     message);
  if (strcmp(state, "42P18") == 0) hint = "give its type: CAST(? AS …)";
  if (status == SHUNT_E_DATASOURCE || status == SHUNT_E_TIMEOUT)
    return error_set(err, status, "client '%s': %s%s%s", conn->base.client->name, message, hint[0] ? "; " : "", hint);
  if (!sql || status == SHUNT_E_CONSTRAINT || status == SHUNT_E_CONFLICT) return error_set(err, status, "%s", message);
  return error_set(err, status, "%s%s%s (in: %.300s%s)", message, hint[0] ? "; " : "", hint, sql,
                   strlen(sql) > 300 ? "…" : "");
}

shunt_status pg_fail(pg_conn *conn, const PGresult *result, const char *sql, shunt_error *err) {
  char state[6];
  snprintf(state, sizeof state, "%s", pg_sqlstate(result));
  /* an error without SQLSTATE is one of libpq itself, after which its own state is not known */
  bool alive = state[0] && PQstatus(conn->pg) == CONNECTION_OK;
  shunt_status status = conn->ended ? abandoned(conn, err)
                        : alive     ? by_state(conn, result, state, sql, err)
                                    : lost(conn, result, err);
  error_client(err, conn->base.client->name);
  if (err) memcpy(err->sqlstate, state, sizeof state);
  return status;
}
