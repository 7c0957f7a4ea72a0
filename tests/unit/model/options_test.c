/* Structs of options: zeros mean the defaults, whatever size the caller's struct has. */
#define _POSIX_C_SOURCE 200809L
#include "unit/query/store.h"

/* ---- sizes ---- */

/* A struct as a caller of a later version has it. */
#define LATER(name)                                                                                                    \
  struct later_##name {                                                                                                \
    shunt_##name now;                                                                                                  \
    int64_t added;                                                                                                     \
  }

/* What a function gives with these options. */
typedef shunt_status (*use)(store *w, const void *options);

static shunt_status use_open(store *w, const void *options) {
  char path[128];
  snprintf(path, sizeof path, "%s/shunt.yaml", w->folder);
  shunt_app *app = NULL;
  shunt_status status = shunt_open(path, options, &app, &w->err);
  assert_true(!status == !!app);
  shunt_close(app);
  return status ? status : shunt_reload(w->app, options, &w->err);
}
static shunt_status use_reload(store *w, const void *options) { return shunt_reload(w->app, options, &w->err); }
static shunt_status use_session(store *w, const void *options) {
  shunt_session *s;
  shunt_status status = shunt_session_open(w->app, options, &s, &w->err);
  assert_true(!status == !!s);
  shunt_session_close(s);
  return status;
}
static shunt_status done(shunt_status status, shunt_rows **rows) {
  assert_true(!status == !!*rows);
  shunt_rows_free(*rows);
  return status;
}
static shunt_status use_select(store *w, const void *options) {
  shunt_rows *rows;
  return done(shunt_select(w->session, "user", options, &rows, &w->err), &rows);
}
static shunt_status use_mget(store *w, const void *options) {
  shunt_rows *rows;
  const shunt_value id = shunt_integer(1);
  const shunt_keys ids = {.values = &id, .n = 1};
  return done(shunt_mget(w->session, "user", &ids, options, &rows, &w->err), &rows);
}
static shunt_status use_count(store *w, const void *options) {
  int64_t n;
  return shunt_count(w->session, "user", options, &n, &w->err);
}
static shunt_status use_aggregate(store *w, const void *options) {
  shunt_rows *rows;
  const shunt_aggregation count = {0};
  const shunt_aggregates what = {.list = &count, .n = 1};
  return done(shunt_aggregate(w->session, "user", &what, options, &rows, &w->err), &rows);
}
static shunt_status use_each(store *w, const void *options) {
  shunt_stream *rows;
  shunt_status status = shunt_each(w->session, "user", options, &rows, &w->err);
  shunt_stream_close(rows);
  return status;
}
static shunt_status included(store *w, const shunt_include *in) {
  return use_select(w, &(shunt_query){.include = in, .ninclude = 1});
}
static shunt_status use_include(store *w, const void *options) {
  return included(w, &(shunt_include){.relation = "orders", .query = options});
}
static shunt_status use_link(store *w, const void *options) {
  return included(w, &(shunt_include){.relation = "roles", .link = options});
}
static shunt_status use_insert(store *w, const void *options) {
  shunt_rows *rows;
  const shunt_field name = {"name", shunt_text("x", 1)};
  return done(shunt_insert(w->session, "user", &(shunt_record){.fields = &name, .nfields = 1}, options, &rows, &w->err),
              &rows);
}
static shunt_status use_insert_bulk(store *w, const void *options) {
  return shunt_insert_bulk(w->session, "user", NULL, options, NULL, &w->err);
}
static shunt_status use_insert_rows(store *w, const void *options) {
  shunt_rows *rows;
  return done(shunt_insert_rows(w->session, "user", NULL, options, &rows, &w->err), &rows);
}
static shunt_status use_update(store *w, const void *options) {
  const shunt_field row[] = {{"id", shunt_integer(1)}, {"name", shunt_text("y", 1)}};
  return shunt_update(w->session, "user", &(shunt_record){.fields = row, .nfields = 2}, options, NULL, &w->err);
}
static shunt_status use_update_bulk(store *w, const void *options) {
  return shunt_update_bulk(w->session, "user", NULL, options, NULL, &w->err);
}
static shunt_status use_sql(store *w, const void *options) {
  return shunt_sql(w->session, "SELECT 1", options, NULL, NULL, &w->err);
}
static shunt_status use_begin(store *w, const void *options) {
  shunt_tx *tx;
  shunt_status status = shunt_begin(w->session, options, &tx, &w->err);
  return status ? status : shunt_rollback(tx, &w->err);
}
static shunt_status use_push(store *w, const void *options) {
  return shunt_push(w->session, "mail", NULL, options, NULL, &w->err);
}
static shunt_status use_jobs_list(store *w, const void *options) {
  shunt_rows *rows;
  return done(shunt_jobs_list(w->session, options, &rows, &w->err), &rows);
}
static shunt_status use_jobs_retry(store *w, const void *options) {
  return shunt_jobs_retry(w->session, options, NULL, &w->err);
}
static shunt_status use_jobs_purge(store *w, const void *options) {
  return shunt_jobs_purge(w->session, options, NULL, &w->err);
}
static shunt_status use_worker(store *w, const void *options) {
  shunt_worker *worker = NULL;
  shunt_status status = shunt_worker_open(w->app, options, &worker, &w->err);
  assert_true(!status == !!worker);
  shunt_worker_close(worker);
  return status;
}

