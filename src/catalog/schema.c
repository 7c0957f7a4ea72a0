#include "catalog/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "catalog/catalog.h"
#include "catalog/report.h"

typedef enum field_type {
  TEXT,
  NAME,  /* text that is not empty */
  TEXTS, /* a text or a list of them */
  BOOLEAN,
  INTEGER, /* from bound on */
  COUNT,   /* an integer from 0 to bound */
  NUMBER,
  SHARE, /* a number from 0 to 1 */
  DURATION,
  SIZE,
  WORD,    /* one of words */
  SCALARS, /* a map of scalars */
  FREE,    /* any map */
  ANY,
  MAP,   /* of sub */
  NAMED, /* a map of names to maps of sub */
  MAPS,  /* a list of maps of sub */
  FUNCTION,
  TEXT_OR_FUNCTION, /* in YAML text */
  CONDITION         /* a map, looked into by where_from_node */
} field_type;

struct schema_field {
  const char *key;
  field_type type;
  const schema *sub;
  const char *const *words; /* ends in NULL */
  int64_t bound;            /* of an INTEGER or a COUNT */
};

/* ---- the keys ---- */

#define ANY_INTEGER INT64_MIN

static const char *const engines[] = {
#define ENGINE(symbol, name, ...) #name,
    CAT_ENGINE_MAP(ENGINE)
#undef ENGINE
        NULL};
static const char *const roles[] = {"primary", "replica", NULL};
static const char *const isolations[] = {"strict", "loose", NULL};
static const char *const kinds[] = {"has_one", "belongs_to", "has_many", "belongs_to_many", NULL};
#define STAGE_WORD(name, text) text,
static const char *const stages[] = {CAT_STAGE_MAP(STAGE_WORD) NULL};
#undef STAGE_WORD

static const schema_field pool_fields[] = {{"min", INTEGER, NULL, NULL, 0},
                                           {"max", INTEGER, NULL, NULL, 1},
                                           {"acquireTimeout", DURATION, NULL, NULL, 0},
                                           {"idleTimeout", DURATION, NULL, NULL, 0},
                                           {"maxLifetime", DURATION, NULL, NULL, 0},
                                           {NULL, ANY, NULL, NULL, 0}};
static const schema pool = {pool_fields};

static const schema_field client_fields[] = {{"engine", WORD, NULL, engines, 0}, {"connection", SCALARS, NULL, NULL, 0},
                                             {"pool", MAP, &pool, NULL, 0},      {"role", WORD, NULL, roles, 0},
                                             {"clone", NAME, NULL, NULL, 0},     {NULL, ANY, NULL, NULL, 0}};
const schema schema_client = {client_fields};

static const schema_field base_fields[] = {{"engine", WORD, NULL, engines, 0},
                                           {"connection", SCALARS, NULL, NULL, 0},
                                           {"pool", MAP, &pool, NULL, 0},
                                           {"role", WORD, NULL, roles, 0},
                                           {NULL, ANY, NULL, NULL, 0}};
static const schema base = {base_fields};

static const schema_field sqlite3_fields[] = {{"filename", NAME, NULL, NULL, 0},
                                              {"create", BOOLEAN, NULL, NULL, 0},
                                              {"readonly", BOOLEAN, NULL, NULL, 0},
                                              {"busyTimeout", DURATION, NULL, NULL, 0},
                                              {NULL, ANY, NULL, NULL, 0}};
const schema schema_sqlite3 = {sqlite3_fields};

static const schema_field database_fields[] = {{"defaultClient", NAME, NULL, NULL, 0},
                                               {"base", MAP, &base, NULL, 0},
                                               {"clients", NAMED, &schema_client, NULL, 0},
                                               {"maxLevel", COUNT, NULL, NULL, CATALOG_MOST_LEVELS},
                                               {NULL, ANY, NULL, NULL, 0}};
const schema schema_database = {database_fields};

static const schema_field entry_fields[] = {
    {"id", INTEGER, NULL, NULL, ANY_INTEGER}, {"title", TEXT, NULL, NULL, 0},  {"isolate", BOOLEAN, NULL, NULL, 0},
    {"isolateClient", NAME, NULL, NULL, 0},   {"config", FREE, NULL, NULL, 0}, {NULL, ANY, NULL, NULL, 0}};
