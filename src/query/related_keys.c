#include "query/related_keys.h"

#include "query/condition.h"
#include "query/key_sql.h"
#include "query/statement.h"
#include "query/value.h"

typedef struct matcher {
  const comparison *w;
  const related_ends *ends;
  key_columns inner;   /* as they compare with the outer ones */
  shunt_rows *rows;    /* the keys of the outer table */
  shunt_value *fitted; /* those that the inner columns can hold, inner.n values each */
  uint32_t *numbers;   /* of their rows */
  size_t count;
  bool *matched; /* by row */
} matcher;

bool related_is_sharp(const driver_column *column) {
  switch (column->kind) {
  case DRIVER_TEXTS:
    return column->collation == DRIVER_BINARY || column->collation == DRIVER_RTRIM;
  case DRIVER_STRINGS:
  case DRIVER_ANYTHING:
    return column->collation == DRIVER_BINARY;
  case DRIVER_OTHERS:
    return column->time != DRIVER_NO_TIME || column->as_text;
  default:
    return true;
  }
}

/* ---- the keys of the outer table ---- */

static void write_names(sql_text *sql, const site *at, const key_columns *columns, const char *between,
                        const char *behind) {
  for (size_t i = 0; i < columns->n; i++) {
    if (i) sql_puts(sql, between);
    sql_name(sql, at->engine, columns->list[i]->name);
    sql_puts(sql, behind);
  }
}

/* Types without equality know no DISTINCT. */
static bool are_distinct(const key_columns *columns) {
  for (size_t i = 0; i < columns->n; i++)
    if (columns->list[i]->as_text) return false;
  return true;
}

static shunt_status write_outer(const matcher *m, const comparison *in) {
  const char *word = " AND ";
  const bool with_deleted = true;
  shunt_value most = shunt_integer(RELATED_MOST + 1);
  sql_puts(in->q, are_distinct(m->ends->outer) ? "SELECT DISTINCT " : "SELECT ");
  write_names(in->q, in->at, m->ends->outer, ", ", "");
  site_from(in->q, in->at);
  sql_puts(in->q, " WHERE ");
  write_names(in->q, in->at, m->ends->outer, " AND ", " IS NOT NULL");
  shunt_status status = condition_always(in, with_deleted, &word);
  sql_puts(in->q, " LIMIT ");
  sql_param(in->q, &most);
  return status;
}

static shunt_status read_outer(const matcher *m) {
  call *c = m->w->c;
  sql_text *sql = call_sql(c);
  const comparison in = {.c = c, .at = m->w->at, .q = sql};
  if (!sql) return error_memory(c->err);
  shunt_status status = write_outer(m, &in);
  if (!status) status = statement_ask(c, sql, in.at, (answer_size){m->inner.n, 0}, m->rows);
  call_end_sql(c, sql);
  if (status || m->rows->count <= RELATED_MOST) return status;
  return error_set(
      c->err, SHUNT_E_USAGE,
      "where, relation '%s': the database doesn't compare the types of its keys by value, and model '%s' has "
      "more than %d keys; give both columns one type",
      m->ends->relation, m->w->at->model->name, RELATED_MOST);
}

/* ---- as the inner columns hold them ---- */

static void add(matcher *m, const shunt_value *values, uint32_t number) {
  for (size_t k = 0; k < m->inner.n; k++) m->fitted[m->count * m->inner.n + k] = values[k];
  m->numbers[m->count++] = number;
}

/* Of n keys that only the engine knows. */
static shunt_status add_held(matcher *m, const shunt_value *doubtful, const uint32_t *numbers, size_t n) {
  bool *held = arena_array(m->w->c->arena, bool, n);
  if (!held) return error_memory(m->w->c->err);
  shunt_status status = n ? key_check(m->w->c, m->ends->at, &m->inner, doubtful, n, held) : SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++)
    if (held[i]) add(m, doubtful + i * m->inner.n, numbers[i]);
  return status;
}

static shunt_status fit_all(matcher *m) {
  call *c = m->w->c;
  size_t n = m->rows->count, width = m->inner.n, asked = 0;
  shunt_value *doubtful = arena_array(c->arena, shunt_value, n * width);
  uint32_t *asked_of = arena_array(c->arena, uint32_t, n);
  m->fitted = arena_array(c->arena, shunt_value, n * width);
  m->numbers = arena_array(c->arena, uint32_t, n);
  m->matched = arena_array(c->arena, bool, n);
  if (!doubtful || !asked_of || !m->fitted || !m->numbers || !m->matched) return error_memory(c->err);
  for (uint32_t i = 0; i < n; i++) {
    shunt_value *out = doubtful + asked * width;
    switch (key_fit_all(c->arena, &m->inner, m->ends->outer, rows_row(m->rows, i), out)) {
    case KEY_FITS:
      add(m, out, i);
      break;
    case KEY_ASKS:
      asked_of[asked++] = i;
      break;
    case KEY_NOWHERE:
      break;
    case KEY_NO_MEMORY:
      return error_memory(c->err);
    }
  }
  return add_held(m, doubtful, asked_of, asked);
}

