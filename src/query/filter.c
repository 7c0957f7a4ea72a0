#include "query/filter.h"

#include <string.h>

#include "query/digits.h"
#include "query/sql.h"
#include "query/types.h"
#include "query/value.h"

enum { DEEPEST_WHERE = 25 }; /* SQLite's parser has a stack of 100, and each level takes up to 3 of it */

typedef struct writer {
  call *c;
  const site *at;
  sql_text *q;
} writer;

static const char *const words[] = {[SHUNT_EQ] = " = ",   [SHUNT_NE] = " <> ", [SHUNT_GT] = " > ",
                                    [SHUNT_GTE] = " >= ", [SHUNT_LT] = " < ",  [SHUNT_LTE] = " <= "};

static shunt_status bad(const writer *w, const shunt_where *c, const char *what) {
  return error_set(w->c->err, SHUNT_E_USAGE, "where, column '%.128s' of model '%s': %s", c->column, w->at->model->name,
                   what);
}

/* ---- one column ---- */

/* By its declared type: SQLite calls dates numbers, too, and they are kept as text. */
static bool is_number_column(const driver_column *column) {
  return column->kind == DRIVER_INTEGERS || column->kind == DRIVER_NUMBERS || column->form == DRIVER_FORM_NUMBER ||
         column->form == DRIVER_FORM_REAL;
}

/* A non-number can never match a numeric column: report it. */
static shunt_status check_numbers(const writer *w, const shunt_where *c, const driver_column *column) {
  if (c->op == SHUNT_LIKE) return SHUNT_OK;
  for (size_t i = 0; i < c->nvalues; i++) {
    const shunt_value v = c->values[i];
    bool number = v.type == SHUNT_TEXT ? digits_are_number(&v) || (column->infinite && digits_are_word(&v))
                                       : v.type != SHUNT_BLOB;
    if (!number && is_number_column(column))
      return error_set(w->c->err, SHUNT_E_USAGE,
                       "where, column '%.128s' of model '%s': it is numeric and can't be compared with '%.64s'",
                       c->column, w->at->model->name, v.type == SHUNT_TEXT ? v.as.bytes : "a blob");
  }
  return SHUNT_OK;
}

static void write_as_text(sql_text *q, const driver_engine *engine, const driver_column *column) {
  sql_puts(q, "CAST(");
  sql_name(q, engine, column->name);
  sql_puts(q, " AS ");
  sql_puts(q, engine->text_type);
  sql_puts(q, ")");
}

static bool is_plain(const writer *w, const driver_column *column) {
  return !w->at->engine->number_type || !column->numeric || column->kind == DRIVER_BOOLEANS;
}

static void write_cast(sql_text *q, const shunt_value *v, const char *type) {
  sql_puts(q, "CAST(");
  sql_param(q, v);
  sql_puts(q, " AS ");
  sql_puts(q, type);
  sql_puts(q, ")");
}

/* Other texts may become an integer by way of a double, which has fewer digits. */
static bool is_integer_text(const shunt_value *v, const shunt_value *number) {
  return number->type == SHUNT_INTEGER && digits_are_integer(v);
}

/* For engines that compare a number with a text as doubles: compares texts with texts, and exact numbers with exact
 * numbers. */
static void write_comparable(call *c, sql_text *q, const site *at, const driver_column *column, const shunt_value *v) {
  shunt_value exact = value_exact(v);
  if (column->text && v->type != SHUNT_TEXT && (exact.type == SHUNT_INTEGER || exact.type == SHUNT_FLOAT)) {
    char *text = arena_alloc(c->arena, VALUE_TEXT_BYTES);
    shunt_value as_text = text ? shunt_text(text, value_as_text(&exact, text)) : *v;
    if (!text) q->failed = true;
    sql_param(q, &as_text);
  } else if (column->exact && v->type == SHUNT_TEXT && !is_integer_text(v, &exact)) {
    write_cast(q, v, at->engine->decimal_type);
  } else if (column->single && (v->type == SHUNT_FLOAT || v->type == SHUNT_TEXT)) {
    write_cast(q, v, at->engine->single_type);
  } else {
    sql_param(q, column->exact ? &exact : v);
  }
}

static void write_comparables(call *c, sql_text *q, const site *at, const driver_column *column,
                              const shunt_value *values, size_t n) {
  bool differ = at->engine->decimal_type && (column->text || column->exact || column->single);
  if (!differ) sql_params(q, values, n);
  for (size_t i = 0; i < n && differ; i++) {
    if (i) sql_puts(q, ", ");
    write_comparable(c, q, at, column, &values[i]);
  }
}