const schema schema_instance = {entry_fields};

static const schema_field instance_fields[] = {{"isolation", WORD, NULL, isolations, 0},
                                               {"instances", NAMED, &schema_instance, NULL, 0},
                                               {NULL, ANY, NULL, NULL, 0}};
static const schema instance = {instance_fields};

static const schema_field relation_fields[] = {
    {"kind", WORD, NULL, kinds, 0},    {"target", NAME, NULL, NULL, 0},         {"foreign_key", NAME, NULL, NULL, 0},
    {"through", NAME, NULL, NULL, 0},  {"through_key", NAME, NULL, NULL, 0},    {"key", NAME, NULL, NULL, 0},
    {"client", NAME, NULL, NULL, 0},   {"through_client", NAME, NULL, NULL, 0}, {"table", NAME, NULL, NULL, 0},
    {"columns", TEXTS, NULL, NULL, 0}, {"where", CONDITION, NULL, NULL, 0},     {"order", TEXTS, NULL, NULL, 0},
    {"limit", INTEGER, NULL, NULL, 0}, {"autoload", BOOLEAN, NULL, NULL, 0},    {NULL, ANY, NULL, NULL, 0}};
const schema schema_relation = {relation_fields};

static const schema_field model_fields[] = {{"client", TEXT_OR_FUNCTION, NULL, NULL, 0},
                                            {"table", TEXT_OR_FUNCTION, NULL, NULL, 0},
                                            {"primary_key", NAME, NULL, NULL, 0},
                                            {"instance_column", NAME, NULL, NULL, 0},
                                            {"relations", NAMED, &schema_relation, NULL, 0},
                                            {NULL, ANY, NULL, NULL, 0}};
const schema schema_model = {model_fields};

static const schema_field expect_fields[] = {{"client", NAME, NULL, NULL, 0},
                                             {"table", NAME, NULL, NULL, 0},
                                             {"level", INTEGER, NULL, NULL, 0},
                                             {"denied", BOOLEAN, NULL, NULL, 0},
                                             {NULL, ANY, NULL, NULL, 0}};
static const schema expect = {expect_fields};

static const char *const ops[] = {"read", "write", NULL};
/* The type of each kind of field. */
#define TYPE_MODEL NAME, NULL, NULL
#define TYPE_RELATION NAME, NULL, NULL
#define TYPE_CLIENT NAME, NULL, NULL
#define TYPE_MODE NAME, NULL, NULL
#define TYPE_OP WORD, NULL, ops
#define TYPE_LEVEL INTEGER, NULL, NULL
#define TYPE_VALUES SCALARS, NULL, NULL
#define OPTION(kind, id, member, name, option) {option, TYPE_##kind, 0},
static const schema_field selftest_fields[] = {SHUNT_REQUEST_MAP(OPTION){"instance", TEXT, NULL, NULL, 0},
                                               {"attrs", SCALARS, NULL, NULL, 0},
                                               {"expect", MAP, &expect, NULL, 0},
                                               {NULL, ANY, NULL, NULL, 0}};
#undef OPTION
static const schema selftest = {selftest_fields};

static const schema_field rules_fields[] = {{"path", TEXTS, NULL, NULL, 0},
                                            {"standard", BOOLEAN, NULL, NULL, 0},
                                            {"instructions", INTEGER, NULL, NULL, 1},
                                            {"memory", SIZE, NULL, NULL, 0},
                                            {"timeout", DURATION, NULL, NULL, 0},
                                            {"remember", COUNT, NULL, NULL, CATALOG_MOST_REMEMBERED},
                                            {"audit", SHARE, NULL, NULL, 0},
                                            {"selftest", MAPS, &selftest, NULL, 0},
                                            {NULL, ANY, NULL, NULL, 0}};
static const schema rules = {rules_fields};

static const schema_field jobs_fields[] = {{"client", NAME, NULL, NULL, 0},
                                           {"path", TEXTS, NULL, NULL, 0},
                                           {"lease", DURATION, NULL, NULL, 0},
                                           {NULL, ANY, NULL, NULL, 0}};
static const schema jobs = {jobs_fields};

static const schema_field events_fields[] = {
    {"slowStatement", DURATION, NULL, NULL, 0}, {"slowRule", DURATION, NULL, NULL, 0}, {NULL, ANY, NULL, NULL, 0}};
