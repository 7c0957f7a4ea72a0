/* For: the operations of the public interface that are tried with faults. Each is one call, or a few that belong
 * together; `prepare` and `clean` run without faults.
 * Use: for (size_t i = 0; i < COUNT(operations); i++) … operations[i].run(w) … */
#ifndef TESTS_UNIT_SWEEP_OPERATIONS_H
#define TESTS_UNIT_SWEEP_OPERATIONS_H

#include "unit/sweep/world.h"

typedef struct operation {
  const char *name;
  shunt_status (*run)(world *w); /* mixes its results into w->digest */
  void (*prepare)(world *w);
  shunt_status (*again)(world *w); /* after a failure, without faults; NULL: run */
  void (*clean)(world *w);
  bool connects; /* by itself */
  bool servers;  /* not on SQLite */
  bool later;    /* a hook does it: after a commit that is done, and perhaps not at all */
  bool hidden;   /* what it leaves behind is no row that the caller asked for */
} operation;

static inline shunt_status op_rows(world *w, shunt_status status, shunt_rows *rows) {
  w->digest = world_mix_rows(w->digest, rows);
  shunt_rows_free(rows);
  return status;
}

static inline shunt_status op_number(world *w, shunt_status status, int64_t n) {
  w->digest = world_mix_number(w->digest, n);
  return status;
}

/* ---- applications and sessions ---- */

static inline shunt_status op_open(world *w) {
  shunt_app *app = NULL;
  shunt_status status = world_open_app(w, &app);
  shunt_close(app);
  return status;
}

/* With the threads of a watch, and of a recovery. */
static inline shunt_status op_open_watched(world *w) {
  char path[96];
  shunt_app *app = NULL;
  snprintf(path, sizeof path, "%s/watched.yaml", w->folder);
  shunt_status status = shunt_open(path, &(shunt_options){.env = "dev"}, &app, &w->err);
  if (!status) w->digest = world_mix_number(w->digest, shunt_watched(app, NULL));
  shunt_close(app);
  return status;
}

static inline shunt_status op_reload(world *w) { return shunt_reload(w->app, NULL, &w->err); }

static inline shunt_status op_text(world *w, shunt_status status, char *text) {
  if (text) w->digest = world_mix_number(w->digest, text[0]);
  shunt_free(text);
  return status;
}

static inline shunt_status op_describe(world *w) {
  char *text = NULL;
  shunt_status status = shunt_describe(w->app, &text, &w->err);
  return op_text(w, status, text);
}

static inline shunt_status op_config(world *w) {
  char *text = NULL;
  shunt_status status = shunt_config(w->app, &text, &w->err);
  return op_text(w, status, text);
}

static inline shunt_status op_settings(world *w) {
  shunt_status status = SHUNT_OK;
  for (int form = SHUNT_SETTINGS_DEFAULTS; !status && form <= SHUNT_SETTINGS_MANUAL; form++) {
    char *text = NULL;
    status = shunt_settings((shunt_settings_form)form, &text, &w->err);
    status = op_text(w, status, text);
  }
  return status;
}

static inline shunt_status op_statistics(world *w) {
  shunt_stats stats;
  char *text = NULL;
  shunt_status status = shunt_statistics(w->app, &stats, NULL, NULL, &w->err);
  if (!status) status = shunt_last_difference(w->app, &text, &w->err);
  return op_text(w, status, text);
}

static inline shunt_status op_metrics(world *w) {
  char *text = NULL;
  shunt_status status = shunt_metrics(w->app, &text, &w->err);
  return op_text(w, status, text);
}

static inline shunt_status op_transactions(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status = shunt_transactions_list(w->app, &rows, &w->err);
  if (status) return op_rows(w, status, rows);
  /* a client that could not be asked is a row */
  for (size_t i = 0; i < shunt_rows_count(rows); i++)
    if (shunt_rows_at(rows, i)[0].type == SHUNT_NULL) {
      const shunt_value *why = &shunt_rows_at(rows, i)[shunt_rows_ncolumns(rows) - 1];
      status = strstr(why->as.bytes, "memory") ? SHUNT_E_MEMORY : SHUNT_E_DATASOURCE;
      w->err = (shunt_error){.status = status};
      snprintf(w->err.message, sizeof w->err.message, "%s", why->as.bytes);
    }
  return op_rows(w, status, rows);
}

