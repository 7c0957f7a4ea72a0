/* For: the façade: an application is its newest generation, opened, reloaded and closed in one piece.
 * Owner: the app; sessions must be closed before it. */
#include "shunt.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "app/forks.h"
#include "app/generation.h"
#include "app/metrics.h"
#include "app/recovery.h"
#include "base/alloc.h"
#include "base/error.h"
#include "base/event.h"
#include "base/process.h"
#include "base/sized.h"
#include "base/watch.h"
#include "call/call.h"
#include "catalog/describe.h"
#include "config/config.h"
#include "jobs/worker.h"
#include "session/session.h"

struct shunt_app {
  char *path, *env;
  pthread_mutex_t reloading; /* one reload at a time; also protects the next four members */
  watch *watch;              /* NULL until a generation asks for it */
  shunt_error watched;       /* the result of the last reload by the watch */
  void (*reloaded)(void *ud, const shunt_error *failure);
  void *reloaded_ud;
  pthread_mutex_t lock; /* protects newest, and taking a share of it */
  event_sink *events;
  observer *observer;
  handles handles;
  differences differences;
  recovery recovery;
  history history;
  job_tally *jobs;
  atomic_ullong refused; /* reloads */
  bool offline;          /* as in shunt_options */
  generation *newest;
  _Atomic uint64_t number; /* of the newest generation */
  atomic_int used;         /* sessions that are open, those of workers too */
  atomic_uint process;     /* process_number() of the process that all of this is for */
};

/* ---- opening, reloading, closing ---- */

static generation *take_newest(shunt_app *app) {
  pthread_mutex_lock(&app->lock);
  generation *g = generation_share(app->newest);
  pthread_mutex_unlock(&app->lock);
  return g;
}

static void publish(shunt_app *app, generation *g) {
  pthread_mutex_lock(&app->lock);
  generation *old = app->newest;
  app->newest = g;
  atomic_store(&app->number, g->number);
  pthread_mutex_unlock(&app->lock);
  if (!old) return;
  pools_drain(old->pools, g->pools);
  generation_drop(old);
}

static generation *take_for_recovery(void *app) { return take_newest(app); }

/* Not before the generation is published. */
static void recover_joint(shunt_app *app) {
  generation *g = take_newest(app);
  if (!app->offline && g->catalog->settings.spanning == CAT_SPANNING_JOIN) recovery_wake(&app->recovery, false);
  generation_drop(g);
}

static void changed(void *ud);

static bool ends_in(const char *name, const char *ending) {
  size_t size = strlen(name), of_ending = strlen(ending);
  return size >= of_ending && strcmp(name + size - of_ending, ending) == 0;
}

/* Whether the file may be a source of configuration or rules: a rule file, a file with the app config's ending, or a
 * name without an ending (a link to a folder, a secret). Files that datasources and logs write beside them are not. */
static bool is_source(void *ud, const char *name) {
  const shunt_app *app = ud;
  const char *slash = strrchr(app->path, '/'), *ending = strrchr(slash ? slash : app->path, '.');
  return !strchr(name, '.') || ends_in(name, ".lua") || (ending && ends_in(name, ending));
}

/* Called before the generation is published: otherwise a change in between would be missed. */
static shunt_status watch_for(shunt_app *app, const generation *g, shunt_error *err) {
  if (!g->nfolders && !app->watch) return SHUNT_OK;
  shunt_status status = SHUNT_OK;
  if (!app->watch) status = watch_new(&(watch_calls){changed, is_source, app}, &app->watch, err);
  return status ? status : watch_folders(app->watch, g->folders, g->nfolders, err);
}

/* The caller holds `reloading`. */
static shunt_status load_next(shunt_app *app, const shunt_options *options, shunt_error *err) {
  generation *g;
  shunt_status status = generation_new(&(generation_source){app->path, app->env, app->newest, &app->differences,
                                                            &app->handles, &app->history, app->events},
                                       options, &g, err);
  if (status) return status;
  status = watch_for(app, g, err);
  if (status) {
    generation_drop(g);
    return status;
  }
  publish(app, g);
  recover_joint(app);
  return SHUNT_OK;
}

static shunt_value text_or_null(const char *text) { return event_text(text[0] ? text : NULL); }