static const schema events = {events_fields};

static const schema_field config_fields[] = {{"database", MAP, &schema_database, NULL, 0},
                                             {"instance", MAP, &instance, NULL, 0},
                                             {"models", NAMED, &schema_model, NULL, 0},
                                             {"rules", MAP, &rules, NULL, 0},
                                             {"jobs", MAP, &jobs, NULL, 0},
                                             {"events", MAP, &events, NULL, 0},
                                             {"watch", BOOLEAN, NULL, NULL, 0},
                                             {NULL, ANY, NULL, NULL, 0}};
const schema schema_config = {config_fields};

/* client and to have more than one form, which the stage decides on */
static const schema_field rule_fields[] = {
    {"stage", WORD, NULL, stages, 0},    {"priority", NUMBER, NULL, NULL, 0}, {"model", TEXTS, NULL, NULL, 0},
    {"relation", TEXTS, NULL, NULL, 0},  {"instance", TEXTS, NULL, NULL, 0},  {"op", TEXTS, NULL, NULL, 0},
    {"candidate", TEXTS, NULL, NULL, 0}, {"when", FUNCTION, NULL, NULL, 0},   {"client", ANY, NULL, NULL, 0},
    {"to", ANY, NULL, NULL, 0},          {"table", NAME, NULL, NULL, 0},      {"level", INTEGER, NULL, NULL, 0},
    {"deny", NAME, NULL, NULL, 0},       {"check", FUNCTION, NULL, NULL, 0},  {NULL, ANY, NULL, NULL, 0}};
const schema schema_rule = {rule_fields};

/* ---- the check ---- */

typedef struct path {
  const struct path *up;
  const char *key;
} path;

typedef struct checker {
  problems *p;
  bool lua;
} checker;

typedef struct path_text {
  char text[320];
} path_text;

static size_t write_path(const path *at, char *to, size_t room) {
  size_t used = at->up ? write_path(at->up, to, room) : 0;
  if (used + 2 >= room) return used;
  int n = snprintf(to + used, room - used, "%s%s", used ? "." : "", *at->key || !at->up ? at->key : "\"\"");
  used += n > 0 ? (size_t)n : 0;
  return used < room ? used : room - 1;
}

static const char *spell(const path *at, path_text *t) {
  t->text[0] = 0;
  write_path(at, t->text, sizeof t->text);
  return t->text[0] ? t->text : "the configuration";
}

static void wants(const checker *c, const node *n, const path *at, const char *what) {
  path_text t;
  const char *kind = node_kind_name(n);
  /* a plain number or boolean where text is meant is a matter of quotes, and so is the other way round */
  const char *hint = "";
  if (!c->lua && n->kind == NODE_VALUE && strstr(what, "text") && n->value.type != SHUNT_TEXT)
    hint = ": put it in quotes";
  if (n->raw && node_is_text(n) && !strstr(what, "text")) hint = ": a ${...} in quotes is text";
  report(c->p, SHUNT_E_CONFIG, n->at, "%s wants %s, not %s%s", spell(at, &t), what, kind, hint);
}

static bool holds_nul(const node *n) { return strlen(n->value.as.bytes) != n->value.size; }

static void check_text(const checker *c, const node *n, const path *at, bool may_be_empty) {
  path_text t;
  if (!node_is_text(n))
    wants(c, n, at, "text");
  else if (holds_nul(n))
    report(c->p, SHUNT_E_CONFIG, n->at, "%s holds a NUL character", spell(at, &t));
  else if (!may_be_empty && n->value.size == 0)
    report(c->p, SHUNT_E_CONFIG, n->at, "%s is empty", spell(at, &t));
}

static void check_texts(const checker *c, const node *n, const path *at) {
  if (node_is_text(n) || n->kind != NODE_LIST) {
    if (node_is_text(n))
      check_text(c, n, at, true);
    else if (!(c->lua && schema_is_empty(n)))
      wants(c, n, at, "text or a list of texts");
    return;
  }
  for (size_t i = 0; i < n->count; i++) check_text(c, n->items[i], at, true);
}

