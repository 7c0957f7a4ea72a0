#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <string.h>

#include "driver/sqlite3/conn.h"

static const char *const unknown_name[] = {"no such table", "no such column",   "no such index",
                                           "no such view",  "no such function", "no such collation"};

/* SQLite has no code for these errors, only messages. */
static bool names_the_unknown(const char *message) {
  for (size_t i = 0; i < sizeof unknown_name / sizeof *unknown_name; i++)
    if (strncmp(message, unknown_name[i], strlen(unknown_name[i])) == 0) return true;
  return strstr(message, " has no column named ") != NULL;
}

static shunt_status of_sql(const char *message, const char *sql, shunt_error *err) {
  shunt_status status = names_the_unknown(message) ? SHUNT_E_NOT_FOUND : SHUNT_E_USAGE;
  if (!sql) return error_set(err, status, "%s", message);
  return error_set(err, status, "%s (in: %.300s%s)", message, sql, strlen(sql) > 300 ? "…" : "");
}

static shunt_status of_file(sqlite_conn *conn, int primary, const char *message, shunt_error *err) {
  const cat_client *client = conn->base.client;
  char why[128] = "";
  int number = primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR ? sqlite3_system_errno(conn->db) : 0;
  if (number && strerror_r(number, why, sizeof why) != 0) why[0] = 0;
  const char *hint = "";
  if (primary == SQLITE_CANTOPEN && number == ENOENT && !client->create)
    hint = "; a client with create: true makes a file that isn't there";
  else if (primary == SQLITE_READONLY)
    hint = client->read_only ? "; the client is read-only" : "; the file or its folder may not be written to";
  return error_set(err, SHUNT_E_DATASOURCE, "client '%s': '%s': %s%s%s%s", client->name, client->filename, message,
                   why[0] ? ": " : "", why, hint);
}

static shunt_status locked(sqlite_conn *conn, int rc, const char *message, shunt_error *err) {
  const cat_client *client = conn->base.client;
  if (rc == SQLITE_BUSY_SNAPSHOT)
    return error_set(err, SHUNT_E_CONFLICT,
                     "client '%s': '%s' was changed by another connection since this transaction first read it; "
                     "begin it again",
                     client->name, client->filename);
  if ((rc & 0xff) == SQLITE_LOCKED)
    return error_set(err, SHUNT_E_DATASOURCE, "client '%s': '%s': %s", client->name, client->filename, message);
  if (conn->base.locked_by)
    return error_set(
        err, SHUNT_E_CONFLICT,
        "client '%s': '%s' is locked by %s, and so could never come free for what is done here; do this in "
        "that transaction, or after it",
        client->name, client->filename, conn->base.locked_by);
  if (conn->stuck[0]) {
    error_text(err, SHUNT_E_CONFLICT, conn->stuck);
    conn->stuck[0] = 0;
    return SHUNT_E_CONFLICT;
  }
  if (sqlite_is_late(conn))
    return error_set(err, SHUNT_E_TIMEOUT,
                     "client '%s': '%s' is locked by another connection or program: the timeout of the call or the "
                     "session passed before it was unlocked",
                     client->name, client->filename);
  return error_set(err, SHUNT_E_DATASOURCE,
                   "client '%s': '%s' is locked by another connection or program: it was not unlocked within %lld ms "
                   "(busyTimeout)",
                   client->name, client->filename, (long long)client->busy_timeout_ms);
}

static shunt_status by_code(sqlite_conn *conn, int rc, const char *sql, shunt_error *err) {
  const char *message = sqlite3_errmsg(conn->db);
  switch (rc & 0xff) {
  case SQLITE_NOMEM:
    return error_memory(err);
  case SQLITE_CONSTRAINT:
  case SQLITE_MISMATCH:
    return error_set(err, SHUNT_E_CONSTRAINT, "%s", message);
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return locked(conn, rc, message, err);
  case SQLITE_INTERRUPT:
    return error_set(err, SHUNT_E_TIMEOUT,
                     "client '%s': the statement timed out (the timeout of the call or the session)",
                     conn->base.client->name);
  case SQLITE_ERROR:
    return of_sql(message, sql, err);
  case SQLITE_AUTH:
    return error_set(err, SHUNT_E_USAGE, "%s", conn->refusal ? conn->refusal : message);
  case SQLITE_TOOBIG:
  case SQLITE_RANGE:
    return error_set(err, SHUNT_E_USAGE, "%s", message);
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
  case SQLITE_IOERR:
  case SQLITE_PROTOCOL:
    conn->base.broken = true;
    return of_file(conn, rc & 0xff, message, err);
  case SQLITE_CANTOPEN:
  case SQLITE_FULL:
  case SQLITE_READONLY:
  case SQLITE_PERM:
  case SQLITE_NOLFS:
  case SQLITE_SCHEMA:
    return of_file(conn, rc & 0xff, message, err);
  default:
    return error_set(err, SHUNT_E_INTERNAL, "client '%s': SQLite says: %s", conn->base.client->name, message);
  }
}

/* A commit that could not be written whole, or not be made durable, may be in the file nevertheless: who reads its
 * write-ahead log after a crash would find it. */
void sqlite_note_outcome(sqlite_conn *conn, int rc) {
  conn->base.outcome = (rc & 0xff) == SQLITE_IOERR ? SHUNT_UNKNOWN : SHUNT_NOT_DONE;
}

shunt_status sqlite_fail(sqlite_conn *conn, int rc, const char *sql, shunt_error *err) {
  shunt_status status = by_code(conn, rc, sql, err);
  error_client(err, conn->base.client->name);
  if (err && !(status == SHUNT_E_CONFLICT && conn->base.locked_by))
    err->engine_code = rc; /* the code of a lock says: try again, which is useless here */
  return status;
}
