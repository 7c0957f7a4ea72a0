#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"

static bool client_is_known(const builder *b, const char *name) {
  return strcmp(name, CATALOG_DEFAULT) == 0 || catalog_client(b->c, name);
}

static const char *const type_names[] = {
#define TYPE_NAME(name, text) text,
    CAT_TYPE_MAP(TYPE_NAME)
#undef TYPE_NAME
};

const char *cat_type_name(cat_type type) { return type_names[type]; }

static void add_type(builder *b, const cat_model *model, const node *word, cat_typed *typed) {
  const char *text = node_is_text(word) ? word->value.as.bytes : "";
  suggest near = suggest_for(text);
  for (int i = 0; i < CAT_NTYPES; i++) {
    if (strcmp(type_names[i], text) == 0) {
      typed->type = (cat_type)i;
      return;
    }
    suggest_try(&near, type_names[i]);
  }
  report(b->p, SHUNT_E_CONFIG, word->at,
         "model '%s', types: '%s' is not a type of the column '%s'%s; give integer, "
         "number, decimal, boolean, text, blob, date, time, datetime, json or uuid",
         model->name, text, typed->column, suggest_text(&near));
}

static void fill_types(builder *b, cat_model *model, const node *types) {
  if (!types || types->kind != NODE_MAP) return;
  cat_typed *list = arena_array(b->a, cat_typed, types->count);
  if (!list) {
    b->p->out_of_memory = true;
    return;
  }
  for (size_t i = 0; i < types->count; i++) {
    list[model->ntypes] = (cat_typed){.column = types->entries[i].key};
    add_type(b, model, types->entries[i].value, &list[model->ntypes++]);
  }
  model->types = list;
}

/* False when out of memory. */
static bool fill_model(builder *b, cat_model *model, const node *body) {
  const node *client = build_get(body, "client");
  const char *label = arena_printf(b->a, "model '%s'", model->name);
  if (!label) return false;
  SCHEMA_FILL(&schema_model, body, cat_model, model);
  fill_types(b, model, build_get(body, "types"));
  model->table_function = build_function(body, "table");
  model->table =
      model->table_function == CATALOG_NO_FUNCTION ? build_table(b, body, label, model->at, model->name) : NULL;
  model->client_function = build_function(body, "client");
  if (model->client && !client_is_known(b, model->client))
    build_not_found(b, client,
                    &(build_reference){"model", model->name, model->at, "client", "client", &b->c->client_names});
  if (!build_key(b, body, "primary_key", label, model->primary_key)) return false;
  if (!model->primary_key[0]) model->primary_key[0] = "id";
  return true;
}

/* Whether a model that only the config knows is meant: with a table it is a model, without a table it is a misspelt
 * name. */
static bool is_meant(builder *b, const build_thing *t, const map *declared) {
  if (t->declared || !build_misses(t->body, &schema_model, "table")) return true;
  suggest near;
  const char *hint = build_near(b, t->name, declared, &near);
  report(b->p, SHUNT_E_CONFIG, t->at, "no rule file declares the model '%s', and it has no table here%s", t->name,
         hint);
  return false;
}

static bool add_models(builder *b, const build_things *things, const map *declared) {
  catalog *c = b->c;
  c->models = arena_array(b->a, cat_model *, things->count + 1);
  if (!c->models) return false;
  for (size_t i = 0; i < things->count; i++) {
    const build_thing *t = &things->list[i];
    if (!t->body || !is_meant(b, t, declared)) continue;
    cat_model *model = arena_new(b->a, cat_model);
    if (!model) return false;
    build_name(b, "model", t->name, t->at, ".*");
    model->name = t->name;
    model->id = (uint32_t)c->nmodels;
    model->at = t->at;
    if (!fill_model(b, model, t->body) || !build_parts(b, model, build_get(t->body, "parts"))) return false;
    c->models[c->nmodels++] = model;
    if (!map_put(&c->model_names, t->name, model)) return false;
  }
  return true;
}

static bool add_relations(builder *b, const build_things *things) {
  size_t most = 0;
  for (size_t i = 0; i < things->count; i++) {
    const node *relations = node_get(things->list[i].body, "relations");
    if (relations && relations->kind == NODE_MAP) most += relations->count;
  }
  b->c->relations = arena_array(b->a, cat_relation *, most + 1);
  if (!b->c->relations) return false;
  for (size_t i = 0; i < things->count; i++) {
    const build_thing *t = &things->list[i];
    cat_model *model = map_get(&b->c->model_names, t->name);
    const node *relations = build_get(t->body, "relations");
    if (!model || !relations || relations->kind != NODE_MAP) continue;
    if (!build_relations(b, model, relations)) return false;
  }
  return true;
}

bool build_models(builder *b) {
  build_things things;
  map declared = {0};
  const node *config = build_get(b->source->config, "models");
  bool fine = build_join(b, "model", &b->source->models, config, &schema_model, &things);
  for (size_t i = 0; fine && i < things.count; i++)
    if (things.list[i].declared) fine = map_put(&declared, things.list[i].name, &things.list[i]);
  fine = fine && add_models(b, &things, &declared) && add_relations(b, &things);
  map_free(&declared);
  build_things_free(&things);
  return fine;
}
