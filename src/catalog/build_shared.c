#include <stdio.h>
#include <string.h>

#include "catalog/build.h"
#include "catalog/connection.h"
#include "catalog/overlay.h"
#include "catalog/report.h"
#include "catalog/table_name.h"

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

int64_t build_integer(const node *from, const char *key, int64_t otherwise) {
  const node *n = value_of(from, key, SHUNT_INTEGER);
  return n ? n->value.as.integer : otherwise;
}

const char *build_table(builder *b, const node *from, const char *subject, place at, const char *otherwise) {
  shunt_error err;
  const char *table = otherwise;
  const node *n = build_get(from, "table");
  if (!n || n->kind == NODE_FUNCTION || (n->kind == NODE_VALUE && !(node_is_text(n) && n->value.size))) return table;
  shunt_status status = table_name_from(b->a, n, &table, &err);
  if (status == SHUNT_E_MEMORY) b->p->out_of_memory = true;
  if (status) report(b->p, SHUNT_E_CONFIG, n->at.line ? n->at : at, "%s: %s", subject, err.message);
  return status ? otherwise : table;
}

int build_function(const node *from, const char *key) {
  const node *n = node_get(from, key);
  return n && n->kind == NODE_FUNCTION ? n->function : CATALOG_NO_FUNCTION;
}

/* ---- paths ---- */

const char *build_folder(builder *b, const node *n) {
  const char *slash = n->at.file ? strrchr(n->at.file, '/') : NULL;
  /* the names of rule files are relative to the app config's folder, those of YAML files to the working folder */
  const char *folder = n->at.column == 0 && n->at.file && n->at.file[0] != '/' ? b->source->folder : "";
  return arena_printf(b->a, "%s%.*s", folder, slash ? (int)(slash + 1 - n->at.file) : 0, n->at.file);
}

const char *build_path(builder *b, const node *n) {
  const char *path = n->value.as.bytes;
  if (path[0] == '/' || !*path) return path;
  const char *folder = build_folder(b, n);
  return folder ? arena_printf(b->a, "%s%s", folder, path) : NULL;
}

/* ---- names ---- */

const char *build_near(builder *b, const char *name, const map *names, suggest *s) {
  *s = suggest_for(name);
  if (b->suggestions_left == 0) return "";
  b->suggestions_left--;
  for (size_t i = 0; i < names->count; i++) suggest_try(s, names->entries[i].key);
  return suggest_text(s);
}

void build_not_found(builder *b, const node *n, const build_reference *r) {
  suggest near;
  shown s;
  char subject[160];
  if (r->names == &b->c->client_names && b->clients_hidden) return;
  bool yaml = n->at.column > 0;
  /* a value from ${} may be secret, and a near name would reveal a part of it */
  const char *hint = n->raw || n->secret || !node_is_text(n) ? "" : build_near(b, n->value.as.bytes, r->names, &near);
  if (r->name)
    snprintf(subject, sizeof subject, "%s '%s'", r->what, r->name);
  else
    snprintf(subject, sizeof subject, "%s", r->what);
  report(b->p, yaml ? SHUNT_E_CONFIG : SHUNT_E_NOT_FOUND, n->at.line ? n->at : r->at,
         "%s: %s names the %s '%s', which is not defined%s", subject, r->key, r->kind, show_value(n, r->key, &s), hint);
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
    report(b->p, SHUNT_E_CONFIG, at, "the name of the %s '%s' must not contain a '%c'", what, name, *bad);
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
  if (d->body->kind != NODE_MAP) { /* an empty table of Lua, or a mistake that schema_check reports */
    thing->body = node_map(b->a, d->at);
    if (!thing->body) return false;
  }
  return map_put(&out->names, d->name, thing);
}

static bool add_configured(builder *b, const node_entry *e, const schema *s, build_things *out) {
  build_thing *thing = map_get(&out->names, e->key);
  node *body = e->value;
  if (body->kind != NODE_MAP && !node_is_null(body)) return true; /* schema_check reports it */
  if (thing) {
    node *(*lay)(arena *, node *, node *) = s == &schema_client ? client_overlay : overlay_on;
    thing->body = node_is_null(body) ? NULL : lay(b->a, thing->body, body);
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
    if (!add_configured(b, &config->entries[i], s, out)) return false;
  return true;
}
