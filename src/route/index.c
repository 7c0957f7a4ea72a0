#include "route/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static bool pattern_holds(const cat_pattern *p, const char *name) {
  return p->prefix ? strncmp(name, p->text, p->size) == 0 : strcmp(name, p->text) == 0;
}

bool cat_condition_holds(const cat_condition *c, const char *name) {
  if (c->count == 0) return true;
  for (size_t i = 0; name && i < c->count; i++)
    if (pattern_holds(&c->patterns[i], name)) return true;
  return false;
}

static bool add_rank(rank_list *list, uint32_t rank) {
  if (list->count && list->ranks[list->count - 1] == rank) return true;
  if (!base_grow(&list->ranks, &list->capacity, list->count + 1, sizeof *list->ranks)) return false;
  list->ranks[list->count++] = rank;
  return true;
}

static bool add_under(map *lists, const char *key, size_t size, uint32_t rank) {
  rank_list *list = map_get_n(lists, key, size);
  if (!list) {
    list = base_zalloc(sizeof *list);
    if (!list || !map_put_n(lists, key, size, list)) {
      base_free(list);
      return false;
    }
  }
  return add_rank(list, rank);
}

static prefix_group *prefixes_of(index_group *g, size_t size) {
  for (size_t i = 0; i < g->nprefixes; i++)
    if (g->prefixes[i].size == size) return &g->prefixes[i];
  if (!base_grow(&g->prefixes, &g->prefix_capacity, g->nprefixes + 1, sizeof *g->prefixes)) return NULL;
  prefix_group *p = &g->prefixes[g->nprefixes++];
  memset(p, 0, sizeof *p);
  p->size = size;
  return p;
}

static bool add_to_group(index_group *g, const cat_rule *rule, uint32_t rank) {
  const cat_condition *c = &rule->conditions[CAT_INSTANCE];
  if (c->count == 0) return add_rank(&g->always, rank);
  for (size_t i = 0; i < c->count; i++) {
    const cat_pattern *p = &c->patterns[i];
    prefix_group *prefixes = p->prefix ? prefixes_of(g, p->size) : NULL;
    if (p->prefix && !prefixes) return false;
    if (!add_under(p->prefix ? &prefixes->lists : &g->exact, p->text, p->size, rank)) return false;
  }
  return true;
}

static bool add_to_slot(index_group **slot, const cat_rule *rule, uint32_t rank) {
  if (!*slot) *slot = base_zalloc(sizeof **slot);
  return *slot && add_to_group(*slot, rule, rank);
}

/* Models and relations are a closed set, so that a pattern is no more than the names it holds for. */
static bool add_rule(stage_index *x, const catalog *c, const cat_rule *rule, uint32_t rank) {
  const cat_condition *relation = &rule->conditions[CAT_RELATION], *model = &rule->conditions[CAT_MODEL];
  if (relation->count) x->reads_relation = true;
  if (model->count) x->reads_model = true;
  if (relation->count) {
    for (size_t i = 0; i < c->nrelations; i++)
      if (cat_condition_holds(relation, c->relations[i]->full_name) && !add_to_slot(&x->by_relation[i], rule, rank))
        return false;
    return true;
  }
  if (model->count) {
    for (size_t i = 0; i < model->count; i++) {
      const cat_model *m = model->patterns[i].prefix ? NULL : catalog_model(c, model->patterns[i].text);
      if (m && !add_to_slot(&x->by_model[m->id], rule, rank)) return false;
    }
    for (size_t i = 0; i < c->nmodels; i++)
      for (size_t k = 0; k < model->count; k++)
        if (model->patterns[k].prefix && pattern_holds(&model->patterns[k], c->models[i]->name) &&
            !add_to_slot(&x->by_model[i], rule, rank))
          return false;
    return true;
  }
  return add_to_group(&x->any, rule, rank);
}

static int by_rank(const void *a, const void *b) {
  const cat_rule *l = *(const cat_rule *const *)a, *r = *(const cat_rule *const *)b;
  if (l->standard != r->standard) return l->standard ? 1 : -1;
  if (l->priority != r->priority) return l->priority < r->priority ? -1 : 1;
  return l->id < r->id ? -1 : l->id > r->id;
}

static size_t lists_of(const index_group *g) { return g ? 2 + g->nprefixes : 0; }

static size_t most(index_group **groups, size_t n) {
  size_t found = 0;
  for (size_t i = 0; groups && i < n; i++)
    if (lists_of(groups[i]) > found) found = lists_of(groups[i]);
  return found;
}

