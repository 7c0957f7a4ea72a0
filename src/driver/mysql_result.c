#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "driver/mysql_conn.h"

enum {
  BINARY_CHARSET = 63, /* what is kept in none: bytes */
  FIRST_ROOM = 64,
  MOST_ROOM = 16 * 1024, /* that a cell keeps; what is longer is fetched by itself, right to where it stays */
  NAMES_ON_STACK = 64,
  DECLARED_DIGITS = 6, /* of a second, at most; more: it wasn't declared */
  TIME_BYTES = 48
};

typedef enum cell_kind { CELL_INTEGER, CELL_FLOAT, CELL_DOUBLE, CELL_BITS, CELL_TIME, CELL_TEXT, CELL_BLOB } cell_kind;

struct mysql_cell {
  cell_kind kind;
  bool is_unsigned;
  enum enum_field_types type;
  unsigned digits; /* of a second */
  union {
    int64_t integer;
    float single;
    double number;
    unsigned char bits[8];
    MYSQL_TIME time;
  } fixed;
  char *bytes; /* of text and blobs */
  unsigned long room, size;
  mysql_flag is_null, cut;
};

void mysqldb_free_cells(mysql_conn *conn) {
  for (size_t i = 0; i < conn->cell_room; i++) base_free(conn->cells[i].bytes);
  base_free(conn->cells);
  base_free(conn->binds);
}

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

static bool has_room(mysql_cell *cell, unsigned long size) {
  unsigned long room = cell->room ? cell->room : FIRST_ROOM;
  if (size <= cell->room) return true;
  while (room < size) room *= 2;
  base_free(cell->bytes);
  cell->bytes = base_alloc(room);
  cell->room = cell->bytes ? room : 0;
  return cell->bytes != NULL;
}

static void bind(const mysql_cell *cell, MYSQL_BIND *b, mysql_cell *into) {
  static const enum enum_field_types types[] = {
      [CELL_INTEGER] = MYSQL_TYPE_LONGLONG, [CELL_FLOAT] = MYSQL_TYPE_FLOAT,   [CELL_DOUBLE] = MYSQL_TYPE_DOUBLE,
      [CELL_BITS] = MYSQL_TYPE_BLOB,        [CELL_TIME] = MYSQL_TYPE_DATETIME, [CELL_TEXT] = MYSQL_TYPE_STRING,
      [CELL_BLOB] = MYSQL_TYPE_BLOB};
  bool bytes = cell->kind >= CELL_TEXT;
  *b = (MYSQL_BIND){.buffer_type = cell->kind == CELL_TIME ? cell->type : types[cell->kind],
                    .buffer = bytes ? (void *)into->bytes : (void *)&into->fixed,
                    .buffer_length = bytes ? cell->room : sizeof cell->fixed.bits,
                    .length = &into->size,
                    .is_null = &into->is_null,
                    .error = &into->cut,
                    .is_unsigned = cell->is_unsigned};
}

static shunt_status bind_cells(mysql_conn *conn, mysql_statement *s, unsigned n, shunt_error *err) {
  for (unsigned i = 0; i < n; i++) bind(&conn->cells[i], &conn->binds[i], &conn->cells[i]);
  return mysql_stmt_bind_result(s->stmt, conn->binds) ? mysqldb_fail(conn, s->stmt, s->sql, err) : SHUNT_OK;
}

static bool room_for_cells(mysql_conn *conn, unsigned n) {
  size_t before = conn->cell_room;
  if (!base_grow(&conn->binds, &conn->bind_room, n, sizeof *conn->binds) ||
      !base_grow(&conn->cells, &conn->cell_room, n, sizeof *conn->cells))
    return false;
  if (conn->cell_room > before) memset(conn->cells + before, 0, (conn->cell_room - before) * sizeof *conn->cells);
  return true;
}

