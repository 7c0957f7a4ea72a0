#include <string.h>

#include "base/suggest.h"
#include "call/calling.h"

static const char *const push_keys[] = {"delay",    "priority", "unique",  "unique_scope", "queue", "retry",
                                        "instance", "backoff",  "timeout", "concurrency",  NULL};

#define MODEL CALL_MODEL, "a model's name"
#define SQL CALL_TEXT, "a statement of SQL"
#define JOB CALL_TEXT, "a job's name"
#define CLIENT CALL_MAYBE, "a client's name, or null"
#define NOTHING CALL_NOTHING, "true"
const call_verb call_verbs[] = {
    {"select", MODEL, {NULL}, options_select_keys, call_read_query, call_run_select},
    {"get", MODEL, {"id"}, options_get_keys, call_read_get, call_run_get},
    {"mget", MODEL, {"ids"}, options_get_keys, call_read_mget, call_run_mget},
    {"count", MODEL, {NULL}, options_count_keys, call_read_query, call_run_count},
    {"aggregate", MODEL, {NULL}, options_aggregate_keys, call_read_aggregate, call_run_aggregate},
    {"insert", MODEL, {"row"}, options_insert_keys, call_read_insert, call_run_insert},
    {"insert_bulk", MODEL, {"rows"}, options_insert_bulk_keys, call_read_insert_bulk, call_run_insert_bulk},
    {"update", MODEL, {"row"}, options_update_keys, call_read_update, call_run_update},
    {"update_bulk", MODEL, {"rows"}, options_update_bulk_keys, call_read_update_bulk, call_run_update_bulk},
    {"increment", MODEL, {"where", "by"}, options_increment_keys, call_read_increment, call_run_update},
    {"delete", MODEL, {NULL}, options_delete_keys, call_read_delete, call_run_delete},
    {"resolve",
     CALL_MAYBE,
     "a model's name, or null",
     {NULL},
     options_request_keys,
     call_read_request,
     call_run_resolve},
    {"explain",
     CALL_MAYBE,
     "a model's name, or null",
     {NULL},
     options_request_keys,
     call_read_explain,
     call_run_resolve},
    {"query", SQL, {"client", "params"}, options_sql_keys, call_read_sql, call_run_query},
    {"execute", SQL, {"client", "params"}, options_sql_keys, call_read_sql, call_run_execute},
    {"table_columns", CALL_TEXT, "a table's name", {"client"}, NULL, call_read_client, call_run_table_columns},
    {"begin", NOTHING, {NULL}, options_begin_keys, call_read_begin, call_run_begin},
    {"commit", NOTHING, {NULL}, NULL, NULL, call_run_commit},
    {"rollback", NOTHING, {NULL}, NULL, NULL, call_run_rollback},
    {"switch_push", CLIENT, {NULL}, NULL, NULL, call_run_switch_push},
    {"switch_pop", NOTHING, {NULL}, NULL, NULL, call_run_switch_pop},
    {"level_push", NOTHING, {NULL}, NULL, NULL, call_run_level_push},
    {"level_pop", NOTHING, {NULL}, NULL, NULL, call_run_level_pop},
    {"level", NOTHING, {NULL}, NULL, NULL, call_run_level},
    {"push", JOB, {"data"}, push_keys, call_read_push, call_run_push},
    {"push_wait", JOB, {"data", "wait"}, push_keys, call_read_push_wait, call_run_push_wait},
    {"jobs", NOTHING, {NULL}, options_jobs_keys, call_read_jobs, call_run_jobs},
    {"jobs_retry", NOTHING, {NULL}, options_jobs_retry_keys, call_read_jobs, call_run_jobs_retry},
    {"jobs_purge", NOTHING, {NULL}, options_jobs_purge_keys, call_read_jobs, call_run_jobs_purge},
};
const size_t call_nverbs = sizeof call_verbs / sizeof *call_verbs;

static const call_verb *verb_named(const char *name) {
  for (size_t i = 0; i < call_nverbs; i++)
    if (strcmp(call_verbs[i].name, name) == 0) return &call_verbs[i];
  return NULL;
}

static bool is_among(const char *const *names, const char *name) {
  for (; names && *names; names++)
    if (strcmp(*names, name) == 0) return true;
  return false;
}

static bool takes(const call_verb *v, const char *name) {
  return is_among(v->options, name) || is_among(v->arguments, name);
}

/* A few verbs are options of others, too: count of aggregate, update of insert. */
static bool takes_other_verbs(const call_verb *v, const node *options) {
  for (size_t i = 0; i < options->count; i++) {
    const call_verb *other = verb_named(options->entries[i].key);
    if (other && other != v && !takes(v, other->name)) return false;
  }
  return true;
}

static shunt_status refuse_none(const calling *c) {
  for (size_t i = 0; i < c->options->count; i++) {
    const node_entry *e = &c->options->entries[i];
    suggest near = suggest_for(e->key);
    for (size_t k = 0; k < call_nverbs; k++) suggest_try(&near, call_verbs[k].name);
    if (near.best)
      return error_usage_at(c->err, e->at, "the call names nothing to do: unknown name '%s'%s", e->key,
                            suggest_text(&near));
  }
  return error_usage_at(c->err, c->options->at,
                        "the call names nothing to do, such as select, insert, update, delete, resolve or begin");
}

static shunt_status find_one(const calling *c, const node_entry **out) {
  const node_entry *first = NULL;
  for (size_t i = 0; i < c->options->count; i++) {
    const node_entry *e = &c->options->entries[i];
    const call_verb *v = verb_named(e->key);
    if (!v) continue;
    *out = e;
    if (takes_other_verbs(v, c->options)) return SHUNT_OK;
    if (!first) first = e;
  }
  if (!first) return refuse_none(c);
  return error_usage_at(c->err, (*out)->at, "a call does one thing, and this one names '%s' and '%s'", first->key,
                        (*out)->key);
}

static shunt_status read_subject(calling *c, const node *n) {
  const call_verb *v = c->verb;
  const bool is_true = n->kind == NODE_VALUE && n->value.type == SHUNT_BOOL && n->value.as.boolean;
  if (v->subject == CALL_NOTHING ? is_true : v->subject == CALL_MAYBE && node_is_null(n)) return SHUNT_OK;
  if (v->subject != CALL_NOTHING && node_is_text(n)) return options_text(n, v->name, &c->subject, c->err);
  return error_usage_at(c->err, n->at, "%s takes %s, not %s", v->name, v->subject_is, node_kind_name(n));
}

/* The names of arguments and options, for suggestions, in one list. */
static const char *const *names_of(const call_verb *v, arena *a) {
  size_t n = 0;
  for (const char *const *k = v->options; k && *k; k++) n++;
  const char **list = arena_array(a, const char *, n + CALL_MOST_ARGUMENTS + 1);
  if (!list) return NULL;
  for (size_t i = 0; i < n; i++) list[i] = v->options[i];
  for (size_t i = 0; v->arguments[i]; i++) list[n++] = v->arguments[i];
  return list;
}

shunt_status call_find_verb(calling *c) {
  const node_entry *e = NULL;
  if (c->options->kind != NODE_MAP)
    return error_usage_at(c->err, c->options->at, "a call is an object, such as {\"select\":\"user\"}, not %s",
                          node_kind_name(c->options));
  shunt_status status = find_one(c, &e);
  if (status) return status;
  c->verb = verb_named(e->key);
  status = read_subject(c, e->value);
  if (status) return status;
  node_remove(c->options, e->key);
  const char *const *names = names_of(c->verb, &c->a);
  return names ? options_all_known(c->options, c->verb->name, names, c->err) : error_memory(c->err);
}
