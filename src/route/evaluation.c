/* The record of one evaluation: conditions, trace, times, and the decision. */
#include "route/evaluation.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

/* ---- rules in errors ---- */

static void name_rule(shunt_error *err, const cat_rule *rule) {
  size_t size = strlen(rule->name), room = sizeof err->rule - 1;
  if (size > room) size = room;
  memcpy(err->rule, rule->name, size);
  err->rule[size] = 0;
}

void route_blame(shunt_error *err, const cat_rule *rule) {
  error_place(err, rule->at.file, rule->at.line, 0);
  name_rule(err, rule);
}

/* A rule that passes on what a model's function has answered is not to blame for it. */
static void place_error(const evaluation *e) {
  const place model_at = rule_host_model_at(e->l->host);
  if (model_at.line)
    error_place(e->err, model_at.file, model_at.line, 0);
  else if (e->rule)
    error_place(e->err, e->rule->at.file, e->rule->at.line, 0);
}

shunt_status evaluation_error(evaluation *e, shunt_status status) {
  if (e->rule) name_rule(e->err, e->rule);
  place_error(e);
  return status;
}

/* ---- the trace ---- */

static void take_time(evaluation *e, const cat_rule *rule) {
  int64_t now = clock_monotonic_ns();
  route_rule_stats *stats = &e->l->rules[rule->id];
  stats->timed++;
  stats->timed_ns += (uint64_t)(now - e->since_ns);
  e->since_ns = now;
}

static void look_for_slow(evaluation *e, const cat_rule *rule) {
  const int64_t now_ns = clock_thread_cpu_ns(), took_ns = now_ns - e->cpu_ns;
  e->cpu_ns = now_ns;
  if (took_ns < e->slow_ns || took_ns < e->outcome->slow_ns) return;
  e->outcome->slow = rule;
  e->outcome->slow_ns = took_ns;
}

void evaluation_look_for_reader(const evaluation *e, const cat_rule *rule) {
  size_t n;
  if (!e->outcome->wanted || e->outcome->reader_known) return;
  const rule_read *const *reads = rule_host_reads(e->l->host, &n);
  for (size_t i = 0; i < n; i++)
    if (reads[i]->field == RULE_FIELD_WHERE && cat_same_column(reads[i]->name, e->outcome->wanted))
      e->outcome->reader_known = true;
  if (e->outcome->reader_known) e->outcome->reader = rule;
}

/* Records that the rule is done. */
shunt_status evaluation_note(evaluation *e, cat_stage stage, const cat_rule *rule, shunt_verdict verdict,
                             const char *detail) {
  route_decision *d = e->d;
  if (evaluation_is_aside(e)) return SHUNT_OK;
  route_count_verdict(&e->l->rules[rule->id], verdict, 1);
  if (e->timed && verdict != SHUNT_VERDICT_SKIPPED) take_time(e, rule);
  if (e->slow_ns && verdict != SHUNT_VERDICT_SKIPPED) look_for_slow(e, rule);
  evaluation_look_for_reader(e, rule);
  if (d->as.ntrace == d->trace_capacity &&
      (!base_grow(&d->rules, &d->rules_capacity, d->as.ntrace + 1, sizeof *d->rules) ||
       !base_grow(&d->trace, &d->trace_capacity, d->as.ntrace + 1, sizeof *d->trace)))
    return error_memory(e->err);
  d->rules[d->as.ntrace] = rule;
  d->trace[d->as.ntrace++] = (shunt_trace){cat_stage_name(stage), rule->name, rule->source, verdict, detail};
  return SHUNT_OK;
}

void evaluation_credit(evaluation *e, const cat_rule *rule) {
  e->d->as.rule = rule->name;
  e->d->as.source = rule->source;
}

const char *evaluation_candidate_text(evaluation *e, const rule_answer *answer) {
  const char *client = e->client->name;
  if (!answer->table && answer->level < 0) return client;
  if (answer->level < 0) return arena_printf(&e->d->texts, "%s, table %s", client, e->table);
  if (!answer->table) return arena_printf(&e->d->texts, "%s, level %d", client, e->level);
  return arena_printf(&e->d->texts, "%s, table %s, level %d", client, e->table, e->level);
}

/* ---- conditions ---- */

static const char *dimension_value(const evaluation *e, cat_dimension dimension) {
  switch (dimension) {
  case CAT_MODEL:
    return e->d->as.model;
  case CAT_RELATION:
    return e->d->as.relation;
  case CAT_INSTANCE:
    return e->request->instance->name;
  case CAT_OP:
    return e->request->op == SHUNT_WRITE ? "write" : "read";
  case CAT_CLIENT:
    return e->client ? e->client->name : NULL;
  case CAT_NDIMENSIONS:
    break;
  }
  return NULL;
}

