#include "catalog/template.h"

#include <string.h>

static bool is(const char *text, size_t size, const char *word) {
  return size == strlen(word) && memcmp(text, word, size) == 0;
}

static const char attribute[] = "attrs.";
enum { ATTRIBUTE_SIZE = sizeof attribute - 1 };

cat_placeholder cat_placeholder_of(const char *text, size_t size) {
  if (is(text, size, "instance")) return CAT_INSTANCE_NAME;
  if (is(text, size, "instance.id")) return CAT_INSTANCE_NUMBER;
  if (is(text, size, "env")) return CAT_ENVIRONMENT;
  return size > ATTRIBUTE_SIZE && memcmp(text, attribute, ATTRIBUTE_SIZE) == 0 ? CAT_ATTRIBUTE : CAT_NO_PLACEHOLDER;
}

/* at: behind ${. */
static void take_placeholder(const char **at, template_piece *out) {
  const char *text = *at, *end = strchr(text, '}');
  const size_t size = end ? (size_t)(end - text) : strlen(text);
  *out = (template_piece){.is = end ? cat_placeholder_of(text, size) : CAT_NO_PLACEHOLDER, .text = text, .size = size};
  out->wrong = out->is == CAT_NO_PLACEHOLDER;
  if (out->is == CAT_ATTRIBUTE) out->text += ATTRIBUTE_SIZE, out->size -= ATTRIBUTE_SIZE;
  *at = text + size + (end != NULL);
}

bool template_next(const char **at, template_piece *out) {
  const char *from = *at, *to = from;
  if (!*from) return false;
  if (strncmp(from, "${", 2) == 0) {
    *at += 2;
    take_placeholder(at, out);
    return true;
  }
  if (strncmp(from, "$${", 3) == 0) {
    from++;
    to = from + 2;
  }
  while (*to && strncmp(to, "${", 2) != 0 && strncmp(to, "$${", 3) != 0) to++;
  *out = (template_piece){.text = from, .size = (size_t)(to - from)};
  *at = to;
  return true;
}

bool template_is_fixed(const char *text) {
  template_piece piece;
  for (const char *at = text; template_next(&at, &piece);)
    if (piece.is != CAT_NO_PLACEHOLDER) return false;
  return true;
}