/* A table may have been altered since the statement last ran, so its columns are looked at each time. */
static shunt_status prepare_cells(mysql_conn *conn, mysql_statement *s, const MYSQL_FIELD *fields, unsigned n,
                                  shunt_error *err) {
  if (!room_for_cells(conn, n)) return error_memory(err);
  for (unsigned i = 0; i < n; i++) {
    mysql_cell *cell = &conn->cells[i];
    cell->kind = kind_of(&fields[i]);
    cell->type = fields[i].type;
    cell->is_unsigned = fields[i].flags & UNSIGNED_FLAG;
    cell->digits = fields[i].decimals;
    if (cell->kind >= CELL_TEXT && !has_room(cell, 1)) return error_memory(err);
  }
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

/* As the server writes it: "2026-11-24", "-12:30:00.5", "2026-11-24 12:30:00". A time may be of more than a day. */
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

/* An unsigned one that 64 bits with a sign don't hold is the text of its digits. */
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

static bool set_cell(const mysql_cell *cell, shunt_rows *into, shunt_value *to) {
  char text[TIME_BYTES];
  switch (cell->kind) {
  case CELL_INTEGER:
    if (cell->is_unsigned) return set_unsigned(into, (uint64_t)cell->fixed.integer, to);
    *to = shunt_integer(cell->fixed.integer);
    return true;
  case CELL_FLOAT:
    *to = shunt_float((double)cell->fixed.single);
    return true;
  case CELL_DOUBLE:
    *to = shunt_float(cell->fixed.number);
    return true;
  case CELL_BITS:
    return set_unsigned(into, bits_of(cell), to);
  case CELL_TIME:
    return set_bytes(into, SHUNT_TEXT, text, write_time(cell, text), to);
  case CELL_TEXT:
  case CELL_BLOB:
    break;
  }
  return set_bytes(into, cell->kind == CELL_TEXT ? SHUNT_TEXT : SHUNT_BLOB, cell->bytes, cell->size, to);
}

/* Longer than its room. Of the ones that come after it, those of its size find room. */
static shunt_status set_long(mysql_conn *conn, mysql_statement *s, unsigned column, shunt_rows *into, shunt_value *to,
                             bool *grown, shunt_error *err) {
  mysql_cell *cell = &conn->cells[column];
  unsigned long size = cell->size;
  char *bytes = rows_room(into, size);
  if (!bytes) return error_memory(err);
  MYSQL_BIND b = {.buffer_type = cell->kind == CELL_TEXT ? MYSQL_TYPE_STRING : MYSQL_TYPE_BLOB,
                  .buffer = bytes,
                  .buffer_length = size,
                  .length = &cell->size,
                  .is_null = &cell->is_null,
                  .error = &cell->cut};
  if (mysql_stmt_fetch_column(s->stmt, &b, column, 0)) return mysqldb_fail(conn, s->stmt, s->sql, err);
  bytes[size] = 0;
  to->as.bytes = bytes;
  to->size = (uint32_t)size;
  to->type = cell->kind == CELL_TEXT ? SHUNT_TEXT : SHUNT_BLOB;
  if (size > MOST_ROOM) return SHUNT_OK;
  *grown = true;
  return has_room(cell, size) ? SHUNT_OK : error_memory(err);
}

/* ---- rows ---- */

static shunt_status set_columns(const mysql_conn *conn, const MYSQL_FIELD *fields, unsigned n, shunt_rows *into,
                                shunt_error *err) {
  if (into->columns && into->ncolumns != n)
    return error_set(err, SHUNT_E_USAGE, "client '%s': the statement gives %u columns where %zu were expected",
                     conn->base.client->name, n, into->ncolumns);
  if (into->columns) return SHUNT_OK;
  const char *on_stack[NAMES_ON_STACK] = {NULL}, **names = on_stack;
  if (n > NAMES_ON_STACK && !(names = base_alloc(n * sizeof *names))) return error_memory(err);
  for (unsigned i = 0; i < n; i++) names[i] = fields[i].name;
  bool ok = rows_set_columns(into, names, n);
  if (names != on_stack) base_free(names);
  return ok ? SHUNT_OK : error_memory(err);
}

static shunt_status add_row(mysql_conn *conn, mysql_statement *s, unsigned n, shunt_rows *into, shunt_error *err) {
  shunt_value *to = rows_add(into);
  bool grown = false;
  if (!to) return error_memory(err);
  for (unsigned i = 0; i < n; i++) {
    mysql_cell *cell = &conn->cells[i];
    if (cell->is_null) continue; /* a new row's cells are null */
    if (cell->kind >= CELL_TEXT && cell->size > cell->room) {
      shunt_status status = set_long(conn, s, i, into, &to[i], &grown, err);
      if (status) return status;
    } else if (!set_cell(cell, into, &to[i])) {
      return error_memory(err);
    }
  }
  return grown ? bind_cells(conn, s, n, err) : SHUNT_OK;
}

static shunt_status fetch(mysql_conn *conn, mysql_statement *s, unsigned n, shunt_rows *into, int64_t *count,
                          shunt_error *err) {
  for (;;) {
    int rc = mysql_stmt_fetch(s->stmt);
    if (rc == MYSQL_NO_DATA) return SHUNT_OK;
    if (rc != 0 && rc != MYSQL_DATA_TRUNCATED) return mysqldb_fail(conn, s->stmt, s->sql, err);
    shunt_status status = into ? add_row(conn, s, n, into, err) : SHUNT_OK;
    if (status) return status;
    ++*count;
  }
}

/* The library brings what it keeps of the columns up to date, but for their names. */
static const MYSQL_FIELD *newest_fields(const mysql_conn *conn, mysql_statement *s, MYSQL_RES *columns, unsigned n) {
  const MYSQL_FIELD *kept = mysql_fetch_fields(columns), *fields = conn->db->fields;
  if (!fields || conn->db->field_count != n) return kept;
  for (unsigned i = 0; i < n && !s->stale; i++) s->stale = strcmp(kept[i].name, fields[i].name) != 0;
  return s->stale ? fields : kept;
}

shunt_status mysqldb_rows(mysql_conn *conn, mysql_statement *s, shunt_rows *into, int64_t *count, shunt_error *err) {
  MYSQL_RES *columns = mysql_stmt_result_metadata(s->stmt);
  if (!columns) return mysqldb_fail(conn, s->stmt, s->sql, err);
  unsigned n = mysql_num_fields(columns);
  const MYSQL_FIELD *fields = newest_fields(conn, s, columns, n);
  shunt_status status = into ? set_columns(conn, fields, n, into, err) : SHUNT_OK;
  if (!status) status = prepare_cells(conn, s, fields, n, err);
  if (!status) status = fetch(conn, s, n, into, count, err);
  mysql_free_result(columns);
  /* reads what is left over, where it went wrong */
  if (mysql_stmt_free_result(s->stmt) && !status) status = mysqldb_fail(conn, s->stmt, s->sql, err);
  return status;
}

/* ---- of a statement that went as text ---- */

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

shunt_status mysqldb_text_rows(mysql_conn *conn, const char *sql, MYSQL_RES *result, shunt_rows *into, int64_t *count,
                               shunt_error *err) {
  unsigned n = mysql_num_fields(result);
  shunt_status status = into ? set_columns(conn, mysql_fetch_fields(result), n, into, err) : SHUNT_OK;
  MYSQL_ROW row;
  while (!status && (row = mysql_fetch_row(result))) {
    if (into && !add_text_row(result, row, into)) status = error_memory(err);
    ++*count;
  }
  return !status && mysql_errno(conn->db) ? mysqldb_fail(conn, NULL, sql, err) : status;
}
