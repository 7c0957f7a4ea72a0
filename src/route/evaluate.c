/* For: one walk through the stages: select, then refine, then guard, with every rule's answer noted.
 * Source: the manual's table of stages. What the standard rules say is in rules/standard/, not here. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/suggest.h"
#include "route/route_inner.h"

/* One decision on its way. It lives on route_evaluate's frame, and owns nothing: rules may end it at any call. */
typedef struct course {
  const route *r;
  route_lane *l;
  const route_request *request;
  rule_view *view; /* what rules see */
  route_decision *d;
  shunt_error *err;
  const cat_rule *rule; /* that runs, or ran last; NULL for a model's own function */
  const cat_client *client;
  const char *table;
  int level;
  route_outcome *outcome;
  pick_draws *draws;
  bool in_default;  /* the default stage is being asked what "default" is */
  bool timed;       /* each rule's time is taken */
  int64_t since_ns; /* the rule before was done, or the stage began */
  int64_t slow_ns;  /* from when on a rule is slow; 0: nobody asks */
  int64_t cpu_ns;   /* the thread's time at since_ns: a busy machine does not make a rule slow */
} course;

enum { TIMED_EVERY = 16 /* evaluations, from the first on */ };

static void take_time(course *c, const cat_rule *rule) {
  int64_t now = clock_monotonic_ns();
  route_rule_stats *stats = &c->l->rules[rule->id];
  stats->timed++;
  stats->timed_ns += (uint64_t)(now - c->since_ns);
  c->since_ns = now;
}

static int64_t slow_ns_of(const catalog *c) {
  return c->slow.rule_ms < INT64_MAX / NS_PER_MS ? c->slow.rule_ms * NS_PER_MS : INT64_MAX;
}

static void look_for_slow(course *c, const cat_rule *rule) {
  const int64_t now_ns = clock_thread_cpu_ns(), took_ns = now_ns - c->cpu_ns;
  c->cpu_ns = now_ns;
  if (took_ns < c->slow_ns || took_ns < c->outcome->slow_ns) return;
  c->outcome->slow = rule;
  c->outcome->slow_ns = took_ns;
}

/* A rule is done. */
static shunt_status note(course *c, cat_stage stage, const cat_rule *rule, shunt_verdict verdict, const char *detail) {
  route_decision *d = c->d;
  route_count_verdict(&c->l->rules[rule->id], verdict, 1);
  if (c->timed && verdict != SHUNT_VERDICT_SKIPPED) take_time(c, rule);
  if (c->slow_ns && verdict != SHUNT_VERDICT_SKIPPED) look_for_slow(c, rule);
  if (d->as.ntrace == d->trace_capacity &&
      (!base_grow(&d->rules, &d->rules_capacity, d->as.ntrace + 1, sizeof *d->rules) ||
       !base_grow(&d->trace, &d->trace_capacity, d->as.ntrace + 1, sizeof *d->trace)))
    return error_memory(c->err);
  d->rules[d->as.ntrace] = rule;
  d->trace[d->as.ntrace++] = (shunt_trace){cat_stage_name(stage), rule->name, rule->source, verdict, detail};
  return SHUNT_OK;
}

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

static shunt_status rule_error(course *c, shunt_status status) {
  if (c->rule) route_blame(c->err, c->rule);
  return status;
}

/* ---- conditions ---- */

static const char *dimension_value(const course *c, cat_dimension dimension) {
  switch (dimension) {
  case CAT_MODEL:
    return c->d->as.model;
  case CAT_RELATION:
    return c->d->as.relation;
  case CAT_INSTANCE:
    return c->request->instance->name;
  case CAT_OP:
    return c->request->op == SHUNT_WRITE ? "write" : "read";
  case CAT_CLIENT:
    return c->client ? c->client->name : NULL;
  case CAT_NDIMENSIONS:
    break;
  }
  return NULL;
}

/* Whether all the rule's conditions hold; *mismatch is the first that doesn't. */
static bool holds(course *c, const cat_rule *rule, cat_dimension *mismatch) {
  if (rule->conditions[CAT_OP].count) rule_host_read(c->l->host, RULE_FIELD_OP);
  for (cat_dimension i = 0; i < CAT_NDIMENSIONS; i++) {
    if (rule->conditions[i].count == 0 || cat_condition_holds(&rule->conditions[i], dimension_value(c, i))) continue;
    *mismatch = i;
    return false;
  }
  return true;
}