/* ---- those with a related row ---- */

static shunt_status write_inner(const matcher *m, const comparison *in, const key_list *keys, size_t from, size_t n) {
  sql_puts(in->q, "SELECT ");
  sql_puts(in->q, key_sql_hint(&keys->columns));
  sql_puts(in->q, "DISTINCT " KEY_NUMBER " FROM ");
  site_table(in->q, in->at);
  key_sql_join(in->c, in->q, in->at, keys, from, n);
  sql_puts(in->q, " WHERE 1 = 1");
  return m->ends->rest(in, m->ends->context);
}

static shunt_status ask_part(const matcher *m, const key_list *keys, size_t from, size_t n) {
  call *c = m->w->c;
  sql_text *sql = call_sql(c);
  shunt_rows *found = rows_new();
  const comparison in = {.c = c, .at = m->ends->at, .q = sql, .depth = m->w->depth + 1};
  shunt_status status = sql && found ? write_inner(m, &in, keys, from, n) : error_memory(c->err);
  if (!status) status = statement_read(c, sql, in.at, found);
  if (!status) status = statement_numbers(c, in.at, found, m->rows->count);
  for (size_t i = 0; !status && i < found->count; i++) m->matched[rows_row(found, i)[0].as.integer] = true;
  shunt_rows_free(found);
  if (sql) call_end_sql(c, sql);
  return status;
}

static shunt_status ask(const matcher *m) {
  const site *at = m->ends->at;
  key_list keys = {m->inner, m->fitted, m->numbers, m->count};
  shunt_status status = SHUNT_OK;
  for (size_t from = 0, n; from < keys.count && !status; from += n) {
    n = key_sql_part(at->engine, &keys, from, site_max_params(m->w->c->s, at) / (2 * m->inner.n));
    status = ask_part(m, &keys, from, n);
  }
  return status;
}

/* ---- the condition ---- */

static shunt_status keys_that_match(const matcher *m, key_list *out) {
  arena *a = m->w->c->arena;
  size_t width = m->ends->outer->n;
  shunt_value *values = arena_array(a, shunt_value, m->rows->count * width);
  *out = (key_list){.columns = *m->ends->outer, .values = values};
  if (!values) return error_memory(m->w->c->err);
  key_columns_compare(&out->columns, m->ends->outer);
  for (size_t i = 0; i < m->rows->count; i++) {
    shunt_value *cells = rows_row(m->rows, i);
    if (!m->matched[i]) continue;
    for (size_t k = 0; k < width; k++)
      if (!value_own(a, &cells[k])) return error_memory(m->w->c->err);
    key_fitting fitting = key_fit_all(a, &out->columns, m->ends->outer, cells, values + out->count * width);
    if (fitting == KEY_NO_MEMORY) return error_memory(m->w->c->err);
    out->count += fitting != KEY_NOWHERE;
  }
  return SHUNT_OK;
}

static void write_condition(const comparison *w, const key_list *keys) {
  sql_puts(w->q, "(");
  write_names(w->q, w->at, &keys->columns, " AND ", " IS NOT NULL");
  sql_puts(w->q, " AND (");
  if (!keys->count) sql_puts(w->q, "1 = 0");
  for (size_t from = 0, n; from < keys->count; from += n) {
    n = key_sql_part(w->at->engine, keys, from, keys->count - from);
    if (from) sql_puts(w->q, " OR ");
    key_sql_among(w->c, w->q, w->at, keys, from, n);
  }
  sql_puts(w->q, "))");
}

shunt_status related_match(const comparison *w, const related_ends *ends) {
  matcher m = {.w = w, .ends = ends, .inner = *ends->inner, .rows = rows_new()};
  key_list keys;
  key_columns_compare(&m.inner, ends->outer);
  shunt_status status = m.rows ? read_outer(&m) : error_memory(w->c->err);
  if (!status) status = fit_all(&m);
  if (!status) status = ask(&m);
  if (!status) status = keys_that_match(&m, &keys);
  if (!status) write_condition(w, &keys);
  shunt_rows_free(m.rows);
  return status;
}
