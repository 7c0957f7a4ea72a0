/* Conditions as users write them, turned into what queries carry out. Lists and maps are written here as YAML. */
#define _POSIX_C_SOURCE 200809L
#include "unit/config/app.h"

#include "catalog/where.h"

static void spell_value(buf *b, const shunt_value *v) {
  switch ((shunt_type)v->type) {
  case SHUNT_NULL:
    buf_puts(b, "null");
    break;
  case SHUNT_BOOL:
    buf_puts(b, v->as.boolean ? "true" : "false");
    break;
  case SHUNT_INTEGER:
    buf_printf(b, "%lld", (long long)v->as.integer);
    break;
  case SHUNT_FLOAT:
    buf_printf(b, "%g", v->as.number);
    break;
  default:
    buf_printf(b, "'%.*s'", (int)v->size, v->as.bytes);
    break;
  }
}

static void spell(buf *b, const shunt_where *w) {
  static const char *const words[] = {
      [SHUNT_EQ] = "eq",
      [SHUNT_NE] = "ne",
      [SHUNT_GT] = "gt",
      [SHUNT_GTE] = "gte",
      [SHUNT_LT] = "lt",
      [SHUNT_LTE] = "lte",
      [SHUNT_LIKE] = "like",
      [SHUNT_ILIKE] = "ilike",
      [SHUNT_CONTAINS] = "contains",
      [SHUNT_STARTS_WITH] = "starts_with",
      [SHUNT_ENDS_WITH] = "ends_with",
      [SHUNT_BETWEEN] = "between",
      [SHUNT_NOT_BETWEEN] = "not_between",
      [SHUNT_IN] = "in",
      [SHUNT_NOT_IN] = "not_in",
      [SHUNT_SOME] = "some",
      [SHUNT_NONE] = "none",
      [SHUNT_EVERY] = "every",
      [SHUNT_AND] = "and",
      [SHUNT_OR] = "or",
      [SHUNT_NOT] = "not",
  };
  buf_printf(b, "(%s", words[w->op]);
  if (w->column) buf_printf(b, " %s", w->column);
  if (w->other) buf_printf(b, " [%s]", w->other);
  for (size_t i = 0; i < w->nvalues; i++) {
    buf_putc(b, ' ');
    spell_value(b, &w->values[i]);
  }
  for (size_t i = 0; i < w->nitems; i++) {
    buf_putc(b, ' ');
    spell(b, &w->items[i]);
  }
  buf_putc(b, ')');
}

/* "" and the condition, or the message. */
static char *read_where(const char *yaml, shunt_status *status) {
  arena in = {0};
  problems p = {0};
  buf b = {0};
  char text[512];
  shunt_error err;
  node *root = NULL;
  const shunt_where *where = NULL;
  snprintf(text, sizeof text, "w: %s", yaml);
  assert_int_equal(yaml_read(&in, &p, "x", text, strlen(text), &root), SHUNT_OK);
  app_as_lua(root, "x", 1);
  *status = where_from_node(&in, node_get(root, "w"), &where, &err);
  if (*status)
    buf_puts(&b, err.message);
  else
    spell(&b, where);
  assert_int_equal(*status != SHUNT_OK, where == NULL);
  arena_free(&in);
  problems_free(&p);
  return buf_take(&b);
}

typedef struct example {
  const char *from;
  const char *to;
} example;

