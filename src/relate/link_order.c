/* Idea: no engine can order by columns of two tables that it does not have together. So each run of terms over one
 * table gives the rows of that table ranks, as the engine would order them, and equal rows have equal ranks. Pairs are
 * ordered by these ranks from the last run to the first, and then by their parents; each step is a stable counting
 * sort.
 *
 * The last run over the targets ends in their primary key, so it has no ties: if one statement reads the targets, it
 * orders them by this run, and their numbers are the ranks. */
#include "relate/link_order.h"

#include <string.h>

#include "query/order_path.h"

static const char LINK_DOT[] = PLAN_LINK ".";

/* ---- making the runs ---- */

/* The term without "link."; the same term if it is about the target. NULL when out of memory. */
static const char *own_term(arena *a, const char *term, bool *of_link) {
  size_t descending = term && term[0] == '-', size = sizeof LINK_DOT - 1;
  *of_link = term && strncmp(term + descending, LINK_DOT, size) == 0;
  if (!*of_link) return term ? term : "";
  return arena_printf(a, "%s%s", descending ? "-" : "", term + descending + size);
}

static bool add_run(link_order *o, arena *a, bool of_links, size_t most) {
  order_run *run = &o->runs[o->n++];
  *run = (order_run){.of_links = of_links, .terms = arena_array(a, const char *, most + 1)};
  return run->terms != NULL;
}

static bool add_term(link_order *o, arena *a, const char *term, size_t most) {
  bool of_link;
  const char *own = own_term(a, term, &of_link);
  bool same = o->n && o->runs[o->n - 1].of_links == of_link;
  if (!own || (!same && !add_run(o, a, of_link, most))) return false;
  order_run *run = &o->runs[o->n - 1];
  run->terms[run->n++] = own;
  return true;
}

/* The table's key ends the order so far. */
static bool add_key(link_order *o, arena *a, bool of_links) {
  bool same = o->n && o->runs[o->n - 1].of_links == of_links;
  if (!same && !add_run(o, a, of_links, 0)) return false;
  o->runs[o->n - 1].key = true;
  return true;
}

static bool divide(loading *l, link_order *o) {
  arena *a = l->c->arena;
  const select_spec *q = &l->q;
  o->runs = arena_array(a, order_run, q->norder + 2);
  bool ok = o->runs != NULL;
  for (size_t i = 0; i < q->norder && ok; i++) ok = add_term(o, a, q->order[i], q->norder);
  ok = ok && add_key(o, a, false);
  return ok && (!load_shows_links(l) || add_key(o, a, true)); /* else links to one target look the same */
}

static shunt_status need(loading *l, const order_run *run, select_spec *q) {
  select_spec of_run = *q;
  of_run.order = run->terms;
  of_run.norder = run->n;
  shunt_status status = select_need_order(l->c, &of_run);
  q->needed = of_run.needed;
  q->nneeded = of_run.nneeded;
  return status;
}

shunt_status link_order_make(loading *l, select_spec *of_links, link_order *out) {
  *out = (link_order){NULL, 0};
  if (!plan_has_rows(l->p) || !load_is_ordered(&l->q)) return SHUNT_OK;
  shunt_status status = divide(l, out) ? SHUNT_OK : error_memory(l->c->err);
  for (size_t i = 0; i < out->n && !status; i++)
    status = need(l, &out->runs[i], out->runs[i].of_links ? of_links : &l->q);
  for (size_t i = 0; i < out->n; i++)
    if (!out->runs[i].of_links) {
      l->q.order = out->runs[i].terms;
      l->q.norder = out->runs[i].n;
    }
  return status;
}

/* A path is checked when it is ranked or written. */
static shunt_status check_term(const loading *l, const char *text) {
  const driver_column *column;
  order_term term;
  shunt_status status = order_read(l->c, text, &term);
  if (status || order_is_path(&l->links->at, term.name)) return status;
  return site_column(l->c, &l->links->at, term.name, &column);
}

