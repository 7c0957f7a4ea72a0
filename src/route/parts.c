/* Whether a place that rules chose by a value is one of the model's parts.
 *
 * Idea. An access without the value asks the rules once for each part, and reads the places that they then name. So a
 * place is one of the parts if the same request without values, asked for some part, leads there. What does not follow
 * from the value (a replica that a refine rule takes, the client of an isolated instance, an explicit client or table)
 * is the same in both, and never a difference. Picks are repeated as they were drawn.
 *
 * Invariant. The outcome depends on what those evaluations read, too, so their reads become part of the cache entry.
 * Only decisions that are inside are remembered: a hit in the cache needs no check.
 *
 * If the rules deny or fail without the value, an access of all parts is an error itself and misses no row silently.
 * Then nothing is outside.
 *
 * Not here: comparing with the declared names alone. It would be wrong wherever later rules change the candidate. */
#include <string.h>

#include "base/text.h"
#include "route/route_inner.h"

typedef struct comparison {
  route *r;
  route_lane *l;
  const route_request *q;
  route_decision *d;
  route_outcome *outcome;
  const rule_read **reads; /* in the arena of d */
  size_t nreads, room;
  shunt_error *err;
} comparison;

/* The first column by whose value the rules chose; NULL if they chose by no value, or have not chosen yet. */
static const rule_read *chosen_by(const route_request *q, const route_decision *d) {
  if (!q->model || !q->model->nparts || q->model->whole || route_unfixed(q, d)) return NULL;
  for (size_t i = 0; i < d->nplacing; i++)
    if (route_value_of(q, d->placing[i]->name)) return d->placing[i];
  return NULL;
}

static bool is_noted(const comparison *w, const rule_read *read) {
  for (size_t i = 0; i < w->nreads; i++)
    if (rule_same_read(w->reads[i], read)) return true;
  return false;
}

/* The evaluation aside saw no column, whatever the request has. */
static bool note_reads(comparison *w, const rule_read *const *reads, size_t n, bool aside) {
  if (!arena_grow(&w->d->texts, &w->reads, &w->room, w->nreads + n, sizeof *w->reads)) return false;
  for (size_t i = 0; i < n; i++)
    if (!aside || (reads[i]->field != RULE_FIELD_WHERE && !is_noted(w, reads[i]))) w->reads[w->nreads++] = reads[i];
  return true;
}

/* Whether an access of all parts asks this place as part number n, or fails there. */
static shunt_status ask_part(comparison *w, size_t n, bool *settled) {
  route_request q = *w->q;
  route_decision *d = &w->l->aside;
  route_outcome outcome = {.draws = {.like = &w->outcome->draws}};
  q.where = NULL;
  q.nwhere = 0;
  q.part = n;
  q.every_rule = false;
  shunt_error aside;
  shunt_status status = route_evaluate(w->r, w->l, &q, d, &outcome, &aside);
  if (status == SHUNT_E_MEMORY || status == SHUNT_E_LIMIT) {
    *w->err = aside;
    return status;
  }
  *settled = status || (d->client == w->d->client && text_same(d->as.table, w->d->as.table));
  if (d->as.uncacheable && !w->d->as.uncacheable) {
    w->d->as.uncacheable = arena_strdup(&w->d->texts, d->as.uncacheable);
    if (!w->d->as.uncacheable) return error_memory(w->err);
  }
  w->d->passing |= d->passing;
  if (w->d->passing) return SHUNT_OK; /* it is not remembered, whatever it depends on */
  return note_reads(w, outcome.reads, outcome.nreads, true) ? SHUNT_OK : error_memory(w->err);
}

/* In how many names the part differs from the place: likely parts are asked first. */
static int difference(const cat_part *part, const route_decision *d) {
  return (part->client && part->client != d->client) + (part->table && !text_same(part->table, d->as.table));
}

static shunt_status find_part(comparison *w, bool *found) {
  const cat_model *m = w->q->model;
  shunt_status status = SHUNT_OK;
  for (int unlike = 0; unlike <= 2; unlike++)
    for (size_t i = 0; i < m->nparts && !*found && !status; i++)
      if (difference(&m->parts[i], w->d) == unlike) status = ask_part(w, i + 1, found);
  return status;
}

/* The rule to blame: if no part has the table, the rule that chose the table; otherwise the one that chose the client.
 */
static const cat_rule *outside_rule(const cat_model *m, const route_decision *d) {
  for (size_t i = 0; i < m->nparts; i++)
    if (!m->parts[i].table || text_same(m->parts[i].table, d->as.table)) return d->client_rule;
  return d->table_rule;
}

shunt_status parts_check(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                         shunt_error *err) {
  comparison w = {.r = r, .l = l, .q = q, .d = d, .outcome = outcome, .err = err};
  const rule_read *by = chosen_by(q, d);
  bool found = false;
  if (!by) return SHUNT_OK;
  if (!note_reads(&w, outcome->reads, outcome->nreads, false)) return error_memory(err);
  shunt_status status = find_part(&w, &found);
  if (status) return status;
  outcome->reads = w.reads;
  outcome->nreads = w.nreads;
  if (found) return SHUNT_OK;
  d->as.outside = by->display;
  d->outside_rule = outside_rule(q->model, d);
  return SHUNT_OK;
}
