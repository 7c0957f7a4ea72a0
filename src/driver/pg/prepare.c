#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/pg/conn.h"

/* ---- the server's names ---- */

/* No two connections share a name, and none is used twice: where a pooler mixes the connections to the server, a
 * statement is found or it is not, but never another in its place. */
static void put_name(const pg_conn *conn, uint32_t number, char name[PG_NAME_BYTES]) {
  if (number)
    snprintf(name, PG_NAME_BYTES, "shunt_%016" PRIx64 "_%" PRIu32, conn->tag, number);
  else
    name[0] = 0;
}

void pg_name(const pg_conn *conn, const pg_statement *s, char name[PG_NAME_BYTES]) { put_name(conn, s->number, name); }

static void end_statement(pg_statement *s) {
  if (!s) return;
  base_free(s->numbered);
  base_free(s->types);
  base_free(s);
}

/* The statement on the server is deallocated when the slot is used again. */
static void give_up(pg_conn *conn, pg_statement *s) {
  if (s->slot != PG_NO_SLOT) conn->free_slots[conn->nfree++] = s->slot;
  end_statement(s);
}

static void make_room(pg_conn *conn, pg_statement *s) {
  cache_entry *old;
  s->kept = !conn->base.once && s->entry.size <= PG_LONGEST_KEPT;
  if (!s->kept) return;
  while ((old = cache_surplus(&conn->cache, s->entry.size))) give_up(conn, (pg_statement *)(void *)old);
  if (!conn->pooled) s->slot = conn->nfree ? conn->free_slots[--conn->nfree] : conn->nslots++;
}

void pg_statements_free(pg_conn *conn) {
  while (conn->cache.oldest) {
    cache_entry *old = conn->cache.oldest;
    cache_remove(&conn->cache, old);
    end_statement((pg_statement *)(void *)old);
  }
  end_statement(conn->unnamed);
  conn->unnamed = NULL;
  conn->nslots = conn->nfree = 0;
}

void pg_forget_statements(pg_conn *conn) {
  pg_statements_free(conn);
  memset(conn->held, 0, sizeof conn->held);
  conn->stale = false;
}

/* Each is prepared again before its next execution. */
static shunt_status forget_all(pg_conn *conn, shunt_error *err) {
  shunt_status status = conn->pooled ? SHUNT_OK : pg_exec(conn, "DEALLOCATE ALL", NULL, err);
  if (status) return status;
  pg_forget_statements(conn);
  return SHUNT_OK;
}

/* ---- preparing ---- */

/* One round trip: DEALLOCATE if needed, parse, describe. */
static bool send_all(pg_conn *conn, const pg_statement *s) {
  char sql[PG_NAME_BYTES + sizeof "DEALLOCATE "] = "DEALLOCATE ", name[PG_NAME_BYTES];
  bool ok = PQenterPipelineMode(conn->pg);
  if (s->slot != PG_NO_SLOT && conn->held[s->slot]) {
    put_name(conn, conn->held[s->slot], sql + strlen(sql));
    ok = ok && PQsendQueryParams(conn->pg, sql, 0, NULL, NULL, NULL, NULL, 0);
  }
  if (conn->front.size && !conn->base.in_transaction)
    ok = ok && PQsendQueryParams(conn->pg, conn->front.data, 0, NULL, NULL, NULL, NULL, 0);
  pg_name(conn, s, name);
  return ok && PQsendPrepare(conn->pg, name, s->numbered, 0, NULL) && PQsendDescribePrepared(conn->pg, name) &&
         PQpipelineSync(conn->pg);
}

static shunt_status take_types(pg_statement *s, const PGresult *description, shunt_error *err) {
  s->nparams = (size_t)PQnparams(description);
  s->has_rows = PQnfields(description) > 0;
  base_free(s->types);
  s->types = base_alloc(s->nparams * sizeof *s->types + 1);
  if (!s->types) return error_memory(err);
  for (size_t i = 0; i < s->nparams; i++) s->types[i] = PQparamtype(description, (int)i);
  return SHUNT_OK;
}

/* The number of the statement that the server has in the slot after `done` requests succeeded. If it had one before,
 * the first of them was DEALLOCATE. */
static uint32_t held_now(uint32_t before, uint32_t number, int done, const PGresult *result) {
  if (before && done == 0) return strcmp(pg_sqlstate(result), "26000") == 0 ? 0 : before;
  return done > (before != 0) ? number : 0;
}

static PGresult *try_to_prepare(pg_conn *conn, pg_statement *s) {
  int done = 0;
  uint32_t *held = s->slot == PG_NO_SLOT ? NULL : &conn->held[s->slot];
  if (held) s->number = ++conn->numbers;
  conn->describes = true;
  PGresult *result = send_all(conn, s) ? pg_pipeline(conn, &done) : NULL;
  conn->describes = false;
  if (held) *held = held_now(*held, s->number, done, result);
  return result;
}

static shunt_status prepare(pg_conn *conn, pg_statement *s, shunt_error *err) {
  bool held = s->slot != PG_NO_SLOT && conn->held[s->slot];
  PGresult *result = try_to_prepare(conn, s);
  if (held && !conn->held[s->slot] && strcmp(pg_sqlstate(result), "26000") == 0) { /* deallocated by something else */
    PQclear(result);
    result = try_to_prepare(conn, s);
  }
  shunt_status status =
      PQresultStatus(result) == PGRES_COMMAND_OK ? take_types(s, result, err) : pg_fail(conn, result, s->sql, err);
  PQclear(result);
  s->tried = false;
  return status;
}

