#include "catalog/describe.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "catalog/report.h"

/* jansson refuses NULL as a part, so a failed allocation anywhere makes the whole NULL. It is checked once per object.
 */

static json_t *text_n(const char *text, size_t size) {
  if (utf8_valid(text, size)) return json_stringn_nocheck(text, size);
  char *fixed = utf8_repair(text, size, &size);
  json_t *made = fixed ? json_stringn_nocheck(fixed, size) : NULL;
  base_free(fixed);
  return made;
}

static json_t *text(const char *of) { return of ? text_n(of, strlen(of)) : json_null(); }

static json_t *where_at(place at) {
  char source[300];
  if (!at.file) return json_null();
  snprintf(source, sizeof source, at.line ? "%s:%d" : "%s", at.file, at.line);
  return text(source);
}

typedef struct part {
  const char *key;
  json_t *value;
} part;

/* An object that takes over the parts. NULL when out of memory. */
static json_t *object_of(const part *parts, size_t n) {
  json_t *object = json_object();
  for (size_t i = 0; i < n; i++)
    if (json_object_set_new_nocheck(object, parts[i].key, parts[i].value)) { /* jansson has freed the value */
      json_decref(object);
      object = NULL;
    }
  return object;
}
#define OBJECT(...) object_of((const part[]){__VA_ARGS__}, sizeof((const part[]){__VA_ARGS__}) / sizeof(part))

/* A list of one(items, i, more) for each i below n. NULL when out of memory. */
static json_t *list_of(json_t *(*one)(const void *items, size_t i, const void *more), const void *items, size_t n,
                       const void *more) {
  json_t *list = json_array();
  for (size_t i = 0; list && i < n; i++)
    if (json_array_append_new(list, one(items, i, more))) {
      json_decref(list);
      list = NULL;
    }
  return list;
}

/* ---- clients ---- */

static const char *option(const cat_client *client, const char *name) {
  for (size_t i = 0; i < client->noptions; i++)
    if (strcmp(client->options[i].name, name) == 0)
      return client->options[i].secret || cat_secret_key(name) ? REPORT_MASK : client->options[i].value;
  return NULL;
}

static void add_address(const cat_client *client, buf *b) {
  const char *host = option(client, "host"), *port = option(client, "port"), *socket = option(client, "socket");
  const char *database = option(client, "database");
  if (!database) database = option(client, "dbname");
  show_masked(b, socket ? socket : host ? host : "localhost");
  if (port && !socket) buf_printf(b, ":%s", port);
  if (database) buf_putc(b, '/');
  if (database) show_masked(b, database);
}

/* Keys beside a URL win over it. */
static void add_url(const cat_client *client, const char *url, buf *b) {
  static const char *const beside[] = {"host", "hostaddr", "port", "socket", "database", "dbname", "user"};
  const char *before = " with ";
  show_masked(b, url);
  for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
    const char *value = option(client, beside[i]);
    if (!value || !*value) continue;
    buf_printf(b, "%s%s=", before, beside[i]);
    show_masked(b, value);
    before = " ";
  }
}

/* The file, the URL and what wins over it, or "host:port/database": it identifies the datasource without its secrets.
 */
static json_t *target(const cat_client *client) {
  if (cat_engine_of(client->engine)->file) return text(client->filename);
  const char *url = option(client, "url");
  buf b = {0};
  if (url)
    add_url(client, url, &b);
  else
    add_address(client, &b);
  json_t *made = b.failed ? NULL : text(b.data);
  buf_free(&b);
  return made;
}

static json_t *pool(const cat_pool *p) {
  return OBJECT({"min", json_integer(p->min)}, {"max", json_integer(p->max)},
                {"acquire_timeout_ms", json_integer(p->acquire_timeout_ms)},
                {"idle_timeout_ms", json_integer(p->idle_timeout_ms)},
                {"max_lifetime_ms", json_integer(p->max_lifetime_ms)});
}

static json_t *one_client(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_client *client = ((cat_client *const *)items)[i];
  return OBJECT({"name", text(client->name)}, {"engine", text(cat_engine_name(client->engine))},
                {"role", text(client->replica ? "replica" : "primary")}, {"target", target(client)},
                {"pool", pool(&client->pool)}, {"source", where_at(client->at)});
}

/* ---- instances ---- */

/* JSON has no infinities. */
static json_t *real(double d) { return isfinite(d) ? json_real(d) : json_null(); }

static json_t *value_of(const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    return json_null();
  case SHUNT_BOOL:
    return json_boolean(v->as.boolean);
  case SHUNT_INTEGER:
    return json_integer(v->as.integer);
  case SHUNT_FLOAT:
    return real(v->as.number);
  case SHUNT_TEXT:
  case SHUNT_BLOB:
    return text_n(v->as.bytes, v->size);
  }
  return json_null();
}

