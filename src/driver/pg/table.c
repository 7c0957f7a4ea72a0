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
static const char columns_types[] = "ttbiittttbbibtbb";

enum {
  NO_MODIFIER = -1,
  DIGITS_OF_A_SECOND = 6,
  DIGITS_OF_MONEY = 2,
  HEADER_BYTES = 4, /* included in numeric's modifier */
  SCALE_BITS = 0x7ff,
  LEAST_NEGATIVE_SCALE = 0x400,
  PRECISION = 0xffff,
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

static const char *text_of(const shunt_value *cell) { return cell->type == SHUNT_NULL ? "" : cell->as.bytes; }

static bool is_true(const shunt_value *cell) { return cell->type == SHUNT_BOOL && cell->as.boolean; }

static shunt_status no_table(pg_conn *conn, const char *schema, const char *table, shunt_error *err) {
  suggest near = suggest_for(table);
  shunt_rows *names;
  shunt_status status = schema ? pg_ask(conn, tables_in_sql, schema, "t", &names, err)
                               : pg_ask(conn, tables_sql, table, "t", &names, err);
  for (size_t i = 0; !status && i < names->count; i++) suggest_try(&near, text_of(rows_row(names, i)));
  if (!status)
    status = error_set(err, SHUNT_E_NOT_FOUND, "client '%s' has no table '%s%s%s'%s", conn->base.client->name,
                       schema ? schema : "", schema ? "." : "", table, suggest_text(&near));
  shunt_rows_free(names);
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
  if (type != PG_VARCHAR || modifier < HEADER_BYTES) return;
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
    column->digits = modifier == NO_MODIFIER || modifier > DIGITS_OF_A_SECOND ? DIGITS_OF_A_SECOND : modifier;
    break;
  case PG_MONEY:
    column->rounds = true;
    column->digits = DIGITS_OF_MONEY;
    break;
  case PG_INTERVAL:
    column->rounds = true;
    column->digits = modifier & PRECISION; /* the other bits are the fields of an interval */
    if (column->digits > DIGITS_OF_A_SECOND) column->digits = DIGITS_OF_A_SECOND;
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
static bool set_collation(arena *a, driver_column *column, const shunt_value *cells) {
  const char *collation = text_of(&cells[COLLATION]);
  bool deterministic = is_true(&cells[DETERMINISTIC]);
  bool bytewise = is_true(&cells[BYTEWISE]);
  bool number = column->kind == DRIVER_NUMBERS && column->exact;
  if (!deterministic && !set_weight(a, column, collation)) return false;
  bool ranked = number || column->kind == DRIVER_OTHERS || (column->kind == DRIVER_TEXTS && !bytewise);
  return !ranked || set_rank(a, column, text_of(&cells[BASE_CAST]), collation);
}

/* The values of a long list, in the column's type. */
static bool set_listed(arena *a, driver_column *column, const char *type) {
  if (column->kind == DRIVER_BOOLEANS || column->kind == DRIVER_BLOBS) return true;
  column->listed = arena_printf(
      a, "SELECT CAST(v AS %s) FROM pg_catalog.json_array_elements_text(CAST(? AS json)) AS listed(v)", type);
  return column->listed != NULL;
}

/* Numbers of the catalog. */
typedef struct numbers {
  Oid type;
  int key, modifier;
} numbers;

static bool is_within(const shunt_value *cell, int64_t least, int64_t most) {
  return cell->as.integer >= least && cell->as.integer <= most;
}

static shunt_status read_numbers(pg_conn *conn, const shunt_value *cells, numbers *out, shunt_error *err) {
  if (!is_within(&cells[BASE_OID], 0, UINT32_MAX) || !is_within(&cells[KEY], 0, INT16_MAX) ||
      !is_within(&cells[MODIFIER], NO_MODIFIER, INT32_MAX))
    return driver_nonsense(&conn->base, "the type of a column or its place in the primary key", err);
  *out = (numbers){(Oid)cells[BASE_OID].as.integer, (int)cells[KEY].as.integer, (int)cells[MODIFIER].as.integer};
  return SHUNT_OK;
}

static bool read_column(driver_table *t, driver_column *column, const shunt_value *cells, const numbers *n) {
  column->name = arena_strdup(&t->arena, text_of(&cells[NAME]));
  column->type = arena_strdup(&t->arena, text_of(&cells[TYPE]));
  if (!column->name || !column->type) return false;
  column->nullable = !is_true(&cells[NOT_NULL]);
  column->key = n->key;
  column->computed = is_true(&cells[COMPUTED]);
  column->unique = arena_strdup(&t->arena, text_of(&cells[UNIQUE]));
  if (!column->unique) return false;
  set_kind(column, n->type, text_of(&cells[BASE_NAME]));
  set_digits(column, n->type, n->modifier);
  set_form(column, n->type, n->modifier);
  const char *base = text_of(&cells[BASE_CAST]);
  if (is_modified_within(column, n->type, n->modifier, base) &&
      !set_written(&t->arena, column, base, text_of(&cells[BASE_TYPE])))
    return false;
  if (!set_listed(&t->arena, column, base)) return false;
  set_time(column, n->type);
  bool compares = is_true(&cells[COMPARES]);
  if (!set_key(&t->arena, column, text_of(&cells[BASE_CAST]), compares)) return false;
  return set_collation(&t->arena, column, cells);
}

static shunt_status read_table(pg_conn *conn, const shunt_rows *rows, driver_table **out, shunt_error *err) {
  driver_table *t = driver_table_new();
  shunt_status status = t && driver_table_size(t, rows->count) ? SHUNT_OK : error_memory(err);
  for (size_t i = 0; i < rows->count && !status; i++) {
    const shunt_value *cells = rows_row(rows, i);
    numbers n = {0};
    status = read_numbers(conn, cells, &n, err);
    if (!status && !read_column(t, &t->columns[i], cells, &n)) status = error_memory(err);
  }
  if (!status) t->touched = is_true(&rows_row(rows, 0)[TOUCHED]);
  if (!status && !driver_table_name(t)) status = error_memory(err);
  if (status) {
    driver_table_free(t);
    return status;
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
  shunt_rows *rows;
  shunt_status status = pg_ask(conn, columns_sql, name, columns_types, &rows, err);
  base_free(name);
  if (!status) status = rows->count ? read_table(conn, rows, out, err) : no_table(conn, schema, table, err);
  shunt_rows_free(rows);
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