static shunt_status note_mismatch(course *c, cat_stage stage, const cat_rule *rule, cat_dimension dimension) {
  static const char *const names[CAT_NDIMENSIONS] = {"model", "relation", "instance", "op", "client"};
  const cat_condition *condition = &rule->conditions[dimension];
  const char *value = dimension_value(c, dimension);
  const cat_pattern *first = &condition->patterns[0];
  const char *detail = arena_printf(&c->d->texts, "%s is %s%s%s, not %s%s%s", names[dimension], value ? "'" : "",
                                    value ? value : "absent", value ? "'" : "", first->text, first->prefix ? "*" : "",
                                    condition->count > 1 ? " or another of its list" : "");
  return detail ? note(c, stage, rule, SHUNT_VERDICT_SKIPPED, detail) : error_memory(c->err);
}

/* Begins the walk over a stage, and counts as read what it is told apart by. */
static void begin_stage(course *c, cat_stage stage, index_walk *w) {
  const stage_index *x = &c->r->stages[stage];
  index_begin(x, w, c->request->every_rule, c->request->model, c->request->relation, c->request->instance);
  if (x->reads_model) rule_host_read(c->l->host, RULE_FIELD_MODEL);
  if (x->reads_relation) rule_host_read(c->l->host, RULE_FIELD_RELATION);
  for (size_t i = 0; i < w->nread; i++) rule_host_read_class(c->l->host, w->read[i]);
  if (c->timed) c->since_ns = clock_monotonic_ns();
  if (c->slow_ns) c->cpu_ns = clock_thread_cpu_ns();
}

/* The next rule whose conditions and when hold; NULL at the stage's end. */
static shunt_status next_rule(course *c, cat_stage stage, index_walk *w, const cat_rule **out) {
  const cat_rule *rule;
  shunt_status status = SHUNT_OK;
  *out = NULL;
  while (!status && (rule = index_next(w))) {
    cat_dimension mismatch;
    if (index_is_conditional(w) && !holds(c, rule, &mismatch)) {
      if (c->request->every_rule) status = note_mismatch(c, stage, rule, mismatch);
      continue;
    }
    c->rule = rule;
    if (rule->when_function == CATALOG_NO_FUNCTION || rule_host_when(c->l->host, rule->when_function)) {
      *out = rule;
      return SHUNT_OK;
    }
    status = note(c, stage, rule, SHUNT_VERDICT_WHEN, NULL);
  }
  return status;
}

/* ---- answers ---- */

static void credit(course *c, const cat_rule *rule) {
  c->d->as.rule = rule->name;
  c->d->as.source = rule->source;
}

/* What refine and guard rules see of the outcome so far. */
static void show_candidate(course *c) {
  c->view->client = c->client->name;
  c->view->table = c->table;
  c->view->level = c->level;
}

static shunt_status refuse(course *c, cat_stage stage, const cat_rule *rule, const char *why) {
  route_decision *d = c->d;
  d->as.denied = arena_strdup(&d->texts, why);
  if (!d->as.denied) return error_memory(c->err);
  credit(c, rule);
  shunt_status status = note(c, stage, rule, SHUNT_VERDICT_REFUSED, d->as.denied);
  if (status) return status;
  error_set(c->err, SHUNT_E_DENIED, "denied by the rule '%s': %s", rule->name, d->as.denied);
  route_blame(c->err, rule);
  return SHUNT_E_DENIED;
}

static shunt_status unknown_client(course *c, const cat_rule *rule, const char *name) {
  suggest s = suggest_for(name);
  const catalog *cat = c->r->catalog;
  for (size_t i = 0; i < cat->nclients; i++) suggest_try(&s, cat->clients[i]->name);
  error_set(c->err, SHUNT_E_NOT_FOUND, "the rule '%s' names the client '%s', which does not exist%s", rule->name, name,
            suggest_text(&s));
  c->rule = rule;
  return rule_error(c, SHUNT_E_NOT_FOUND);
}

static shunt_status select_stage(course *c, cat_stage stage);

