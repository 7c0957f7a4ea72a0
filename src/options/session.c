/* Options of sessions, transactions, decisions and SQL. */
#include <string.h>

#include "options/options.h"

const char *const options_session_keys[] = {"instance", "attrs", "level", "timeout", "follow", NULL};
const char *const options_begin_keys[] = {"client",    "clients",   "model",    "where", "propagation",
                                          "isolation", "read_only", "spanning", NULL};
const char *const options_sql_keys[] = {"timeout", "op", "model", "where", NULL};

/* ---- sessions ---- */

static shunt_status attributes(arena *a, const node *attrs, shunt_session_options *out, shunt_error *err) {
  if (!attrs) return SHUNT_OK;
  if (attrs->kind != NODE_MAP)
    return error_usage_at(err, attrs->at, "attrs must be a table of names and values, not %s", node_kind_name(attrs));
  shunt_field *fields = arena_array(a, shunt_field, attrs->count);
  if (!fields) return error_memory(err);
  for (size_t i = 0; i < attrs->count; i++) {
    const node *value = attrs->entries[i].value;
    if (value->kind != NODE_VALUE || value->value.type == SHUNT_NULL || value->value.type == SHUNT_BLOB)
      return error_usage_at(err, value->at, "attrs.%s must be text, a number or a boolean, not %s",
                            attrs->entries[i].key, node_kind_name(value));
    fields[i] = (shunt_field){attrs->entries[i].key, value->value};
  }
  out->attrs = fields;
  out->nattrs = attrs->count;
  return SHUNT_OK;
}

shunt_status options_session(arena *a, const node *options, shunt_session_options *out, shunt_error *err) {
  const node *n = node_get(options, "level");
  int64_t level = 0;
  shunt_status st = options_text(node_get(options, "instance"), "instance", &out->instance, err);
  if (!st) st = options_bool(node_get(options, "follow"), "follow", &out->follow, err);
  if (!st) st = options_integer(n, "level", &level, err);
  if (!st && (level < 0 || level > INT16_MAX)) st = error_usage_at(err, n->at, "level must be from 0 to %d", INT16_MAX);
  out->level = (int)level;
  if (!st) st = options_session_timeout(options, &out->timeout_ms, err);
  return st ? st : attributes(a, node_get(options, "attrs"), out, err);
}

/* ---- transactions ---- */

shunt_status options_begin(arena *a, const node *options, shunt_tx_options *out, shunt_error *err) {
  const node *clients = node_get(options, "clients");
  shunt_status st = options_text(node_get(options, "propagation"), "propagation", &out->propagation, err);
  if (!st) st = options_text(node_get(options, "isolation"), "isolation", &out->isolation, err);
  if (!st) st = options_bool(node_get(options, "read_only"), "read_only", &out->read_only, err);
  if (!st) st = options_text(node_get(options, "spanning"), "spanning", &out->spanning, err);
  if (!st) st = options_text(node_get(options, "client"), "client", &out->client, err);
  if (!st) st = options_text(node_get(options, "model"), "model", &out->model, err);
  if (!st) st = options_where(a, node_get(options, "where"), &out->where, err);
  return st ? st : options_names(a, clients, "clients", &out->clients, &out->nclients, err);
}

/* ---- SQL ---- */

shunt_status options_sql(arena *a, const node *options, shunt_sql_options *out, shunt_error *err) {
  shunt_status st = options_text(node_get(options, "op"), "op", &out->op, err);
  if (!st) st = options_text(node_get(options, "model"), "model", &out->model, err);
  return st ? st : options_where(a, node_get(options, "where"), &out->where, err);
}

/* ---- decisions ---- */

/* The option of each kind of field; the model is an argument. */
#define KEY_MODEL(option)
#define KEY_RELATION(option) option,
#define KEY_CLIENT(option) option,
#define KEY_MODE(option) option,
#define KEY_OP(option) option,
#define KEY_LEVEL(option) option,
#define KEY_VALUES(option) option,
#define KEY(kind, id, member, name, option) KEY_##kind(option)
const char *const options_request_keys[] = {SHUNT_REQUEST_MAP(KEY) "table", "every_rule", "no_model", NULL};

typedef struct request_reader {
  arena *a;
  const node *options;
  int level; /* the session's */
  shunt_error *err;
} request_reader;

/* Only equalities are seen by rules, as req.where; the other comparisons of a condition are left out. */
static shunt_status equalities(const request_reader *r, const node *where, const shunt_field **list, size_t *count) {
  if (!where) return SHUNT_OK;
  if (where->kind != NODE_MAP)
    return error_usage_at(r->err, where->at, "where must be a table of columns and values, not %s",
                          node_kind_name(where));
  shunt_field *fields = arena_array(r->a, shunt_field, where->count);
  if (!fields) return error_memory(r->err);
  *list = fields;
  for (size_t i = 0; i < where->count; i++) {
    const node *value = where->entries[i].value;
    if (value->kind == NODE_MAP) value = node_get(value, "eq");
    if (!value || value->kind != NODE_VALUE || where->entries[i].key[0] == '_') continue;
    fields[(*count)++] = (shunt_field){where->entries[i].key, value->value};
  }
  return SHUNT_OK;
}

static shunt_status read_op(const request_reader *r, const char *key, shunt_op *out) {
  const node *n = node_get(r->options, key);
  const char *op = NULL;
  shunt_status st = options_text(n, key, &op, r->err);
  if (st || !op || strcmp(op, "read") == 0) return st;
  if (strcmp(op, "write") != 0) return error_usage_at(r->err, n->at, "op is \"read\" or \"write\", not \"%.40s\"", op);
  *out = SHUNT_WRITE;
  return SHUNT_OK;
}

/* How far the level lies above the session's. */
static shunt_status read_level(const request_reader *r, const char *key, int *out) {
  const node *n = node_get(r->options, key);
  int64_t level = r->level;
  shunt_status st = options_integer(n, key, &level, r->err);
  if (st) return st;
  if (level < r->level || level > INT16_MAX)
    return error_usage_at(r->err, n->at, "level must be from the session's (%d) to %d", r->level, INT16_MAX);
  *out = (int)level - r->level;
  return SHUNT_OK;
}

#define READ_TEXT(member, option)                                                                                      \
  if (!st) st = options_text(node_get(r.options, option), option, &out->member, err);
#define READ_MODEL(member, option)
#define READ_RELATION(member, option) READ_TEXT(member, option)
#define READ_CLIENT(member, option) READ_TEXT(member, option)
#define READ_MODE(member, option) READ_TEXT(member, option)
#define READ_OP(member, option)                                                                                        \
  if (!st) st = read_op(&r, option, &out->member);
#define READ_LEVEL(member, option)                                                                                     \
  if (!st) st = read_level(&r, option, &out->member);
#define READ_VALUES(member, option)                                                                                    \
  if (!st) st = equalities(&r, node_get(r.options, option), &out->member, &out->n##member);
#define READ(kind, id, member, name, option) READ_##kind(member, option)

shunt_status options_request(arena *a, const node *options, int level, shunt_request *out, shunt_error *err) {
  const request_reader r = {a, options, level, err};
  shunt_status st = SHUNT_OK;
  SHUNT_REQUEST_MAP(READ)
  if (!st) st = options_table(a, node_get(options, "table"), &out->explicit_table, err);
  if (!st) st = options_bool(node_get(options, "every_rule"), "every_rule", &out->every_rule, err);
  return st ? st : options_bool(node_get(options, "no_model"), "no_model", &out->no_model, err);
}
