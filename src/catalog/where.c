#include "catalog/where.h"

#include <string.h>

#include "base/suggest.h"

enum { DEEPEST = 64 };

typedef struct reader {
  arena *a;
  shunt_error *err;
  int depth;
} reader;

typedef enum operand {
  SCALAR,  /* a value, or a column to compare with */
  TEXT,    /* that is looked for as it is written */
  PATTERN, /* with % and _, and perhaps an escape */
  PAIR,
  LIST,
  COLUMN, /* its name */
  WHERE   /* a condition on the rows of a relation */
} operand;

typedef struct operator_word {
  const char *word;
  shunt_operator op;
  operand takes;
} operator_word;

static const operator_word words[] = {{"eq", SHUNT_EQ, SCALAR},
                                      {"ne", SHUNT_NE, SCALAR},
                                      {"gt", SHUNT_GT, SCALAR},
                                      {"gte", SHUNT_GTE, SCALAR},
                                      {"lt", SHUNT_LT, SCALAR},
                                      {"lte", SHUNT_LTE, SCALAR},
                                      {"in", SHUNT_IN, LIST},
                                      {"not_in", SHUNT_NOT_IN, LIST},
                                      {"like", SHUNT_LIKE, PATTERN},
                                      {"ilike", SHUNT_ILIKE, PATTERN},
                                      {"contains", SHUNT_CONTAINS, TEXT},
                                      {"starts_with", SHUNT_STARTS_WITH, TEXT},
                                      {"ends_with", SHUNT_ENDS_WITH, TEXT},
                                      {"between", SHUNT_BETWEEN, PAIR},
                                      {"not_between", SHUNT_NOT_BETWEEN, PAIR},
                                      {"column", SHUNT_EQ, COLUMN},
                                      {"some", SHUNT_SOME, WHERE},
                                      {"none", SHUNT_NONE, WHERE},
                                      {"every", SHUNT_EVERY, WHERE}};
enum { NWORDS = sizeof words / sizeof *words };

/* An empty table of Lua is both a list and a map. */
static bool is_empty(const node *n) { return (n->kind == NODE_LIST || n->kind == NODE_MAP) && n->count == 0; }

static shunt_status read_all(reader *r, const node *from, shunt_where *out);

static shunt_status set_values(reader *r, shunt_where *out, const node *const *from, size_t count) {
  shunt_value *values = arena_array(r->a, shunt_value, count ? count : 1);
  if (!values) return error_memory(r->err);
  for (size_t i = 0; i < count; i++) values[i] = from[i]->value;
  out->values = values;
  out->nvalues = count;
  return SHUNT_OK;
}

static shunt_status wants(reader *r, const char *column, const char *word, const char *what, const node *n) {
  return error_usage_at(r->err, n->at, "where.%s: %s%stakes %s, not %s", column, word, *word ? " " : "", what,
                        node_kind_name(n));
}

static shunt_status read_list(reader *r, const char *column, const char *word, const node *from, shunt_where *out) {
  if (is_empty(from)) return set_values(r, out, NULL, 0);
  if (from->kind != NODE_LIST) return wants(r, column, word, "a list of values", from);
  for (size_t i = 0; i < from->count; i++)
    if (from->items[i]->kind != NODE_VALUE) return wants(r, column, word, "a list of values", from->items[i]);
  return set_values(r, out, (const node *const *)from->items, from->count);
}

static shunt_status read_one(reader *r, const node *from, shunt_where *out) { return set_values(r, out, &from, 1); }

/* {column = "NAME"}, which shunt.column("NAME") makes. */
static const node *column_named(const node *from) {
  return from->kind == NODE_MAP && from->count == 1 ? node_get(from, "column") : NULL;
}

static shunt_status read_other(reader *r, const char *column, const node *name, shunt_where *out) {
  if (!node_is_text(name) || strlen(name->value.as.bytes) != name->value.size || !name->value.size)
    return wants(r, column, "column", "the name of a column", name);
  out->other = name->value.as.bytes;
  return SHUNT_OK;
}

static shunt_status read_scalar(reader *r, const char *column, const char *word, const node *from, shunt_where *out) {
  const node *other = column_named(from);
  if (other) return read_other(r, column, other, out);
  if (from->kind != NODE_VALUE) return wants(r, column, word, "one value", from);
  return read_one(r, from, out);
}

