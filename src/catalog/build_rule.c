#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"
#include "catalog/table_name.h"

#define STAGE_WORD(name, text) text,
static const char *const stages[] = {CAT_STAGE_MAP(STAGE_WORD) NULL};
#undef STAGE_WORD

/* `client` has several forms; the stage decides which are allowed. */
static const schema_field rule_rows[] = {{"stage", .type = SCHEMA_WORD, .words = stages},
                                         {"priority", .type = SCHEMA_NUMBER},
                                         {"model", .type = SCHEMA_TEXTS},
                                         {"relation", .type = SCHEMA_TEXTS},
                                         {"instance", .type = SCHEMA_TEXTS},
                                         {"op", .type = SCHEMA_TEXTS},
                                         {"candidate", .type = SCHEMA_TEXTS},
                                         {"when", .type = SCHEMA_FUNCTION},
                                         {"client", .type = SCHEMA_ANY},
                                         {"to", .type = SCHEMA_ANY},
                                         {"table", .type = SCHEMA_ANY},
                                         {"level", .type = SCHEMA_INTEGER, .least = 0, .most = INT64_MAX},
                                         {"deny", .type = SCHEMA_NAME},
                                         {"check", .type = SCHEMA_FUNCTION},
                                         {.key = NULL}};
static const schema schema_rule = {.fields = rule_rows};

typedef struct maker {
  builder *b;
  cat_rule *r;
  const node *body;
  const node *candidate; /* the condition on the candidate client, or NULL */
  const node *answer;    /* what the rule answers: a client or a choice; or NULL */
} maker;

__attribute__((format(printf, 2, 3))) static void tell(const maker *m, const char *format, ...);

static void tell(const maker *m, const char *format, ...) {
  char message[512];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  report(m->b->p, SHUNT_E_CONFIG, m->r->at, "rule '%s': %s", m->r->name, message);
}

static void refuse(const maker *m, const char *key, const char *why) {
  if (build_get(m->body, key)) tell(m, "%s", why);
}

static bool selects(const cat_rule *r) { return r->stage < CAT_STAGE_REFINE; }

/* ---- conditions ---- */

/* A text or a list of texts. schema_check or sort_client_out reports anything else. */
static size_t texts_of(const node *n, const node *const **items, const node **one) {
  *one = n;
  *items = one;
  if (!n) return 0;
  if (n->kind == NODE_LIST) *items = (const node *const *)n->items;
  return n->kind == NODE_LIST ? n->count : node_is_text(n) ? 1 : 0;
}

static bool add_condition(const maker *m, cat_dimension dimension, const char *key, const node *n, const map *known) {
  const node *const *items;
  const node *one;
  size_t count = texts_of(n, &items, &one);
  cat_condition *condition = &m->r->conditions[dimension];
  if (n && schema_is_empty(n))
    tell(m, "%s is an empty list, so the rule never holds: remove the list or the rule", key);
  if (count == 0) return true;
  cat_pattern *patterns = arena_array(m->b->a, cat_pattern, count);
  if (!patterns) return false;
  condition->patterns = patterns;
  for (size_t i = 0; i < count; i++) {
    if (!node_is_text(items[i])) continue;
    size_t size = items[i]->value.size;
    const char *text = items[i]->value.as.bytes;
    bool prefix = size > 0 && text[size - 1] == '*';
    if (prefix) text = arena_strndup(m->b->a, text, --size);
    if (!text) return false;
    patterns[condition->count++] = (cat_pattern){text, size, prefix};
    if (known && !prefix && !map_get_n(known, text, size)) {
      build_not_found(m->b, items[i], &(build_reference){"rule", m->r->name, m->r->at, key, key, known});
    }
  }
  return true;
}

static void check_op(const maker *m) {
  const cat_condition *op = &m->r->conditions[CAT_OP];
  for (size_t i = 0; i < op->count; i++) {
    const cat_pattern *p = &op->patterns[i];
    if (p->prefix || (strcmp(p->text, "read") != 0 && strcmp(p->text, "write") != 0))
      tell(m, "op is \"read\" or \"write\", not \"%s%s\"", p->text, p->prefix ? "*" : "");
  }
}

static bool add_conditions(const maker *m) {
  const catalog *c = m->b->c;
  if (!add_condition(m, CAT_MODEL, "model", build_get(m->body, "model"), &c->model_names) ||
      !add_condition(m, CAT_RELATION, "relation", build_get(m->body, "relation"), &c->relation_names) ||
      !add_condition(m, CAT_INSTANCE, "instance", build_get(m->body, "instance"), NULL) ||
      !add_condition(m, CAT_OP, "op", build_get(m->body, "op"), NULL) ||
      !add_condition(m, CAT_CLIENT, "client", m->candidate, NULL))
    return false;
  check_op(m);
  m->r->when_function = build_function(m->body, "when");
  return true;
}

