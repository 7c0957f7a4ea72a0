#include "route/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"

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

/* ---- which rules an instance's name leads to ---- */

typedef struct prefix_lists {
  size_t size;
  map lists; /* prefix of that size to rank_list */
} prefix_lists;

typedef struct instance_lists {
  map exact; /* name to rank_list */
  prefix_lists *prefixes;
  size_t nprefixes, capacity;
} instance_lists;

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

static map *beginnings(instance_lists *l, size_t size) {
  for (size_t i = 0; i < l->nprefixes; i++)
    if (l->prefixes[i].size == size) return &l->prefixes[i].lists;
  if (!base_grow(&l->prefixes, &l->capacity, l->nprefixes + 1, sizeof *l->prefixes)) return NULL;
  prefix_lists *p = &l->prefixes[l->nprefixes++];
  memset(p, 0, sizeof *p);
  p->size = size;
  return &p->lists;
}

static bool add_to_group(index_group *g, const cat_rule *rule, uint32_t rank) {
  const cat_condition *c = &rule->conditions[CAT_INSTANCE];
  if (c->count == 0) return add_rank(&g->always, rank);
  if (!g->lists && !(g->lists = base_zalloc(sizeof *g->lists))) return false;
  for (size_t i = 0; i < c->count; i++) {
    const cat_pattern *p = &c->patterns[i];
    map *lists = p->prefix ? beginnings(g->lists, p->size) : &g->lists->exact;
    if (!lists || !add_under(lists, p->text, p->size, rank)) return false;
  }
  return true;
}

static void free_map(map *lists) {
  for (size_t i = 0; i < lists->count; i++) {
    rank_list *list = lists->entries[i].value;
    base_free(list->ranks);
    base_free(list);
  }
  map_free(lists);
}

static void free_lists(instance_lists *l) {
  if (!l) return;
  free_map(&l->exact);
  for (size_t i = 0; i < l->nprefixes; i++) free_map(&l->prefixes[i].lists);
  base_free(l->prefixes);
  base_free(l);
}

/* ---- classes of instances: alike in which lists their names lead to ---- */

typedef struct classing {
  index_group *group;
  const rank_list **found; /* the lists of the current instance */
  size_t nfound;
  map classes; /* the lists' addresses to the class + 1 */
  arena keys;
} classing;

static void find_lists(classing *c, const char *name) {
  const instance_lists *l = c->group->lists;
  size_t size = strlen(name);
  const rank_list *list = map_get_n(&l->exact, name, size);
  c->nfound = 0;
  if (list) c->found[c->nfound++] = list;
  for (size_t i = 0; i < l->nprefixes; i++) {
    list = l->prefixes[i].size <= size ? map_get_n(&l->prefixes[i].lists, name, l->prefixes[i].size) : NULL;
    if (list) c->found[c->nfound++] = list;
  }
}

static int by_number(const void *a, const void *b) {
  uint32_t l = *(const uint32_t *)a, r = *(const uint32_t *)b;
  return l < r ? -1 : l > r;
}

/* Merges the lists, ascending, each rank once. */
static bool merge(const classing *c, rank_list *to) {
  size_t total = 0, kept = 0;
  for (size_t i = 0; i < c->nfound; i++) total += c->found[i]->count;
  if (total == 0) return true;
  if (!base_grow(&to->ranks, &to->capacity, total, sizeof *to->ranks)) return false;
  for (size_t i = 0; i < c->nfound; i++)
    for (size_t k = 0; k < c->found[i]->count; k++) to->ranks[to->count++] = c->found[i]->ranks[k];
  qsort(to->ranks, to->count, sizeof *to->ranks, by_number);
  for (size_t i = 0; i < to->count; i++)
    if (i == 0 || to->ranks[i] != to->ranks[kept - 1]) to->ranks[kept++] = to->ranks[i];
  to->count = kept;
  return true;
}

static bool find_class(classing *c, uint32_t *out) {
  index_group *g = c->group;
  size_t size = c->nfound * sizeof *c->found;
  const char *key = (const char *)c->found;
  uintptr_t known = (uintptr_t)map_get_n(&c->classes, key, size);
  if (known) {
    *out = (uint32_t)(known - 1);
    return true;
  }
  if (!base_grow(&g->classes, &g->classes_capacity, g->nclasses + 1, sizeof *g->classes)) return false;
  *out = (uint32_t)g->nclasses++;
  memset(&g->classes[*out], 0, sizeof *g->classes);
  char *kept = arena_strndup(&c->keys, key, size);
  return kept && map_put_n(&c->classes, kept, size, (void *)(uintptr_t)g->nclasses) && merge(c, &g->classes[*out]);
}

static bool classify(index_group *g, const catalog *c) {
  if (!g || !g->lists) return true;
  classing all = {.group = g, .found = base_alloc((g->lists->nprefixes + 1) * sizeof(const rank_list *))};
  g->class_of = base_alloc(c->ninstances * sizeof *g->class_of);
  g->class_read = rule_class(g->class_of);
  bool fine = all.found && g->class_of;
  for (size_t i = 0; i < c->ninstances && fine; i++) {
    find_lists(&all, c->instances[i]->name);
    fine = find_class(&all, &g->class_of[i]);
  }
  base_free(all.found);
  map_free(&all.classes);
  arena_free(&all.keys);
  free_lists(g->lists);
  g->lists = NULL;
  return fine;
}

/* ---- building ---- */

static bool add_to_slot(index_group **slot, const cat_rule *rule, uint32_t rank) {
  if (!*slot) *slot = base_zalloc(sizeof **slot);
  return *slot && add_to_group(*slot, rule, rank);
}

/* Models and relations are a closed set, so a pattern is replaced by the names that it matches. */
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
    const cat_condition *conditions = x->ranked[i]->conditions;
    x->conditional[i] = conditions[CAT_OP].count || conditions[CAT_CLIENT].count ||
                        (conditions[CAT_RELATION].count && conditions[CAT_MODEL].count);
    if (!add_rule(x, c, x->ranked[i], (uint32_t)i)) return false;
  }
  bool fine = classify(&x->any, c);
  for (size_t i = 0; i < x->nmodels && fine; i++) fine = classify(x->by_model[i], c);
  for (size_t i = 0; i < x->nrelations && fine; i++) fine = classify(x->by_relation[i], c);
  return fine;
}

static void free_group(index_group *g) {
  base_free(g->always.ranks);
  free_lists(g->lists);
  for (size_t i = 0; i < g->nclasses; i++) base_free(g->classes[i].ranks);
  base_free(g->classes);
  base_free(g->class_of);
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

/* ---- walking ---- */

static void add_cursor(index_walk *w, const rank_list *list) {
  if (list->count) w->cursors[w->ncursors++] = (index_cursor){list->ranks, list->ranks + list->count};
}

static void add_group(index_walk *w, const index_group *g, const cat_instance *instance) {
  if (!g) return;
  add_cursor(w, &g->always);
  if (!g->class_of) return;
  w->read[w->nread++] = &g->class_read;
  add_cursor(w, &g->classes[g->class_of[instance->id]]);
}

void index_begin(const stage_index *x, index_walk *w, bool all, const cat_model *model, const cat_relation *relation,
                 const cat_instance *instance) {
  w->index = x;
  w->ncursors = 0;
  w->nread = 0;
  w->next = 0;
  /* a relation for this call alone has no group */
  w->all = all || (relation && x->reads_relation && relation->id >= x->nrelations);
  add_group(w, &x->any, instance);
  if (model) add_group(w, x->by_model[model->id], instance);
  if (relation && relation->id < x->nrelations) add_group(w, x->by_relation[relation->id], instance);
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
