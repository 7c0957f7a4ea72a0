/* The keys of a relation's parents, grouped by the access that each key leads to.
 *
 * Idea: a rule may send each key somewhere else (`req:mod("where.user_id", 16)`), so in principle every key needs a
 * decision of its own. Almost all rules don't look at the key. The decision for the first key says what it read: if it
 * read neither the key nor the parent's datasource, it holds for all keys, and there is one group. If it read the
 * parent's datasource, one decision for each datasource is enough. Only if it read the key are all keys decided.
 *
 * Invariants: a decision that did not read the key is the decision for every key of the same parent's datasource.
 * (Rules are functions of the request, so the first field that differs must be one that was read before.) Keys that are
 * the same once they are fitted are decided once. Two keys are never in one statement unless their accesses have the
 * same sites.
 *
 * Keys are fitted to the columns that they are compared with first. Those that fit nowhere are in no statement.
 *
 * Keys are collected by origin, the datasource that their parent rows came from (tags in the key_set are origin
 * numbers). After the decisions, retag gives them group numbers instead, because two origins may lead to one site, and
 * the same key must then be asked for once.
 *
 * Not here: one decision for several keys that read the key (a rule sees one value at a time), and a cache of decisions
 * by key (the route's cache is asked for each key already). */
#include "relate/group.h"

#include <string.h>

#include "base/suggest.h"
#include "query/key_sql.h"
#include "relate/plan.h"
#include "route/pick.h"

/* Keys that are being grouped. */
typedef struct grouper {
  call *c;
  arena *a;
  const group_spec *g;
  grouped *out;
  equalities where;  /* of the next decision */
  access found;      /* by the last decision */
  pick_memo picks;   /* by all decisions: keys of one place stay in one statement */
  uint32_t *origins; /* the clients, each once */
  size_t norigins;
  uint32_t *group_of;  /* by key */
  size_t room;         /* in out->groups */
  key_columns columns; /* that the keys are fitted to */
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
  request.picks = &w->picks;
  if (origin != UINT32_MAX) request.parent = w->c->s->generation.catalog->clients[origin]->name;
  shunt_where items[sizeof w->g->where / sizeof *w->g->where], where = {.op = SHUNT_AND, .items = items};
  for (size_t i = 0; i < sizeof items / sizeof *items; i++)
    if (w->g->where[i]) items[where.nitems++] = *w->g->where[i];
  shunt_status status = access_find_all(w->c, &request, &where, &w->found);
  return status ? status : access_unite(w->c, &w->found);
}

/* Whether the last decision depends on the key, or may do so. */
static bool depends_on_key(const grouper *w) {
  bool does = w->found.held;
  for (size_t i = 0; i < w->g->key.n; i++) does = does || route_depends_on_where(w->found.decision, w->g->key.list[i]);
  return does;
}

static shunt_status add_group(grouper *w, site *at, uint32_t first) {
  key_group *group = &w->out->groups[w->out->ngroups++];
  *group = (key_group){.at = {.sites = at, .nsites = 1, .room = 1}, .first = first};
  shunt_status status = site_key_columns(w->c, at, &w->g->key, &group->keys.columns);
  if (!status) key_columns_compare(&group->keys.columns, &w->g->parent);
  return status;
}

/* The first group of w->found. New groups take over its sites. */
static shunt_status find_group(grouper *w, uint32_t *number) {
  grouped *k = w->out;
  for (uint32_t i = (uint32_t)k->ngroups; i-- > 0;)
    if (k->groups[i].first == i && access_same(&k->groups[i].whole, &w->found)) {
      *number = i;
      return SHUNT_OK;
    }
  access whole = w->found;
  shunt_status status = SHUNT_OK;
  *number = (uint32_t)k->ngroups;
  if (!arena_grow(w->a, &k->groups, &w->room, k->ngroups + whole.nsites, sizeof *k->groups))
    return error_memory(w->c->err);
  for (size_t i = 0; i < whole.nsites && !status; i++) status = add_group(w, &whole.sites[i], *number);
  whole.decision = NULL;
  k->groups[*number].whole = whole;
  k->parted = k->parted || whole.nsites > 1;
  access_leave_sites(&w->found);
  return status;
}

static shunt_status decide_key(grouper *w, uint32_t key, uint32_t origin, uint32_t *group) {
  shunt_status status = decide(w, key_set_values(&w->out->keys, key), w->origins[origin]);
  return status ? status : find_group(w, group);
}

