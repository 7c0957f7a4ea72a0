#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/number.h"
#include "driver/mysql/conn.h"

enum {
  BINARY_CHARSET = 63, /* the pseudo character set of bytes */
  DECLARED_DIGITS = 6, /* of a fraction of a second; a larger number means: not declared */
  TIME_BYTES = 48,
  ROWS_BETWEEN_LOOKS = 256 /* reads the clock once per so many rows */
};

typedef enum cell_kind { CELL_INTEGER, CELL_FLOAT, CELL_DOUBLE, CELL_BITS, CELL_TIME, CELL_TEXT, CELL_BLOB } cell_kind;

struct mysql_cell {
  cell_kind kind;
  bool is_unsigned;
  enum enum_field_types type;
  unsigned digits; /* of the fraction of a second */
  union {
    int64_t integer;
    float single;
    double number;
    unsigned char bits[8];
    MYSQL_TIME time;
  } fixed;
  unsigned long size; /* of text and blobs, which are fetched straight into the rows */
  mysql_flag is_null, cut;
};

void mysqldb_free_cells(mysql_statement *s) { base_free(s->cells); }

/* ---- binding ---- */

static cell_kind kind_of(const MYSQL_FIELD *field) {
  switch (field->type) {
  case MYSQL_TYPE_TINY:
  case MYSQL_TYPE_SHORT:
  case MYSQL_TYPE_INT24:
  case MYSQL_TYPE_LONG:
  case MYSQL_TYPE_LONGLONG:
  case MYSQL_TYPE_YEAR:
    return CELL_INTEGER;
  case MYSQL_TYPE_FLOAT:
    return CELL_FLOAT;
  case MYSQL_TYPE_DOUBLE:
    return CELL_DOUBLE;
  case MYSQL_TYPE_BIT:
    return CELL_BITS;
  case MYSQL_TYPE_DATE:
  case MYSQL_TYPE_TIME:
  case MYSQL_TYPE_DATETIME:
  case MYSQL_TYPE_TIMESTAMP:
    return CELL_TIME;
  case MYSQL_TYPE_DECIMAL:
  case MYSQL_TYPE_NEWDECIMAL:
  case MYSQL_TYPE_NULL:
    return CELL_TEXT;
  default:
    return field->charsetnr == BINARY_CHARSET && (int)field->type != 245 /* JSON */ ? CELL_BLOB : CELL_TEXT;
  }
}

/* Texts and blobs have no buffer here: the first fetch reports their sizes. */
static void bind(MYSQL_BIND *b, mysql_cell *cell) {
  static const enum enum_field_types types[] = {
      [CELL_INTEGER] = MYSQL_TYPE_LONGLONG, [CELL_FLOAT] = MYSQL_TYPE_FLOAT,   [CELL_DOUBLE] = MYSQL_TYPE_DOUBLE,
      [CELL_BITS] = MYSQL_TYPE_BLOB,        [CELL_TIME] = MYSQL_TYPE_DATETIME, [CELL_TEXT] = MYSQL_TYPE_STRING,
      [CELL_BLOB] = MYSQL_TYPE_BLOB};
  *b = (MYSQL_BIND){.buffer_type = cell->kind == CELL_TIME ? cell->type : types[cell->kind],
                    .buffer = &cell->fixed,
                    .buffer_length = cell->kind >= CELL_TEXT ? 0 : sizeof cell->fixed.bits,
                    .length = &cell->size,
                    .is_null = &cell->is_null,
                    .error = &cell->cut,
                    .is_unsigned = cell->is_unsigned};
}

static shunt_status bind_cells(mysql_conn *conn, mysql_statement *s, unsigned n, shunt_error *err) {
  if (!base_grow(&conn->binds, &conn->bind_room, n, sizeof *conn->binds)) return error_memory(err);
  for (unsigned i = 0; i < n; i++) bind(&conn->binds[i], &s->cells[i]);
  if (mysql_stmt_bind_result(s->stmt, conn->binds)) return mysqldb_fail(conn, s->stmt, s->sql, err);
  s->ncells = n;
  return SHUNT_OK;
}

static bool is_as_bound(const mysql_cell *cell, const MYSQL_FIELD *field) {
  return cell->type == field->type && cell->kind == kind_of(field) && cell->digits == field->decimals &&
         cell->is_unsigned == ((field->flags & UNSIGNED_FLAG) != 0);
}