/* A number that is out of the column's range can still be compared with the numbers in it. */
static void write_value(const writer *w, const driver_column *column, const shunt_value *v) {
  if (is_plain(w, column) || driver_column_holds(column, v)) {
    write_comparables(w->c, w->q, w->at, column, v, 1);
    return;
  }
  shunt_value number = column->exact ? value_exact(v) : value_canonical(v, true);
  if (column->exact && v->type == SHUNT_TEXT && !is_integer_text(v, &number) && !digits_fit_double(v))
    number = *v; /* with all its digits */
  bool fits = driver_column_holds(column, &number);
  if (fits)
    sql_param(w->q, &number);
  else
    write_cast(w->q, &number, w->at->engine->number_type);
}

static void write_values(const writer *w, const driver_column *column, const shunt_value *values, size_t n) {
  if (is_plain(w, column)) write_comparables(w->c, w->q, w->at, column, values, n);
  for (size_t i = 0; i < n && !is_plain(w, column); i++) {
    if (i) sql_puts(w->q, ", ");
    write_value(w, column, &values[i]);
  }
}

static void is_null(writer *w, const char *name, bool is) {
  sql_name(w->q, w->at->engine, name);
  sql_puts(w->q, is ? " IS NULL" : " IS NOT NULL");
}

static shunt_status write_like(writer *w, const shunt_where *c, const driver_column *column) {
  const driver_engine *engine = w->at->engine;
  const char *lower = column->cased ? "LOWER(" : "", *end = column->cased ? ")" : "";
  if (c->values[0].type != SHUNT_TEXT) return bad(w, c, "like takes text, such as \"A%\"");
  sql_puts(w->q, lower);
  if (column->kind == DRIVER_ANYTHING || column->kind == DRIVER_TEXTS || column->kind == DRIVER_STRINGS)
    sql_name(w->q, engine, column->name);
  else
    write_as_text(w->q, engine, column);
  sql_puts(w->q, end);
  sql_puts(w->q, engine->like);
  sql_puts(w->q, lower);
  sql_param(w->q, &c->values[0]);
  sql_puts(w->q, end);
  sql_puts(w->q, engine->like_end);
  return SHUNT_OK;
}

static shunt_status write_single(writer *w, const shunt_where *c, const driver_column *column) {
  if (c->nvalues != 1) return bad(w, c, "the operator takes one value");
  const shunt_value *v = &c->values[0];
  if (v->type == SHUNT_NULL && (c->op == SHUNT_EQ || c->op == SHUNT_NE)) {
    is_null(w, column->name, c->op == SHUNT_EQ);
    return SHUNT_OK;
  }
  if (v->type == SHUNT_NULL) return bad(w, c, "null can't be compared by order; use eq or ne");
  if (c->op == SHUNT_LIKE) return write_like(w, c, column);
  sql_name(w->q, w->at->engine, column->name);
  sql_puts(w->q, words[c->op]);
  write_value(w, column, v);
  return SHUNT_OK;
}

static shunt_status write_between(writer *w, const shunt_where *c, const driver_column *column) {
  if (c->nvalues != 2 || c->values[0].type == SHUNT_NULL || c->values[1].type == SHUNT_NULL)
    return bad(w, c, "between takes two values, the least and the greatest, neither of them null");
  sql_name(w->q, w->at->engine, column->name);
  sql_puts(w->q, " BETWEEN ");
  write_value(w, column, &c->values[0]);
  sql_puts(w->q, " AND ");
  write_value(w, column, &c->values[1]);
  return SHUNT_OK;
}

/* A null in the list finds the rows that have a null. */
static shunt_status write_list(writer *w, const shunt_where *c, const driver_column *column) {
  bool in = c->op == SHUNT_IN;
  size_t nulls = 0;
  for (size_t i = 0; i < c->nvalues; i++) nulls += c->values[i].type == SHUNT_NULL;
  if (c->nvalues == 0) {
    sql_puts(w->q, in ? "1 = 0" : "1 = 1");
    return SHUNT_OK;
  }
  if (nulls == c->nvalues) {
    is_null(w, column->name, in);
    return SHUNT_OK;
  }
  if (nulls) sql_puts(w->q, "(");
  sql_name(w->q, w->at->engine, column->name);
  sql_puts(w->q, in ? " IN (" : " NOT IN (");
  size_t from = 0, written = 0;
  while (from < c->nvalues) {
    size_t to = from;
    while (to < c->nvalues && c->values[to].type != SHUNT_NULL) to++;
    if (to > from && written) sql_puts(w->q, ", ");
    write_values(w, column, c->values + from, to - from);
    written += to - from;
    from = to + 1;
  }
  sql_puts(w->q, ")");
  if (nulls) {
    sql_puts(w->q, in ? " OR " : " AND ");
    is_null(w, column->name, in);
    sql_puts(w->q, ")");
  }
  return SHUNT_OK;
}

