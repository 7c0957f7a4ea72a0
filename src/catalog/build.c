#include "catalog/build.h"

#include "base/alloc.h"
#include "base/map.h"
#include "catalog/report.h"

enum { MOST_SUGGESTIONS = 200 };

static bool fill(builder *b) {
  catalog *c = b->c;
  const node *config = b->source->config;
  c->env = b->source->env;
  c->folder = b->source->folder;
  c->merged = config;
  c->settings = b->source->settings;
  return build_clients(b) && build_servers(b) && build_jobs(b) && build_instances(b) && build_identifiers(b) &&
         build_models(b) && build_rules(b) && build_attributes(b);
}

/* The hashes that a map keeps differ between processes. */
static uint64_t sum_of(const map *names) {
  uint64_t sum = names->count;
  for (size_t i = 0; i < names->count; i++) sum += map_hash(names->entries[i].key, names->entries[i].size);
  return sum;
}

static uint64_t names_of(const catalog *c) {
  return ((sum_of(&c->client_names) * 31 + sum_of(&c->model_names)) * 31 + sum_of(&c->relation_names)) * 31 +
         sum_of(&c->attribute_names);
}

shunt_status catalog_build(catalog_source *source, problems *p, catalog **out) {
  *out = NULL;
  size_t since = p->count;
  catalog *c = base_zalloc(sizeof *c);
  if (!c) {
    p->out_of_memory = true;
    catalog_source_free(source);
    return SHUNT_E_MEMORY;
  }
  c->arena = source->arena;
  source->arena = (arena){0};
  builder b = {.c = c, .a = &c->arena, .p = p, .source = source, .suggestions_left = MOST_SUGGESTIONS};
  if (!fill(&b)) p->out_of_memory = true;
  c->names = names_of(c);
  catalog_source_free(source);
  report_settle(p, since);
  shunt_status status = p->out_of_memory ? SHUNT_E_MEMORY : problems_status(p, NULL);
  if (status == SHUNT_OK)
    *out = c;
  else
    catalog_free(c);
  return status;
}
