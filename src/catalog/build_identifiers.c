/* Whether the identifiers that sessions will make of their instances (`session: {search_path: "${instance}"}`) are
 * names of the tenants' own. What only an attribute decides, the session itself finds. */
#include <inttypes.h>

#include "catalog/build.h"
#include "catalog/identifiers.h"
#include "catalog/report.h"

/* One list, filled in for one instance. */
typedef struct trial {
  builder *b;
  const cat_client *client;
  const cat_variable *variable;
  const cat_instance *instance;
} trial;

/* An unknown value has one byte at least. x begins no name that PostgreSQL reserves. */
static shunt_status put(void *ud, const template_piece *placeholder, buf *to) {
  const trial *t = ud;
  if (placeholder->is == CAT_INSTANCE_NAME)
    buf_puts(to, t->instance->name);
  else if (placeholder->is == CAT_INSTANCE_NUMBER && t->instance->has_number)
    buf_printf(to, "%" PRId64, t->instance->number);
  else if (placeholder->is == CAT_ENVIRONMENT)
    buf_puts(to, t->b->c->env);
  else
    buf_putc(to, 'x');
  return SHUNT_OK;
}

static shunt_status refuse(void *ud, const char *name, const char *why) {
  const trial *t = ud;
  report(
      t->b->p, SHUNT_E_CONFIG, t->instance->at,
      "session.%s of the client '%s' makes of the instance '%s' the name '%.100s', which %s; give the instance another "
      "name",
      t->variable->name, t->client->name, t->instance->name, name, why);
  return SHUNT_E_CONFIG;
}

static void try_variable(trial *t) {
  buf list = {0};
  identifiers_fill(&(identifiers){t, put, refuse}, t->variable->value.as.bytes, &list);
  if (list.failed) t->b->p->out_of_memory = true;
  buf_free(&list);
}

static bool differs(const cat_variable *v) {
  return v->is_list && v->value.type == SHUNT_TEXT && !template_is_fixed(v->value.as.bytes);
}

static void try_client(builder *b, const cat_client *client, const cat_instance *instance) {
  for (size_t i = 0; i < client->nvariables; i++)
    if (differs(&client->variables[i])) try_variable(&(trial){b, client, &client->variables[i], instance});
}

/* The session of the default instance has no name to give, which is refused when it needs one. */
static void try_instances(builder *b, const trial *t) {
  for (size_t i = 0; i < b->c->ninstances; i++) {
    const cat_instance *instance = b->c->instances[i];
    if (!instance->isolate && *instance->name) try_variable(&(trial){b, t->client, t->variable, instance});
  }
}

/* Clones have the text of their original: each text is tried once. */
static bool try_shared(builder *b, map *tried) {
  for (size_t i = 0; i < b->c->nclients; i++) {
    const cat_client *client = b->c->clients[i];
    for (size_t k = 0; k < client->nvariables; k++) {
      const cat_variable *v = &client->variables[k];
      if (!differs(v) || map_get(tried, v->value.as.bytes)) continue;
      if (!map_put(tried, v->value.as.bytes, (void *)v)) return false;
      try_instances(b, &(trial){b, client, v, NULL});
    }
  }
  return true;
}

bool build_identifiers(builder *b) {
  map tried = {0};
  const bool fine = try_shared(b, &tried);
  for (size_t i = 0; i < b->c->ninstances; i++)
    if (b->c->instances[i]->isolate_client) try_client(b, b->c->instances[i]->isolate_client, b->c->instances[i]);
  map_free(&tried);
  return fine;
}
