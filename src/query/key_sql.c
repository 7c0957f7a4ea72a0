/* Keys in statements.
 *
 * Idea: the engine alone decides which rows have a key, by its own comparison of the column with a value of the
 * column's type, so that an index is used. Where a program can compare as well as the engine (key_is_exact), rows are
 * read with `IN` and their keys are looked up. Otherwise the keys go along as a table with their numbers, and the
 * engine returns each row with the number of its key.
 *
 * The table is one parameter, in JSON, where the engine reads that: one prepared statement serves any number of keys.
 * SQLite gets VALUES, because JSON has neither blobs nor every floating-point number.
 *
 * Not here: conditions of users (filter.c), which may compare a column with a value of another type. */
#include "query/key_sql.h"

#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "query/value.h"

static const size_t MOST_BYTES = 4 << 20; /* of the keys of one statement */

/* ---- one value ---- */

static bool uses_values(const driver_engine *engine) { return !engine->key_table; }

static void write_column(sql_text *sql, const site *at, const driver_column *column) {
  if (column->as_text) sql_puts(sql, "CAST(");
  sql_name(sql, at->engine, column->name);
  if (!column->as_text) return;
  sql_puts(sql, " AS ");
  sql_puts(sql, at->engine->text_type);
  sql_puts(sql, ")");
}

/* The SQL `form` with something else in place of each ?. */
static void replace(sql_text *sql, const char *form, const char *with, const shunt_value *param) {
  for (const char *mark; (mark = strchr(form, '?')); form = mark + 1) {
    sql_add(sql, form, (size_t)(mark - form));
    if (param)
      sql_param(sql, param);
    else
      sql_puts(sql, with);
  }
  sql_puts(sql, form);
}

static char *hex_of(arena *a, const shunt_value *blob) {
  char *hex = arena_alloc(a, 2 * (size_t)blob->size + 1);
  for (size_t i = 0; hex && i < blob->size; i++) {
    unsigned char byte = (unsigned char)blob->as.bytes[i];
    hex[2 * i] = "0123456789abcdef"[byte >> 4];
    hex[2 * i + 1] = "0123456789abcdef"[byte & 15];
  }
  return hex;
}

/* The text that a column's `convert` takes. False when out of memory. */
static bool text_of(arena *a, const shunt_value *v, shunt_value *out) {
  *out = *v;
  if (v->type == SHUNT_TEXT) return true;
  if (v->type == SHUNT_BLOB) {
    char *hex = hex_of(a, v);
    *out = shunt_text(hex, 2 * (size_t)v->size);
    return hex != NULL;
  }
  char *room = arena_alloc(a, NUMBER_BYTES);
  shunt_value number = v->type == SHUNT_BOOL ? shunt_integer(v->as.boolean) : *v;
  if (!room) return false;
  *out = shunt_text(room,
                    number.type == SHUNT_FLOAT ? number_write(number.as.number, room) : value_as_text(&number, room));
  return true;
}

/* SQLite: what makes the column compare numbers as numbers, or texts as texts. */
static const char *affinity_of(const key_columns *columns, size_t i, const shunt_value *v) {
  if (!columns->by_value[i] || v->type == SHUNT_BLOB) return NULL;
  return v->type == SHUNT_TEXT ? "TEXT" : "NUMERIC";
}

static void write_value(call *c, sql_text *sql, const key_columns *columns, size_t i, const shunt_value *v) {
  const driver_column *column = columns->list[i];
  const char *affinity = affinity_of(columns, i, v);
  shunt_value text;
  if (affinity) {
    sql_puts(sql, "CAST(");
    sql_param(sql, v);
    sql_puts(sql, " AS ");
    sql_puts(sql, affinity);
    sql_puts(sql, ")");
  } else if (!column->convert || key_is_exact(columns, i, v)) {
    sql_param(sql, v);
  } else if (text_of(c->arena, v, &text)) {
    replace(sql, column->convert, NULL, &text);
  } else {
    sql->failed = true;
  }
}

