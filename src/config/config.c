#include "config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/read.h"
#include "base/suggest.h"
#include "catalog/connection.h"
#include "catalog/report.h"
#include "catalog/settings.h"
#include "config/file.h"
#include "config/yaml.h"

enum { LARGEST_CONFIG = 64 << 20 };

typedef struct job {
  catalog_source *source;
  arena *a;
  problems *p;
  const char *path;
} job;

/* ---- the environment ---- */

static bool is_env_name(const char *name) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return *name && name[strspn(name, letters)] == 0;
}

static bool is_given_env(const char *name) {
  return strcmp(name, "dev") == 0 || strcmp(name, "test") == 0 || strcmp(name, "prod") == 0;
}

static const char *choose_env(const char *env) {
  if (!env) env = getenv("SHUNT_ENV");
  return env && *env ? env : "dev";
}

/* "dir/app.yaml" and "prod" give "dir/app.prod.yaml". */
static const char *overlay_path(arena *a, const char *path, const char *env) {
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  if (!dot || dot == name) dot = name + strlen(name);
  return arena_printf(a, "%.*s.%s%s", (int)(dot - path), path, env, *dot ? dot : ".yaml");
}

/* ---- the files ---- */

/* *root is NULL if the file does not exist and `must_be` is false. */
static shunt_status read_file(const job *j, const char *path, bool must_be, node **root) {
  char *text = NULL;
  const char *why;
  size_t size = 0;
  *root = NULL;
  read_result result = read_whole(path, LARGEST_CONFIG, &text, &size, &why);
  if (result == READ_NO_MEMORY) return SHUNT_E_MEMORY;
  if (result == READ_ABSENT && !must_be) return SHUNT_OK;
  if (result != READ_DONE) {
    report(j->p, SHUNT_E_CONFIG, (place){path, 0, 0}, "can't read the configuration: %s", why);
    return SHUNT_E_CONFIG;
  }
  shunt_status status = yaml_read(j->a, j->p, path, text, size, root);
  base_free(text);
  return status;
}

static shunt_status read_overlay(const job *j, node **root) {
  const char *env = j->source->env;
  *root = NULL;
  if (!is_env_name(env)) {
    report(j->p, SHUNT_E_CONFIG, (place){j->path, 0, 0},
           "'%.64s' is not the name of an environment: use letters, digits, _ and -", env);
    return SHUNT_E_CONFIG;
  }
  const char *path = overlay_path(j->a, j->path, env);
  if (!path) return SHUNT_E_MEMORY;
  shunt_status status = read_file(j, path, false, root);
  if (status || *root || is_given_env(env)) return status;
  suggest near = suggest_for(env);
  suggest_try(&near, "dev");
  suggest_try(&near, "test");
  suggest_try(&near, "prod");
  report(j->p, SHUNT_E_CONFIG, (place){j->path, 0, 0}, "the environment '%s' needs its file %s, which does not exist%s",
         env, path, suggest_text(&near));
  return SHUNT_E_CONFIG;
}

/* If one of the files can't be read, the mistakes in the other are still reported. */
static shunt_status read_both(const job *j) {
  node *base = NULL, *overlay = NULL;
  shunt_status first = read_file(j, j->path, true, &base);
  shunt_status second = first == SHUNT_E_MEMORY ? first : read_overlay(j, &overlay);
  if (first == SHUNT_E_MEMORY || second == SHUNT_E_MEMORY) return SHUNT_E_MEMORY;
  size_t since = j->p->count;
  if (base) schema_check(j->p, base, &schema_config, "", false);
  if (overlay) schema_check(j->p, overlay, &schema_config, "", false);
  report_settle(j->p, since);
  j->source->config = base && overlay ? config_overlay(j->a, base, overlay) : base;
  if (base && !j->source->config) return SHUNT_E_MEMORY;
  return first ? first : second;
}

/* ---- the rules ---- */

static bool set_paths(const job *j, config_rules *rules) {
  const node *path = node_get(node_get(j->source->config, "rules"), "path"), *const *items = &path;
  size_t count = path && path->kind == NODE_LIST ? path->count : 1;
  const char **paths = arena_array(j->a, const char *, count + 1);
  place *places = arena_array(j->a, place, count + 1);
  if (!paths || !places) return false;
  if (path && path->kind == NODE_LIST) items = (const node *const *)path->items;
  for (size_t i = 0; i < count; i++) {
    if (!node_is_text(items[i])) continue;
    paths[rules->npaths] = items[i]->value.as.bytes;
    places[rules->npaths++] = items[i]->at;
  }
  if (node_is_null(path)) {
    /* the usual folder, if it exists */
    const char *usual = file_beside(j->a, j->path, "rules");
    if (!usual) return false;
    paths[0] = "rules";
    places[0] = (place){j->path, 0, 0};
    rules->npaths = file_is_folder(usual) ? 1 : 0;
  }
  rules->paths = paths;
  rules->places = places;
  return true;
}

static shunt_status read_all(job *j, const char *path, const char *env, config_rules *rules) {
  j->path = arena_strdup(j->a, path);
  j->source->env = arena_strdup(j->a, choose_env(env));
  j->source->folder = file_folder(j->a, path);
  if (!j->path || !j->source->env || !j->source->folder) return SHUNT_E_MEMORY;
  shunt_status status = read_both(j);
  if (status == SHUNT_E_MEMORY) return status;
  SCHEMA_FILL(&schema_config, j->source->config, cat_settings, &j->source->settings);
  return set_paths(j, rules) ? status : SHUNT_E_MEMORY;
}

shunt_status config_read(const char *path, const char *env, catalog_source *source, config_rules *rules, problems *p) {
  *source = (catalog_source){0};
  *rules = (config_rules){0};
  job j = {.source = source, .a = &source->arena, .p = p};
  shunt_status status = read_all(&j, path, env, rules);
  if (status == SHUNT_E_MEMORY || p->out_of_memory) {
    p->out_of_memory = true;
    return SHUNT_E_MEMORY;
  }
  return status;
}
