/* Keys of models and relations: a column, or a list of columns. */
#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"
#include "catalog/where.h"

static bool is_list_of_texts(const node *n) {
  if (n->kind != NODE_LIST) return node_is_text(n);
  for (size_t i = 0; i < n->count; i++)
    if (!node_is_text(n->items[i])) return false;
  return true;
}

static bool is_twice(const char *const *names, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (cat_same_column(names[k], names[i])) return true;
  return false;
}

static void take(builder *b, const node *n, const char *what, const char *const *names, size_t count,
                 const char *out[SHUNT_KEY_MOST]) {
  if (count > SHUNT_KEY_MOST) {
    report(b->p, SHUNT_E_CONFIG, n->at, "%s has %zu columns, and a key has at most %d", what, count, SHUNT_KEY_MOST);
    count = SHUNT_KEY_MOST;
  }
  for (size_t i = 0; i < count; i++) {
    if (is_twice(names, i)) report(b->p, SHUNT_E_CONFIG, n->at, "%s names the column '%s' twice", what, names[i]);
    out[i] = names[i];
  }
}

bool build_key(builder *b, const node *from, const char *key, const char *what, const char *out[SHUNT_KEY_MOST]) {
  const node *n = build_get(from, key);
  const char *const *names;
  size_t count;
  shunt_error err;
  if (!n || !is_list_of_texts(n)) return true; /* schema_check reports it */
  const char *label = arena_printf(b->a, "%s: %s", what, key);
  if (!label) return false;
  shunt_status status = where_names(b->a, n, key, &names, &count, &err);
  if (status == SHUNT_E_MEMORY) return false;
  if (status)
    report(b->p, SHUNT_E_CONFIG, n->at, "%s: %s", what, err.message);
  else if (count == 0)
    report(b->p, SHUNT_E_CONFIG, n->at, "%s names no column", label);
  else
    take(b, n, label, names, count, out);
  return true;
}