/* Compared at each execution: the table may have been altered since the last one. */
static shunt_status prepare_cells(mysql_conn *conn, mysql_statement *s, const MYSQL_FIELD *fields, unsigned n,
                                  shunt_error *err) {
  unsigned same = 0;
  if (mysql_more_results(conn->db)) s->ncells = 0; /* with several results the library replaces its buffers for each */
  while (s->ncells == n && same < n && is_as_bound(&s->cells[same], &fields[same])) same++;
  if (same == n) return SHUNT_OK;
  s->ncells = 0;
  if (!base_grow(&s->cells, &s->cell_room, n, sizeof *s->cells)) return error_memory(err);
  for (unsigned i = 0; i < n; i++)
    s->cells[i] = (mysql_cell){.kind = kind_of(&fields[i]),
                               .type = fields[i].type,
                               .digits = fields[i].decimals,
                               .is_unsigned = (fields[i].flags & UNSIGNED_FLAG) != 0};
  return bind_cells(conn, s, n, err);
}

/* ---- cells ---- */

static char *put(char *to, unsigned long number, int digits) {
  for (int i = digits - 1; i >= 0; i--) {
    to[i] = (char)('0' + number % 10);
    number /= 10;
  }
  return to + digits;
}

static char *put_fraction(char *to, unsigned long microseconds, unsigned digits) {
  char all[DECLARED_DIGITS];
  if (digits > DECLARED_DIGITS) digits = microseconds ? DECLARED_DIGITS : 0;
  if (!digits) return to;
  put(all, microseconds, DECLARED_DIGITS);
  *to++ = '.';
  memcpy(to, all, digits);
  return to + digits;
}

/* In the server's format: "2026-11-24", "-12:30:00.5", "2026-11-24 12:30:00". A time may exceed a day. */
static size_t write_time(const mysql_cell *cell, char room[TIME_BYTES]) {
  const MYSQL_TIME *t = &cell->fixed.time;
  char *to = room;
  bool time = cell->type == MYSQL_TYPE_TIME;
  if (!time) {
    to = put(to, t->year, 4);
    *to++ = '-';
    to = put(to, t->month, 2);
    *to++ = '-';
    to = put(to, t->day, 2);
    if (cell->type == MYSQL_TYPE_DATE) return (size_t)(to - room);
    *to++ = ' ';
  } else if (t->neg) {
    *to++ = '-';
  }
  unsigned long hours = time ? t->day * 24UL + t->hour : t->hour;
  to = put(to, hours, hours > 99 ? 3 : 2);
  *to++ = ':';
  to = put(to, t->minute, 2);
  *to++ = ':';
  to = put(to, t->second, 2);
  return (size_t)(put_fraction(to, t->second_part, cell->digits) - room);
}

static bool set_bytes(shunt_rows *into, shunt_type type, const char *bytes, size_t size, shunt_value *to) {
  const char *copy = rows_bytes(into, bytes, size);
  if (!copy) return false;
  to->as.bytes = copy;
  to->size = (uint32_t)size;
  to->type = (uint8_t)type;
  return true;
}

/* An unsigned integer above INT64_MAX becomes a text of its digits. */
static bool set_unsigned(shunt_rows *into, uint64_t number, shunt_value *to) {
  char digits[24];
  if (number > INT64_MAX)
    return set_bytes(into, SHUNT_TEXT, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number), to);
  *to = shunt_integer((int64_t)number);
  return true;
}

static uint64_t bits_of(const mysql_cell *cell) {
  uint64_t number = 0;
  for (unsigned long i = 0; i < cell->size && i < sizeof cell->fixed.bits; i++)
    number = number << 8 | cell->fixed.bits[i];
  return number;
}

static bool set_fixed(const mysql_cell *cell, shunt_rows *into, shunt_value *to) {
  char text[TIME_BYTES];
  switch (cell->kind) {
  case CELL_INTEGER:
    if (cell->is_unsigned) return set_unsigned(into, (uint64_t)cell->fixed.integer, to);
    *to = shunt_integer(cell->fixed.integer);
    return true;
  case CELL_FLOAT:
    *to = shunt_float(number_of_single(cell->fixed.single));
    return true;
  case CELL_DOUBLE:
    *to = shunt_float(cell->fixed.number);
    return true;
  case CELL_BITS:
    return set_unsigned(into, bits_of(cell), to);
  default:
    return set_bytes(into, SHUNT_TEXT, text, write_time(cell, text), to);
  }
}

