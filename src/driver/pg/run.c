#include <string.h>

#include "driver/pg/conn.h"

/* ---- sending ---- */

void pg_drop_sent(pg_conn *conn) {
  if (!conn->sent) return;
  PGresult *result = pg_answer(conn);
  if (pg_is_copy(result)) conn->base.broken = true;
  PQclear(result);
  conn->sent = NULL;
  conn->fetching = false;
}

/* In a failed transaction the server accepts only a rollback. */
shunt_status pg_check_transaction(const pg_conn *conn, bool savepoint, shunt_error *err) {
  PGTransactionStatusType state = PQtransactionStatus(conn->pg);
  if (conn->base.in_transaction && state == PQTRANS_IDLE)
    return error_set(err, SHUNT_E_TRANSACTION, "the database has ended this transaction");
  if (!savepoint && state == PQTRANS_INERROR) return pg_refuse_failed(err);
  if (savepoint && !conn->base.in_transaction)
    return error_set(err, SHUNT_E_USAGE, "a savepoint needs a transaction of the session around it");
  return SHUNT_OK;
}

static bool send_whole(pg_conn *conn, const pg_statement *s, const pg_params *p) {
  return PQsendQueryParams(conn->pg, s->numbered, (int)s->nparams, s->types, p->values, p->sizes, p->formats, 0);
}

/* In one round trip and one transaction with the settings that the statement or its rows depend on. */
static bool send_piped(pg_conn *conn, const pg_statement *s, const pg_params *p) {
  const char *settings = conn->front.size ? conn->front.data : pg_settings_of_rows;
  conn->piped = true;
  return PQenterPipelineMode(conn->pg) && PQsendQueryParams(conn->pg, settings, 0, NULL, NULL, NULL, NULL, 0) &&
         send_whole(conn, s, p) && PQpipelineSync(conn->pg);
}

static bool send_now(pg_conn *conn, const pg_statement *s, const pg_params *p) {
  char name[PG_NAME_BYTES];
  if (s->savepoint) return PQsendQueryParams(conn->pg, s->numbered, 0, NULL, NULL, NULL, NULL, 0);
  const bool piped = !conn->base.in_transaction && (s->has_rows || conn->front.size);
  if (conn->pooled) return piped ? send_piped(conn, s, p) : send_whole(conn, s, p);
  pg_name(conn, s, name);
  return PQsendQueryPrepared(conn->pg, name, (int)s->nparams, p->values, p->sizes, p->formats, 0);
}

static shunt_status check_leaving(const pg_conn *conn, const pg_statement *s, shunt_error *err) {
  if (!conn->pooled || s->leaves != PG_LEAVES) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE,
                   "it would stay with the server's connection, which a pooler gives to others (prepare: false); SET "
                   "LOCAL and pg_advisory_xact_lock end with their transaction (in: %.300s)",
                   s->sql);
}

static shunt_status send_statement(pg_conn *conn, pg_statement *s, const shunt_value *params, shunt_error *err) {
  pg_params p;
  shunt_status status = pg_encode(conn, s, params, &p, err);
  if (!status && !send_now(conn, s, &p)) status = pg_fail(conn, NULL, s->sql, err);
  return status;
}

shunt_status pg_send(driver_conn *base, const char *sql, size_t sql_size, const shunt_value *params, size_t nparams,
                     shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_statement *s = NULL;
  pg_drop_sent(conn);
  shunt_status status = pg_check_time(conn, err);
  if (!status && conn->ended) status = pg_fail(conn, NULL, sql, err); /* libpq's message still says why */
  if (!status) status = pg_statement_of(conn, sql, sql_size, &s, err);
  if (!status) status = pg_check_transaction(conn, s->savepoint, err);
  if (!status) status = check_leaving(conn, s, err);
  if (!status && s->nparams != nparams)
    status = error_set(err, SHUNT_E_USAGE, "the statement needs one value for each ? (%zu), and got %zu (in: %.300s)",
                       s->nparams, nparams, s->sql);
  if (!status) status = send_statement(conn, s, params, err);
  if (status) {
    error_client(err, base->client->name);
    return status;
  }
  conn->sent = s;
  conn->params = params;
  if (conn->pooled && s->leaves) base->altered = true; /* the pooler keeps some settings for each of its clients */
  return SHUNT_OK;
}