static inline shunt_status op_session(world *w) {
  const shunt_field attrs[] = {{"plan", TEXT("gold")}, {"n", shunt_integer(7)}};
  const shunt_session_options o = {.instance = "acme", .attrs = attrs, .nattrs = 2, .level = 1, .timeout_ms = 10000};
  shunt_session *s = NULL;
  shunt_status status = shunt_session_open(w->app, &o, &s, &w->err);
  if (!status) status = shunt_switch_push(s, "side", &w->err);
  if (!status) status = shunt_level_push(s, &w->err);
  shunt_session_close(s);
  return status;
}

static inline shunt_status op_handle(world *w) {
  shunt_handle handle;
  shunt_status status = shunt_handle_of(w->app, SHUNT_HANDLE_RELATION, "user.orders", &handle, &w->err);
  return op_number(w, status, status ? 0 : handle > 0);
}

/* ---- decisions ---- */

static inline shunt_status resolve(world *w, const shunt_request *q) {
  const shunt_decision *d = NULL;
  shunt_status status = shunt_resolve(w->session, q, &d, &w->err);
  if (!status) w->digest = world_mix(w->digest, d->client, strlen(d->client));
  return status;
}

typedef struct resolved {
  world *w;
  shunt_status status; /* the last failure */
} resolved;
static inline void op_note(void *ud, size_t i, const shunt_decision *d, const shunt_error *failure) {
  resolved *r = ud;
  r->w->digest = world_mix_number(r->w->digest, d ? d->client[0] : (int64_t)i);
  if (!failure) return;
  r->status = failure->status;
  r->w->err = *failure;
}
static inline shunt_status op_resolve_all(world *w) {
  const shunt_request user = {.model = "user"}, orders = {.relation = "user.orders", .parent = "main"};
  const shunt_request *const requests[] = {&user, &orders};
  resolved r = {.w = w};
  shunt_status status = shunt_resolve_all(w->session, requests, COUNT(requests), op_note, &r, &w->err);
  return status ? status : r.status;
}
static inline shunt_status op_resolve(world *w) { return resolve(w, &(shunt_request){.model = "user"}); }
static inline shunt_status op_explain(world *w) {
  const shunt_field where = {"name", TEXT("some")};
  return resolve(w, &(shunt_request){.model = "role", .where = &where, .nwhere = 1, .every_rule = true});
}
static inline shunt_status op_resolve_relation(world *w) {
  return resolve(w, &(shunt_request){.relation = "user.orders", .parent = "main", .op = SHUNT_WRITE});
}

/* So that no decision is known. */
static inline void prepare_fresh_rules(world *w) { world_fine(w, shunt_reload(w->app, NULL, &w->err)); }
static inline void prepare_a_new_plan(world *w) {
  char plan[32];
  const int size = snprintf(plan, sizeof plan, "new plan %u", ++w->tries);
  const shunt_field attr = {"plan", shunt_text(plan, (size_t)size)};
  shunt_session_close(w->session);
  world_fine(w,
             shunt_session_open(w->app, &(shunt_session_options){.attrs = &attr, .nattrs = 1}, &w->session, &w->err));
}
static inline shunt_status op_resolve_by_rule(world *w) { return resolve(w, &(shunt_request){.model = "profile"}); }

/* ---- reads ---- */

