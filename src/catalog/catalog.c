#include "catalog/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/ascii.h"

const char *cat_stage_name(cat_stage stage) {
  switch (stage) {
#define NAME(name, text)                                                                                               \
  case CAT_STAGE_##name:                                                                                               \
    return text;
    CAT_STAGE_MAP(NAME)
#undef NAME
  case CAT_NSTAGES:
    break;
  }
  return "";
}

const cat_engine_traits *cat_engine_of(cat_engine engine) {
  static const cat_engine_traits rows[] = {
#define ROW(symbol, text, ...) [CAT_##symbol] = {.name = #text, __VA_ARGS__},
      CAT_ENGINE_MAP(ROW)
#undef ROW
  };
  return &rows[engine];
}

const char *cat_engine_name(cat_engine engine) { return cat_engine_of(engine)->name; }

/* ---- owners ---- */

bool cat_declare(cat_declarations *to, cat_declaration what) {
  if (!base_grow(&to->list, &to->capacity, to->count + 1, sizeof *to->list)) return false;
  to->list[to->count++] = what;
  return true;
}

void catalog_source_free(catalog_source *source) {
  if (!source) return;
  base_free(source->datasources.list);
  base_free(source->instances.list);
  base_free(source->models.list);
  base_free(source->rules.list);
  arena_free(&source->arena);
  memset(source, 0, sizeof *source);
}

void catalog_free(catalog *c) {
  if (!c) return;
  map_free(&c->client_names);
  map_free(&c->instance_names);
  map_free(&c->model_names);
  map_free(&c->relation_names);
  map_free(&c->attribute_names);
  arena_free(&c->arena);
  base_free(c);
}

/* ---- lookups ---- */

const cat_client *catalog_client(const catalog *c, const char *name) { return map_get(&c->client_names, name); }
const cat_instance *catalog_instance(const catalog *c, const char *name) { return map_get(&c->instance_names, name); }
const cat_model *catalog_model(const catalog *c, const char *name) { return map_get(&c->model_names, name); }
const cat_relation *catalog_relation(const catalog *c, const char *full_name) {
  return map_get(&c->relation_names, full_name);
}

suggest cat_model_suggest(const cat_model *m, const char *name) {
  suggest near = suggest_for(name);
  for (size_t i = 0; i < m->nrelations; i++) suggest_try(&near, m->relations[i]->as.name);
  return near;
}

const cat_relation *cat_model_relation(const cat_model *m, const char *name) {
  for (size_t i = 0; i < m->nrelations; i++)
    if (strcmp(m->relations[i]->as.name, name) == 0) return m->relations[i];
  return NULL;
}

static shunt_status found(const map *names, const char *what, const char *name, const void *thing, shunt_error *err) {
  if (thing) return SHUNT_OK;
  suggest near = suggest_for(name);
  for (size_t i = 0; i < names->count; i++) suggest_try(&near, names->entries[i].key);
  return error_set(err, SHUNT_E_NOT_FOUND, "there is no %s '%s'%s", what, name, suggest_text(&near));
}

shunt_status catalog_find_client(const catalog *c, const char *name, const cat_client **out, shunt_error *err) {
  *out = catalog_client(c, name);
  return found(&c->client_names, "client", name, *out, err);
}

shunt_status catalog_find_instance(const catalog *c, const char *name, const cat_instance **out, shunt_error *err) {
  *out = catalog_instance(c, name);
  return found(&c->instance_names, "instance", name, *out, err);
}

shunt_status catalog_find_model(const catalog *c, const char *name, const cat_model **out, shunt_error *err) {
  *out = catalog_model(c, name);
  return found(&c->model_names, "model", name, *out, err);
}

shunt_status catalog_find_relation(const catalog *c, const char *full_name, const cat_relation **out,
                                   shunt_error *err) {
  *out = catalog_relation(c, full_name);
  return found(&c->relation_names, "relation", full_name, *out, err);
}

bool cat_same_column(const char *a, const char *b) {
  if (*a == *b && strcmp(a, b) == 0) return true; /* as most are written */
  while (*a && (*a == *b || ascii_lower(*a) == ascii_lower(*b))) a++, b++;
  return *a == *b;
}

/* ---- units ---- */

typedef struct unit {
  const char *name;
  int64_t factor;
} unit;

static bool parse_with_unit(const char *text, const unit *units, size_t nunits, int64_t *value) {
  int64_t number = 0;
  const char *at = text;
  for (; *at >= '0' && *at <= '9'; at++) {
    if (number > (INT64_MAX - 9) / 10) return false;
    number = number * 10 + (*at - '0');
  }
  if (at == text) return false;
  for (size_t i = 0; i < nunits; i++) {
    if (strcmp(units[i].name, at) != 0) continue;
    if (number > INT64_MAX / units[i].factor) return false;
    *value = number * units[i].factor;
    return true;
  }
  return false;
}

bool cat_parse_duration_ms(const char *text, int64_t *ms) {
  static const unit units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
  return parse_with_unit(text, units, sizeof units / sizeof *units, ms);
}

bool cat_parse_size_bytes(const char *text, int64_t *bytes) {
  static const unit units[] = {{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  return parse_with_unit(text, units, sizeof units / sizeof *units, bytes);
}

/* ---- secrets ---- */

static bool ends_in(const char *text, const char *end) {
  size_t size = strlen(text), tail = strlen(end);
  return size >= tail && strcmp(text + size - tail, end) == 0;
}

static bool is_one_of(const char *text, const char *const *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(text, list[i]) == 0) return true;
  return false;
}

bool cat_secret_key(const char *key) {
  static const char *const parts[] = {"password", "passwd", "passphrase", "passwort", "secret", "token", "credential"};
  static const char *const wholes[] = {"pass", "pw", "pwd"};
  /* these name columns, not cryptographic keys */
  static const char *const harmless[] = {"key", "primarykey", "foreignkey", "throughkey"};
  char plain[128]; /* api_key, api-key, apiKey and API.KEY are the same */
  size_t size = 0;
  for (; *key && size + 1 < sizeof plain; key++)
    if (*key != '_' && *key != '-' && *key != '.' && *key != ' ') plain[size++] = ascii_lower(*key);
  plain[size] = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (strstr(plain, parts[i])) return true;
  if (is_one_of(plain, wholes, sizeof wholes / sizeof *wholes)) return true;
  if (ends_in(plain, "publickey")) return false; /* or whether to ask the server for it */
  return ends_in(plain, "key") && !is_one_of(plain, harmless, sizeof harmless / sizeof *harmless);
}
