/* What belongs to one family must stand together: so the pools are looked at once, and written family by family.
 *
 * No label names an instance: labels are the words of the configuration (rules, clients), levels, the queues of the job
 * store up to a limit, and words that are fixed here. */
#include "app/metrics.h"

#include <stdio.h>
#include <string.h>

#include "app/openmetrics.h"
#include "base/alloc.h"
#include "base/error.h"
#include "jobs/count.h"

enum { JOBS_WAIT_MS = 1000 };

/* ---- decisions ---- */

static void write_rules(buf *b, const catalog *c, const history_counts *counts) {
  om_family(b, "shunt_decisions", "counter",
            "Results of rules. A decision counts once for each rule whose conditions held, also if it was cached.");
  for (size_t i = 0; i < c->nrules; i++) {
    const cat_rule *rule = c->rules[i];
    const route_rule_stats *n = &counts->rules[i];
    const struct {
      const char *name;
      uint64_t n;
    } outcomes[] = {{"selected", n->selected}, {"passed", n->passed}, {"denied", n->denied}, {"failed", n->failed}};
    for (size_t k = 0; k < sizeof outcomes / sizeof *outcomes; k++) {
      const om_label labels[] = {
          {"rule", rule->name}, {"stage", cat_stage_name(rule->stage)}, {"outcome", outcomes[k].name}, {NULL, NULL}};
      om_sample(b, "shunt_decisions", "_total", labels, outcomes[k].n);
    }
  }
}

static void write_one(buf *b, const char *name, const char *type, const char *help, uint64_t n) {
  om_family(b, name, type, help);
  om_sample(b, name, strcmp(type, "counter") == 0 ? "_total" : "", NULL, n);
}

static void write_cache(buf *b, route *r, const history_counts *counts) {
  route_stats now;
  route_count(r, &now);
  write_one(b, "shunt_cache_hits", "counter", "Requests that were answered from the decision cache.", counts->hits);
  write_one(b, "shunt_cache_misses", "counter", "Cacheable requests for which the rules were evaluated.",
            counts->misses);
  write_one(b, "shunt_cache_entries", "gauge", "Entries of the newest generation's decision cache.", now.entries);
  write_one(b, "shunt_cache_bytes", "gauge", "Memory of the newest generation's decision cache.", now.bytes);
}

static shunt_status write_decisions(buf *b, const metrics_source *from, shunt_error *err) {
  history_counts counts;
  shunt_status status = history_read(from->history, from->g, &counts, err);
  if (status) return status;
  write_rules(b, from->g->catalog, &counts);
  write_cache(b, from->g->route, &counts);
  history_free_counts(&counts);
  return SHUNT_OK;
}

/* ---- pools ---- */

typedef struct views {
  pool_view *list;
  size_t count, capacity;
  bool failed;
} views;

static void note_view(void *ud, const pool_view *view) {
  views *v = ud;
  v->failed = v->failed || !base_grow(&v->list, &v->capacity, v->count + 1, sizeof *v->list);
  if (!v->failed) memcpy(&v->list[v->count++], view, sizeof *view);
}

typedef struct level_text {
  char text[16];
} level_text;

static const char *level_of(const pool_view *v, level_text *room) {
  snprintf(room->text, sizeof room->text, "%d", v->stats.level);
  return room->text;
}

/* Calls fn for each pool, with its labels and room for two more. */
typedef void (*write_pool)(buf *b, const char *name, const pool_view *v, om_label *labels);

static void each_pool(buf *b, const views *v, const char *name, write_pool fn) {
  for (size_t i = 0; i < v->count; i++) {
    level_text level;
    om_label labels[5] = {{"client", v->list[i].stats.client}, {"level", level_of(&v->list[i], &level)}};
    fn(b, name, &v->list[i], labels);
  }
}

static const char *const ops[DRIVER_NOPS] = {[SHUNT_READ] = "read", [SHUNT_WRITE] = "write"};