static void report_reload(shunt_app *app, shunt_status status, const shunt_error *why) {
  if (status) atomic_fetch_add(&app->refused, 1);
  if (status)
    events_emit(app->events, SHUNT_EVENT_RELOAD_REFUSED, {"file", text_or_null(why->file)},
                {"line", why->line ? shunt_integer(why->line) : shunt_null()}, EVENT_ERROR(why));
  else
    events_emit(app->events, SHUNT_EVENT_RELOAD_DONE, {"generation", shunt_integer((int64_t)shunt_generation(app))});
}

/* New folders are watched before they are read: if reading fails now, their files may arrive later. */
static void changed(void *ud) {
  shunt_app *app = ud;
  pthread_mutex_lock(&app->reloading);
  shunt_status status = watch_for(app, app->newest, &app->watched);
  if (!status) status = load_next(app, &(shunt_options){.env = NULL}, &app->watched);
  app->watched.status = status;
  shunt_error failure = app->watched;
  pthread_mutex_unlock(&app->reloading);
  report_reload(app, status, &failure);
  if (app->reloaded) app->reloaded(app->reloaded_ud, status ? &failure : NULL);
}

/* ---- in the child of a fork ---- */

static pthread_mutex_t renewing = PTHREAD_MUTEX_INITIALIZER; /* one app at a time */

/* What has a lock of its own, made anew with the same callbacks: a thread of the parent may have been anywhere. */
typedef struct renewed {
  event_sink *events;
  observer *observer;
  job_tally *jobs;
  generation *g;
} renewed;

static shunt_status begin_again(shunt_app *app, event_sink *events, shunt_error *err) {
  const recovery_host host = {.take = take_for_recovery, .ud = app, .events = events};
  pthread_mutex_init(&app->lock, NULL);
  pthread_mutex_init(&app->reloading, NULL);
  differences_init(&app->differences, app->differences.tell, app->differences.ud);
  app->recovery = (recovery){.wanted = false};
  app->history = (history){.hits = 0};
  if (!history_init(&app->history)) return error_memory(err);
  app->watched.status = SHUNT_OK;
  app->watch = NULL;
  return recovery_init(&app->recovery, &host) ? SHUNT_OK : error_memory(err);
}

static shunt_status make_again(shunt_app *app, renewed *r, shunt_error *err) {
  *r = (renewed){events_again(app->events), observer_again(app->observer), job_tally_new(), NULL};
  if (!r->events || !r->observer || !r->jobs) return error_memory(err);
  const generation_source from = {
      .differences = &app->differences, .history = &app->history, .handles = &app->handles, .events = r->events};
  shunt_status status = begin_again(app, r->events, err);
  if (!status) status = generation_again(app->newest, &from, &r->g, err);
  return status ? status : watch_for(app, r->g, err);
}

/* The same application with connections, rule states, a cache and threads of this process. */
static shunt_status renew_app(shunt_app *app, shunt_error *err) {
  renewed r;
  shunt_status status = make_again(app, &r, err);
  if (status) {
    generation_drop(r.g);
    job_tally_free(r.jobs);
    observer_free(r.observer);
    events_free(r.events);
    return status;
  }
  app->events = r.events;
  app->observer = r.observer;
  app->jobs = r.jobs;
  app->newest = r.g;
  atomic_store(&app->used, 0); /* the parent's sessions stay with the parent's generations */
  atomic_store_explicit(&app->process, process_number(), memory_order_release);
  recover_joint(app);
  return SHUNT_OK;
}

/* What every function with an app does first. */
static shunt_status enter(shunt_app *app, shunt_error *err) {
  if (!app) return error_null(err, "app");
  if (atomic_load_explicit(&app->process, memory_order_acquire) == process_number()) return SHUNT_OK;
  pthread_mutex_lock(&renewing);
  shunt_status status =
      atomic_load_explicit(&app->process, memory_order_acquire) == process_number() ? SHUNT_OK : renew_app(app, err);
  pthread_mutex_unlock(&renewing);
  return status;
}

/* ---- opening and closing ---- */

static void end(shunt_app *app) {
  if (app->events) events_set(app->events, SHUNT_ERROR, NULL, NULL); /* it may use the app, which goes now */
  if (app->observer) observer_set(app->observer, NULL, NULL);
  watch_free(app->watch);
  recovery_end(&app->recovery);
  generation_drop(app->newest);
  pthread_mutex_destroy(&app->lock);
  pthread_mutex_destroy(&app->reloading);
  handles_end(&app->handles);
  history_end(&app->history);
  observer_free(app->observer);
  job_tally_free(app->jobs);
  differences_end(&app->differences);
  events_free(app->events);
  base_free(app->path);
  base_free(app->env);
  base_free(app);
}

