/* Bulk load with COPY. COPY differs from INSERT in four points: it ignores rules, row security and GENERATED ALWAYS,
 * and passes a type's modifier to the type's input function, where INSERT casts. A table for which any of these matters
 * is not loaded with COPY. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/pg/conn.h"

enum { BLOCK_BYTES = 64 * 1024 };

struct pg_load {
  char *sql;
  buf block; /* not sent yet */
  size_t n;
  Oid types[];
};

enum { NAME, TYPE, TAKES };
static const char shape_types[] = "tib";

/* The input function of type name (19) truncates, a parameter of it is refused. For the types listed by number, input
 * and cast treat the modifier alike: character, varchar, times, numeric. */
static const char shape_sql[] =
    "SELECT a.attname, a.atttypid, c.relkind IN ('r', 'p') AND NOT c.relhasrules AND NOT c.relrowsecurity AND "
    "coalesce(pg_catalog.to_jsonb(a) ->> 'attidentity', '') <> 'a' AND "
    "coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') = '' AND "
    "a.atttypid <> 19 AND (a.atttypmod = -1 OR a.atttypid IN (1042, 1043, 1083, 1114, 1184, 1266, 1700)) "
    "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
    "WHERE a.attrelid = pg_catalog.to_regclass(pg_catalog.quote_ident($1)) AND a.attnum > 0 AND NOT a.attisdropped";

/* ---- beginning ---- */

static bool takes(const shunt_rows *shape, const char *column, Oid *type) {
  for (size_t i = 0; i < shape->count; i++) {
    const shunt_value *cells = rows_row(shape, i);
    if (cells[NAME].type == SHUNT_NULL || strcmp(cells[NAME].as.bytes, column) != 0) continue;
    *type = (Oid)cells[TYPE].as.integer;
    return cells[TAKES].type == SHUNT_BOOL && cells[TAKES].as.boolean;
  }
  return false;
}

static char *copy_sql(const char *table, const char *const *columns, size_t n) {
  buf sql = {0};
  buf_puts(&sql, "COPY ");
  pg_put_name(&sql, table);
  for (size_t i = 0; i < n; i++) {
    buf_puts(&sql, i ? ", " : " (");
    pg_put_name(&sql, columns[i]);
  }
  buf_puts(&sql, ") FROM STDIN");
  return buf_take(&sql);
}

static void end(pg_conn *conn) {
  base_free(conn->load->sql);
  buf_free(&conn->load->block);
  base_free(conn->load);
  conn->load = NULL;
}

/* *takes_all: whether COPY of these columns writes what INSERT would. */
static shunt_status find_types(pg_conn *conn, const char *table, const char *const *columns, bool *takes_all,
                               shunt_error *err) {
  pg_load *load = conn->load;
  shunt_rows *shape;
  shunt_status status = pg_ask(conn, shape_sql, table, shape_types, &shape, err);
  *takes_all = true;
  for (size_t i = 0; i < load->n && !status && *takes_all; i++) *takes_all = takes(shape, columns[i], &load->types[i]);
  shunt_rows_free(shape);
  return status;
}

static shunt_status start_copy(pg_conn *conn, shunt_error *err) {
  PGresult *result = PQsendQuery(conn->pg, conn->load->sql) ? pg_answer(conn) : NULL;
  shunt_status status =
      PQresultStatus(result) == PGRES_COPY_IN ? SHUNT_OK : pg_fail(conn, result, conn->load->sql, err);
  PQclear(result);
  return status;
}

shunt_status pg_load_begin(driver_conn *base, const char *table, const char *const *columns, size_t n, const char **sql,
                           shunt_error *err) {
  pg_conn *conn = pg_of(base);
  bool takes_all = false;
  *sql = NULL;
  pg_drop_sent(conn);
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = pg_check_transaction(conn, false, err);
  if (status) return status;
  conn->load = base_zalloc(sizeof *conn->load + n * sizeof *conn->load->types);
  if (!conn->load) return error_memory(err);
  conn->load->n = n;
  conn->load->sql = copy_sql(table, columns, n);
  status = conn->load->sql ? find_types(conn, table, columns, &takes_all, err) : error_memory(err);
  if (!status && takes_all) status = start_copy(conn, err);
  if (status || !takes_all)
    end(conn);
  else
    *sql = conn->load->sql;
  return status;
}

