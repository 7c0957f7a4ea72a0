/* Transactions that commit in two phases, as XA transactions: begun under their id, prepared, finished. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/mysql/conn.h"

enum {
  SQL_ROOM = DRIVER_ID_BYTES + 64,
  LASTS_SINCE = 50707,          /* MySQL 5.7.7; before, the end of the connection rolled back what it had prepared */
  MARIADB_LASTS_SINCE = 100502, /* MariaDB 10.5.2 */
  NO_PRIVILEGE = 1401,
  OUR_FORMAT = 1 /* the formatID of an XA id that is given as one text */
};

static void write_sql(char sql[SQL_ROOM], const char *words, const char *id, const char *rest) {
  snprintf(sql, SQL_ROOM, "XA %s '%s'%s", words, id, rest);
}

static shunt_status run(mysql_conn *conn, const char *words, const char *id, const char *rest, shunt_error *err) {
  char sql[SQL_ROOM];
  write_sql(sql, words, id, rest);
  return mysqldb_control(conn, sql, err);
}

static shunt_status begin(driver_conn *base, const char *id, const char *isolation, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  char start[SQL_ROOM];
  write_sql(start, "START", id, "");
  shunt_status status = mysqldb_begin(base, isolation, start, err);
  if (!status) snprintf(conn->xa, sizeof conn->xa, "%s", id);
  return status;
}

shunt_status mysqldb_xa_commit(mysql_conn *conn, shunt_error *err) {
  shunt_status status = run(conn, "END", conn->xa, "", err);
  if (status) return status;
  status = run(conn, "COMMIT", conn->xa, " ONE PHASE", err);
  if (status) mysqldb_note_outcome(conn, NULL);
  return status;
}

/* XA END fails if the server has ended the transaction, or it was ended already; it must be rolled back nevertheless.
 */
void mysqldb_xa_rollback(mysql_conn *conn) {
  char sql[SQL_ROOM];
  mysqldb_allow_little(conn);
  (void)run(conn, "END", conn->xa, "", NULL);
  snprintf(sql, sizeof sql, "XA ROLLBACK '%s'", conn->xa);
  if (!conn->base.broken) mysqldb_tidy(conn, sql);
}

static shunt_status prepare_now(mysql_conn *conn, shunt_error *err) {
  if (conn->lost[0])
    return error_set(err, SHUNT_E_TRANSACTION, "the database has ended this transaction: %s", conn->lost);
  shunt_status status = mysqldb_check_time(conn, err);
  if (!status) status = run(conn, "END", conn->xa, "", err);
  return status ? status : run(conn, "PREPARE", conn->xa, "", err);
}

static shunt_status prepare(driver_conn *base, const char *id, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  shunt_status status = strcmp(id, conn->xa) == 0
                            ? prepare_now(conn, err)
                            : driver_refuse(base, SHUNT_E_TRANSACTION, "it was not begun for two phases", err);
  if (status) {
    base->engine->rollback(base);
    error_client(err, base->client->name);
  }
  base->in_transaction = false;
  conn->xa[0] = 0;
  return status;
}

static shunt_status finish(driver_conn *base, const char *id, bool commit, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  shunt_status status = mysqldb_check_time(conn, err);
  if (!status) status = run(conn, commit ? "COMMIT" : "ROLLBACK", id, "", err);
  if (status) error_client(err, base->client->name);
  return status;
}

/* ---- the list ---- */

enum { FORMAT, GLOBAL_SIZE, BRANCH_SIZE, ID, NCOLUMNS };

static bool add(const MYSQL_ROW row, const unsigned long *sizes, shunt_rows *into) {
  bool ours = row[FORMAT] && strtol(row[FORMAT], NULL, 10) == OUR_FORMAT && row[BRANCH_SIZE] &&
              strcmp(row[BRANCH_SIZE], "0") == 0 && row[ID];
  shunt_value *cell = ours ? rows_add(into) : NULL;
  if (!ours) return true;
  if (!cell) return false;
  *cell = shunt_text(row[ID], sizes[ID]);
  return rows_own(into, cell);
}

static shunt_status read_listed(mysql_conn *conn, MYSQL_RES *result, shunt_rows *into, shunt_error *err) {
  const size_t held = driver_held(into);
  for (MYSQL_ROW row; (row = mysqldb_fetch_row(conn, result));) {
    if (!add(row, mysql_fetch_lengths(result), into)) return error_memory(err);
    if (!driver_fits(&conn->base, into, held)) return driver_too_large(&conn->base, err);
  }
  return mysql_errno(conn->db) ? mysqldb_fail(conn, NULL, NULL, err) : SHUNT_OK;
}

static shunt_status list(driver_conn *base, shunt_rows *into, shunt_error *err) {
  static const char *const columns[] = {"gid"};
  static const char sql[] = "XA RECOVER";
  mysql_conn *conn = mysql_of(base);
  mysqldb_drop_sent(conn);
  shunt_status status = mysqldb_check_time(conn, err);
  if (!status) status = mysqldb_control(conn, sql, err);
  if (status) return status;
  MYSQL_RES *result = mysql_use_result(conn->db);
  if (!result || mysql_num_fields(result) != NCOLUMNS)
    status = mysqldb_refuse_answer(conn, result, err);
  else
    status = rows_set_columns(into, columns, 1) ? read_listed(conn, result, into, err) : error_memory(err);
  mysqldb_drop_result(conn, result);
  return status;
}

/* MySQL lets only a user with XA_RECOVER_ADMIN see what is prepared, and recovery must see it. */
static shunt_status check(driver_conn *base, shunt_error *err) {
  mysql_conn *conn = mysql_of(base);
  unsigned long version = mysql_get_server_version(conn->db);
  if (version < (conn->mariadb ? MARIADB_LASTS_SINCE : LASTS_SINCE))
    return driver_refuse(base, SHUNT_E_TRANSACTION,
                         conn->mariadb ? "before MariaDB 10.5.2 a prepared transaction ends with its connection"
                                       : "before MySQL 5.7.7 a prepared transaction ends with its connection",
                         err);
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? list(base, rows, err) : error_memory(err);
  shunt_rows_free(rows);
  if (status && mysql_errno(conn->db) == NO_PRIVILEGE)
    status = driver_refuse(base, SHUNT_E_TRANSACTION,
                           "this user can't see prepared transactions, which recovery must see; grant it "
                           "XA_RECOVER_ADMIN",
                           err);
  return status;
}

const driver_two_phase mysqldb_two_phase = {
    .begin = begin, .check = check, .prepare = prepare, .finish = finish, .list = list};