static inline shunt_status op_select(world *w) {
  static const char *const columns[] = {"id", "name"}, *const order[] = {"-age", "id"};
  const shunt_value ids[] = {shunt_integer(1), shunt_integer(2), shunt_integer(3)};
  const shunt_where items[] = {
      {.op = SHUNT_IN, .column = "id", .values = ids, .nvalues = 3},
      {.op = SHUNT_NE, .column = "name", .values = &(shunt_value){{.bytes = "x"}, 1, SHUNT_TEXT}, .nvalues = 1}};
  const shunt_where where = {.op = SHUNT_AND, .items = items, .nitems = 2};
  const shunt_query q = {.columns = columns, .ncolumns = 2, .where = &where, .order = order, .norder = 2, .limit = 2};
  shunt_rows *rows = NULL;
  shunt_status status = shunt_select(w->session, "user", &q, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_timed(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status = shunt_select(w->session, "user", &(shunt_query){.timeout_ms = 20000}, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_mget(world *w) {
  const shunt_value ids[] = {shunt_integer(2), shunt_integer(1)};
  shunt_rows *rows = NULL;
  shunt_status status = shunt_mget(w->session, "profile", &(shunt_keys){.values = ids, .n = 2}, NULL, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_get(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status = shunt_get(w->session, "profile", shunt_integer(2), NULL, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_json(world *w) {
  char *json = NULL;
  shunt_rows *rows = NULL;
  const shunt_query q = {SHUNT_NAMES(order, "id"), SHUNT_INCLUDE({.relation = "orders"})};
  shunt_status status = shunt_select(w->session, "user", &q, &rows, &w->err);
  if (!status) status = shunt_rows_json(rows, &json, &w->err);
  shunt_rows_free(rows);
  return op_text(w, status, json);
}

static inline shunt_status op_count(world *w) {
  int64_t n = 0;
  shunt_status status = shunt_count(w->session, "order", NULL, &n, &w->err);
  return op_number(w, status, n);
}

static inline shunt_status op_aggregate(world *w) {
  static const char *const group[] = {"user_id"};
  const shunt_aggregation list[] = {{SHUNT_COUNT, NULL}, {SHUNT_SUM, "id"}, {SHUNT_MAX, "note"}};
  const shunt_aggregates what = {.list = list, .n = 3, .group = group, .ngroup = 1};
  shunt_rows *rows = NULL;
  shunt_status status = shunt_aggregate(w->session, "user_role", &what, NULL, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_include(world *w) {
  static const char *const by_id[] = {"id"};
  const shunt_query ordered = {.order = by_id, .norder = 1};
  const shunt_include lines = {.relation = "lines", .query = &ordered};
  const shunt_link link = {.ncolumns = 0};
  const shunt_include include[] = {
      {.relation = "orders", .query = &(shunt_query){.order = by_id, .norder = 1, .include = &lines, .ninclude = 1}},
      {.relation = "roles", .link = &link, .query = &ordered},
      {.relation = "profile"}};
  const shunt_query q = {.order = by_id, .norder = 1, .include = include, .ninclude = 3};
  shunt_rows *rows = NULL;
  shunt_status status = shunt_select(w->session, "user", &q, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_related(world *w) {
  const shunt_value twenty = shunt_integer(20);
  const shunt_where over = {.op = SHUNT_GTE, .column = "total", .values = &twenty, .nvalues = 1};
  const shunt_where where = {.op = SHUNT_SOME, .column = "orders", .items = &over, .nitems = 1};
  static const char *const order[] = {"user.name", "-id"};
  shunt_rows *rows = NULL;
  shunt_status status = shunt_select(w->session, "user", &(shunt_query){.where = &where}, &rows, &w->err);
  status = op_rows(w, status, rows);
  rows = NULL;
  if (!status) status = shunt_select(w->session, "order", &(shunt_query){.order = order, .norder = 2}, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_counted(world *w) {
  const shunt_aggregation sum = {SHUNT_SUM, "total"};
  const shunt_include include[] = {{.relation = "roles", .count = true},
                                   {.relation = "orders", .aggregates = &sum, .naggregates = 1}};
  shunt_rows *rows = NULL;
  shunt_status status =
      shunt_select(w->session, "user", &(shunt_query){.include = include, .ninclude = 2}, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status op_each(world *w) {
  shunt_stream *stream = NULL;
  const shunt_value *row = NULL;
  shunt_status status = shunt_each(w->session, "user", NULL, &stream, &w->err);
  while (!status && !(status = shunt_stream_next(stream, &row, &w->err)) && row)
    w->digest = world_mix_number(w->digest, row[0].as.integer);
  shunt_stream_close(stream);
  return status;
}

static inline shunt_status op_columns(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status = shunt_table_columns(w->session, "main", "sweep_roles", &rows, &w->err);
  return op_rows(w, status, rows);
}

/* ---- writes ---- */

static const shunt_field op_user[] = {{"id", {{.integer = 11}, 0, SHUNT_INTEGER}},
                                      {"name", {{.bytes = "New"}, 3, SHUNT_TEXT}}};
static const shunt_field op_changed[] = {{"id", {{.integer = 1}, 0, SHUNT_INTEGER}},
                                         {"name", {{.bytes = "Changed"}, 7, SHUNT_TEXT}}};

static inline shunt_status op_insert(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status =
      shunt_insert(w->session, "user", &(shunt_record){.fields = op_user, .nfields = 2}, NULL, &rows, &w->err);
  return op_rows(w, status, rows);
}

/* The instance's column is written, too. */
static inline shunt_status op_insert_stamped(world *w) {
  const shunt_field f[] = {{"id", shunt_integer(11)}, {"user_id", shunt_integer(3)}, {"bio", TEXT("new")}};
  shunt_rows *rows = NULL;
  shunt_status status =
      shunt_insert(w->session, "profile", &(shunt_record){.fields = f, .nfields = 3}, NULL, &rows, &w->err);
  return op_rows(w, status, rows);
}

static inline shunt_status insert_roles(world *w, bool rows_back) {
  const shunt_field f[][2] = {{{"id", shunt_integer(11)}, {"name", TEXT("x")}},
                              {{"id", shunt_integer(12)}, {"name", TEXT("y")}},
                              {{"id", shunt_integer(2)}, {"name", TEXT("clerk")}}};
  static const char *const key[] = {"id"};
  const shunt_conflict keep = {.columns = key, .ncolumns = 1};
  const shunt_record list[] = {
      {.fields = f[0], .nfields = 2}, {.fields = f[1], .nfields = 2}, {.fields = f[2], .nfields = 2}};
  const shunt_records all = {list, 3};
  const shunt_write o = {.on_conflict = &keep};
  shunt_rows *rows = NULL;
  int64_t n = 0;
  shunt_status status = rows_back ? shunt_insert_rows(w->session, "role", &all, &o, &rows, &w->err)
                                  : shunt_insert_bulk(w->session, "role", &all, &o, &n, &w->err);
  return op_number(w, op_rows(w, status, rows), n);
}

static inline shunt_status op_insert_bulk(world *w) { return insert_roles(w, false); }
static inline shunt_status op_insert_rows(world *w) { return insert_roles(w, true); }

/* Rows on both clients. */
static inline shunt_status write_nested(world *w, bool update) {
  const shunt_field order[] = {{"id", shunt_integer(11)}, {"total", shunt_integer(5)}},
                    link[] = {{"id", shunt_integer(11)}, {"note", TEXT("n")}}, role[] = {{"id", shunt_integer(1)}},
                    profile[] = {{"id", shunt_integer(11)}, {"bio", TEXT("b")}};
  const shunt_record orders = {.fields = order, .nfields = 2, .is_new = true},
                     roles = {.fields = role, .nfields = 1, .link = link, .nlink = update ? 0 : 2},
                     profiles = {.fields = profile, .nfields = 2, .is_new = true};
  const shunt_related related[] = {{"roles", &roles, 1}, {"orders", &orders, 1}, {"profile", &profiles, 1}};
  const shunt_include include[] = {{.relation = "orders"}, {.relation = "roles"}, {.relation = "profile"}};
  const shunt_record record = {
      .fields = update ? op_changed : op_user, .nfields = 2, .related = related, .nrelated = update ? 2 : 3};
  const shunt_write o = {.include = include, .ninclude = 3};
  shunt_rows *rows = NULL;
  int64_t n = 0;
  shunt_status status = update ? shunt_update(w->session, "user", &record, &o, &n, &w->err)
                               : shunt_insert(w->session, "user", &record, &o, &rows, &w->err);
  return op_number(w, op_rows(w, status, rows), n);
}

static inline shunt_status op_insert_nested(world *w) { return write_nested(w, false); }
static inline shunt_status op_update_nested(world *w) { return write_nested(w, true); }

static inline shunt_status op_update(world *w) {
  const shunt_field by = {"age", shunt_integer(1)};
  int64_t n = 0;
  shunt_status status = shunt_update(w->session, "user", &(shunt_record){.fields = op_changed, .nfields = 2},
                                     &(shunt_write){.increments = &by, .nincrements = 1}, &n, &w->err);
  return op_number(w, status, n);
}

static inline shunt_status op_update_bulk(world *w) {
  const shunt_field f[][2] = {{{"id", shunt_integer(1)}, {"name", TEXT("x")}},
                              {{"id", shunt_integer(2)}, {"name", TEXT("y")}}};
  const shunt_record list[] = {{.fields = f[0], .nfields = 2}, {.fields = f[1], .nfields = 2}};
  int64_t n = 0;
  shunt_status status = shunt_update_bulk(w->session, "user", &(shunt_records){list, 2}, NULL, &n, &w->err);
  return op_number(w, status, n);
}

static inline shunt_status op_delete(world *w) {
  const shunt_value one = shunt_integer(1);
  const shunt_where where = {.op = SHUNT_EQ, .column = "id", .values = &one, .nvalues = 1};
  const shunt_include include[] = {{.relation = "roles"}, {.relation = "profile"}};
  int64_t n = 0;
  shunt_status status =
      shunt_delete(w->session, "user", &(shunt_write){.where = &where, .include = include, .ninclude = 2}, &n, &w->err);
  return op_number(w, status, n);
}

static inline shunt_status op_sql(world *w) {
  const shunt_value params[] = {TEXT("by hand"), shunt_integer(2)};
  int64_t n = 0;
  shunt_status status = shunt_sql(w->session, "UPDATE sweep_users SET name = ? WHERE id = ?",
                                  &(shunt_sql_options){.params = params, .nparams = 2}, NULL, &n, &w->err);
  return op_number(w, status, n);
}

/* ---- transactions ---- */

static inline shunt_status hook_works(void *ud, shunt_error *err) {
  world *w = ud;
  int64_t n = 0;
  shunt_status status = shunt_count(w->session, "user", NULL, &n, err);
  w->digest = world_mix_number(w->digest, n);
  return status;
}

/* Begins with one of these ends, and joins what is left open to the first failure. */
typedef enum ending { COMMITS, ROLLS_BACK, ROLLS_SAVEPOINT_BACK } ending;

static inline shunt_status write_two(world *w, const char *second) {
  int64_t n = 0;
  const shunt_field f[] = {{"id", shunt_integer(1)}, {second[0] == 'o' ? "total" : "age", shunt_integer(99)}};
  shunt_status status = op_insert(w);
  if (!status) status = shunt_update(w->session, second, &(shunt_record){.fields = f, .nfields = 2}, NULL, &n, &w->err);
  return op_number(w, status, n);
}

static inline shunt_status end_with(world *w, shunt_tx *tx, shunt_status status, bool commits) {
  if (!status && commits) return shunt_commit(tx, &w->err);
  shunt_error undo;
  const shunt_status undone = shunt_rollback(tx, &undo);
  if (status || !undone) return status;
  w->err = undo;
  return undone;
}

static inline shunt_status transact(world *w, ending how, const shunt_tx_options *o, const char *second) {
  shunt_tx *tx = NULL, *inner = NULL;
  shunt_status status = shunt_begin(w->session, o, &tx, &w->err);
  if (status) return status;
  status = shunt_on_commit(w->session, hook_works, w, NULL, &w->err);
  if (!status) status = shunt_on_rollback(w->session, hook_works, w, NULL, &w->err);
  if (!status) status = shunt_on_all_commit(w->session, hook_works, w, NULL, &w->err);
  if (!status && how == ROLLS_SAVEPOINT_BACK) {
    status = shunt_begin(w->session, &(shunt_tx_options){.propagation = "NESTED"}, &inner, &w->err);
    if (!status) status = end_with(w, inner, op_update(w), false);
  }
  if (!status) status = write_two(w, second);
  return end_with(w, tx, status, how != ROLLS_BACK);
}

static inline shunt_status op_commit(world *w) { return transact(w, COMMITS, NULL, "user"); }
static inline shunt_status op_rollback(world *w) {
  return transact(w, ROLLS_BACK, &(shunt_tx_options){.client = "main"}, "user");
}
static inline shunt_status op_savepoint(world *w) {
  return transact(w, ROLLS_SAVEPOINT_BACK, &(shunt_tx_options){.client = "main"}, "user");
}
static inline shunt_status op_joint(world *w) {
  return transact(w, COMMITS, &(shunt_tx_options){.client = "main", .spanning = "join"}, "order");
}

static inline shunt_status op_work(void *ud, shunt_session *session, shunt_error *err) {
  shunt_rows *rows = NULL;
  const shunt_record record = {.fields = op_user, .nfields = 2};
  shunt_status status = shunt_insert(session, "user", &record, NULL, &rows, err);
  return op_rows(ud, status, rows);
}
static inline shunt_status op_transaction(world *w) { return shunt_transaction(w->session, NULL, op_work, w, &w->err); }

/* ---- jobs ---- */

static inline shunt_status push(world *w, const shunt_push_options *o) {
  int64_t id = 0;
  shunt_status status = shunt_push(w->session, "j", "{\"a\": [1, 2.5, \"a text of some length\"]}", o, &id, &w->err);
  return op_number(w, status, !status);
}
static inline shunt_status op_push(world *w) { return push(w, NULL); }
static inline shunt_status op_push_unique(world *w) {
  return push(w, &(shunt_push_options){.unique_key = "k", .concurrency = 1, .delay_ms = 1000, .instance = "acme"});
}

static inline shunt_status push_within(world *w, const char *client) {
  shunt_tx *tx = NULL;
  shunt_status status = shunt_begin(w->session, &(shunt_tx_options){.client = client, .spanning = "run"}, &tx, &w->err);
  return status ? status : end_with(w, tx, push(w, NULL), true);
}
static inline shunt_status op_push_within(world *w) { return push_within(w, world_queue(w)); }
static inline shunt_status op_push_behind(world *w) { return push_within(w, w->kind == WORLD_MYSQL ? "main" : "side"); }

static inline shunt_status op_worker(world *w) {
  shunt_worker *worker = NULL;
  shunt_status status = shunt_worker_open(w->app, &(shunt_worker_options){.lease_ms = 60000}, &worker, &w->err);
  shunt_worker_close(worker);
  return status;
}

static inline void prepare_worker(world *w) {
  world_fine(w, shunt_worker_open(w->app, &(shunt_worker_options){.lease_ms = 60000}, &w->worker, &w->err));
  world_fine(w, op_push(w));
}
static inline shunt_status op_next(world *w) { return shunt_worker_next(w->worker, 0, &w->job, &w->err); }
static inline void prepare_job(world *w) {
  prepare_worker(w);
  world_fine(w, op_next(w));
  assert_non_null(w->job);
}
/* What was claimed is left to its lease; the worker goes on with the next. */
static inline shunt_status next_again(world *w) {
  shunt_status status = op_push(w);
  if (!status) status = op_next(w);
  if (!status) assert_non_null(w->job);
  return status;
}
static inline void clean_jobs(world *w) {
  shunt_job_free(w->job);
  shunt_worker_close(w->worker);
  w->job = NULL;
  w->worker = NULL;
}
static inline shunt_status op_complete(world *w) { return shunt_job_complete(w->job, "{\"done\": true}", &w->err); }
static inline shunt_status op_complete_within(world *w) {
  shunt_session *own = shunt_job_session(w->job);
  shunt_tx *tx = NULL;
  shunt_status status = shunt_begin(own, &(shunt_tx_options){.client = world_queue(w)}, &tx, &w->err);
  if (status) return status;
  status = shunt_job_hold(w->job, &w->err);
  if (!status) status = op_complete(w);
  return end_with(w, tx, status, true);
}
static inline shunt_status op_job_fails(world *w) {
  const shunt_error why = {.status = SHUNT_E_USAGE, .message = "a reason", .client = "main"};
  return shunt_job_failed(w->job, &why, &w->err);
}
static inline shunt_status op_job_released(world *w) {
  const shunt_error why = {.status = SHUNT_E_NOT_FOUND, .message = "a name"};
  return shunt_job_release(w->job, &why, &w->err);
}
static inline shunt_status op_jobs_list(world *w) {
  shunt_rows *rows = NULL;
  shunt_status status = shunt_jobs_list(w->session, &(shunt_jobs_filter){.queue = "default"}, &rows, &w->err);
  shunt_rows_free(rows);
  return op_number(w, status, !status);
}
static inline void prepare_dead(world *w) {
  const shunt_error why = {.status = SHUNT_E_USAGE};
  prepare_worker(w);
  world_fine(w, shunt_push(w->session, "d", "2", &(shunt_push_options){.retry = SHUNT_NO_RETRY, .priority = -1}, NULL,
                           &w->err));
  world_fine(w, op_next(w));
  world_fine(w, shunt_job_failed(w->job, &why, &w->err));
}
static inline shunt_status op_jobs_retry(world *w) {
  int64_t n = 0;
  shunt_status status = shunt_jobs_retry(w->session, NULL, &n, &w->err);
  return op_number(w, status, n);
}
static inline shunt_status op_jobs_purge(world *w) {
  int64_t n = 0;
  shunt_status status = shunt_jobs_purge(w->session, NULL, &n, &w->err);
  return op_number(w, status, n);
}
static inline shunt_status op_schedule(world *w) {
  bool mine = false;
  int64_t now = 0;
  shunt_status status = shunt_queue_time(w->session, &now, &w->err);
  if (!status) status = shunt_schedule_due(w->session, "s", NULL, 60000, &mine, &w->err);
  return status;
}

/* ---- calls in JSON ---- */

static inline shunt_status call_in_json(world *w, const char *json) {
  char *reply = NULL;
  shunt_status status = shunt_call(w->session, json, &reply, &w->err);
  return op_text(w, status, reply);
}
static inline shunt_status op_call(world *w) {
  return call_in_json(w, "{\"select\":\"user\",\"where\":{\"id\":[1,2,3]},\"order\":\"id\",\"include\":{\"orders\":{"
                         "\"order\":\"id\"},\"roles\":{\"link\":true,\"order\":\"id\"},\"profile\":true}}");
}
static inline shunt_status op_call_insert(world *w) {
  return call_in_json(w, "{\"insert\":\"user\",\"include\":\"orders\",\"row\":{\"id\":11,\"name\":\"New\\u0041\","
                         "\"orders\":[{\"id\":11,\"total\":5,\"new\":true}]}}");
}
static inline shunt_status op_call_session(world *w) {
  shunt_session *s = NULL;
  shunt_status status = shunt_call_session(
      w->app, "{\"instance\":\"acme\",\"attrs\":{\"plan\":\"gold\",\"n\":7},\"timeout\":\"10s\"}", &s, &w->err);
  shunt_session_close(s);
  return status;
}

/* ---- without a connection, a decision or a prepared statement ---- */

static inline void prepare_cold(world *w) {
  shunt_session_close(w->session);
  world_fine(w, world_open_app(w, &w->second));
  world_fine(w, shunt_session_open(w->second, NULL, &w->session, &w->err));
}

static inline void clean_cold(world *w) {
  shunt_session_close(w->session);
  shunt_close(w->second);
  w->session = NULL;
  w->second = NULL;
}

static const operation operations[] = {
    {.name = "open", .run = op_open},
    {.name = "open, watched", .run = op_open_watched},
    {.name = "reload", .run = op_reload},
    {.name = "describe", .run = op_describe},
    {.name = "config", .run = op_config},
    {.name = "settings", .run = op_settings},
    {.name = "statistics", .run = op_statistics},
    {.name = "metrics", .run = op_metrics, .connects = true},
    {.name = "transactions", .run = op_transactions, .connects = true},
    {.name = "session", .run = op_session},
    {.name = "handle", .run = op_handle},
    {.name = "resolve", .run = op_resolve},
    {.name = "resolve anew", .run = op_resolve, .prepare = prepare_fresh_rules},
    {.name = "resolve by a rule", .run = op_resolve_by_rule, .prepare = prepare_a_new_plan},
    {.name = "resolve a relation", .run = op_resolve_relation},
    {.name = "explain", .run = op_explain},
    {.name = "resolve many", .run = op_resolve_all},
    {.name = "select", .run = op_select},
    {.name = "select anew", .run = op_select, .prepare = prepare_fresh_rules},
    {.name = "select, timed", .run = op_timed},
    {.name = "mget", .run = op_mget},
    {.name = "get", .run = op_get},
    {.name = "rows as JSON", .run = op_json},
    {.name = "count", .run = op_count},
    {.name = "aggregate", .run = op_aggregate},
    {.name = "include", .run = op_include},
    {.name = "related", .run = op_related},
    {.name = "counted", .run = op_counted},
    {.name = "each", .run = op_each},
    {.name = "columns", .run = op_columns},
    {.name = "insert", .run = op_insert},
    {.name = "insert anew", .run = op_insert, .prepare = prepare_fresh_rules},
    {.name = "insert, stamped", .run = op_insert_stamped},
    {.name = "insert many", .run = op_insert_bulk},
    {.name = "insert rows", .run = op_insert_rows},
    {.name = "insert, nested", .run = op_insert_nested},
    {.name = "update", .run = op_update},
    {.name = "update, nested", .run = op_update_nested},
    {.name = "update many", .run = op_update_bulk},
    {.name = "delete", .run = op_delete},
    {.name = "SQL", .run = op_sql},
    {.name = "commit", .run = op_commit},
    {.name = "rollback", .run = op_rollback},
    {.name = "transaction", .run = op_transaction},
    {.name = "savepoint", .run = op_savepoint},
    {.name = "commit of two", .run = op_joint, .servers = true},
    {.name = "push", .run = op_push},
    {.name = "push, unique", .run = op_push_unique},
    {.name = "push within", .run = op_push_within},
    {.name = "push behind", .run = op_push_behind, .later = true},
    {.name = "worker", .run = op_worker},
    {.name = "next",
     .run = op_next,
     .prepare = prepare_worker,
     .again = next_again,
     .clean = clean_jobs,
     .hidden = true},
    {.name = "complete", .run = op_complete, .prepare = prepare_job, .clean = clean_jobs},
    {.name = "complete within", .run = op_complete_within, .prepare = prepare_job, .clean = clean_jobs},
    {.name = "job failed", .run = op_job_fails, .prepare = prepare_job, .clean = clean_jobs},
    {.name = "job released", .run = op_job_released, .prepare = prepare_job, .clean = clean_jobs},
    {.name = "list jobs", .run = op_jobs_list},
    {.name = "retry jobs", .run = op_jobs_retry, .prepare = prepare_dead, .clean = clean_jobs},
    {.name = "purge jobs", .run = op_jobs_purge, .prepare = prepare_dead, .clean = clean_jobs},
    {.name = "call", .run = op_call},
    {.name = "call, insert", .run = op_call_insert},
    {.name = "call of a session", .run = op_call_session},
    {.name = "cold select", .run = op_select, .prepare = prepare_cold, .clean = clean_cold, .connects = true},
    {.name = "cold include", .run = op_include, .prepare = prepare_cold, .clean = clean_cold, .connects = true},
    {.name = "cold insert", .run = op_insert, .prepare = prepare_cold, .clean = clean_cold, .connects = true},
    {.name = "cold insert, nested",
     .run = op_insert_nested,
     .prepare = prepare_cold,
     .clean = clean_cold,
     .connects = true},
    {.name = "cold commit", .run = op_commit, .prepare = prepare_cold, .clean = clean_cold, .connects = true},
    {.name = "cold push", .run = op_push, .prepare = prepare_cold, .clean = clean_cold, .connects = true},
    {.name = "schedule", .run = op_schedule, .hidden = true},
};

#endif
