#include <string.h>

#include "catalog/build.h"
#include "catalog/connection.h"
#include "catalog/report.h"
#include "catalog/url.h"

/* ---- clones ---- */

typedef enum state { UNSEEN, ON_THE_WAY, DONE } state;

typedef struct cloner {
  builder *b;
  const build_things *clients;
  const char *default_client; /* or NULL */
  node **whole;               /* of each client: the keys of its original, with its own on top */
  state *states;
  bool *broken; /* its original is missing, so its own missing keys are not reported */
  size_t *way;
} cloner;

static const size_t NO_CLONE = SIZE_MAX, NOT_THERE = SIZE_MAX - 1;

static size_t original_of(const cloner *c, size_t i) {
  const char *name = build_text(c->clients->list[i].body, "clone", NULL);
  if (!name) return NO_CLONE;
  if (strcmp(name, CATALOG_DEFAULT) == 0) name = c->default_client;
  const build_thing *t = name ? map_get(&c->clients->names, name) : NULL;
  return t && t->body ? (size_t)(t - c->clients->list) : NOT_THERE;
}

static void tell_missing(const cloner *c, size_t i, const map *names) {
  const build_thing *t = &c->clients->list[i];
  const node *clone = node_get(t->body, "clone");
  /* a missing or unknown default client is reported by find_default */
  if (strcmp(clone->value.as.bytes, CATALOG_DEFAULT) != 0)
    build_not_found(c->b, clone, &(build_reference){"client", t->name, t->at, "clone", "client", names});
}

static void tell_cycle(const cloner *c, size_t i) {
  const build_thing *t = &c->clients->list[i];
  const node *clone = node_get(t->body, "clone");
  const build_thing *original = &c->clients->list[original_of(c, i)];
  report(c->b->p, SHUNT_E_CONFIG, clone->at.line ? clone->at : t->at, "the client '%s' is a clone of itself%s%s%s",
         t->name, original == t ? "" : ", by way of '", original == t ? "" : original->name, original == t ? "" : "'");
}

static bool finish(cloner *c, size_t i, size_t original, bool broken) {
  node *own = c->clients->list[i].body;
  c->states[i] = DONE;
  c->broken[i] = broken;
  c->whole[i] = own;
  if (broken || original == NO_CLONE) return true;
  node *copy = node_copy(c->b->a, c->whole[original]);
  c->whole[i] = copy ? client_overlay(c->b->a, copy, own) : NULL;
  return c->whole[i] != NULL;
}

/* Walks from clone to original until it meets a finished client, then back. No recursion: a chain may contain all
 * clients. */
static bool resolve(cloner *c, size_t i, const map *names) {
  size_t length = 0;
  size_t at = i;
  while (at < c->clients->count && c->states[at] == UNSEEN) {
    c->states[at] = ON_THE_WAY;
    c->way[length++] = at;
    at = original_of(c, at);
  }
  bool cycle = at < c->clients->count && c->states[at] == ON_THE_WAY;
  if (cycle) tell_cycle(c, at);
  if (at == NOT_THERE) tell_missing(c, c->way[length - 1], names);
  bool broken = cycle || at == NOT_THERE || (at != NO_CLONE && c->broken[at]);
  while (length > 0) {
    size_t member = c->way[--length];
    if (!finish(c, member, at, broken)) return false;
    at = member;
  }
  return true;
}

/* Removes the nulls of overlays: they have unset the key, so base and original apply again. A null in the app config
 * itself stays: it unsets the key of base and original too. */
static void forget_unset(node *body, const char *app_config) {
  size_t kept = 0;
  for (size_t i = 0; i < body->count; i++) {
    node_entry *e = &body->entries[i];
    if (node_is_null(e->value) && strcmp(e->value->at.file ? e->value->at.file : "", app_config) != 0) continue;
    if (e->value->kind == NODE_MAP) forget_unset(e->value, app_config);
    body->entries[kept++] = *e;
  }
  body->count = kept;
}

