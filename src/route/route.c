#include "route/route.h"

#include <string.h>

#include "base/alloc.h"
#include "route/route_inner.h"

static bool is_rememberable(const route *r, const route_request *q) {
  bool on_the_spot = q->relation && q->relation->id >= r->catalog->nrelations;
  return r->remembers && !q->every_rule && !q->explicit_table && !on_the_spot;
}

/* Fills d with what was remembered. */
static shunt_status recall(const trie_leaf *leaf, const route_request *q, route_decision *d, shunt_error *err) {
  d->as = leaf->as;
  d->client = leaf->client;
  d->as.model = q->model ? q->model->name : NULL;
  d->as.relation = q->relation ? q->relation->full_name : NULL;
  d->as.op = q->op;
  bool levels = !leaf->client || leaf->client->engine != CAT_SQLITE3;
  if (!leaf->level_given && levels) d->as.level = q->level;
  return leaf->as.denied ? route_denial(err, leaf->rules[leaf->as.ntrace - 1], leaf->as.denied) : SHUNT_OK;
}

static shunt_status ask_rules(route *r, const route_request *q, route_decision *d, shunt_error *err) {
  route_outcome outcome;
  shunt_status status = route_evaluate(r, q, d, &outcome, err);
  bool made = status == SHUNT_OK || status == SHUNT_E_DENIED;
  if (made && !outcome.drawn && !d->as.uncacheable && is_rememberable(r, q)) {
    size_t n;
    const rule_read *reads = rule_host_reads(r->host, &n);
    trie_add(&r->trie, q, reads, n, d, outcome.level_given);
  }
  return status;
}

shunt_status route_decide(route *r, const route_request *request, route_decision *d, shunt_error *err) {
  shunt_error own;
  pthread_mutex_lock(&r->lock);
  const trie_leaf *leaf = is_rememberable(r, request) ? trie_find(&r->trie, request) : NULL;
  shunt_status status = leaf ? recall(leaf, request, d, err) : ask_rules(r, request, d, err ? err : &own);
  pthread_mutex_unlock(&r->lock);
  return status;
}

void route_decision_clear(route_decision *d) {
  base_free(d->trace);
  base_free(d->rules);
  base_free(d->depends_on);
  arena_free(&d->texts);
  memset(d, 0, sizeof *d);
}

bool route_depends_on(const route_decision *d, const char *field) {
  for (size_t i = 0; i < d->as.ndepends_on; i++)
    if (strcmp(d->as.depends_on[i], field) == 0) return true;
  return false;
}

bool route_depends_on_where(const route_decision *d, const char *column) {
  for (size_t i = 0; i < d->as.ndepends_on; i++)
    if (strncmp(d->as.depends_on[i], "where.", 6) == 0 && cat_same_column(d->as.depends_on[i] + 6, column)) return true;
  return false;
}

/* ---- a generation ---- */

shunt_status route_new(const catalog *c, rule_host *host, uint64_t generation, route **out, shunt_error *err) {
  route *r = base_zalloc(sizeof *r);
  if (!r) {
    rule_host_free(host);
    return error_memory(err);
  }
  r->catalog = c;
  r->host = host;
  r->generation = generation;
  pthread_mutex_init(&r->lock, NULL);
  bool built = true;
  for (cat_stage stage = 0; stage < CAT_NSTAGES; stage++) {
    built = built && index_build(&r->stages[stage], c, stage);
    if (r->stages[stage].most_lists > r->most_lists) r->most_lists = r->stages[stage].most_lists;
  }
  r->cursors = built ? base_alloc(2 * r->most_lists * sizeof *r->cursors) : NULL;
  r->counts = base_zalloc(c->nrules * sizeof *r->counts);
  r->remembers = true;
  for (size_t i = 0; i < c->nrelations; i++)
    if (c->relations[i]->as.table) r->relations_have_tables = true;
  if (!r->cursors || !r->counts || !picker_init(&r->picker, c->nrules)) {
    route_free(r);
    return error_memory(err);
  }
  *out = r;
  return SHUNT_OK;
}

void route_free(route *r) {
  if (!r) return;
  for (cat_stage stage = 0; stage < CAT_NSTAGES; stage++) index_free(&r->stages[stage]);
  picker_free(&r->picker);
  base_free(r->cursors);
  base_free(r->counts);
  trie_free(&r->trie);
  pthread_mutex_destroy(&r->lock);
  rule_host_free(r->host);
  base_free(r);
}

void route_set_load(route *r, int (*load)(void *ud, const cat_client *client), void *ud) {
  r->picker.load = load;
  r->picker.ud = ud;
}

void route_remember(route *r, bool on) { r->remembers = on; }

size_t route_remembered(route *r) {
  pthread_mutex_lock(&r->lock);
  size_t n = r->trie.nleaves;
  pthread_mutex_unlock(&r->lock);
  return n;
}

static bool decides(shunt_verdict v) {
  return v == SHUNT_VERDICT_CHOSE || v == SHUNT_VERDICT_CHANGED || v == SHUNT_VERDICT_REFUSED;
}

void route_counts(route *r, cat_rule_counts *counts) {
  pthread_mutex_lock(&r->lock);
  memcpy(counts, r->counts, r->catalog->nrules * sizeof *counts);
  for (size_t i = 0; i < r->trie.nleaves; i++) {
    const trie_leaf *leaf = r->trie.leaves[i];
    for (size_t k = 0; k < leaf->as.ntrace; k++) {
      cat_rule_counts *of_rule = &counts[leaf->rules[k]->id];
      of_rule->asked += leaf->hits;
      if (decides(leaf->as.trace[k].verdict)) of_rule->decided += leaf->hits;
    }
  }
  pthread_mutex_unlock(&r->lock);
}
