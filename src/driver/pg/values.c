/* Values in PostgreSQL's formats. Most parameters are sent in text format, with the type that the server infers. */
#include <limits.h>
#include <string.h>

#include "base/number.h"
#include "driver/pg/conn.h"

static const double TWO_TO_63 = 9223372036854775808.0;

/* ---- parameters ---- */

bool pg_is_text(Oid type) {
  return type == PG_TEXT || type == PG_VARCHAR || type == PG_BPCHAR || type == PG_NAME || type == PG_JSON;
}

static bool is_integer(Oid type) { return type == PG_INT8 || type == PG_INT4 || type == PG_INT2 || type == PG_OID; }

static const char *encode_boolean(Oid type, bool value, pg_encoded *out) {
  bool word = type == PG_JSON || type == PG_JSONB || type == PG_BOOL;
  out->bytes = word ? (value ? "true" : "false") : value ? "1" : "0";
  out->size = strlen(out->bytes);
  return NULL;
}

/* Backwards, because the last digit is found first. */
static void write_integer(int64_t value, pg_encoded *out) {
  uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  char *end = out->room + sizeof out->room - 1, *at = end;
  *end = 0;
  do *--at = (char)('0' + left % 10);
  while (left /= 10);
  if (value < 0) *--at = '-';
  out->bytes = at;
  out->size = (size_t)(end - at);
}

static const char not_an_oid[] = "an oid is a number from 0 to 4294967295";

static const char *encode_integer(Oid type, int64_t value, pg_encoded *out) {
  if ((type == PG_FLOAT8 || type == PG_FLOAT4) && !driver_float_holds(value, type == PG_FLOAT4))
    return "a floating-point number can't hold so many digits";
  if (type == PG_OID && (value < 0 || value > UINT32_MAX)) return not_an_oid; /* the server would wrap around */
  write_integer(value, out);
  return NULL;
}

static const char *encode_float(Oid type, double value, pg_encoded *out) {
  if ((is_integer(type) || type == PG_BOOL) && value >= -TWO_TO_63 && value < TWO_TO_63 &&
      !((double)(int64_t)value < value) && !((double)(int64_t)value > value))
    return encode_integer(type, (int64_t)value, out);
  out->bytes = out->room;
  out->size = number_write(value, out->room);
  return NULL;
}

/* From PostgreSQL 16 on, the server reads 0123 as octal and 0x7b as hexadecimal. */
static const char *encode_oid(pg_encoded *out) {
  if (memchr(out->bytes, '-', out->size)) return not_an_oid;
  size_t blanks = strspn(out->bytes, " ");
  out->bytes += blanks;
  out->size -= blanks;
  for (; out->size > 1 && out->bytes[0] == '0' && strchr("0123456789", out->bytes[1]); out->size--) out->bytes++;
  return out->size > 1 && out->bytes[0] == '0' && out->bytes[1] != ' ' ? not_an_oid : NULL;
}

static const char *encode_text(Oid type, const shunt_value *v, pg_encoded *out) {
  if (v->size > INT_MAX) return "PostgreSQL takes no text of that size";
  bool blob = type == PG_BYTEA;
  out->bytes = v->size ? v->as.bytes : "";
  out->size = v->size;
  out->as_it_is = blob || pg_is_text(type);
  if (!blob && memchr(out->bytes, 0, v->size)) return "PostgreSQL's text can't hold a NUL byte";
  return type == PG_OID ? encode_oid(out) : NULL;
}

static const char *encode_blob(Oid type, const shunt_value *v, pg_encoded *out) {
  if (v->size > INT_MAX) return "PostgreSQL takes no blob of that size";
  if (type != PG_BYTEA && type < PG_FIRST_OTHER)
    return "a blob does not fit the type of the parameter; if bytea is meant, write CAST(? AS bytea)";
  out->bytes = v->size ? v->as.bytes : "";
  out->size = v->size;
  out->as_it_is = true;
  return NULL;
}

const char *pg_encode_value(Oid type, const shunt_value *v, pg_encoded *out) {
  bool plain = v->type == SHUNT_BOOL || v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT;
  out->as_it_is = false;
  if (plain && type == PG_BYTEA) return "the type is bytea: give a blob";
  switch ((shunt_type)v->type) {
  case SHUNT_BOOL:
    return encode_boolean(type, v->as.boolean, out);
  case SHUNT_INTEGER:
    return encode_integer(type, v->as.integer, out);
  case SHUNT_FLOAT:
    return encode_float(type, v->as.number, out);
  case SHUNT_TEXT:
    return encode_text(type, v, out);
  case SHUNT_BLOB:
    return encode_blob(type, v, out);
  case SHUNT_NULL:
    break;
  }
  out->bytes = NULL;
  out->size = 0;
  return NULL;
}