static void write_counts(buf *b, const char *name, const pool_view *v, om_label *labels) {
  for (int op = 0; op < DRIVER_NOPS; op++) {
    const uint64_t all = histogram_count(&v->counts.statements[op].times),
                   failed = tally_get(&v->counts.statements[op].failed);
    labels[2] = (om_label){"operation", ops[op]};
    labels[3] = (om_label){"outcome", "done"};
    om_sample(b, name, "_total", labels, all > failed ? all - failed : 0);
    labels[3].value = "failed";
    om_sample(b, name, "_total", labels, failed);
  }
}

static void write_times(buf *b, const char *name, const pool_view *v, om_label *labels) {
  for (int op = 0; op < DRIVER_NOPS; op++) {
    labels[2] = (om_label){"operation", ops[op]};
    om_histogram(b, name, labels, &v->counts.statements[op].times);
  }
}

static void write_transactions(buf *b, const char *name, const pool_view *v, om_label *labels) {
  static const char *const outcomes[DRIVER_NOUTCOMES] = {
      [SHUNT_NOT_DONE] = "rolled_back", [SHUNT_DONE] = "committed", [SHUNT_UNKNOWN] = "unknown"};
  for (int i = 0; i < DRIVER_NOUTCOMES; i++) {
    labels[2] = (om_label){"outcome", outcomes[i]};
    om_sample(b, name, "_total", labels, tally_get(&v->counts.transactions[i]));
  }
}

static void write_waits(buf *b, const char *name, const pool_view *v, om_label *labels) {
  om_histogram(b, name, labels, &v->waits);
}

/* The circuit is the same at all levels. */
static void write_circuit(buf *b, const char *name, const pool_view *v, om_label *labels) {
  if (v->stats.level) return;
  labels[1] = (om_label){NULL, NULL};
  om_sample(b, name, "", labels, v->stats.circuit_open);
}

static uint64_t positive(int64_t n) { return n > 0 ? (uint64_t)n : 0; }

#define FIGURES(X)                                                                                                     \
  X(open, "gauge", "", "Connections that are busy, idle or being opened.")                                             \
  X(busy, "gauge", "", "Open connections that are not idle.")                                                          \
  X(waiting, "gauge", "", "Callers that wait for a connection.")                                                       \
  X(max, "gauge", "", "Upper bound of open connections.")                                                              \
  X(acquired, "counter", "_total", "Connections given to callers.")                                                    \
  X(opened, "counter", "_total", "Connections made.")                                                                  \
  X(closed, "counter", "_total", "Connections closed.")                                                                \
  X(failed, "counter", "_total", "Failed attempts to connect.")                                                        \
  X(timeouts, "counter", "_total", "Callers that timed out while they waited for a connection.")

#define WRITE_FIGURE(figure, type, suffix, help)                                                                       \
  static void write_##figure(buf *b, const char *name, const pool_view *v, om_label *labels) {                         \
    om_sample(b, name, suffix, labels, positive(v->stats.figure));                                                     \
  }
FIGURES(WRITE_FIGURE)
#undef WRITE_FIGURE

static const struct {
  const char *name, *type, *help;
  write_pool write;
} families[] = {
    {"shunt_statements", "counter", "Statements that were sent.", write_counts},
    {"shunt_statement_seconds", "histogram", "Time of statements, with their rows.", write_times},
    {"shunt_transactions", "counter", "Transactions that ended.", write_transactions},
#define FAMILY(figure, type, suffix, help) {"shunt_pool_" #figure, type, help, write_##figure},
    FIGURES(FAMILY)
#undef FAMILY
        {"shunt_pool_wait_seconds", "histogram", "Time that callers waited for a connection.", write_waits},
    {"shunt_circuit_open", "gauge", "1 while calls that need a new connection fail at once.", write_circuit},
};

static shunt_status write_pools(buf *b, const metrics_source *from, shunt_error *err) {
  views v = {.list = NULL};
  pools_each_view(from->g->pools, note_view, &v);
  for (size_t i = 0; i < sizeof families / sizeof *families && !v.failed; i++) {
    om_family(b, families[i].name, families[i].type, families[i].help);
    each_pool(b, &v, families[i].name, families[i].write);
  }
  base_free(v.list);
  return v.failed ? error_memory(err) : SHUNT_OK;
}

