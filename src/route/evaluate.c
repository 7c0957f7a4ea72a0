/* One evaluation of the rules, stage by stage.
 *
 * Idea. The select stages run in order until a rule names a client; that client is the candidate. Then every refine
 * rule may change the candidate, and every guard rule may deny it. All policy is in rules (the standard one in
 * rules/standard/): this file only asks the rules, in the order of the stage's index, and adopts their answers.
 *
 * Invariant. What rules see (rule_view) and what the core itself looks at is recorded as read (rule_host_read), before
 * it can influence the outcome; the cache is exact only for that reason. Conditions count as well: begin_stage records
 * the model, relation or class of instances that the index distinguishes, even if no rule then runs.
 * "default" is resolved by asking the default stage, whatever rules it has; in_default stops a rule of that stage from
 * answering "default" itself.
 *
 * The whole evaluation is one protected call (rule_host_run): an error in Lua leaves all functions here with a longjmp.
 * Therefore an evaluation owns nothing. Its texts are in the decision's arena, and its lists are the decision's own.
 *
 * Not there: a rule can't see or call another rule, and there is no second pass. Rules that vote, or that run to a
 * fixed point, would make the dependences of a decision hard to state and its trace hard to read. Source: the manual's
 * table of stages.
 *
 * Tried and replaced: texts of the answer kept in the Lua state (they were freed when "default" asked other rules; now
 * adopt copies them, and draw resolves "default" last), and the candidate so far as the effective default where the
 * default stage named no client (the result depended on the stage that asked). */
#include <string.h>

#include "base/clock.h"
#include "base/suggest.h"
#include "route/evaluation.h"

enum { TIMED_EVERY = 16 /* evaluations, from the first on */ };

/* Begins the walk over a stage, and records the fields that its index distinguishes as read. */
static void begin_stage(evaluation *e, cat_stage stage, index_walk *w) {
  const stage_index *x = &e->r->stages[stage];
  index_begin(x, w, e->request->every_rule, e->request->model, e->request->relation, e->request->instance);
  if (x->reads_model) rule_host_read(e->l->host, RULE_FIELD_MODEL);
  if (x->reads_relation) rule_host_read(e->l->host, RULE_FIELD_RELATION);
  for (size_t i = 0; i < w->nread; i++) rule_host_read_class(e->l->host, w->read[i]);
  if (e->timed) e->since_ns = clock_monotonic_ns();
  if (e->slow_ns) e->cpu_ns = clock_thread_cpu_ns();
}

/* ---- parts ---- */

static const cat_part *part_of(const route_request *q) { return q->part ? &q->model->parts[q->part - 1] : NULL; }

/* The part stands for what rules have chosen by a column without a value, and for nothing else: a client that they
 * chose by the instance, say, is not the part's to change. */
static void give_part(evaluation *e) {
  const cat_part *part = part_of(e->request);
  if (part->client && !e->request->explicit_client) e->client = part->client;
  if (part->table) e->table = part->table;
}

static void use_part(evaluation *e) {
  if (e->request->part && rule_host_missed(e->l->host)) give_part(e);
}

static void read_part(evaluation *e) {
  rule_host_read(e->l->host, RULE_FIELD_MODEL); /* it says whether the part is read, and gives a table */
  if (e->request->model && e->request->model->nparts) rule_host_read(e->l->host, RULE_FIELD_PART);
}

/* ---- rules that apply ---- */

/* The next rule whose conditions and when hold; NULL at the stage's end. */
static shunt_status next_rule(evaluation *e, cat_stage stage, index_walk *w, const cat_rule **out) {
  const cat_rule *rule;
  shunt_status status = SHUNT_OK;
  *out = NULL;
  while (!status && (rule = index_next(w))) {
    cat_dimension mismatch;
    if (index_is_conditional(w) && !evaluation_holds(e, rule, &mismatch)) {
      if (e->request->every_rule) status = evaluation_note_mismatch(e, stage, rule, mismatch);
      continue;
    }
    e->rule = rule;
    if (rule->when_function == CATALOG_NO_FUNCTION || rule_host_when(e->l->host, rule->when_function)) {
      *out = rule;
      return SHUNT_OK;
    }
    if (stage == CAT_STAGE_REFINE) use_part(e);
    status = evaluation_note(e, stage, rule, SHUNT_VERDICT_WHEN, NULL);
  }
  return status;
}

/* ---- answers ---- */