/* The lexer reads SQL as it is with the setting on, and so were the statements of the cache prepared. */
static shunt_status check_strings(const pg_conn *conn, const pg_statement *s, shunt_error *err) {
  const char *standard = s->backslashes ? PQparameterStatus(conn->pg, "standard_conforming_strings") : NULL;
  if (!standard || strcmp(standard, "off") != 0) return SHUNT_OK;
  return error_set(
      err, SHUNT_E_USAGE,
      "standard_conforming_strings was turned off, and a backslash in '…' would mean something else: leave "
      "the setting on, and write E'…' for a string with escapes (in: %.300s)",
      s->sql);
}

static shunt_status check_params(const pg_statement *s, pg_text text, shunt_error *err) {
  if (text.nparams && text.numbered)
    return error_set(err, SHUNT_E_USAGE, "the SQL has both ? and $1 for its parameters: use one of them (in: %.300s)",
                     s->sql);
  if (text.nparams <= PG_MOST_PARAMS) return SHUNT_OK;
  return error_set(err, SHUNT_E_USAGE,
                   "the statement has %zu values, and one of pg takes %d; ask in several calls (in: %.300s)",
                   text.nparams, PG_MOST_PARAMS, s->sql);
}

static shunt_status check_words(pg_statement *s, shunt_error *err) {
  switch (pg_first_words(s->sql, s->size)) {
  case PG_NOTHING:
    return error_set(err, SHUNT_E_USAGE, "there is no statement in the SQL");
  case PG_TRANSACTION:
    return error_set(err, SHUNT_E_USAGE, "a transaction is begun and ended by the session's transaction, not by SQL");
  case PG_SAVEPOINT:
    s->savepoint = true;
    break;
  case PG_PLAIN:
    break;
  }
  return SHUNT_OK;
}

typedef struct text {
  const char *bytes;
  size_t size;
} text;

/* The same names mean other tables under another scope. The server would plan the statement anew, but keep the types
 * of its parameters. A NUL keeps the two apart. */
static text key_of(pg_conn *conn, const char *sql, size_t size) {
  const char *scope = variables_scope(conn->base.variables);
  if (!*scope) return (text){sql, size};
  buf_reset(&conn->key);
  buf_add(&conn->key, sql, size);
  buf_putc(&conn->key, 0);
  buf_puts(&conn->key, scope);
  return (text){conn->key.data, conn->key.failed ? 0 : conn->key.size};
}

/* The SQL is the beginning of the key. */
static shunt_status new_statement(text key, size_t size, pg_statement **out, shunt_error *err) {
  buf numbered = {0};
  if (key.size < size) return error_memory(err);
  if (memchr(key.bytes, 0, size)) return error_set(err, SHUNT_E_USAGE, "there is a NUL byte in the SQL");
  pg_statement *s = base_zalloc(sizeof *s + key.size + 1);
  if (!s) return error_memory(err);
  if (key.size) memcpy(s->sql, key.bytes, key.size);
  s->size = size;
  s->entry.sql = s->sql;
  s->entry.size = key.size;
  s->slot = PG_NO_SLOT;
  s->leaves = pg_leaves(s->sql, size);
  const pg_text read = pg_number_params(s->sql, size, &numbered);
  s->nparams = read.nparams;
  s->backslashes = read.backslashes;
  s->numbered = buf_take(&numbered);
  shunt_status status = s->numbered ? check_words(s, err) : error_memory(err);
  if (!status) status = check_params(s, read, err);
  if (status) {
    end_statement(s);
    return status;
  }
  *out = s;
  return SHUNT_OK;
}

static shunt_status prepare_new(pg_conn *conn, pg_statement *s, PGTransactionStatusType state, shunt_error *err) {
  if (state == PQTRANS_INERROR) return pg_refuse_failed(err);
  make_room(conn, s);
  return prepare(conn, s, err);
}

static void keep(pg_conn *conn, pg_statement *s) {
  if (s->kept)
    cache_add(&conn->cache, &s->entry);
  else
    conn->unnamed = s;
}

shunt_status pg_statement_of(pg_conn *conn, const char *sql, size_t size, pg_statement **out, shunt_error *err) {
  PGTransactionStatusType state = PQtransactionStatus(conn->pg);
  shunt_status status = conn->stale && state != PQTRANS_INERROR ? forget_all(conn, err) : SHUNT_OK;
  if (status) return status;
  end_statement(conn->unnamed);
  conn->unnamed = NULL;
  const text key = key_of(conn, sql, size);
  pg_statement *s = (pg_statement *)(void *)cache_find(&conn->cache, key.bytes, key.size);
  if (s) {
    *out = s;
    return check_strings(conn, s, err);
  }
  status = new_statement(key, size, &s, err);
  if (status) return status;
  status = check_strings(conn, s, err);
  if (!status && !s->savepoint) status = prepare_new(conn, s, state, err);
  if (status) {
    give_up(conn, s);
    return status;
  }
  keep(conn, s);
  *out = s;
  return SHUNT_OK;
}

shunt_status pg_prepare_again(pg_conn *conn, pg_statement *s, shunt_error *err) {
  shunt_status status = prepare(conn, s, err);
  if (!status || !s->kept) return status;
  cache_remove(&conn->cache, &s->entry);
  give_up(conn, s);
  return status;
}
