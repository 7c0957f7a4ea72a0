#include "model/merge.h"

#include "relate/sort.h"

/* What the sites are asked: the rows that may be among the first ones of all, with the columns of the order. */
static shunt_status spec_of_each(call *c, const access *a, const select_spec *q, select_spec *out) {
  bool cut = q->limited || q->offset;
  const driver_column *key[KEY_MOST];
  const char *names[KEY_MOST];
  size_t nkey = cut || q->norder ? site_order_key(a->sites, key) : 0;
  for (size_t i = 0; i < nkey; i++) names[i] = key[i]->name;
  *out = *q;
  shunt_status status = select_need_order(c, out);
  if (!status) status = select_need(c, out, names, nkey);
  if (status) return status;
  out->offset = 0;
  if (q->limited && q->limit > INT64_MAX - q->offset) out->limited = false;
  if (out->limited) out->limit = q->limit + q->offset;
  return SHUNT_OK;
}

static shunt_status read_all(call *c, const access *a, select_spec *q, shunt_rows *rows) {
  gather g;
  feed f = {.rows = rows}, *done;
  gather_begin(c, &g);
  shunt_status status = select_ask(c, a, q, &f, NULL);
  while (!status && f.first) status = gather_next(&g, &done);
  gather_end(&g);
  return status;
}

size_t merge_cut(size_t count, int64_t most, int64_t offset, size_t *first) {
  *first = (uint64_t)offset < count ? (size_t)offset : count;
  size_t left = count - *first;
  return (uint64_t)most < left ? (size_t)most : left;
}

static shunt_status arrange(call *c, const site *at, const select_spec *q, shunt_rows *rows, arena *scratch) {
  sort_by *by = arena_array(scratch, sort_by, q->norder + KEY_MOST);
  sort_spec spec = {.ranks = &q->ranks, .at = at, .by = by, .rows = rows};
  sort_ranks ranks;
  size_t first, n = merge_cut(rows->count, q->limited ? q->limit : INT64_MAX, q->offset, &first);
  shunt_status status = by ? sort_terms(c, &spec, q->order, q->norder, by, &spec.n) : error_memory(c->err);
  if (!status) status = sort_rows(c, &spec, scratch, &ranks);
  return status ? status : sort_pick(c, rows, ranks.row + first, n, scratch);
}

shunt_status merge_select(call *c, const access *a, select_spec *q, shunt_rows *rows) {
  if (a->nsites == 1) return select_at(c, &a->sites[0], q, rows);
  select_spec each;
  arena scratch = {0};
  shunt_status status = spec_of_each(c, a, q, &each);
  if (q->limited && q->limit == 0) each.limit = 0; /* none is read in order to be skipped */
  if (!status) status = read_all(c, a, &each, rows);
  if (!status && (q->norder || q->limited || q->offset)) status = arrange(c, a->sites, q, rows, &scratch);
  arena_free(&scratch);
  return status;
}