/* "A%", or {"50!%", escape = "!"}, which is a map of pattern and escape. */
static shunt_status read_pattern(reader *r, const char *column, const char *word, const node *from, shunt_where *out) {
  const node *parts[] = {node_get(from, "pattern"), node_get(from, "escape")};
  if (node_is_text(from)) return read_one(r, from, out);
  if (from->kind != NODE_MAP) return wants(r, column, word, "text, such as \"A%\"", from);
  if (from->count != 2 || !node_is_text(parts[0]) || !node_is_text(parts[1]))
    return error_usage_at(r->err, from->at,
                          "where.%s: %s with an escape is written {\"50!%%\", escape = \"!\"}, or "
                          "{pattern = \"50!%%\", escape = \"!\"}",
                          column, word);
  return set_values(r, out, parts, 2);
}

static shunt_status read_related(reader *r, const node *from, shunt_where *out) {
  shunt_where *item = arena_new(r->a, shunt_where);
  if (!item) return error_memory(r->err);
  out->items = item;
  out->nitems = 1;
  return read_all(r, from, item);
}

static shunt_status read_operand(reader *r, const char *column, const operator_word *w, const node *from,
                                 shunt_where *out) {
  *out = (shunt_where){.op = w->op, .column = column};
  switch (w->takes) {
  case LIST:
    return read_list(r, column, w->word, from, out);
  case PAIR:
    if (from->kind != NODE_LIST || from->count != 2)
      return error_usage_at(r->err, from->at, "where.%s: %s takes a list of two values, the least and the greatest",
                            column, w->word);
    return read_list(r, column, w->word, from, out);
  case PATTERN:
    return read_pattern(r, column, w->word, from, out);
  case TEXT:
    return node_is_text(from) ? read_one(r, from, out) : wants(r, column, w->word, "text", from);
  case COLUMN:
    return read_other(r, column, from, out);
  case WHERE:
    return read_related(r, from, out);
  case SCALAR:
    break;
  }
  return read_scalar(r, column, w->word, from, out);
}

static shunt_status unknown_operator(reader *r, const char *column, const node_entry *e) {
  suggest near = suggest_for(e->key);
  for (size_t i = 0; i < NWORDS; i++) suggest_try(&near, words[i].word);
  return error_usage_at(r->err, e->at, "where.%s: unknown operator '%s'%s%s", column, e->key, suggest_text(&near),
                        near.best ? ""
                                  : " (there are eq ne gt gte lt lte in not_in between not_between like ilike contains "
                                    "starts_with ends_with, and over a relation some none every)");
}

/* All conditions must hold. A single one stands for itself. */
static void conjoin(shunt_where *out, const shunt_where *items, size_t count) {
  if (count == 1)
    *out = items[0];
  else
    *out = (shunt_where){.op = SHUNT_AND, .items = items, .nitems = count};
}

static shunt_status read_operators(reader *r, const char *column, const node *from, shunt_where *out) {
  shunt_where *items = arena_array(r->a, shunt_where, from->count);
  if (!items) return error_memory(r->err);
  for (size_t i = 0; i < from->count; i++) {
    const node_entry *e = &from->entries[i];
    const operator_word *w = NULL;
    for (size_t k = 0; k < NWORDS && !w; k++)
      if (strcmp(words[k].word, e->key) == 0) w = &words[k];
    if (!w) return unknown_operator(r, column, e);
    shunt_status status = read_operand(r, column, w, e->value, &items[i]);
    if (status) return status;
  }
  conjoin(out, items, from->count);
  return SHUNT_OK;
}

static shunt_status read_column(reader *r, const char *column, const node *from, shunt_where *out) {
  static const operator_word equal = {"", SHUNT_EQ, SCALAR}, among = {"", SHUNT_IN, LIST};
  if (*column == 0) return error_usage_at(r->err, from->at, "where has a column without a name");
  if (from->kind == NODE_FUNCTION) return wants(r, column, "", "a value, a list or a map of operators", from);
  if (from->kind == NODE_VALUE) return read_operand(r, column, &equal, from, out);
  if (from->kind == NODE_LIST || is_empty(from)) return read_operand(r, column, &among, from, out);
  return read_operators(r, column, from, out);
}