/* Keys are tagged with the numbers of their origins here. A decision that did not read the key holds for all keys of
 * its origin. */
static shunt_status decide_keys(grouper *w) {
  key_set *m = &w->out->keys;
  uint32_t *of_origin = arena_alloc(w->a, w->norigins * sizeof *of_origin);
  w->group_of = arena_alloc(w->a, m->count * sizeof *w->group_of);
  if (!of_origin || !w->group_of) return error_memory(w->c->err);
  memset(of_origin, 0xff, w->norigins * sizeof *of_origin);
  for (uint32_t i = 0; i < m->count; i++) {
    uint32_t origin = m->entries[i].tag;
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

/* Entries whose keys only the engine can judge, and these keys. */
typedef struct doubts {
  key_set keys;
  uint32_t *of_entry; /* KEY_NONE: no doubt */
} doubts;

static bool doubts_init(grouper *w, doubts *d) {
  size_t n = w->g->entries.count;
  d->of_entry = arena_alloc(w->a, n * sizeof *d->of_entry);
  if (!d->of_entry || !key_set_init(&d->keys, w->a, w->g->key.n, n)) return false;
  memset(d->of_entry, 0xff, n * sizeof *d->of_entry);
  return true;
}

static uint32_t tag_of(const grouper *w, size_t i, bool by_origin) {
  return by_origin ? number_of_origin(w, origin_of(&w->g->entries, i)) : 0;
}

static shunt_status collect_one(grouper *w, size_t i, bool by_origin, doubts *d) {
  shunt_value key[KEY_MOST], fitted[KEY_MOST];
  w->out->of_entry[i] = KEY_NONE;
  if (!key_of_entry(w->g, i, key)) return SHUNT_OK;
  switch (key_fit_all(w->a, &w->columns, &w->g->parent, key, fitted)) {
  case KEY_FITS:
    w->out->of_entry[i] = key_set_add(&w->out->keys, tag_of(w, i, by_origin), fitted);
    break;
  case KEY_ASKS:
    if (!d->of_entry && !doubts_init(w, d)) return error_memory(w->c->err);
    d->of_entry[i] = key_set_add(&d->keys, 0, fitted);
    break;
  case KEY_NOWHERE:
    break;
  case KEY_NO_MEMORY:
    return error_memory(w->c->err);
  }
  return SHUNT_OK;
}

static shunt_status settle_doubts(grouper *w, bool by_origin, const doubts *d) {
  bool *held = arena_alloc(w->a, d->keys.count * sizeof *held);
  if (!held) return error_memory(w->c->err);
  shunt_status status =
      key_check(w->c, access_only_site(&w->out->groups[0].at), &w->columns, d->keys.values, d->keys.count, held);
  for (size_t i = 0; i < w->g->entries.count && !status; i++)
    if (d->of_entry[i] != KEY_NONE && held[d->of_entry[i]])
      w->out->of_entry[i] =
          key_set_add(&w->out->keys, tag_of(w, i, by_origin), key_set_values(&d->keys, d->of_entry[i]));
  return status;
}

static shunt_status collect(grouper *w, bool by_origin) {
  size_t n = w->g->entries.count;
  grouped *k = w->out;
  doubts d = {.of_entry = NULL};
  k->of_entry = arena_alloc(w->a, n * sizeof *k->of_entry);
  if (!k->of_entry || !key_set_init(&k->keys, w->a, w->g->key.n, n)) return error_memory(w->c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) status = collect_one(w, i, by_origin, &d);
  return status || !d.of_entry ? status : settle_doubts(w, by_origin, &d);
}

/* Tags the keys with groups instead of origins: the same key of two origins that lead to the same sites is one key. */
static bool retag(grouper *w) {
  grouped *k = w->out;
  key_set by_origin = k->keys;
  uint32_t *renumbered = arena_alloc(w->a, by_origin.count * sizeof *renumbered),
           *group_of = arena_alloc(w->a, by_origin.count * sizeof *group_of);
  if (!renumbered || !group_of || !key_set_init(&k->keys, w->a, by_origin.width, by_origin.count)) return false;
  for (uint32_t i = 0; i < by_origin.count; i++) {
    renumbered[i] = key_set_add(&k->keys, w->group_of[i], key_set_values(&by_origin, i));
    group_of[renumbered[i]] = w->group_of[i];
  }
  for (size_t i = 0; i < w->g->entries.count; i++)
    if (k->of_entry[i] != KEY_NONE) k->of_entry[i] = renumbered[k->of_entry[i]];
  w->group_of = group_of;
  k->tagged = true;
  return true;
}

/* ---- the keys of each group ---- */

static size_t group_of(const grouper *w, size_t key) { return w->group_of ? w->group_of[key] : 0; }

/* The table of another group may have other types. */
static key_fitting fit_again(const grouper *w, const key_columns *columns, const shunt_value *values,
                             shunt_value *fitted) {
  bool same = memcmp(columns->list, w->columns.list, columns->n * sizeof *columns->list) == 0;
  if (!same) return key_fit_all(w->a, columns, &w->columns, values, fitted);
  memcpy(fitted, values, columns->n * sizeof *fitted);
  return KEY_FITS;
}

static bool is_exact(const key_columns *columns, const shunt_value *values) {
  for (size_t i = 0; i < columns->n; i++)
    if (!key_is_exact(columns, i, &values[i])) return false;
  return true;
}

static shunt_status spread_key(grouper *w, uint32_t key, size_t group, shunt_value *values, uint32_t *numbers) {
  key_list *keys = &w->out->groups[group].keys;
  shunt_value *fitted = values + keys->count * w->g->key.n;
  key_fitting fitting = fit_again(w, &keys->columns, key_set_values(&w->out->keys, key), fitted);
  if (fitting == KEY_NO_MEMORY) return error_memory(w->c->err);
  if (fitting == KEY_NOWHERE) return SHUNT_OK;
  numbers[keys->count++] = key;
  w->out->exact = w->out->exact && is_exact(&keys->columns, fitted);
  return SHUNT_OK;
}

/* Texts after numbers, where they are compared in different ways: then two statements are enough. */
static bool comes_in(const key_columns *columns, const shunt_value *values, int pass) {
  bool text = false;
  for (size_t i = 0; i < columns->n; i++) text = text || (columns->by_value[i] && values[i].type == SHUNT_TEXT);
  return text == (pass == 1);
}

static shunt_status spread(grouper *w) {
  grouped *k = w->out;
  size_t width = w->g->key.n, *most = arena_array(w->a, size_t, k->ngroups);
  shunt_value **values = arena_array(w->a, shunt_value *, k->ngroups);
  uint32_t **numbers = arena_array(w->a, uint32_t *, k->ngroups);
  if (!most || !values || !numbers) return error_memory(w->c->err);
  for (size_t i = 0; i < k->keys.count; i++) most[group_of(w, i)]++;
  for (size_t g = 0; g < k->ngroups; g++) {
    most[g] = most[k->groups[g].first];
    k->groups[g].keys.values = values[g] = arena_alloc(w->a, most[g] * width * sizeof **values);
    k->groups[g].keys.numbers = numbers[g] = arena_alloc(w->a, most[g] * sizeof **numbers);
    if (!values[g] || !numbers[g]) return error_memory(w->c->err);
  }
  shunt_status status = SHUNT_OK;
  k->exact = true;
  for (int pass = 0; pass < 2; pass++)
    for (uint32_t i = 0; i < k->keys.count && !status; i++) {
      size_t first = group_of(w, i);
      for (size_t g = first; g < k->ngroups && k->groups[g].first == first && !status; g++)
        if (comes_in(&k->groups[g].keys.columns, key_set_values(&k->keys, i), pass))
          status = spread_key(w, i, g, values[g], numbers[g]);
    }
  return status;
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
  w->columns = out->groups[0].keys.columns;
  status = collect(w, by_origin);
  if (status) return status;
  if (by_key || by_origin || out->keys.count == 0) out->ngroups = 0; /* keys are decided again once they are fitted */
  out->parted = out->parted && out->ngroups;
  if (by_key || by_origin) {
    status = decide_keys(w);
    if (!status && by_origin && !retag(w)) status = error_memory(w->c->err);
  }
  return status ? status : spread(w);
}

shunt_status group_keys(call *c, arena *a, const group_spec *g, grouped *out) {
  grouper w = {.c = c, .a = a, .g = g, .out = out, .where = {.a = a}, .picks = {.arena = a}};
  shunt_status status = group_all(&w);
  call_end_decision(c, w.found.decision);
  return status;
}