/* ---- what the rule answers ---- */

/* In a guard rule, `client` is a condition. In a refine rule it is a condition if there is a `to`, the client to change
 * to. */
static void sort_client_out(maker *m) {
  const node *client = build_get(m->body, "client"), *to = build_get(m->body, "to");
  m->candidate = build_get(m->body, "candidate");
  bool condition = m->r->stage == CAT_STAGE_GUARD || (m->r->stage == CAT_STAGE_REFINE && to);
  if (selects(m->r)) {
    refuse(m, "candidate", "there is no candidate yet in a select stage: it belongs to refine and guard rules");
    m->candidate = NULL;
  }
  if (m->r->stage != CAT_STAGE_REFINE) refuse(m, "to", "'to' belongs to a refine rule");
  m->answer = m->r->stage == CAT_STAGE_REFINE && to ? to : condition ? NULL : client;
  if (!condition || !client) return;
  if (m->candidate) tell(m, "client and candidate are one condition here: give one of them");
  if (client->kind == NODE_LIST || node_is_text(client) || schema_is_empty(client))
    m->candidate = client;
  else
    tell(m, "client is a condition here: a name or a list of them, not %s", node_kind_name(client));
}

static void check_client(const maker *m, const node *n) {
  m->r->client = n->value.as.bytes;
  if (strcmp(m->r->client, CATALOG_DEFAULT) == 0 || catalog_client(m->b->c, m->r->client)) return;
  build_not_found(m->b, n,
                  &(build_reference){"rule", m->r->name, m->r->at, "client", "client", &m->b->c->client_names});
}

static void set_table(const maker *m, const node *n) {
  shunt_error err;
  shunt_status status = table_name_from(m->b->a, n, &m->r->table, &err);
  if (status == SHUNT_E_MEMORY) m->b->p->out_of_memory = true;
  if (status) tell(m, "%s", err.message);
}

/* Without levels (maxLevel 0) any level is allowed, and has no effect. */
static void set_level(const maker *m, const node *n) {
  int most = m->b->c->settings.max_level ? m->b->c->settings.max_level : CATALOG_MOST_LEVELS;
  bool fits = n->kind == NODE_VALUE && n->value.type == SHUNT_INTEGER && n->value.as.integer >= 0 &&
              n->value.as.integer <= most;
  if (fits)
    m->r->level = (int)n->value.as.integer;
  else
    tell(m, "level is a whole number from 0 to %d (database.maxLevel)", most);
}

/* client = {client =, table =, level =} */
static void read_choice(const maker *m, const node *choice) {
  bool has_client = false;
  for (size_t i = 0; i < choice->count; i++) {
    const node_entry *e = &choice->entries[i];
    if (node_is_null(e->value)) continue;
    if (strcmp(e->key, "client") == 0) {
      has_client = true;
      if (node_is_text(e->value))
        check_client(m, e->value);
      else
        tell(m, "client in a choice is a client's name, not %s", node_kind_name(e->value));
    } else if (strcmp(e->key, "table") == 0) {
      set_table(m, e->value);
    } else if (strcmp(e->key, "level") == 0) {
      set_level(m, e->value);
    } else {
      suggest near = suggest_for(e->key);
      suggest_try(&near, "client");
      suggest_try(&near, "table");
      suggest_try(&near, "level");
      tell(m, "unknown key '%s' in a choice of client, table and level%s", e->key, suggest_text(&near));
    }
  }
  if (!has_client && selects(m->r)) tell(m, "a choice without a client selects nothing");
}

static void read_answer(const maker *m) {
  const char *key = m->answer && m->answer == build_get(m->body, "to") ? "to" : "client";
  const node *answer = m->answer;
  const node *table = build_get(m->body, "table"), *level = build_get(m->body, "level");
  if (answer && node_is_text(answer))
    check_client(m, answer);
  else if (answer && answer->kind == NODE_FUNCTION)
    m->r->client_function = answer->function;
  else if (answer && answer->kind == NODE_MAP && answer->count > 0)
    read_choice(m, answer);
  else if (answer && answer->kind == NODE_LIST && m->r->stage == CAT_STAGE_REFINE && strcmp(key, "client") == 0)
    tell(m, "client is the answer of a refine rule; write a condition on the candidate as candidate = {...}");
  else if (answer)
    tell(m, "%s is a client's name, a function or a map of client, table and level, not %s", key,
         node_kind_name(answer));
  if (answer && answer->kind == NODE_FUNCTION && (table || level))
    tell(m, "a function returns table and level too: return {client =, table =, level =}");
  if (table) set_table(m, table);
  /* schema_check reports a level that is negative or not an integer */
  if (build_integer(m->body, "level", -1) >= 0) set_level(m, level);
}

