/* For: what the code behind a catalog relies on, whatever the application says.
 * Use: if (!catalog_build(&source, &found, &c)) complete_check(c); */
#ifndef TESTS_FUZZ_COMPLETE_H
#define TESTS_FUZZ_COMPLETE_H

#include "catalog/catalog.h"
#include "fuzz/fuzz.h"

static inline void complete_check_client(const cat_client *client) {
  FUZZ_HOLDS(client->name[0], "a client without a name");
  FUZZ_HOLDS(client->filename || !cat_engine_of(client->engine)->file, "client '%s' has no file", client->name);
  FUZZ_HOLDS(client->pool.min >= 0 && client->pool.min <= client->pool.max && client->pool.max > 0,
             "client '%s' has a pool of %d to %d", client->name, client->pool.min, client->pool.max);
}

static inline void complete_check_relation(const cat_relation *r) {
  FUZZ_HOLDS(r->source && r->target && r->full_name && r->as.client, "relation '%s' leads nowhere", r->full_name);
}

static inline void complete_check_model(const cat_model *m) {
  FUZZ_HOLDS(m->name[0], "a model without a name");
  FUZZ_HOLDS((m->table && m->table[0]) || m->table_function != CATALOG_NO_FUNCTION, "model '%s' has no table", m->name);
  FUZZ_HOLDS(m->primary_key[0] && m->primary_key[0][0], "model '%s' has no key", m->name);
  for (size_t i = 0; i < m->nrelations; i++) complete_check_relation(m->relations[i]);
}

static inline void complete_check(const catalog *c) {
  FUZZ_HOLDS(c->default_client && catalog_client(c, c->default_client), "no default client");
  for (size_t i = 0; i < c->nclients; i++) complete_check_client(c->clients[i]);
  for (size_t i = 0; i < c->ninstances; i++)
    FUZZ_HOLDS(!c->instances[i]->isolate || c->instances[i]->isolate_client, "instance '%s' is isolated nowhere",
               c->instances[i]->name);
  for (size_t i = 0; i < c->nmodels; i++) complete_check_model(c->models[i]);
}

#endif
