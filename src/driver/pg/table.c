#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/suggest.h"
#include "driver/pg/conn.h"

enum {
  NAME,
  TYPE,
  NOT_NULL,
  KEY,
  BASE_OID,
  BASE_NAME,
  BASE_CAST,
  BASE_TYPE,
  COLLATION,
  DETERMINISTIC,
  BYTEWISE,
  MODIFIER,
  COMPARES,
  UNIQUE,
  TOUCHED,
  COMPUTED
};

enum {
  NO_MODIFIER = -1,
  DIGITS_OF_A_SECOND = 6,
  DIGITS_OF_MONEY = 2,
  HEADER_BYTES = 4, /* included in numeric's modifier */
  SCALE_BITS = 0x7ff,
  LEAST_NEGATIVE_SCALE = 0x400,
  FULL_PRECISION = 0xffff,
  LONGEST_NAME = 63, /* NAMEDATALEN is fixed when the server is built */
  FIELDS_SHIFT = 16,
  ALL_FIELDS = 0x7fff
};

/* The table that an unqualified name finds on the search path. A domain counts as its base type. A table with
 * inheriting tables has no key here: it shows their rows too, among which its primary key is not unique. A
 * trigger that runs after INSERT (4 in tgtype, without 2, before, and 64, instead) may change the row. Catalog
 * columns of newer servers are read through JSON, so that older servers accept the query. */
static const char columns_sql[] =
    "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, "
    "coalesce(pg_catalog.array_position(i.indkey::int2[], a.attnum) + 1, 0), b.oid, b.typname, "
    "pg_catalog.format_type(b.oid, -1), pg_catalog.format_type(b.oid, b.modifier), "
    "CASE WHEN c.oid IS NOT NULL THEN pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.collname) "
    "END, "
    "coalesce(pg_catalog.to_jsonb(c) ->> 'collisdeterministic', 'true') = 'true', "
    "CASE WHEN c.oid IS NULL THEN true WHEN c.collname = 'default' THEN d.datcollate IN ('C', 'POSIX') AND "
    "coalesce(pg_catalog.to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' "
    "ELSE c.collcollate IN ('C', 'POSIX') AND coalesce(pg_catalog.to_jsonb(c) ->> 'collprovider', 'c') = 'c' END, "
    "b.modifier, "
    "b.typtype IN ('e', 'r', 'm', 'c') OR b.typcategory = 'A' OR EXISTS (SELECT FROM pg_catalog.pg_opclass o "
    "JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree' WHERE o.opcdefault AND (o.opcintype = b.oid "
    "OR EXISTS (SELECT FROM pg_catalog.pg_cast s WHERE s.castsource = b.oid AND s.casttarget = o.opcintype "
    "AND s.castmethod = 'b' AND s.castcontext = 'i'))), "
    "(SELECT pg_catalog.string_agg(u.indexrelid::text, ' ') FROM pg_catalog.pg_index u WHERE u.indrelid = a.attrelid "
    "AND i.indrelid IS NOT NULL AND u.indisunique AND u.indpred IS NULL AND u.indexprs IS NULL AND a.attnum = ANY "
    "((u.indkey::int2[])[0:u.indnkeyatts - 1])), "
    "EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = a.attrelid AND NOT g.tgisinternal AND "
    "g.tgenabled <> 'D' AND g.tgtype & 20 <> 0 AND g.tgtype & 66 = 0), "
    "coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') <> '' "
    "FROM pg_catalog.pg_attribute a "
    "JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database() "
    "LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary AND NOT EXISTS (SELECT FROM "
    "pg_catalog.pg_inherits h JOIN pg_catalog.pg_class p ON p.oid = h.inhparent AND p.relkind = 'r' "
    "WHERE h.inhparent = a.attrelid) "
    "LEFT JOIN pg_catalog.pg_collation c ON c.oid = a.attcollation "
    "LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace "
    "CROSS JOIN LATERAL (WITH RECURSIVE up AS (SELECT t.*, a.atttypmod AS modifier FROM pg_catalog.pg_type t "
    "WHERE t.oid = a.atttypid UNION ALL SELECT t.*, up.typtypmod FROM pg_catalog.pg_type t, up WHERE up.typtype = 'd' "
    "AND t.oid = up.typbasetype) "
    "SELECT oid, typname, modifier, typtype, typcategory FROM up WHERE typtype <> 'd') b "
    "WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped "
    "ORDER BY a.attnum";