/* ---- rows ---- */

static bool is_special(char c) { return c == '\\' || c == '\t' || c == '\n' || c == '\r'; }

static char escaped(char c) { return c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c; }

static void put_text(buf *block, const char *text, size_t size) {
  const char *end_of = text + size, *from = text;
  for (const char *at = text; at < end_of; at++) {
    if (!is_special(*at)) continue;
    buf_add(block, from, (size_t)(at - from));
    buf_add(block, (const char[]){'\\', escaped(*at)}, 2);
    from = at + 1;
  }
  buf_add(block, from, (size_t)(end_of - from));
}

static void put_blob(buf *block, const char *bytes, size_t size) {
  static const char digits[] = "0123456789abcdef";
  char some[512];
  buf_puts(block, "\\\\x");
  for (size_t i = 0, n = 0; i < size; i++) {
    some[n++] = digits[(unsigned char)bytes[i] >> 4];
    some[n++] = digits[bytes[i] & 15];
    if (n < sizeof some && i + 1 < size) continue;
    buf_add(block, some, n);
    n = 0;
  }
}

static const char *put_value(buf *block, Oid type, const shunt_value *v) {
  pg_encoded e;
  const char *why = pg_encode_value(type, v, &e);
  if (why) return why;
  if (!e.bytes)
    buf_puts(block, "\\N");
  else if (e.as_it_is && !pg_is_text(type))
    put_blob(block, e.bytes, e.size);
  else if (v->type == SHUNT_TEXT || v->type == SHUNT_BLOB)
    put_text(block, e.bytes, e.size);
  else
    buf_add(block, e.bytes, e.size);
  return NULL;
}

static shunt_status send_block(pg_conn *conn, shunt_error *err) {
  buf *block = &conn->load->block;
  if (block->failed || block->size > INT_MAX) return error_memory(err);
  bool sent = PQputCopyData(conn->pg, block->data, (int)block->size) > 0 && pg_flush(conn);
  buf_reset(block);
  return sent ? SHUNT_OK : pg_fail(conn, NULL, NULL, err);
}

shunt_status pg_load_row(driver_conn *base, const shunt_value *values, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_load *load = conn->load;
  for (size_t i = 0; i < load->n; i++) {
    const char *why = put_value(&load->block, load->types[i], &values[i]);
    if (why) return error_set(err, SHUNT_E_CONSTRAINT, "value %zu: %s (in: %.300s)", i + 1, why, load->sql);
    buf_putc(&load->block, i + 1 < load->n ? '\t' : '\n');
  }
  return load->block.size < BLOCK_BYTES && !load->block.failed ? SHUNT_OK : send_block(conn, err);
}

/* ---- ending ---- */

static shunt_status finish(pg_conn *conn, const char *why_not, int64_t *affected, shunt_error *err) {
  PGresult *result = PQputCopyEnd(conn->pg, why_not) > 0 ? pg_answer(conn) : NULL;
  bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
  const bool ended = why_not && PQresultStatus(result) == PGRES_FATAL_ERROR && pg_sqlstate(result)[0];
  shunt_status status = done || ended ? SHUNT_OK : pg_fail(conn, result, conn->load->sql, err);
  if (done && affected) *affected = strtoll(PQcmdTuples(result), NULL, 10);
  PQclear(result);
  return status;
}

shunt_status pg_load_end(driver_conn *base, bool ok, int64_t *affected, shunt_error *err) {
  pg_conn *conn = pg_of(base);
  shunt_status status = ok && conn->load->block.size ? send_block(conn, err) : SHUNT_OK;
  if (affected) *affected = 0;
  if (!status && ok)
    status = finish(conn, NULL, affected, err);
  else if (!base->broken) /* a broken connection has no COPY to end */
    finish(conn, "given up", NULL, NULL);
  end(conn);
  if (status) error_client(err, base->client->name);
  return status;
}