#define FUNCTIONS(X)                                                                                                   \
  X(options, use_open)                                                                                                 \
  X(options, use_reload)                                                                                               \
  X(session_options, use_session)                                                                                      \
  X(query, use_select)                                                                                                 \
  X(query, use_mget)                                                                                                   \
  X(query, use_count)                                                                                                  \
  X(query, use_aggregate)                                                                                              \
  X(query, use_each)                                                                                                   \
  X(query, use_include)                                                                                                \
  X(link, use_link)                                                                                                    \
  X(write, use_insert)                                                                                                 \
  X(write, use_insert_bulk)                                                                                            \
  X(write, use_insert_rows)                                                                                            \
  X(write, use_update)                                                                                                 \
  X(write, use_update_bulk)                                                                                            \
  X(sql_options, use_sql)                                                                                              \
  X(tx_options, use_begin)                                                                                             \
  X(push_options, use_push)                                                                                            \
  X(jobs_filter, use_jobs_list)                                                                                        \
  X(jobs_filter, use_jobs_retry)                                                                                       \
  X(jobs_filter, use_jobs_purge)                                                                                       \
  X(worker_options, use_worker)

/* The options as each kind of caller has them. */
static void assert_any_size(store *w, const char *name, use fn, void *later, size_t now) {
  size_t *size = later, sizes[] = {0, now, now + sizeof(int64_t)};
  store_fine(w, fn(w, NULL));
  for (size_t i = 0; i < COUNT(sizes); i++) {
    *size = sizes[i];
    store_fine(w, fn(w, later));
  }
  ((char *)later)[now] = 1;
  store_fails(w, fn(w, later), SHUNT_E_USAGE, name);
  *size = now; /* what lies behind is not the struct's */
  store_fine(w, fn(w, later));
  *size = 1;
  store_fails(w, fn(w, later), SHUNT_E_USAGE, name);
}