static const char tables_sql[] = "SELECT relname FROM pg_catalog.pg_class "
                                 "WHERE relkind IN ('r', 'v', 'm', 'f', 'p') AND pg_catalog.pg_table_is_visible(oid) "
                                 "AND relnamespace <> 'pg_catalog'::regnamespace AND relname <> $1";

static const char tables_in_sql[] =
    "SELECT relname FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'm', 'f', 'p') "
    "AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = $1)";

PGresult *pg_ask(pg_conn *conn, const char *sql, const char *text) {
  bool sent = PQsendQueryParams(conn->pg, sql, 1, (const Oid[]){PG_TEXT}, (const char *const[]){text}, NULL, NULL, 0);
  return sent ? pg_answer(conn) : NULL;
}

static shunt_status no_table(pg_conn *conn, const char *schema, const char *table, shunt_error *err) {
  suggest near = suggest_for(table);
  PGresult *result = schema ? pg_ask(conn, tables_in_sql, schema) : pg_ask(conn, tables_sql, table);
  shunt_status status = PQresultStatus(result) == PGRES_TUPLES_OK ? SHUNT_OK : pg_fail(conn, result, NULL, err);
  for (int i = 0; i < PQntuples(result) && !status; i++) suggest_try(&near, PQgetvalue(result, i, 0));
  if (!status)
    status = error_set(err, SHUNT_E_NOT_FOUND, "client '%s' has no table '%s%s%s'%s", conn->base.client->name,
                       schema ? schema : "", schema ? "." : "", table, suggest_text(&near));
  PQclear(result);
  return status;
}

static void set_number(driver_column *column, driver_kind kind, bool exact) {
  column->kind = kind;
  column->numeric = true;
  column->exact = exact;
}

static void set_integer(driver_column *column, int64_t least, int64_t most, const char *list) {
  set_number(column, DRIVER_INTEGERS, true);
  column->same_integers = true;
  column->list = list;
  column->least = least;
  column->most = most;
}

static void set_text(driver_column *column, driver_kind kind, driver_collation collation) {
  column->kind = kind;
  column->text = true;
  column->collation = collation;
}

/* Deterministic collations: texts are equal if their bytes are, in whatever order they sort. */
static void set_kind(driver_column *column, Oid type, const char *type_name) {
  switch (type) {
  case PG_BOOL:
    set_number(column, DRIVER_BOOLEANS, true);
    break;
  case PG_INT2:
    set_integer(column, INT16_MIN, INT16_MAX, "CAST(? AS pg_catalog.int2[])");
    break;
  case PG_INT4:
    set_integer(column, INT32_MIN, INT32_MAX, "CAST(? AS pg_catalog.int4[])");
    break;
  case PG_INT8:
    set_integer(column, INT64_MIN, INT64_MAX, "CAST(? AS pg_catalog.int8[])");
    break;
  case PG_OID:
    set_integer(column, 0, UINT32_MAX, NULL);
    break;
  case PG_FLOAT4:
  case PG_FLOAT8:
    set_number(column, DRIVER_NUMBERS, false);
    column->single = type == PG_FLOAT4;
    column->infinite = true;
    break;
  case PG_NUMERIC:
    set_number(column, DRIVER_NUMBERS, true);
    column->infinite = true;
    break;
  case PG_BPCHAR:
    set_text(column, DRIVER_TEXTS, DRIVER_RTRIM);
    break;
  case PG_TEXT:
  case PG_VARCHAR:
  case PG_NAME:
    set_text(column, DRIVER_TEXTS, DRIVER_BINARY);
    column->same_texts = true;
    column->longest = type == PG_NAME ? LONGEST_NAME : 0;
    break;
  case PG_BYTEA:
    set_text(column, DRIVER_BLOBS, DRIVER_BINARY);
    column->same_blobs = true;
    break;
  case PG_UUID:
    set_text(column, DRIVER_UUIDS, DRIVER_NOCASE);
    column->same_texts = true;
    break;
  default:
    set_text(column, strcmp(type_name, "citext") == 0 ? DRIVER_TEXTS : DRIVER_OTHERS, DRIVER_BINARY);
    if (column->kind == DRIVER_OTHERS) break;
    column->collation = DRIVER_WEIGHED;
    column->equates = "citext";
    column->weight = "pg_catalog.convert_to(pg_catalog.lower(CAST(? AS text)), 'UTF8')";
  }
}