static void reads_what_the_manual_shows(void **state) {
  (void)state;
  static const example examples[] = {
      {"{id: 7}", "(eq id 7)"},
      {"{}", "(and)"},
      {"[]", "(and)"}, /* a table of Lua without entries */
      {"{a: 1, b: x}", "(and (eq a 1) (eq b 'x'))"},
      {"{age: {gte: 18, lt: 65}}", "(and (gte age 18) (lt age 65))"},
      {"{age: {gt: 1.5}}", "(gt age 1.5)"},
      {"{city: [Oslo, Bergen]}", "(in city 'Oslo' 'Bergen')"},
      {"{city: []}", "(in city)"},
      {"{city: {}}", "(in city)"},
      {"{deleted_at: null}", "(eq deleted_at null)"},
      {"{deleted_at: {ne: null}}", "(ne deleted_at null)"},
      {"{ok: true}", "(eq ok true)"},
      {"{name: {like: A%}}", "(like name 'A%')"},
      {"{name: {like: {pattern: 50!%, escape: '!'}}}", "(like name '50!%' '!')"},
      {"{name: {ilike: A%, contains: b, starts_with: '%', ends_with: ''}}",
       "(and (ilike name 'A%') (contains name 'b') (starts_with name '%') (ends_with name ''))"},
      {"{n: {between: [1, 5]}}", "(between n 1 5)"},
      {"{n: {not_between: [1, 5]}}", "(not_between n 1 5)"},
      {"{n: {lt: {column: m}}}", "(lt n [m])"},
      {"{n: {column: m}}", "(eq n [m])"},
      {"{posts: {some: {a: 1}, none: {}}}", "(and (some posts (eq a 1)) (none posts (and)))"},
      {"{n: {in: [1, null]}}", "(in n 1 null)"},
      {"{n: {in: {}}}", "(in n)"},
      {"{n: {not_in: []}}", "(not_in n)"},
      {"{n: {lte: 1, eq: 2}}", "(and (lte n 1) (eq n 2))"},
      {"{_or: [{a: 1}, {b: 2, c: 3}]}", "(or (eq a 1) (and (eq b 2) (eq c 3)))"},
      {"{_or: []}", "(or)"},
      {"{_or: [{}]}", "(or (and))"},
      {"{_and: [{a: 1}, {a: 2}]}", "(and (eq a 1) (eq a 2))"},
      {"{_not: {a: 1}}", "(not (eq a 1))"},
      {"{_not: {}}", "(not (and))"},
      {"{a: 1, _not: {_or: [{b: [1]}]}}", "(and (eq a 1) (not (or (in b 1))))"},
      {"{\"'; DROP TABLE users; --\": 1}", "(eq '; DROP TABLE users; -- 1)"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    shunt_status status;
    char *got = read_where(examples[i].from, &status);
    assert_string_equal(got, examples[i].to);
    assert_int_equal(status, SHUNT_OK);
    base_free(got);
  }
}

static void refuses_what_makes_no_sense_and_names_the_column(void **state) {
  (void)state;
  static const example examples[] = {
      {"5", "where takes a map of columns to values, not an integer"},
      {"null", "where takes a map of columns to values, not null"},
      {"[{a: 1}]", "where takes a map of columns to values, not a list"},
      {"fn 1", "where takes a map of columns to values, not a function"},
      {"{age: {gtt: 1}}", "where.age: unknown operator 'gtt'; did you mean 'gt'?"},
      {"{age: {zzzzzz: 1}}",
       "where.age: unknown operator 'zzzzzz' (there are eq ne gt gte lt lte in not_in between not_between like ilike "
       "contains starts_with ends_with, and over a relation some none every)"},
      {"{age: fn 1}", "where.age: takes a value, a list or a map of operators, not a function"},
      {"{age: {gt: [1]}}", "where.age: gt takes one value, not a list"},
      {"{age: {eq: {}}}", "where.age: eq takes one value, not a map"},
      {"{age: {eq: fn 1}}", "where.age: eq takes one value, not a function"},
      {"{age: [1, [2]]}", "where.age: takes a list of values, not a list"},
      {"{age: {in: [1, {}]}}", "where.age: in takes a list of values, not a map"},
      {"{age: {in: 5}}", "where.age: in takes a list of values, not an integer"},
      {"{age: {not_in: {a: 1}}}", "where.age: not_in takes a list of values, not a map"},
      {"{name: {like: 5}}", "where.name: like takes text, such as \"A%\", not an integer"},
      {"{name: {ilike: [A]}}", "where.name: ilike takes text, such as \"A%\", not a list"},
      {"{name: {like: {pattern: A%}}}", "where.name: like with an escape is written {\"50!%\", escape = \"!\"}, or "
                                        "{pattern = \"50!%\", escape = \"!\"}"},
      {"{name: {contains: [a]}}", "where.name: contains takes text, not a list"},
      {"{n: {lt: {column: 5}}}", "where.n: column takes the name of a column, not an integer"},
      {"{n: {lt: {column: ''}}}", "where.n: column takes the name of a column, not text"},
      {"{n: {lt: {columns: m}}}", "where.n: lt takes one value, not a map"},
      {"{n: {not_between: [1]}}", "where.n: not_between takes a list of two values, the least and the greatest"},
      {"{n: {between: 5}}", "where.n: between takes a list of two values, the least and the greatest"},
      {"{n: {between: [1]}}", "where.n: between takes a list of two values, the least and the greatest"},
      {"{n: {between: [1, [2]]}}", "where.n: between takes a list of values, not a list"},
      {"{_or: {a: 1}}", "where._or takes a list of maps, each a condition, not a map"},
      {"{_or: [5]}", "where takes a map of columns to values, not an integer"},
      {"{_not: 5}", "where takes a map of columns to values, not an integer"},
      {"{_orr: []}", "where: unknown key '_orr'; did you mean '_or'? (there are _or, _and and _not)"},
      {"{_column: 1}", "where: unknown key '_column' (there are _or, _and and _not)"},
      {"{'': 1}", "where has a column without a name"},
  };
  for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
    shunt_status status;
    char *got = read_where(examples[i].from, &status);
    assert_string_equal(got, examples[i].to);
    assert_int_equal(status, SHUNT_E_USAGE);
    base_free(got);
  }
}

