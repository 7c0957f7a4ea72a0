#include "catalog/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "catalog/catalog.h"
#include "catalog/report.h"
#include "catalog/schema_value.h"

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

/* ---- rows ---- */

const schema_field *schema_field_of(const schema *s, const char *key) {
  for (const schema_field *f = s->fields; f->key; f++)
    if (schema_same_name(f->key, key, s->loose) || (f->alias && schema_same_name(f->alias, key, s->loose))) return f;
  return NULL;
}

static suggest nearest_key(const schema *s, const char *key) {
  suggest near = suggest_for(key);
  for (const schema_field *f = s->fields; f->key; f++) {
    suggest_try(&near, f->key);
    if (f->alias) suggest_try(&near, f->alias);
  }
  return near;
}

/* A null unsets a key of another engine, perhaps from database.base: no schema_check reports it. */
static bool is_unset(const schema *s, const node_entry *e) { return s->engine && node_is_null(e->value); }

bool schema_misspells(const node *n, const schema *s, const char *key) {
  for (size_t i = 0; n && n->kind == NODE_MAP && i < n->count; i++) {
    if (is_unset(s, &n->entries[i])) continue;
    if (schema_field_of(s, n->entries[i].key)) continue; /* only unknown keys: the search for near names is slow */
    suggest near = nearest_key(s, n->entries[i].key);
    if (near.best && strcmp(near.best, key) == 0) return true;
  }
  return false;
}

/* ---- values ---- */

/* Often the quotes are the mistake: a number without quotes where text is expected, or the reverse. */
static const char *hint_for(const checker *c, const schema_field *f, const node *n, suggest *near) {
  int64_t ignored;
  bool text = node_is_text(n), wants_text = f->type == SCHEMA_TEXT || f->type == SCHEMA_NAME ||
                                            f->type == SCHEMA_TEXTS || f->type == SCHEMA_TEXT_OR_FUNCTION;
  if (n->kind != NODE_VALUE) return "";
  if (f->type == SCHEMA_DURATION && !(text && cat_parse_duration_ms(n->value.as.bytes, &ignored)))
    return "; write it as 500ms, 5s, 2m or 1h";
  if (f->type == SCHEMA_SIZE) return "; write it as 512KiB, 64MiB or 1GiB";
  if (f->type == SCHEMA_INTEGER && n->value.type == SHUNT_FLOAT) return "; write a whole number of at most 64 bits";
  if (wants_text && !text && !c->lua) return "; put it in quotes";
  if (f->type != SCHEMA_WORD) return text && n->raw ? "; in quotes, ${...} is text: remove them" : "";
  if (!text || n->raw || n->secret) return ""; /* a near word could reveal what a variable holds */
  *near = suggest_for(n->value.as.bytes);
  for (const char *const *word = f->words; *word; word++) suggest_try(near, *word);
  return suggest_text(near);
}

static void refuse(const checker *c, const schema *s, const schema_field *f, const node *n, const path *at) {
  path_text t;
  shown value;
  suggest near;
  buf expected = {0};
  bool function = f->type == SCHEMA_TEXT_OR_FUNCTION && c->lua;
  const char *quote = node_is_text(n) ? "'" : "",
             *hint = s->spelled && f->type != SCHEMA_WORD ? "" : hint_for(c, f, n, &near);
  schema_expected(f, &expected);
  if (expected.failed)
    c->p->out_of_memory = true;
  else
    report(c->p, SHUNT_E_CONFIG, n->at, "%s takes %s%s, not %s%s%s%s", spell(at, &t), expected.data,
           function ? " or a function" : "", quote, show_value(n, at->key, &value), quote, hint);
  buf_free(&expected);
}

static void check_scalar(const checker *c, const schema *s, const schema_field *f, const node *n, const path *at) {
  path_text t;
  shunt_value ignored;
  bool text = f->type == SCHEMA_TEXT || f->type == SCHEMA_NAME || f->type == SCHEMA_TEXT_OR_FUNCTION;
  if (schema_read(s, f, n, &ignored)) return;
  if (text && node_is_text(n) && strlen(n->value.as.bytes) != n->value.size)
    report(c->p, SHUNT_E_CONFIG, n->at, "%s contains a NUL character: remove it", spell(at, &t));
  else if (text && node_is_text(n) && n->value.size == 0)
    report(c->p, SHUNT_E_CONFIG, n->at, "%s is empty: give it a value, or leave it out", spell(at, &t));
  else
    refuse(c, s, f, n, at);
}

static const schema_field any_text = {.type = SCHEMA_TEXT}, any_name = {.type = SCHEMA_NAME};
static const schema plain = {0};

