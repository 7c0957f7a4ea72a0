#include <string.h>

#include "base/text.h"
#include "catalog/catalog.h"
#include "catalog/settings.h"

static bool copy_text(arena *a, const char *from, const char **to) {
  *to = from ? arena_strdup(a, from) : NULL;
  return !from || *to;
}

bool cat_client_copy(arena *a, const cat_client *from, cat_client *to) {
  cat_option *options = arena_array(a, cat_option, from->noptions);
  const char **folders = arena_array(a, const char *, from->noptions);
  *to = *from;
  to->options = options;
  if (from->folders) to->folders = folders;
  bool ok = options && folders && copy_text(a, from->name, &to->name) && copy_text(a, from->filename, &to->filename) &&
            copy_text(a, from->at.file, &to->at.file);
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

bool cat_client_equal(const cat_client *a, const cat_client *b) {
  return text_same(a->name, b->name) && a->engine == b->engine && same_options(a, b) &&
         SCHEMA_SAME_POOLS(&schema_client, cat_client, a, b) && SCHEMA_SAME_POOLS(&schema_sqlite3, cat_client, a, b);
}
