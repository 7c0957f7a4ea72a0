/* Servers, and the clients that name them. */
#include <string.h>

#include "catalog/build.h"

static bool fill_servers(builder *b, const node *servers, map *names) {
  catalog *c = b->c;
  const size_t n = servers && servers->kind == NODE_MAP ? servers->count : 0;
  c->servers = arena_array(b->a, cat_server, n + 1);
  if (!c->servers) return false;
  for (size_t i = 0; i < n; i++) {
    cat_server *server = &c->servers[c->nservers];
    const node_entry *e = &servers->entries[i];
    if (node_is_null(e->value)) continue;
    SCHEMA_FILL(&schema_server, e->value, cat_server, server);
    server->name = e->key;
    c->nservers++;
    if (!map_put(names, e->key, server)) return false;
  }
  return true;
}

static void check_client(builder *b, const cat_client *client, const map *names) {
  const node n = {.kind = NODE_VALUE, .at = client->at, .value = shunt_text(client->server, strlen(client->server))};
  if (!map_get(names, client->server))
    build_not_found(b, &n, &(build_reference){"client", client->name, client->at, "server", "server", names});
}

bool build_servers(builder *b) {
  map names = {0};
  const bool fine = fill_servers(b, build_get(b->source->config, "servers"), &names);
  for (size_t i = 0; i < b->c->nclients && fine; i++)
    if (b->c->clients[i]->server) check_client(b, b->c->clients[i], &names);
  map_free(&names);
  return fine;
}
