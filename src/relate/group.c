#include "relate/group.h"

#include <string.h>

/* Keys before they are grouped: those of one origin, the client of the rows they came from. */
typedef struct grouper {
  shunt_session *s;
  arena *a;
  const group_spec *g;
  grouped *out;
  shunt_error *err;
  uint32_t *origins; /* the clients, each once */
  size_t norigins;
  uint32_t *group_of; /* by key */
  size_t room;        /* in out->groups */
} grouper;

/* ---- entries ---- */

static const shunt_value *value_of(const group_entries *e, size_t i) {
  if (e->list) return &e->list[i];
  return &rows_row(e->rows, e->row ? e->row[i] : i)[e->column];
}

static uint32_t origin_of(const group_entries *e, size_t i) {
  return e->origins ? rows_origin_of(e->origins, e->origin_row ? e->origin_row[i] : i) : UINT32_MAX;
}

static bool first_key(const group_entries *e, size_t *at) {
  for (*at = 0; *at < e->count; (*at)++)
    if (value_of(e, *at)->type != SHUNT_NULL) return true;
  return false;
}

static uint32_t number_of_origin(const grouper *w, uint32_t client) {
  for (size_t i = 0; i < w->norigins; i++)
    if (w->origins[i] == client) return (uint32_t)i;
  return 0;
}

/* Where the rows came from, without going through all of them. */
static bool find_origins(grouper *w) {
  const shunt_rows *rows = w->g->entries.origins;
  size_t most = rows ? rows->norigins : 0;
  w->origins = arena_array(w->a, uint32_t, most + 1);
  if (!w->origins) return false;
  for (size_t i = 0; i < most; i++) {
    size_t k = 0;
    while (k < w->norigins && w->origins[k] != rows->origins[i].client) k++;
    if (k == w->norigins) w->origins[w->norigins++] = rows->origins[i].client;
  }
  if (w->norigins == 0) w->origins[w->norigins++] = UINT32_MAX;
  return true;
}

/* ---- decisions ---- */

static shunt_status decide(grouper *w, const shunt_value *key, uint32_t origin, access *out) {
  shunt_session *s = w->s;
  route_request request = w->g->request;
  s->where.count = 0;
  bool ok = equalities_add(&s->where, w->g->key, key);
  for (size_t i = 0; i < sizeof w->g->where / sizeof *w->g->where; i++)
    ok = ok && equalities_of_where(&s->where, w->g->where[i]);
  if (!ok) return error_memory(w->err);
  request.where = s->where.list;
  request.nwhere = s->where.count;
  if (origin != UINT32_MAX) request.parent = s->home.catalog->clients[origin]->name;
  return access_find(s, &request, out, w->err);
}

static shunt_status add_group(grouper *w, const access *at, uint32_t *number) {
  grouped *k = w->out;
  for (size_t i = k->ngroups; i-- > 0;)
    if (access_same(&k->groups[i].at, at)) {
      *number = (uint32_t)i;
      return SHUNT_OK;
    }
  if (k->ngroups == w->room) {
    key_group *more = arena_array(w->a, key_group, w->room ? w->room * 2 : 4);
    if (!more) return error_memory(w->err);
    if (k->ngroups) memcpy(more, k->groups, k->ngroups * sizeof *more);
    k->groups = more;
    w->room = w->room ? w->room * 2 : 4;
  }
  key_group *group = &k->groups[k->ngroups];
  *group = (key_group){.at = *at};
  *number = (uint32_t)k->ngroups++;
  return access_column(w->s, at, w->g->key, &group->key, w->err);
}

static shunt_status decide_key(grouper *w, uint32_t key, uint32_t origin, uint32_t *group) {
  shunt_value forms[MATCH_FORMS];
  size_t n;
  access at;
  if (!match_forms(&w->out->keys, key, w->out->keys.rule.child, forms, &n)) return error_memory(w->err);
  shunt_status status = decide(w, &forms[0], w->origins[origin], &at);
  return status ? status : add_group(w, &at, group);
}

