#include "catalog/node_json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

/* A group that has begun. */
typedef struct level {
  node *group;
  const char *key; /* of the next value; NULL in a list */
} level;

typedef struct tree {
  arena *a;
  node *root;
  level *levels;
  size_t depth, capacity;
  const char *twice; /* a name that an object has twice */
} tree;

static bool place_node(tree *t, node *n) {
  level *in = t->depth ? &t->levels[t->depth - 1] : NULL;
  if (!n) return false;
  if (!in)
    t->root = n;
  else if (!in->key)
    return node_append(t->a, in->group, n);
  else if (node_find(in->group, in->key))
    t->twice = in->key;
  else
    return node_add(t->a, in->group, in->key, n->at, n);
  return true;
}

static bool on_value(void *ud, const shunt_value *v) {
  tree *t = ud;
  return place_node(t, node_value(t->a, (place){NULL, 0, 0}, *v));
}

static bool on_key(void *ud, const char *name, size_t size) {
  tree *t = ud;
  return (t->levels[t->depth - 1].key = arena_strndup(t->a, name, size)) != NULL;
}

static bool on_begin(void *ud, bool object) {
  const place nowhere = {NULL, 0, 0};
  tree *t = ud;
  node *n = object ? node_map(t->a, nowhere) : node_list(t->a, nowhere);
  if (!place_node(t, n) || !base_grow(&t->levels, &t->capacity, t->depth + 1, sizeof *t->levels)) return false;
  t->levels[t->depth++] = (level){n, NULL};
  return true;
}

static bool on_end(void *ud, bool object) {
  tree *t = ud;
  (void)object;
  t->depth--;
  return true;
}

shunt_status node_from_json(arena *a, const char *text, size_t size, node **out, shunt_error *err) {
  static const json_sink sink = {on_value, on_key, on_begin, on_end};
  tree t = {.a = a};
  buf scratch = {0};
  *out = NULL;
  shunt_status status = json_read(text, size, &sink, &t, &scratch, err);
  if (!status && t.twice) status = error_set(err, SHUNT_E_USAGE, "an object has the name '%.64s' twice", t.twice);
  if (!status) *out = t.root;
  buf_free(&scratch);
  base_free(t.levels);
  return status;
}
