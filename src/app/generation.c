#include "app/generation.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "config/config.h"
#include "route/selftest.h"
#include "rule/host.h"

/* ---- what it is read from ---- */

static bool add_folder(generation *g, const char *path) {
  struct stat st;
  const char *slash = strrchr(path, '/');
  char *folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? arena_strdup(&g->arena, path)
                 : slash ? arena_strndup(&g->arena, path, (size_t)(slash - path) + 1)
                         : arena_strdup(&g->arena, ".");
  g->folders[g->nfolders++] = folder;
  return folder != NULL;
}

/* The folder of the app config, and the folder of each path of rules. */
static bool note_folders(generation *g, const char *path, const char *folder, const config_rules *rules) {
  g->folders = arena_array(&g->arena, const char *, rules->npaths + 1);
  bool ok = g->folders && add_folder(g, path);
  for (size_t i = 0; ok && i < rules->npaths; i++) {
    const char *named = rules->paths[i];
    const char *lies = arena_printf(&g->arena, "%s%s", named[0] == '/' ? "" : folder, named);
    ok = lies && add_folder(g, lies);
  }
  return ok;
}

/* ---- loading ---- */

/* Reads configuration and rules into a catalog and a rule host for its functions. Adds mistakes to found. */
static shunt_status load(generation *g, const generation_source *from, problems *found, rule_host **host,
                         route_settings *remembering, shunt_error *err) {
  catalog_source source;
  config_rules rules;
  shunt_status status = config_read(from->path, from->env, &source, &rules, found);
  const cat_settings *settings = &source.settings;
  if (status) {
    catalog_source_free(&source);
    return found->count ? problems_status(found, err) : error_memory(err);
  }
  if (settings->watch && !note_folders(g, from->path, source.folder, &rules)) {
    catalog_source_free(&source);
    return error_memory(err);
  }
  *remembering = (route_settings){(size_t)settings->remember, settings->audit};
  sandbox_limits limits = {settings->instructions, settings->memory_bytes, settings->timeout_ms * NS_PER_MS};
  status = rule_host_new(&limits, host, err);
  if (status) {
    catalog_source_free(&source);
    return status;
  }
  rule_load what = {.paths = rules.paths,
                    .places = rules.places,
                    .npaths = rules.npaths,
                    .standard = settings->standard_rules,
                    .strict = settings->strict_isolation};
  status = rule_host_load_watched(host, &what, &source, found, err);
  if (status) {
    catalog_source_free(&source);
    return status;
  }
  status =
      catalog_build(&source, found, &g->catalog); /* even after mistakes, so that all of them are reported at once */
  if (found->count || found->out_of_memory) return problems_status(found, err);
  return status ? error_memory(err) : SHUNT_OK;
}

static void tell(const shunt_options *options, const problems *found) {
  if (!options->problem || found->out_of_memory) return;
  for (size_t i = 0; i < found->count; i++) options->problem(options->ud, &found->list[i]);
  if (found->more == 0) return;
  shunt_error rest;
  error_set(&rest, found->list[0].status, "and %zu more", found->more);
  options->problem(options->ud, &rest);
}

static int load_of(void *ud, const cat_client *client) { return pool_load(ud, client); }
static bool is_down(void *ud, const cat_client *client) { return pool_is_down(ud, client); }

static shunt_status fill(generation *g, const generation_source *from, problems *found, shunt_error *err) {
  rule_host *host = NULL;
  route_settings remembering;
  shunt_status status = load(g, from, found, &host, &remembering, err);
  if (status) {
    rule_host_free(host);
    return status;
  }
  status = route_new(g->catalog, host, g->number, &remembering, &g->route, err);
  if (status) return status;
  route_on_difference(g->route, differences_note, from->differences);
  route_set_events(g->route, from->events);
  route_selftest(g->route, node_get(node_get(g->catalog->merged, "rules"), "selftest"), found);
  status = problems_status(found, err);
  if (!status && from->before) status = route_prepare_like(g->route, from->before->route, err);
  if (!status) status = pools_new(g->catalog, from->before ? from->before->pools : NULL, from->events, &g->pools, err);
  if (!status) status = history_join(from->history, g, from->before, err);
  if (!status) route_set_load(g->route, &(pick_load){load_of, is_down, g->pools});
  return status;
}

shunt_status generation_new(const generation_source *from, const shunt_options *options, generation **out,
                            shunt_error *err) {
  problems found = {0};
  generation *g = base_zalloc(sizeof *g);
  if (!g) return error_memory(err);
  atomic_init(&g->shares, 1);
  g->number = from->before ? from->before->number + 1 : 1;
  shunt_status status = fill(g, from, &found, err);
  tell(options, &found);
  problems_free(&found);
  if (status) {
    generation_drop(g);
    return status;
  }
  g->results.handles = from->handles;
  g->results.catalog = g->catalog;
  *out = g;
  return SHUNT_OK;
}

static shunt_status fill_again(generation *g, const generation *parent, const generation_source *from,
                               shunt_error *err) {
  const cat_settings *settings = &g->catalog->settings;
  rule_host *host = NULL;
  shunt_status status = route_clone_host(parent->route, &host, err);
  if (status) return status;
  status = route_new(g->catalog, host, g->number, &(route_settings){(size_t)settings->remember, settings->audit},
                     &g->route, err);
  if (status) return status;
  route_on_difference(g->route, differences_note, from->differences);
  route_set_events(g->route, from->events);
  status = pools_new(g->catalog, NULL, from->events, &g->pools, err);
  if (!status) status = history_join(from->history, g, NULL, err);
  if (status) return status;
  route_set_load(g->route, &(pick_load){load_of, is_down, g->pools});
  pools_leave_private(g->pools, parent->pools);
  return SHUNT_OK;
}

shunt_status generation_again(const generation *parent, const generation_source *from, generation **out,
                              shunt_error *err) {
  generation *g = base_zalloc(sizeof *g);
  if (!g) return error_memory(err);
  atomic_init(&g->shares, 1);
  g->number = parent->number;
  g->catalog = parent->catalog;
  g->folders = parent->folders;
  g->nfolders = parent->nfolders;
  g->inherited = true;
  g->results.handles = from->handles;
  g->results.catalog = g->catalog;
  shunt_status status = fill_again(g, parent, from, err);
  if (status)
    generation_drop(g);
  else
    *out = g;
  return status;
}

void generation_drop(generation *g) {
  if (!g || atomic_fetch_sub(&g->shares, 1) > 1) return;
  history_leave(g);
  pools_free(g->pools);
  route_free(g->route);
  if (!g->inherited) catalog_free(g->catalog);
  arena_free(&g->arena);
  base_free(g);
}
