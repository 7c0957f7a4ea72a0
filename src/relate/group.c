/* The keys of a relation's parents, grouped by the access that each key leads to.
 *
 * Idea: a rule may send each key somewhere else (`req:mod("where.user_id", 16)`), so in principle every key needs a
 * decision of its own. Almost all rules don't look at the key. The decision for the first key says what it read: if it
 * read neither the key nor the parent's datasource, it holds for all keys, and there is one group. If it read the
 * parent's datasource, one decision for each datasource is enough. Only if it read the key are all keys decided.
 *
 * Invariants: a decision that did not read the key is the decision for every key of the same parent's datasource.
 * (Rules are functions of the request, so the first field that differs must be one that was read before.) Keys that are
 * the same by value are decided once. Two keys are never in one statement unless their accesses have the same sites.
 *
 * Keys are collected first by origin, the datasource that their parent rows came from (tags in the match_set are origin
 * numbers). After the decisions, retag gives them group numbers instead, because two origins may lead to one site, and
 * the same key must then be asked for once.
 *
 * Not here: one decision for several keys that read the key (a rule sees one value at a time), and a cache of decisions
 * by key (the route's cache is asked for each key already). */
#include "relate/group.h"

#include <string.h>

#include "base/suggest.h"
#include "relate/plan.h"

/* Keys that are being grouped. */
typedef struct grouper {
  call *c;
  arena *a;
  const group_spec *g;
  grouped *out;
  equalities where;  /* of the next decision */
  access found;      /* by the last decision */
  uint32_t *origins; /* the clients, each once */
  size_t norigins;
  uint32_t *group_of; /* by key */
  size_t room;        /* in out->groups */
} grouper;

/* ---- entries ---- */

shunt_status group_parents(call *c, const cat_relation *r, const parents *from, group_spec *g) {
  key_names names = plan_parent_key(r);
  g->entries = (group_entries){.count = from->rows->count, .rows = from->rows, .origins = from->rows};
  g->parent.n = from->shape ? names.n : 0;
  for (size_t i = 0; i < g->parent.n; i++) {
    const driver_column *column = driver_table_column(from->shape, names.list[i]);
    if (!column) {
      suggest near = suggest_for(names.list[i]);
      for (size_t k = 0; k < from->shape->count; k++) suggest_try(&near, from->shape->columns[k].name);
      return error_set(c->err, SHUNT_E_NOT_FOUND,
                       "relation '%s' starts from column '%s', which model '%s' does not have%s", r->full_name,
                       names.list[i], r->source->name, suggest_text(&near));
    }
    g->parent.list[i] = column;
    g->entries.column[i] = rows_column_index(from->rows, column->name);
  }
  return SHUNT_OK;
}

/* False if a part of the key is null. */
static bool key_of_entry(const group_spec *g, size_t i, shunt_value out[KEY_MOST]) {
  const group_entries *e = &g->entries;
  bool whole = true;
  for (size_t k = 0; k < g->key.n; k++) {
    out[k] = e->list ? e->list[i * g->key.n + k] : rows_row(e->rows, e->row ? e->row[i] : i)[e->column[k]];
    whole = whole && out[k].type != SHUNT_NULL;
  }
  return whole;
}

static uint32_t origin_of(const group_entries *e, size_t i) {
  return e->origins ? rows_origin_of(e->origins, e->origin_row ? e->origin_row[i] : i) : UINT32_MAX;
}

static bool first_key(const group_spec *g, size_t *at, shunt_value key[KEY_MOST]) {
  for (*at = 0; *at < g->entries.count; (*at)++)
    if (key_of_entry(g, *at, key)) return true;
  return false;
}

static uint32_t number_of_origin(const grouper *w, uint32_t client) {
  for (size_t i = 0; i < w->norigins; i++)
    if (w->origins[i] == client) return (uint32_t)i;
  return 0;
}

/* The origins of the rows, without looking at each row. */
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

/* ---- accesses ---- */

