#include <errmsg.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "driver/mysql/conn.h"

enum { INTERRUPTED = 1317, TOO_LARGE = 1153 };

/* Error numbers of the servers. From 1900 on MySQL and MariaDB have different ones, but none with two meanings. */
typedef struct meaning {
  unsigned number;
  shunt_status status;
} meaning;

enum { DUPLICATE = 1062, DUPLICATE_NAMED = 1586 };
enum { FULL = 1040, FULL_FOR_USER = 1203, USER_LIMIT = 1226 };

static const meaning meanings[] = {
    {1020, SHUNT_E_CONFLICT},   /* the row has changed since it was read */
    {1205, SHUNT_E_CONFLICT},   /* lock wait timeout */
    {1213, SHUNT_E_CONFLICT},   /* deadlock */
    {3572, SHUNT_E_CONFLICT},   /* NOWAIT */
    {1048, SHUNT_E_CONSTRAINT}, /* null in a NOT NULL column */
    {DUPLICATE, SHUNT_E_CONSTRAINT},
    {DUPLICATE_NAMED, SHUNT_E_CONSTRAINT},
    {1169, SHUNT_E_CONSTRAINT}, /* unique */
    {1216, SHUNT_E_CONSTRAINT}, /* foreign key, and the next three */
    {1217, SHUNT_E_CONSTRAINT},
    {1451, SHUNT_E_CONSTRAINT},
    {1452, SHUNT_E_CONSTRAINT},
    {1264, SHUNT_E_CONSTRAINT}, /* out of range */
    {1265, SHUNT_E_CONSTRAINT}, /* data would be truncated */
    {1292, SHUNT_E_CONSTRAINT}, /* no such date, no such number */
    {1364, SHUNT_E_CONSTRAINT}, /* no value, and no default */
    {1366, SHUNT_E_CONSTRAINT}, /* no value of the column's type, or not of its character set */
    {1406, SHUNT_E_CONSTRAINT}, /* too long */
    {1411, SHUNT_E_CONSTRAINT},
    {1526, SHUNT_E_CONSTRAINT}, /* no partition for the value */
    {1644, SHUNT_E_CONSTRAINT}, /* a trigger's SIGNAL */
    {1690, SHUNT_E_CONSTRAINT}, /* a result out of range */
    {1906, SHUNT_E_CONSTRAINT}, /* MariaDB: a value for a generated column; the next is MySQL's */
    {3105, SHUNT_E_CONSTRAINT},
    {3140, SHUNT_E_CONSTRAINT}, /* not JSON */
    {3819, SHUNT_E_CONSTRAINT}, /* MySQL: CHECK; the next is MariaDB's */
    {1369, SHUNT_E_CONSTRAINT}, /* WITH CHECK OPTION of a view */
    {4025, SHUNT_E_CONSTRAINT},
    {1051, SHUNT_E_NOT_FOUND},   /* table */
    {1054, SHUNT_E_NOT_FOUND},   /* column */
    {1091, SHUNT_E_NOT_FOUND},   /* column or key, to be dropped */
    {1109, SHUNT_E_NOT_FOUND},   /* table */
    {1146, SHUNT_E_NOT_FOUND},   /* table */
    {1176, SHUNT_E_NOT_FOUND},   /* key */
    {1305, SHUNT_E_NOT_FOUND},   /* routine, savepoint */
    {1397, SHUNT_E_NOT_FOUND},   /* XA transaction */
    {1402, SHUNT_E_TRANSACTION}, /* XA: it was rolled back; the next: by a timeout */
    {1613, SHUNT_E_TRANSACTION},
    {1614, SHUNT_E_CONFLICT},       /* XA: a deadlock */
    {1630, SHUNT_E_NOT_FOUND},      /* function */
    {1792, SHUNT_E_TRANSACTION},    /* a write in a read-only transaction */
    {INTERRUPTED, SHUNT_E_TIMEOUT}, /* interrupted */
    {1969, SHUNT_E_TIMEOUT},        /* MariaDB: max_statement_time; the next is MySQL's */
    {3024, SHUNT_E_TIMEOUT},
    {TOO_LARGE, SHUNT_E_USAGE}, /* more than max_allowed_packet; the server hangs up */
    {1193, SHUNT_E_USAGE},      /* unknown variable in SET; the next seven: it can't be set so, or to that */
    {1228, SHUNT_E_USAGE},
    {1229, SHUNT_E_USAGE},
    {1238, SHUNT_E_USAGE},
    {1272, SHUNT_E_USAGE},
    {1273, SHUNT_E_USAGE},
    {1298, SHUNT_E_USAGE},
    {1621, SHUNT_E_USAGE},
    {1243, SHUNT_E_NOT_FOUND}, /* what PREPARE makes */
    {1267, SHUNT_E_USAGE},     /* the column's character set can't represent the text; the next two too */
    {1270, SHUNT_E_USAGE},
    {1271, SHUNT_E_USAGE},
    {3854, SHUNT_E_USAGE}, /* MySQL's numbers for the same; the next too */
    {3988, SHUNT_E_USAGE},
    {1295, SHUNT_E_USAGE},      /* not in a prepared statement */
    {1390, SHUNT_E_USAGE},      /* too many placeholders */
    {FULL, SHUNT_E_DATASOURCE}, /* too many connections */
    {1044, SHUNT_E_DATASOURCE}, /* access denied, and the next four */
    {1045, SHUNT_E_DATASOURCE},
    {1142, SHUNT_E_DATASOURCE},
    {1143, SHUNT_E_DATASOURCE},
    {1227, SHUNT_E_DATASOURCE},
    {1049, SHUNT_E_DATASOURCE},          /* no such database to connect to */
    {FULL_FOR_USER, SHUNT_E_DATASOURCE}, /* too many connections of one user; the next too */
    {USER_LIMIT, SHUNT_E_DATASOURCE},
};

