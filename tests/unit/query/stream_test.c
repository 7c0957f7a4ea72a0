/* Streams, from C: the rows one by one, what ends them early, and what is left when memory runs out. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

#include "unit/faults.h"

enum { ROWS = 600 /* fetched in three parts */ };

static void fill(store *w) {
  store_exec(w, 0,
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) "
             "INSERT INTO users SELECT i, 'user ' || i, i % 7 FROM n");
}

static int busy;
static void add_busy(void *ud, const shunt_pool_stats *stats) {
  (void)ud;
  busy += stats->busy;
}

static void nothing_is_held(const store *w) {
  busy = 0;
  shunt_pools(w->app, add_busy, NULL);
  assert_int_equal(busy, 0);
}

static void rows_come_one_by_one(void **state) {
  store *w = *state;
  shunt_stream *stream;
  const shunt_value *row;
  const shunt_value from = TEXT("user ");
  shunt_where where = {.op = SHUNT_STARTS_WITH, .column = "name", .values = &from, .nvalues = 1};
  const char *const columns[] = {"name", "id"}, *const order[] = {"id"};
  shunt_query q = {.columns = columns, .ncolumns = 2, .where = &where, .order = order, .norder = 1};
  fill(w);
  store_fine(w, shunt_each(w->session, "user", &q, &stream, &w->err));
  assert_int_equal(shunt_stream_ncolumns(stream), 2);
  assert_string_equal(shunt_stream_column(stream, 0), "name");
  assert_null(shunt_stream_column(stream, 2));
  for (int64_t i = 1; i <= ROWS; i++) {
    store_fine(w, shunt_stream_next(stream, &row, &w->err));
    assert_non_null(row);
    assert_int_equal(row[1].as.integer, i);
  }
  for (int i = 0; i < 2; i++) {
    store_fine(w, shunt_stream_next(stream, &row, &w->err));
    assert_null(row);
  }
  nothing_is_held(w);
  shunt_stream_close(stream);
  shunt_stream_close(NULL);
  assert_int_equal(w->statements, 1);
}

static void a_session_may_be_closed_before_its_stream(void **state) {
  store *w = *state;
  shunt_stream *stream;
  const shunt_value *row;
  fill(w);
  store_fine(w, shunt_each(w->session, "user", NULL, &stream, &w->err));
  store_fine(w, shunt_stream_next(stream, &row, &w->err));
  shunt_session_close(w->session);
  store_open_session(w, NULL);
  nothing_is_held(w);
  store_fails(w, shunt_stream_next(stream, &row, &w->err), SHUNT_E_TRANSACTION, "the session was closed");
  shunt_stream_close(stream);
}

/* All rows, or an error and nothing that is lost. */
static shunt_status read_all(store *w, size_t *n) {
  const shunt_value *row = NULL, text = TEXT("user");
  shunt_where where = {.op = SHUNT_CONTAINS, .column = "name", .values = &text, .nvalues = 1};
  shunt_stream *stream;
  shunt_status status = shunt_each(w->session, "user", &(shunt_query){.where = &where}, &stream, &w->err);
  *n = 0;
  if (status) return status;
  while (!(status = shunt_stream_next(stream, &row, &w->err)) && row) ++*n;
  shunt_stream_close(stream);
  return status;
}

static void memory_may_run_out_at_any_moment(void **state) {
  store *w = *state;
  faults f;
  size_t n;
  bool done = false;
  fill(w);
  store_fine(w, read_all(w, &n)); /* what is kept for later calls is there now */
  shunt_observe(w->session, NULL, NULL);
  store_close(w);
  faults_on(&f);
  store_open(w);
  store_open_session(w, NULL);
  for (size_t at = 1; !done; at++) {
    f.seen = 0;
    f.failed = false;
    f.fail_at = at;
    shunt_status status = read_all(w, &n);
    done = !f.failed;
    f.fail_at = 0;
    if (status) assert_int_equal(status, SHUNT_E_MEMORY);
    if (!status) assert_int_equal(n, ROWS);
    nothing_is_held(w);
  }
  store_close(w);
  assert_int_equal(f.live, 0);
  faults_off();
  store_open(w);
  store_open_session(w, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(rows_come_one_by_one),
      store_test(a_session_may_be_closed_before_its_stream),
      store_test(memory_may_run_out_at_any_moment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