/* libpq reads a parameter in text format up to its NUL. */
static shunt_status set_param(pg_conn *conn, pg_params *p, size_t at, const shunt_value *v, const pg_encoded *e,
                              shunt_error *err) {
  p->values[at] = e->bytes;
  p->sizes[at] = (int)e->size;
  p->formats[at] = e->as_it_is;
  if (v->type != SHUNT_TEXT || e->as_it_is) return SHUNT_OK;
  p->values[at] = arena_strndup(&conn->scratch, e->bytes, e->size);
  return p->values[at] ? SHUNT_OK : error_memory(err);
}

shunt_status pg_encode(pg_conn *conn, const pg_statement *s, const shunt_value *params, pg_params *out,
                       shunt_error *err) {
  shunt_status status = SHUNT_OK;
  arena_reset(&conn->scratch);
  pg_encoded *encoded = arena_alloc(&conn->scratch, s->nparams * sizeof *encoded);
  out->values = arena_alloc(&conn->scratch, s->nparams * sizeof *out->values);
  out->sizes = arena_alloc(&conn->scratch, s->nparams * sizeof *out->sizes);
  out->formats = arena_alloc(&conn->scratch, s->nparams * sizeof *out->formats);
  if (!encoded || !out->values || !out->sizes || !out->formats) return error_memory(err);
  for (size_t i = 0; i < s->nparams && !status; i++) {
    const char *why = pg_encode_value(s->types[i], &params[i], &encoded[i]);
    if (why)
      status = error_set(err, SHUNT_E_CONSTRAINT, "parameter %zu: %s (in: %.300s)", i + 1, why, s->sql);
    else
      status = set_param(conn, out, i, &params[i], &encoded[i], err);
  }
  return status;
}

/* ---- cells ---- */

static shunt_status set_integer(const char *text, size_t size, shunt_value *cell) {
  const size_t sign = size && text[0] == '-';
  uint64_t n = 0;
  if (size == sign || size > 20) return SHUNT_E_DATASOURCE; /* no number has more digits */
  for (size_t i = sign; i < size; i++) {
    const unsigned digit = (unsigned)(text[i] - '0');
    if (digit > 9) return SHUNT_E_DATASOURCE;
    n = n * 10 + digit;
  }
  *cell = shunt_integer((int64_t)(sign ? 0 - n : n));
  return SHUNT_OK;
}

/* One more than the value of the digit; 0: no digit. */
static const unsigned char hex_digits[256] = {
#define HEX(c, value) [c] = (value) + 1
    HEX('0', 0), HEX('1', 1), HEX('2', 2),  HEX('3', 3),  HEX('4', 4),  HEX('5', 5),  HEX('6', 6),  HEX('7', 7),
    HEX('8', 8), HEX('9', 9), HEX('a', 10), HEX('b', 11), HEX('c', 12), HEX('d', 13), HEX('e', 14), HEX('f', 15),
#undef HEX
};

/* "\x…" */
static shunt_status set_blob(const char *text, size_t size, shunt_rows *into, shunt_value *cell) {
  if (size < 2 || size % 2 || text[0] != '\\' || text[1] != 'x') return SHUNT_E_DATASOURCE;
  const size_t n = size / 2 - 1;
  const unsigned char *digit = (const unsigned char *)text + 2;
  char *bytes = rows_room(into, n);
  bool valid = true;
  if (!bytes) return SHUNT_E_MEMORY;
  for (size_t i = 0; i < n; i++, digit += 2) {
    const unsigned high = hex_digits[digit[0]], low = hex_digits[digit[1]];
    valid = valid && high && low;
    bytes[i] = (char)((high - 1) << 4 | (low - 1));
  }
  *cell = shunt_blob(bytes, n);
  return valid ? SHUNT_OK : SHUNT_E_DATASOURCE;
}

/* A floating-point number begins so: "-1.5e+300", "NaN", "Infinity". */
static bool is_float(const char *text, size_t size) { return size && memchr("0123456789-NI", text[0], 13); }

shunt_status pg_decode(Oid type, const char *text, size_t size, shunt_rows *into, shunt_value *cell) {
  const char *copy;
  switch (type) {
  case PG_INT2:
  case PG_INT4:
  case PG_INT8:
  case PG_OID:
    return set_integer(text, size, cell);
  case PG_FLOAT4:
  case PG_FLOAT8:
    if (!is_float(text, size)) return SHUNT_E_DATASOURCE;
    *cell = shunt_float(type == PG_FLOAT4 ? number_of_single((float)number_read(text, size)) : number_read(text, size));
    return SHUNT_OK;
  case PG_BOOL:
    if (size != 1 || (text[0] != 't' && text[0] != 'f')) return SHUNT_E_DATASOURCE;
    *cell = shunt_boolean(text[0] == 't');
    return SHUNT_OK;
  case PG_BYTEA:
    return set_blob(text, size, into, cell);
  default:
    copy = rows_bytes(into, text, size);
    if (copy) *cell = shunt_text(copy, size);
    return copy ? SHUNT_OK : SHUNT_E_MEMORY;
  }
}
