#include "relate/fetch.h"

#include "query/order_rank.h"
#include "query/statement.h"

/* The groups' sites and keys are those of the rows to order. */
static shunt_status rank(const fetch *f, select_spec *q) {
  size_t n = 0;
  for (size_t g = 0; g < f->k.ngroups; g++) n += f->k.groups[g].at.nsites;
  order_source *sources = arena_array(f->scratch, order_source, n);
  filter *filters = arena_alloc(f->scratch, f->k.ngroups * sizeof *filters);
  if (!sources || !filters) return error_memory(f->c->err);
  n = 0;
  for (size_t g = 0; g < f->k.ngroups; g++) {
    const key_group *from = &f->k.groups[g];
    filters[g] = q->filter;
    filters[g].keys = from->keys;
    for (size_t i = 0; i < from->at.nsites; i++) sources[n++] = (order_source){&from->at.sites[i], &filters[g]};
  }
  return order_rank_sources(f->c, sources, n, q);
}

shunt_status fetch_ask(fetch *f, select_spec *q, shunt_rows *rows) {
  f->feed = (feed){.rows = rows, .owner = f->feed.owner};
  f->range = arena_array(f->scratch, row_range, f->k.ngroups);
  if (!f->range) return error_memory(f->c->err);
  q->numbered = q->aggregates || !f->k.exact;
  if (f->k.ngroups && order_needs_rank(q)) {
    shunt_status status = rank(f, q);
    if (status) return status;
  }
  for (size_t g = 0; g < f->k.ngroups; g++) {
    q->filter.keys = f->k.groups[g].keys;
    shunt_status status = select_ask(f->c, &f->k.groups[g].at, q, &f->feed, &f->range[g]);
    if (status) return status;
  }
  return SHUNT_OK;
}

shunt_status fetch_now(fetch *f, select_spec *q, shunt_rows *rows) {
  gather g;
  feed *done;
  gather_begin(f->c, &g);
  shunt_status status = fetch_ask(f, q, rows);
  while (!status && f->feed.first) status = gather_next(&g, &done);
  gather_end(&g);
  return status;
}

/* ---- counts ---- */

shunt_status fetch_numbers(const fetch *f, const shunt_rows *rows, size_t n) {
  return f->k.ngroups ? statement_numbers(f->c, access_only_site(&f->k.groups[0].at), rows, n) : SHUNT_OK;
}

/* The rows of a key may lie in several parts, and each part has counted its own. */
shunt_status fetch_counts(const fetch *f, const shunt_rows *rows, uint64_t **counts) {
  *counts = arena_array(f->scratch, uint64_t, f->k.keys.count + 1);
  shunt_status status = *counts ? fetch_numbers(f, rows, f->k.keys.count) : error_memory(f->c->err);
  for (size_t i = 0; !status && i < rows->count; i++) {
    const shunt_value *cells = rows_row(rows, i);
    (*counts)[cells[rows->ncolumns - 1].as.integer] += (uint64_t)cells[0].as.integer;
  }
  return status;
}

/* ---- by key ---- */

/* Where the columns of the keys are in the rows. */
static void find_columns(const fetch *f, const shunt_rows *rows, int columns[KEY_MOST]) {
  const key_columns *key = &f->k.groups[0].keys.columns;
  for (size_t i = 0; i < key->n; i++) columns[i] = rows_column_index(rows, key->list[i]->name);
}

static void key_of_row(const fetch *f, const shunt_rows *rows, size_t row, const int columns[KEY_MOST],
                       shunt_value out[KEY_MOST]) {
  for (size_t i = 0; i < f->k.keys.width; i++) out[i] = rows_row(rows, row)[columns[i]];
}

/* The key of each row, and in end the number of rows of each key. A group whose keys its columns can't hold has run no
 * statement and has no rows. */
static void find_keys(const fetch *f, const shunt_rows *rows, uint32_t *key_of, uint32_t *end) {
  int columns[KEY_MOST];
  shunt_value key[KEY_MOST];
  find_columns(f, rows, columns);
  for (size_t g = 0; g < f->k.ngroups; g++)
    for (uint32_t i = f->range[g].first; i < f->range[g].end; i++) {
      if (f->k.exact) {
        key_of_row(f, rows, i, columns, key);
        key_of[i] = group_find(&f->k, g, key);
      } else {
        key_of[i] = (uint32_t)rows_row(rows, i)[rows->ncolumns - 1].as.integer;
      }
      if (key_of[i] != KEY_NONE) end[key_of[i] + 1]++;
    }
}

/* A counting sort: how many rows each key has, where they begin, and then each row to its place. */
shunt_status fetch_by_key(fetch *f, const shunt_rows *rows) {
  size_t nkeys = f->k.keys.count;
  if (rows->count >= UINT32_MAX)
    return error_set(f->c->err, SHUNT_E_USAGE, "model '%s' has too many rows for one call",
                     access_only_site(&f->k.groups[0].at)->model->name);
  uint32_t *key_of = arena_alloc(f->scratch, rows->count * sizeof *key_of);
  f->starts = arena_array(f->scratch, uint32_t, nkeys + 2);
  f->positions = arena_alloc(f->scratch, rows->count * sizeof *f->positions);
  if (!key_of || !f->starts || !f->positions) return error_memory(f->c->err);
  if (f->k.ngroups == 0) return SHUNT_OK;
  shunt_status status = f->k.exact ? SHUNT_OK : fetch_numbers(f, rows, nkeys);
  if (status) return status;
  uint32_t *end = f->starts + 1; /* of each key, once they are all placed */
  find_keys(f, rows, key_of, end);
  for (size_t i = 1; i <= nkeys; i++) end[i] += end[i - 1];
  for (uint32_t i = 0; i < rows->count; i++)
    if (key_of[i] != KEY_NONE) f->positions[end[key_of[i]]++] = i;
  return SHUNT_OK;
}

shunt_status fetch_pairs(const fetch *f, size_t nentries, uint32_t **entry, uint32_t **row, size_t *n) {
  const uint32_t *positions;
  uint64_t count = 0;
  for (size_t i = 0; i < nentries; i++) count += fetch_of_entry(f, i, &positions);
  if (count > SIZE_MAX / sizeof **row) return error_memory(f->c->err);
  *row = arena_alloc(f->scratch, (size_t)count * sizeof **row);
  *entry = arena_alloc(f->scratch, (size_t)count * sizeof **entry);
  *n = 0;
  if (!*row || !*entry) return error_memory(f->c->err);
  for (uint32_t i = 0; i < nentries; i++) {
    uint32_t of_entry = fetch_of_entry(f, i, &positions);
    for (uint32_t k = 0; k < of_entry; k++) {
      (*row)[*n] = positions[k];
      (*entry)[(*n)++] = i;
    }
  }
  return SHUNT_OK;
}