/* Finds the access for a key of an origin: w->found. */
static shunt_status decide(grouper *w, const shunt_value *key, uint32_t origin) {
  route_request request = w->g->request;
  bool ok = true;
  w->where.count = 0;
  for (size_t i = 0; i < w->g->key.n; i++) ok = ok && equalities_add(&w->where, w->g->key.list[i], &key[i]);
  for (size_t i = 0; i < sizeof w->g->where / sizeof *w->g->where; i++)
    ok = ok && equalities_of_where(&w->where, w->g->where[i]);
  if (!ok) return error_memory(w->c->err);
  request.where = w->where.list;
  request.nwhere = w->where.count;
  if (origin != UINT32_MAX) request.parent = w->c->s->generation.catalog->clients[origin]->name;
  shunt_where items[sizeof w->g->where / sizeof *w->g->where], where = {.op = SHUNT_AND, .items = items};
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    if (w->g->where[i]) items[where.nitems++] = *w->g->where[i];
  shunt_status status = access_find_all(w->c, &request, &where, &w->found);
  if (!status) status = access_unite(w->c, &w->found);
  if (status || w->found.nsites == 1) return status;
  return error_set(
      w->c->err, SHUNT_E_USAGE,
      "model '%s': its parts lie on several datasources, and the relation's key does not say on which one; "
      "relate it by its sharding key, or read it by itself",
      request.model->name);
}

/* Whether the last decision depends on the key. */
static bool depends_on_key(const grouper *w) {
  bool does = false;
  for (size_t i = 0; i < w->g->key.n; i++) does = does || route_depends_on_where(w->found.decision, w->g->key.list[i]);
  return does;
}

static bool grow_groups(grouper *w) {
  size_t room = w->room ? w->room * 2 : 4;
  key_group *more = arena_array(w->a, key_group, room);
  if (!more) return false;
  if (w->out->ngroups) memcpy(more, w->out->groups, w->out->ngroups * sizeof *more);
  w->out->groups = more;
  w->room = room;
  return true;
}

/* The group of w->found. A new group takes over its sites. */
static shunt_status find_group(grouper *w, uint32_t *number) {
  grouped *k = w->out;
  for (size_t i = k->ngroups; i-- > 0;)
    if (access_same(&k->groups[i].at, &w->found)) {
      *number = (uint32_t)i;
      return SHUNT_OK;
    }
  if (k->ngroups == w->room && !grow_groups(w)) return error_memory(w->c->err);
  key_group *group = &k->groups[k->ngroups];
  *group = (key_group){.at = w->found};
  group->at.decision = NULL;
  w->found.sites = NULL;
  *number = (uint32_t)k->ngroups++;
  return site_key_columns(w->c, access_only_site(&group->at), &w->g->key, &group->keys.columns);
}

static shunt_status decide_key(grouper *w, uint32_t key, uint32_t origin, uint32_t *group) {
  shunt_value forms[MATCH_FORMS * KEY_MOST];
  key_columns child = {.n = w->out->keys.rules.n};
  size_t n;
  for (size_t i = 0; i < child.n; i++) child.list[i] = w->out->keys.rules.list[i].child;
  if (!match_forms(&w->out->keys, key, &child, forms, &n)) return error_memory(w->c->err);
  shunt_status status = decide(w, forms, w->origins[origin]);
  return status ? status : find_group(w, group);
}

/* Keys are tagged with the numbers of their origins here. A decision that did not read the key holds for all keys of
 * its origin. */
static shunt_status decide_keys(grouper *w) {
  match_set *m = &w->out->keys;
  uint32_t *of_origin = arena_alloc(w->a, w->norigins * sizeof *of_origin);
  w->group_of = arena_alloc(w->a, m->count * sizeof *w->group_of);
  if (!of_origin || !w->group_of) return error_memory(w->c->err);
  memset(of_origin, 0xff, w->norigins * sizeof *of_origin);
  for (uint32_t i = 0; i < m->count; i++) {
    uint32_t origin = m->keys[i].tag;
    if (of_origin[origin] == UINT32_MAX) {
      shunt_status status = decide_key(w, i, origin, &w->group_of[i]);
      if (status) return status;
      if (!depends_on_key(w)) of_origin[origin] = w->group_of[i];
    } else {
      w->group_of[i] = of_origin[origin];
    }
  }
  return SHUNT_OK;
}

