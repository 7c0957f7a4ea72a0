#include "route/route.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/probe.h"
#include "base/text.h"
#include "route/route_inner.h"

static inline bool remembers(const route *r) { return atomic_load_explicit(&r->remembers, memory_order_relaxed); }

static inline bool is_rememberable(const route *r, const route_request *q) {
  bool on_the_spot = q->relation && q->relation->id >= r->catalog->nrelations;
  return remembers(r) && !q->every_rule && !q->explicit_table && !q->only_guards && !on_the_spot;
}

/* The reason why it is not. */
static const char *why_not_rememberable(const route *r, const route_request *q) {
  if (r->trie.most_entries == 0) return "rules.remember is 0";
  if (!remembers(r)) return "an audit found a difference";
  if (q->every_rule) return "every rule was to be asked";
  if (q->only_guards) return "only the guards were asked";
  return q->explicit_table ? "it was asked for a table" : "it is for a relation made on the spot";
}

/* ---- what was remembered ---- */

/* The leaf's decision for this request. */
static inline void recall(const trie_leaf *leaf, const route_request *q, shunt_decision *as) {
  *as = leaf->as;
  as->model = q->model ? q->model->name : NULL;
  as->relation = q->relation ? q->relation->full_name : NULL;
  as->op = q->op;
  if (leaf->levels) as->level = q->level;
}

static shunt_status deny_again(const trie_leaf *leaf, shunt_error *err) {
  if (!err) return SHUNT_E_DENIED;
  error_text(err, SHUNT_E_DENIED, leaf->denial);
  route_blame(err, leaf->rules[leaf->as.ntrace - 1]);
  return SHUNT_E_DENIED;
}

static inline shunt_status serve(const trie_leaf *leaf, const route_request *q, route_decision *d, shunt_error *err) {
  recall(leaf, q, &d->as);
  d->client = leaf->client;
  d->selected = leaf->selected;
  d->reads = leaf->reads;
  d->placing = leaf->placing;
  d->nplacing = leaf->nplacing;
  d->passing = false;
  return leaf->as.denied ? deny_again(leaf, err) : SHUNT_OK;
}

/* ---- asking the rules ---- */

/* Under the lane's lock, after a decision was made. denial is the message of one that denies. */
static void remember(route *r, const route_request *q, route_decision *d, const route_outcome *outcome,
                     const char *denial) {
  trie_entry entry = {.draws = &outcome->draws, .decision = d, .level_given = outcome->level_given, .denial = denial};
  entry.reads = outcome->reads;
  entry.nreads = outcome->nreads;
  d->as.not_remembered = d->as.uncacheable ? "a rule said uncacheable"
                         : d->passing      ? "rules compute too many names of columns and attributes"
                                           : trie_add(&r->trie, q, &entry);
}

/* Without the lane's lock. */
static void report_slow(const route *r, const route_request *q, const route_outcome *outcome) {
  if (!outcome->slow) return;
  events_emit(r->events, SHUNT_EVENT_RULE_SLOW, {"rule", event_text(outcome->slow->name)},
              {"source", event_text(outcome->slow->source)}, {"model", event_text(q->model ? q->model->name : NULL)},
              {"instance", event_text(q->instance->name)},
              {"duration_ms", shunt_integer(outcome->slow_ns / NS_PER_MS)});
}

static shunt_status ask_rules(route *r, route_lane *l, const route_request *q, route_decision *d,
                              route_outcome *outcome, shunt_error *err) {
  shunt_error own;
  if (!err) err = &own;
  pthread_mutex_lock(&l->lock);
  shunt_status status = route_evaluate(r, l, q, d, outcome, err);
  if (!status && !q->only_guards) status = parts_check(r, l, q, d, outcome, err);
  bool made = status == SHUNT_OK || status == SHUNT_E_DENIED;
  if (!is_rememberable(r, q)) {
    d->as.not_remembered = why_not_rememberable(r, q);
  } else {
    tally_add(&l->misses, 1, l->shared);
    if (made && !d->as.outside) remember(r, q, d, outcome, status ? err->message : NULL);
  }
  pthread_mutex_unlock(&l->lock);
  PROBE(rules__asked, 5, q->model ? q->model->name : "", q->instance->name, d->as.client ? d->as.client : "",
        d->as.rule ? d->as.rule : "", status);
  report_slow(r, q, outcome);
  return status;
}

