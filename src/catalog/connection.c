#include "catalog/connection.h"

#include <string.h>

#include "base/map.h"
#include "catalog/overlay.h"
#include "catalog/schema_value.h"
#include "catalog/settings.h"
#include "catalog/url.h"

/* ---- names ---- */

/* One name for all spellings of an option, whatever the engine: a layer need not know its engine. */
static const char *canonical(const char *name) {
  const schema_field *row = schema_field_of(&schema_mysql, name);
  if (!row) row = schema_field_of(&schema_pg, name);
  return row ? row->key : name;
}

static bool is_one_of(const char *name, const char *const *list) {
  for (; *list; list++)
    if (strcmp(*list, name) == 0) return true;
  return false;
}

/* What names a server, or belongs to one. */
static const char *const of_server[] = {"host", "hostaddr", "socket", "service", "port", NULL};
/* What a driver prefers to the host that stands beside it. */
static const char *const before_host[] = {"hostaddr", "socket", NULL};
/* What a driver prefers to the service that stands beside it. */
static const char *const before_service[] = {"host", "hostaddr", "port", "url", NULL};

/* ---- one layer ---- */

typedef struct layer {
  const node *keys;
  url_options url; /* empty without a url */
  bool has_url;
} layer;

static bool read_layer(arena *a, const node *keys, layer *out) {
  const node *url = node_get(keys, "url");
  *out = (layer){.keys = keys, .has_url = node_is_text(url) && url->value.size > 0};
  return !out->has_url || url_options_read(a, url->value.as.bytes, &out->url);
}

static const char *url_value(const layer *l, const char *name) {
  for (size_t i = 0; i < l->url.count; i++)
    if (strcmp(canonical(l->url.list[i].name), name) == 0) return l->url.list[i].value;
  return NULL;
}

static const node_entry *key_of(const layer *l, const char *name) {
  for (size_t i = 0; i < l->keys->count; i++)
    if (strcmp(canonical(l->keys->entries[i].key), name) == 0) return &l->keys->entries[i];
  return NULL;
}

/* The text that the layer gives, by a key or in its url; NULL: none. */
static const char *value_of(const layer *l, const char *name, char room[NODE_SPELLED_MAX]) {
  const node_entry *e = key_of(l, name);
  return e && !node_is_null(e->value) ? node_spelled(e->value, room) : url_value(l, name);
}

static bool gives(const layer *l, const char *name) {
  char room[NODE_SPELLED_MAX];
  return value_of(l, name, room) != NULL;
}

/* ---- laying one over another ---- */

/* Whether the url above gives another value than below. */
static bool differs(const layer *below, const layer *above, const char *name) {
  char room[NODE_SPELLED_MAX];
  const char *was = value_of(below, name, room), *is = url_value(above, name);
  return is && (!was || strcmp(was, is) != 0);
}

/* Below may name no server: what stands there holds for every one. */
static bool names_another_server(const layer *below, const layer *above) {
  bool named = false, other = false;
  for (const char *const *name = of_server; strcmp(*name, "port") != 0; name++) {
    named = named || gives(below, *name);
    other = other || differs(below, above, *name);
  }
  return named && other;
}

static bool names_another_user(const layer *below, const layer *above) {
  return gives(below, "user") && differs(below, above, "user");
}

static bool is_replaced_by_url(const layer *below, const layer *above, const char *name) {
  if (url_value(above, name)) return true;
  if (url_value(above, "host") && is_one_of(name, of_server)) return true;
  return strcmp(name, "password") == 0 && (names_another_server(below, above) || names_another_user(below, above));
}

static bool is_replaced(const layer *below, const layer *above, const char *key) {
  const char *name = canonical(key);
  const node_entry *same = key_of(above, name);
  if (same) return strcmp(same->key, key) != 0; /* with the same spelling, it is merged */
  if (gives(above, "host") && is_one_of(name, before_host)) return true;
  if (gives(above, "service") && is_one_of(name, before_service)) return true;
  return above->has_url && is_replaced_by_url(below, above, name);
}

/* NULL when out of memory. */
static node *without_replaced(arena *a, const layer *below, const layer *above) {
  node *left = node_map(a, below->keys->at);
  bool fine = left != NULL;
  for (size_t i = 0; i < below->keys->count && fine; i++) {
    const node_entry *e = &below->keys->entries[i];
    fine = is_replaced(below, above, e->key) || node_add(a, left, e->key, e->at, e->value);
  }
  return fine ? left : NULL;
}

/* A url can't be edited: an empty key beside it hides what it gives. */
static bool hide_in_url(arena *a, const layer *below, const layer *above, node *left) {
  const node_entry *host = gives(above, "host") && !above->has_url ? key_of(above, "host") : NULL;
  bool fine = true;
  for (const char *const *name = before_host; host && *name && fine; name++) {
    if (!url_value(below, *name) || key_of(above, *name)) continue;
    node *empty = node_text(a, host->at, "", 0);
    fine = empty && node_put(a, left, *name, host->at, empty);
  }
  return fine;
}

static bool give_way(arena *a, node_entry *inherited, const node *own) {
  layer below, above;
  if (!read_layer(a, inherited->value, &below) || !read_layer(a, own, &above)) return false;
  node *left = without_replaced(a, &below, &above);
  if (!left || !hide_in_url(a, &below, &above, left)) return false;
  inherited->value = left;
  return true;
}

static bool is_map(const node *n) { return n && n->kind == NODE_MAP; }

/* Both are bodies of clients, or anything else if that is a mistake. */
static bool prepare(arena *a, node *target, const node *patch) {
  node_entry *inherited = is_map(target) ? node_find(target, "connection") : NULL;
  const node *own = node_get(patch, "connection");
  return !inherited || !is_map(inherited->value) || !is_map(own) || give_way(a, inherited, own);
}

node *client_overlay(arena *a, node *target, node *patch) {
  return prepare(a, target, patch) ? overlay_on(a, target, patch) : NULL;
}

static bool index_values(map *index, const node *of) {
  for (size_t i = 0; is_map(of) && i < of->count; i++)
    if (!map_put(index, of->entries[i].key, of->entries[i].value)) return false;
  return true;
}

node *config_overlay(arena *a, node *target, node *patch) {
  const node *under = node_get(target, "database"), *over = node_get(patch, "database");
  const node *own = node_get(over, "clients");
  map clients = {0}; /* there may be thousands */
  bool fine = prepare(a, node_get(under, "base"), node_get(over, "base"));
  fine = fine && index_values(&clients, node_get(under, "clients"));
  for (size_t i = 0; is_map(own) && i < own->count && fine; i++)
    fine = prepare(a, map_get(&clients, own->entries[i].key), own->entries[i].value);
  map_free(&clients);
  return fine ? overlay_on(a, target, patch) : NULL;
}
