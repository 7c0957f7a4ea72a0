#include "app/history.h"

#include <string.h>

#include "app/generation.h"
#include "base/alloc.h"
#include "base/map.h"

/* A rule, in all generations that have one of its name and stage. */
typedef struct history_rule {
  size_t users;          /* generations */
  route_rule_stats past; /* of those that have ended, less what does not count of those alive */
  route_rule_stats sum;  /* history_read's */
} history_rule;

bool history_init(history *h) {
  *h = (history){.alive = NULL};
  return pthread_mutex_init(&h->lock, NULL) == 0;
}

void history_end(history *h) { pthread_mutex_destroy(&h->lock); }

/* ---- sums; they wrap, so that taking away is adding ---- */

static void add(route_rule_stats *to, const route_rule_stats *from, uint64_t times) {
  to->selected += from->selected * times;
  to->passed += from->passed * times;
  to->denied += from->denied * times;
  to->failed += from->failed * times;
}

/* NULL: out of memory. */
static route_rule_stats *count_rules(const generation *g) {
  route_rule_stats *rules = base_alloc((g->catalog->nrules + 1) * sizeof *rules);
  if (rules) route_count_rules(g->route, rules);
  return rules;
}

/* Adds what the generation has counted: to what has ended, or to history_read's sums. False: out of memory for its
 * rules. */
static bool add_counts(const generation *g, bool ended, uint64_t *hits, uint64_t *misses) {
  route_rule_stats *rules = count_rules(g);
  const bool counted = rules != NULL;
  route_stats totals;
  route_count(g->route, &totals);
  for (size_t i = 0; counted && i < g->history.nrules; i++) {
    history_rule *rule = g->history.rules[i];
    add(ended ? &rule->past : &rule->sum, &rules[i], 1);
  }
  *hits += totals.hits - g->history.hits;
  *misses += totals.misses - g->history.misses;
  base_free(rules);
  return counted;
}

/* ---- joining ---- */

/* The rules of a generation by their names, which are unique in it. */
static bool index_rules(const generation *g, map *names) {
  for (size_t i = 0; g && i < g->history.nrules; i++)
    if (!map_put(names, g->catalog->rules[i]->name, g->catalog->rules[i])) return false;
  return true;
}

static history_rule *rule_of(const generation *before, const map *names, const cat_rule *rule) {
  const cat_rule *same = map_get(names, rule->name);
  return same && same->stage == rule->stage ? before->history.rules[same->id] : base_zalloc(sizeof(history_rule));
}

static bool share_rules(generation *g, const generation *before) {
  map names = {0};
  history_member *m = &g->history;
  bool ok = index_rules(before, &names);
  m->rules = base_zalloc((g->catalog->nrules + 1) * sizeof(history_rule *));
  ok = ok && m->rules;
  for (; ok && m->nrules < g->catalog->nrules; m->nrules += ok) {
    history_rule *rule = m->rules[m->nrules] = rule_of(before, &names, g->catalog->rules[m->nrules]);
    ok = rule != NULL;
    if (ok) rule->users++;
  }
  map_free(&names);
  return ok;
}

static void drop_rules(history_member *m) {
  for (size_t i = 0; i < m->nrules; i++)
    if (--m->rules[i]->users == 0) base_free(m->rules[i]);
  base_free(m->rules);
}

shunt_status history_join(history *h, generation *g, const generation *before, shunt_error *err) {
  history_member *m = &g->history;
  route_rule_stats *until_now = count_rules(g);
  route_stats totals;
  if (!until_now) return error_memory(err);
  route_count(g->route, &totals);
  pthread_mutex_lock(&h->lock);
  const bool ok = share_rules(g, before);
  if (ok) {
    for (size_t i = 0; i < m->nrules; i++) add(&m->rules[i]->past, &until_now[i], UINT64_MAX);
    m->hits = totals.hits;
    m->misses = totals.misses;
    m->of = h;
    m->next_alive = h->alive;
    h->alive = g;
  } else {
    drop_rules(m);
  }
  pthread_mutex_unlock(&h->lock);
  base_free(until_now);
  return ok ? SHUNT_OK : error_memory(err);
}

/* ---- leaving ---- */

void history_leave(generation *g) {
  history *h = g->history.of;
  if (!h) return;
  pthread_mutex_lock(&h->lock);
  generation **at = &h->alive;
  while (*at != g) at = &(*at)->history.next_alive;
  *at = g->history.next_alive;
  (void)add_counts(g, true, &h->hits, &h->misses); /* without memory those of its rules are lost */
  drop_rules(&g->history);
  pthread_mutex_unlock(&h->lock);
}

/* ---- reading ---- */

/* Of rules that only older generations have, the sums are not asked for. */
static bool sum_up(history *h, const generation *g, history_counts *out) {
  bool ok = true;
  for (const generation *a = h->alive; a; a = a->history.next_alive)
    for (size_t i = 0; i < a->history.nrules; i++) a->history.rules[i]->sum = a->history.rules[i]->past;
  for (const generation *a = h->alive; a && ok; a = a->history.next_alive)
    ok = add_counts(a, false, &out->hits, &out->misses);
  for (size_t i = 0; i < g->history.nrules && ok; i++) out->rules[i] = g->history.rules[i]->sum;
  return ok;
}

shunt_status history_read(history *h, const generation *g, history_counts *out, shunt_error *err) {
  *out = (history_counts){.rules = base_zalloc((g->history.nrules + 1) * sizeof *out->rules)};
  if (!out->rules) return error_memory(err);
  pthread_mutex_lock(&h->lock);
  out->hits = h->hits;
  out->misses = h->misses;
  const bool ok = sum_up(h, g, out);
  pthread_mutex_unlock(&h->lock);
  if (ok) return SHUNT_OK;
  history_free_counts(out);
  return error_memory(err);
}

void history_free_counts(history_counts *c) {
  base_free(c->rules);
  c->rules = NULL;
}
