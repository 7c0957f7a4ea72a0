#include "query/update_many.h"

#include "query/keeps.h"
#include "query/write_inner.h"

enum { ROWS_AT_ONCE = 200 };

bool update_alike(const update_row *a, const update_row *b) {
  const shunt_record x = {.fields = a->fields, .nfields = a->nfields}, y = {.fields = b->fields, .nfields = b->nfields};
  bool alike = write_same_columns(&x, &y);
  for (size_t i = 0; i < a->nfields && alike; i++) alike = a->fields[i].value.type == b->fields[i].value.type;
  return alike;
}

/* ---- one statement for several ---- */

/* Rows of one table, with what was looked up for them. */
typedef struct several {
  const site *at;
  const targets *t;
  const update_row *rows;
  size_t n;
} several;

/* "a" = CASE WHEN "id" = ? THEN ? … END. The conditions are those of the WHERE, so that one of them holds. The values
 * of a column have one type: an engine would convert others to a common one. */
static shunt_status write_column(call *c, sql_text *sql, const several *s, size_t column) {
  const driver_column *to = s->t->columns[column];
  shunt_status status = SHUNT_OK;
  sql_name(sql, s->at->engine, to->name);
  sql_puts(sql, " = CASE");
  for (size_t i = 0; i < s->n && !status; i++) {
    sql_puts(sql, " WHEN ");
    status = filter_condition(c, sql, s->at, &s->rows[i].is);
    sql_puts(sql, " THEN ");
    keeps_write(sql, to, &s->rows[i].fields[column].value);
  }
  if (s->at->engine->typed_case) {
    sql_puts(sql, " ELSE ");
    sql_name(sql, s->at->engine, to->name);
  }
  sql_puts(sql, " END");
  return status;
}

static shunt_status write_statement(call *c, sql_text *sql, const several *s) {
  shunt_where *items = arena_array(c->arena, shunt_where, s->n), any = {.op = SHUNT_OR, .items = items, .nitems = s->n};
  shunt_status status = items ? SHUNT_OK : error_memory(c->err);
  sql_puts(sql, "UPDATE ");
  site_table(sql, s->at);
  sql_puts(sql, " SET ");
  for (size_t i = 0; i < s->t->n && !status; i++) {
    if (i) sql_puts(sql, ", ");
    status = write_column(c, sql, s, i);
  }
  for (size_t i = 0; i < s->n && !status; i++) items[i] = s->rows[i].is;
  filter f = {.where = {&any}};
  return status ? status : filter_conditions(c, sql, s->at, &f);
}

static shunt_status update_each(call *c, const several *s, int64_t *affected) {
  site at = *s->at;
  access a = {.sites = &at, .nsites = 1, .room = 1};
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < s->n && !status; i++) {
    filter f = {.where = {&s->rows[i].is}};
    status = write_update(c, &a, s->rows[i].fields, s->rows[i].nfields, &f, affected);
  }
  return status;
}

/* If fewer or more rows were found than were looked for, some are not there, or two conditions find the same row. Each
 * alone counts them, and lets the later win. */
static shunt_status update_several(call *c, const several *s, int64_t *affected) {
  int64_t found = 0;
  if (s->n == 1) return update_each(c, s, affected);
  sql_text *sql = call_sql(c);
  shunt_status status = sql ? write_statement(c, sql, s) : error_memory(c->err);
  if (!status) status = write_run(c, sql, s->at, NULL, &found);
  if (status) return status;
  if (found != (int64_t)s->n) return update_each(c, s, affected);
  *affected += found;
  return SHUNT_OK;
}

/* ---- all of them ---- */

/* How many rows fit into one statement: at least one. Each column repeats the conditions. Declared types may have
 * made values differ in type. */
static size_t fit(call *c, const several *s) {
  size_t params = write_many_params(c->s, s->at), most = s->at->engine->max_bytes;
  size_t width = s->t->n + (s->t->n + 1) * (s->rows[0].is.nitems ? s->rows[0].is.nitems : 1) + 1, count = 1;
  size_t bytes = write_bytes(s->rows[0].fields, s->rows[0].nfields);
  for (; count < s->n && count < ROWS_AT_ONCE; count++) {
    bytes += write_bytes(s->rows[count].fields, s->rows[count].nfields);
    if (!update_alike(&s->rows[0], &s->rows[count])) break;
    if ((count + 1) * width > params || (most && bytes > most)) break;
  }
  return count;
}

static shunt_status settable(call *c, const site *at, const update_row *rows, size_t n, update_row **out) {
  *out = arena_array(c->arena, update_row, n);
  shunt_status status = *out ? SHUNT_OK : error_memory(c->err);
  for (size_t i = 0; i < n && !status; i++) {
    (*out)[i] = rows[i];
    status = write_settable(c, at, WRITE_UPDATE, &(*out)[i].fields, &(*out)[i].nfields);
  }
  return status;
}

shunt_status update_many(call *c, const site *at, const update_row *rows, size_t n, int64_t *affected) {
  targets t;
  update_row *list;
  shunt_status status = settable(c, at, rows, n, &list);
  if (!status) status = write_targets(c, at, list[0].fields, list[0].nfields, &t);
  for (size_t i = 0; i < n && !status; i++) {
    if (i) status = write_check_instance(c, at, &t, list[i].fields);
    if (!status) status = write_check_values(c, at, &t, list[i].fields);
  }
  for (size_t from = 0; from < n && !status;) {
    several s = {at, &t, list + from, n - from};
    s.n = fit(c, &s);
    from += s.n;
    status = update_several(c, &s, affected);
  }
  return status;
}