/* ---- the audit ---- */

static bool is_due(const route *r, route_lane *l) {
  if (r->audit_every == 0) return false;
  return tally_add(&l->unaudited, 1, l->shared) % r->audit_every == r->audit_every - 1;
}

static bool same_decision(const shunt_decision *a, const shunt_decision *b) {
  return text_same(a->client, b->client) && text_same(a->denied, b->denied) && text_same(a->role, b->role) &&
         text_same(a->uncacheable, b->uncacheable) && a->level == b->level && text_same(a->table, b->table);
}

/* Asks the rules again for a decision from the cache, with the same draws. If they differ, the rules' answer counts,
 * and the cache is turned off. */
static shunt_status audit(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                          shunt_error *err) {
  shunt_error own;
  shunt_decision before;
  if (!err) err = &own;
  tally_add(&l->audits, 1, l->shared);
  recall(outcome->found, q, &before);
  pthread_mutex_lock(&l->lock);
  shunt_status status = route_evaluate(r, l, q, d, outcome, err);
  pthread_mutex_unlock(&l->lock);
  report_slow(r, q, outcome);
  if (status == SHUNT_E_LIMIT || status == SHUNT_E_MEMORY) return serve(outcome->found, q, d, err); /* no answer */
  bool made = status == SHUNT_OK || status == SHUNT_E_DENIED;
  if (made && same_decision(&before, &d->as)) return serve(outcome->found, q, d, err);
  tally_add(&l->differences, 1, l->shared);
  route_remember(r, false);
  d->as.not_remembered = why_not_rememberable(r, q);
  shunt_difference difference = {&before, &d->as, status, err};
  if (r->differs) r->differs(r->differs_ud, &difference);
  return status;
}

/* Rules can't tell a null from no value, so both lead to one leaf. But only a null chooses a place, which must be a
 * part (parts_check): it is decided anew. */
static bool is_chosen_by_null(const trie_leaf *leaf, const route_request *q) {
  if (!leaf->nplacing || !q->model || !q->model->nparts) return false;
  for (size_t i = 0; i < leaf->nplacing; i++) {
    const shunt_value *v = route_value_of(q, leaf->placing[i]->name);
    if (v && v->type == SHUNT_NULL) return true;
  }
  return false;
}

shunt_status route_decide(route *r, const route_request *request, route_decision *d, shunt_error *err) {
  route_lane *l;
  route_outcome outcome;
  pick_draws *draws = &outcome.draws;
  shunt_status status = lane_of_thread(r, &l, err);
  if (status) return status;
  draws->memo = request->picks;
  draws->held = request->transaction;
  draws->count = 0;
  d->repeats = NULL;
  const trie_leaf *leaf = is_rememberable(r, request) ? trie_find(&r->trie, request, &l->picker, draws) : NULL;
  bool known = leaf && !is_chosen_by_null(leaf, request);
  if (known && !is_due(r, l)) {
    lane_count_hit(l, leaf->id);
    if (leaf->repeats && !draws->count) d->repeats = leaf;
    return serve(leaf, request, d, err);
  }
  outcome.wanted = NULL;
  outcome.found = leaf;
  draws->like = NULL;
  draws->walked = draws->count;
  return known ? audit(r, l, request, d, &outcome, err) : ask_rules(r, l, request, d, &outcome, err);
}

bool route_repeat(route *r, const trie_leaf *repeats) {
  route_lane *l = atomic_load_explicit(&r->lanes[slot_of_thread()], memory_order_acquire);
  if (!l || !remembers(r) || r->audit_every) return false;
  lane_count_hit(l, repeats->id);
  return true;
}

shunt_status route_guard(route *r, const route_request *request, const cat_client *client, route_decision *d,
                         shunt_error *err) {
  route_request q = *request;
  q.only_guards = client;
  return r->stages[CAT_STAGE_GUARD].count ? route_decide(r, &q, d, err) : SHUNT_OK;
}