static shunt_status set_bytes_of(mysql_conn *conn, mysql_statement *s, unsigned column, shunt_rows *into,
                                 shunt_value *to, shunt_error *err) {
  mysql_cell *cell = &s->cells[column];
  unsigned long size = cell->size;
  char *bytes = rows_room(into, size);
  if (!bytes) return error_memory(err);
  MYSQL_BIND b = {.buffer_type = cell->kind == CELL_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB,
                  .buffer = bytes,
                  .buffer_length = size,
                  .length = &cell->size,
                  .is_null = &cell->is_null,
                  .error = &cell->cut};
  if (size && mysql_stmt_fetch_column(s->stmt, &b, column, 0)) return mysqldb_fail(conn, s->stmt, s->sql, err);
  bytes[size] = 0;
  to->as.bytes = bytes;
  to->size = (uint32_t)size;
  to->type = cell->kind == CELL_TEXT ? SHUNT_TEXT : SHUNT_BLOB;
  return SHUNT_OK;
}

/* ---- rows ---- */

static const char *column_name(const void *fields, int i) { return ((const MYSQL_FIELD *)fields)[i].name; }

static shunt_status set_columns(const mysql_conn *conn, const MYSQL_FIELD *fields, unsigned n, shunt_rows *into,
                                shunt_error *err) {
  return into ? driver_set_columns(&conn->base, into, (int)n, column_name, fields, err) : SHUNT_OK;
}

static shunt_status add_row(mysql_conn *conn, mysql_statement *s, unsigned n, shunt_rows *into, shunt_error *err) {
  shunt_value *to = rows_add(into);
  if (!to) return error_memory(err);
  for (unsigned i = 0; i < n; i++) {
    mysql_cell *cell = &s->cells[i];
    if (cell->is_null) continue; /* a new row's cells are null */
    shunt_status status = SHUNT_OK;
    if (cell->kind >= CELL_TEXT)
      status = set_bytes_of(conn, s, i, into, &to[i], err);
    else if (!set_fixed(cell, into, &to[i]))
      status = error_memory(err);
    if (status) return status;
  }
  return SHUNT_OK;
}

/* into NULL: rows are counted alone. *more: stops when there are enough rows; then, whether it has stopped before the
 * end. */
static shunt_status fetch_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, bool *more, int64_t *count,
                               shunt_error *err) {
  const unsigned n = mysql_stmt_field_count(s->stmt);
  const bool some = *more;
  size_t held = into ? driver_held(into) : 0;
  while (!some || !driver_is_enough(into)) {
    int rc = mysqldb_stmt_fetch(conn, s->stmt);
    *more = false;
    if (rc == MYSQL_NO_DATA) return SHUNT_OK;
    bool late = ++*count % ROWS_BETWEEN_LOOKS == 0 && !mysqldb_more_time(conn);
    if (late || (rc != 0 && rc != MYSQL_DATA_TRUNCATED)) return mysqldb_fail(conn, s->stmt, s->sql, err);
    if (some) held = driver_held(into);
    shunt_status status = into ? add_row(conn, s, n, into, err) : SHUNT_OK;
    if (!status && into && !driver_fits(&conn->base, into, held)) status = driver_too_large(&conn->base, err);
    if (status) return status;
  }
  *more = true;
  return SHUNT_OK;
}

/* One hold for all rows: the system would be called for each otherwise. */
static shunt_status fetch(mysql_conn *conn, mysql_statement *s, shunt_rows *into, bool *more, int64_t *count,
                          shunt_error *err) {
  mysqldb_hold_signal(conn);
  shunt_status status = fetch_rows(conn, s, into, more, count, err);
  mysqldb_release_signal(conn);
  return status;
}

/* The library updates the statement's columns after each execution, except their names. NULL: it had no memory for a
 * name. */
