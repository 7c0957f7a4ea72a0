#include "query/write.h"

#include <string.h>

#include "query/increment.h"
#include "query/keeps.h"
#include "query/types.h"
#include "query/write_inner.h"

/* An UPDATE or, without targets, a DELETE. */
typedef struct change {
  const targets *t;
  const shunt_field *fields;
  size_t nset; /* of the fields; the others are increments */
  const filter *filter;
} change;

/* The statement without its keys; once for each part of the keys. */
static shunt_status begin_change(call *c, sql_text *sql, const site *at, const change *w) {
  sql_puts(sql, w->t ? "UPDATE " : "DELETE FROM ");
  site_table(sql, at);
  if (w->t) sql_puts(sql, " SET ");
  for (size_t i = 0; w->t && i < w->t->n; i++) {
    if (i) sql_puts(sql, ", ");
    sql_name(sql, at->engine, w->t->columns[i]->name);
    sql_puts(sql, " = ");
    if (i < w->nset)
      keeps_write(sql, w->t->columns[i], &w->fields[i].value);
    else
      increment_write(sql, at->engine, w->t->columns[i], &w->fields[i].value);
  }
  return filter_conditions(c, sql, at, w->filter);
}

/* Runs one statement with as many keys as fit, beginning with number *from. */
static shunt_status run_part(call *c, const site *at, const change *w, size_t *from, int64_t *affected) {
  const key_list *keys = &w->filter->keys;
  size_t room, count = 0;
  sql_text *sql = call_sql(c);
  shunt_status status = sql ? begin_change(c, sql, at, w) : error_memory(c->err);
  if (!status) status = filter_room(c, sql, at, w->filter, 0, &room);
  if (status) return status;
  if (filter_has_keys(w->filter)) {
    count = key_sql_part(at->engine, keys, *from, room);
    key_sql_among(c, sql, at, keys, *from, count);
  }
  *from += count;
  return write_run(c, sql, at, NULL, affected);
}

static shunt_status run_change(call *c, const site *at, const change *w, int64_t *affected) {
  size_t from = 0;
  shunt_status status = SHUNT_OK;
  if (filter_has_keys(w->filter) && w->filter->keys.count == 0) return SHUNT_OK;
  do {
    status = run_part(c, at, w, &from, affected);
  } while (!status && filter_has_keys(w->filter) && from < w->filter->keys.count);
  return status;
}

/* The fields of a change in one list: those to be set, then the increments. */
static shunt_status join_fields(call *c, const site *at, const write_set *set, change *w, size_t *n) {
  const shunt_field *given = set->fields;
  w->nset = set->n;
  shunt_status status = write_settable(c, at, WRITE_UPDATE, &given, &w->nset);
  *n = w->nset + set->nincrements;
  shunt_field *all = status ? NULL : arena_array(c->arena, shunt_field, *n);
  if (status || !all) return status ? status : error_memory(c->err);
  if (w->nset) memcpy(all, given, w->nset * sizeof *all);
  if (set->nincrements) memcpy(all + w->nset, set->increments, set->nincrements * sizeof *all);
  w->fields = all;
  return SHUNT_OK;
}

static shunt_status update_at(call *c, const site *at, const write_set *set, const filter *f, int64_t *affected) {
  targets t;
  change w = {.t = &t, .filter = f};
  size_t n;
  shunt_status status = join_fields(c, at, set, &w, &n);
  if (!status) status = write_targets(c, at, w.fields, n, &t);
  if (!status) status = write_check_values(c, at, &t, w.fields);
  for (size_t i = w.nset; i < n && !status; i++) status = increment_check(c, at, &t, i, &w.fields[i].value);
  return status ? status : run_change(c, at, &w, affected);
}

shunt_status write_change(call *c, const access *a, const write_set *set, const filter *f, int64_t *affected) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = update_at(c, &a->sites[i], set, f, affected);
  return status;
}

shunt_status write_update(call *c, const access *a, const shunt_field *fields, size_t n, const filter *f,
                          int64_t *affected) {
  return write_change(c, a, &(write_set){.fields = fields, .n = n}, f, affected);
}

/* Marks the rows as deleted. */
static shunt_status mark_at(call *c, const site *at, const filter *f, int64_t *affected) {
  const driver_column *column;
  shunt_field mark = {.name = at->model->soft_delete};
  targets t = {.columns = &column, .n = 1};
  shunt_status status = site_column(c, at, mark.name, &column);
  if (!status) status = write_now(c, at, column, &mark.value);
  const shunt_field *fields = &mark;
  if (!status) status = types_fields(c, at, &fields, 1);
  change w = {.t = &t, .fields = fields, .nset = 1, .filter = f};
  return status ? status : run_change(c, at, &w, affected);
}

static shunt_status delete_at(call *c, const site *at, const filter *f, int64_t *affected) {
  change w = {.filter = f};
  if (at->model->soft_delete && !f->deleted) return mark_at(c, at, f, affected);
  return run_change(c, at, &w, affected);
}

shunt_status write_delete(call *c, const access *a, const filter *f, int64_t *affected) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < a->nsites && !status; i++) status = delete_at(c, &a->sites[i], f, affected);
  return status;
}