static void check_texts(const checker *c, const schema *s, const schema_field *f, const node *n, const path *at) {
  const schema_field *one = f->filled ? &any_name : &any_text;
  if (n->kind == NODE_LIST)
    for (size_t i = 0; i < n->count; i++) check_scalar(c, &plain, one, n->items[i], at);
  else if (node_is_text(n))
    check_scalar(c, &plain, one, n, at);
  else if (!(c->lua && schema_is_empty(n)))
    refuse(c, s, f, n, at);
}

static bool check_is_map(const checker *c, const node *n, const path *at) {
  static const schema_field any_map = {.type = SCHEMA_FREE};
  if (n->kind == NODE_MAP) return true;
  if (!(c->lua && schema_is_empty(n))) refuse(c, &plain, &any_map, n, at);
  return false;
}

static void check_scalars(const checker *c, const node *n, const path *at) {
  path_text t;
  for (size_t i = 0; i < n->count; i++) {
    const node *value = n->entries[i].value;
    path here = {at, n->entries[i].key};
    if (value->kind != NODE_VALUE)
      report(c->p, SHUNT_E_CONFIG, value->at, "%s takes text, a number or a boolean, not %s", spell(&here, &t),
             node_kind_name(value));
    else if (node_is_text(value))
      check_scalar(c, &plain, &any_text, value, &here);
  }
}

/* ---- maps ---- */

static void check_map(const checker *c, const node *n, const schema *s, const path *at);

static void check_named(const checker *c, const node *n, const schema *s, const path *at) {
  for (size_t i = 0; i < n->count; i++) {
    path here = {at, n->entries[i].key};
    if (!node_is_null(n->entries[i].value)) check_map(c, n->entries[i].value, s, &here);
  }
}

static void check_maps(const checker *c, const schema *s, const schema_field *f, const node *n, const path *at) {
  if (n->kind != NODE_LIST)
    refuse(c, s, f, n, at);
  else
    for (size_t i = 0; i < n->count; i++) check_map(c, n->items[i], f->of, at);
}

static void check_field(const checker *c, const schema *s, const schema_field *f, const node *n, const path *at) {
  bool text = f->type == SCHEMA_NAME || f->type == SCHEMA_TEXT_OR_FUNCTION;
  if (text && f->of && n->kind == NODE_MAP && n->count) return;
  switch (f->type) {
  case SCHEMA_TEXTS:
    check_texts(c, s, f, n, at);
    break;
  case SCHEMA_TEXT_OR_FUNCTION:
    if (!(c->lua && n->kind == NODE_FUNCTION)) check_scalar(c, s, f, n, at);
    break;
  case SCHEMA_FUNCTION:
    if (n->kind != NODE_FUNCTION) refuse(c, s, f, n, at);
    break;
  case SCHEMA_SCALARS:
    if (check_is_map(c, n, at)) check_scalars(c, n, at);
    break;
  case SCHEMA_FREE:
    check_is_map(c, n, at);
    break;
  case SCHEMA_MAP:
    check_map(c, n, f->of, at);
    break;
  case SCHEMA_NAMED:
    if (check_is_map(c, n, at)) check_named(c, n, f->of, at);
    break;
  case SCHEMA_MAPS:
    check_maps(c, s, f, n, at);
    break;
  case SCHEMA_ANY:
    break;
  default:
    check_scalar(c, s, f, n, at);
  }
}

static void unknown_key(const checker *c, const node_entry *e, const schema *s, const path *at) {
  path_text t;
  suggest near = nearest_key(s, e->key);
  report(c->p, SHUNT_E_CONFIG, e->at, "unknown key '%s' in %s%s%s%s%s", e->key, spell(at, &t), s->engine ? " (" : "",
         s->engine ? s->engine : "", s->engine ? ")" : "", suggest_text(&near));
}

static void check_map(const checker *c, const node *n, const schema *s, const path *at) {
  if (!check_is_map(c, n, at)) return;
  for (size_t i = 0; i < n->count; i++) {
    const node_entry *e = &n->entries[i];
    const schema_field *f = schema_field_of(s, e->key);
    path here = {at, e->key};
    /* the rule host has applied env: it left out declarations for other environments */
    bool is_env = c->lua && !at->up && strcmp(e->key, "env") == 0;
    if (!f && !is_env && !is_unset(s, e))
      unknown_key(c, e, s, at);
    else if (f && !node_is_null(e->value) && (!s->spelled || e->value->kind == NODE_VALUE))
      check_field(c, s, f, e->value, &here);
  }
}

void schema_check(problems *p, const node *n, const schema *s, const char *label, bool lua) {
  checker c = {p, lua};
  path root = {NULL, label};
  check_map(&c, n, s, &root);
}

bool schema_is_empty(const node *n) { return (n->kind == NODE_LIST || n->kind == NODE_MAP) && n->count == 0; }
