/* Aggregates of several sites.
 *
 * Idea: a count is the sum of counts, a sum the sum of sums, the least the least of the least; an average is the sum
 * divided by the count. Groups are equal if the engine's order says so: rows are sorted by their groups, and a tie is
 * the same group. The least value of a group is the first of it when the rows are sorted by group and value.
 *
 * Invariant: nothing is rounded that one table's aggregate would not round: integers that overflow become decimals,
 * decimals are added as decimals, and the engine itself divides them. */
#include "relate/combine.h"

#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "query/decimal.h"
#include "query/statement.h"
#include "query/value.h"

typedef struct combiner {
  call *c;
  const combine_spec *spec;
  shunt_rows *rows;
  arena *scratch;
  sort_ranks ranks;
  const uint32_t *group; /* of each row */
  uint32_t *holder;      /* of each group: the row that takes its result */
  size_t ngroups;
} combiner;

/* ---- groups ---- */

/* Orders the rows by their groups and, if column is not negative, by that column. */
static shunt_status order_by(combiner *w, int column, sort_ranks *out) {
  sort_by *by = arena_array(w->scratch, sort_by, w->spec->ngroup + 1);
  sort_spec spec = {.at = w->spec->at, .by = by, .rows = w->rows};
  if (!by) return error_memory(w->c->err);
  for (size_t i = 0; i < w->spec->ngroup; i++)
    by[spec.n++] = (sort_by){.of = w->spec->results[i].column, .column = (int)i};
  if (column >= 0) by[spec.n++] = (sort_by){.of = w->spec->results[column].column, .column = column};
  return sort_rows(w->c, &spec, w->scratch, out);
}

static shunt_status find_groups(combiner *w) {
  size_t n = w->rows->count;
  uint32_t *group = arena_array(w->scratch, uint32_t, n + 1);
  w->group = group;
  w->holder = arena_array(w->scratch, uint32_t, n + 1);
  if (!group || !w->holder) return error_memory(w->c->err);
  shunt_status status = order_by(w, -1, &w->ranks);
  for (size_t i = 0; i < n && !status; i++) {
    uint32_t row = w->ranks.row[i];
    bool same = i && (w->spec->ngroup == 0 || w->ranks.tied[i]);
    if (!same) w->holder[w->ngroups++] = row;
    group[row] = (uint32_t)w->ngroups - 1;
  }
  return status;
}

static shunt_status take_groups(combiner *w) {
  w->group = w->spec->group;
  w->ngroups = w->spec->ngroups;
  w->holder = arena_array(w->scratch, uint32_t, w->ngroups + 1);
  if (!w->holder) return error_memory(w->c->err);
  for (uint32_t row = (uint32_t)w->rows->count; row-- > 0;) w->holder[w->group[row]] = row;
  return SHUNT_OK;
}

/* ---- sums ---- */

static double as_double(const shunt_value *v) {
  if (v->type == SHUNT_INTEGER) return (double)v->as.integer;
  return v->type == SHUNT_FLOAT ? v->as.number : number_read(v->as.bytes, v->size);
}

static shunt_status as_decimal(combiner *w, const shunt_value *v, shunt_value *out) {
  *out = *v;
  if (v->type != SHUNT_INTEGER) return SHUNT_OK;
  char *room = arena_alloc(w->scratch, VALUE_TEXT_BYTES);
  if (!room) return error_memory(w->c->err);
  *out = shunt_text(room, value_as_text(v, room));
  return SHUNT_OK;
}

/* Intervals, amounts of money: texts that are not digits. */
static shunt_status refuse(combiner *w, const driver_column *of) {
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "model '%s': only the engine can compute with the values of column '%s' (%s), and these come from "
                   "several statements; read the rows, or ask for one part",
                   w->spec->at->model->name, of->name, of->type);
}

static shunt_status add(combiner *w, const driver_column *of, shunt_value *sum, const shunt_value *v) {
  shunt_value x, y;
  if (v->type == SHUNT_NULL) return SHUNT_OK;
  if (sum->type == SHUNT_NULL) {
    *sum = *v;
    return SHUNT_OK;
  }
  int64_t total;
  if (sum->type == SHUNT_INTEGER && v->type == SHUNT_INTEGER &&
      !__builtin_add_overflow(sum->as.integer, v->as.integer, &total)) {
    *sum = shunt_integer(total);
    return SHUNT_OK;
  }
  if (of && of->kind == DRIVER_OTHERS) return refuse(w, of);
  shunt_status status = as_decimal(w, sum, &x);
  if (!status) status = as_decimal(w, v, &y);
  if (status) return status;
  if (!decimal_is(&x) || !decimal_is(&y)) {
    *sum = shunt_float(as_double(sum) + as_double(v));
    return SHUNT_OK;
  }
  status = decimal_add(w->scratch, &x, &y, sum);
  return status ? error_memory(w->c->err) : SHUNT_OK;
}

static shunt_status sum_column(combiner *w, int column) {
  const driver_column *of = w->spec->results[column].column;
  shunt_status status = SHUNT_OK;
  for (uint32_t row = 0; row < w->rows->count && !status; row++) {
    uint32_t holder = w->holder[w->group[row]];
    if (row != holder) status = add(w, of, &rows_row(w->rows, holder)[column], &rows_row(w->rows, row)[column]);
  }
  return status;
}

