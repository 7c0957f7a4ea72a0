/* Aggregates of a relation's rows.
 *
 * Idea: the engine computes them for each number in the table of keys (select_spec.aggregates). A number is one key,
 * and parents that have the same key share its results. Through links the table has one line for each link, with the
 * number of the link's parent, so that the join repeats a target as often as it is linked, and the engine adds.
 *
 * Results of one number may come from several statements: parts on several datasources, links to several places, more
 * links than fit into one statement. They are combined here (combine.h).
 *
 * Not here: aggregates of rows that a limit chooses from several statements; these rows would have to be read. */
#include <string.h>

#include "relate/combine.h"
#include "relate/load.h"

static aggregate_list asked(const loading *l) {
  aggregate_list list = l->p->aggregates;
  list.apart = l->links || l->fetch.k.parted;
  return list;
}

/* ---- the results of each number ---- */

/* Numbers the groups of rows that have the same number: once they are combined, the row of each. */
static shunt_status group_rows(loading *l, uint32_t **group, uint32_t *row_of, size_t *ngroups) {
  const shunt_rows *rows = l->children;
  *group = arena_array(&l->scratch, uint32_t, rows->count + 1);
  *ngroups = 0;
  if (!*group) return error_memory(l->c->err);
  for (size_t i = 0; i < rows->count; i++) {
    uint32_t *row = &row_of[rows_row(rows, i)[rows->ncolumns - 1].as.integer];
    if (*row == KEY_NONE) *row = (uint32_t)(*ngroups)++;
    (*group)[i] = *row;
  }
  return SHUNT_OK;
}

/* Each datasource has types of its own. */
static shunt_status make_plain(loading *l, const aggregate_list *list, const key_group *group, row_range range) {
  const site *at = access_only_site(&group->at);
  result_list r = {arena_array(&l->scratch, result, 2 * list->n), 0};
  shunt_status status = r.list ? aggregate_find(l->c, at, list, &r) : error_memory(l->c->err);
  if (status) return status;
  aggregate_plain(&r, l->children, range);
  return list->apart ? SHUNT_OK : aggregate_give_types(l->c, at, &r, l->children, range);
}

/* The first site's engine compares and divides. */
static shunt_status combine(loading *l, const aggregate_list *list, const uint32_t *group, size_t ngroups) {
  const site *at = access_only_site(&l->fetch.k.groups[0].at);
  result_list r = {arena_array(&l->scratch, result, 2 * list->n), 0};
  shunt_status status = r.list ? aggregate_find(l->c, at, list, &r) : error_memory(l->c->err);
  const combine_spec spec = {.at = at, .results = r.list, .n = list->n, .group = group, .ngroups = ngroups};
  if (!status) status = combine_rows(l->c, &spec, l->children, &l->scratch);
  const row_range all = {0, (uint32_t)ngroups};
  return status ? status : aggregate_give_types(l->c, at, &r, l->children, all);
}

static shunt_status results_end(loading *l) {
  const aggregate_list list = asked(l);
  const fetch *f = &l->fetch;
  size_t ngroups, nnumbers = l->links ? l->parents.rows->count : f->k.keys.count;
  uint32_t *row_of = arena_alloc(&l->scratch, (nnumbers + 1) * sizeof *row_of), *group;
  shunt_status status = row_of ? SHUNT_OK : error_memory(l->c->err);
  for (size_t g = 0; g < f->k.ngroups && !status; g++)
    if (f->range[g].first < f->range[g].end) status = make_plain(l, &list, &f->k.groups[g], f->range[g]);
  if (status) return status;
  memset(row_of, 0xff, (nnumbers + 1) * sizeof *row_of); /* KEY_NONE */
  status = fetch_numbers(f, l->children, nnumbers);
  if (!status) status = group_rows(l, &group, row_of, &ngroups);
  if (!status && list.apart) status = combine(l, &list, group, ngroups);
  return status ? status : load_hang_results(l, row_of);
}