/* Shows the candidate to refine and guard rules. */
static void show_candidate(evaluation *e) {
  e->view->client = e->client->name;
  e->view->table = e->table;
  e->view->level = e->level;
}

static shunt_status refuse(evaluation *e, cat_stage stage, const cat_rule *rule, const char *why) {
  route_decision *d = e->d;
  d->as.denied = arena_strdup(&d->texts, why);
  if (!d->as.denied) return error_memory(e->err);
  evaluation_credit(e, rule);
  shunt_status status = evaluation_note(e, stage, rule, SHUNT_VERDICT_REFUSED, d->as.denied);
  if (status) return status;
  error_set(e->err, SHUNT_E_DENIED, "denied by the rule '%s': %s", rule->name, d->as.denied);
  route_blame(e->err, rule);
  return SHUNT_E_DENIED;
}

static shunt_status unknown_client(evaluation *e, const cat_rule *rule, const char *name) {
  suggest s = suggest_for(name);
  const catalog *cat = e->r->catalog;
  for (size_t i = 0; i < cat->nclients; i++) suggest_try(&s, cat->clients[i]->name);
  error_set(e->err, SHUNT_E_NOT_FOUND, "the rule '%s' names the client '%s', which does not exist%s", rule->name, name,
            suggest_text(&s));
  e->rule = rule;
  return evaluation_error(e, SHUNT_E_NOT_FOUND);
}

static shunt_status select_stage(evaluation *e, cat_stage stage);

/* Makes the answer of the default stage the candidate: that is what "default" stands for. */
static shunt_status effective_default(evaluation *e, const cat_rule *asking) {
  if (e->in_default) {
    error_set(e->err, SHUNT_E_RULE,
              "the rule '%s' of the default stage answers \"default\", the question itself: name a client",
              asking->name);
    return evaluation_error(e, SHUNT_E_RULE);
  }
  e->in_default = true;
  e->client = NULL; /* the earlier candidate is not the default */
  shunt_status status = select_stage(e, CAT_STAGE_DEFAULT);
  e->in_default = false;
  if (!status && !e->client) {
    error_set(e->err, SHUNT_E_RULE,
              "the rule '%s' answers \"default\", but no rule of the default stage names a client: add one",
              asking->name);
    e->rule = asking;
    return evaluation_error(e, SHUNT_E_RULE);
  }
  return status;
}

/* Makes the named client the candidate. */
static shunt_status settle(evaluation *e, const cat_rule *rule, const char *name) {
  const cat_client *client = catalog_client(e->r->catalog, name);
  if (client) {
    e->client = client;
    return SHUNT_OK;
  }
  if (strcmp(name, CATALOG_DEFAULT) == 0) return effective_default(e, rule);
  return unknown_client(e, rule, name);
}

static shunt_status draw(evaluation *e, const cat_rule *rule, const rule_answer *answer) {
  const cat_client *clients[RULE_PICK_MOST];
  pick_choice from = {rule->id, answer->policy, answer->key_hash, clients, answer->npicks};
  bool has_default = false;
  for (size_t i = 0; i < from.n; i++) {
    clients[i] = catalog_client(e->r->catalog, answer->picks[i]);
    if (clients[i]) continue;
    if (strcmp(answer->picks[i], CATALOG_DEFAULT) != 0) return unknown_client(e, rule, answer->picks[i]);
    has_default = true;
  }
  if (has_default) { /* last, since asking other rules frees the answer's texts */
    shunt_status status = effective_default(e, rule);
    if (status) return status;
    for (size_t i = 0; i < from.n; i++)
      if (!clients[i]) clients[i] = e->client;
  }
  size_t nreads;
  rule_host_reads(e->l->host, &nreads);
  e->client = pick_draw_noted(&e->l->picker, &from, &e->outcome->draws, nreads, &e->d->texts);
  return e->client ? SHUNT_OK : error_memory(e->err);
}

static shunt_status level_too_high(evaluation *e, const cat_rule *rule, int level) {
  error_set(e->err, SHUNT_E_RULE,
            "the rule '%s' gives level %d, and the highest is %d (database.maxLevel): give a lower one", rule->name,
            level, e->r->catalog->settings.max_level);
  e->rule = rule;
  return evaluation_error(e, SHUNT_E_RULE);
}

