/* The section `attributes`, and whether rules use the attributes as it says. */
#include <string.h>

#include "catalog/build.h"
#include "catalog/report.h"

/* ---- the section ---- */

static bool fill_type(builder *b, cat_attribute *attribute, const node *word) {
  const char *text = node_is_text(word) ? word->value.as.bytes : "";
  suggest near = suggest_for(text);
  for (cat_attribute_type t = 0; t < CAT_ATTRIBUTE_LISTED; t++) {
    const char *name = cat_attribute_type_name(t);
    attribute->type = t;
    if (strcmp(name, text) == 0) return true;
    suggest_try(&near, name);
  }
  shown s;
  report(b->p, SHUNT_E_CONFIG, word->at,
         "attributes.%s is %s: give text, integer, number or boolean, or a list of its values%s", attribute->name,
         word->kind == NODE_VALUE ? show_value(word, attribute->name, &s) : node_kind_name(word), suggest_text(&near));
  return true;
}

static bool is_scalar(const node *n) { return n->kind == NODE_VALUE && !node_is_null(n); }

/* False when out of memory. */
static bool fill_values(builder *b, cat_attribute *attribute, const node *list) {
  shunt_value *values = arena_array(b->a, shunt_value, list->count + 1);
  if (!values) return false;
  attribute->type = CAT_ATTRIBUTE_LISTED;
  attribute->values = values;
  if (list->count == 0)
    report(b->p, SHUNT_E_CONFIG, list->at, "attributes.%s has no values: list at least one", attribute->name);
  for (size_t i = 0; i < list->count; i++) {
    if (list->items[i]->secret)
      report(b->p, SHUNT_E_CONFIG, list->items[i]->at,
             "attributes.%s lists a secret, which messages could not name: list values that may be seen",
             attribute->name);
    else if (is_scalar(list->items[i]))
      values[attribute->nvalues++] = list->items[i]->value;
    else
      report(b->p, SHUNT_E_CONFIG, list->items[i]->at, "attributes.%s lists %s: a value is text, a number or a boolean",
             attribute->name, node_kind_name(list->items[i]));
  }
  return true;
}

static bool fill_all(builder *b, const node *section) {
  catalog *c = b->c;
  c->attributes = arena_array(b->a, cat_attribute, section->count + 1);
  if (!c->attributes) return false;
  for (size_t i = 0; i < section->count; i++) {
    const node_entry *e = &section->entries[i];
    if (node_is_null(e->value)) continue;
    cat_attribute *attribute = &c->attributes[c->nattributes++];
    attribute->name = e->key;
    bool fine = e->value->kind == NODE_LIST ? fill_values(b, attribute, e->value) : fill_type(b, attribute, e->value);
    if (!fine || !map_put(&c->attribute_names, e->key, attribute)) return false;
  }
  return true;
}

/* ---- rules ---- */

static void check_use(builder *b, const cat_use *use) {
  static const char attrs[] = "attrs.";
  shunt_error err;
  if (strncmp(use->path, attrs, sizeof attrs - 1) != 0) return;
  const char *name = use->path + sizeof attrs - 1;
  shunt_status status = use->kind == CAT_USE_READ ? catalog_check_attribute(b->c, name, NULL, &err) : SHUNT_OK;
  if (use->kind == CAT_USE_EQUAL && map_get(&b->c->attribute_names, name))
    status = catalog_check_attribute(b->c, name, &use->value, &err);
  if (status) report(b->p, status, use->at, "a rule reads req.%s: %s", use->path, err.message);
}

bool build_attributes(builder *b) {
  const node *section = build_get(b->source->config, "attributes");
  if (!cat_order_uses(b->a, &b->source->uses)) return false;
  b->c->uses = b->source->uses;
  if (!section || section->kind != NODE_MAP) return true; /* schema_check reports a mistake */
  b->c->closed_attributes = true;
  if (!fill_all(b, section)) return false;
  for (size_t i = 0; i < b->c->uses.count; i++) check_use(b, &b->c->uses.list[i]);
  return true;
}