bool index_build(stage_index *x, const catalog *c, cat_stage stage) {
  memset(x, 0, sizeof *x);
  x->nmodels = c->nmodels;
  x->nrelations = c->nrelations;
  x->by_model = base_zalloc(c->nmodels * sizeof *x->by_model);
  x->by_relation = base_zalloc(c->nrelations * sizeof *x->by_relation);
  if (!x->by_model || !x->by_relation) return false;
  for (size_t i = 0; i < c->nrules; i++) {
    if (c->rules[i]->stage != stage) continue;
    if (!base_grow(&x->ranked, &x->capacity, x->count + 1, sizeof *x->ranked)) return false;
    x->ranked[x->count++] = c->rules[i];
  }
  if (x->count) qsort(x->ranked, x->count, sizeof *x->ranked, by_rank);
  x->conditional = base_zalloc(x->count * sizeof *x->conditional);
  if (!x->conditional) return false;
  for (size_t i = 0; i < x->count; i++) {
    for (cat_dimension k = 0; k < CAT_NDIMENSIONS; k++)
      if (x->ranked[i]->conditions[k].count) x->conditional[i] = true;
    if (!add_rule(x, c, x->ranked[i], (uint32_t)i)) return false;
  }
  x->most_lists = lists_of(&x->any) + most(x->by_model, x->nmodels) + most(x->by_relation, x->nrelations);
  return true;
}

static void free_lists(map *lists) {
  for (size_t i = 0; i < lists->count; i++) {
    rank_list *list = lists->entries[i].value;
    base_free(list->ranks);
    base_free(list);
  }
  map_free(lists);
}

static void free_group(index_group *g) {
  base_free(g->always.ranks);
  free_lists(&g->exact);
  for (size_t i = 0; i < g->nprefixes; i++) free_lists(&g->prefixes[i].lists);
  base_free(g->prefixes);
}

static void free_slots(index_group **slots, size_t n) {
  for (size_t i = 0; slots && i < n; i++) {
    if (!slots[i]) continue;
    free_group(slots[i]);
    base_free(slots[i]);
  }
  base_free(slots);
}

void index_free(stage_index *x) {
  free_group(&x->any);
  free_slots(x->by_model, x->nmodels);
  free_slots(x->by_relation, x->nrelations);
  base_free(x->ranked);
  base_free(x->conditional);
  memset(x, 0, sizeof *x);
}

static void add_cursor(index_walk *w, const rank_list *list) {
  if (list && list->count) w->cursors[w->ncursors++] = (index_cursor){list->ranks, list->ranks + list->count};
}

static void add_group(index_walk *w, const index_group *g, const char *instance, bool *reads_instance) {
  if (!g) return;
  add_cursor(w, &g->always);
  if (g->exact.count == 0 && g->nprefixes == 0) return;
  *reads_instance = true;
  size_t size = strlen(instance);
  if (g->exact.count) add_cursor(w, map_get_n(&g->exact, instance, size));
  for (size_t i = 0; i < g->nprefixes; i++)
    if (g->prefixes[i].size <= size) add_cursor(w, map_get_n(&g->prefixes[i].lists, instance, g->prefixes[i].size));
}

void index_begin(const stage_index *x, index_walk *w, index_cursor *cursors, bool all, const cat_model *model,
                 const cat_relation *relation, const cat_instance *instance, bool *reads_instance) {
  w->index = x;
  w->cursors = cursors;
  w->ncursors = 0;
  w->next = 0;
  /* one made on the spot has no group of its own */
  w->all = all || (relation && x->reads_relation && relation->id >= x->nrelations);
  *reads_instance = false;
  add_group(w, &x->any, instance->name, reads_instance);
  if (model) add_group(w, x->by_model[model->id], instance->name, reads_instance);
  if (relation && relation->id < x->nrelations)
    add_group(w, x->by_relation[relation->id], instance->name, reads_instance);
}

const cat_rule *index_next(index_walk *w) {
  const stage_index *x = w->index;
  if (w->all) return w->next < x->count ? x->ranked[w->next++] : NULL;
  if (w->ncursors == 1) { /* a list has each rank once */
    index_cursor *only = &w->cursors[0];
    if (only->at == only->end) return NULL;
    w->next = *only->at++ + 1;
    return x->ranked[w->next - 1];
  }
  const uint32_t none = UINT32_MAX;
  uint32_t least = none;
  for (size_t i = 0; i < w->ncursors; i++) {
    index_cursor *c = &w->cursors[i];
    while (c->at < c->end && *c->at < w->next) c->at++;
    if (c->at < c->end && *c->at < least) least = *c->at;
  }
  if (least == none) return NULL;
  w->next = least + 1;
  return x->ranked[least];
}
