#include "query/insert.h"

#include "query/keeps.h"
#include "query/select.h"
#include "query/statement.h"
#include "query/triggers.h"
#include "query/types.h"
#include "query/write.h"
#include "query/write_inner.h"

/* ---- the statement ---- */

bool insert_returns(const site *at) { return at->engine->returning || at->table->shape->returning; }

void insert_into(sql_text *sql, const insert_plan *p) {
  const targets *t = &p->t;
  sql_puts(sql, "INSERT INTO ");
  site_table(sql, p->at);
  if (write_width(t) == 0) {
    sql_puts(sql, p->at->engine->empty_list ? " () VALUES ()" : " DEFAULT VALUES");
    return;
  }
  sql_puts(sql, " (");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, p->at->engine, t->columns[i]->name);
  }
  if (t->stamp) {
    if (t->n) sql_puts(sql, ", ");
    sql_name(sql, p->at->engine, t->stamp->name);
  }
  sql_puts(sql, ") VALUES ");
}

void insert_values(sql_text *sql, const insert_plan *p, const shunt_field *fields) {
  const targets *t = &p->t;
  if (write_width(t) == 0) return;
  sql_puts(sql, "(");
  for (size_t i = 0; i < t->n; i++) {
    if (i) sql_puts(sql, ", ");
    keeps_write(sql, t->columns[i], &fields[i].value);
  }
  if (t->stamp) {
    if (t->n) sql_puts(sql, ", ");
    sql_param(sql, &t->stamped);
  }
  sql_puts(sql, ")");
}

void insert_end(sql_text *sql, const insert_plan *p, const shunt_rows *rows) {
  if (p->u) upsert_write(sql, p->at, p->u);
  if (!rows) return;
  sql_puts(sql, " RETURNING ");
  sql_names(sql, p->at->engine, rows->columns, rows->ncolumns);
}

shunt_status insert_check_room(call *c, const insert_plan *p) {
  size_t max = site_max_params(c->s, p->at), width = write_width(&p->t);
  if (width <= max) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the row has %zu values, and one statement takes at most %zu on %s", p->at->model->name,
                   width, max, p->at->engine->name);
}

/* ---- the row that was inserted, where INSERT gives none back ---- */

static const shunt_value *given(const targets *t, const shunt_field *fields, const driver_column *column) {
  if (write_same_column(column, t->stamp)) return &t->stamped;
  for (size_t i = 0; i < t->n; i++)
    if (write_same_column(t->columns[i], column) && fields[i].value.type != SHUNT_NULL) return &fields[i].value;
  return NULL;
}

static shunt_status not_found_again(call *c, const site *at, const char *why, const char *column) {
  return error_set(c->err, SHUNT_E_USAGE,
                   "model '%s': the server of '%s' does not return inserted rows, and table %s has no primary key "
                   "to read the row by%s%s; use insert_bulk, which returns no rows",
                   at->model->name, at->client->name, at->table->name, why, column);
}

/* The primary key as conditions. generated will hold the value of the one column that the database fills. */
static shunt_status find_key(call *c, const insert_plan *p, const shunt_field *fields, const shunt_value *generated,
                             shunt_where *key) {
  const site *at = p->at;
  const driver_table *shape = at->table->shape;
  shunt_where *items = arena_array(c->arena, shunt_where, shape->count);
  if (!items) return error_memory(c->err);
  *key = (shunt_where){.op = SHUNT_AND, .items = items};
  bool used = false;
  for (size_t i = 0; i < shape->count; i++) {
    const driver_column *column = &shape->columns[i];
    if (!column->key) continue;
    const shunt_value *value = given(&p->t, fields, column);
    if (!value && (!column->generated || used))
      return not_found_again(c, at, " unless the row gives its ", column->name);
    used = used || !value;
    items[key->nitems++] =
        (shunt_where){.op = SHUNT_EQ, .column = column->name, .values = value ? value : generated, .nvalues = 1};
  }
  return key->nitems ? SHUNT_OK : not_found_again(c, at, "", "");
}

/* Gives the statement back. */
static shunt_status insert_and_read(call *c, sql_text *sql, const insert_plan *p, const shunt_field *fields,
                                    shunt_rows *rows) {
  shunt_value generated = shunt_integer(0);
  shunt_where key, *items = arena_array(c->arena, shunt_where, p->u ? p->u->nkey : 0);
  if (!items) return error_memory(c->err);
  key = (shunt_where){.op = SHUNT_AND, .items = items};
  bool known = p->u && upsert_finds(p->u, &p->t, fields, items, &key.nitems);
  shunt_status status = known ? SHUNT_OK : find_key(c, p, fields, &generated, &key);
  if (status) return status;
  insert_into(sql, p);
  insert_values(sql, p, fields);
  insert_end(sql, p, NULL);
  status = statement_insert(c, sql, p->at, &generated.as.integer);
  call_end_sql(c, sql);
  select_spec q = {.filter = {.where = {&key}, .deleted = true}};
  return status ? status : select_at(c, p->at, &q, rows);
}