/* Like json_object_set_new, for a key that may not be UTF-8. */
static int put(json_t *object, const char *key, json_t *value) {
  size_t size = strlen(key);
  if (utf8_valid(key, size)) return json_object_set_new_nocheck(object, key, value);
  char *fixed = utf8_repair(key, size, &size);
  if (!fixed) {
    json_decref(value);
    return -1;
  }
  int failed = json_object_set_new_nocheck(object, fixed, value);
  base_free(fixed);
  return failed;
}

/* With the passwords in it masked. */
static json_t *masked_text(const char *plain) {
  buf b = {0};
  show_masked(&b, plain);
  json_t *made = b.failed ? NULL : text_n(b.data ? b.data : "", b.size);
  buf_free(&b);
  return made;
}

static json_t *masked(const shunt_value *v) {
  return strlen(v->as.bytes) == v->size ? masked_text(v->as.bytes) : text_n(v->as.bytes, v->size);
}

/* secret: everything below a secret key is secret. */
static json_t *node_of(const node *n, bool secret) {
  if (!n) return json_null();
  if (n->kind == NODE_FUNCTION) return text("function");
  if (n->kind == NODE_VALUE) {
    if (secret || n->secret) return text(REPORT_MASK);
    return n->value.type == SHUNT_TEXT ? masked(&n->value) : value_of(&n->value);
  }
  json_t *made = n->kind == NODE_LIST ? json_array() : json_object();
  for (size_t i = 0; made && i < n->count; i++) {
    int failed;
    if (n->kind == NODE_LIST) {
      failed = json_array_append_new(made, node_of(n->items[i], secret));
    } else {
      const node_entry *e = &n->entries[i];
      failed = put(made, e->key, node_of(e->value, secret || cat_secret_key(e->key)));
    }
    if (failed) {
      json_decref(made);
      made = NULL;
    }
  }
  return made;
}

static json_t *one_instance(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_instance *instance = ((cat_instance *const *)items)[i];
  return OBJECT({"name", text(instance->name)},
                {"id", instance->has_number ? json_integer(instance->number) : json_null()},
                {"title", masked_text(instance->title)}, {"isolate", json_boolean(instance->isolate)},
                {"isolate_client", instance->isolate_client ? text(instance->isolate_client->name) : json_null()},
                {"config", node_of(instance->config, false)}, {"source", where_at(instance->at)});
}

/* ---- models ---- */

/* A text if it is one column, a list if it has several, null without any. */
static json_t *key_of(const char *const *key) {
  if (!key[0] || !key[1]) return text(key[0]);
  json_t *list = json_array();
  for (size_t i = 0; list && i < SHUNT_KEY_MOST && key[i]; i++)
    if (json_array_append_new(list, text(key[i]))) {
      json_decref(list);
      list = NULL;
    }
  return list;
}

static json_t *one_relation(const void *items, size_t i, const void *more) {
  static const char *const kinds[] = {"has_one", "belongs_to", "has_many", "belongs_to_many"};
  (void)more;
  const cat_relation *r = ((cat_relation *const *)items)[i];
  return OBJECT({"name", text(r->as.name)}, {"full_name", text(r->full_name)}, {"kind", text(kinds[r->as.kind])},
                {"target", text(r->as.target)}, {"foreign_key", key_of(r->as.foreign_key)},
                {"through", text(r->as.through)}, {"through_key", key_of(r->as.through_key)},
                {"key", key_of(r->as.key)}, {"client", text(r->as.client)},
                {"through_client", text(r->as.through_client)}, {"table", text(r->as.table)},
                {"autoload", json_boolean(r->as.autoload)}, {"source", where_at(r->at)});
}

static json_t *one_part(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_part *p = &((const cat_part *)items)[i];
  return OBJECT({"client", text(p->client ? p->client->name : NULL)}, {"table", text(p->table)});
}

static json_t *types_of(const cat_model *m) {
  json_t *object = json_object();
  for (size_t i = 0; object && i < m->ntypes; i++)
    if (json_object_set_new(object, m->types[i].column, text(cat_type_name(m->types[i].type)))) {
      json_decref(object);
      return NULL;
    }
  return object;
}

static json_t *one_model(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_model *m = ((cat_model *const *)items)[i];
  bool table_function = m->table_function != CATALOG_NO_FUNCTION;
  return OBJECT({"name", text(m->name)}, {"table", text(table_function ? NULL : m->table)},
                {"table_function", json_boolean(table_function)}, {"client", text(m->client)},
                {"client_function", json_boolean(m->client_function != CATALOG_NO_FUNCTION)},
                {"primary_key", key_of(m->primary_key)}, {"instance_column", text(m->instance_column)},
                {"soft_delete", text(m->soft_delete)},
                {"timestamps", OBJECT({"created", text(m->created)}, {"updated", text(m->updated)})},
                {"parts", list_of(one_part, m->parts, m->nparts, NULL)}, {"types", types_of(m)},
                {"source", where_at(m->at)}, {"relations", list_of(one_relation, m->relations, m->nrelations, NULL)});
}

