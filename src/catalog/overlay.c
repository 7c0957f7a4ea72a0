#include "catalog/overlay.h"

#include "base/map.h"

enum { FEW = 16 }; /* up to here a linear search is faster than an index */

static bool index_entries(map *index, node *target) {
  for (size_t i = index->count; i < target->count; i++)
    if (!map_put(index, target->entries[i].key, (void *)(uintptr_t)(i + 1))) return false;
  return true;
}

/* The entry of that key, or NULL. The index holds positions, because the entries move when they grow. */
static node_entry *entry_of(const map *index, node *target, const char *key) {
  if (index->count == 0) return node_find(target, key);
  uintptr_t position = (uintptr_t)map_get(index, key);
  return position ? &target->entries[position - 1] : NULL;
}

static bool lay_entry(arena *a, map *index, node *target, const node_entry *e) {
  node_entry *there = entry_of(index, target, e->key);
  if (!there) return node_add(a, target, e->key, e->at, e->value);
  node *merged = overlay_on(a, there->value, e->value);
  if (!merged) return false;
  if (merged != there->value) there->at = e->at; /* a map that only gained keys keeps its first place */
  there->value = merged;
  return true;
}

node *overlay_on(arena *a, node *target, node *patch) {
  if (patch->kind != NODE_MAP || !target || target->kind != NODE_MAP) return patch;
  map index = {0};
  bool fine = patch->count <= FEW || index_entries(&index, target);
  /* no key is twice in a patch, so added keys need not be in the index */
  for (size_t i = 0; fine && i < patch->count; i++) fine = lay_entry(a, &index, target, &patch->entries[i]);
  map_free(&index);
  return fine ? target : NULL;
}
