#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"

/* A file beside the app config, made at the first push. No rule, session or command can name this client. */
static bool use_own_file(builder *b) {
  catalog *c = b->c;
  cat_client *client = arena_new(b->a, cat_client);
  if (!client) return false;
  *client = (cat_client){
      .name = CATALOG_QUEUE,
      .id = (uint32_t)c->nclients,
      .engine = CAT_SQLITE3,
  };
  SCHEMA_FILL(&schema_client, NULL, cat_client, client);
  SCHEMA_FILL(&schema_sqlite3, NULL, cat_client, client);
  client->filename = arena_printf(b->a, "%s" CATALOG_QUEUE, c->folder ? c->folder : "");
  client->create = true;
  c->clients[c->nclients] = client;
  c->jobs.client = client;
  c->jobs.own = true;
  return client->filename != NULL;
}

static void use_client(builder *b, const node *name) {
  const cat_client *client = catalog_client(b->c, name->value.as.bytes);
  b->c->jobs.client = client;
  if (!client) {
    if (!b->clients_hidden)
      build_not_found(b, name, &(build_reference){"jobs", NULL, name->at, "client", "client", &b->c->client_names});
  } else if (!cat_engine_of(client->engine)->queue) {
    report(b->p, SHUNT_E_CONFIG, name->at, "jobs.client: '%s' is a %s client; jobs are stored on sqlite3 or pg",
           client->name, cat_engine_name(client->engine));
  } else if (client->read_only || client->replica) {
    report(b->p, SHUNT_E_CONFIG, name->at, "jobs.client: '%s' is %s, and jobs are written", client->name,
           client->read_only ? "readonly" : "a replica");
  } else if (build_variables_differ(client)) {
    report(b->p, SHUNT_E_CONFIG, name->at,
           "jobs.client: '%s' has other session variables for each session, and all workers and tenants share the "
           "queues; name another client, say {clone: %s, session: null}",
           client->name, client->name);
  }
}

static bool fill_paths(builder *b, const node *path) {
  cat_jobs *jobs = &b->c->jobs;
  const node *const *items = &path;
  size_t count = path ? 1 : 0;
  if (path && path->kind == NODE_LIST) {
    items = (const node *const *)path->items;
    count = path->count;
  }
  jobs->paths = arena_array(b->a, const char *, count + 1);
  if (!jobs->paths) return false;
  for (size_t i = 0; i < count; i++) {
    if (!node_is_text(items[i])) continue;
    const char *settled = build_path(b, items[i]);
    if (!settled) return false;
    jobs->paths[jobs->npaths++] = settled;
  }
  if (path) return true;
  jobs->paths[0] = arena_printf(b->a, "%sjobs", b->c->folder ? b->c->folder : "");
  jobs->npaths = 1;
  return jobs->paths[0] != NULL;
}

bool build_jobs(builder *b) {
  const node *section = build_get(b->source->config, "jobs"), *client = build_get(section, "client");
  if (!fill_paths(b, build_get(section, "path"))) return false;
  if (!client) return use_own_file(b);
  if (node_is_text(client)) use_client(b, client);
  return true;
}
