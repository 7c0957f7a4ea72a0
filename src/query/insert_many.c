#include "query/bulk.h"
#include "query/insert.h"

/* ---- several rows in one statement ---- */

/* How many of the n records fit into one statement: at least one. */
static size_t fit(const shunt_session *s, const site *at, const shunt_record *records, size_t n, size_t width) {
  size_t most = write_many_params(s, at) / width, count = 1, bytes = write_bytes(records[0].fields, records[0].nfields);
  while (count < n && count < most) {
    bytes += write_bytes(records[count].fields, records[count].nfields);
    if (at->engine->max_bytes && bytes > at->engine->max_bytes) break;
    count++;
  }
  return count;
}

/* Writes the rows of a statement; *count, at first the most that fit, is how many there are. */
static shunt_status write_rows(call *c, sql_text *sql, const insert_plan *p, const shunt_record *records,
                               upsert_seen *seen, size_t *count) {
  upsert_next(seen);
  insert_into(sql, p);
  for (size_t i = 0; i < *count; i++) {
    bool again;
    shunt_status status = upsert_see(c, seen, &p->t, records[i].fields, &again);
    if (status) return status;
    if (again) {
      *count = i;
      break;
    }
    if (i) sql_puts(sql, ", ");
    insert_values(sql, p, records[i].fields);
  }
  return SHUNT_OK;
}

/* Every row was written, or the statement would have failed; how engines with is_duplicate count updates differs. */
static int64_t affected_by(const insert_plan *p, int64_t reported, size_t count) {
  return p->u && p->u->nupdate && p->at->engine->is_duplicate ? (int64_t)count : reported;
}

static shunt_status insert_part(call *c, const insert_plan *p, const shunt_record *records, upsert_seen *seen,
                                size_t *count, insertion *in) {
  int64_t affected = 0;
  sql_text *sql = call_sql(c);
  shunt_status status = sql ? write_rows(c, sql, p, records, seen, count) : error_memory(c->err);
  if (status) return status;
  insert_end(sql, p, in->rows);
  status = write_run(c, sql, p->at, in->rows, &affected);
  in->affected += affected_by(p, affected, *count);
  return status;
}

static shunt_status insert_parts(call *c, const insert_plan *p, insertion *in) {
  upsert_seen seen = upsert_seen_of(p->at, p->u);
  shunt_status status = SHUNT_OK;
  for (size_t from = 0, count; from < in->n && !status; from += count) {
    count = fit(c->s, p->at, in->records + from, in->n - from, write_width(&p->t));
    status = insert_part(c, p, in->records + from, &seen, &count, in);
  }
  upsert_seen_free(&seen);
  return status;
}

static shunt_status insert_each(call *c, const insert_plan *p, insertion *in) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < in->n && !status; i++) {
    int64_t affected = 0;
    status = insert_one(c, p, in->records[i].fields, in->rows, &affected);
    in->affected += affected_by(p, affected, 1);
  }
  return status;
}

/* ---- all of them ---- */

/* An INSERT without columns can't have several rows, and a row that a trigger may change is read again at once. */
static bool is_one_by_one(const insert_plan *p, const insertion *in) {
  if (write_width(&p->t) == 0 || (p->u && upsert_is_tried(p->at, p->u))) return true;
  if (!in->rows) return false;
  if (p->u && p->u->nupdate == 0) return true; /* a row that is there already is read */
  return !insert_returns(p->at) || !p->at->engine->returning_ordered || p->at->table->shape->touched;
}

static shunt_status settable(call *c, const site *at, insertion *in) {
  shunt_record *list = arena_array(c->arena, shunt_record, in->n);
  if (!list) return error_memory(c->err);
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < in->n && !status; i++) {
    list[i] = in->records[i];
    status = write_settable(c, at, in->conflict ? WRITE_UPSERT : WRITE_INSERT, &list[i].fields, &list[i].nfields);
  }
  in->records = list;
  return status;
}

static shunt_status check_records(call *c, const insert_plan *p, const insertion *in) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < in->n && !status; i++) {
    if (i) status = write_check_instance(c, p->at, &p->t, in->records[i].fields);
    if (!status) status = write_check_values(c, p->at, &p->t, in->records[i].fields);
  }
  return status;
}

static shunt_status make_plan(call *c, insert_plan *p, insertion *in, upsert *u) {
  shunt_status status = settable(c, p->at, in);
  if (!status) status = write_targets(c, p->at, in->records[0].fields, in->records[0].nfields, &p->t);
  if (!status) status = insert_check_room(c, p);
  if (!status && in->conflict) {
    p->u = u;
    status = upsert_find(c, p->at, in->conflict, &p->t, u);
  }
  if (!status) status = check_records(c, p, in);
  return status ? status : insert_name_rows(c, p->at, in->rows);
}

/* A trigger may have left rows out. Then it is unknown which row is whose. */
static shunt_status check_rows(call *c, const insert_plan *p, const insertion *in, size_t before) {
  if (!in->rows || in->rows->count - before == in->n) return SHUNT_OK;
  return error_set(c->err, SHUNT_E_CONFLICT, "model '%s': the insert of %zu rows returned %zu", p->at->model->name,
                   in->n, in->rows->count - before);
}

shunt_status insert_records(call *c, const site *at, insertion *in) {
  insert_plan p = {.at = at};
  upsert u;
  bool done = false;
  shunt_status status = make_plan(c, &p, in, &u);
  if (status) return status;
  size_t before = in->rows ? in->rows->count : 0;
  bulk l = {at, p.t.columns, p.t.n, p.t.stamp, p.t.stamped, in->records, in->n};
  if (is_one_by_one(&p, in))
    status = insert_each(c, &p, in);
  else if (p.u || in->rows || (!(status = bulk_run(c, &l, &done, &in->affected)) && !done))
    status = insert_parts(c, &p, in);
  return status ? status : check_rows(c, &p, in, before);
}