static shunt_status write_column(writer *w, const shunt_where *asked) {
  const driver_column *column;
  shunt_where typed = *asked, *c = &typed;
  shunt_status status = site_column(w->c, w->at, c->column, &column);
  if (!status && c->op != SHUNT_LIKE) status = types_values(w->c, w->at, column, &c->values, c->nvalues);
  if (!status) status = check_numbers(w, c, column);
  if (status) return status;
  switch (c->op) {
  case SHUNT_BETWEEN:
    return write_between(w, c, column);
  case SHUNT_IN:
  case SHUNT_NOT_IN:
    return write_list(w, c, column);
  default:
    return write_single(w, c, column);
  }
}

/* ---- combinations ---- */

static shunt_status write_where(writer *w, const shunt_where *c, int depth);

static shunt_status write_items(writer *w, const shunt_where *c, int depth) {
  shunt_status status = SHUNT_OK;
  if (c->nitems == 0) {
    sql_puts(w->q, c->op == SHUNT_AND ? "1 = 1" : "1 = 0");
    return SHUNT_OK;
  }
  if (c->nitems > 1) sql_puts(w->q, "(");
  for (size_t i = 0; i < c->nitems && !status; i++) {
    if (i) sql_puts(w->q, c->op == SHUNT_AND ? " AND " : " OR ");
    status = write_where(w, &c->items[i], depth + 1);
  }
  if (c->nitems > 1) sql_puts(w->q, ")");
  return status;
}

static shunt_status write_not(writer *w, const shunt_where *c, int depth) {
  if (c->nitems != 1) return error_set(w->c->err, SHUNT_E_USAGE, "where: NOT takes exactly one condition");
  sql_puts(w->q, "NOT (");
  shunt_status status = write_where(w, &c->items[0], depth + 1);
  sql_puts(w->q, ")");
  return status;
}

static shunt_status write_where(writer *w, const shunt_where *c, int depth) {
  if (depth > DEEPEST_WHERE)
    return error_set(w->c->err, SHUNT_E_USAGE, "where: conditions are nested more than %d deep", DEEPEST_WHERE);
  switch (c->op) {
  case SHUNT_AND:
  case SHUNT_OR:
    return write_items(w, c, depth);
  case SHUNT_NOT:
    return write_not(w, c, depth);
  case SHUNT_EQ:
  case SHUNT_NE:
  case SHUNT_GT:
  case SHUNT_GTE:
  case SHUNT_LT:
  case SHUNT_LTE:
  case SHUNT_LIKE:
  case SHUNT_BETWEEN:
  case SHUNT_IN:
  case SHUNT_NOT_IN:
    return write_column(w, c);
  }
  return error_set(w->c->err, SHUNT_E_USAGE, "where: unknown operator %d", (int)c->op);
}

shunt_status filter_condition(call *c, sql_text *sql, const site *at, const shunt_where *where) {
  return write_where(&(writer){c, at, sql}, where, 0);
}

/* ---- the whole of it ---- */

static void next_term(sql_text *q, bool *first) {
  sql_puts(q, *first ? " WHERE " : " AND ");
  *first = false;
}

static bool is_empty(const shunt_where *c) { return !c || (c->op == SHUNT_AND && c->nitems == 0); }

shunt_status filter_conditions(call *c, sql_text *sql, const site *at, const filter *f) {
  writer w = {c, at, sql};
  bool first = true;
  const driver_column *column;
  shunt_value value;
  for (size_t i = 0; i < FILTER_WHERES; i++) {
    if (is_empty(f->where[i])) continue;
    next_term(sql, &first);
    shunt_status status = write_where(&w, f->where[i], 0);
    if (status) return status;
  }
  shunt_status status = site_instance(c, at, &column, &value);
  if (status) return status;
  if (column) {
    next_term(sql, &first);
    sql_name(sql, at->engine, column->name);
    sql_puts(sql, " = ");
    sql_param(sql, &value);
  }
  if (at->model->soft_delete && !f->deleted) {
    status = site_column(c, at, at->model->soft_delete, &column);
    if (status) return status;
    next_term(sql, &first);
    is_null(&w, column->name, true);
  }
  if (f->also.columns.n) {
    next_term(sql, &first);
    if (f->also.count)
      key_sql_among(c, sql, at, &f->also, 0, f->also.count);
    else
      sql_puts(sql, "1 = 0");
  }
  if (filter_has_keys(f)) next_term(sql, &first);
  return SHUNT_OK;
}

size_t filter_max_params(const shunt_session *s, const site *at) {
  return s->max_params ? s->max_params : at->engine->max_params;
}

shunt_status filter_room(call *c, const sql_text *sql, const site *at, const filter *f, size_t more, size_t *room) {
  size_t max = filter_max_params(c->s, at), used = sql->nparams + more, width = f->keys.columns.n;
  *room = used < max ? (max - used) / (width ? width : 1) : 0;
  if (used + width <= max) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the conditions hold %zu values, and a statement of %s takes %zu; ask in several calls",
                   at->model->name, used, at->engine->name, max);
}