/* ---- keys ---- */

/* The values of one column of n keys. */
static shunt_value *column_of(arena *a, const match_rules *rules, size_t column, const shunt_value *keys, size_t n) {
  shunt_value *cells = arena_alloc(a, n * sizeof *cells);
  for (size_t i = 0; cells && i < n; i++) cells[i] = keys[i * rules->n + column];
  return cells;
}

static shunt_status all_plain(call *c, arena *a, const grouped *k, const shunt_value *values, size_t n, bool *plain) {
  *plain = true;
  for (size_t i = 0; i < k->keys.rules.n && *plain; i++) {
    if (!k->keys.rules.list[i].collated) continue;
    const shunt_value *cells = column_of(a, &k->keys.rules, i, values, n);
    if (!cells) return error_memory(c->err);
    *plain = collation_all_plain(k->keys.rules.list[i].child, cells, n);
  }
  return SHUNT_OK;
}

static shunt_status collate_all(call *c, arena *a, const grouped *k, const shunt_value *values, size_t n,
                                shunt_value **out) {
  size_t width = k->keys.rules.n;
  *out = arena_alloc(a, n * width * sizeof **out);
  if (!*out) return error_memory(c->err);
  for (size_t i = 0; i < width; i++) {
    if (!k->keys.rules.list[i].collated) continue;
    collating w = {.c = c, .at = k->at, .column = k->keys.rules.list[i].child, .a = a, .asked = k->asked};
    shunt_value *cells = column_of(a, &k->keys.rules, i, values, n);
    if (!cells) return error_memory(c->err);
    shunt_status status = collation_keys(&w, cells, n, cells);
    if (status) return status;
    for (size_t row = 0; row < n; row++) (*out)[row * width + i] = cells[row];
  }
  return SHUNT_OK;
}

shunt_status group_collate(call *c, arena *a, grouped *k, const shunt_value *values, size_t n, shunt_value **out) {
  bool plain = true;
  shunt_status status = k->asked ? SHUNT_OK : all_plain(c, a, k, values, n, &plain);
  if (!status && !plain) {
    k->asked = true;
    status = collate_all(c, a, k, k->keys.values, k->keys.count, out);
    if (!status) match_recollate(&k->keys, *out);
  }
  return status ? status : collate_all(c, a, k, values, n, out);
}

/* The collation keys of the entries from first on. */
static shunt_status collate_entries(grouper *w, size_t first, shunt_value **out) {
  size_t n = w->g->entries.count - first, width = w->g->key.n;
  shunt_value *values = arena_alloc(w->a, n * width * sizeof *values);
  bool plain;
  if (!values) return error_memory(w->c->err);
  for (size_t i = 0; i < n; i++) key_of_entry(w->g, first + i, values + i * width);
  shunt_status status = all_plain(w->c, w->a, w->out, values, n, &plain);
  if (status) return status;
  w->out->asked = !plain;
  return collate_all(w->c, w->a, w->out, values, n, out);
}

static shunt_status collect(grouper *w, const match_rules *rules, size_t first, bool by_origin) {
  const group_entries *e = &w->g->entries;
  grouped *k = w->out;
  shunt_value *collation = NULL, key[KEY_MOST];
  k->of_entry = arena_alloc(w->a, e->count * sizeof *k->of_entry);
  if (!k->of_entry || !match_init(&k->keys, w->a, rules, e->count - first)) return error_memory(w->c->err);
  shunt_status status = k->collated ? collate_entries(w, first, &collation) : SHUNT_OK;
  if (status) return status;
  for (size_t i = 0; i < first; i++) k->of_entry[i] = MATCH_NONE;
  for (size_t i = first; i < e->count; i++) {
    uint32_t tag = by_origin ? number_of_origin(w, origin_of(e, i)) : 0;
    bool whole = key_of_entry(w->g, i, key);
    const shunt_value *its = collation ? collation + (i - first) * rules->n : NULL;
    k->of_entry[i] = whole ? match_add(&k->keys, tag, key, its) : MATCH_NONE;
  }
  return SHUNT_OK;
}