int pg_start(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  return pg_flush(conn) ? PQsocket(conn->pg) : -1;
}

/* ---- receiving ---- */

static bool begins_with_any(const char *tag, const char *const *words) {
  for (; *words; words++) {
    size_t size = strlen(*words);
    if (strncmp(tag, *words, size) == 0 && (tag[size] == 0 || tag[size] == ' ')) return true;
  }
  return false;
}

static int64_t rows_written(PGresult *result, const char *tag) {
  static const char *const writes[] = {"INSERT", "UPDATE", "DELETE", "MERGE", NULL};
  int64_t n = 0;
  if (!begins_with_any(tag, writes)) return 0;
  for (const char *digit = PQcmdTuples(result); *digit; digit++) n = n * 10 + (*digit - '0');
  return n;
}

/* A statement that once worked fails now: the schema has changed. */
static bool is_outdated(const pg_statement *s, const PGresult *result) {
  const char *state = pg_sqlstate(result);
  if (pg_is_outdated_plan(result)) return true;
  return strcmp(state, "26000") == 0 || (s->tried && strncmp(state, "42", 2) == 0);
}

/* The first result of the statement. Outside of a transaction an outdated one did nothing, and is sent again. */
static shunt_status begin_rows(pg_conn *conn, pg_statement *s, PGresult **result, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (int attempt = 0; attempt < 2 && !status; attempt++) {
    *result = pg_first_result(conn);
    if (PQresultStatus(*result) != PGRES_FATAL_ERROR || !is_outdated(s, *result)) break;
    conn->stale = true;
    if (conn->base.in_transaction || attempt) break;
    PQclear(*result);
    *result = NULL;
    PQclear(pg_answer(conn));
    status = pg_prepare_again(conn, s, err);
    if (!status) status = send_statement(conn, s, conn->params, err);
  }
  return status;
}

/* A SELECT changes nothing. A change of the schema makes all prepared statements outdated. */
static void note_command(pg_conn *conn, PGresult *result, int64_t *affected) {
  static const char *const of_plans[] = {"CREATE", "ALTER", "DROP", "DISCARD", "DEALLOCATE", NULL};
  const char *tag = PQcmdStatus(result);
  if (strncmp(tag, "SELECT ", 7) == 0) return;
  if (affected) *affected = rows_written(result, tag);
  if (begins_with_any(tag, of_plans)) conn->stale = true;
}

/* What is known if the statement fails after this answer. A procedure may commit, and then fail. */
static shunt_outcome known_after(const pg_conn *conn, const pg_statement *s, const PGresult *result) {
  if (conn->base.in_transaction) return SHUNT_NOT_DONE;
  if (!pg_is_answer(result)) return SHUNT_UNKNOWN;
  if (PQresultStatus(result) != PGRES_FATAL_ERROR) return SHUNT_DONE;
  return s->leaves == PG_MAY_LEAVE ? SHUNT_UNKNOWN : SHUNT_NOT_DONE;
}

/* A write in a transaction whose rows can't be kept has failed, and must not be committed. */
static void undo_write(pg_conn *conn, const PGresult *result) {
  if (conn->base.in_transaction && !conn->base.broken && strncmp(PQcmdStatus((PGresult *)result), "SELECT ", 7) != 0 &&
      pg_exec(conn, "ROLLBACK", NULL, NULL))
    conn->base.broken = true;
}