/* What "default" stands for: the answer of the default stage, whatever rules are in it. */
static shunt_status effective_default(course *c, const cat_rule *asking) {
  if (c->in_default) {
    error_set(c->err, SHUNT_E_RULE,
              "the rule '%s' of the default stage answers \"default\", which is what it is asked for", asking->name);
    return rule_error(c, SHUNT_E_RULE);
  }
  c->in_default = true;
  c->client = NULL; /* what was the candidate so far is no default */
  shunt_status status = select_stage(c, CAT_STAGE_DEFAULT);
  c->in_default = false;
  if (!status && !c->client) {
    error_set(c->err, SHUNT_E_RULE,
              "the rule '%s' answers \"default\", but no rule of the default stage names a client", asking->name);
    c->rule = asking;
    return rule_error(c, SHUNT_E_RULE);
  }
  return status;
}

/* Makes the named client the candidate. */
static shunt_status settle(course *c, const cat_rule *rule, const char *name) {
  const cat_client *client = catalog_client(c->r->catalog, name);
  if (client) {
    c->client = client;
    return SHUNT_OK;
  }
  if (strcmp(name, CATALOG_DEFAULT) == 0) return effective_default(c, rule);
  return unknown_client(c, rule, name);
}

static shunt_status draw(course *c, const cat_rule *rule, const rule_answer *answer) {
  const cat_client *clients[RULE_PICK_MOST];
  pick_choice from = {rule->id, answer->policy, answer->key_hash, clients, answer->npicks};
  bool has_default = false;
  for (size_t i = 0; i < from.n; i++) {
    clients[i] = catalog_client(c->r->catalog, answer->picks[i]);
    if (clients[i]) continue;
    if (strcmp(answer->picks[i], CATALOG_DEFAULT) != 0) return unknown_client(c, rule, answer->picks[i]);
    has_default = true;
  }
  if (has_default) { /* last: the answer's texts are gone once other rules were asked */
    shunt_status status = effective_default(c, rule);
    if (status) return status;
    for (size_t i = 0; i < from.n; i++)
      if (!clients[i]) clients[i] = c->client;
  }
  size_t nreads;
  rule_host_reads(c->l->host, &nreads);
  c->client = pick_draw_noted(&c->l->picker, &from, c->draws, nreads, &c->d->texts);
  return c->client ? SHUNT_OK : error_memory(c->err);
}

static shunt_status level_too_high(course *c, const cat_rule *rule, int level) {
  error_set(c->err, SHUNT_E_RULE, "the rule '%s' gives level %d, and the highest is %d (database.maxLevel)", rule->name,
            level, c->r->catalog->max_level);
  c->rule = rule;
  return rule_error(c, SHUNT_E_RULE);
}

/* Takes a rule's answer on as the candidate. */
static shunt_status adopt(course *c, const cat_rule *rule, const rule_answer *answer) {
  shunt_status status = SHUNT_OK;
  if (answer->table) {
    c->table = arena_strdup(&c->d->texts, answer->table);
    if (!c->table) return error_memory(c->err);
  }
  if (answer->level >= 0) {
    int most = c->r->catalog->max_level;
    if (most && answer->level > most) return level_too_high(c, rule, answer->level);
    c->level = most ? answer->level : 0;
    c->outcome->level_given = true;
  }
  if (answer->kind == RULE_ANSWER_PICK)
    status = draw(c, rule, answer);
  else if (answer->client)
    status = settle(c, rule, answer->client);
  return status;
}

static void ask(course *c, const cat_rule *rule, rule_answer *answer) {
  if (rule->client_function != CATALOG_NO_FUNCTION) {
    rule_host_ask(c->l->host, rule->client_function, rule->name, answer);
    return;
  }
  memset(answer, 0, offsetof(rule_answer, picks));
  answer->client = rule->client;
  answer->table = rule->table;
  answer->level = rule->level;
  answer->deny = rule->deny;
  answer->kind = rule->deny ? RULE_ANSWER_DENY : RULE_ANSWER_CLIENT;
}

static const char *changed_text(course *c, const rule_answer *answer) {
  const char *client = c->client->name;
  if (!answer->table && answer->level < 0) return client;
  if (answer->level < 0) return arena_printf(&c->d->texts, "%s, table %s", client, c->table);
  if (!answer->table) return arena_printf(&c->d->texts, "%s, level %d", client, c->level);
  return arena_printf(&c->d->texts, "%s, table %s, level %d", client, c->table, c->level);
}

/* ---- stages ---- */