/* ---- asking ---- */

static shunt_status check_cut(const loading *l) {
  if (!l->q.per_key || !l->fetch.k.parted) return SHUNT_OK;
  return error_set(
      l->c->err, SHUNT_E_USAGE,
      "include: relation '%s' is to be aggregated, and %s of rows on several datasources, which are put in "
      "order only once they are read; %s",
      l->p->relation->full_name, plan_is_one(l->p->relation) ? "it is the first" : "its limit or offset chooses some",
      plan_is_one(l->p->relation) ? "load the row" : "leave the limit out, or load the rows");
}

static shunt_status ask(loading *l) {
  const aggregate_list list = asked(l);
  select_spec q = l->q;
  q.aggregates = &list;
  q.nneeded = 0;
  if (!q.per_key) q.norder = 0; /* an order only says which rows a limit chooses */
  return load_ask(l, &q, l->children, results_end);
}

shunt_status load_ask_results(loading *l) {
  shunt_status status = check_cut(l);
  l->numbers = l->fetch.k.of_entry;
  return status ? status : ask(l);
}

/* ---- through links ---- */

/* The parents of the links to each key: key i has those from starts[i] up to starts[i + 1]. */
typedef struct linked {
  size_t *starts;
  uint32_t *parents;
} linked;

static bool sort_links(loading *l, const uint32_t *parent, size_t nlinks, linked *out) {
  const grouped *k = &l->fetch.k;
  out->starts = arena_array(&l->scratch, size_t, k->keys.count + 2);
  out->parents = arena_alloc(&l->scratch, (nlinks + 1) * sizeof *out->parents);
  if (!out->starts || !out->parents) return false;
  size_t *end = out->starts + 1; /* of each key, once all are placed */
  for (size_t i = 0; i < nlinks; i++)
    if (k->of_entry[i] != KEY_NONE) end[k->of_entry[i] + 1]++;
  for (size_t i = 1; i <= k->keys.count; i++) end[i] += end[i - 1];
  for (size_t i = 0; i < nlinks; i++)
    if (k->of_entry[i] != KEY_NONE) out->parents[end[k->of_entry[i]]++] = parent[i];
  return true;
}

/* Replaces each key of the list with one for each link, numbered with its parent. */
static bool key_by_link(loading *l, const linked *by_key, key_list *keys) {
  size_t width = keys->columns.n, count = 0, n = 0;
  for (size_t i = 0; i < keys->count; i++)
    count += by_key->starts[keys->numbers[i] + 1] - by_key->starts[keys->numbers[i]];
  shunt_value *values = arena_array(&l->scratch, shunt_value, (count + 1) * width);
  uint32_t *numbers = arena_array(&l->scratch, uint32_t, count + 1);
  if (!values || !numbers) return false;
  for (size_t i = 0; i < keys->count; i++)
    for (size_t at = by_key->starts[keys->numbers[i]]; at < by_key->starts[keys->numbers[i] + 1]; at++) {
      memcpy(values + n * width, key_at(keys, i), width * sizeof *values);
      numbers[n++] = by_key->parents[at];
    }
  *keys = (key_list){keys->columns, values, numbers, n};
  return true;
}

shunt_status load_ask_linked_results(loading *l, const uint32_t *parent, size_t nlinks) {
  grouped *k = &l->fetch.k;
  size_t nparents = l->parents.rows->count;
  uint32_t *numbers = arena_array(&l->scratch, uint32_t, nparents + 1);
  linked by_key;
  bool ok = numbers && sort_links(l, parent, nlinks, &by_key);
  for (size_t g = 0; g < k->ngroups && ok; g++) ok = key_by_link(l, &by_key, &k->groups[g].keys);
  if (!ok) return error_memory(l->c->err);
  for (uint32_t i = 0; i < nparents; i++) numbers[i] = i;
  l->numbers = numbers;
  return ask(l);
}