/* Keys are tagged with the number of their origin here. Where a decision did not read the key, it is that of all keys
 * of its origin: what rules read next follows from what they read before. */
static shunt_status decide_keys(grouper *w) {
  match_set *m = &w->out->keys;
  uint32_t *of_origin = arena_alloc(w->a, w->norigins * sizeof *of_origin);
  w->group_of = arena_alloc(w->a, m->count * sizeof *w->group_of);
  if (!of_origin || !w->group_of) return error_memory(w->err);
  memset(of_origin, 0xff, w->norigins * sizeof *of_origin);
  for (uint32_t i = 0; i < m->count; i++) {
    uint32_t origin = m->keys[i].tag;
    if (of_origin[origin] == UINT32_MAX) {
      shunt_status status = decide_key(w, i, origin, &w->group_of[i]);
      if (status) return status;
      if (!route_depends_on_where(&w->s->decision, w->g->key)) of_origin[origin] = w->group_of[i];
    } else {
      w->group_of[i] = of_origin[origin];
    }
  }
  return SHUNT_OK;
}

/* ---- keys ---- */

static shunt_status weigh_all(shunt_session *s, arena *a, const grouped *k, const shunt_value *values, size_t n,
                              shunt_value **weights, shunt_error *err) {
  weighing w = {.s = s, .at = &k->at, .column = k->keys.rule.child, .a = a, .asked = k->asked, .err = err};
  *weights = arena_alloc(a, n * sizeof **weights);
  return *weights ? weigh(&w, values, n, *weights) : error_memory(err);
}

shunt_status group_weigh(shunt_session *s, arena *a, grouped *k, const shunt_value *values, size_t n,
                         shunt_value **weights, shunt_error *err) {
  match_set *m = &k->keys;
  if (!k->asked && !weigh_all_plain(m->rule.child, values, n)) {
    shunt_value *keys = arena_alloc(a, m->count * sizeof *keys);
    if (!keys) return error_memory(err);
    for (size_t i = 0; i < m->count; i++) keys[i] = m->keys[i].value;
    k->asked = true;
    shunt_status status = weigh_all(s, a, k, keys, m->count, weights, err);
    if (status) return status;
    match_reweigh(m, *weights);
  }
  return weigh_all(s, a, k, values, n, weights, err);
}

/* The weights of the entries from first on. */
static shunt_status weigh_entries(grouper *w, size_t first, shunt_value **weights) {
  const group_entries *e = &w->g->entries;
  grouped *k = w->out;
  size_t n = e->count - first;
  shunt_value *values = arena_alloc(w->a, n * sizeof *values);
  if (!values) return error_memory(w->err);
  for (size_t i = 0; i < n; i++) values[i] = *value_of(e, first + i);
  k->asked = !weigh_all_plain(k->keys.rule.child, values, n);
  return weigh_all(w->s, w->a, k, values, n, weights, w->err);
}

static shunt_status collect(grouper *w, match_rule rule, size_t first, bool by_origin) {
  const group_entries *e = &w->g->entries;
  grouped *k = w->out;
  shunt_value *weights = NULL;
  k->of_entry = arena_alloc(w->a, e->count * sizeof *k->of_entry);
  if (!k->of_entry || !match_init(&k->keys, w->a, rule, e->count - first)) return error_memory(w->err);
  shunt_status status = rule.weighed ? weigh_entries(w, first, &weights) : SHUNT_OK;
  if (status) return status;
  for (size_t i = 0; i < first; i++) k->of_entry[i] = MATCH_NONE;
  for (size_t i = first; i < e->count; i++) {
    uint32_t tag = by_origin ? number_of_origin(w, origin_of(e, i)) : 0;
    k->of_entry[i] = weights ? match_add_weighed(&k->keys, tag, value_of(e, i), &weights[i - first])
                             : match_add(&k->keys, tag, value_of(e, i));
  }
  return SHUNT_OK;
}