static void write_tuple(call *c, sql_text *sql, const key_list *keys, size_t number) {
  for (size_t i = 0; i < keys->columns.n; i++) {
    if (i) sql_puts(sql, ", ");
    write_value(c, sql, &keys->columns, i, &key_at(keys, number)[i]);
  }
}

/* ---- among ---- */

/* {1,2,3}. NULL if a value is not an integer, and if there is no memory, which sets *no_memory. */
static char *list_of(arena *a, const shunt_value *values, size_t n, size_t *size, bool *no_memory) {
  enum { LONGEST = 21 /* -9223372036854775808 and a comma */ };
  for (size_t i = 0; i < n; i++)
    if (values[i].type != SHUNT_INTEGER) return NULL;
  char *list = arena_alloc(a, n * LONGEST + 3), *to = list;
  *no_memory = !list;
  if (!list) return NULL;
  for (size_t i = 0; i < n; i++) {
    *to++ = i ? ',' : '{';
    to += value_as_text(&values[i], to);
  }
  *to++ = '}';
  *size = (size_t)(to - list);
  return list;
}

/* Whether the keys were written as one list. */
static bool write_list(call *c, sql_text *sql, const driver_column *column, const shunt_value *keys, size_t n) {
  size_t size;
  bool no_memory = false;
  char *list = column->list && n > 1 ? list_of(c->arena, keys, n, &size, &no_memory) : NULL;
  if (no_memory) sql->failed = true;
  if (!list) return no_memory;
  shunt_value as_text = shunt_text(list, size);
  sql_puts(sql, " = ANY (");
  replace(sql, column->list, NULL, &as_text);
  sql_puts(sql, ")");
  return true;
}

static void write_one(call *c, sql_text *sql, const site *at, const key_list *keys, size_t number) {
  for (size_t i = 0; i < keys->columns.n; i++) {
    if (i) sql_puts(sql, " AND ");
    write_column(sql, at, keys->columns.list[i]);
    sql_puts(sql, " = ");
    write_value(c, sql, &keys->columns, i, &key_at(keys, number)[i]);
  }
}

static bool is_plain(const key_list *keys, size_t from, size_t count) {
  const driver_column *column = keys->columns.list[0];
  if (keys->columns.n > 1) return false;
  for (size_t k = from; k < from + count; k++)
    if (column->convert ? !key_is_exact(&keys->columns, 0, key_at(keys, k)) : keys->columns.by_value[0]) return false;
  return true;
}

void key_sql_among(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  const key_columns *columns = &keys->columns;
  bool tuples = columns->n > 1, plain = is_plain(keys, from, count), rows = uses_values(at->engine) && !plain;
  if (count == 1) {
    write_one(c, sql, at, keys, from);
    return;
  }
  if (tuples) sql_puts(sql, "(");
  for (size_t i = 0; i < columns->n; i++) {
    if (i) sql_puts(sql, ", ");
    write_column(sql, at, columns->list[i]);
  }
  if (tuples) sql_puts(sql, ")");
  if (!tuples && write_list(c, sql, columns->list[0], key_at(keys, from), count)) return;
  sql_puts(sql, rows ? " IN (VALUES " : " IN (");
  if (plain) sql_params(sql, key_at(keys, from), count);
  for (size_t k = from; k < from + count && !plain; k++) {
    if (k > from) sql_puts(sql, ", ");
    if (tuples || rows) sql_puts(sql, "(");
    write_tuple(c, sql, keys, k);
    if (tuples || rows) sql_puts(sql, ")");
  }
  sql_puts(sql, ")");
}

/* ---- a table of keys ---- */

/* In a table of VALUES, SQLite gives a column one affinity. */
static bool same_affinities(const key_list *keys, size_t a, size_t b) {
  for (size_t i = 0; i < keys->columns.n; i++) {
    const char *one = affinity_of(&keys->columns, i, &key_at(keys, a)[i]),
               *other = affinity_of(&keys->columns, i, &key_at(keys, b)[i]);
    if (one != other && (!one || !other || strcmp(one, other) != 0)) return false;
  }
  return true;
}