static void set_time(driver_column *column, Oid type) {
  column->time = type == PG_DATE          ? DRIVER_DATE
                 : type == PG_TIME        ? DRIVER_CLOCK
                 : type == PG_TIMESTAMP   ? DRIVER_STAMP
                 : type == PG_TIMESTAMPTZ ? DRIVER_MOMENT
                                          : DRIVER_NO_TIME;
  if (type == PG_CHAR) column->longest = 1;
}

/* type_name: for casts, without length and precision. */
static bool set_key(arena *a, driver_column *column, const char *type_name, bool compares) {
  column->as_text = column->kind == DRIVER_OTHERS && !compares;
  if (column->as_text) return true;
  column->convert =
      column->kind == DRIVER_BLOBS ? "pg_catalog.decode(?, 'hex')" : arena_printf(a, "CAST(? AS %s)", type_name);
  if (column->kind == DRIVER_OTHERS) column->takes = arena_printf(a, "CAST(? AS %s) IS NOT NULL", type_name);
  return column->convert && (column->takes || column->kind != DRIVER_OTHERS);
}

static void set_form(driver_column *column, Oid type, int modifier) {
  static const struct {
    Oid type;
    driver_form form;
  } forms[] = {{PG_CHAR, DRIVER_FORM_BYTE},        {PG_DATE, DRIVER_FORM_DATE},
               {PG_TIME, DRIVER_FORM_TIME},        {PG_TIMETZ, DRIVER_FORM_ZONED_TIME},
               {PG_TIMESTAMP, DRIVER_FORM_MOMENT}, {PG_TIMESTAMPTZ, DRIVER_FORM_ZONED_MOMENT},
               {PG_JSON, DRIVER_FORM_JSON},        {PG_JSONB, DRIVER_FORM_MEMBERS},
               {PG_MONEY, DRIVER_FORM_AMOUNT}};
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (forms[i].type == type) column->form = forms[i].form;
  if (type != PG_VARCHAR || modifier == NO_MODIFIER) return;
  column->form = DRIVER_FORM_LENGTH;
  column->length = (size_t)(modifier - HEADER_BYTES);
}

/* A modifier that acts within the value, or in a way that `digits` can't express: on the elements of an array, on the
 * fields of an interval, or left of the point. */
static bool is_modified_within(const driver_column *column, Oid type, int modifier, const char *base) {
  size_t size = strlen(base);
  if (modifier == NO_MODIFIER) return false;
  if (type == PG_NUMERIC) return ((modifier - HEADER_BYTES) & SCALE_BITS) >= LEAST_NEGATIVE_SCALE;
  if (type == PG_INTERVAL) return (modifier >> FIELDS_SHIFT & ALL_FIELDS) != ALL_FIELDS;
  return column->kind == DRIVER_OTHERS && size > 2 && strcmp(base + size - 2, "[]") == 0;
}