/* For other numbers: the classes of SQLSTATE. */
static const struct {
  const char *begins;
  shunt_status status;
} classes[] = {{"23", SHUNT_E_CONSTRAINT}, {"22", SHUNT_E_CONSTRAINT}, {"45", SHUNT_E_CONSTRAINT}, /* SIGNAL */
               {"42", SHUNT_E_USAGE},      {"21", SHUNT_E_USAGE},      {"0A", SHUNT_E_USAGE},
               {"40", SHUNT_E_CONFLICT}};

static shunt_status status_of(unsigned number, const char *sqlstate) {
  if (number == CR_OUT_OF_MEMORY || number == 1037 || number == 1038) return SHUNT_E_MEMORY;
  for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
    if (meanings[i].number == number) return meanings[i].status;
  for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
    if (strncmp(sqlstate, classes[i].begins, 2) == 0) return classes[i].status;
  return SHUNT_E_DATASOURCE;
}

/* After an error of the client library (2000 to 2999) the state of the connection is unknown. The same holds for some
 * errors of the server: it shuts down, or has killed the connection. */
static bool is_over(unsigned number) {
  static const unsigned over[] = {1053, 1077, 1079, 1080, 1152, 1153, 1156, 1157, 1158,
                                  1159, 1160, 1161, 1184, 1189, 1190, 1927, 4031};
  if (number >= 2000 && number < 3000) return true;
  for (size_t i = 0; i < sizeof over / sizeof *over; i++)
    if (over[i] == number) return true;
  return false;
}

/* What a call that was ended fails with. 0: nothing, as it was only given up. */
static bool is_interruption(unsigned number) {
  return number == 0 || number == INTERRUPTED || number == 1028 /* a sort */ || number == 1969 || number == 3024;
}

static shunt_status with_sql(shunt_status status, const char *message, const char *hint, const char *sql,
                             shunt_error *err) {
  if (!sql) return error_set(err, status, "%s%s", message, hint);
  return error_set(err, status, "%s%s (in: %.300s%s)", message, hint, sql, strlen(sql) > 300 ? "…" : "");
}

static const char *hint_of(unsigned number) {
  switch (number) {
  case TOO_LARGE:
    return "; the server's max_allowed_packet says how much one statement may carry";
  case 1265: /* the texts of this and the next three are those of warnings */
  case 1292:
  case 1301:
  case 1906:
    return "; the write was refused";
  case 1205:
    return "; another transaction holds the rows: begin this one anew";
  case 1213:
    return "; begin the transaction anew";
  case FULL:
    return "; lower the pools' max, or raise the server's max_connections";
  case FULL_FOR_USER:
  case USER_LIMIT:
    return "; lower the pools' max, or raise the user's max_user_connections";
  default:
    return "";
  }
}

/* After a timeout, the library's error says only whether the server answered. */
static shunt_status too_late(mysql_conn *conn, bool heard, const char *sql, shunt_error *err) {
  const char *client = conn->base.client->name;
  long long ms = mysqldb_time_ms(conn);
  char what[320];
  conn->late = true;
  if (!conn->open)
    snprintf(what, sizeof what, "client '%.99s': the server did not accept the connection within %lld ms", client, ms);
  else if (heard)
    snprintf(what, sizeof what, "client '%.99s': the statement timed out after %lld ms and was cancelled", client, ms);
  else
    snprintf(what, sizeof what, "client '%.99s': the server did not answer within %lld ms", client, ms);
  return with_sql(SHUNT_E_TIMEOUT, what, "", conn->open ? sql : NULL, err);
}

/* Where the library has no words for it. */
static const char *lost_text(const mysql_conn *conn) {
  return conn->open ? "the connection is lost" : "the server has not taken the connection within connect_timeout";
}

bool mysqldb_is_full(const shunt_error *err) {
  return err->engine_code == FULL || err->engine_code == FULL_FOR_USER || err->engine_code == USER_LIMIT;
}

