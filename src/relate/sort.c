#include "relate/sort.h"

#include <string.h>

#include "query/value.h"
#include "relate/weigh.h"

typedef struct term {
  const driver_column *of;
  int column;
  bool descending;
  bool numeric;         /* decimals are text, and compared as numbers */
  shunt_value *weights; /* by row: what is compared, where texts are weighed */
  shunt_value pad;
  driver_collation collation;
} term;

typedef struct sorter {
  const shunt_rows *rows;
  const term *terms;
  size_t nterms;
} sorter;

static int compare_cells(const term *t, const shunt_value *x, const shunt_value *y) {
  if (t->of->rank) return value_compare(x, y, DRIVER_BINARY);
  if (t->weights && x->type != SHUNT_NULL && y->type != SHUNT_NULL) return value_compare_padded(x, y, &t->pad);
  if (!t->numeric || (x->type != SHUNT_TEXT && y->type != SHUNT_TEXT)) return value_compare(x, y, t->collation);
  shunt_value as_x = value_canonical(x, true), as_y = value_canonical(y, true);
  return value_compare(&as_x, &as_y, t->collation);
}

static const shunt_value *cell_of(const sorter *o, const term *t, uint32_t row) {
  return t->weights ? &t->weights[row] : &rows_row(o->rows, row)[t->column];
}

static int compare(const sorter *o, uint32_t a, uint32_t b) {
  for (size_t i = 0; i < o->nterms; i++) {
    const term *t = &o->terms[i];
    int d = compare_cells(t, cell_of(o, t, a), cell_of(o, t, b));
    if (d) return t->descending ? -d : d;
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

static term term_of(const driver_column *column, const shunt_rows *rows, bool descending) {
  return (term){.of = column,
                .column = rows_column_index(rows, column->name),
                .descending = descending,
                .numeric = column->numeric && column->kind != DRIVER_ANYTHING,
                .collation = column->collation};
}

static shunt_status find_terms(shunt_session *s, const access *a, const char *const *order, size_t norder,
                               const shunt_rows *rows, term *terms, size_t *nterms, shunt_error *err) {
  const driver_column *column;
  *nterms = 0;
  for (size_t i = 0; i < norder; i++) {
    bool descending;
    shunt_status status = access_order(s, a, order[i], &column, &descending, err);
    if (status) return status;
    terms[(*nterms)++] = term_of(column, rows, descending);
  }
  column = driver_table_column(a->table->shape, a->model->primary_key);
  if (column) terms[(*nterms)++] = term_of(column, rows, false);
  return SHUNT_OK;
}

/* Weights that are asked for are in the engine's order. */
static shunt_status weigh_terms(shunt_session *s, const access *a, const shunt_rows *rows, arena *scratch, term *terms,
                                size_t nterms, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < nterms && !status; i++) {
    term *t = &terms[i];
    if (t->collation != DRIVER_WEIGHED && !t->of->rank) continue;
    weighing w = {.s = s, .at = a, .column = t->of, .a = scratch, .asked = true, .err = err};
    shunt_value *cells = arena_alloc(scratch, rows->count * sizeof *cells);
    t->weights = arena_alloc(scratch, rows->count * sizeof *t->weights);
    if (!cells || !t->weights) return error_memory(err);
    for (size_t row = 0; row < rows->count; row++) cells[row] = rows_row(rows, row)[t->column];
    status = t->of->rank ? weigh_ranks(&w, cells, rows->count, t->weights) : weigh(&w, cells, rows->count, t->weights);
    if (!status) status = weigh_pad(&w, &t->pad);
  }
  return status;
}

shunt_status sort_rows(shunt_session *s, const access *a, const char *const *order, size_t norder,
                       const shunt_rows *rows, arena *scratch, sort_ranks *out, shunt_error *err) {
  size_t n = rows->count;
  term *terms = arena_array(scratch, term, norder + 1);
  uint32_t *here = arena_alloc(scratch, n * sizeof *here), *there = arena_alloc(scratch, n * sizeof *there);
  if (!terms || !here || !there) return error_memory(err);
  sorter o = {rows, terms, 0};
  shunt_status status = find_terms(s, a, order, norder, rows, terms, &o.nterms, err);
  if (!status) status = weigh_terms(s, a, rows, scratch, terms, o.nterms, err);
  if (status) return status;
  for (uint32_t i = 0; i < n; i++) here[i] = i;
  out->row = merge_sort(&o, here, there, n);
  out->rank = out->row == here ? there : here;
  for (uint32_t i = 0; i < n; i++) out->rank[out->row[i]] = i;
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

shunt_status sort_pick(shunt_rows *rows, const uint32_t *positions, size_t n, arena *scratch, shunt_error *err) {
  size_t before = rows->count;
  uint32_t *clients = arena_alloc(scratch, n * sizeof *clients);
  if (!clients) return error_memory(err);
  for (size_t i = 0; i < n; i++) {
    clients[i] = rows_origin_of(rows, positions[i]);
    shunt_value *cells = rows_add(rows);
    if (!cells) return error_memory(err);
    memcpy(cells, rows_row(rows, positions[i]), rows->ncolumns * sizeof *cells);
  }
  for (size_t i = 0; i < n && before; i++)
    memcpy(rows_row(rows, i), rows_row(rows, before + i), rows->ncolumns * sizeof(shunt_value));
  return sort_set_origins(rows, clients, n) ? SHUNT_OK : error_memory(err);
}