static shunt_app *new_app(const char *path, const shunt_options *options) {
  const char *env = options->env ? options->env : getenv("SHUNT_ENV");
  shunt_app *app = base_zalloc(sizeof *app);
  if (!app) return NULL;
  atomic_init(&app->process, process_number());
  app->path = base_strdup(path);
  app->env = env ? base_strdup(env) : NULL;
  pthread_mutex_init(&app->lock, NULL);
  pthread_mutex_init(&app->reloading, NULL);
  handles_init(&app->handles);
  differences_init(&app->differences, options->difference, options->difference_ud);
  app->offline = options->offline;
  app->reloaded = options->reloaded;
  app->reloaded_ud = options->reloaded_ud;
  app->events = events_new();
  if (app->events && options->event)
    events_set(app->events, (shunt_severity)options->event_least, options->event, options->event_ud);
  const recovery_host host = {.take = take_for_recovery, .ud = app, .events = app->events};
  app->jobs = job_tally_new();
  app->observer = observer_new();
  if (recovery_init(&app->recovery, &host) && history_init(&app->history) && app->observer && app->jobs &&
      app->events && app->path && (app->env || !env))
    return app;
  end(app);
  return NULL;
}

shunt_status shunt_open(const char *path, const shunt_options *options, shunt_app **out, shunt_error *err) {
  shunt_options room;
  if (!out) return error_null(err, "app");
  *out = NULL;
  if (!path) return error_null(err, "path");
  options = SIZED(shunt_options, options, &room, err);
  if (!options) return SHUNT_E_USAGE;
  forks_mind(&renewing);
  shunt_app *app = new_app(path, options);
  if (!app) return error_memory(err);
  shunt_status status = shunt_reload(app, options, err);
  if (status) {
    end(app);
    return status;
  }
  *out = app;
  return SHUNT_OK;
}

shunt_status shunt_reload(shunt_app *app, const shunt_options *options, shunt_error *err) {
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  shunt_error own; /* events report it, too */
  shunt_options room;
  if (!err) err = &own;
  options = SIZED(shunt_options, options, &room, err);
  if (!options) return SHUNT_E_USAGE;
  pthread_mutex_lock(&app->reloading);
  shunt_status status = load_next(app, options, err);
  pthread_mutex_unlock(&app->reloading);
  report_reload(app, status, err);
  return status;
}

shunt_status shunt_close(shunt_app *app) {
  if (!app) return SHUNT_OK;
  if (atomic_load(&app->process) != process_number()) return SHUNT_OK; /* all of it is the parent's */
  if (atomic_load(&app->used)) return SHUNT_E_USAGE;
  end(app);
  return SHUNT_OK;
}

uint64_t shunt_generation(const shunt_app *app) { return app ? atomic_load(&app->number) : 0; }

shunt_status shunt_watched(shunt_app *app, shunt_error *err) {
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  pthread_mutex_lock(&app->reloading);
  shunt_status status = app->watched.status;
  if (status && err) *err = app->watched;
  pthread_mutex_unlock(&app->reloading);
  return status;
}

/* ---- what it is made of ---- */

static shunt_status describe(const generation *g, char **json, shunt_error *err) {
  cat_rule_counts *counts = base_alloc(g->catalog->nrules * sizeof *counts);
  if (!counts) return error_memory(err);
  shunt_status status = route_counts(g->route, counts) ? SHUNT_OK : error_memory(err);
  if (!status) status = catalog_describe(g->catalog, g->number, counts, json, err);
  base_free(counts);
  return status;
}

shunt_status shunt_describe(shunt_app *app, char **json, shunt_error *err) {
  if (!json) return error_null(err, "json");
  *json = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  generation *g = take_newest(app);
  shunt_status status = describe(g, json, err);
  generation_drop(g);
  return status;
}

shunt_status shunt_config(shunt_app *app, char **yaml, shunt_error *err) {
  if (!yaml) return error_null(err, "yaml");
  *yaml = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  generation *g = take_newest(app);
  shunt_status status = config_print(g->catalog->merged, yaml, err);
  generation_drop(g);
  return status;
}