/* ---- least, greatest ---- */

static shunt_status pick_column(combiner *w, int column, bool greatest) {
  sort_ranks ranks;
  shunt_value *found = arena_array(w->scratch, shunt_value, w->ngroups + 1);
  shunt_status status = found ? order_by(w, column, &ranks) : error_memory(w->c->err);
  for (size_t i = 0; i < w->rows->count && !status; i++) {
    const shunt_value *v = &rows_row(w->rows, ranks.row[i])[column];
    shunt_value *of = &found[w->group[ranks.row[i]]];
    if (v->type != SHUNT_NULL && (greatest || of->type == SHUNT_NULL)) *of = *v;
  }
  for (size_t g = 0; g < w->ngroups && !status; g++) rows_row(w->rows, w->holder[g])[column] = found[g];
  return status;
}

/* ---- averages ---- */

/* A statement that divides has a column for each quotient. */
enum { DIVIDED_AT_ONCE = 100 };

/* An average: the results that hold its sum and its count. */
typedef struct average {
  int sum;
  size_t count;
} average;

static shunt_value *cell_of(const combiner *w, uint32_t group, size_t column) {
  return &rows_row(w->rows, w->holder[group])[column];
}

static bool write_quotients(combiner *w, const average *of, const uint32_t *groups, size_t n, sql_text *sql) {
  const char *format = w->spec->at->engine->scaled_type;
  for (size_t i = 0; i < n; i++) {
    const shunt_value *sum = cell_of(w, groups[i], (size_t)of->sum);
    const char *type = arena_printf(w->scratch, format, decimal_scale(sum));
    if (!type) return false;
    sql_puts(sql, i ? ", CAST(" : "SELECT CAST(");
    sql_param(sql, sum);
    sql_puts(sql, " AS ");
    sql_puts(sql, type);
    sql_puts(sql, ") / ");
    sql_param(sql, cell_of(w, groups[i], of->count));
  }
  return true;
}

/* The engine divides exact numbers: it alone knows how many digits its average has. */
static shunt_status divide_there(combiner *w, const average *of, const uint32_t *groups, size_t n) {
  sql_text *sql = call_sql(w->c);
  shunt_rows *rows = rows_new();
  bool ok = sql && rows && write_quotients(w, of, groups, n, sql);
  shunt_status status = ok ? statement_ask(w->c, sql, w->spec->at, (answer_size){n, 1}, rows) : error_memory(w->c->err);
  call_end_sql(w->c, sql);
  for (size_t i = 0; i < n && !status; i++) {
    shunt_value *out = cell_of(w, groups[i], (size_t)of->sum);
    *out = rows_row(rows, 0)[i];
    if (!rows_own(w->rows, out)) status = error_memory(w->c->err);
  }
  shunt_rows_free(rows);
  return status;
}

static bool is_divided_here(const combiner *w, const driver_column *column, const shunt_value *sum) {
  bool exact = w->spec->at->engine->scaled_type && decimal_is(sum);
  return aggregate_is_integer(column) || sum->type == SHUNT_FLOAT || !exact;
}

static shunt_status divide(combiner *w, int column) {
  const average of = {column, w->spec->results[column].count};
  const driver_column *numbers = w->spec->results[column].column;
  uint32_t *there = arena_array(w->scratch, uint32_t, w->ngroups + 1);
  size_t n = 0;
  if (!there) return error_memory(w->c->err);
  if (numbers->kind == DRIVER_OTHERS) return refuse(w, numbers);
  for (uint32_t g = 0; g < w->ngroups; g++) {
    shunt_value *sum = cell_of(w, g, (size_t)column);
    if (sum->type == SHUNT_NULL) continue;
    if (is_divided_here(w, numbers, sum))
      *sum = shunt_float(as_double(sum) / (double)cell_of(w, g, of.count)->as.integer);
    else
      there[n++] = g;
  }
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i += DIVIDED_AT_ONCE)
    status = divide_there(w, &of, there + i, n - i < DIVIDED_AT_ONCE ? n - i : DIVIDED_AT_ONCE);
  return status;
}

/* ---- all of it ---- */

static shunt_status combine_one(combiner *w, int column) {
  const result *of = &w->spec->results[column];
  shunt_status status;
  if (of->grouped) return SHUNT_OK;
  switch (of->function) {
  case SHUNT_MIN:
  case SHUNT_MAX:
    return pick_column(w, column, of->function == SHUNT_MAX);
  case SHUNT_AVG:
    status = sum_column(w, column);
    if (!status) status = sum_column(w, (int)of->count);
    return status ? status : divide(w, column);
  default:
    return sum_column(w, column);
  }
}

shunt_status combine_rows(call *c, const combine_spec *spec, shunt_rows *rows, arena *scratch) {
  combiner w = {.c = c, .spec = spec, .rows = rows, .scratch = scratch};
  shunt_status status = spec->group ? take_groups(&w) : find_groups(&w);
  for (size_t i = 0; i < spec->n && !status; i++) status = combine_one(&w, (int)i);
  for (size_t g = 0; g < w.ngroups && !status; g++)
    for (size_t i = 0; i < rows->ncolumns && !status; i++)
      if (!rows_own(rows, &rows_row(rows, w.holder[g])[i])) status = error_memory(c->err);
  return status ? status : sort_pick(c, rows, w.holder, w.ngroups, scratch);
}
