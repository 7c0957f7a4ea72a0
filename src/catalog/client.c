#include <string.h>

#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/settings.h"

static bool copy_text(arena *a, const char *from, const char **to) {
  *to = from ? arena_strdup(a, from) : NULL;
  return !from || *to;
}

static bool copy_variables(arena *a, const cat_client *from, cat_client *to) {
  cat_variable *list = arena_array(a, cat_variable, from->nvariables);
  to->variables = list;
  for (size_t i = 0; i < from->nvariables && list; i++) {
    shunt_value *v = &list[i].value;
    list[i] = from->variables[i];
    if (!copy_text(a, from->variables[i].name, &list[i].name)) return false;
    if (v->type == SHUNT_TEXT && !(v->as.bytes = arena_strndup(a, v->as.bytes, v->size))) return false;
  }
  return list != NULL;
}

bool cat_client_copy(arena *a, const cat_client *from, cat_client *to) {
  cat_option *options = arena_array(a, cat_option, from->noptions);
  const char **folders = arena_array(a, const char *, from->noptions);
  *to = *from;
  to->options = options;
  if (from->folders) to->folders = folders;
  bool ok = options && folders && copy_text(a, from->name, &to->name) && copy_text(a, from->filename, &to->filename) &&
            copy_text(a, from->at.file, &to->at.file) && copy_text(a, from->server, &to->server) &&
            copy_variables(a, from, to);
  for (size_t i = 0; i < from->noptions && ok; i++) {
    options[i].secret = from->options[i].secret;
    if (from->folders && !copy_text(a, from->folders[i], &folders[i])) return false;
    ok = copy_text(a, from->options[i].name, &options[i].name) &&
         copy_text(a, from->options[i].value, &options[i].value);
  }
  return ok;
}

static bool same_options(const cat_client *a, const cat_client *b) {
  if (a->noptions != b->noptions) return false;
  for (size_t i = 0; i < a->noptions; i++)
    if (!text_same(a->options[i].name, b->options[i].name) || !text_same(a->options[i].value, b->options[i].value) ||
        !text_same(a->folders ? a->folders[i] : NULL, b->folders ? b->folders[i] : NULL))
      return false;
  return true;
}

static bool same_value(const shunt_value *a, const shunt_value *b) {
  if (a->type != b->type) return false;
  if (a->type == SHUNT_TEXT) return a->size == b->size && memcmp(a->as.bytes, b->as.bytes, a->size) == 0;
  return a->type == SHUNT_BOOL    ? a->as.boolean == b->as.boolean
         : a->type == SHUNT_FLOAT ? a->as.number == b->as.number
                                  : a->as.integer == b->as.integer;
}

static bool same_variables(const cat_client *a, const cat_client *b) {
  if (a->nvariables != b->nvariables) return false;
  for (size_t i = 0; i < a->nvariables; i++)
    if (!text_same(a->variables[i].name, b->variables[i].name) ||
        !same_value(&a->variables[i].value, &b->variables[i].value))
      return false;
  return true;
}

bool cat_client_equal(const cat_client *a, const cat_client *b) {
  return text_same(a->name, b->name) && a->engine == b->engine && same_options(a, b) && same_variables(a, b) &&
         SCHEMA_SAME_POOLS(&schema_client, cat_client, a, b) && SCHEMA_SAME_POOLS(&schema_sqlite3, cat_client, a, b);
}
