/* Values as PostgreSQL writes and reads them. Most parameters go as text, of the type that the server has inferred. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "driver/pg_conn.h"

static const double TWO_TO_63 = 9223372036854775808.0;

/* ---- parameters ---- */

static bool is_text(Oid type) {
  return type == PG_TEXT || type == PG_VARCHAR || type == PG_BPCHAR || type == PG_NAME || type == PG_JSON;
}

static bool is_integer(Oid type) { return type == PG_INT8 || type == PG_INT4 || type == PG_INT2 || type == PG_OID; }

typedef struct encoder {
  pg_conn *conn;
  const pg_statement *s;
  pg_params *out;
  size_t at;
  Oid type;
  shunt_error *err;
} encoder;

static shunt_status refuse(const encoder *e, const char *why) {
  return error_set(e->err, SHUNT_E_CONSTRAINT, "parameter %zu: %s (in: %.300s)", e->at + 1, why, e->s->sql);
}

static void set(const encoder *e, const char *bytes, size_t size, bool as_it_is) {
  e->out->values[e->at] = bytes;
  e->out->sizes[e->at] = (int)size;
  e->out->formats[e->at] = as_it_is;
}

static shunt_status set_copy(const encoder *e, const char *text, size_t size) {
  char *copy = arena_strndup(&e->conn->scratch, text, size);
  if (!copy) return error_memory(e->err);
  set(e, copy, size, false);
  return SHUNT_OK;
}

static shunt_status encode_boolean(const encoder *e, bool value) {
  bool word = e->type == PG_JSON || e->type == PG_JSONB || e->type == PG_BOOL;
  const char *text = word ? (value ? "true" : "false") : value ? "1" : "0";
  set(e, text, strlen(text), false);
  return SHUNT_OK;
}

static shunt_status encode_integer(const encoder *e, int64_t value) {
  char text[24];
  bool rounds =
      (e->type == PG_FLOAT8 || e->type == PG_FLOAT4) && ((double)value >= TWO_TO_63 || (int64_t)(double)value != value);
  if (rounds) return refuse(e, "a floating-point number does not hold so many digits");
  return set_copy(e, text, (size_t)snprintf(text, sizeof text, "%" PRId64, value));
}

static shunt_status encode_float(const encoder *e, double value) {
  char text[NUMBER_BYTES];
  if (is_integer(e->type) && value >= -TWO_TO_63 && value < TWO_TO_63 && !((double)(int64_t)value < value) &&
      !((double)(int64_t)value > value))
    return encode_integer(e, (int64_t)value);
  return set_copy(e, text, number_write(value, text));
}

static shunt_status encode_text(const encoder *e, const shunt_value *v) {
  const char *bytes = v->size ? v->as.bytes : "";
  if (v->size > INT_MAX) return refuse(e, "PostgreSQL takes no text of that size");
  bool blob = e->type == PG_BYTEA;
  if (!blob && memchr(bytes, 0, v->size)) return refuse(e, "PostgreSQL's text can't hold a NUL byte");
  if (!blob && !is_text(e->type)) return set_copy(e, bytes, v->size);
  set(e, bytes, v->size, true);
  return SHUNT_OK;
}

static shunt_status encode_blob(const encoder *e, const shunt_value *v) {
  if (v->size > INT_MAX) return refuse(e, "PostgreSQL takes no blob of that size");
  if (e->type != PG_BYTEA && e->type < PG_FIRST_OTHER)
    return refuse(e,
                  "a blob is no value of the type that is wanted there; where that isn't meant, say CAST(? AS bytea)");
  set(e, v->size ? v->as.bytes : "", v->size, true);
  return SHUNT_OK;
}

static shunt_status encode(const encoder *e, const shunt_value *v) {
  bool plain = v->type == SHUNT_BOOL || v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  if (plain && e->type == PG_BYTEA) return refuse(e, "a blob is wanted there");
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    return encode_boolean(e, v->as.boolean);
  case SHUNT_INTEGER:
    return encode_integer(e, v->as.integer);
  case SHUNT_FLOAT:
    return encode_float(e, v->as.number);
  case SHUNT_TEXT:
    return encode_text(e, v);
  case SHUNT_BLOB:
    return encode_blob(e, v);
  case SHUNT_NULL:
    break;
  }
  set(e, NULL, 0, false);
  return SHUNT_OK;
}

shunt_status pg_encode(pg_conn *conn, const pg_statement *s, const shunt_value *params, pg_params *out,
                       shunt_error *err) {
  shunt_status status = SHUNT_OK;
  encoder e = {.conn = conn, .s = s, .out = out, .err = err};
  arena_reset(&conn->scratch);
  out->values = arena_alloc(&conn->scratch, s->nparams * sizeof *out->values);
  out->sizes = arena_alloc(&conn->scratch, s->nparams * sizeof *out->sizes);
  out->formats = arena_alloc(&conn->scratch, s->nparams * sizeof *out->formats);
  if (!out->values || !out->sizes || !out->formats) return error_memory(err);
  for (; e.at < s->nparams && !status; e.at++) {
    e.type = s->types[e.at];
    status = encode(&e, &params[e.at]);
  }
  return status;
}

/* ---- cells ---- */

static int64_t read_integer(const char *text) {
  bool negative = *text == '-';
  uint64_t n = 0;
  for (text += negative; *text; text++) n = n * 10 + (uint64_t)(*text - '0');
  return (int64_t)(negative ? 0 - n : n);
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : (c | ' ') - 'a' + 10; }

/* "\x…" */
static bool set_blob(const char *text, size_t size, shunt_rows *into, shunt_value *cell) {
  size_t n = size < 2 ? 0 : (size - 2) / 2;
  char *bytes = rows_room(into, n);
  if (!bytes) return false;
  for (size_t i = 0; i < n; i++) bytes[i] = (char)(hex_digit(text[2 + 2 * i]) << 4 | hex_digit(text[3 + 2 * i]));
  *cell = shunt_blob(bytes, n);
  return true;
}

bool pg_decode(Oid type, const char *text, size_t size, shunt_rows *into, shunt_value *cell) {
  const char *copy;
  switch (type) {
  case PG_INT2:
  case PG_INT4:
  case PG_INT8:
  case PG_OID:
    *cell = shunt_integer(read_integer(text));
    return true;
  case PG_FLOAT4:
  case PG_FLOAT8:
    *cell = shunt_float(number_read(text, size));
    return true;
  case PG_BOOL:
    *cell = shunt_boolean(text[0] == 't');
    return true;
  case PG_BYTEA:
    return set_blob(text, size, into, cell);
  default:
    copy = rows_bytes(into, text, size);
    if (copy) *cell = shunt_text(copy, size);
    return copy != NULL;
  }
}
