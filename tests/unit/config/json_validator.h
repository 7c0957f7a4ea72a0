/* For: telling whether a JSON Schema accepts a node: the keywords that config_schema writes, no others.
 * Owner: the caller owns schema and node.
 * Use: assert_true(json_accepts(rules, rules, node)); */
#ifndef TESTS_UNIT_CONFIG_JSON_VALIDATOR_H
#define TESTS_UNIT_CONFIG_JSON_VALIDATOR_H

#include <jansson.h>
#include <regex.h>
#include <string.h>

#include "catalog/node.h"

static bool json_accepts(const json_t *root, const json_t *rules, const node *n);

/* An editor sees ${…} as it is written. */
static const char *json_text_of(const node *n) {
  if (n->kind != NODE_VALUE) return NULL;
  return n->raw ? n->raw : n->value.type == SHUNT_TEXT ? n->value.as.bytes : NULL;
}

static const char *json_type_of(const node *n) {
  if (n->kind == NODE_LIST) return "array";
  if (n->kind == NODE_MAP) return "object";
  if (json_text_of(n)) return "string";
  switch ((shunt_type)n->value.type) {
  case SHUNT_NULL:
    return "null";
  case SHUNT_BOOL:
    return "boolean";
  case SHUNT_INTEGER:
    return "integer";
  default:
    return "number";
  }
}

static bool json_is_type(const json_t *type, const node *n) {
  const char *name = json_string_value(type), *is = json_type_of(n);
  return strcmp(name, is) == 0 || (strcmp(name, "number") == 0 && strcmp(is, "integer") == 0);
}

static bool json_has_type(const json_t *types, const node *n) {
  if (json_is_string(types)) return json_is_type(types, n);
  for (size_t i = 0; i < json_array_size(types); i++)
    if (json_is_type(json_array_get(types, i), n)) return true;
  return false;
}

static bool json_equals(const json_t *value, const node *n) {
  const char *text = json_text_of(n);
  if (text || json_is_string(value))
    return text && json_is_string(value) && strcmp(text, json_string_value(value)) == 0;
  if (n->kind != NODE_VALUE) return false;
  if (n->value.type == SHUNT_INTEGER) return json_is_integer(value) && json_integer_value(value) == n->value.as.integer;
  if (n->value.type == SHUNT_BOOL) return json_is_boolean(value) && json_is_true(value) == n->value.as.boolean;
  return n->value.type == SHUNT_NULL && json_is_null(value);
}

static bool json_matches(const char *pattern, const char *text) {
  regex_t compiled;
  assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
  bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
  regfree(&compiled);
  return found;
}

static bool json_accepts_scalar(const json_t *rules, const node *n) {
  const json_t *words = json_object_get(rules, "enum"), *constant = json_object_get(rules, "const");
  const json_t *least = json_object_get(rules, "minimum"), *most = json_object_get(rules, "maximum");
  const json_t *shortest = json_object_get(rules, "minLength"), *pattern = json_object_get(rules, "pattern");
  const char *text = json_text_of(n);
  bool fine = !words,
       number = n->kind == NODE_VALUE && !text && (n->value.type == SHUNT_INTEGER || n->value.type == SHUNT_FLOAT);
  for (size_t i = 0; i < json_array_size(words); i++) fine = fine || json_equals(json_array_get(words, i), n);
  if (!fine || (constant && !json_equals(constant, n))) return false;
  double value = !number ? 0 : n->value.type == SHUNT_FLOAT ? n->value.as.number : (double)n->value.as.integer;
  if (number && ((least && value < json_number_value(least)) || (most && value > json_number_value(most))))
    return false;
  if (text && shortest && (json_int_t)strlen(text) < json_integer_value(shortest)) return false;
  return !text || !pattern || json_matches(json_string_value(pattern), text);
}

static bool json_accepts_entry(const json_t *root, const json_t *rules, const node_entry *e) {
  const json_t *more = json_object_get(rules, "additionalProperties");
  const json_t *known = json_object_get(json_object_get(rules, "properties"), e->key);
  bool found = known != NULL;
  const char *pattern;
  json_t *by_pattern;
  if (known && !json_accepts(root, known, e->value)) return false;
  json_object_foreach(json_object_get(rules, "patternProperties"), pattern, by_pattern) {
    if (!json_matches(pattern, e->key)) continue;
    found = true;
    if (!json_accepts(root, by_pattern, e->value)) return false;
  }
  return found || !more || (!json_is_false(more) && json_accepts(root, more, e->value));
}

static bool json_accepts_children(const json_t *root, const json_t *rules, const node *n) {
  const json_t *items = json_object_get(rules, "items"), *required = json_object_get(rules, "required");
  const json_t *fewest = json_object_get(rules, "minProperties");
  if (n->kind == NODE_MAP && fewest && (json_int_t)n->count < json_integer_value(fewest)) return false;
  for (size_t i = 0; n->kind == NODE_LIST && items && i < n->count; i++)
    if (!json_accepts(root, items, n->items[i])) return false;
  for (size_t i = 0; n->kind == NODE_MAP && i < json_array_size(required); i++)
    if (!node_find(n, json_string_value(json_array_get(required, i)))) return false;
  for (size_t i = 0; n->kind == NODE_MAP && i < n->count; i++)
    if (!json_accepts_entry(root, rules, &n->entries[i])) return false;
  return true;
}

/* "#/definitions/mysql/properties/host" */
static const json_t *json_target(const json_t *at, const char *reference) {
  char name[64];
  for (const char *step = reference + 1; at && *step == '/';) {
    size_t size = strcspn(++step, "/");
    snprintf(name, sizeof name, "%.*s", (int)size, step);
    at = json_object_get(at, name);
    step += size;
  }
  assert_non_null(at);
  return at;
}

static bool json_accepts(const json_t *root, const json_t *rules, const node *n) {
  const json_t *reference = json_object_get(rules, "$ref"), *type = json_object_get(rules, "type");
  const json_t *any = json_object_get(rules, "anyOf"), *all = json_object_get(rules, "allOf");
  const json_t *condition = json_object_get(rules, "if");
  if (reference) return json_accepts(root, json_target(root, json_string_value(reference)), n);
  bool fine = !any;
  for (size_t i = 0; i < json_array_size(any) && !fine; i++) fine = json_accepts(root, json_array_get(any, i), n);
  for (size_t i = 0; i < json_array_size(all) && fine; i++) fine = json_accepts(root, json_array_get(all, i), n);
  if (fine && condition && json_accepts(root, condition, n))
    fine = json_accepts(root, json_object_get(rules, "then"), n);
  return fine && (!type || json_has_type(type, n)) && json_accepts_scalar(rules, n) &&
         json_accepts_children(root, rules, n);
}

#endif