/* Whether a key is misspelled, which then is the mistake to report: a key that seems to be missing may be that one. */
static bool has_typo(const node *body) {
  static const char *const keys[] = {"client", "to", "table", "level", "deny", "check"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (schema_misspells(body, &schema_rule, keys[i])) return true;
  return false;
}

static void check_select(const maker *m) {
  bool answers = build_get(m->body, "client") != NULL;
  refuse(m, "check", "'check' belongs to a guard rule");
  if (answers && m->r->deny) tell(m, "client and deny exclude each other: give one of them");
  if (!answers && !build_get(m->body, "deny") && !has_typo(m->body))
    tell(m, "it needs a client (a name, a function, or a map) or a deny");
  read_answer(m);
}

static void check_refine(const maker *m) {
  refuse(m, "check", "'check' belongs to a guard rule");
  refuse(m, "deny", "'deny' belongs to a select or guard rule; a refine rule's function may return deny \"why\"");
  bool answers = m->answer || build_get(m->body, "table") || build_get(m->body, "level");
  if (!answers && !has_typo(m->body))
    tell(m, "a refine rule needs something to change: client (or to), table or level");
  read_answer(m);
}

static void check_guard(const maker *m) {
  bool denies = build_get(m->body, "deny") != NULL, checks = build_get(m->body, "check") != NULL;
  refuse(m, "table", "a guard rule changes nothing: table belongs to a refine rule");
  refuse(m, "level", "a guard rule changes nothing: level belongs to a refine rule");
  if (!denies && !checks && !has_typo(m->body)) tell(m, "a guard rule needs a deny (a text) or a check (a function)");
  if (denies && checks) tell(m, "it has both deny and check: deny always refuses, so give one of them");
}

static bool find_stage(maker *m) {
  const char *stage = build_text(m->body, "stage", NULL);
  if (build_misses(m->body, &schema_rule, "stage"))
    tell(m, "stage is missing: override, explicit, relation, model, current, default, refine or guard");
  for (int i = 0; stage && i < CAT_NSTAGES; i++) {
    if (strcmp(cat_stage_name((cat_stage)i), stage) != 0) continue;
    m->r->stage = (cat_stage)i;
    return true;
  }
  return false; /* schema_check reports an unknown stage */
}

static double priority_of(const node *body) {
  const node *n = build_get(body, "priority");
  if (!n || n->kind != NODE_VALUE) return 0;
  if (n->value.type == SHUNT_INTEGER) return (double)n->value.as.integer;
  return n->value.type == SHUNT_FLOAT && isfinite(n->value.as.number) ? n->value.as.number : 0;
}

static bool make_rule(builder *b, const build_thing *t, cat_rule *r) {
  maker m = {.b = b, .r = r, .body = t->body};
  r->name = t->name;
  r->at = t->at;
  r->standard = t->standard;
  r->level = -1;
  r->client_function = CATALOG_NO_FUNCTION;
  r->check_function = build_function(t->body, "check");
  r->deny = build_text(t->body, "deny", NULL);
  r->priority = priority_of(t->body);
  r->source = arena_printf(b->a, "%s:%d", t->at.file ? t->at.file : "", t->at.line);
  if (!r->source) return false;
  build_name(b, "rule", t->name, t->at, "");
  /* the other keys of a rule can only be checked for a stage */
  if (!find_stage(&m)) return true;
  sort_client_out(&m);
  if (selects(r))
    check_select(&m);
  else if (r->stage == CAT_STAGE_REFINE)
    check_refine(&m);
  else
    check_guard(&m);
  return add_conditions(&m);
}

static bool add_rules(builder *b, const build_things *things) {
  b->c->rules = arena_array(b->a, cat_rule *, things->count + 1);
  if (!b->c->rules) return false;
  for (size_t i = 0; i < things->count; i++) {
    cat_rule *r = arena_new(b->a, cat_rule);
    if (!r) return false;
    r->id = (uint32_t)b->c->nrules;
    b->c->rules[b->c->nrules++] = r;
    if (!make_rule(b, &things->list[i], r)) return false;
  }
  return true;
}

bool build_rules(builder *b) {
  build_things things;
  bool fine = build_join(b, "rule", &b->source->rules, NULL, &schema_rule, &things) && add_rules(b, &things);
  build_things_free(&things);
  return fine;
}