/* Asks the stage's rules until one names a client. */
static shunt_status select_stage(course *c, cat_stage stage) {
  if (c->r->stages[stage].count == 0) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  begin_stage(c, stage, &w);
  for (;;) {
    shunt_status status = next_rule(c, stage, &w, &rule);
    if (status || !rule) return status;
    ask(c, rule, &answer);
    switch (answer.kind) {
    case RULE_ANSWER_NONE:
      if ((status = note(c, stage, rule, SHUNT_VERDICT_PASSED, NULL))) return status;
      continue;
    case RULE_ANSWER_DENY:
      return refuse(c, stage, rule, answer.deny);
    case RULE_ANSWER_CLIENT:
    case RULE_ANSWER_PICK:
      break;
    }
    if (answer.kind == RULE_ANSWER_CLIENT && !answer.client) {
      error_set(c->err, SHUNT_E_RULE, "the rule '%s' answers without a client: a select rule names one", rule->name);
      return rule_error(c, SHUNT_E_RULE);
    }
    if ((status = adopt(c, rule, &answer))) return status;
    credit(c, rule);
    const char *detail = changed_text(c, &answer);
    return detail ? note(c, stage, rule, SHUNT_VERDICT_CHOSE, detail) : error_memory(c->err);
  }
}

static shunt_status select_client(course *c) {
  for (cat_stage stage = CAT_STAGE_OVERRIDE; stage <= CAT_STAGE_DEFAULT; stage++) {
    shunt_status status = select_stage(c, stage);
    if (status || c->client) return status;
  }
  c->rule = NULL;
  return error_set(c->err, SHUNT_E_RULE, "no rule names a client for model '%s': a rule of the default stage should",
                   c->d->as.model ? c->d->as.model : "");
}

/* The table before refine rules: asked for explicitly, else the rule's, the relation's, the model's. */
static shunt_status base_table(course *c) {
  const route_request *q = c->request;
  const cat_model *m = q->model;
  c->rule = NULL;
  rule_host_read(c->l->host, RULE_FIELD_MODEL);
  if (c->r->relations_have_tables) rule_host_read(c->l->host, RULE_FIELD_RELATION);
  if (q->explicit_table && !(c->table = arena_strdup(&c->d->texts, q->explicit_table))) return error_memory(c->err);
  if (!c->table && q->relation && m == q->relation->target) c->table = q->relation->as.table;
  if (c->table || !m) return SHUNT_OK;
  if (m->table_function == CATALOG_NO_FUNCTION) {
    c->table = m->table;
    return SHUNT_OK;
  }
  c->table = arena_strdup(&c->d->texts, rule_host_table(c->l->host, m->table_function, m->name));
  return c->table ? SHUNT_OK : error_memory(c->err);
}

static shunt_status refine(course *c) {
  if (c->r->stages[CAT_STAGE_REFINE].count == 0) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  begin_stage(c, CAT_STAGE_REFINE, &w);
  for (;;) {
    const cat_client *before = c->client;
    show_candidate(c);
    shunt_status status = next_rule(c, CAT_STAGE_REFINE, &w, &rule);
    if (status || !rule) return status;
    ask(c, rule, &answer);
    if (answer.kind == RULE_ANSWER_DENY) return refuse(c, CAT_STAGE_REFINE, rule, answer.deny);
    if (answer.kind == RULE_ANSWER_NONE) {
      status = note(c, CAT_STAGE_REFINE, rule, SHUNT_VERDICT_PASSED, NULL);
    } else if (!(status = adopt(c, rule, &answer))) {
      if (c->client != before) credit(c, rule);
      const char *detail = changed_text(c, &answer);
      status = detail ? note(c, CAT_STAGE_REFINE, rule, SHUNT_VERDICT_CHANGED, detail) : error_memory(c->err);
    }
    if (status) return status;
  }
}

