/* For: the façade: an application is a catalog, its route and its pools, opened and closed in one piece.
 * Owner: the app owns all three; sessions borrow them, and must be closed before it. */
#include "shunt.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/describe.h"
#include "config/config.h"
#include "pool/pool.h"
#include "query/session.h"
#include "route/route.h"
#include "rule/host.h"

struct shunt_app {
  catalog *catalog;
  route *route;
  pools *pools;
  uint64_t generation;
};

static int load_of(void *ud, const cat_client *client) { return pool_load(ud, client); }

/* The strict rule is wanted where the configuration says so; what else it may say, catalog_build checks. */
static bool is_strict(const node *config) {
  const node *isolation = node_get(node_get(config, "instance"), "isolation");
  return node_is_text(isolation) && strcmp(isolation->value.as.bytes, "strict") == 0;
}

/* Reads configuration and rules into a catalog and the host of its functions. Mistakes go to found. */
static shunt_status load(const char *path, const char *env, problems *found, catalog **c, rule_host **host,
                         shunt_error *err) {
  catalog_source source;
  config_settings settings;
  memset(&source, 0, sizeof source);
  memset(&settings, 0, sizeof settings);
  shunt_status status = config_read(path, env, &source, &settings, found);
  if (status) {
    catalog_source_free(&source);
    return found->count ? problems_status(found, err) : error_set(err, status, "%s can't be read", path);
  }
  sandbox_limits limits = {settings.instructions, settings.memory_bytes, settings.timeout_ms * NS_PER_MS};
  status = rule_host_new(&limits, host, err);
  if (status) {
    catalog_source_free(&source);
    return status;
  }
  rule_load what = {.paths = settings.rule_paths,
                    .places = settings.rule_path_places,
                    .npaths = settings.nrule_paths,
                    .standard = settings.standard_rules,
                    .strict = is_strict(source.config)};
  rule_host_load(*host, &what, &source, found);
  status = catalog_build(&source, found, c); /* also where there are mistakes already: to tell all of them at once */
  if (found->count || found->out_of_memory) return problems_status(found, err);
  return status ? error_memory(err) : SHUNT_OK;
}

static void tell(const shunt_options *options, const problems *found) {
  if (!options || !options->problem) return;
  for (size_t i = 0; i < found->count; i++) options->problem(options->ud, &found->list[i]);
}

shunt_status shunt_open(const char *path, const shunt_options *options, shunt_app **app, shunt_error *err) {
  problems found = {0};
  rule_host *host = NULL;
  shunt_app *a = base_zalloc(sizeof *a);
  if (!a) return error_memory(err);
  a->generation = 1;
  shunt_status status = load(path, options ? options->env : NULL, &found, &a->catalog, &host, err);
  tell(options, &found);
  problems_free(&found);
  if (!status) {
    status = route_new(a->catalog, host, a->generation, &a->route, err);
    host = NULL;
  }
  if (!status) status = pools_new(a->catalog, &a->pools, err);
  if (status) {
    rule_host_free(host);
    shunt_close(a);
    return status;
  }
  route_set_load(a->route, load_of, a->pools);
  *app = a;
  return SHUNT_OK;
}

void shunt_close(shunt_app *app) {
  if (!app) return;
  pools_free(app->pools);
  route_free(app->route);
  catalog_free(app->catalog);
  base_free(app);
}

shunt_status shunt_describe(shunt_app *app, char **json, shunt_error *err) {
  cat_rule_counts *counts = base_alloc(app->catalog->nrules * sizeof *counts);
  if (!counts) return error_memory(err);
  route_counts(app->route, counts);
  shunt_status status = catalog_describe(app->catalog, app->generation, counts, json, err);
  base_free(counts);
  return status;
}

shunt_status shunt_config(shunt_app *app, char **yaml, shunt_error *err) {
  return config_print(app->catalog->merged, yaml, err);
}

void shunt_pools(shunt_app *app, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud) {
  pools_each(app->pools, each, ud);
}

shunt_status shunt_session_open(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                shunt_error *err) {
  session_home home = {app->catalog, app->route, app->pools};
  return session_new(&home, options, session, err);
}
