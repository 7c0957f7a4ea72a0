/* The memory that calls borrow from their session: it grows neither with the rows of a call nor with its largest one.
 */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"

#define access query_access /* unistd.h has a function of this name */
#include "query/write.h"
#undef access

enum { MANY = 300, FEW_BLOCKS = 40, VALUES = 30000, FEW_BYTES = 200000 };

static void begin(store *w, faults *f) {
  store_make(w);
  faults_on(f);
  store_open(w);
  store_open_session(w, NULL);
}

static void end(store *w, faults *f) {
  store_close(w);
  assert_int_equal(f->live, 0);
  faults_off();
  store_remove(w);
}

static void check_few(const faults *f, long before) {
  if (f->live - before >= FEW_BLOCKS) fail_msg("%ld blocks for %d rows", f->live - before, MANY);
}

/* Writes the user with these related rows. */
static void write_related(store *w, const faults *f, const char *relation, const shunt_record *rows) {
  const shunt_include in = {.relation = relation};
  const shunt_write along = {.include = &in, .ninclude = 1};
  const shunt_related related = {relation, rows, MANY};
  const shunt_field id = {"id", shunt_integer(1)};
  const shunt_record user = {.fields = &id, .nfields = 1, .related = &related, .nrelated = 1};
  int64_t n;
  store_fine(w, shunt_count(w->session, "user", NULL, &n, &w->err)); /* what the calls before it borrowed is back */
  const long before = f->live;
  store_fine(w, shunt_update(w->session, "user", &user, &along, &n, &w->err));
  check_few(f, before);
}

static void a_decision_for_each_row_is_given_back(void **state) {
  (void)state;
  store w;
  faults f;
  begin(&w, &f);
  store_exec(&w, 0, "INSERT INTO users (id, name, age) VALUES (1, 'Ada', 36)");
  static shunt_field fields[MANY][2];
  static shunt_record rows[MANY];
  for (int i = 0; i < MANY; i++) {
    fields[i][0] = (shunt_field){"page", TEXT("a")};
    fields[i][1] = (shunt_field){"id", shunt_integer(i + 1)};
    rows[i] = (shunt_record){.fields = fields[i], .nfields = 1};
  }
  write_related(&w, &f, "visits", rows);
  for (int i = 0; i < MANY; i++) rows[i].nfields = 2; /* the same rows again */
  write_related(&w, &f, "visits", rows);
  char names[MANY][16];
  for (int i = 0; i < MANY; i++) {
    snprintf(names[i], sizeof names[i], "role %d", i);
    fields[i][0] = (shunt_field){"name", shunt_text(names[i], strlen(names[i]))};
    rows[i].nfields = 1;
  }
  write_related(&w, &f, "roles", rows);
  for (int i = 0; i < MANY; i++) rows[i].nfields = 2;
  write_related(&w, &f, "roles", rows);
  end(&w, &f);
}

/* As on a server that returns no inserted rows. */
static void a_statement_whose_row_is_read_again_is_given_back(void **state) {
  (void)state;
  store w;
  faults f;
  begin(&w, &f);
  call c;
  store_fine(&w, call_begin(&c, w.session, 0, &w.err));
  route_request request = session_request(w.session, catalog_model(w.session->generation.catalog, "user"), SHUNT_WRITE);
  query_access a = {.decision = NULL};
  store_fine(&w, access_find(&c, &request, &a));
  site at = *access_only_site(&a);
  driver_engine engine = *at.engine;
  engine.returning = false;
  at.engine = &engine;
  const long before = f.live;
  for (int i = 0; i < MANY; i++) {
    const shunt_field fields[] = {{"id", shunt_integer(i + 1)}, {"name", TEXT("Ada")}};
    shunt_rows *rows = rows_new();
    store_fine(&w, write_insert(&c, &at, fields, COUNT(fields), rows));
    assert_int_equal(rows->count, 1);
    shunt_rows_free(rows);
  }
  check_few(&f, before);
  end(&w, &f);
}

static void a_large_statement_is_not_kept(void **state) {
  (void)state;
  store w;
  faults f;
  int64_t n;
  begin(&w, &f);
  store_fine(&w, shunt_count(w.session, "user", NULL, &n, &w.err));
  shunt_value *values = calloc(VALUES, sizeof *values);
  for (int i = 0; i < VALUES; i++) values[i] = shunt_integer(i);
  shunt_where in = {.op = SHUNT_IN, .column = "id", .values = values, .nvalues = VALUES};
  const size_t before = f.bytes;
  store_fine(&w, shunt_count(w.session, "user", &(shunt_query){.where = &in}, &n, &w.err));
  store_fine(&w, shunt_count(w.session, "user", NULL, &n, &w.err));
  free(values);
  if (f.bytes > before + FEW_BYTES) fail_msg("%zu bytes are kept", f.bytes - before);
  end(&w, &f);
}

/* After each of them the tables are described anew. */
static void statements_that_change_tables_leave_nothing_behind(void **state) {
  (void)state;
  store w;
  faults f;
  int64_t n;
  size_t before = 0;
  begin(&w, &f);
  for (int i = 0; i < 5 * MANY; i++) {
    if (i == MANY) before = f.bytes;
    store_fine(&w, shunt_sql(w.session, "CREATE TABLE IF NOT EXISTS t (a)", NULL, NULL, NULL, &w.err));
    store_fine(&w, shunt_count(w.session, "user", NULL, &n, &w.err));
  }
  if (f.bytes > before + FEW_BYTES / 10) fail_msg("%zu bytes are kept", f.bytes - before);
  end(&w, &f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_decision_for_each_row_is_given_back),
      cmocka_unit_test(a_statement_whose_row_is_read_again_is_given_back),
      cmocka_unit_test(a_large_statement_is_not_kept),
      cmocka_unit_test(statements_that_change_tables_leave_nothing_behind),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
