#include "catalog/node_json.h"

#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

/* A group that has begun. */
typedef struct level {
  node *group;
  const char *key; /* of the next value; NULL in a list */
  place at;        /* of the key */
} level;

typedef struct tree {
  arena *a;
  node *root;
  level *levels;
  size_t depth, capacity;
  const char *seen, *line; /* how far places are counted, and where the last line begins there */
  place at;                /* of what is read */
  const char *twice;       /* a name that an object has twice */
  place twice_at;
} tree;

static bool place_node(tree *t, node *n) {
  level *in = t->depth ? &t->levels[t->depth - 1] : NULL;
  if (!n) return false;
  if (!in)
    t->root = n;
  else if (!in->key)
    return node_append(t->a, in->group, n);
  else if (!node_find(in->group, in->key))
    return node_add(t->a, in->group, in->key, in->at, n);
  else if (!t->twice)
    t->twice = in->key, t->twice_at = in->at;
  return true;
}

static bool on_value(void *ud, const shunt_value *v) {
  tree *t = ud;
  return place_node(t, node_value(t->a, t->at, *v));
}

static bool on_key(void *ud, const char *name, size_t size) {
  tree *t = ud;
  level *in = &t->levels[t->depth - 1];
  in->at = t->at;
  return (in->key = arena_strndup(t->a, name, size)) != NULL;
}

static bool on_begin(void *ud, bool object) {
  tree *t = ud;
  node *n = object ? node_map(t->a, t->at) : node_list(t->a, t->at);
  if (!place_node(t, n) || !base_grow(&t->levels, &t->capacity, t->depth + 1, sizeof *t->levels)) return false;
  t->levels[t->depth++] = (level){.group = n};
  return true;
}

static bool on_end(void *ud, bool object) {
  tree *t = ud;
  (void)object;
  t->depth--;
  return true;
}

static void on_place(void *ud, const char *where) {
  tree *t = ud;
  for (; t->seen < where; t->seen++)
    if (*t->seen == '\n') {
      t->at.line++;
      t->line = t->seen + 1;
    }
  t->at.column = (int)(where - t->line) + 1;
}

shunt_status node_from_json(arena *a, const char *text, size_t size, node **out, shunt_error *err) {
  static const json_sink sink = {on_value, on_key, on_begin, on_end, on_place};
  tree t = {.a = a, .seen = text, .line = text, .at = {NULL, 1, 1}};
  buf scratch = {0};
  *out = NULL;
  shunt_status status = json_read(text, size, &sink, &t, &scratch, err);
  if (!status && t.twice)
    status = error_usage_at(err, t.twice_at, "line %d column %d: an object has the name '%.64s' twice", t.twice_at.line,
                            t.twice_at.column, t.twice);
  if (!status) *out = t.root;
  buf_free(&scratch);
  base_free(t.levels);
  return status;
}