static void options_of_any_size_mean_the_same(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO users (id, name) VALUES (1, 'a')");
#define ANY_SIZE(name, fn)                                                                                             \
  {                                                                                                                    \
    LATER(name) later = {.added = 0};                                                                                  \
    assert_any_size(w, "shunt_" #name, fn, &later, sizeof later.now);                                                  \
  }
  FUNCTIONS(ANY_SIZE)
}

/* These can't be all zeros. */
static void options_that_name_something_may_have_any_size_too(void **state) {
  store *w = *state;
  const shunt_decision *d;
  LATER(request) request = {.now = {.size = sizeof request, .model = "user"}};
  store_fine(w, shunt_resolve(w->session, &request.now, &d, &w->err));
  assert_string_equal(d->client, "main");
  request.added = 1;
  store_fails(w, shunt_resolve(w->session, &request.now, &d, &w->err), SHUNT_E_USAGE, "shunt_request");
  assert_null(d);
  store_fails(w, shunt_resolve(w->session, NULL, &d, &w->err), SHUNT_E_USAGE, "request is NULL");
  LATER(relation)
  relation = {.now = {.size = sizeof relation, .kind = SHUNT_HAS_MANY, .target = "order", .foreign_key = {"user_id"}}};
  store_fine(w, included(w, &(shunt_include){.relation = "theirs", .with = &relation.now}));
  relation.added = 1;
  store_fails(w, included(w, &(shunt_include){.relation = "theirs", .with = &relation.now}), SHUNT_E_USAGE,
              "shunt_relation");
  const char *const key[] = {"id"};
  LATER(conflict) conflict = {.now = {.size = sizeof conflict, .columns = key, .ncolumns = 1}};
  store_fine(w, use_insert(w, &(shunt_write){.on_conflict = &conflict.now}));
  conflict.added = 1;
  store_fails(w, use_insert(w, &(shunt_write){.on_conflict = &conflict.now}), SHUNT_E_USAGE, "shunt_conflict");
}

static void a_struct_with_its_size_is_made_in_one_expression(void **state) {
  store *w = *state;
  const shunt_query *q = &SHUNT_WITH(query, .limit = 10);
  assert_int_equal(q->size, sizeof *q);
  assert_int_equal(q->limit, 10);
  assert_null(q->where);
  store_fine(w, use_select(w, q));
}

/* ---- limits ---- */

static size_t count_of(store *w, const shunt_query *q) {
  shunt_rows *rows;
  store_fine(w, shunt_select(w->session, "user", q, &rows, &w->err));
  const size_t n = shunt_rows_count(rows);
  shunt_rows_free(rows);
  return n;
}

static size_t orders_with(store *w, const shunt_include *in) {
  shunt_rows *rows;
  size_t n;
  store_fine(w, shunt_select(w->session, "user", &(shunt_query){.include = in, .ninclude = 1}, &rows, &w->err));
  shunt_rows_related(rows, 0, 0, &n);
  shunt_rows_free(rows);
  return n;
}

static void a_limit_needs_no_other_member(void **state) {
  store *w = *state;
  store_exec(w, 0, "INSERT INTO users (id, name) VALUES (1, 'a'), (2, 'b'), (3, 'c')");
  store_exec(w, 1, "INSERT INTO orders (id, user_id) VALUES (1, 1), (2, 1), (3, 1)");
  const struct {
    int64_t limit;
    size_t rows;
  } cases[] = {{0, 3}, {1, 1}, {2, 2}, {9, 3}, {INT64_MAX, 3}, {SHUNT_NO_ROWS, 0}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const shunt_query q = {.limit = cases[i].limit};
    const shunt_relation own = {
        .kind = SHUNT_HAS_MANY, .target = "order", .foreign_key = {"user_id"}, .limit = cases[i].limit};
    int64_t n;
    assert_int_equal(count_of(w, &q), cases[i].rows);
    store_fine(w, shunt_count(w->session, "user", &q, &n, &w->err));
    assert_int_equal(n, cases[i].rows);
    assert_int_equal(orders_with(w, &(shunt_include){.relation = "orders", .query = &q}), cases[i].rows);
    assert_int_equal(orders_with(w, &(shunt_include){.relation = "theirs", .with = &own}), cases[i].rows);
    /* the query's limit takes the place of the relation's */
    assert_int_equal(
        orders_with(w, &(shunt_include){.relation = "theirs", .with = &own, .query = &(shunt_query){.limit = 2}}), 2);
  }
  store_fails(w, use_select(w, &(shunt_query){.limit = -2}), SHUNT_E_USAGE, "not -2");
  store_fails(w, use_include(w, &(shunt_query){.limit = -2}), SHUNT_E_USAGE, "not -2");
}

/* ---- jobs ---- */

static int64_t retries_of(store *w, const shunt_push_options *options) {
  shunt_rows *rows;
  int64_t retry = -1;
  store_fine(w, use_push(w, options));
  store_fine(w, shunt_jobs_list(w->session, &(shunt_jobs_filter){.limit = 1}, &rows, &w->err));
  for (size_t i = 0; i < shunt_rows_ncolumns(rows); i++)
    if (strcmp(shunt_rows_column(rows, i), "retry") == 0) retry = shunt_rows_at(rows, 0)[i].as.integer;
  shunt_rows_free(rows);
  return retry;
}

static void zeroed_options_of_a_push_are_those_of_none(void **state) {
  store *w = *state;
  assert_int_equal(retries_of(w, NULL), 3);
  assert_int_equal(retries_of(w, &(shunt_push_options){0}), 3);
  assert_int_equal(retries_of(w, &(shunt_push_options){.retry = 7}), 7);
  assert_int_equal(retries_of(w, &(shunt_push_options){.retry = SHUNT_NO_RETRY}), 0);
}

/* ---- nothing said ---- */

static void a_zeroed_condition_is_refused(void **state) {
  store *w = *state;
  const shunt_where nothing = {0};
  store_fails(w, use_select(w, &(shunt_query){.where = &nothing}), SHUNT_E_USAGE, "column");
}

static void an_include_refuses_what_it_can_not_do(void **state) {
  store *w = *state;
  const shunt_where any = {.op = SHUNT_AND};
  const struct {
    shunt_query query;
    const char *word;
  } cases[] = {{{.distinct = true}, "distinct"},
               {{.having = &any}, "having"},
               {{.lock = SHUNT_LOCK_SHARE}, "lock"},
               {{.nowait = true}, "nowait"}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    const shunt_include in = {.relation = "orders", .query = &cases[i].query};
    store_fails(w, included(w, &in), SHUNT_E_USAGE, cases[i].word);
    store_fails(w, use_insert(w, &(shunt_write){.include = &in, .ninclude = 1}), SHUNT_E_USAGE, cases[i].word);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      store_test(options_of_any_size_mean_the_same),
      store_test(options_that_name_something_may_have_any_size_too),
      store_test(a_struct_with_its_size_is_made_in_one_expression),
      store_test(a_limit_needs_no_other_member),
      store_test(zeroed_options_of_a_push_are_those_of_none),
      store_test(a_zeroed_condition_is_refused),
      store_test(an_include_refuses_what_it_can_not_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