static void bounds_how_deep_conditions_go(void **state) {
  (void)state;
  arena in = {0};
  place at = {0};
  node *n = node_map(&in, at);
  for (int i = 0; i < 100000; i++) {
    node *outer = node_map(&in, at);
    assert_true(node_put(&in, outer, "_not", at, n));
    n = outer;
  }
  const shunt_where *where;
  shunt_error err;
  assert_int_equal(where_from_node(&in, n, &where, &err), SHUNT_E_USAGE);
  assert_string_equal(err.message, "where is nested deeper than 64 levels");
  arena_free(&in);
}

static void reads_names_and_lists_of_names(void **state) {
  (void)state;
  static const struct {
    const char *yaml;
    int count; /* -1: refused */
  } cases[] = {{"name", 1},       {"[name, -id]", 2}, {"[]", 0},     {"{}", 0},      {"null", 0}, {"5", -1},
               {"[name, 5]", -1}, {"''", -1},         {"['-']", -1}, {"{a: b}", -1}, {"fn 1", -1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    arena in = {0};
    problems p = {0};
    node *root = NULL;
    const char *const *names;
    size_t count;
    shunt_error err;
    char text[64];
    snprintf(text, sizeof text, "n: %s", cases[i].yaml);
    assert_int_equal(yaml_read(&in, &p, "x", text, strlen(text), &root), SHUNT_OK);
    app_as_lua(root, "x", 1);
    shunt_status status = where_names(&in, node_get(root, "n"), "order", &names, &count, &err);
    if (status) assert_int_equal(strncmp(err.message, "order ", 6), 0);
    assert_int_equal(status, cases[i].count < 0 ? SHUNT_E_USAGE : SHUNT_OK);
    assert_int_equal(count, cases[i].count < 0 ? 0 : cases[i].count);
    if (count == 2) assert_string_equal(names[1], "-id");
    arena_free(&in);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_what_the_manual_shows),
      cmocka_unit_test(refuses_what_makes_no_sense_and_names_the_column),
      cmocka_unit_test(bounds_how_deep_conditions_go),
      cmocka_unit_test(reads_names_and_lists_of_names),
  };
  return cmocka_run_group_tests_name("conditions", tests, NULL, NULL);
}