/* Whether all the rule's conditions hold; *mismatch is the first that doesn't. */
bool evaluation_holds(evaluation *e, const cat_rule *rule, cat_dimension *mismatch) {
  if (rule->conditions[CAT_OP].count) rule_host_read(e->l->host, RULE_FIELD_OP);
  for (cat_dimension i = 0; i < CAT_NDIMENSIONS; i++) {
    if (rule->conditions[i].count == 0 || cat_condition_holds(&rule->conditions[i], dimension_value(e, i))) continue;
    *mismatch = i;
    return false;
  }
  return true;
}

shunt_status evaluation_note_mismatch(evaluation *e, cat_stage stage, const cat_rule *rule, cat_dimension dimension) {
  static const char *const names[CAT_NDIMENSIONS] = {"model", "relation", "instance", "op", "client"};
  const cat_condition *condition = &rule->conditions[dimension];
  const char *value = dimension_value(e, dimension);
  const cat_pattern *first = &condition->patterns[0];
  const char *detail = arena_printf(&e->d->texts, "%s is %s%s%s, not %s%s%s", names[dimension], value ? "'" : "",
                                    value ? value : "absent", value ? "'" : "", first->text, first->prefix ? "*" : "",
                                    condition->count > 1 ? " or another of its list" : "");
  return detail ? evaluation_note(e, stage, rule, SHUNT_VERDICT_SKIPPED, detail) : error_memory(e->err);
}

/* ---- a decision ---- */

void evaluation_begin(evaluation *e) {
  route_decision *d = e->d;
  const route_request *q = e->request;
  arena_reset(&d->texts);
  memset(&d->as, 0, sizeof d->as);
  d->client = d->selected = NULL;
  d->client_rule = d->table_rule = d->outside_rule = NULL;
  d->as.model = q->model ? q->model->name : NULL;
  d->as.relation = q->relation ? q->relation->full_name : NULL;
  d->as.op = q->op;
  d->as.generation = e->r->generation;
  d->as.role = "primary";
}

/* A column of which several predicates were asked is one field. The core itself reads `part`, of all models with parts.
 */
static bool list_fields(route_decision *d, const rule_read *const *reads, size_t n, size_t placing) {
  size_t count = 0;
  d->nplacing = 0;
  if (!base_grow(&d->fields, &d->fields_capacity, 2 * n, sizeof *d->fields) ||
      !base_grow(&d->depends_on, &d->depends_capacity, n, sizeof *d->depends_on))
    return false;
  for (size_t i = 0; i < n; i++) {
    size_t k = 0;
    while (k < count && d->depends_on[k] != reads[i]->display) k++;
    if (k < count || reads[i]->field == RULE_FIELD_PART) continue;
    d->fields[count] = reads[i];
    d->depends_on[count++] = reads[i]->display;
    if (i < placing && reads[i]->field == RULE_FIELD_WHERE) d->fields[n + d->nplacing++] = reads[i];
  }
  d->reads = d->fields;
  d->placing = n ? d->fields + n : NULL;
  d->as.depends_on = d->depends_on;
  d->as.ndepends_on = count;
  return true;
}

static void count_failure(const evaluation *e) {
  route_rule_stats *stats = &e->l->rules[e->rule->id];
  stats->failed++;
  stats->asked++;
}

/* An error of Lua has no rule, and no place if a function's answer was wrong. */
static void complete_error(evaluation *e, shunt_status status) {
  if (status == SHUNT_E_DENIED || status == SHUNT_E_MEMORY || evaluation_is_aside(e)) return;
  if (e->rule) count_failure(e);
  if ((status != SHUNT_E_RULE && status != SHUNT_E_LIMIT) || e->err->rule[0]) return;
  if (e->rule) name_rule(e->err, e->rule);
  if (!e->err->file[0]) place_error(e);
}

shunt_status evaluation_finish(evaluation *e, shunt_status status) {
  route_decision *d = e->d;
  if (status) complete_error(e, status);
  size_t n;
  const rule_read *const *reads = rule_host_reads(e->l->host, &n);
  e->outcome->reads = reads;
  e->outcome->nreads = n;
  if (!list_fields(d, reads, n, e->nplacing)) return error_memory(e->err);
  d->as.trace = d->trace;
  d->passing = rule_host_passing(e->l->host);
  const char *why = rule_host_uncacheable(e->l->host);
  if (why && !(d->as.uncacheable = arena_strdup(&d->texts, why))) return error_memory(e->err);
  d->as.table = e->table;
  d->as.level = e->level;
  if (status) return status;
  d->client = e->client;
  d->as.client = e->client->name;
  d->as.engine = cat_engine_name(e->client->engine);
  if (!cat_engine_of(e->client->engine)->levels) d->as.level = 0;
  if (e->client->replica) d->as.role = "replica";
  return SHUNT_OK;
}