static shunt_status insert_row(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows,
                               int64_t *affected) {
  sql_text *sql = call_sql(c);
  if (!sql) return error_memory(c->err);
  if (rows && !insert_returns(p->at)) {
    *affected += 1;
    return insert_and_read(c, sql, p, fields, rows);
  }
  insert_into(sql, p);
  insert_values(sql, p, fields);
  insert_end(sql, p, rows);
  size_t before = rows ? rows->count : 0;
  shunt_status status = write_run(c, sql, p->at, rows, affected);
  bool touched = rows && rows->count > before && p->at->table->shape->touched;
  return status || !touched ? status : triggers_reread(c, p->at, rows);
}

/* In the order of the rows' columns: another part of the table may order them differently, or lack one. */
shunt_status insert_name_rows(call *c, const site *at, shunt_rows *rows) {
  if (!rows) return SHUNT_OK;
  shunt_status status = types_mark(c, at, rows);
  if (status) return status;
  if (!rows->columns) return rows_set_names(rows, &at->table->columns) ? SHUNT_OK : error_memory(c->err);
  for (size_t i = 0; i < rows->ncolumns && !status; i++) {
    const driver_column *column;
    status = site_column(c, at, rows->columns[i], &column);
  }
  return status;
}

/* ---- a row that may be there already, where no clause says so ---- */

/* Adds the row that has this key, as the database is now, not as a snapshot shows it. */
static shunt_status read_other(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows) {
  shunt_where key, *items = arena_array(c->arena, shunt_where, p->u->nkey);
  sql_text *sql = call_sql(c);
  if (!items || !sql) return error_memory(c->err);
  key = (shunt_where){.op = SHUNT_AND, .items = items};
  if (!upsert_finds(p->u, &p->t, fields, items, &key.nitems)) return SHUNT_OK;
  filter f = {.where = {&key}, .deleted = true};
  sql_puts(sql, "SELECT ");
  sql_names(sql, p->at->engine, rows->columns, rows->ncolumns);
  site_from(sql, p->at);
  shunt_status status = filter_conditions(c, sql, p->at, &f);
  if (upsert_is_tried(p->at, p->u)) sql_puts(sql, " LOCK IN SHARE MODE");
  if (!status) status = statement_run(c, sql, p->at, rows, NULL);
  call_end_sql(c, sql);
  return status;
}

/* *there: the table has a row with this key, which is added to rows if they are wanted. */
static shunt_status find_other(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows,
                               bool *there) {
  shunt_rows *found = rows ? rows : rows_new();
  size_t before = found ? found->count : 0;
  shunt_status status = found ? insert_name_rows(c, p->at, found) : error_memory(c->err);
  if (!status) status = read_other(c, p, fields, found);
  *there = !status && found->count > before;
  if (!rows) shunt_rows_free(found);
  return status;
}

/* A duplicate key is fine if the table has a row with the key of on_conflict: a trigger may have met one elsewhere. */
static shunt_status try_row(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows,
                            int64_t *affected) {
  shunt_error failed = {0}, *err = c->err;
  int64_t written = 0;
  bool there;
  c->err = &failed;
  shunt_status status = insert_row(c, p, fields, rows, &written);
  c->err = err;
  if (!status) *affected += written;
  if (!status || !p->at->engine->is_duplicate(&failed)) {
    if (status && err) *err = failed;
    return status;
  }
  shunt_status looked = find_other(c, p, fields, rows, &there);
  if (!looked && !there && err) *err = failed;
  return looked ? looked : there ? SHUNT_OK : status;
}

shunt_status insert_one(call *c, const insert_plan *p, const shunt_field *fields, shunt_rows *rows, int64_t *affected) {
  size_t before = rows ? rows->count : 0;
  bool there, tried = p->u && upsert_is_tried(p->at, p->u);
  shunt_status status = tried ? try_row(c, p, fields, rows, affected) : insert_row(c, p, fields, rows, affected);
  bool returned = !rows || !p->u || p->u->nupdate || rows->count > before;
  return status || tried || returned ? status : find_other(c, p, fields, rows, &there);
}

shunt_status write_insert(call *c, const site *at, const shunt_field *fields, size_t n, shunt_rows *rows) {
  insert_plan p = {.at = at};
  int64_t affected = 0;
  shunt_status status = write_settable(c, at, WRITE_INSERT, &fields, &n);
  if (!status) status = write_targets(c, at, fields, n, &p.t);
  if (!status) status = insert_check_room(c, &p);
  if (!status) status = write_check_values(c, at, &p.t, fields);
  if (!status) status = insert_name_rows(c, at, rows);
  return status ? status : insert_one(c, &p, fields, rows, &affected);
}