/* kept: the status of its rows. */
static shunt_status take(pg_conn *conn, pg_statement *s, PGresult *result, int64_t *affected, shunt_status kept,
                         shunt_error *err) {
  conn->base.outcome = known_after(conn, s, result);
  switch (PQresultStatus(result)) {
  case PGRES_TUPLES_OK:
  case PGRES_COMMAND_OK:
    note_command(conn, result, affected);
    s->tried = true;
    if (kept) undo_write(conn, result);
    return kept;
  case PGRES_COPY_IN:
  case PGRES_COPY_OUT:
  case PGRES_COPY_BOTH:
    conn->base.broken = true;
    conn->base.outcome = SHUNT_NOT_DONE;
    return error_set(err, SHUNT_E_USAGE, "COPY to or from the client is not for statements (in: %.300s)", s->sql);
  default:
    return pg_fail(conn, result, s->sql, err);
  }
}

shunt_status pg_receive(driver_conn *base, shunt_rows *into, int64_t *affected, int64_t *generated_id,
                        shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_statement *s = conn->sent;
  if (affected) *affected = 0;
  if (generated_id) *generated_id = 0;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  conn->sent = NULL;
  base->outcome = SHUNT_NOT_DONE;
  PGresult *result = NULL;
  shunt_status status = begin_rows(conn, s, &result, err);
  if (!status) {
    shunt_status kept = pg_take_rows(conn, &result, into, err);
    status = take(conn, s, result, affected, kept, err);
  }
  PQclear(result);
  if (status) error_client(err, base->client->name);
  return status;
}

/* ---- in parts ---- */

/* Takes one result. *more is false after the last one, which is empty: a connection that is lost before that is an
 * error, not an end. */
static shunt_status take_part(pg_conn *conn, pg_statement *s, const PGresult *result, shunt_rows *into, bool *more,
                              shunt_error *err) {
  const size_t held = driver_held(into);
  *more = pg_is_part(result);
  if (!*more && PQresultStatus(result) != PGRES_TUPLES_OK) return pg_fail(conn, result, s->sql, err);
  s->tried = true;
  return pg_add_rows(conn, result, into, held, err);
}

static shunt_status fetch_some(pg_conn *conn, pg_statement *s, shunt_rows *into, bool *more, shunt_error *err) {
  PGresult *result = NULL;
  shunt_status status = SHUNT_OK;
  if (!conn->fetching) {
    status = begin_rows(conn, s, &result, err);
    conn->fetching = !status;
    if (!status) status = take_part(conn, s, result, into, more, err);
    PQclear(result);
  }
  while (!status && *more && !driver_is_enough(into)) {
    result = pg_result(conn);
    status = take_part(conn, s, result, into, more, err);
    PQclear(result);
  }
  return status;
}

/* After the empty result: a failure may still follow. */
static shunt_status end_rows(pg_conn *conn, const pg_statement *s, shunt_error *err) {
  PGresult *last = pg_answer(conn);
  shunt_status status = last ? pg_fail(conn, last, s->sql, err) : SHUNT_OK;
  PQclear(last);
  return status;
}

shunt_status pg_fetch(driver_conn *base, shunt_rows *into, bool *more, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_statement *s = conn->sent;
  *more = true;
  if (!s) return error_set(err, SHUNT_E_INTERNAL, "client '%s': nothing was sent", base->client->name);
  shunt_status status = fetch_some(conn, s, into, more, err);
  if (!status && *more) return SHUNT_OK;
  if (!status) status = end_rows(conn, s, err);
  if (*more)
    pg_fetch_end(base);
  else
    pg_drop_sent(conn);
  if (status) error_client(err, base->client->name);
  *more = false;
  return status;
}

void pg_fetch_end(driver_conn *base) {
  pg_conn *conn = pg_of(base);
  if (!conn->sent) return;
  if (base->in_transaction) {
    pg_drop_sent(conn);
    return;
  }
  base->broken = true;
  conn->sent = NULL;
}