bool mysqldb_is_duplicate(const shunt_error *err) {
  return err->engine_code == DUPLICATE || err->engine_code == DUPLICATE_NAMED;
}

shunt_status mysqldb_fail(mysql_conn *conn, MYSQL_STMT *stmt, const char *sql, shunt_error *err) {
  const char *client = conn->base.client->name;
  if (stmt && !mysql_stmt_errno(stmt))
    stmt = NULL; /* MariaDB's library sets the error of a fetch only on the connection */
  if (conn->too_large) return driver_too_large(&conn->base, err);
  if (conn->refused[0]) return mysqldb_refuse(conn, SHUNT_E_DATASOURCE, conn->refused, NULL, err);
  unsigned number = stmt ? mysql_stmt_errno(stmt) : mysql_errno(conn->db);
  const char *message = stmt ? mysql_stmt_error(stmt) : mysql_error(conn->db);
  const char *sqlstate = stmt ? mysql_stmt_sqlstate(stmt) : mysql_sqlstate(conn->db);
  shunt_status status = status_of(number, sqlstate);
  if (is_over(number)) conn->base.broken = true;
  conn->interrupted = number == INTERRUPTED && conn->open && !conn->until_ns;
  if (status == SHUNT_E_MEMORY)
    error_memory(err);
  else if (conn->until_ns && (is_over(number) || is_interruption(number)))
    status = too_late(conn, !is_over(number), sql, err);
  else if (status == SHUNT_E_USAGE || status == SHUNT_E_NOT_FOUND)
    with_sql(status, message, mysqldb_mode_hint(number), sql, err);
  else if (status == SHUNT_E_CONSTRAINT || status == SHUNT_E_TRANSACTION)
    error_set(err, status, "%s%s", message, hint_of(number));
  else
    error_set(err, status, "client '%s': %s%s", client, message[0] ? message : lost_text(conn), hint_of(number));
  error_client(err, client);
  if (!err) return status;
  err->engine_code = (int)number;
  if (strlen(sqlstate) < sizeof err->sqlstate) memcpy(err->sqlstate, sqlstate, strlen(sqlstate) + 1);
  return status;
}

shunt_status mysqldb_refuse_answer(mysql_conn *conn, const MYSQL_RES *result, shunt_error *err) {
  if (mysql_errno(conn->db)) return mysqldb_fail(conn, NULL, NULL, err);
  conn->base.broken = true;
  return mysqldb_refuse(conn, SHUNT_E_DATASOURCE,
                        result ? "the server's answer does not have the rows and columns that were asked for"
                               : "the server's answer has no rows",
                        NULL, err);
}

/* After an error of the library that means that the request was not sent, or not whole, there is no doubt: the server
 * runs nothing of it. A server that fails during a commit says only that it has failed. */
static bool is_answer(unsigned number) {
  enum { ERROR_DURING_COMMIT = 1180 };
  static const unsigned not_sent[] = {CR_SERVER_GONE_ERROR, CR_COMMANDS_OUT_OF_SYNC, CR_NO_PREPARE_STMT,
                                      CR_PARAMS_NOT_BOUND, CR_UNSUPPORTED_PARAM_TYPE};
  for (size_t i = 0; i < sizeof not_sent / sizeof *not_sent; i++)
    if (not_sent[i] == number) return true;
  return number != ERROR_DURING_COMMIT && !(number >= 2000 && number < 3000);
}

void mysqldb_note_outcome(mysql_conn *conn, MYSQL_STMT *stmt) {
  unsigned number = stmt ? mysql_stmt_errno(stmt) : 0;
  if (!number) number = mysql_errno(conn->db);
  if (!number) /* the server reports no error: what failed is on this side */
    conn->base.outcome = conn->until_ns ? SHUNT_UNKNOWN : SHUNT_DONE;
  else
    conn->base.outcome = is_answer(number) ? SHUNT_NOT_DONE : SHUNT_UNKNOWN;
}

shunt_status mysqldb_refuse(const mysql_conn *conn, shunt_status status, const char *why, const char *sql,
                            shunt_error *err) {
  if (!sql) return driver_refuse(&conn->base, status, why, err);
  with_sql(status, why, "", sql, err);
  error_client(err, conn->base.client->name);
  return status;
}

shunt_status mysqldb_check_size(const mysql_conn *conn, uint64_t bytes, const char *sql, shunt_error *err) {
  char why[200];
  if (!conn->most_bytes || bytes <= conn->most_bytes) return SHUNT_OK;
  snprintf(why, sizeof why,
           "with its values the statement has %" PRIu64 " bytes, and the server's max_allowed_packet is %" PRIu64
           ": raise that, or write less at once",
           bytes, conn->most_bytes);
  mysqldb_refuse(conn, SHUNT_E_USAGE, why, sql, err);
  if (!err) return SHUNT_E_USAGE;
  err->engine_code = TOO_LARGE;
  memcpy(err->sqlstate, "08S01", sizeof "08S01");
  return SHUNT_E_USAGE;
}
