/* The public write shunt_update_bulk. */
#include "model/destination.h"
#include "model/write.h"
#include "query/update_many.h"
#include "session/outcome.h"
#include "session/visit.h"

static const shunt_records no_records;

typedef struct batch {
  const write_call *r;
  const shunt_records *records;
  update_row *rows; /* of the records */
  int64_t affected;
} batch;

static shunt_status refuse(const writing *w, const batch *b, const char *what) {
  return error_set(w->c->err, SHUNT_E_USAGE, "model '%s': %s", b->r->model->name, what);
}

static shunt_status check_options(const writing *w, const batch *b) {
  const shunt_write *o = b->r->options;
  if (o->where || o->all) return refuse(w, b, "update_bulk finds each row by its primary key; use update with a where");
  if (o->ninclude || o->on_conflict || o->nincrements)
    return refuse(w, b, "update_bulk takes neither include nor on_conflict nor increment");
  return SHUNT_OK;
}

/* Splits the record into the key, which finds the row, and the values to set. */
static shunt_status make_row(writing *w, batch *b, const shunt_record *record, update_row *row) {
  const key_names names = key_names_of(b->r->model->primary_key);
  record_key key = nested_key(record, &names);
  shunt_where *items = arena_array(w->c->arena, shunt_where, KEY_MOST);
  shunt_field *fields = arena_array(w->c->arena, shunt_field, record->nfields);
  if (!items || !fields) return error_memory(w->c->err);
  if (record->nrelated) return refuse(w, b, "update_bulk writes no related rows");
  if (!key.n)
    return error_set(w->c->err, SHUNT_E_USAGE, "model '%s': a row of update_bulk lacks its primary key, '%s'",
                     b->r->model->name, key_names_text(w->c->arena, &names));
  *row = (update_row){.is = {.op = SHUNT_AND, .items = items, .nitems = nested_key_is(&key, items)}, .fields = fields};
  for (size_t i = 0; i < record->nfields; i++)
    if (!nested_is_key(&key, &record->fields[i])) fields[row->nfields++] = record->fields[i];
  return row->nfields ? SHUNT_OK : refuse(w, b, "a row of update_bulk sets nothing beside its key");
}

static shunt_status find_row(writing *w, const batch *b, const update_row *row, access *a) {
  route_request request = write_request(w->c, b->r->model, b->r->options);
  equalities where = {.a = w->c->arena};
  if (!equalities_of_where(&where, &row->is)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  return nested_find(w, &request, row->fields, row->nfields, a);
}

/* The rows of one key go to one destination, so that a later one wins. */
static shunt_status find_rows(writing *w, const batch *b, destinations *d) {
  shunt_status status = SHUNT_OK;
  d->of_record = arena_array(w->c->arena, uint32_t, b->records->n);
  if (!d->of_record) return error_memory(w->c->err);
  access a = {.decision = NULL};
  for (size_t i = 0; i < b->records->n && !status; i++) {
    size_t before = d->count;
    status = find_row(w, b, &b->rows[i], &a);
    access_end_decision(w->c, &a);
    if (!status) status = destination_add(w->c, d, access_only_site(&a), &d->of_record[i]);
    if (d->count > before) access_leave_sites(&a); /* the new destination points to them */
  }
  return status;
}

static shunt_status update_there(writing *w, const destinations *d, size_t number, batch *b, update_row *room) {
  size_t count = 0;
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < b->records->n && !status; i++) {
    if (d->of_record[i] != number) continue;
    if (count && !update_alike(&room[0], &b->rows[i])) {
      status = update_many(w->c, d->list[number], room, count, &b->affected);
      count = 0;
    }
    room[count++] = b->rows[i];
  }
  return status || !count ? status : update_many(w->c, d->list[number], room, count, &b->affected);
}

static shunt_status update_all(writing *w, batch *b) {
  size_t n = b->records->n;
  destinations d = {NULL, 0, 0, NULL};
  update_row *room = arena_array(w->c->arena, update_row, n);
  b->rows = arena_array(w->c->arena, update_row, n);
  shunt_status status = room && b->rows ? SHUNT_OK : error_memory(w->c->err);
  for (size_t i = 0; i < n && !status; i++) status = make_row(w, b, &b->records->list[i], &b->rows[i]);
  if (!status) status = find_rows(w, b, &d);
  for (size_t i = 0; i < d.count && !status; i++) status = update_there(w, &d, i, b, room);
  return status;
}

shunt_status shunt_update_bulk(shunt_session *s, const char *model, const shunt_records *records,
                               const shunt_write *options, int64_t *affected, shunt_error *err) {
  VISIT(v);
  call c;
  writing w = {.c = &c};
  write_call r;
  batch b = {.r = &r, .records = records ? records : &no_records};
  if (affected) *affected = 0;
  shunt_status status = write_options(&r, options, err);
  if (!status) status = call_enter(&v, &c, s, r.options->timeout_ms, err);
  if (!status) status = write_begin(&c, model, &r);
  if (!status) status = check_options(&w, &b);
  if (status || b.records->n == 0) return status;
  unit_begin(&c, &w.u);
  status = outcome_end(&c, unit_end(&c, &w.u, update_all(&w, &b)));
  if (!status && affected) *affected = b.affected;
  return status;
}
