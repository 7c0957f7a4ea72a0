#include <string.h>

#include "base/alloc.h"
#include "catalog/build.h"
#include "catalog/report.h"

static void fill_isolation(builder *b, cat_instance *instance, const node *body) {
  const node *name = build_get(body, "isolateClient");
  if (instance->isolate && build_misses(body, &schema_instance, "isolateClient"))
    report(b->p, SHUNT_E_CONFIG, instance->at, "the isolated instance '%s' has no isolateClient: name its client",
           instance->name);
  if (instance->isolate && build_misses(body, &schema_instance, "id"))
    report(b->p, SHUNT_E_CONFIG, instance->at, "the isolated instance '%s' has no id: give it one", instance->name);
  if (!node_is_text(name)) return;
  const cat_client *client = catalog_client(b->c, name->value.as.bytes);
  if (!client)
    build_not_found(
        b, name,
        &(build_reference){"instance", instance->name, instance->at, "isolateClient", "client", &b->c->client_names});
  else if (instance->isolate)
    instance->isolate_client = client;
}

/* The key in the map is the bytes of the id. */
static bool fill_number(builder *b, cat_instance *instance, const node *body, map *numbers) {
  const node *id = node_get(body, "id");
  if (!id || id->kind != NODE_VALUE || id->value.type != SHUNT_INTEGER) return true;
  instance->has_number = true;
  instance->number = id->value.as.integer;
  const char *key = (const char *)&instance->number;
  const cat_instance *first = map_get_n(numbers, key, sizeof instance->number);
  if (!first) return map_put_n(numbers, key, sizeof instance->number, instance);
  shown s;
  report(b->p, SHUNT_E_CONFIG, id->at.line ? id->at : instance->at,
         "the instance '%s' has the id %s of the instance '%s'", instance->name, show_value(id, "id", &s), first->name);
  return true;
}

static bool fill_instance(builder *b, cat_instance *instance, const node *body, map *numbers) {
  SCHEMA_FILL(&schema_instance, body, cat_instance, instance);
  if (!instance->title) instance->title = *instance->name ? instance->name : "Default";
  const node *config = build_get(body, "config");
  if (config && config->kind == NODE_MAP) {
    instance->config = node_without_nulls(b->a, config); /* the nulls have unset what an overlay wanted to unset */
    if (!instance->config) return false;
  }
  fill_isolation(b, instance, body);
  return fill_number(b, instance, body, numbers);
}

static cat_instance *add_instance(builder *b, const char *name, place at) {
  catalog *c = b->c;
  cat_instance *instance = arena_new(b->a, cat_instance);
  if (!instance) return NULL;
  instance->name = name;
  instance->at = at;
  instance->title = "Default";
  instance->id = (uint32_t)c->ninstances;
  c->instances[c->ninstances++] = instance;
  return map_put(&c->instance_names, name, instance) ? instance : NULL;
}

static bool add_instances(builder *b, const build_things *things, map *numbers) {
  b->c->instances = arena_array(b->a, cat_instance *, things->count + 1);
  if (!b->c->instances) return false;
  for (size_t i = 0; i < things->count; i++) {
    const build_thing *t = &things->list[i];
    if (!t->body) continue;
    cat_instance *instance = add_instance(b, t->name, t->at);
    if (!instance || !fill_instance(b, instance, t->body, numbers)) return false;
  }
  if (catalog_instance(b->c, "")) return true;
  const node *config = b->source->config;
  return add_instance(b, "", config ? config->at : (place){0}) != NULL;
}

bool build_instances(builder *b) {
  build_things things;
  map numbers = {0};
  const node *section = build_get(b->source->config, "instance");
  bool fine =
      build_join(b, "instance", &b->source->instances, build_get(section, "instances"), &schema_instance, &things) &&
      add_instances(b, &things, &numbers);
  map_free(&numbers);
  build_things_free(&things);
  return fine;
}
