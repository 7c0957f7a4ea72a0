/* Keys are matched as SQLite's own join matches them, whatever the columns' types and whatever lies in them. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "relate/match.h"
#include "unit/random.h"

/* A column without a type is left out: there 1 and "1" are the same key to shunt, on whatever engine, but not to
 * SQLite. */
static const struct {
  const char *declared;
  bool numeric, text;
  driver_collation collation;
} columns[] = {{"INTEGER", true, false, DRIVER_BINARY},
               {"REAL", true, false, DRIVER_BINARY},
               {"NUMERIC", true, false, DRIVER_BINARY},
               {"TEXT", false, true, DRIVER_BINARY},
               {"TEXT COLLATE NOCASE", false, true, DRIVER_NOCASE},
               {"TEXT COLLATE RTRIM", false, true, DRIVER_RTRIM}};
enum { ROWS = 12 };

static const char *const values[] = {"NULL",  "0",     "1",    "2",    "-1",    "1.0", "1.5",  "'1'",
                                     "'a'",   "'A'",   "'a '", "'2 '", "'1.5'", "''",  "'-1'", "9223372036854775807",
                                     "x'31'", "9.3e18"};

static driver_column column_of(size_t i) {
  return (driver_column){.name = "k",
                         .type = columns[i].declared,
                         .numeric = columns[i].numeric,
                         .text = columns[i].text,
                         .collation = columns[i].collation};
}

static void fill(store *w, rng *r, const char *table, const char *declared) {
  char sql[256];
  snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS %s; CREATE TABLE %s (id INTEGER PRIMARY KEY, k %s)", table, table,
           declared);
  store_exec(w, 0, sql);
  for (int i = 0; i < ROWS; i++) {
    snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (%d, %s)", table, i, values[rng_below(r, COUNT(values))]);
    store_exec(w, 0, sql);
  }
}

static shunt_rows *read_all(store *w, const char *sql) {
  shunt_rows *rows;
  store_fine(w, shunt_sql(w->session, sql, &(shunt_sql_options){.client = "main"}, &rows, NULL, &w->err));
  return rows;
}

/* A number in a text column, neither as SQLite writes an integer nor as it writes a float. */
static bool written_oddly(const match_set *m, const shunt_value *v) {
  char room[VALUE_TEXT_BYTES + 2];
  if (!m->rules.list[0].numeric || !m->rules.list[0].child->text || v->type != SHUNT_TEXT) return false;
  shunt_value number = value_canonical(v, true);
  if (number.type == SHUNT_TEXT) return false;
  size_t size = value_as_text(&number, room);
  if (v->size == size && memcmp(v->as.bytes, room, size) == 0) return false;
  memcpy(room + size, ".0", 2);
  return v->size != size + 2 || memcmp(v->as.bytes, room, size + 2) != 0;
}

/* Parents that look up children in a set of keys, against the join; and the forms that a key is asked for in must find
 * the child's row again. */
static void check(store *w, size_t parent, size_t child) {
  arena a = {0};
  match_set m;
  driver_column p = column_of(parent), c = column_of(child);
  key_columns parent_key = {{&p}, 1}, child_key = {{&c}, 1};
  match_rules rules = match_rules_of(&parent_key, &child_key);
  shunt_rows *parents = read_all(w, "SELECT id, k FROM parents ORDER BY id"),
             *children = read_all(w, "SELECT id, k FROM children ORDER BY id");
  assert_true(match_init(&m, &a, &rules, ROWS));
  uint32_t key_of[ROWS];
  for (size_t i = 0; i < ROWS; i++) key_of[i] = match_add(&m, 0, &shunt_rows_at(parents, i)[1], NULL);
  for (size_t k = 0; k < ROWS; k++) {
    uint32_t key = match_find(&m, 0, &shunt_rows_at(children, k)[1], NULL);
    assert_int_equal(match_find(&m, 1, &shunt_rows_at(children, k)[1], NULL),
                     MATCH_NONE); /* another tag, another key */
    for (size_t i = 0; i < ROWS; i++) {
      char sql[256];
      snprintf(sql, sizeof sql,
               "SELECT count(*) FROM children c, parents p WHERE c.k = p.k AND p.id = %zu AND c.id = %zu", i, k);
      bool joined = store_number(w, 0, sql) > 0, matched = key != MATCH_NONE && key == key_of[i];
      if (joined != matched)
        fail_msg("parent %s, child %s: rows %zu and %zu are %sjoined by SQLite", columns[parent].declared,
                 columns[child].declared, i, k, joined ? "" : "not ");
      if (!matched) continue;
      if (written_oddly(&m, &shunt_rows_at(children, k)[1])) continue;
      shunt_value params[MATCH_FORMS + 1] = {shunt_integer((int64_t)k)};
      size_t n;
      shunt_rows *found;
      assert_true(match_forms(&m, key, &child_key, params + 1, &n));
      assert_in_range(n, 1, match_most_forms(&m.rules, &child_key));
      if (n == 1) params[2] = params[1];
      store_fine(w, shunt_sql(w->session, "SELECT 1 FROM children WHERE id = ? AND k IN (?, ?)",
                              &(shunt_sql_options){"main", params, 3}, &found, NULL, &w->err));
      if (shunt_rows_count(found) != 1)
        fail_msg("parent %s, child %s: the key of %zu does not find %zu", columns[parent].declared,
                 columns[child].declared, i, k);
      shunt_rows_free(found);
    }
  }
  shunt_rows_free(parents);
  shunt_rows_free(children);
  arena_free(&a);
}

static void keys_match_as_a_join_matches_them(void **state) {
  store *w = *state;
  rng r = rng_start("keys");
  for (int round = 0; round < 4; round++)
    for (size_t parent = 0; parent < COUNT(columns); parent++)
      for (size_t child = 0; child < COUNT(columns); child++) {
        fill(w, &r, "parents", columns[parent].declared);
        fill(w, &r, "children", columns[child].declared);
        check(w, parent, child);
      }
}

static void a_column_without_a_type_is_asked_for_both_forms(void **state) {
  (void)state;
  arena a = {0};
  match_set m;
  driver_column any = {.name = "k", .type = ""};
  key_columns none = {.n = 0}, key_of_any = {{&any}, 1};
  match_rules rules = match_rules_of(&none, &key_of_any);
  shunt_value forms[MATCH_FORMS], one = shunt_float(1), text = TEXT("1"), word = TEXT("one");
  size_t n;
  assert_true(match_init(&m, &a, &rules, 2));
  uint32_t key = match_add(&m, 0, &one, NULL);
  assert_int_equal(match_add(&m, 0, &text, NULL), key);
  assert_int_equal(match_most_forms(&m.rules, &key_of_any), 2);
  assert_true(match_forms(&m, key, &key_of_any, forms, &n));
  assert_int_equal(n, 2);
  assert_int_equal(forms[0].as.integer, 1);
  assert_memory_equal(forms[1].as.bytes, "1", 1);
  assert_true(match_forms(&m, match_add(&m, 0, &word, NULL), &key_of_any, forms, &n));
  assert_int_equal(n, 1);
  arena_free(&a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(keys_match_as_a_join_matches_them),
      cmocka_unit_test(a_column_without_a_type_is_asked_for_both_forms),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
