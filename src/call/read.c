/* The options and arguments of each verb. */
#include <string.h>

#include "base/json.h"
#include "call/calling.h"

static shunt_status lacks(const calling *c, const char *argument, const char *what) {
  return error_set(c->err, SHUNT_E_USAGE, "%s needs %s: %s", c->verb->name, argument, what);
}

/* ---- reads ---- */

shunt_status call_read_query(calling *c) { return options_query(&c->a, c->options, &c->query, c->err); }

shunt_status call_read_aggregate(calling *c) {
  shunt_status status = options_query(&c->a, c->options, &c->query, c->err);
  return status ? status : options_aggregates(&c->a, c->options, c->verb->name, &c->aggregates, c->err);
}

/* A value, or an object of the key's columns. */
static shunt_status add_key(calling *c, options_keys *keys, const node *n) {
  shunt_value *value;
  if (n->kind != NODE_VALUE) return options_add_tuple(&c->a, keys, n, c->err);
  shunt_status status = options_add_key(&c->a, keys, &value, c->err);
  if (!status) *value = n->value;
  return status;
}

shunt_status call_read_mget(calling *c) {
  const node *ids = node_get(c->options, "ids");
  options_keys keys = {.most = ids ? ids->count : 0, .of = c->verb->name};
  shunt_status status = SHUNT_OK;
  if (!ids || ids->kind != NODE_LIST) return lacks(c, "ids", "a list of primary keys");
  for (size_t i = 0; i < ids->count && !status; i++) status = add_key(c, &keys, ids->items[i]);
  c->keys = keys.keys;
  return status ? status : call_read_query(c);
}

/* A where that selects every row is a mistake. With an order, the caller wants the first row. */
static bool is_wanted(const shunt_query *q) {
  return (q->where && (q->where->op != SHUNT_AND || q->where->nitems > 0)) || q->norder > 0;
}

shunt_status call_read_get(calling *c) {
  const node *id = node_get(c->options, "id");
  options_keys keys = {.most = 1, .of = c->verb->name};
  shunt_status status = call_read_query(c);
  if (!status && id) status = add_key(c, &keys, id);
  c->keys = keys.keys;
  if (status || id || is_wanted(&c->query)) return status;
  return error_set(c->err, SHUNT_E_USAGE, "%s needs a primary key, a where, or an order (for the first row)",
                   c->verb->name);
}

/* ---- writes ---- */

static shunt_status read_write(calling *c) { return options_write(&c->a, c->options, &c->write, c->err); }

shunt_status call_read_insert(calling *c) {
  shunt_status status = read_write(c);
  return status ? status : call_read_row(c);
}

shunt_status call_read_insert_bulk(calling *c) {
  shunt_status status = read_write(c);
  if (!status) status = call_read_rows(c);
  return status ? status : options_bool(node_get(c->options, "returning"), "returning", &c->returning, c->err);
}

shunt_status call_read_update(calling *c) {
  shunt_status status = call_read_insert(c);
  options_drop_empty_where(&c->write);
  return status;
}

shunt_status call_read_update_bulk(calling *c) {
  shunt_status status = read_write(c);
  return status ? status : call_read_rows(c);
}

shunt_status call_read_increment(calling *c) {
  options_fields by = {NULL, 0}, set = {NULL, 0};
  shunt_record *record = arena_new(&c->a, shunt_record);
  shunt_status status = record ? read_write(c) : error_memory(c->err);
  options_drop_empty_where(&c->write);
  if (!status) status = options_columns(&c->a, node_get(c->options, "by"), "increment: by", &by, c->err);
  if (!status) status = options_columns(&c->a, node_get(c->options, "set"), "increment: set", &set, c->err);
  if (status) return status;
  c->write.increments = by.list;
  c->write.nincrements = by.n;
  record->fields = set.list;
  record->nfields = set.n;
  c->records = (shunt_records){record, 1};
  return options_check_increments(&c->write, c->verb->name, c->err);
}

shunt_status call_read_delete(calling *c) {
  shunt_status status = read_write(c);
  options_drop_empty_where(&c->write);
  return status;
}

/* ---- decisions, SQL, transactions ---- */

shunt_status call_read_request(calling *c) {
  c->request.model = c->subject;
  return options_request(&c->a, c->options, shunt_session_level(c->s), &c->request, c->err);
}

shunt_status call_read_explain(calling *c) {
  shunt_status status = call_read_request(c);
  c->request.every_rule = true;
  return status;
}

shunt_status call_read_client(calling *c) {
  return options_text(node_get(c->options, "client"), "client", &c->sql.client, c->err);
}

static shunt_status read_params(calling *c, const node *n) {
  if (!n) return SHUNT_OK;
  if (n->kind != NODE_LIST)
    return error_usage_at(c->err, n->at, "params must be a list of values, not %s", node_kind_name(n));
  shunt_value *values = arena_array(&c->a, shunt_value, n->count + 1);
  if (!values) return error_memory(c->err);
  for (size_t i = 0; i < n->count; i++) {
    if (n->items[i]->kind != NODE_VALUE)
      return error_usage_at(c->err, n->items[i]->at, "a parameter is a value, not %s", node_kind_name(n->items[i]));
    values[i] = n->items[i]->value;
  }
  c->sql.params = values;
  c->sql.nparams = n->count;
  return SHUNT_OK;
}

shunt_status call_read_sql(calling *c) {
  shunt_status status = call_read_client(c);
  if (!status) status = read_params(c, node_get(c->options, "params"));
  if (!status) status = options_call_timeout(c->options, &c->timeout_ms, c->err);
  return status ? status : options_sql(&c->a, c->options, &c->sql, c->err);
}

shunt_status call_read_begin(calling *c) { return options_begin(&c->a, c->options, &c->tx, c->err); }

/* ---- jobs ---- */

/* The text of the value, as it was written. */
static shunt_status read_data(calling *c, const node *n) {
  const char *from = c->text;
  if (!n) return SHUNT_OK;
  for (int line = 1; line < n->at.line; line++) from = strchr(from, '\n') + 1;
  from += n->at.column - 1;
  c->data = arena_strndup(&c->a, from, (size_t)(json_end_of(from) - from));
  return c->data ? SHUNT_OK : error_memory(c->err);
}

shunt_status call_read_push(calling *c) {
  shunt_push_options *o = &c->push;
  shunt_status status = options_push(c->options, o, c->err);
  if (!status) status = options_duration(node_get(c->options, "backoff"), "backoff", &o->backoff_ms, c->err);
  if (!status) status = options_duration(node_get(c->options, "timeout"), "timeout", &o->timeout_ms, c->err);
  if (!status) status = options_int(node_get(c->options, "concurrency"), "concurrency", 1, &o->concurrency, c->err);
  return status ? status : read_data(c, node_get(c->options, "data"));
}

shunt_status call_read_push_wait(calling *c) {
  shunt_status status = options_call_time(c->options, "wait", &c->push.wait_ms, c->err);
  return status ? status : call_read_push(c);
}

shunt_status call_read_jobs(calling *c) { return options_jobs(c->options, &c->jobs, c->err); }