/* Tags the keys with groups instead of origins: the same key of two origins that lead to the same sites is one key. */
static bool retag(grouper *w) {
  grouped *k = w->out;
  match_set by_origin = k->keys;
  uint32_t *renumbered = arena_alloc(w->a, by_origin.count * sizeof *renumbered),
           *group_of = arena_alloc(w->a, by_origin.count * sizeof *group_of);
  if (!renumbered || !group_of || !match_init(&k->keys, w->a, &by_origin.rules, by_origin.count)) return false;
  for (uint32_t i = 0; i < by_origin.count; i++) {
    renumbered[i] =
        match_add(&k->keys, w->group_of[i], match_values(&by_origin, i), by_origin.compared + i * by_origin.rules.n);
    group_of[renumbered[i]] = w->group_of[i];
  }
  for (size_t i = 0; i < w->g->entries.count; i++)
    if (k->of_entry[i] != MATCH_NONE) k->of_entry[i] = renumbered[k->of_entry[i]];
  w->group_of = group_of;
  k->tagged = true;
  return true;
}

static size_t group_of(const grouper *w, size_t key) { return w->group_of ? w->group_of[key] : 0; }

/* The values for each group's statements. */
static shunt_status spread(grouper *w) {
  grouped *k = w->out;
  size_t width = w->g->key.n;
  for (size_t g = 0; g < k->ngroups; g++) {
    size_t forms = match_most_forms(&k->keys.rules, &k->groups[g].keys.columns);
    if (forms > k->at_once) k->at_once = forms;
  }
  shunt_value **room = arena_array(w->a, shunt_value *, k->ngroups);
  size_t *most = arena_array(w->a, size_t, k->ngroups);
  if (!room || !most) return error_memory(w->c->err);
  for (size_t i = 0; i < k->keys.count; i++) most[group_of(w, i)] += k->at_once;
  for (size_t g = 0; g < k->ngroups; g++) {
    k->groups[g].keys.values = room[g] = arena_alloc(w->a, most[g] * width * sizeof **room);
    if (!room[g]) return error_memory(w->c->err);
  }
  for (uint32_t i = 0; i < k->keys.count; i++) {
    shunt_value forms[MATCH_FORMS * KEY_MOST];
    size_t g = group_of(w, i), n;
    key_list *keys = &k->groups[g].keys;
    if (!match_forms(&k->keys, i, &keys->columns, forms, &n)) return error_memory(w->c->err);
    for (size_t f = 0; f < k->at_once && n; f++)
      memcpy(room[g] + keys->count++ * width, forms + (f < n ? f : 0) * width, width * sizeof *forms);
  }
  return SHUNT_OK;
}

static shunt_status group_all(grouper *w) {
  const group_spec *g = w->g;
  grouped *out = w->out;
  size_t first;
  shunt_value key[KEY_MOST];
  uint32_t number;
  memset(out, 0, sizeof *out);
  if (!first_key(g, &first, key)) return SHUNT_OK;
  if (!find_origins(w)) return error_memory(w->c->err);
  shunt_status status = decide(w, key, origin_of(&g->entries, first));
  if (!status) status = find_group(w, &number);
  if (status) return status;
  bool by_key = depends_on_key(w);
  bool by_origin = w->norigins > 1 && (by_key || route_depends_on(w->found.decision, RULE_FIELD_PARENT));
  match_rules rules = match_rules_of(&g->parent, &out->groups[0].keys.columns);
  out->collated = match_collate(&rules);
  out->at = access_only_site(&out->groups[0].at);
  status = collect(w, &rules, first, by_origin);
  if (status) return status;
  if (by_key || by_origin) {
    out->ngroups = 0; /* the first key is decided again in its canonical form */
    status = decide_keys(w);
    if (!status && by_origin && !retag(w)) status = error_memory(w->c->err);
  }
  return status ? status : spread(w);
}

shunt_status group_keys(call *c, arena *a, const group_spec *g, grouped *out) {
  grouper w = {.c = c, .a = a, .g = g, .out = out, .where = {.a = a}};
  shunt_status status = group_all(&w);
  call_end_decision(c, w.found.decision);
  return status;
}