static shunt_status read_alternatives(reader *r, const char *key, shunt_operator op, const node *from,
                                      shunt_where *out) {
  if (from->kind != NODE_LIST && !is_empty(from))
    return error_usage_at(r->err, from->at, "where.%s takes a list of maps, each a condition, not %s", key,
                          node_kind_name(from));
  shunt_where *items = arena_array(r->a, shunt_where, from->count ? from->count : 1);
  if (!items) return error_memory(r->err);
  for (size_t i = 0; i < from->count; i++) {
    shunt_status status = read_all(r, from->items[i], &items[i]);
    if (status) return status;
  }
  *out = (shunt_where){.op = op, .items = items, .nitems = from->count};
  return SHUNT_OK;
}

static shunt_status read_negation(reader *r, const node *from, shunt_where *out) {
  shunt_where *item = arena_new(r->a, shunt_where);
  if (!item) return error_memory(r->err);
  *out = (shunt_where){.op = SHUNT_NOT, .items = item, .nitems = 1};
  return read_all(r, from, item);
}

static shunt_status read_entry(reader *r, const node_entry *e, shunt_where *out) {
  if (e->key[0] != '_') return read_column(r, e->key, e->value, out);
  if (strcmp(e->key, "_or") == 0) return read_alternatives(r, e->key, SHUNT_OR, e->value, out);
  if (strcmp(e->key, "_and") == 0) return read_alternatives(r, e->key, SHUNT_AND, e->value, out);
  if (strcmp(e->key, "_not") == 0) return read_negation(r, e->value, out);
  suggest near = suggest_for(e->key);
  suggest_try(&near, "_or");
  suggest_try(&near, "_and");
  suggest_try(&near, "_not");
  return error_usage_at(r->err, e->at, "where: unknown key '%s'%s (there are _or, _and and _not)", e->key,
                        suggest_text(&near));
}

static shunt_status read_all(reader *r, const node *from, shunt_where *out) {
  if (from->kind != NODE_MAP && !is_empty(from))
    return error_usage_at(r->err, from->at, "where takes a map of columns to values, not %s", node_kind_name(from));
  if (r->depth == DEEPEST) return error_usage_at(r->err, from->at, "where is nested deeper than %d levels", DEEPEST);
  shunt_where *items = arena_array(r->a, shunt_where, from->count ? from->count : 1);
  if (!items) return error_memory(r->err);
  r->depth++;
  for (size_t i = 0; i < from->count; i++) {
    shunt_status status = read_entry(r, &from->entries[i], &items[i]);
    if (status) return status;
  }
  r->depth--;
  conjoin(out, items, from->count);
  return SHUNT_OK;
}

shunt_status where_from_node(arena *a, const node *from, const shunt_where **out, shunt_error *err) {
  *out = NULL;
  reader r = {a, err, 0};
  if (!from) return error_set(err, SHUNT_E_USAGE, "where takes a map of columns to values");
  shunt_where *where = arena_new(a, shunt_where);
  if (!where) return error_memory(err);
  shunt_status status = read_all(&r, from, where);
  if (status == SHUNT_OK) *out = where;
  return status;
}

shunt_status where_names(arena *a, const node *from, const char *what, const char *const **names, size_t *count,
                         shunt_error *err) {
  *names = NULL;
  *count = 0;
  if (node_is_null(from) || is_empty(from)) return SHUNT_OK;
  const node *const *items = (const node *const *)from->items;
  size_t n = from->count;
  if (from->kind != NODE_LIST) {
    items = &from;
    n = 1;
  }
  const char **list = arena_array(a, const char *, n);
  if (!list) return error_memory(err);
  for (size_t i = 0; i < n; i++) {
    if (!node_is_text(items[i]))
      return error_usage_at(err, items[i]->at, "%s takes a column's name or a list of them, not %s", what,
                            node_kind_name(items[i]));
    list[i] = items[i]->value.as.bytes;
    if (strlen(list[i]) != items[i]->value.size || list[i][strspn(list[i], "-") > 0] == 0)
      return error_usage_at(err, items[i]->at, "%s contains an empty column name", what);
  }
  *names = list;
  *count = n;
  return SHUNT_OK;
}
