/* What statements do to the transaction around them, and to their connection, as the server sees it. */
#include <stdio.h>
#include <string.h>

#include "driver/mysql/conn.h"

enum { NO_SUCH_SAVEPOINT = 1305 };

static const char mark[] = "SAVEPOINT shunt_here", unmark[] = "RELEASE SAVEPOINT shunt_here";

/* ---- before a statement ---- */

void mysqldb_by_hand(driver_conn *base, const char *sql, size_t size, uint64_t session) {
  driver_by_hand(base, sql, size, session);
  mysql_of(base)->by_hand = true;
}

shunt_status mysqldb_check_kind(const mysql_conn *conn, const mysql_statement *s, shunt_error *err) {
  if (s->kind == STATEMENT_STAYS)
    return mysqldb_refuse(conn, SHUNT_E_USAGE,
                          "it would stay with the connection, which is shared: name databases in the configuration, "
                          "and hold rows by a transaction",
                          s->sql, err);
  if (s->kind == STATEMENT_COMMITS && conn->base.in_transaction)
    return mysqldb_refuse(conn, SHUNT_E_TRANSACTION,
                          "it would commit the transaction that is open, whether it succeeds or not: run it outside of "
                          "one",
                          s->sql, err);
  return SHUNT_OK;
}

/* A statement that commits and begins anew leaves a transaction open, as it found one. But its savepoint is gone then.
 * In XA transactions the server refuses such statements. */
shunt_status mysqldb_mark(mysql_conn *conn, const mysql_statement *s, shunt_error *err) {
  if (s->kind != STATEMENT_ANYTHING || !conn->base.in_transaction || conn->xa[0]) return SHUNT_OK;
  shunt_status status = mysqldb_control(conn, mark, err);
  conn->marked = !status;
  return status;
}

/* ---- after it ---- */

static void lose(mysql_conn *conn, const char *why) { snprintf(conn->lost, sizeof conn->lost, "%s", why); }

/* A procedure is a list of statements: outside of a transaction an error undoes only the last one, and inside it may
 * have committed. A write whose rows could not be kept has failed, so that its transaction must not be committed. */
void mysqldb_judge(mysql_conn *conn, const mysql_statement *s) {
  const shunt_outcome known = conn->base.outcome;
  const bool several = s->kind == STATEMENT_ANYTHING && !conn->xa[0];
  if (!conn->base.in_transaction) {
    if (several) conn->base.outcome = SHUNT_UNKNOWN;
    return;
  }
  if (known == SHUNT_DONE && s->kind == STATEMENT_CHANGES) lose(conn, "the rows of a write in it could not be kept");
  conn->base.outcome = known == SHUNT_UNKNOWN && several ? SHUNT_UNKNOWN : SHUNT_NOT_DONE;
}

static shunt_status ended(mysql_conn *conn, const mysql_statement *s, shunt_error *err) {
  conn->base.broken = true;
  conn->base.outcome = SHUNT_UNKNOWN;
  lose(conn, "a statement in it ended it");
  return mysqldb_refuse(conn, SHUNT_E_TRANSACTION, "it has ended the transaction around it", s->sql, err);
}

/* `status`, or the error that the transaction is not the one in which the statement began. */
static shunt_status release_mark(mysql_conn *conn, const mysql_statement *s, shunt_status status, shunt_error *err) {
  if (mysqldb_tidy(conn, unmark)) return status;
  if (mysql_errno(conn->db) == NO_SUCH_SAVEPOINT) return ended(conn, s, err);
  conn->base.outcome = SHUNT_UNKNOWN;
  return status ? status : mysqldb_fail(conn, NULL, s->sql, err);
}

static shunt_status killed(const mysql_conn *conn, shunt_error *err) {
  shunt_error before = err ? *err : (shunt_error){.status = SHUNT_OK};
  driver_refuse(&conn->base, SHUNT_E_DATASOURCE, "the connection was killed in the middle of the statement", err);
  if (err) {
    err->engine_code = before.engine_code;
    memcpy(err->sqlstate, before.sqlstate, sizeof err->sqlstate);
  }
  return SHUNT_E_DATASOURCE;
}

/* An error packet has no transaction state. The answer to a next statement has. MySQL says of a statement only that it
 * was interrupted, also where its connection was killed: then there is no answer. */
shunt_status mysqldb_after_error(mysql_conn *conn, const mysql_statement *s, shunt_status status, shunt_error *err) {
  char why[sizeof conn->lost];
  bool lasts = conn->base.in_transaction && !conn->lost[0], interrupted = conn->interrupted, marked = conn->marked;
  conn->interrupted = conn->marked = false;
  if (conn->base.broken || !(lasts || interrupted)) return status;
  snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, err ? err->message : "a statement failed");
  if (!mysqldb_tidy(conn, "DO 0")) return interrupted ? killed(conn, err) : status;
  bool open = conn->db->server_status & SERVER_STATUS_IN_TRANS;
  if (lasts && !open) lose(conn, why);
  return lasts && open && marked ? release_mark(conn, s, status, err) : status;
}

/* An answer without rows says whether the statement changed the session. One with rows doesn't on MariaDB: what a
 * trigger behind INSERT … RETURNING has changed, no answer ever says. */
static void note_state(mysql_conn *conn, const mysql_statement *s) {
  const unsigned columns = s->stmt ? mysql_stmt_field_count(s->stmt) : mysql_field_count(conn->db);
  if (conn->db->server_status & SERVER_SESSION_STATE_CHANGED) conn->base.altered = true;
  if (columns == 0 && conn->tracks) conn->base.unsure = false;
}

/* For statements that mysqldb_kind does not recognize: a procedure that commits, SET autocommit, … */
shunt_status mysqldb_after_success(mysql_conn *conn, const mysql_statement *s, shunt_error *err) {
  unsigned status = conn->db->server_status;
  bool marked = conn->marked, open = status & SERVER_STATUS_IN_TRANS, automatic = status & SERVER_STATUS_AUTOCOMMIT;
  conn->marked = false;
  note_state(conn, s);
  if (conn->base.in_transaction && open) return marked ? release_mark(conn, s, SHUNT_OK, err) : SHUNT_OK;
  if (open == conn->base.in_transaction && automatic) return SHUNT_OK;
  if (conn->base.in_transaction) return ended(conn, s, err);
  conn->base.broken = true;
  conn->base.outcome = SHUNT_UNKNOWN;
  return mysqldb_refuse(conn, SHUNT_E_USAGE,
                        "a transaction is begun and ended by the session's transaction, not by SQL", s->sql, err);
}

/* ---- the driver's own statements ---- */

shunt_status mysqldb_control(mysql_conn *conn, const char *sql, shunt_error *err) {
  return mysqldb_real_query(conn, sql, strlen(sql)) ? mysqldb_fail(conn, NULL, sql, err) : SHUNT_OK;
}

bool mysqldb_tidy(mysql_conn *conn, const char *sql) {
  mysqldb_allow_little(conn);
  if (mysqldb_control(conn, sql, NULL)) conn->base.broken = true;
  if (!conn->base.broken) conn->until_ns = 0;
  return !conn->base.broken;
}
