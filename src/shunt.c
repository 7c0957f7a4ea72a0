/* For: the façade: an application is a row of generations, each a catalog, its route and its pools, loaded in one
 * piece. Owner: a generation goes with the last who has a share of it: the app has one of the newest, and each session
 * of its own. Sessions must be closed before the app. */
#include "shunt.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "catalog/catalog.h"
#include "catalog/describe.h"
#include "config/config.h"
#include "pool/pool.h"
#include "query/session.h"
#include "route/route.h"
#include "route/selftest.h"
#include "rule/host.h"

/* One loaded set of configuration and rules. Whoever uses one has a share of it: the app of the newest, and each
 * session of the one that it is in. */
typedef struct generation {
  atomic_int shares;
  shunt_app *app;
  uint64_t number;
  catalog *catalog;
  route *route;
  pools *pools;
} generation;

struct shunt_app {
  char *path, *env;
  pthread_mutex_t reloading; /* one at a time */
  pthread_mutex_t lock;      /* of newest, and of taking a share of it */
  generation *newest;
  _Atomic uint64_t number; /* the newest one's */
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
  sandbox_limits limits = {settings.instructions, settings.memory_bytes, settings.timeout_ms * 1000000};
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

/* ---- generations ---- */

static void generation_drop(void *ud) {
  generation *g = ud;
  if (!g || atomic_fetch_sub(&g->shares, 1) > 1) return;
  pools_free(g->pools);
  route_free(g->route);
  catalog_free(g->catalog);
  base_free(g);
}

static generation *take_newest(shunt_app *app) {
  pthread_mutex_lock(&app->lock);
  generation *g = app->newest;
  atomic_fetch_add(&g->shares, 1);
  pthread_mutex_unlock(&app->lock);
  return g;
}

/* Everything but that it is the newest. before: the one whose pools live on; NULL: none. */
static shunt_status generation_new(shunt_app *app, generation *before, const shunt_options *options, generation **out,
                                   shunt_error *err) {
  problems found = {0};
  rule_host *host = NULL;
  generation *g = base_zalloc(sizeof *g);
  if (!g) return error_memory(err);
  atomic_init(&g->shares, 1);
  g->app = app;
  g->number = before ? before->number + 1 : 1;
  shunt_status status = load(app->path, app->env, &found, &g->catalog, &host, err);
  if (!status) {
    status = route_new(g->catalog, host, g->number, &g->route, err);
    host = NULL;
  }
  if (!status) {
    route_selftest(g->route, node_get(node_get(g->catalog->merged, "rules"), "selftest"), &found);
    status = problems_status(&found, err);
  }
  tell(options, &found);
  problems_free(&found);
  if (!status) status = pools_new(g->catalog, before ? before->pools : NULL, &g->pools, err);
  if (status) {
    rule_host_free(host);
    generation_drop(g);
    return status;
  }
  route_set_load(g->route, load_of, g->pools);
  *out = g;
  return SHUNT_OK;
}

/* ---- the application ---- */

static shunt_app *new_app(const char *path, const char *env) {
  shunt_app *app = base_zalloc(sizeof *app);
  if (!app) return NULL;
  app->path = base_strdup(path);
  app->env = env ? base_strdup(env) : NULL;
  pthread_mutex_init(&app->lock, NULL);
  pthread_mutex_init(&app->reloading, NULL);
  if (app->path && (app->env || !env)) return app;
  shunt_close(app);
  return NULL;
}

shunt_status shunt_open(const char *path, const shunt_options *options, shunt_app **out, shunt_error *err) {
  const char *env = options && options->env ? options->env : getenv("SHUNT_ENV");
  shunt_app *app = new_app(path, env);
  if (!app) return error_memory(err);
  shunt_status status = generation_new(app, NULL, options, &app->newest, err);
  if (status) {
    shunt_close(app);
    return status;
  }
  atomic_init(&app->number, app->newest->number);
  *out = app;
  return SHUNT_OK;
}

void shunt_close(shunt_app *app) {
  if (!app) return;
  generation_drop(app->newest);
  pthread_mutex_destroy(&app->lock);
  pthread_mutex_destroy(&app->reloading);
  base_free(app->path);
  base_free(app->env);
  base_free(app);
}

static void publish(shunt_app *app, generation *g) {
  pthread_mutex_lock(&app->lock);
  generation *old = app->newest;
  app->newest = g;
  atomic_store(&app->number, g->number);
  pthread_mutex_unlock(&app->lock);
  pools_drain(old->pools, g->pools);
  generation_drop(old);
}

shunt_status shunt_reload(shunt_app *app, const shunt_options *options, shunt_error *err) {
  generation *g;
  pthread_mutex_lock(&app->reloading);
  shunt_status status = generation_new(app, app->newest, options, &g, err);
  if (!status) publish(app, g);
  pthread_mutex_unlock(&app->reloading);
  return status;
}

uint64_t shunt_generation(const shunt_app *app) { return atomic_load(&app->number); }

/* ---- what it is made of ---- */

static shunt_status describe(const generation *g, char **json, shunt_error *err) {
  cat_rule_counts *counts = base_alloc(g->catalog->nrules * sizeof *counts);
  if (!counts) return error_memory(err);
  route_counts(g->route, counts);
  shunt_status status = catalog_describe(g->catalog, g->number, counts, json, err);
  base_free(counts);
  return status;
}

shunt_status shunt_describe(shunt_app *app, char **json, shunt_error *err) {
  generation *g = take_newest(app);
  shunt_status status = describe(g, json, err);
  generation_drop(g);
  return status;
}

shunt_status shunt_config(shunt_app *app, char **yaml, shunt_error *err) {
  generation *g = take_newest(app);
  shunt_status status = config_print(g->catalog->merged, yaml, err);
  generation_drop(g);
  return status;
}

void shunt_pools(shunt_app *app, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud) {
  generation *g = take_newest(app);
  pools_each(g->pools, each, ud);
  generation_drop(g);
}

/* ---- sessions ---- */

static session_home home_in(generation *g);

static bool renew(void *ud, session_home *newest) {
  generation *g = ud;
  if (atomic_load(&g->app->number) == g->number) return false;
  *newest = home_in(take_newest(g->app));
  return true;
}

static session_home home_in(generation *g) {
  return (session_home){.catalog = g->catalog,
                        .route = g->route,
                        .pools = g->pools,
                        .generation = g,
                        .drop = generation_drop,
                        .renew = renew};
}

shunt_status shunt_session_open(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                shunt_error *err) {
  session_home home = home_in(take_newest(app));
  return session_new(&home, options, session, err);
}
