#include <string.h>

#include "options/options.h"

enum { MAX_DEPTH = 64 };

/* A relation to include, merged from all places that name it: "orders", "orders.lines", {orders = {…}}, with. */
typedef struct branch {
  const char *name;
  bool off;
  const node *options;  /* or NULL */
  const node *relation; /* made on the spot, or NULL */
  struct branch **children;
  size_t count, capacity;
} branch;

static shunt_status child_of(arena *a, branch *parent, const char *name, size_t size, branch **out, shunt_error *err) {
  if (size == 0) return error_set(err, SHUNT_E_USAGE, "include: a relation's name is empty");
  for (size_t i = 0; i < parent->count; i++) {
    *out = parent->children[i];
    if (strncmp((*out)->name, name, size) == 0 && !(*out)->name[size]) return SHUNT_OK;
  }
  if (!arena_grow(a, &parent->children, &parent->capacity, parent->count + 1, sizeof *parent->children))
    return error_memory(err);
  branch *made = arena_new(a, branch);
  if (made) made->name = arena_strndup(a, name, size);
  if (!made || !made->name) return error_memory(err);
  parent->children[parent->count++] = *out = made;
  return SHUNT_OK;
}

/* "orders.lines": a branch inside another. */
static shunt_status descend(arena *a, branch *from, const char *path, branch **out, shunt_error *err) {
  for (int depth = 0; depth < MAX_DEPTH; depth++) {
    const char *dot = strchr(path, '.');
    shunt_status st = child_of(a, from, path, dot ? (size_t)(dot - path) : strlen(path), &from, err);
    if (st) return st;
    *out = from;
    if (!dot) return SHUNT_OK;
    path = dot + 1;
  }
  return error_set(err, SHUNT_E_USAGE, "include: '%.40s…' is nested more than 64 deep", path);
}

static shunt_status gather(arena *a, branch *to, const node *include, const node *with, int depth, shunt_error *err);

static shunt_status gather_entry(arena *a, branch *to, const node_entry *e, int depth, shunt_error *err) {
  branch *b;
  bool on = true;
  shunt_status st = descend(a, to, e->key, &b, err);
  if (st) return st;
  if (e->value->kind != NODE_MAP) {
    if (e->value->kind != NODE_VALUE || e->value->value.type != SHUNT_BOOL)
      return error_usage_at(err, e->value->at, "include: '%s' must be true, false or a table of options, not %s",
                            e->key, node_kind_name(e->value));
    st = options_bool(e->value, e->key, &on, err);
    b->off = !on;
    return st;
  }
  for (size_t i = 0; i < e->value->count; i++)
    if ((st = options_known(&e->value->entries[i], e->key, options_include_keys, err))) return st;
  b->options = e->value;
  return gather(a, b, node_get(e->value, "include"), node_get(e->value, "with"), depth + 1, err);
}

static shunt_status gather_include(arena *a, branch *to, const node *include, int depth, shunt_error *err) {
  branch *b;
  shunt_status st = SHUNT_OK;
  const char *path = NULL;
  if (node_is_text(include)) {
    st = options_text(include, "include", &path, err);
    return st ? st : descend(a, to, path, &b, err);
  }
  if (include->kind == NODE_VALUE)
    return error_usage_at(err, include->at, "include must be a list of relations or a table, not %s",
                          node_kind_name(include));
  for (size_t i = 0; i < include->count && !st; i++) {
    if (include->kind == NODE_MAP) {
      st = gather_entry(a, to, &include->entries[i], depth, err);
      continue;
    }
    st = options_text(include->items[i], "a relation of include", &path, err);
    if (!st) st = descend(a, to, path, &b, err);
  }
  return st;
}