/* Makes a rule's answer the candidate. */
static shunt_status adopt(evaluation *e, const cat_rule *rule, const rule_answer *answer) {
  shunt_status status = SHUNT_OK;
  if (answer->table) {
    e->table = arena_strdup(&e->d->texts, answer->table);
    if (!e->table) return error_memory(e->err);
    e->d->table_rule = rule;
  }
  if (answer->client || answer->kind == RULE_ANSWER_PICK) e->d->client_rule = rule;
  if (answer->level >= 0) {
    int most = e->r->catalog->settings.max_level;
    if (most && answer->level > most) return level_too_high(e, rule, answer->level);
    e->level = most ? answer->level : 0;
    e->outcome->level_given = true;
  }
  if (answer->kind == RULE_ANSWER_PICK)
    status = draw(e, rule, answer);
  else if (answer->client)
    status = settle(e, rule, answer->client);
  return status;
}

static void ask(evaluation *e, const cat_rule *rule, rule_answer *answer) {
  if (rule->client_function != CATALOG_NO_FUNCTION) {
    rule_host_ask(e->l->host, rule->client_function, rule->name, answer);
    return;
  }
  memset(answer, 0, offsetof(rule_answer, picks));
  answer->client = rule->client;
  answer->table = rule->table;
  answer->level = rule->level;
  answer->deny = rule->deny;
  answer->kind = rule->deny ? RULE_ANSWER_DENY : RULE_ANSWER_CLIENT;
}

/* ---- stages ---- */

/* Asks the stage's rules until one names a client. */
static shunt_status select_stage(evaluation *e, cat_stage stage) {
  if (e->r->stages[stage].count == 0) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  begin_stage(e, stage, &w);
  for (;;) {
    shunt_status status = next_rule(e, stage, &w, &rule);
    if (status || !rule) return status;
    ask(e, rule, &answer);
    switch (answer.kind) {
    case RULE_ANSWER_NONE:
      if ((status = evaluation_note(e, stage, rule, SHUNT_VERDICT_PASSED, NULL))) return status;
      continue;
    case RULE_ANSWER_DENY:
      return refuse(e, stage, rule, answer.deny);
    case RULE_ANSWER_CLIENT:
    case RULE_ANSWER_PICK:
      break;
    }
    if (answer.kind == RULE_ANSWER_CLIENT && !answer.client) {
      error_set(e->err, SHUNT_E_RULE,
                "the rule '%s' of the stage %s answers with a table or level, but no client: add the client",
                rule->name, cat_stage_name(stage));
      return evaluation_error(e, SHUNT_E_RULE);
    }
    if ((status = adopt(e, rule, &answer))) return status;
    evaluation_credit(e, rule);
    const char *detail = evaluation_candidate_text(e, &answer);
    return detail ? evaluation_note(e, stage, rule, SHUNT_VERDICT_CHOSE, detail) : error_memory(e->err);
  }
}

static shunt_status select_client(evaluation *e) {
  for (cat_stage stage = CAT_STAGE_OVERRIDE; stage <= CAT_STAGE_DEFAULT; stage++) {
    shunt_status status = select_stage(e, stage);
    if (status || e->client) return status;
  }
  e->rule = NULL;
  return error_set(e->err, SHUNT_E_RULE, "no rule names a client for model '%s': add a rule of the default stage",
                   e->d->as.model ? e->d->as.model : "");
}

/* The table before the refine stage: the explicit one, or the first of the rule's, the relation's and the model's. */
static shunt_status base_table(evaluation *e) {
  const route_request *q = e->request;
  const cat_model *m = q->model;
  e->rule = NULL;
  if (e->r->relations_have_tables) rule_host_read(e->l->host, RULE_FIELD_RELATION);
  if (q->explicit_table && !(e->table = arena_strdup(&e->d->texts, q->explicit_table))) return error_memory(e->err);
  if (!e->table && q->relation && m == q->relation->target) e->table = q->relation->as.table;
  if (e->table || !m) return SHUNT_OK;
  if (m->table_function == CATALOG_NO_FUNCTION) {
    e->table = m->table;
    return SHUNT_OK;
  }
  e->table = arena_strdup(&e->d->texts, rule_host_table(e->l->host, m->table_function, m->name));
  if (!e->table) return error_memory(e->err);
  evaluation_look_for_reader(e, NULL);
  if (q->part && rule_host_missed(e->l->host) && part_of(q)->table) e->table = part_of(q)->table;
  return SHUNT_OK;
}

/* Of an answer by a column without a value nothing stays. */
static void use_part_instead(evaluation *e, const cat_client *client, const char *table) {
  if (!e->request->part || !rule_host_missed(e->l->host)) return;
  e->client = client;
  e->table = table;
  give_part(e);
}