/* ---- jobs ---- */

static void write_ends(void *ud, const char *queue, const uint64_t *ends) {
  static const char *const outcomes[JOB_TALLY_NENDS] = {[JOB_TALLY_DONE] = "done",
                                                        [JOB_TALLY_FAILED] = "failed",
                                                        [JOB_TALLY_DEAD] = "dead",
                                                        [JOB_TALLY_RELEASED] = "released"};
  for (int i = 0; i < JOB_TALLY_NENDS; i++) {
    const om_label labels[] = {{"queue", queue}, {"outcome", outcomes[i]}, {NULL, NULL}};
    om_sample(ud, "shunt_job_runs", "_total", labels, ends[i]);
  }
}

static void write_states(void *ud, const char *queue, const int64_t *states) {
#define STATE(name) name,
  static const char *const names[] = {JOB_STATE_MAP(STATE)};
#undef STATE
  for (int i = 0; i < JOB_NSTATES; i++) {
    const om_label labels[] = {{"queue", queue}, {"state", names[i]}, {NULL, NULL}};
    om_sample(ud, "shunt_jobs", "", labels, positive(states[i]));
  }
}

static void note_use(void *ud, const pool_view *view) {
  const char **client = ud;
  if (*client && strcmp(view->stats.client, *client) == 0 && view->stats.opened) *client = NULL;
}

/* Asking must not be what creates a database. */
static bool uses_queues(const generation *g) {
  const char *client = g->catalog->jobs.client->name;
  pools_each_view(g->pools, note_use, &client);
  return !client;
}

/* A database that does not answer must not hide the other metrics. */
static shunt_status write_queues(buf *b, const metrics_source *from, shunt_error *err) {
  const shunt_session_options options = {.timeout_ms = JOBS_WAIT_MS};
  shunt_session *s;
  om_family(b, "shunt_jobs", "gauge",
            "Jobs in the database of the queues. Absent until this process has used it, and while it does not answer.");
  if (!uses_queues(from->g)) {
    from->shared->drop(from->shared);
    return SHUNT_OK;
  }
  shunt_status status = session_new(from->shared, &options, &s, err);
  if (status) return status;
  status = jobs_count(s, write_states, b, err);
  shunt_session_close(s);
  return status == SHUNT_E_MEMORY ? status : SHUNT_OK;
}

/* ---- the whole ---- */

static void write_reloads(buf *b, const metrics_source *from) {
  om_family(b, "shunt_reloads", "counter", "Attempts to load a newer generation.");
  om_sample(b, "shunt_reloads", "_total", (const om_label[]){{"outcome", "done"}, {NULL, NULL}}, from->g->number - 1);
  om_sample(b, "shunt_reloads", "_total", (const om_label[]){{"outcome", "refused"}, {NULL, NULL}}, from->refused);
}

shunt_status metrics_write(const metrics_source *from, char **text, shunt_error *err) {
  buf b = {0};
  om_family(&b, "shunt_build_info", "gauge", "The version of the library.");
  om_sample(&b, "shunt_build_info", "", (const om_label[]){{"version", SHUNT_VERSION}, {NULL, NULL}}, 1);
  write_one(&b, "shunt_generation", "gauge", "The newest generation.", from->g->number);
  write_reloads(&b, from);
  shunt_status status = write_decisions(&b, from, err), queues;
  if (!status) status = write_pools(&b, from, err);
  om_family(&b, "shunt_job_runs", "counter", "Runs of jobs that ended in this process.");
  job_tally_each(from->jobs, write_ends, &b);
  queues = write_queues(&b, from, err);
  om_end(&b);
  if (!status) status = queues;
  if (!status && b.failed) status = error_memory(err);
  *text = status ? NULL : buf_take(&b);
  buf_free(&b);
  return status;
}
