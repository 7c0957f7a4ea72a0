#include "catalog/build.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "catalog/overlay.h"
#include "catalog/report.h"

enum { MOST_SUGGESTIONS = 200 };

/* ---- values ---- */

const node *build_get(const node *from, const char *key) {
  const node *n = node_get(from, key);
  return node_is_null(n) ? NULL : n;
}

static const node *value_of(const node *from, const char *key, shunt_type type) {
  const node *n = node_get(from, key);
  return n && n->kind == NODE_VALUE && n->value.type == type ? n : NULL;
}

const char *build_text(const node *from, const char *key, const char *otherwise) {
  const node *n = value_of(from, key, SHUNT_TEXT);
  return n ? n->value.as.bytes : otherwise;
}

bool build_bool(const node *from, const char *key, bool otherwise) {
  const node *n = value_of(from, key, SHUNT_BOOL);
  return n ? n->value.as.boolean : otherwise;
}

int64_t build_integer(const node *from, const char *key, int64_t otherwise) {
  const node *n = value_of(from, key, SHUNT_INTEGER);
  return n ? n->value.as.integer : otherwise;
}

int64_t build_duration_ms(const node *from, const char *key, int64_t otherwise) {
  const char *text = build_text(from, key, "");
  int64_t ms;
  return cat_parse_duration_ms(text, &ms) ? ms : otherwise;
}

int build_function(const node *from, const char *key) {
  const node *n = node_get(from, key);
  return n && n->kind == NODE_FUNCTION ? n->function : CATALOG_NO_FUNCTION;
}

/* ---- names ---- */

const char *build_near(builder *b, const char *name, const map *names, suggest *s) {
  *s = suggest_for(name);
  if (b->suggestions_left == 0) return "";
  b->suggestions_left--;
  for (size_t i = 0; i < names->count; i++) suggest_try(s, names->entries[i].key);
  return suggest_text(s);
}

void build_not_found(builder *b, const node *n, place at, const char *what, const char *name, const char *key,
                     const char *kind, const map *names) {
  suggest near;
  shown s;
  char subject[160];
  if (names == &b->c->client_names && b->clients_hidden) return;
  bool yaml = n->at.column > 0;
  /* what came out of ${} may be a secret, and even a near name would tell of it */
  const char *hint = n->raw || n->secret || !node_is_text(n) ? "" : build_near(b, n->value.as.bytes, names, &near);
  if (name)
    snprintf(subject, sizeof subject, "%s '%s'", what, name);
  else
    snprintf(subject, sizeof subject, "%s", what);
  report(b->p, yaml ? SHUNT_E_CONFIG : SHUNT_E_NOT_FOUND, n->at.line ? n->at : at,
         "%s: %s names the %s '%s', which is not defined%s", subject, key, kind, show_value(n, key, &s), hint);
}

bool build_misses(const node *from, const schema *s, const char *key) {
  return !build_get(from, key) && !schema_misspells(from, s, key);
}

bool build_name(builder *b, const char *what, const char *name, place at, const char *not_in) {
  const char *bad = strpbrk(name, not_in);
  if (*name && !bad) return true;
  if (*name == 0)
    report(b->p, SHUNT_E_CONFIG, at, "a %s needs a name", what);
  else
    report(b->p, SHUNT_E_CONFIG, at, "the name of the %s '%s' must not hold a '%c'", what, name, *bad);
  return false;
}

/* ---- joining ---- */

void build_things_free(build_things *t) { map_free(&t->names); }

static bool add_declaration(builder *b, const char *what, const cat_declaration *d, const schema *s,
                            build_things *out) {
  char label[160];
  snprintf(label, sizeof label, "%s '%s'", what, d->name);
  schema_check(b->p, d->body, s, label, true);
  const build_thing *first = map_get(&out->names, d->name);
  if (first) {
    report(b->p, SHUNT_E_CONFIG, d->at, "%s is declared twice: the first one is at %s:%d", label, first->at.file,
           first->at.line);
    return true;
  }
  build_thing *thing = &out->list[out->count++];
  *thing = (build_thing){d->name, d->body, d->at, true, d->standard};
  if (d->body->kind != NODE_MAP) { /* a table of Lua without entries, or a mistake that was told */
    thing->body = node_map(b->a, d->at);
    if (!thing->body) return false;
  }
  return map_put(&out->names, d->name, thing);
}

static bool add_configured(builder *b, const node_entry *e, build_things *out) {
  build_thing *thing = map_get(&out->names, e->key);
  node *body = e->value;
  if (body->kind != NODE_MAP && !node_is_null(body)) return true; /* the schema has told */
  if (thing) {
    thing->body = node_is_null(body) ? NULL : overlay_on(b->a, thing->body, body);
    return thing->body || node_is_null(body);
  }
  if (node_is_null(body)) return true;
  thing = &out->list[out->count++];
  *thing = (build_thing){e->key, body, e->at, false, false};
  return map_put(&out->names, e->key, thing);
}

bool build_join(builder *b, const char *what, const cat_declarations *declared, const node *config, const schema *s,
                build_things *out) {
  *out = (build_things){0};
  size_t nconfig = config && config->kind == NODE_MAP ? config->count : 0;
  out->list = arena_array(b->a, build_thing, declared->count + nconfig + 1);
  if (!out->list) return false;
  for (size_t i = 0; i < declared->count; i++)
    if (!add_declaration(b, what, &declared->list[i], s, out)) return false;
  for (size_t i = 0; i < nconfig; i++)
    if (!add_configured(b, &config->entries[i], out)) return false;
  return true;
}

/* ---- the whole ---- */

enum { SLOW_STATEMENT_MS = 1000, SLOW_RULE_MS = 10 };

static bool fill(builder *b) {
  catalog *c = b->c;
  const node *config = b->source->config;
  c->env = b->source->env;
  c->folder = b->source->folder;
  c->merged = config;
  const char *isolation = build_text(node_get(config, "instance"), "isolation", "loose");
  c->strict_isolation = strcmp(isolation, "strict") == 0;
  const node *events = node_get(config, "events");
  c->slow = (cat_slow){.statement_ms = build_duration_ms(events, "slowStatement", SLOW_STATEMENT_MS),
                       .rule_ms = build_duration_ms(events, "slowRule", SLOW_RULE_MS)};
  return build_clients(b) && build_jobs(b) && build_instances(b) && build_models(b) && build_rules(b);
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
  catalog_source_free(source);
  report_settle(p, since);
  shunt_status status = p->out_of_memory ? SHUNT_E_MEMORY : problems_status(p, NULL);
  if (status == SHUNT_OK)
    *out = c;
  else
    catalog_free(c);
  return status;
}