shunt_status link_order_at(loading *l, select_spec *of_links) {
  const link_order *order = &l->links->order;
  const driver_column *key[KEY_MOST];
  const char *names[KEY_MOST];
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < order->n; i++)
    for (size_t k = 0; k < order->runs[i].n && order->runs[i].of_links && !status; k++)
      status = check_term(l, order->runs[i].terms[k]);
  size_t n = order->n && load_shows_links(l) ? site_order_key(&l->links->at, key) : 0;
  for (size_t i = 0; i < n; i++) names[i] = key[i]->name;
  return status ? status : select_need(l->c, of_links, names, n);
}

/* ---- ranks ---- */

/* Equal rows get equal ranks. */
static shunt_status close_ranks(loading *l, const sort_ranks *from, size_t n, uint32_t **out) {
  uint32_t *rank = *out = arena_array(&l->scratch, uint32_t, n + 1);
  if (!rank) return error_memory(l->c->err);
  for (size_t i = 1; i < n; i++) rank[from->row[i]] = rank[from->row[i - 1]] + !from->tied[i];
  return SHUNT_OK;
}

/* *rank stays NULL if the rows are in this order already. */
static shunt_status rank_run(loading *l, const order_run *run, uint32_t **rank) {
  const site *targets = access_only_site(&l->fetch.k.groups[0].at);
  sort_by *by = arena_array(&l->scratch, sort_by, run->n + KEY_MOST);
  sort_spec spec = {.ranks = run->of_links ? &l->links->ranks : &l->q.ranks,
                    .at = run->of_links ? &l->links->at : targets,
                    .by = by,
                    .rows = run->of_links ? l->between : l->children};
  sort_ranks ranks;
  *rank = NULL;
  if (!by) return error_memory(l->c->err);
  if (!run->of_links && run->key && l->q.statements <= 1) return SHUNT_OK;
  shunt_status status = sort_terms(l->c, &spec, run->terms, run->n, by, &spec.n);
  if (!run->key) spec.n = run->n;
  if (!status) status = sort_rows(l->c, &spec, &l->scratch, &ranks);
  return status ? status : close_ranks(l, &ranks, spec.rows->count, rank);
}

/* ---- pairs ---- */

/* Room for moving the pairs. */
typedef struct mover {
  loading *l;
  pairs *p, spare;
  uint32_t *key; /* of each pair */
} mover;

/* The keys are less than nkeys. */
static shunt_status move(mover *m, size_t nkeys) {
  pairs *from = m->p, to = m->spare;
  uint32_t *end = arena_array(&m->l->scratch, uint32_t, nkeys + 1);
  if (!end) return error_memory(m->l->c->err);
  for (size_t i = 0; i < from->count; i++) end[m->key[i] + 1]++;
  for (size_t i = 1; i <= nkeys; i++) end[i] += end[i - 1];
  for (size_t i = 0; i < from->count; i++) {
    uint32_t at = end[m->key[i]]++;
    to.link[at] = from->link[i];
    to.target[at] = from->target[i];
  }
  m->spare = *from;
  *from = to;
  return SHUNT_OK;
}

static shunt_status move_by_run(mover *m, const order_run *run) {
  const links *from = m->l->links;
  uint32_t *rank;
  shunt_status status = rank_run(m->l, run, &rank);
  if (status) return status;
  for (size_t i = 0; i < m->p->count; i++) {
    uint32_t row = run->of_links ? from->row[m->p->link[i]] : m->p->target[i];
    m->key[i] = rank ? rank[row] : row;
  }
  return move(m, run->of_links ? m->l->between->count : m->l->children->count);
}

static shunt_status move_by_parent(mover *m) {
  for (size_t i = 0; i < m->p->count; i++) m->key[i] = m->l->links->parent[m->p->link[i]];
  return move(m, m->l->parents.rows->count);
}

shunt_status link_order_sort(loading *l, const link_order *order, pairs *p) {
  size_t bytes = p->count * sizeof *p->link;
  mover m = {l,
             p,
             {arena_alloc(&l->scratch, bytes), arena_alloc(&l->scratch, bytes), p->count},
             arena_alloc(&l->scratch, bytes)};
  if (!m.spare.link || !m.spare.target || !m.key) return error_memory(l->c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = order->n; i-- > 0 && !status;) status = move_by_run(&m, &order->runs[i]);
  return status || !order->n ? status : move_by_parent(&m);
}