static shunt_status gather(arena *a, branch *to, const node *include, const node *with, int depth, shunt_error *err) {
  if (depth > MAX_DEPTH) return error_set(err, SHUNT_E_USAGE, "include is nested more than 64 deep");
  shunt_status st = include ? gather_include(a, to, include, depth, err) : SHUNT_OK;
  if (st || !with) return st;
  if (with->kind != NODE_MAP)
    return error_usage_at(err, with->at, "with must be a table of names and relations, not %s", node_kind_name(with));
  for (size_t i = 0; i < with->count; i++) {
    const node_entry *e = &with->entries[i];
    branch *b;
    if (e->value->kind != NODE_MAP || !node_get(e->value, "kind"))
      return error_usage_at(err, e->value->at,
                            "with: '%s' must be a relation, made by shunt.has_many or a similar function", e->key);
    if ((st = child_of(a, to, e->key, strlen(e->key), &b, err))) return st;
    b->relation = e->value;
    st = gather(a, b, node_get(e->value, "include"), node_get(e->value, "with"), depth + 1, err);
    if (st) return st;
  }
  return SHUNT_OK;
}

static shunt_status as_kind(const node *n, shunt_kind *out, shunt_error *err) {
  static const char *const names[] = {"has_one", "belongs_to", "has_many", "belongs_to_many"};
  const char *name = NULL;
  shunt_status st = options_text(n, "a relation's kind", &name, err);
  if (st) return st;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0) {
      *out = (shunt_kind)i;
      return SHUNT_OK;
    }
  return error_usage_at(err, n->at, "unknown kind of relation '%s'", name);
}

static shunt_status relation_names(const branch *b, shunt_relation *r, shunt_error *err) {
  const node *n = b->relation;
  const struct {
    const char *key;
    const char **to;
  } texts[] = {
      {"target", &r->target}, {"through", &r->through}, {"client", &r->client}, {"through_client", &r->through_client}};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    shunt_status st = options_text(node_get(n, texts[i].key), texts[i].key, texts[i].to, err);
    if (st) return st;
  }
  return SHUNT_OK;
}

static shunt_status key_of(arena *a, const branch *b, const char *name, const char *out[SHUNT_KEY_MOST],
                           shunt_error *err) {
  const char *const *columns = NULL;
  size_t n = 0;
  shunt_status st = options_names(a, node_get(b->relation, name), name, &columns, &n, err);
  if (st) return st;
  if (n > SHUNT_KEY_MOST)
    return error_usage_at(err, b->relation->at, "relation '%s': %s has %zu columns, and a key has at most %d", b->name,
                          name, n, SHUNT_KEY_MOST);
  for (size_t i = 0; i < n; i++) out[i] = columns[i];
  return SHUNT_OK;
}

static shunt_status relation_keys(arena *a, const branch *b, shunt_relation *r, shunt_error *err) {
  shunt_status st = key_of(a, b, "foreign_key", r->foreign_key, err);
  if (!st) st = key_of(a, b, "through_key", r->through_key, err);
  return st ? st : key_of(a, b, "key", r->key, err);
}

static shunt_status relation_of(arena *a, const branch *b, const shunt_relation **out, shunt_error *err) {
  static const char *const known[] = {"kind",   "target",         "foreign_key", "through", "through_key", "key",
                                      "client", "through_client", "table",       "columns", "where",       "order",
                                      "limit",  "autoload",       "include",     "with",    NULL};
  const node *n = b->relation;
  shunt_relation *r = arena_new(a, shunt_relation);
  if (!r) return error_memory(err);
  *out = r;
  r->name = b->name;
  shunt_status st;
  for (size_t i = 0; i < n->count; i++)
    if ((st = options_known(&n->entries[i], b->name, known, err))) return st;
  if ((st = as_kind(node_get(n, "kind"), &r->kind, err))) return st;
  if ((st = relation_names(b, r, err)) || (st = relation_keys(a, b, r, err))) return st;
  if ((st = options_names(a, node_get(n, "columns"), "columns", &r->columns, &r->ncolumns, err))) return st;
  if ((st = options_where(a, node_get(n, "where"), &r->where, err))) return st;
  if ((st = options_names(a, node_get(n, "order"), "order", &r->order, &r->norder, err))) return st;
  if ((st = options_limit(n, &r->limit, err))) return st;
  if ((st = options_table(a, node_get(n, "table"), &r->table, err))) return st;
  return options_bool(node_get(n, "autoload"), "autoload", &r->autoload, err);
}