static size_t bytes_of(const key_list *keys, size_t number) {
  size_t bytes = 0;
  for (size_t i = 0; i < keys->columns.n; i++) {
    const shunt_value *v = &key_at(keys, number)[i];
    bytes += v->type == SHUNT_TEXT ? v->size : v->type == SHUNT_BLOB ? 2 * (size_t)v->size : NUMBER_BYTES;
  }
  return bytes;
}

size_t key_sql_part(const driver_engine *engine, const key_list *keys, size_t from, size_t room) {
  size_t left = keys->count - from, most = left < room ? left : room, count = 0, bytes = 0;
  bool values = uses_values(engine);
  while (count < most) {
    if (count && values && !same_affinities(keys, from, from + count)) break;
    if (!values) bytes += bytes_of(keys, from + count);
    if (count && bytes > MOST_BYTES) break;
    count++;
  }
  return count;
}

void key_sql_json(buf *out, const char *text, size_t size) {
  buf_putc(out, '"');
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '"' || text[i] == '\\')
      buf_printf(out, "\\%c", text[i]);
    else if ((unsigned char)text[i] < ' ')
      buf_printf(out, "\\u%04x", (unsigned)text[i]);
    else
      buf_putc(out, text[i]);
  }
  buf_putc(out, '"');
}

/* [[number, "part"], …]; the bytes of the longest part, 0 when out of memory. */
static size_t write_json(call *c, buf *out, const key_list *keys, size_t from, size_t count) {
  size_t longest = 1;
  for (size_t k = from; k < from + count; k++) {
    buf_printf(out, "%s[%u", k > from ? "," : "[", keys->numbers ? keys->numbers[k] : (unsigned)k);
    for (size_t i = 0; i < keys->columns.n; i++) {
      shunt_value text;
      if (!text_of(c->arena, &key_at(keys, k)[i], &text)) return 0;
      buf_putc(out, ',');
      key_sql_json(out, text.as.bytes, text.size);
      if (text.size > longest) longest = text.size;
    }
    buf_putc(out, ']');
  }
  buf_putc(out, ']');
  return longest;
}

/* The table of an engine that reads JSON. */
static void write_json_table(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  buf json = {0}, form = {0};
  size_t longest = write_json(c, &json, keys, from, count);
  at->engine->key_table(&form, keys->columns.n, longest);
  const char *copy = json.failed || form.failed || !longest ? NULL : arena_strndup(c->arena, json.data, json.size);
  shunt_value param = shunt_text(copy, json.size);
  if (copy)
    replace(sql, form.data, NULL, &param);
  else
    sql->failed = true;
  buf_free(&json);
  buf_free(&form);
}

static void write_rows(call *c, sql_text *sql, const key_list *keys, size_t from, size_t count) {
  sql_puts(sql, "VALUES ");
  for (size_t k = from; k < from + count; k++) {
    buf_printf(&sql->text, "%s(%u, ", k > from ? ", " : "", keys->numbers ? keys->numbers[k] : (unsigned)k);
    write_tuple(c, sql, keys, k);
    sql_puts(sql, ")");
  }
}

/* SQLite computes VALUES as they are read. Where it merges the parts of a table by their order, both readers share one
 * state (3.53), and rows come twice. Materialized, the values are a table for each. */
static void write_values_table(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from,
                               size_t count) {
  const bool kept = at->table->parts != NULL;
  sql_puts(sql, "(");
  if (kept) {
    sql_puts(sql, "WITH shunt_given AS MATERIALIZED (");
    write_rows(c, sql, keys, from, count);
    sql_puts(sql, ") ");
  }
  sql_puts(sql, "SELECT column1 AS " KEY_NUMBER);
  for (size_t i = 0; i < keys->columns.n; i++) buf_printf(&sql->text, ", column%zu AS shunt_key_%zu", i + 2, i);
  sql_puts(sql, kept ? " FROM shunt_given" : " FROM (");
  if (!kept) write_rows(c, sql, keys, from, count);
  sql_puts(sql, kept ? ") AS shunt_keys" : ")) AS shunt_keys");
}

