#include "relate/sort.h"

#include <string.h>

#include "query/decimal.h"
#include "query/value.h"
#include "relate/collation.h"

typedef struct term {
  const driver_column *of;
  int column;
  bool descending, nulls_moved;
  bool numeric;      /* decimals are text, and compared as numbers */
  shunt_value *keys; /* by row: the collation keys, where these are compared */
  shunt_value pad;
  driver_collation collation;
} term;

typedef struct sorter {
  const shunt_rows *rows;
  const term *terms;
  size_t nterms;
} sorter;

static int compare_cells(const term *t, const shunt_value *x, const shunt_value *y) {
  if (t->of && t->of->rank) return value_compare(x, y, DRIVER_BINARY);
  if (t->keys && x->type != SHUNT_NULL && y->type != SHUNT_NULL) return value_compare_padded(x, y, &t->pad);
  if (!t->numeric || (x->type != SHUNT_TEXT && y->type != SHUNT_TEXT)) return value_compare(x, y, t->collation);
  if (decimal_is(x) && decimal_is(y)) return decimal_compare(x, y);
  shunt_value as_x = value_canonical(x, true), as_y = value_canonical(y, true);
  return value_compare(&as_x, &as_y, t->collation);
}

static const shunt_value *cell_of(const sorter *o, const term *t, uint32_t row) {
  return t->keys ? &t->keys[row] : &rows_row(o->rows, row)[t->column];
}

static int compare(const sorter *o, uint32_t a, uint32_t b) {
  for (size_t i = 0; i < o->nterms; i++) {
    const term *t = &o->terms[i];
    const shunt_value *x = cell_of(o, t, a), *y = cell_of(o, t, b);
    int d = compare_cells(t, x, y);
    bool null = x->type == SHUNT_NULL || y->type == SHUNT_NULL;
    if (d) return t->descending == (null && t->nulls_moved) ? d : -d;
  }
  return 0;
}

/* Merge sort, bottom up: stable. The result is in a or in b. */
static uint32_t *merge_sort(const sorter *o, uint32_t *a, uint32_t *b, size_t n) {
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t low = 0; low < n; low += 2 * width) {
      size_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n;
      size_t i = low, k = middle;
      for (size_t to = low; to < high; to++)
        b[to] = i < middle && (k >= high || compare(o, a[i], a[k]) <= 0) ? a[i++] : a[k++];
    }
    uint32_t *swap = a;
    a = b;
    b = swap;
  }
  return a;
}

static term term_of(const sort_by *by) {
  const driver_column *column = by->of;
  return (term){.of = column,
                .column = by->column,
                .descending = by->descending,
                .nulls_moved = by->nulls_moved,
                .numeric = !column || column->numeric,
                .collation = column ? column->collation : DRIVER_BINARY};
}

shunt_status sort_terms(call *c, const sort_spec *spec, const char *const *order, size_t norder, sort_by *terms,
                        size_t *n) {
  const site *at = spec->at;
  const comparison w = {.c = c, .at = at};
  order_term asked;
  operand o;
  *n = 0;
  for (size_t i = 0; i < norder; i++) {
    shunt_status status = order_operand(&w, spec->ranks, order[i], &asked, &o);
    if (!status) status = order_merges(c, at, o.column);
    if (status) return status;
    int index = rows_column_index(spec->rows, o.column->name);
    if (index < 0)
      return error_set(c->err, SHUNT_E_INTERNAL, "model '%s': '%s' is ordered by and was not fetched", at->model->name,
                       o.column->name);
    terms[(*n)++] =
        (sort_by){.of = o.column, .column = index, .descending = asked.descending, .nulls_moved = asked.nulls_moved};
  }
  const driver_column *key[KEY_MOST];
  size_t nkey = site_order_key(at, key);
  for (size_t k = 0; k < nkey; k++)
    terms[(*n)++] = (sort_by){.of = key[k], .column = rows_column_index(spec->rows, key[k]->name)};
  return SHUNT_OK;
}

/* Collation keys that are asked for are in the engine's order. */
static shunt_status collate_term(call *c, const sort_spec *spec, arena *scratch, term *t) {
  const shunt_rows *rows = spec->rows;
  collating w = {.c = c, .at = spec->at, .column = t->of, .a = scratch};
  shunt_value *cells = arena_alloc(scratch, rows->count * sizeof *cells);
  t->keys = arena_alloc(scratch, rows->count * sizeof *t->keys);
  if (!cells || !t->keys) return error_memory(c->err);
  for (size_t row = 0; row < rows->count; row++) cells[row] = rows_row(rows, row)[t->column];
  shunt_status status =
      t->of->rank ? collation_ranks(&w, cells, rows->count, t->keys) : collation_keys(&w, cells, rows->count, t->keys);
  return status ? status : collation_pad(&w, &t->pad);
}

static bool needs_engine(const term *t) { return t->of && (t->collation == DRIVER_WEIGHED || t->of->rank); }

shunt_status sort_rows(call *c, const sort_spec *spec, arena *scratch, sort_ranks *out) {
  size_t n = spec->rows->count;
  term *terms = arena_array(scratch, term, spec->n + 1);
  uint32_t *here = arena_alloc(scratch, n * sizeof *here), *there = arena_alloc(scratch, n * sizeof *there);
  out->tied = arena_array(scratch, bool, n + 1);
  if (!terms || !here || !there || !out->tied) return error_memory(c->err);
  sorter o = {spec->rows, terms, spec->n};
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < spec->n && !status; i++) {
    terms[i] = term_of(&spec->by[i]);
    if (needs_engine(&terms[i])) status = collate_term(c, spec, scratch, &terms[i]);
  }
  if (status) return status;
  for (uint32_t i = 0; i < n; i++) here[i] = i;
  out->row = merge_sort(&o, here, there, n);
  out->rank = out->row == here ? there : here;
  for (uint32_t i = 0; i < n; i++) {
    out->rank[out->row[i]] = i;
    out->tied[i] = i && compare(&o, out->row[i - 1], out->row[i]) == 0;
  }
  return SHUNT_OK;
}

bool sort_set_origins(shunt_rows *rows, const uint32_t *clients, size_t count) {
  bool known = rows->norigins > 0, ok = true;
  rows->norigins = 0;
  for (rows->count = 0; known && ok && rows->count < count; rows->count++)
    ok = rows_add_origin(rows, clients[rows->count]);
  rows->count = count;
  return ok;
}

shunt_status sort_pick(call *c, shunt_rows *rows, const uint32_t *positions, size_t n, arena *scratch) {
  size_t before = rows->count;
  uint32_t *clients = arena_alloc(scratch, n * sizeof *clients);
  if (!clients) return error_memory(c->err);
  for (size_t i = 0; i < n; i++) {
    clients[i] = rows_origin_of(rows, positions[i]);
    shunt_value *cells = rows_add(rows);
    if (!cells) return error_memory(c->err);
    memcpy(cells, rows_row(rows, positions[i]), rows->ncolumns * sizeof *cells);
  }
  for (size_t i = 0; i < n && before; i++)
    memcpy(rows_row(rows, i), rows_row(rows, before + i), rows->ncolumns * sizeof(shunt_value));
  return sort_set_origins(rows, clients, n) ? SHUNT_OK : error_memory(c->err);
}
