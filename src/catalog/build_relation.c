#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"
#include "catalog/where.h"

/* A mistake in a relation begins with its full name. Its place is its key, or the model's declaration. */
typedef struct wiring {
  builder *b;
  cat_relation *r;
  const node *body;
} wiring;

static void tell(const wiring *w, const node *n, const char *message) {
  report(w->b->p, SHUNT_E_CONFIG, n && n->at.line ? n->at : w->r->at, "relation '%s': %s", w->r->full_name, message);
}

static void require(const wiring *w, const char *key, const char *message) {
  if (build_misses(w->body, &schema_relation, key)) tell(w, NULL, message);
}

static const char *required(const wiring *w, const char *key, const char *message) {
  require(w, key, message);
  return build_text(w->body, key, NULL);
}

static const cat_model *find_model(const wiring *w, const char *key, const char *name) {
  if (!name) return NULL;
  const cat_model *model = catalog_model(w->b->c, name);
  if (!model)
    build_not_found(w->b, node_get(w->body, key),
                    &(build_reference){"relation", w->r->full_name, w->r->at, key, "model", &w->b->c->model_names});
  return model;
}

/* Names are interned: the same client has the same address everywhere. */
static const char *find_client(const wiring *w, const char *key) {
  static const char *const words[] = {CATALOG_AUTO, CATALOG_INHERIT, CATALOG_INITIAL, CATALOG_DEFAULT};
  const char *name = build_text(w->body, key, CATALOG_AUTO);
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(name, words[i]) == 0) return words[i];
  const cat_client *client = catalog_client(w->b->c, name);
  if (client) return client->name;
  build_not_found(w->b, node_get(w->body, key),
                  &(build_reference){"relation", w->r->full_name, w->r->at, key, "client", &w->b->c->client_names});
  return name;
}

static void find_kind(const wiring *w) {
  static const char *const words[] = {[SHUNT_HAS_ONE] = "has_one",
                                      [SHUNT_BELONGS_TO] = "belongs_to",
                                      [SHUNT_HAS_MANY] = "has_many",
                                      [SHUNT_BELONGS_TO_MANY] = "belongs_to_many"};
  const char *kind = required(w, "kind", "kind is missing: has_one, belongs_to, has_many or belongs_to_many");
  for (size_t i = 0; kind && i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], kind) == 0) w->r->as.kind = (shunt_kind)i;
}

static size_t columns_of(const char *const *key) {
  size_t n = 0;
  while (n < SHUNT_KEY_MOST && key[n]) n++;
  return n;
}

/* Two keys that correspond have as many columns. */
static void check_columns(const wiring *w, const char *name, const char *const *key, const char *other,
                          const char *const *referred) {
  size_t n = columns_of(key), m = columns_of(referred);
  if (n == 0 || m == 0 || n == m) return;
  report(w->b->p, SHUNT_E_CONFIG, w->r->at, "relation '%s': %s has %zu column%s, and %s has %zu", w->r->full_name, name,
         n, n == 1 ? "" : "s", other, m);
}

/* False when out of memory. */
static bool find_keys(const wiring *w) {
  shunt_relation *as = &w->r->as;
  const char *what = arena_printf(w->b->a, "relation '%s'", w->r->full_name);
  const cat_model *referred = as->kind == SHUNT_BELONGS_TO ? w->r->target : w->r->source;
  if (!what || !build_key(w->b, w->body, "foreign_key", what, as->foreign_key) ||
      !build_key(w->b, w->body, "key", what, as->key) ||
      !build_key(w->b, w->body, "through_key", what, as->through_key))
    return false;
  if (!as->key[0] && referred) memcpy(as->key, referred->primary_key, sizeof as->key);
  check_columns(w, "foreign_key", as->foreign_key, build_get(w->body, "key") ? "key" : "the primary key", as->key);
  if (w->r->through && w->r->target)
    check_columns(w, "through_key", as->through_key, "the target's primary key", w->r->target->primary_key);
  return true;
}