static void check_integer(const checker *c, const node *n, const path *at, int64_t least, int64_t most) {
  path_text t;
  if (n->kind != NODE_VALUE || n->value.type != SHUNT_INTEGER)
    wants(c, n, at,
          n->kind == NODE_VALUE && n->value.type == SHUNT_FLOAT ? "a whole number of at most 63 bits" : "an integer");
  else if (n->value.as.integer < least)
    report(c->p, SHUNT_E_CONFIG, n->at, "%s is at least %lld", spell(at, &t), (long long)least);
  else if (n->value.as.integer > most)
    report(c->p, SHUNT_E_CONFIG, n->at, "%s is at most %lld", spell(at, &t), (long long)most);
}

static bool is_number(const node *n) {
  return n->kind == NODE_VALUE &&
         (n->value.type == SHUNT_INTEGER || (n->value.type == SHUNT_FLOAT && isfinite(n->value.as.number)));
}

static void check_number(const checker *c, const node *n, const path *at) {
  if (!is_number(n)) wants(c, n, at, "a number");
}

static void check_share(const checker *c, const node *n, const path *at) {
  path_text t;
  if (!is_number(n)) {
    wants(c, n, at, "a number");
    return;
  }
  double share = n->value.type == SHUNT_INTEGER ? (double)n->value.as.integer : n->value.as.number;
  if (share < 0 || share > 1) report(c->p, SHUNT_E_CONFIG, n->at, "%s is a share, from 0 to 1", spell(at, &t));
}

static void check_unit(const checker *c, const node *n, const path *at, field_type type) {
  path_text t;
  shown s;
  const char *what = type == DURATION ? "a duration" : "a size";
  const char *like = type == DURATION ? "500ms, 5s, 2m or 1h" : "512KiB, 64MiB or 1GiB";
  int64_t ignored;
  if (n->kind == NODE_VALUE && (n->value.type == SHUNT_INTEGER || n->value.type == SHUNT_FLOAT)) {
    report(c->p, SHUNT_E_CONFIG, n->at, "%s wants %s with its unit, such as %s: a bare number says none", spell(at, &t),
           what, like);
  } else if (!node_is_text(n)) {
    path_text u;
    snprintf(u.text, sizeof u.text, "%s, such as %s", what, like);
    report(c->p, SHUNT_E_CONFIG, n->at, "%s wants %s, not %s", spell(at, &t), u.text, node_kind_name(n));
  } else if (holds_nul(n) || !(type == DURATION ? cat_parse_duration_ms(n->value.as.bytes, &ignored)
                                                : cat_parse_size_bytes(n->value.as.bytes, &ignored))) {
    report(c->p, SHUNT_E_CONFIG, n->at, "%s: '%s' is not %s such as %s", spell(at, &t), show_value(n, at->key, &s),
           what, like);
  }
}

static bool is_one_of(const node *n, const char *const *words) {
  while (*words && strcmp(*words, n->value.as.bytes) != 0) words++;
  return *words && !holds_nul(n);
}

static void check_word(const checker *c, const node *n, const path *at, const char *const *words) {
  path_text t;
  shown s;
  if (!node_is_text(n)) {
    wants(c, n, at, "text");
    return;
  }
  if (is_one_of(n, words)) return;
  suggest near = suggest_for(n->raw ? "" : n->value.as.bytes);
  char known[160];
  size_t used = 0;
  for (; *words; words++) {
    suggest_try(&near, *words);
    int more = snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", *words);
    used += more > 0 ? (size_t)more : 0;
    if (used >= sizeof known) used = sizeof known - 1;
  }
  report(c->p, SHUNT_E_CONFIG, n->at, "%s: '%s' is none of %s%s", spell(at, &t), show_value(n, at->key, &s), known,
         suggest_text(&near));
}

static void check_scalars(const checker *c, const node *n, const path *at) {
  for (size_t i = 0; i < n->count; i++) {
    const node *value = n->entries[i].value;
    path here = {at, n->entries[i].key};
    if (value->kind != NODE_VALUE)
      wants(c, value, &here, "text, a number or a boolean");
    else if (node_is_text(value))
      check_text(c, value, &here, true);
  }
}

static void check_map(const checker *c, const node *n, const schema *s, const path *at);

static void check_named(const checker *c, const node *n, const schema *s, const path *at) {
  for (size_t i = 0; i < n->count; i++) {
    path here = {at, n->entries[i].key};
    if (!node_is_null(n->entries[i].value)) check_map(c, n->entries[i].value, s, &here);
  }
}