/* SQL for part i of the table's key. */
static void part_name(const driver_engine *engine, size_t i, char *room, size_t size) {
  snprintf(room, size, engine->key_part ? engine->key_part : "shunt_key_%zu", i);
}

static void write_table(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  if (uses_values(at->engine))
    write_values_table(c, sql, at, keys, from, count);
  else
    write_json_table(c, sql, at, keys, from, count);
}

/* A Bloom filter of SQLite 3.40 loses texts that are equal under RTRIM. It makes none for such a condition. */
static bool avoids_filters(const site *at, const driver_column *column) {
  return uses_values(at->engine) && column->collation == DRIVER_RTRIM;
}

const char *key_sql_hint(const key_columns *columns) {
  for (size_t i = 0; i < columns->n; i++)
    if (columns->list[i]->join_hint) return columns->list[i]->join_hint;
  return "";
}

void key_sql_join(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  sql_puts(sql, " JOIN ");
  write_table(c, sql, at, keys, from, count);
  for (size_t i = 0; i < keys->columns.n; i++) {
    const driver_column *column = keys->columns.list[i];
    bool whole = avoids_filters(at, column);
    char part[64];
    part_name(at->engine, i, part, sizeof part);
    sql_puts(sql, i ? " AND " : " ON ");
    if (whole) sql_puts(sql, "(");
    write_column(sql, at, column);
    sql_puts(sql, " = ");
    replace(sql, column->convert ? column->convert : "?", part, NULL);
    if (whole) sql_puts(sql, ") IS TRUE");
  }
}

/* SQLite makes an index of a table of keys only if they have the affinity of the column. */
static const char *typed_part(const driver_engine *engine, const driver_column *column) {
  if (column->convert) return column->convert;
  return !uses_values(engine) ? "?" : column->text ? "CAST(? AS TEXT)" : "CAST(? AS INTEGER)";
}

/* DISTINCT, because a table that the engine keeps gets an index; one that it reads again for each row does not. */
void key_sql_number(call *c, sql_text *sql, const site *at, const key_list *keys, size_t rank) {
  buf_printf(&sql->text, " LEFT JOIN (SELECT DISTINCT " KEY_NUMBER " AS " KEY_RANK, rank);
  for (size_t i = 0; i < keys->columns.n; i++) {
    char part[64];
    part_name(at->engine, i, part, sizeof part);
    sql_puts(sql, ", ");
    replace(sql, typed_part(at->engine, keys->columns.list[i]), part, NULL);
    buf_printf(&sql->text, " AS shunt_rank_%zu_%zu", rank, i);
  }
  sql_puts(sql, " FROM ");
  write_table(c, sql, at, keys, 0, keys->count);
  buf_printf(&sql->text, ") AS shunt_ranks_%zu", rank);
  for (size_t i = 0; i < keys->columns.n; i++) {
    sql_puts(sql, i ? " AND " : " ON ");
    write_column(sql, at, keys->columns.list[i]);
    buf_printf(&sql->text, " = shunt_rank_%zu_%zu", rank, i);
  }
}

void key_sql_taken(call *c, sql_text *sql, const site *at, const key_list *keys, size_t from, size_t count) {
  write_table(c, sql, at, keys, from, count);
  bool first = true;
  for (size_t i = 0; i < keys->columns.n; i++) {
    const char *takes = keys->columns.list[i]->takes;
    char part[64];
    if (!takes) continue;
    part_name(at->engine, i, part, sizeof part);
    sql_puts(sql, first ? " WHERE " : " AND ");
    replace(sql, takes, part, NULL);
    first = false;
  }
}