shunt_status shunt_settings(shunt_settings_form form, char **text, shunt_error *err) {
  if (!text) return error_null(err, "text");
  *text = NULL;
  switch (form) {
  case SHUNT_SETTINGS_DEFAULTS:
    return config_defaults(text, err);
  case SHUNT_SETTINGS_SCHEMA:
    return config_schema(text, err);
  case SHUNT_SETTINGS_MANUAL:
    return config_manual(text, err);
  }
  return error_set(err, SHUNT_E_USAGE, "there is no form %d of the settings", (int)form);
}

void shunt_pools(shunt_app *app, void (*each)(void *ud, const shunt_pool_stats *stats), void *ud) {
  if (!each || enter(app, NULL)) return;
  generation *g = take_newest(app);
  pools_each(g->pools, each, ud);
  generation_drop(g);
}

void shunt_limits(shunt_app *app, void (*each)(void *ud, const shunt_limit_stats *stats), void *ud) {
  if (!each || enter(app, NULL)) return;
  generation *g = take_newest(app);
  pools_each_limit(g->pools, each, ud);
  generation_drop(g);
}

void shunt_events(shunt_app *app, shunt_severity least, void (*fn)(void *ud, const shunt_event *event), void *ud) {
  if (!enter(app, NULL)) events_set(app->events, least, fn, ud);
}

void shunt_observe_app(shunt_app *app, void (*fn)(void *ud, const shunt_statement *statement), void *ud) {
  if (!enter(app, NULL)) observer_set(app->observer, fn, ud);
}

/* ---- statistics ---- */

_Static_assert((int)SHUNT_NNODES <= (int)SHUNT_NODE_ROOM, "shunt_stats keeps its size");

static void fill_totals(const generation *g, shunt_stats *stats) {
  route_stats of;
  route_count(g->route, &of);
  *stats = (shunt_stats){.generation = g->number,
                         .remembers = route_remembers(g->route),
                         .hits = of.hits,
                         .misses = of.misses,
                         .entries = of.entries,
                         .decisions = of.decisions,
                         .bytes = of.bytes,
                         .refused_entries = of.refused_entries,
                         .refused_children = of.refused_children,
                         .audits = of.audits,
                         .differences = of.differences,
                         .states = of.lanes};
  memcpy(stats->nodes, of.nodes, sizeof of.nodes);
}

static void tell_rule(const cat_rule *rule, const route_rule_stats *of,
                      void (*each)(void *ud, const shunt_rule_stats *rule), void *ud) {
  each(ud, &(shunt_rule_stats){.name = rule->name,
                               .stage = cat_stage_name(rule->stage),
                               .source = rule->source,
                               .asked = of->asked,
                               .selected = of->selected,
                               .passed = of->passed,
                               .denied = of->denied,
                               .failed = of->failed,
                               .timed = of->timed,
                               .timed_ns = of->timed_ns});
}

static shunt_status tell_rules(const generation *g, void (*each)(void *ud, const shunt_rule_stats *rule), void *ud,
                               shunt_error *err) {
  const catalog *c = g->catalog;
  route_rule_stats *rules = base_alloc(c->nrules * sizeof *rules);
  if (!rules) return error_memory(err);
  route_count_rules(g->route, rules);
  for (size_t i = 0; i < c->nrules; i++) tell_rule(c->rules[i], &rules[i], each, ud);
  base_free(rules);
  return SHUNT_OK;
}

shunt_status shunt_statistics(shunt_app *app, shunt_stats *stats, void (*each)(void *ud, const shunt_rule_stats *rule),
                              void *ud, shunt_error *err) {
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  generation *g = take_newest(app);
  if (stats) fill_totals(g, stats);
  shunt_status status = each ? tell_rules(g, each, ud, err) : SHUNT_OK;
  generation_drop(g);
  return status;
}

shunt_status shunt_last_difference(shunt_app *app, char **text, shunt_error *err) {
  if (!text) return error_null(err, "text");
  *text = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  return differences_last(&app->differences, text, err);
}

/* ---- handles ---- */