static shunt_status refine(evaluation *e) {
  if (e->r->stages[CAT_STAGE_REFINE].count == 0) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  begin_stage(e, CAT_STAGE_REFINE, &w);
  for (;;) {
    const cat_client *before = e->client;
    const char *table = e->table;
    show_candidate(e);
    shunt_status status = next_rule(e, CAT_STAGE_REFINE, &w, &rule);
    if (status || !rule) return status;
    ask(e, rule, &answer);
    if (answer.kind == RULE_ANSWER_DENY) return refuse(e, CAT_STAGE_REFINE, rule, answer.deny);
    if (answer.kind == RULE_ANSWER_NONE) {
      use_part(e);
      status = evaluation_note(e, CAT_STAGE_REFINE, rule, SHUNT_VERDICT_PASSED, NULL);
    } else if (!(status = adopt(e, rule, &answer))) {
      use_part_instead(e, before, table);
      if (e->client != before) evaluation_credit(e, rule);
      const char *detail = evaluation_candidate_text(e, &answer);
      status =
          detail ? evaluation_note(e, CAT_STAGE_REFINE, rule, SHUNT_VERDICT_CHANGED, detail) : error_memory(e->err);
    }
    if (status) return status;
  }
}

static shunt_status guard(evaluation *e) {
  rule_host_reads(e->l->host, &e->nplacing);
  if (e->r->stages[CAT_STAGE_GUARD].count == 0 || evaluation_is_aside(e)) return SHUNT_OK;
  index_walk w;
  const cat_rule *rule;
  rule_answer answer;
  show_candidate(e);
  begin_stage(e, CAT_STAGE_GUARD, &w);
  for (;;) {
    shunt_status status = next_rule(e, CAT_STAGE_GUARD, &w, &rule);
    if (status || !rule) return status;
    if (rule->check_function == CATALOG_NO_FUNCTION) return refuse(e, CAT_STAGE_GUARD, rule, rule->deny);
    rule_host_ask(e->l->host, rule->check_function, rule->name, &answer);
    if (answer.kind == RULE_ANSWER_DENY) return refuse(e, CAT_STAGE_GUARD, rule, answer.deny);
    if (answer.kind != RULE_ANSWER_NONE) {
      error_set(e->err, SHUNT_E_RULE,
                "the check of the rule '%s' answers with a client, table or level: return deny \"why\" or nothing",
                rule->name);
      return evaluation_error(e, SHUNT_E_RULE);
    }
    if ((status = evaluation_note(e, CAT_STAGE_GUARD, rule, SHUNT_VERDICT_ALLOWED, NULL))) return status;
  }
}

/* ---- the whole way ---- */

static shunt_status find_place(evaluation *e) {
  shunt_status status = select_client(e);
  e->d->selected = status ? NULL : e->client;
  if (!status) read_part(e);
  if (!status) use_part(e);
  if (!status) status = base_table(e);
  return status ? status : refine(e);
}

static shunt_status take_place(evaluation *e) {
  e->client = e->request->only_guards;
  return base_table(e);
}

static shunt_status run(void *ud) {
  evaluation *e = ud;
  shunt_status status = e->request->only_guards ? take_place(e) : find_place(e);
  return status ? status : guard(e);
}

static int64_t slow_ns_of(const catalog *c) {
  return c->settings.slow_rule_ms < INT64_MAX / NS_PER_MS ? c->settings.slow_rule_ms * NS_PER_MS : INT64_MAX;
}

shunt_status route_evaluate(route *r, route_lane *l, const route_request *q, route_decision *d, route_outcome *outcome,
                            shunt_error *err) {
  rule_view view = {.request = q, .catalog = r->catalog, .level = q->level, .texts = &d->texts};
  evaluation e = {.r = r,
                  .l = l,
                  .request = q,
                  .view = &view,
                  .d = d,
                  .err = err,
                  .level = q->level,
                  .outcome = outcome,
                  .timed = l->evaluations++ % TIMED_EVERY == 0};
  outcome->level_given = false;
  outcome->slow = NULL;
  outcome->slow_ns = 0;
  if (events_wanted(r->events, SHUNT_EVENT_RULE_SLOW)) e.slow_ns = slow_ns_of(r->catalog);
  outcome->draws.count = 0;
  evaluation_begin(&e);
  shunt_status status = rule_host_run(l->host, &view, run, &e, err);
  return evaluation_finish(&e, status);
}