/* ---- rules ---- */

static json_t *one_pattern(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_pattern *p = &((const cat_pattern *)items)[i];
  buf b = {0};
  buf_add(&b, p->text, p->size);
  if (p->prefix) buf_putc(&b, '*');
  json_t *made = b.failed ? NULL : text_n(b.data ? b.data : "", b.size);
  buf_free(&b);
  return made;
}

static json_t *conditions(const cat_rule *r) {
  static const char *const names[CAT_NDIMENSIONS] = {"model", "relation", "instance", "op", "client"};
  json_t *object = json_object();
  for (size_t d = 0; object && d < CAT_NDIMENSIONS; d++) {
    const cat_condition *c = &r->conditions[d];
    if (c->count == 0) continue;
    if (json_object_set_new_nocheck(object, names[d], list_of(one_pattern, c->patterns, c->count, NULL))) {
      json_decref(object);
      object = NULL;
    }
  }
  return object;
}

static json_t *one_rule(const void *items, size_t i, const void *more) {
  const cat_rule *r = ((cat_rule *const *)items)[i];
  const cat_rule_counts none = {0}, *counts = more ? (const cat_rule_counts *)more + r->id : &none;
  return OBJECT({"name", text(r->name)}, {"stage", text(cat_stage_name(r->stage))},
                {"standard", json_boolean(r->standard)}, {"priority", real(r->priority)}, {"conditions", conditions(r)},
                {"has_when", json_boolean(r->when_function != CATALOG_NO_FUNCTION)}, {"client", text(r->client)},
                {"client_function", json_boolean(r->client_function != CATALOG_NO_FUNCTION)}, {"deny", text(r->deny)},
                {"has_check", json_boolean(r->check_function != CATALOG_NO_FUNCTION)},
                {"source", r->source ? text(r->source) : where_at(r->at)},
                {"asked", json_integer((json_int_t)counts->asked)},
                {"decided", json_integer((json_int_t)counts->decided)});
}

/* ---- attributes and columns ---- */

static json_t *one_value(const void *items, size_t i, const void *more) {
  (void)more;
  return value_of(&((const shunt_value *)items)[i]);
}

static json_t *one_attribute(const void *items, size_t i, const void *more) {
  (void)more;
  const cat_attribute *a = &((const cat_attribute *)items)[i];
  return OBJECT({"name", text(a->name)}, {"type", text(cat_attribute_type_name(a->type))},
                {"values", list_of(one_value, a->values, a->nvalues, NULL)});
}

static json_t *one_use(const void *items, size_t i, const void *more) {
  static const char *const kinds[] = {"read", "equal", "order", "prefix", "parts", "buckets"};
  (void)more;
  const cat_use *u = &((const cat_use *)items)[i];
  return OBJECT({"field", text(*u->path ? u->path : NULL)}, {"kind", text(kinds[u->kind])},
                {"value", value_of(&u->value)}, {"source", u->at.line ? where_at(u->at) : json_null()});
}

/* ---- all of it ---- */

static json_t *one_path(const void *paths, size_t i, const void *more) {
  (void)more;
  return text(((const char *const *)paths)[i]);
}

static json_t *jobs_of(const catalog *c) {
  const cat_jobs *jobs = &c->jobs;
  return OBJECT({"client", jobs->own ? json_null() : text(jobs->client ? jobs->client->name : NULL)},
                {"path", list_of(one_path, jobs->paths, jobs->npaths, NULL)},
                {"lease_ms", json_integer((json_int_t)c->settings.lease_ms)});
}

shunt_status catalog_describe(const catalog *c, uint64_t generation, const cat_rule_counts *counts, char **json,
                              shunt_error *err) {
  json_t *all = OBJECT(
      {"generation", json_integer((json_int_t)generation)}, {"env", text(c->env)},
      {"default_client", text(c->default_client)},
      {"isolation", text(c->settings.strict_isolation ? "strict" : "loose")},
      {"clients", list_of(one_client, c->clients, c->nclients, NULL)},
      {"instances", list_of(one_instance, c->instances, c->ninstances, NULL)},
      {"models", list_of(one_model, c->models, c->nmodels, NULL)}, {"jobs", jobs_of(c)},
      {"attributes", c->closed_attributes ? list_of(one_attribute, c->attributes, c->nattributes, NULL) : json_null()},
      {"uses", list_of(one_use, c->uses.list, c->uses.count, NULL)}, {"uses_cut", json_boolean(c->uses.cut)},
      {"rules", list_of(one_rule, c->rules, c->nrules, counts)});
  char *dumped = all ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
  json_decref(all);
  char *own = dumped ? base_strdup(dumped) : NULL;
  free(dumped);
  if (!own) return error_memory(err);
  *json = own;
  return SHUNT_OK;
}
