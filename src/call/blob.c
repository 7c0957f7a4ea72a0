#include <string.h>

#include "call/calling.h"

static int digit_of(char c) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *found = c ? strchr(digits, c) : NULL;
  return found ? (int)(found - digits) : -1;
}

/* Base64 as RFC 4648 defines it, with its padding; to has room for 3 bytes of every 4. False: it is something else. */
static bool decode(const char *text, size_t size, char *to, size_t *written) {
  size_t padding = 0;
  unsigned bits = 0;
  *written = 0;
  if (size % 4) return false;
  while (padding < 2 && padding < size && text[size - 1 - padding] == '=') padding++;
  for (size_t i = 0; i < size; i++) {
    const int digit = i < size - padding ? digit_of(text[i]) : 0;
    if (digit < 0) return false;
    bits = bits << 6 | (unsigned)digit;
    if (i % 4 < 3) continue;
    for (int shift = 16; shift >= 0; shift -= 8) to[(*written)++] = (char)(bits >> shift & 0xff);
    bits = 0;
  }
  /* the bits that the padding leaves out are zeros */
  for (size_t i = 0; i < padding; i++)
    if (to[--*written]) return false;
  return true;
}

static shunt_status find_blob(node *n, arena *a, shunt_error *err) {
  const node *text = n->entries[0].value;
  char *bytes = node_is_text(text) ? arena_alloc(a, text->value.size + 1) : NULL;
  size_t size = 0;
  if (!node_is_text(text) || (bytes && !decode(text->value.as.bytes, text->value.size, bytes, &size)))
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