static bool find_ends(const wiring *w) {
  shunt_relation *as = &w->r->as;
  find_kind(w);
  as->target = required(w, "target", "target is missing: the model that the relation leads to");
  require(w, "foreign_key", "foreign_key is missing: the column that refers to the other end");
  as->client = find_client(w, "client");
  w->r->target = find_model(w, "target", as->target);
  if (as->kind == SHUNT_BELONGS_TO_MANY) {
    as->through = required(w, "through", "through is missing: the model between the two ends");
    require(w, "through_key", "through_key is missing: the column of through that refers to the target");
    as->through_client = find_client(w, "through_client");
    w->r->through = find_model(w, "through", as->through);
  } else if (build_text(w->body, "kind", NULL)) {
    static const char *const keys[] = {"through", "through_key", "through_client"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
      if (build_get(w->body, keys[i]))
        tell(w, node_get(w->body, keys[i]), "only a belongs_to_many goes through a model");
  }
  return find_keys(w);
}

/* Reports err at n. False when out of memory. */
static bool told(const wiring *w, const node *n, shunt_status status, const shunt_error *err) {
  if (status == SHUNT_E_MEMORY) return false;
  if (status) tell(w, n, err->message);
  return true;
}

static bool find_names(const wiring *w, const char *key, const char *const **names, size_t *count) {
  shunt_error err;
  const node *n = build_get(w->body, key);
  if (!n || (n->kind != NODE_LIST && !node_is_text(n))) return true; /* schema_check reports it */
  for (size_t i = 0; n->kind == NODE_LIST && i < n->count; i++)
    if (!node_is_text(n->items[i])) return true;
  shunt_status status = where_names(w->b->a, n, key, names, count, &err);
  return told(w, n, status, &err);
}

/* "link.since" is a column of the through model. */
static void check_order(const wiring *w) {
  for (size_t i = 0; i < w->r->as.norder; i++) {
    const char *term = w->r->as.order[i] + (w->r->as.order[i][0] == '-');
    if (strncmp(term, "link.", 5) != 0) continue;
    if (w->r->as.kind != SHUNT_BELONGS_TO_MANY)
      tell(w, build_get(w->body, "order"), "order names a column of a link, but only a belongs_to_many has links");
    else if (!term[5] || term[5] == ' ')
      tell(w, build_get(w->body, "order"), "order names no column of the link after \"link.\"");
  }
}

static bool find_options(const wiring *w) {
  shunt_relation *as = &w->r->as;
  const node *where = build_get(w->body, "where");
  SCHEMA_FILL(&schema_relation, w->body, cat_relation, w->r);
  as->table = build_table(w->b, w->body, w->r->full_name, w->r->at, NULL);
  as->limit = build_get(w->body, "limit") ? build_integer(w->body, "limit", 0) : 0;
  if (build_get(w->body, "limit") && as->limit == 0) as->limit = SHUNT_NO_ROWS;
  if (where && where->kind == NODE_MAP) {
    shunt_error err = {.status = SHUNT_OK};
    shunt_status status = where_from_node(w->b->a, where, &as->where, &err);
    if (!told(w, where, status, &err)) return false;
  }
  if (!find_names(w, "columns", &as->columns, &as->ncolumns) || !find_names(w, "order", &as->order, &as->norder))
    return false;
  check_order(w);
  return true;
}

static bool add_relation(builder *b, cat_model *model, const node_entry *e) {
  catalog *c = b->c;
  cat_relation *r = arena_new(b->a, cat_relation);
  if (!r) return false;
  build_name(b, "relation", e->key, e->at, ".*");
  r->as.name = e->key;
  r->full_name = arena_printf(b->a, "%s.%s", model->name, e->key);
  r->id = (uint32_t)c->nrelations;
  r->source = model;
  r->at = e->at.line ? e->at : model->at;
  if (!r->full_name || !map_put(&c->relation_names, r->full_name, r)) return false;
  c->relations[c->nrelations++] = r;
  model->relations[model->nrelations++] = r;
  wiring w = {b, r, e->value};
  return find_ends(&w) && find_options(&w);
}

bool build_relations(builder *b, cat_model *model, const node *relations) {
  model->relations = arena_array(b->a, cat_relation *, relations->count + 1);
  if (!model->relations) return false;
  for (size_t i = 0; i < relations->count; i++) {
    const node_entry *e = &relations->entries[i];
    /* null unsets a relation that a rule file declares */
    if (e->value->kind == NODE_MAP && !add_relation(b, model, e)) return false;
  }
  return true;
}