/* The server compares the value with what the column would make of it. If they differ, a cast fails. */
static bool set_written(arena *a, driver_column *column, const char *base, const char *type) {
  column->written =
      arena_printf(a,
                   "(SELECT CASE WHEN v IS NOT DISTINCT FROM CAST(v AS %s) THEN v ELSE CAST(CAST(v AS text) || ' would "
                   "be changed by the type of the column' AS %s) END FROM (SELECT CAST(? AS %s)) AS given(v))",
                   type, base, base);
  column->rounds = false;
  return column->written != NULL;
}

/* The number of digits that the column keeps after the point: all, for a numeric without a scale. */
static void set_digits(driver_column *column, Oid type, int modifier) {
  switch (type) {
  case PG_NUMERIC:
    column->rounds = modifier != NO_MODIFIER;
    column->digits = (modifier - HEADER_BYTES) & SCALE_BITS;
    if (!column->rounds || column->digits >= LEAST_NEGATIVE_SCALE) column->digits = 0;
    break;
  case PG_TIME:
  case PG_TIMETZ:
  case PG_TIMESTAMP:
  case PG_TIMESTAMPTZ:
    column->rounds = true;
    column->digits = modifier == NO_MODIFIER ? DIGITS_OF_A_SECOND : modifier;
    break;
  case PG_MONEY:
    column->rounds = true;
    column->digits = DIGITS_OF_MONEY;
    break;
  case PG_INTERVAL:
    column->rounds = true;
    column->digits = modifier & FULL_PRECISION; /* the other bits are the fields of an interval */
    if (column->digits == FULL_PRECISION) column->digits = DIGITS_OF_A_SECOND;
    break;
  default:
    break;
  }
}

/* ---- collations ---- */

/* In a nondeterministic collation, different texts may be equal. The server offers no collation keys, but hashes that
 * are equal for equal texts: those serve as keys. */
static bool set_weight(arena *a, driver_column *column, const char *collation) {
  column->collation = DRIVER_WEIGHED;
  column->same_texts = false;
  column->weight = arena_printf(
      a,
      "(SELECT pg_catalog.int8send(pg_catalog.hashtextextended(v, 0)) || "
      "pg_catalog.int8send(pg_catalog.hashtextextended(v, 1)) FROM (SELECT CAST(? AS text) COLLATE %s) AS t(v))",
      collation);
  column->equates = arena_strdup(a, collation);
  return column->weight && column->equates;
}

static bool set_rank(arena *a, driver_column *column, const char *type, const char *collation) {
  column->rank =
      arena_printf(a,
                   "SELECT pg_catalog.dense_rank() OVER (ORDER BY CAST(v AS %s)%s%s) FROM "
                   "pg_catalog.json_array_elements_text(CAST(? AS json)) WITH ORDINALITY AS t(v, n) ORDER BY n",
                   type, collation[0] ? " COLLATE " : "", collation);
  return column->rank != NULL;
}

/* Equality by bytes does not mean order by bytes: only some collations sort so. */
static bool set_collation(arena *a, driver_column *column, const PGresult *result, int at) {
  const char *collation = PQgetvalue(result, at, COLLATION);
  bool deterministic = PQgetvalue(result, at, DETERMINISTIC)[0] == 't';
  bool bytewise = PQgetvalue(result, at, BYTEWISE)[0] == 't';
  bool number = column->kind == DRIVER_NUMBERS && column->exact;
  if (!deterministic && !set_weight(a, column, collation)) return false;
  bool ranked = number || column->kind == DRIVER_OTHERS || (column->kind == DRIVER_TEXTS && !bytewise);
  return !ranked || set_rank(a, column, PQgetvalue(result, at, BASE_CAST), collation);
}

/* The values of a long list, in the column's type. */
static bool set_listed(arena *a, driver_column *column, const char *type) {
  if (column->kind == DRIVER_BOOLEANS || column->kind == DRIVER_BLOBS) return true;
  column->listed = arena_printf(
      a, "SELECT CAST(v AS %s) FROM pg_catalog.json_array_elements_text(CAST(? AS json)) AS listed(v)", type);
  return column->listed != NULL;
}