/* ---- the structs ---- */

static bool fill_sqlite3(builder *b, cat_client *client, const node *connection, bool broken) {
  const node *filename = build_get(connection, "filename");
  SCHEMA_FILL(&schema_sqlite3, connection, cat_client, client);
  if (client->create && client->read_only) {
    const node *create = node_get(connection, "create");
    report(b->p, SHUNT_E_CONFIG, create->at.line ? create->at : client->at,
           "connection: readonly and create exclude each other; remove one of them");
  }
  if (!broken && build_misses(connection, &schema_sqlite3, "filename"))
    report(b->p, SHUNT_E_CONFIG, client->at, "the client '%s' has no filename: add connection: {filename: FILE}",
           client->name);
  const char *name = client->filename;
  if (!name || strcmp(name, ":memory:") == 0 || strncmp(name, "file:", 5) == 0) return true;
  client->filename = build_path(b, filename);
  return client->filename != NULL;
}

/* NULL when out of memory. */
static const char *spelled(builder *b, const node *n) {
  char room[NODE_SPELLED_MAX];
  const char *text = node_spelled(n, room);
  return text == room ? arena_strdup(b->a, text) : text ? text : "";
}

static bool fill_options(builder *b, cat_client *client, const node *connection) {
  if (!connection || connection->kind != NODE_MAP) return true;
  cat_option *options = arena_array(b->a, cat_option, connection->count + 1);
  const char **folders = arena_array(b->a, const char *, connection->count + 1);
  if (!options || !folders) return false;
  client->options = options;
  client->folders = folders;
  for (size_t i = 0; i < connection->count; i++) {
    const node_entry *e = &connection->entries[i];
    if (node_is_null(e->value) || e->value->kind != NODE_VALUE) continue;
    const char *value = spelled(b, e->value), *folder = build_folder(b, e->value);
    if (!value || !folder) return false;
    folders[client->noptions] = folder;
    options[client->noptions++] = (cat_option){e->key, value, e->value->secret || cat_secret_key(e->key)};
  }
  return true;
}

static void check_pool(builder *b, const cat_client *client, const node *from) {
  const node *wrong = build_get(from, "min");
  if (!wrong) wrong = build_get(from, "max");
  if (client->pool.min > client->pool.max)
    report(b->p, SHUNT_E_CONFIG, wrong->at, "a pool's min (%d) is greater than its max (%d)", client->pool.min,
           client->pool.max);
}

static void check_url(builder *b, const cat_client *client, const node *connection) {
  const node *url = node_get(connection, "url");
  const char *mistake = node_is_text(url) ? url_mistake(url->value.as.bytes) : NULL;
  if (mistake) report(b->p, SHUNT_E_CONFIG, url->at.line ? url->at : client->at, "connection.url: %s", mistake);
}

static bool fill_client(builder *b, cat_client *client, const node *body, bool broken) {
  const char *engine = build_text(body, "engine", "");
  const schema *options = settings_of_connection(engine);
  const node *connection = build_get(body, "connection");
  SCHEMA_FILL(&schema_client, body, cat_client, client);
  check_pool(b, client, build_get(body, "pool"));
  if (!broken && build_misses(body, &schema_client, "engine"))
    report(b->p, SHUNT_E_CONFIG, client->at, "the client '%s' has no engine: add engine: sqlite3, pg or mysql",
           client->name);
  for (cat_engine e = 0; e < CAT_NENGINES; e++)
    if (strcmp(cat_engine_name(e), engine) == 0) client->engine = e;
  if (!build_variables(b, client, build_get(body, "session"))) return false;
  if (connection && schema_is_empty(connection)) connection = NULL;
  if (connection && connection->kind != NODE_MAP) return true; /* schema_check reports it */
  if (connection && options) schema_check(b->p, connection, options, "connection", false);
  if (options && cat_engine_of(client->engine)->file) return fill_sqlite3(b, client, connection, broken);
  check_url(b, client, connection);
  return fill_options(b, client, connection);
}