static void check_maps(const checker *c, const node *n, const schema *s, const path *at) {
  if (n->kind != NODE_LIST) {
    wants(c, n, at, "a list of maps");
    return;
  }
  for (size_t i = 0; i < n->count; i++) check_map(c, n->items[i], s, at);
}

static bool check_is_map(const checker *c, const node *n, const path *at) {
  if (n->kind == NODE_MAP) return true;
  if (!(c->lua && schema_is_empty(n))) wants(c, n, at, "a map");
  return false;
}

static void check_field(const checker *c, const node *n, const schema_field *field, const path *at) {
  switch (field->type) {
  case TEXT:
  case NAME:
    check_text(c, n, at, field->type == TEXT);
    break;
  case TEXT_OR_FUNCTION:
    if (c->lua && n->kind != NODE_FUNCTION && !node_is_text(n))
      wants(c, n, at, "text or a function");
    else if (n->kind != NODE_FUNCTION)
      check_text(c, n, at, false);
    break;
  case TEXTS:
    check_texts(c, n, at);
    break;
  case BOOLEAN:
    if (n->kind != NODE_VALUE || n->value.type != SHUNT_BOOL) wants(c, n, at, "true or false");
    break;
  case INTEGER:
    check_integer(c, n, at, field->bound, INT64_MAX);
    break;
  case COUNT:
    check_integer(c, n, at, 0, field->bound);
    break;
  case NUMBER:
    check_number(c, n, at);
    break;
  case SHARE:
    check_share(c, n, at);
    break;
  case DURATION:
  case SIZE:
    check_unit(c, n, at, field->type);
    break;
  case WORD:
    check_word(c, n, at, field->words);
    break;
  case FUNCTION:
    if (n->kind != NODE_FUNCTION) wants(c, n, at, "a function");
    break;
  case SCALARS:
    if (check_is_map(c, n, at)) check_scalars(c, n, at);
    break;
  case FREE:
  case CONDITION:
    check_is_map(c, n, at);
    break;
  case MAP:
    check_map(c, n, field->sub, at);
    break;
  case NAMED:
    if (check_is_map(c, n, at)) check_named(c, n, field->sub, at);
    break;
  case MAPS:
    check_maps(c, n, field->sub, at);
    break;
  case ANY:
    break;
  }
}

static suggest nearest_key(const schema *s, const char *key) {
  suggest near = suggest_for(key);
  for (const schema_field *f = s->fields; f->key; f++) suggest_try(&near, f->key);
  return near;
}

bool schema_misspells(const node *n, const schema *s, const char *key) {
  for (size_t i = 0; n && n->kind == NODE_MAP && i < n->count; i++) {
    suggest near = nearest_key(s, n->entries[i].key);
    if (near.best && near.distance > 0 && strcmp(near.best, key) == 0) return true;
  }
  return false;
}

static void unknown_key(const checker *c, const node_entry *e, const schema *s, const path *at) {
  path_text t;
  suggest near = nearest_key(s, e->key);
  report(c->p, SHUNT_E_CONFIG, e->at, "unknown key '%s' in %s%s", e->key, spell(at, &t), suggest_text(&near));
}

static void check_map(const checker *c, const node *n, const schema *s, const path *at) {
  if (!check_is_map(c, n, at)) return;
  for (size_t i = 0; i < n->count; i++) {
    const node_entry *e = &n->entries[i];
    const schema_field *f = s->fields;
    while (f->key && strcmp(f->key, e->key) != 0) f++;
    path here = {at, e->key};
    /* the rule host has already left out what is declared for another environment */
    bool is_env = c->lua && !at->up && strcmp(e->key, "env") == 0;
    if (!f->key && !is_env)
      unknown_key(c, e, s, at);
    else if (f->key && !node_is_null(e->value))
      check_field(c, e->value, f, &here);
  }
}

void schema_check(problems *p, const node *n, const schema *s, const char *label, bool lua) {
  checker c = {p, lua};
  path root = {NULL, label};
  check_map(&c, n, s, &root);
}

bool schema_is_empty(const node *n) { return (n->kind == NODE_LIST || n->kind == NODE_MAP) && n->count == 0; }