static const MYSQL_FIELD *newest_fields(const mysql_conn *conn, mysql_statement *s, unsigned n) {
  const MYSQL_FIELD *kept = s->stmt->fields, *fields = conn->db->fields;
  if (!fields || conn->db->field_count != n) fields = kept;
  for (unsigned i = 0; i < n; i++) {
    if (!kept[i].name || !fields[i].name) return NULL;
    s->stale = s->stale || strcmp(kept[i].name, fields[i].name) != 0;
  }
  return s->stale ? fields : kept;
}

static shunt_status begin_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, shunt_error *err) {
  unsigned n = mysql_stmt_field_count(s->stmt);
  const MYSQL_FIELD *fields = newest_fields(conn, s, n);
  if (!fields && n) return error_memory(err);
  shunt_status status = set_columns(conn, fields, n, into, err);
  return status ? status : prepare_cells(conn, s, fields, n, err);
}

shunt_status mysqldb_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, int64_t *count, shunt_error *err) {
  bool more = false;
  shunt_status status = begin_rows(conn, s, into, err);
  if (!status) status = fetch(conn, s, into, &more, count, err);
  if (!status) return SHUNT_OK;
  mysqldb_note_outcome(conn, s->stmt);
  const bool fine = conn->base.outcome == SHUNT_DONE;
  mysqldb_stmt_free_result(conn, s->stmt); /* reads and discards the other rows */
  if (fine) mysqldb_note_outcome(conn, s->stmt);
  return status;
}

/* The cells stay bound between the parts. */
shunt_status mysqldb_some_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, bool *more, shunt_error *err) {
  int64_t count = 0;
  *more = true;
  shunt_status status = begin_rows(conn, s, into, err);
  if (!status) status = fetch(conn, s, into, more, &count, err);
  if (status) *more = false;
  return status;
}

/* ---- statements that were sent as text ---- */

static bool set_text(const MYSQL_FIELD *field, const char *bytes, unsigned long size, shunt_rows *into,
                     shunt_value *to) {
  cell_kind kind = kind_of(field);
  if (kind == CELL_INTEGER && field->flags & UNSIGNED_FLAG) return set_unsigned(into, strtoull(bytes, NULL, 10), to);
  if (kind != CELL_INTEGER)
    return set_bytes(into, kind == CELL_BLOB || kind == CELL_BITS ? SHUNT_BLOB : SHUNT_TEXT, bytes, size, to);
  *to = shunt_integer(strtoll(bytes, NULL, 10));
  return true;
}

static bool add_text_row(MYSQL_RES *result, MYSQL_ROW row, shunt_rows *into) {
  const unsigned long *sizes = mysql_fetch_lengths(result);
  const MYSQL_FIELD *fields = mysql_fetch_fields(result);
  shunt_value *to = rows_add(into);
  if (!to) return false;
  for (unsigned i = 0; i < mysql_num_fields(result); i++)
    if (row[i] && !set_text(&fields[i], row[i], sizes[i], into, &to[i])) return false;
  return true;
}

static shunt_status fetch_text_rows(mysql_conn *conn, const mysql_statement *s, MYSQL_RES *result, shunt_rows *into,
                                    int64_t *count, shunt_error *err) {
  const size_t held = into ? driver_held(into) : 0;
  for (MYSQL_ROW row; (row = mysqldb_fetch_row(conn, result));) {
    if (++*count % ROWS_BETWEEN_LOOKS == 0 && !mysqldb_more_time(conn)) return mysqldb_fail(conn, NULL, s->sql, err);
    if (into && !add_text_row(result, row, into)) return error_memory(err);
    if (into && !driver_fits(&conn->base, into, held)) return driver_too_large(&conn->base, err);
  }
  return mysql_errno(conn->db) ? mysqldb_fail(conn, NULL, s->sql, err) : SHUNT_OK;
}

shunt_status mysqldb_text_rows(mysql_conn *conn, const mysql_statement *s, MYSQL_RES *result, shunt_rows *into,
                               int64_t *count, shunt_error *err) {
  shunt_status status = set_columns(conn, mysql_fetch_fields(result), mysql_num_fields(result), into, err);
  if (status) return status;
  mysqldb_hold_signal(conn);
  status = fetch_text_rows(conn, s, result, into, count, err);
  mysqldb_release_signal(conn);
  return status;
}
