/* The settings of a connection, and how it becomes as new. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql/conn.h"

enum { NO_SUCH_VARIABLE = 1193, NO_SUCH_FUNCTION = 1305 };

/* ---- settings ---- */

/* With session_track_state_change each answer says whether the statement, or a routine that it called, changed the
 * connection: variables, temporary tables, prepared statements. Other servers with the same protocol may not have it.
 */
shunt_status mysqldb_set_up(mysql_conn *conn, shunt_error *err) {
  char modes[MYSQL_MODE_BYTES], sql[MYSQL_MODE_BYTES + 128];
  mysqldb_mode_write(conn, modes, sizeof modes);
  /* a TIMESTAMP is in UTC */
  int size =
      snprintf(sql, sizeof sql, "SET NAMES utf8mb4, autocommit = 1, time_zone = '+00:00', sql_mode = '%s'", modes);
  snprintf(sql + size, sizeof sql - (size_t)size, ", session_track_state_change = 1");
  shunt_status status = mysqldb_control(conn, sql, err);
  conn->tracks = !status;
  if (!status || mysql_errno(conn->db) != NO_SUCH_VARIABLE) return status;
  sql[size] = 0;
  return mysqldb_control(conn, sql, err);
}

/* ---- where it is ---- */

/* Servers without roles have no CURRENT_ROLE. */
static shunt_status ask(mysql_conn *conn, shunt_error *err) {
  static const char sql[] = "SELECT CONCAT_WS(' ', QUOTE(DATABASE()), CURRENT_ROLE()), @@max_allowed_packet";
  shunt_status status = mysqldb_control(conn, sql, err);
  if (!status || mysql_errno(conn->db) != NO_SUCH_FUNCTION) return status;
  return mysqldb_control(conn, "SELECT QUOTE(DATABASE()), @@max_allowed_packet", err);
}

shunt_status mysqldb_look(mysql_conn *conn, char **home, uint64_t *most_bytes, shunt_error *err) {
  *home = NULL;
  shunt_status status = ask(conn, err);
  if (status) return status;
  MYSQL_RES *result = mysql_use_result(conn->db);
  MYSQL_ROW row = result && mysql_num_fields(result) == 2 ? mysqldb_fetch_row(conn, result) : NULL;
  if (row) {
    *home = base_strdup(row[0] ? row[0] : "");
    *most_bytes = row[1] ? strtoull(row[1], NULL, 10) : 0;
    if (!*home) status = error_memory(err);
  }
  if (!row || mysqldb_fetch_row(conn, result) || mysql_errno(conn->db))
    status = mysqldb_refuse_answer(conn, result, err);
  mysqldb_drop_result(conn, result);
  return status;
}

/* ---- resetting ---- */

/* The server's own reset keeps the database, and MariaDB's also the role: these connections are closed. */
static bool is_where_it_was(mysql_conn *conn) {
  char *home;
  bool same = !mysqldb_look(conn, &home, &conn->most_bytes, NULL) && strcmp(home, conn->home) == 0;
  base_free(home);
  return same;
}

bool mysqldb_reset(driver_conn *base) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  if (mysqldb_check_time(conn, NULL) || !mysqldb_reset_connection(conn)) return false;
  mysqldb_forget_all(conn); /* the server has closed them */
  return !mysqldb_set_up(conn, NULL) && is_where_it_was(conn) && !base->broken;
}