shunt_status route_find_reader(route *r, const route_request *request, const char *column, route_decision *d,
                               const cat_rule **out, shunt_error *err) {
  route_lane *l;
  char wanted[RULE_NAME_BYTES + 1]; /* column may lie in d, which is decided again */
  route_outcome outcome = {.wanted = wanted};
  snprintf(wanted, sizeof wanted, "%s", column);
  shunt_status status = lane_of_thread(r, &l, err);
  if (status) return status;
  status = ask_rules(r, l, request, d, &outcome, err);
  *out = outcome.reader;
  return status;
}

/* ---- a generation ---- */

static bool build(route *r) {
  const catalog *c = r->catalog;
  for (cat_stage stage = 0; stage < CAT_NSTAGES; stage++)
    if (!index_build(&r->stages[stage], c, stage)) return false;
  for (size_t i = 0; i < c->nrelations; i++)
    if (c->relations[i]->as.table) r->relations_have_tables = true;
  return true;
}

static uint64_t period(double share) {
  if (!(share > 0)) return 0;
  double every = 1 / share;
  return every < 1 ? 1 : every > 1e18 ? 0 : (uint64_t)llround(every);
}

shunt_status route_new(const catalog *c, rule_host *host, uint64_t generation, const route_settings *settings,
                       route **out, shunt_error *err) {
  static const route_settings usual = {ROUTE_REMEMBER, 0};
  if (!settings) settings = &usual;
  route *r = base_zalloc(sizeof *r);
  if (!r) {
    rule_host_free(host);
    return error_memory(err);
  }
  r->catalog = c;
  r->host = host;
  r->generation = generation;
  r->audit_every = period(settings->audit);
  size_t most = settings->remember < ROUTE_MOST_REMEMBERED ? settings->remember : ROUTE_MOST_REMEMBERED;
  atomic_init(&r->remembers, most > 0);
  pthread_mutex_init(&r->making, NULL);
  trie_init(&r->trie, c, most);
  unsigned slot = slot_of_thread();
  route_lane *l = build(r) ? lane_new(r, slot, host) : NULL;
  atomic_init(&r->lanes[slot], l);
  if (!l) {
    route_free(r);
    return error_memory(err);
  }
  *out = r;
  return SHUNT_OK;
}

shunt_status route_clone_host(const route *r, rule_host **out, shunt_error *err) {
  return rule_host_clone(r->host, out, err);
}

void route_free(route *r) {
  if (!r) return;
  for (cat_stage stage = 0; stage < CAT_NSTAGES; stage++) index_free(&r->stages[stage]);
  for (size_t i = 0; i < SLOT_MOST; i++) lane_free(atomic_load_explicit(&r->lanes[i], memory_order_relaxed), r->host);
  trie_free(&r->trie);
  pthread_mutex_destroy(&r->making);
  rule_host_free(r->host);
  base_free(r);
}

shunt_status route_prepare(route *r, shunt_error *err) {
  route_lane *l;
  return lane_of_thread(r, &l, err);
}

shunt_status route_prepare_like(route *r, const route *before, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  for (unsigned slot = 0; slot < SLOT_MOST && !status; slot++) {
    route_lane *l;
    if (atomic_load_explicit(&before->lanes[slot], memory_order_acquire)) status = lane_make(r, slot, &l, err);
  }
  return status;
}

void route_set_load(route *r, const pick_load *load) { r->load = *load; }

void route_set_events(route *r, event_sink *events) { r->events = events; }

void route_on_difference(route *r, void (*fn)(void *ud, const shunt_difference *difference), void *ud) {
  r->differs = fn;
  r->differs_ud = ud;
}

void route_remember(route *r, bool on) {
  atomic_store_explicit(&r->remembers, on && r->trie.most_entries > 0, memory_order_relaxed);
}

bool route_remembers(const route *r) { return remembers(r); }

size_t route_remembered(route *r) { return trie_count(&r->trie).entries; }