shunt_status shunt_handle_of(shunt_app *app, shunt_handle_kind kind, const char *name, shunt_handle *handle,
                             shunt_error *err) {
  const void *thing;
  if (!handle) return error_null(err, "handle");
  *handle = 0;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  if (!name || kind < 0 || (int)kind >= CAT_NKINDS)
    return error_set(err, SHUNT_E_USAGE, "a handle needs a name and a kind: model, relation, instance or client");
  generation *g = take_newest(app);
  shunt_status status = handle_lookup(g->catalog, (cat_kind)kind, name, &thing, err);
  if (!status) status = handles_take(&app->handles, (cat_kind)kind, name, handle, err);
  if (status) *handle = 0;
  generation_drop(g);
  return status;
}

/* ---- joint commits ---- */

static shunt_status look_for_prepared(shunt_app *app, bool resolve, const char *id, shunt_rows **rows,
                                      shunt_error *err) {
  if (!rows) return error_null(err, "rows");
  *rows = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  generation *g = take_newest(app);
  shunt_status status = recovery_look(g, app->events, resolve, id, rows, err);
  generation_drop(g);
  return status;
}

shunt_status shunt_transactions_list(shunt_app *app, shunt_rows **rows, shunt_error *err) {
  return look_for_prepared(app, false, NULL, rows, err);
}

shunt_status shunt_transactions_resolve(shunt_app *app, const char *id, shunt_rows **rows, shunt_error *err) {
  return look_for_prepared(app, true, id, rows, err);
}

/* ---- sessions ---- */

static session_generation shared_in(shunt_app *app, generation *g);

static void drop(const session_generation *shared) {
  shunt_app *app = shared->app;
  generation_drop(shared->owner);
  atomic_fetch_sub(&app->used, 1);
}

static bool renew(const session_generation *shared, session_generation *newest) {
  const generation *g = shared->owner;
  if (atomic_load(&shared->app->number) == g->number) return false;
  *newest = shared_in(shared->app, take_newest(shared->app));
  return true;
}

static void recover(const session_generation *shared, bool now) { recovery_wake(&shared->app->recovery, now); }

/* Until drop, the app can't be closed. */
static session_generation shared_in(shunt_app *app, generation *g) {
  atomic_fetch_add(&app->used, 1);
  return (session_generation){.catalog = g->catalog,
                              .route = g->route,
                              .pools = g->pools,
                              .events = app->events,
                              .results = &g->results,
                              .observer = app->observer,
                              .jobs = app->jobs,
                              .app = app,
                              .owner = g,
                              .drop = drop,
                              .recover = recover,
                              .renew = renew};
}

shunt_status shunt_session_open(shunt_app *app, const shunt_session_options *options, shunt_session **session,
                                shunt_error *err) {
  if (!session) return error_null(err, "session");
  *session = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  session_generation shared = shared_in(app, take_newest(app));
  shunt_status status = route_prepare(shared.route, err); /* so that the session's first request need not wait for it */
  if (!status) return session_new(&shared, options, session, err);
  drop(&shared);
  return status;
}

/* ---- metrics ---- */

shunt_status shunt_metrics(shunt_app *app, char **text, shunt_error *err) {
  if (!text) return error_null(err, "text");
  *text = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  generation *g = take_newest(app);
  const session_generation shared = shared_in(app, generation_share(g));
  const metrics_source from = {
      .g = g, .history = &app->history, .jobs = app->jobs, .refused = atomic_load(&app->refused), .shared = &shared};
  shunt_status status = metrics_write(&from, text, err);
  generation_drop(g);
  return status;
}

shunt_status shunt_call_session(shunt_app *app, const char *json, shunt_session **session, shunt_error *err) {
  arena a = {0};
  shunt_session_options options = {.instance = NULL};
  if (!session) return error_null(err, "session");
  *session = NULL;
  shunt_status status = call_session_options(json, &a, &options, err);
  if (!status) status = shunt_session_open(app, &options, session, err);
  arena_free(&a);
  return status;
}

/* ---- jobs ---- */

shunt_status shunt_worker_open(shunt_app *app, const shunt_worker_options *options, shunt_worker **worker,
                               shunt_error *err) {
  if (!worker) return error_null(err, "worker");
  *worker = NULL;
  shunt_status entered = enter(app, err);
  if (entered) return entered;
  const worker_host host = {.app = app, .open = shunt_session_open, .generation = shunt_generation};
  return worker_open(&host, options, worker, err);
}