/* From keys by origin to keys by group: one key of two origins that lead to the same place is one. */
static bool retag(grouper *w) {
  grouped *k = w->out;
  match_set by_origin = k->keys;
  uint32_t *renumbered = arena_alloc(w->a, by_origin.count * sizeof *renumbered),
           *group_of = arena_alloc(w->a, by_origin.count * sizeof *group_of);
  if (!renumbered || !group_of || !match_init(&k->keys, w->a, by_origin.rule, by_origin.count)) return false;
  for (size_t i = 0; i < by_origin.count; i++) {
    const shunt_value *value = &by_origin.keys[i].value;
    renumbered[i] = by_origin.weights ? match_add_weighed(&k->keys, w->group_of[i], value, &by_origin.weights[i])
                                      : match_add(&k->keys, w->group_of[i], value);
    group_of[renumbered[i]] = w->group_of[i];
  }
  for (size_t i = 0; i < w->g->entries.count; i++)
    if (k->of_entry[i] != MATCH_NONE) k->of_entry[i] = renumbered[k->of_entry[i]];
  w->group_of = group_of;
  k->tagged = true;
  return true;
}

/* The values that each group's statement is given. */
static shunt_status spread(grouper *w) {
  grouped *k = w->out;
  for (size_t g = 0; g < k->ngroups; g++) {
    size_t forms = match_most_forms(&k->keys.rule, k->groups[g].key);
    if (forms > k->at_once) k->at_once = forms;
  }
  shunt_value **room = arena_array(w->a, shunt_value *, k->ngroups);
  size_t *most = arena_array(w->a, size_t, k->ngroups);
  if (!room || !most) return error_memory(w->err);
  for (size_t i = 0; i < k->keys.count; i++) most[w->group_of ? w->group_of[i] : 0] += k->at_once;
  for (size_t g = 0; g < k->ngroups; g++) {
    k->groups[g].keys = room[g] = arena_alloc(w->a, most[g] * sizeof **room);
    if (!room[g]) return error_memory(w->err);
  }
  for (uint32_t i = 0; i < k->keys.count; i++) {
    shunt_value forms[MATCH_FORMS];
    size_t g = w->group_of ? w->group_of[i] : 0, n;
    if (!match_forms(&k->keys, i, k->groups[g].key, forms, &n)) return error_memory(w->err);
    for (size_t f = 0; f < k->at_once && n; f++) room[g][k->groups[g].nkeys++] = forms[f < n ? f : 0];
  }
  return SHUNT_OK;
}

shunt_status group_keys(shunt_session *s, arena *a, const group_spec *g, grouped *out, shunt_error *err) {
  grouper w = {.s = s, .a = a, .g = g, .out = out, .err = err};
  size_t first;
  access at;
  uint32_t group;
  memset(out, 0, sizeof *out);
  if (!first_key(&g->entries, &first)) return SHUNT_OK;
  if (!find_origins(&w)) return error_memory(err);
  shunt_status status = decide(&w, value_of(&g->entries, first), origin_of(&g->entries, first), &at);
  if (!status) status = add_group(&w, &at, &group);
  if (status) return status;
  bool by_key = route_depends_on_where(&s->decision, g->key);
  bool by_origin = w.norigins > 1 && (by_key || route_depends_on(&s->decision, RULE_FIELD_PARENT));
  match_rule rule = match_rule_of(g->parent_column, out->groups[0].key);
  rule.weighed = rule.collation == DRIVER_WEIGHED && !rule.numeric;
  out->at = at;
  status = collect(&w, rule, first, by_origin);
  if (status) return status;
  if (by_key || by_origin) {
    out->ngroups = 0; /* the first key may now read as what its column wants */
    status = decide_keys(&w);
    if (!status && by_origin && !retag(&w)) status = error_memory(err);
  }
  return status ? status : spread(&w);
}