static bool usable_name(builder *b, const build_thing *t) {
  static const char *const reserved[] = {CATALOG_DEFAULT, CATALOG_INHERIT, CATALOG_INITIAL, CATALOG_AUTO};
  for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
    if (strcmp(t->name, reserved[i]) != 0) continue;
    report(b->p, SHUNT_E_CONFIG, t->at, "a client can't be called '%s': the word is reserved", t->name);
    return false;
  }
  return build_name(b, "client", t->name, t->at, "*");
}

/* ---- the default ---- */

static bool name_clients(builder *b, const build_things *things) {
  catalog *c = b->c;
  c->clients = arena_array(b->a, cat_client *, things->count + 1); /* one more: the file of the job queues */
  if (!c->clients) return false;
  for (size_t i = 0; i < things->count; i++) {
    const build_thing *t = &things->list[i];
    if (!t->body) continue;
    const node *config = b->source->config;
    forget_unset(t->body, config && config->at.file ? config->at.file : "");
    cat_client *client = arena_new(b->a, cat_client);
    if (!client) return false;
    usable_name(b, t);
    client->name = t->name;
    client->id = (uint32_t)c->nclients;
    client->at = t->at;
    c->clients[c->nclients++] = client;
    if (!map_put(&c->client_names, t->name, client)) return false;
  }
  return true;
}

/* Whether a section is misspelled or not a map. schema_check reports that. */
static bool is_hidden(const node *from, const schema *s, const char *key) {
  const node *section = build_get(from, key);
  return section ? section->kind != NODE_MAP : schema_misspells(from, s, key);
}

static void find_default(builder *b, const node *database) {
  const node *name = build_get(database, "defaultClient");
  const node *config = b->source->config;
  const node_entry *section = node_find(config, "database");
  place at = database ? section->at : config ? config->at : (place){0};
  bool told = is_hidden(config, &schema_config, "database");
  if (!told && build_misses(database, &schema_database, "defaultClient"))
    report(b->p, SHUNT_E_CONFIG, at, "database.defaultClient is missing: name the client an access goes to by default");
  if (!node_is_text(name)) return;
  b->c->default_client = name->value.as.bytes;
  if (!map_get(&b->c->client_names, name->value.as.bytes))
    build_not_found(b, name, &(build_reference){"database", NULL, at, "defaultClient", "client", &b->c->client_names});
}

static bool fill_clients(builder *b, const build_things *things, const node *base) {
  size_t n = things->count + 1;
  cloner c = {.b = b, .clients = things, .default_client = b->c->default_client};
  c.whole = arena_array(b->a, node *, n);
  c.states = arena_array(b->a, state, n);
  c.broken = arena_array(b->a, bool, n);
  c.way = arena_array(b->a, size_t, n);
  if (!c.whole || !c.states || !c.broken || !c.way) return false;
  for (size_t i = 0, next = 0; i < things->count; i++) {
    if (!things->list[i].body) continue;
    if (!resolve(&c, i, &b->c->client_names)) return false;
    node *body = c.whole[i];
    if (base && base->kind == NODE_MAP) {
      node *copy = node_copy(b->a, base);
      body = copy ? client_overlay(b->a, copy, body) : NULL;
    }
    if (!body || !fill_client(b, b->c->clients[next++], body, c.broken[i])) return false;
  }
  return true;
}

bool build_clients(builder *b) {
  build_things things;
  const node *config = b->source->config;
  const node *database = build_get(config, "database"), *clients = build_get(database, "clients");
  b->clients_hidden = is_hidden(config, &schema_config, "database") || is_hidden(database, &schema_database, "clients");
  bool fine = build_join(b, "datasource", &b->source->datasources, clients, &schema_client, &things) &&
              name_clients(b, &things);
  if (fine) find_default(b, database);
  fine = fine && fill_clients(b, &things, build_get(database, "base"));
  build_things_free(&things);
  return fine;
}