static bool read_column(driver_table *t, const PGresult *result, int at) {
  driver_column *column = &t->columns[at];
  column->name = arena_strdup(&t->arena, PQgetvalue(result, at, NAME));
  column->type = arena_strdup(&t->arena, PQgetvalue(result, at, TYPE));
  if (!column->name || !column->type) return false;
  column->nullable = PQgetvalue(result, at, NOT_NULL)[0] != 't';
  column->key = atoi(PQgetvalue(result, at, KEY));
  column->computed = PQgetvalue(result, at, COMPUTED)[0] == 't';
  column->unique = arena_strdup(&t->arena, PQgetvalue(result, at, UNIQUE));
  if (!column->unique) return false;
  Oid type = (Oid)strtoul(PQgetvalue(result, at, BASE_OID), NULL, 10);
  set_kind(column, type, PQgetvalue(result, at, BASE_NAME));
  int modifier = atoi(PQgetvalue(result, at, MODIFIER));
  set_digits(column, type, modifier);
  set_form(column, type, modifier);
  const char *base = PQgetvalue(result, at, BASE_CAST);
  if (is_modified_within(column, type, modifier, base) &&
      !set_written(&t->arena, column, base, PQgetvalue(result, at, BASE_TYPE)))
    return false;
  if (!set_listed(&t->arena, column, base)) return false;
  set_time(column, type);
  bool compares = PQgetvalue(result, at, COMPARES)[0] == 't';
  if (!set_key(&t->arena, column, PQgetvalue(result, at, BASE_CAST), compares)) return false;
  return set_collation(&t->arena, column, result, at);
}

static shunt_status read_table(const PGresult *result, driver_table **out, shunt_error *err) {
  driver_table *t = driver_table_new();
  int n = PQntuples(result);
  bool ok = t && driver_table_size(t, (size_t)n);
  for (int i = 0; i < n && ok; i++) ok = read_column(t, result, i);
  if (ok && n) t->touched = PQgetvalue(result, 0, TOUCHED)[0] == 't';
  if (!ok || !driver_table_name(t)) {
    driver_table_free(t);
    return error_memory(err);
  }
  *out = t;
  return SHUNT_OK;
}

void pg_put_name(buf *sql, const char *name) {
  buf_putc(sql, '"');
  for (; *name; name++) {
    if (*name == '"') buf_putc(sql, '"');
    buf_putc(sql, *name);
  }
  buf_putc(sql, '"');
}

/* For to_regclass. */
static char *quoted(const char *schema, const char *table) {
  buf name = {0};
  if (schema) {
    pg_put_name(&name, schema);
    buf_putc(&name, '.');
  }
  pg_put_name(&name, table);
  return buf_take(&name);
}

static shunt_status find_table(pg_conn *conn, const char *schema, const char *table, driver_table **out,
                               shunt_error *err) {
  char *name = quoted(schema, table);
  if (!name) return error_memory(err);
  PGresult *result = pg_ask(conn, columns_sql, name);
  shunt_status status = SHUNT_OK;
  base_free(name);
  if (PQresultStatus(result) != PGRES_TUPLES_OK)
    status = pg_fail(conn, result, NULL, err);
  else if (PQntuples(result) == 0)
    status = no_table(conn, schema, table, err);
  else
    status = read_table(result, out, err);
  PQclear(result);
  return status;
}

shunt_status pg_describe(driver_conn *base, const char *schema, const char *table, driver_table **out,
                         shunt_error *err) {
  pg_conn *conn = pg_of(base);
  pg_drop_sent(conn);
  shunt_status status = pg_check_time(conn, err);
  if (!status) status = find_table(conn, schema, table, out, err);
  if (status) error_client(err, base->client->name);
  return status;
}
