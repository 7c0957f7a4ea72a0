#include "catalog/table_name.h"

#include <string.h>

#include "base/suggest.h"

const char *table_name_wrong(const char *schema, const char *name) {
  if (!schema || !schema[0]) return "its schema is missing";
  if (!name || !name[0]) return "its name is missing";
  return strchr(schema, '.') ? "a schema can't have a point in its name" : NULL;
}

static const char *text_of(const node *n) {
  bool fine = n && node_is_text(n) && strlen(n->value.as.bytes) == n->value.size;
  return fine ? n->value.as.bytes : NULL;
}

static shunt_status from_map(arena *a, const node *n, const char **out, shunt_error *err) {
  const char *schema = text_of(node_get(n, "schema")), *name = text_of(node_get(n, "name"));
  for (size_t i = 0; i < n->count; i++) {
    const char *key = n->entries[i].key;
    if (strcmp(key, "schema") == 0 || strcmp(key, "name") == 0) continue;
    suggest near = suggest_for(key);
    suggest_try(&near, "schema");
    suggest_try(&near, "name");
    return error_usage_at(err, n->entries[i].at, "table: unknown key '%s' beside schema and name%s", key,
                          suggest_text(&near));
  }
  const char *wrong = table_name_wrong(schema, name);
  if (wrong) return error_usage_at(err, n->at, "table = {schema = …, name = …}: %s", wrong);
  *out = arena_printf(a, "%s.%s", schema, name);
  return *out ? SHUNT_OK : error_memory(err);
}

shunt_status table_name_from(arena *a, const node *n, const char **out, shunt_error *err) {
  if (n->kind == NODE_MAP && n->count) return from_map(a, n, out, err);
  *out = text_of(n);
  if (*out && (*out)[0]) return SHUNT_OK;
  return error_usage_at(err, n->at, "table is a table's name, or {schema = …, name = …}, not %s",
                        *out              ? "empty"
                        : node_is_text(n) ? "text with a NUL character"
                                          : node_kind_name(n));
}