/* link = true, or {columns = …, where = …}. */
static shunt_status link_of(arena *a, const branch *b, const shunt_link **out, shunt_error *err) {
  static const char *const known[] = {"columns", "where", NULL};
  const node *n = node_get(b->options, "link");
  bool options = n && (n->kind == NODE_MAP || (n->kind == NODE_LIST && n->count == 0));
  shunt_status st = SHUNT_OK;
  if (!n) return SHUNT_OK;
  if (!options && (n->kind != NODE_VALUE || n->value.type != SHUNT_BOOL))
    return error_usage_at(err, n->at, "include: link must be true or a table of columns and where, not %s",
                          node_kind_name(n));
  if (!options && !n->value.as.boolean) return SHUNT_OK;
  shunt_link *link = arena_new(a, shunt_link);
  if (!link) return error_memory(err);
  *out = link;
  if (!options || n->kind != NODE_MAP) return SHUNT_OK;
  for (size_t i = 0; i < n->count; i++)
    if ((st = options_known(&n->entries[i], "link", known, err))) return st;
  st = options_names(a, node_get(n, "columns"), "columns", &link->columns, &link->ncolumns, err);
  return st ? st : options_where(a, node_get(n, "where"), &link->where, err);
}

/* count = true alone asks for the number of the rows, anything more for a row of results. */
static shunt_status functions_of(arena *a, const node *options, shunt_include *out, shunt_error *err) {
  shunt_status st = options_aggregations(a, options, &out->aggregates, &out->naggregates, err);
  if (st || out->naggregates != 1 || out->aggregates[0].function != SHUNT_COUNT) return st;
  out->count = !out->aggregates[0].column;
  if (out->count) out->naggregates = 0;
  return SHUNT_OK;
}

static shunt_status finish(arena *a, const branch *from, const shunt_include **out, size_t *count, int depth,
                           shunt_error *err) {
  if (from->count == 0) return SHUNT_OK;
  if (depth > MAX_DEPTH) return error_set(err, SHUNT_E_USAGE, "include is nested more than 64 deep");
  shunt_include *list = arena_array(a, shunt_include, from->count);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < from->count; i++) {
    const branch *b = from->children[i];
    shunt_query *query = arena_new(a, shunt_query);
    shunt_status st = query ? SHUNT_OK : error_memory(err);
    if (st) return st;
    list[i].query = query;
    list[i].relation = b->name;
    list[i].off = b->off;
    if (b->relation) st = relation_of(a, b, &list[i].with, err);
    if (!st && b->options) st = options_query_fields(a, b->options, query, err);
    if (!st && b->options) st = link_of(a, b, &list[i].link, err);
    if (!st && b->options) st = functions_of(a, b->options, &list[i], err);
    if (!st) st = finish(a, b, &query->include, &query->ninclude, depth + 1, err);
    if (st) return st;
  }
  *out = list;
  *count = from->count;
  return SHUNT_OK;
}

shunt_status options_includes(arena *a, const node *include, const node *with, const shunt_include **out, size_t *count,
                              shunt_error *err) {
  branch root = {0};
  shunt_status st = gather(a, &root, include, with, 0, err);
  return st ? st : finish(a, &root, out, count, 0, err);
}

shunt_status options_query(arena *a, const node *options, shunt_query *out, shunt_error *err) {
  shunt_status st = options_query_fields(a, options, out, err);
  if (st || (st = options_read_fields(a, options, out, err))) return st;
  return options_includes(a, node_get(options, "include"), node_get(options, "with"), &out->include, &out->ninclude,
                          err);
}
