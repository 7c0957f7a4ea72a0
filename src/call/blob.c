#include <string.h>

#include "base/base64.h"
#include "call/calling.h"

static shunt_status find_blob(node *n, arena *a, shunt_error *err) {
  const node *text = n->entries[0].value;
  char *bytes = node_is_text(text) ? arena_alloc(a, text->value.size + 1) : NULL;
  size_t size = 0;
  if (!node_is_text(text) || (bytes && !base64_read(text->value.as.bytes, text->value.size, bytes, &size)))
    return error_usage_at(err, text->at, "_blob takes base64, with its padding");
  if (!bytes) return error_memory(err);
  n->kind = NODE_VALUE;
  n->value = shunt_blob(bytes, size);
  return SHUNT_OK;
}

shunt_status call_find_blobs(node *n, arena *a, shunt_error *err) {
  shunt_status status = SHUNT_OK;
  if (n->kind == NODE_MAP && n->count == 1 && strcmp(n->entries[0].key, "_blob") == 0) return find_blob(n, a, err);
  if (n->kind != NODE_MAP && n->kind != NODE_LIST) return SHUNT_OK;
  for (size_t i = 0; i < n->count && !status; i++)
    status = call_find_blobs(n->kind == NODE_LIST ? n->items[i] : n->entries[i].value, a, err);
  return status;
}