static shunt_status guard(course *c) {
  if (c->r->stages[CAT_STAGE_GUARD].count == 0) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  show_candidate(c);
  begin_stage(c, CAT_STAGE_GUARD, &w);
  for (;;) {
    shunt_status status = next_rule(c, CAT_STAGE_GUARD, &w, &rule);
    if (status || !rule) return status;
    if (rule->check_function == CATALOG_NO_FUNCTION) return refuse(c, CAT_STAGE_GUARD, rule, rule->deny);
    rule_host_ask(c->l->host, rule->check_function, rule->name, &answer);
    if (answer.kind == RULE_ANSWER_DENY) return refuse(c, CAT_STAGE_GUARD, rule, answer.deny);
    if (answer.kind != RULE_ANSWER_NONE) {
      error_set(c->err, SHUNT_E_RULE, "the check of the rule '%s' answers deny \"why\" or nothing", rule->name);
      return rule_error(c, SHUNT_E_RULE);
    }
    if ((status = note(c, CAT_STAGE_GUARD, rule, SHUNT_VERDICT_ALLOWED, NULL))) return status;
  }
}

static shunt_status run(void *ud) {
  course *c = ud;
  shunt_status status = select_client(c);
  if (!status) status = base_table(c);
  if (!status) status = refine(c);
  if (!status) status = guard(c);
  return status;
}

/* ---- a decision ---- */

static void begin_decision(route_decision *d, const route *r, const route_request *q) {
  arena_reset(&d->texts);
  memset(&d->as, 0, sizeof d->as);
  d->client = NULL;
  d->as.model = q->model ? q->model->name : NULL;
  d->as.relation = q->relation ? q->relation->full_name : NULL;
  d->as.op = q->op;
  d->as.generation = r->generation;
  d->as.role = "primary";
}

/* A column of which several predicates were asked is one field. */
static bool list_fields(route_decision *d, const rule_read *const *reads, size_t n) {
  size_t count = 0;
  if (!base_grow(&d->fields, &d->fields_capacity, n, sizeof *d->fields) ||
      !base_grow(&d->depends_on, &d->depends_capacity, n, sizeof *d->depends_on))
    return false;
  for (size_t i = 0; i < n; i++) {
    size_t k = 0;
    while (k < count && d->depends_on[k] != reads[i]->display) k++;
    if (k < count) continue;
    d->fields[count] = reads[i];
    d->depends_on[count++] = reads[i]->display;
  }
  d->reads = d->fields;
  d->as.depends_on = d->depends_on;
  d->as.ndepends_on = count;
  return true;
}

static shunt_status finish(course *c, shunt_status status) {
  route_decision *d = c->d;
  size_t n;
  const rule_read *const *reads = rule_host_reads(c->l->host, &n);
  if (!list_fields(d, reads, n)) return error_memory(c->err);
  d->as.trace = d->trace;
  const char *why = rule_host_uncacheable(c->l->host);
  if (why && !(d->as.uncacheable = arena_strdup(&d->texts, why))) return error_memory(c->err);
  d->as.table = c->table;
  d->as.level = c->level;
  if (status) return status;
  d->client = c->client;
  d->as.client = c->client->name;
  d->as.engine = cat_engine_name(c->client->engine);
  if (!cat_engine_of(c->client->engine)->levels) d->as.level = 0;
  if (c->client->replica) d->as.role = "replica";
  return SHUNT_OK;
}

static bool failed(shunt_status status) { return status && status != SHUNT_E_DENIED && status != SHUNT_E_MEMORY; }

shunt_status route_evaluate(route *r, route_lane *l, const route_request *q, route_decision *d, pick_draws *draws,
                            route_outcome *outcome, shunt_error *err) {
  rule_view view = {.request = q, .catalog = r->catalog, .level = q->level};
  course c = {.r = r,
              .l = l,
              .request = q,
              .view = &view,
              .d = d,
              .err = err,
              .level = q->level,
              .outcome = outcome,
              .draws = draws,
              .timed = l->evaluations++ % TIMED_EVERY == 0};
  *outcome = (route_outcome){.level_given = false};
  if (events_wanted(r->events, SHUNT_EVENT_RULE_SLOW)) c.slow_ns = slow_ns_of(r->catalog);
  draws->count = 0;
  begin_decision(d, r, q);
  shunt_status status = rule_host_run(l->host, &view, run, &c, err);
  if ((status == SHUNT_E_RULE || status == SHUNT_E_LIMIT) && c.rule && !err->rule[0]) {
    name_rule(err, c.rule);
    if (!err->file[0]) rule_error(&c, status);
  }
  if (failed(status) && c.rule) {
    l->rules[c.rule->id].failed++;
    l->rules[c.rule->id].asked++;
  }
  return finish(&c, status);
}
