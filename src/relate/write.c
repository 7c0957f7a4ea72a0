/* The public writes: shunt_insert, shunt_insert_bulk, shunt_update, shunt_delete. */
#include <string.h>

#include "relate/load.h"
#include "relate/nested.h"
#include "relate/read.h"

static const shunt_write plainly;
static const shunt_record nothing;

static route_request request_of(const shunt_session *s, const cat_model *model, const shunt_write *o) {
  route_request request = session_request(s, model, SHUNT_WRITE);
  request.explicit_client = o->client;
  request.explicit_table = o->table;
  return request;
}

/* Names are checked, the relations planned. */
static shunt_status begin(writing *w, const char *model, const shunt_write *o, const cat_model **m, plan *p) {
  shunt_status status = read_model(w->s, model, o->client, o->timeout_ms, m, w->err);
  return status ? status : plan_make(w->s, *m, o->include, o->ninclude, false, p, w->err);
}

/* ---- insert ---- */

/* The row with its related rows, as the databases have them now. */
static shunt_status insert_along(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                                 shunt_rows *rows) {
  access a;
  unit_begin(w->s, &w->u);
  route_request inside = *request;
  inside.in_transaction = true;
  shunt_status status = nested_insert(w, &inside, record, p, rows, &a);
  if (!status) status = load_relations(w->s, rows, a.table->shape, p, SHUNT_WRITE, w->err);
  return unit_end(w->s, &w->u, status, w->err);
}

shunt_status shunt_insert(shunt_session *s, const char *model, const shunt_record *record, const shunt_write *options,
                          shunt_rows **out, shunt_error *err) {
  writing w = {.s = s, .err = err};
  const shunt_write *o = options ? options : &plainly;
  const cat_model *m;
  plan p;
  access a;
  *out = NULL;
  if (!record) record = &nothing;
  shunt_status status = begin(&w, model, o, &m, &p);
  if (!status) status = nested_check(&w, m, record, &p);
  if (status) return status;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  route_request request = request_of(s, m, o);
  status = p.count ? insert_along(&w, &request, record, &p, rows) : nested_insert(&w, &request, record, &p, rows, &a);
  if (status) {
    shunt_rows_free(rows);
    return status;
  }
  *out = rows;
  return SHUNT_OK;
}

/* ---- insert_bulk ---- */

/* Where each of the records goes. */
typedef struct destinations {
  access *list;
  size_t count, room;
  uint32_t *of_record;
} destinations;

static shunt_status add_destination(writing *w, destinations *d, const access *a, uint32_t *number) {
  for (size_t i = d->count; i-- > 0;)
    if (access_same(&d->list[i], a)) {
      *number = (uint32_t)i;
      return SHUNT_OK;
    }
  if (d->count == d->room) {
    access *more = arena_array(&w->s->call, access, d->room ? d->room * 2 : 4);
    if (!more) return error_memory(w->err);
    if (d->count) memcpy(more, d->list, d->count * sizeof *more);
    d->list = more;
    d->room = d->room ? d->room * 2 : 4;
  }
  *number = (uint32_t)d->count;
  d->list[d->count++] = *a;
  return SHUNT_OK;
}

static shunt_status find_destinations(writing *w, const route_request *request, const shunt_record *records, size_t n,
                                      destinations *d) {
  bool each = true;
  d->of_record = arena_array(&w->s->call, uint32_t, n);
  if (!d->of_record) return error_memory(w->err);
  for (size_t i = 0; i < n && each; i++) {
    route_request of_one = *request;
    access a;
    w->s->where.count = 0;
    for (size_t k = 0; k < records[i].nfields; k++)
      if (records[i].fields[k].name &&
          !equalities_add(&w->s->where, records[i].fields[k].name, &records[i].fields[k].value))
        return error_memory(w->err);
    shunt_status status = nested_place(w, &of_one, NULL, 0, &a);
    if (!status) status = add_destination(w, d, &a, &d->of_record[i]);
    if (status) return status;
    each = i > 0 || route_depends_on(&w->s->decision, RULE_FIELD_WHERE);
  }
  return SHUNT_OK;
}

/* Those of one destination, in their order, as many at once as have the same columns. */
static shunt_status insert_there(writing *w, const destinations *d, size_t number, const shunt_record *records,
                                 size_t n, shunt_record *room, int64_t *inserted) {
  size_t count = 0;
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) {
    if (d->of_record[i] != number) continue;
    if (count && !write_alike(&room[0], &records[i])) {
      status = write_insert_many(w->s, &d->list[number], room, count, inserted, w->err);
      count = 0;
    }
    room[count++] = records[i];
  }
  if (!status && count) status = write_insert_many(w->s, &d->list[number], room, count, inserted, w->err);
  return status;
}

static shunt_status insert_all(writing *w, const route_request *request, const shunt_record *records, size_t n,
                               int64_t *inserted) {
  destinations d = {NULL, 0, 0, NULL};
  shunt_record *room = arena_array(&w->s->call, shunt_record, n);
  shunt_status status = room ? find_destinations(w, request, records, n, &d) : error_memory(w->err);
  for (size_t i = 0; i < d.count && !status; i++) status = insert_there(w, &d, i, records, n, room, inserted);
  return status;
}

/* With related rows it is one after the other. */
static shunt_status insert_each(writing *w, const route_request *request, const shunt_record *records, size_t n,
                                const plan *p, int64_t *inserted) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < n && !status; i++) {
    access a;
    shunt_rows *rows = rows_new();
    status = rows ? nested_insert(w, request, &records[i], p, rows, &a) : error_memory(w->err);
    shunt_rows_free(rows);
    *inserted += !status;
  }
  return status;
}

shunt_status shunt_insert_bulk(shunt_session *s, const char *model, const shunt_record *records, size_t nrecords,
                               const shunt_write *options, int64_t *inserted, shunt_error *err) {
  writing w = {.s = s, .err = err};
  const shunt_write *o = options ? options : &plainly;
  const cat_model *m;
  plan p;
  int64_t count = 0;
  if (inserted) *inserted = 0;
  shunt_status status = begin(&w, model, o, &m, &p);
  for (size_t i = 0; i < nrecords && !status; i++) status = nested_check(&w, m, &records[i], &p);
  if (status || nrecords == 0) return status;
  unit_begin(s, &w.u);
  route_request request = request_of(s, m, o);
  status = p.count ? insert_each(&w, &request, records, nrecords, &p, &count)
                   : insert_all(&w, &request, records, nrecords, &count);
  status = unit_end(s, &w.u, status, err);
  if (!status && inserted) *inserted = count;
  return status;
}

/* ---- update ---- */

/* Which rows, and what is set: a record's own key says which where no where does, and is not set then. */
typedef struct change {
  const cat_model *model;
  const shunt_record *record;
  const shunt_where *where;
  shunt_where by_key;
  shunt_field *fields;
  size_t nfields;
} change;

static bool is_empty(const shunt_where *where) { return !where || (where->op == SHUNT_AND && where->nitems == 0); }

static shunt_status make_change(writing *w, const shunt_write *o, change *c) {
  const shunt_field *key = NULL;
  c->fields = arena_array(&w->s->call, shunt_field, c->record->nfields);
  if (!c->fields) return error_memory(w->err);
  if (!is_empty(o->where)) {
    c->where = o->where;
  } else if (!o->all && (key = nested_field(c->record, c->model->primary_key))) {
    c->by_key = (shunt_where){.op = SHUNT_EQ, .column = key->name, .values = &key->value, .nvalues = 1};
    c->where = &c->by_key;
  } else if (!o->all) {
    return error_set(
        w->err, SHUNT_E_USAGE,
        "model '%s': an update without where changes every row; give a where or the row's '%s', or say all "
        "= true if that is meant",
        c->model->name, c->model->primary_key);
  }
  for (size_t i = 0; i < c->record->nfields; i++)
    if (&c->record->fields[i] != key) c->fields[c->nfields++] = c->record->fields[i];
  if (c->nfields || c->record->nrelated) return SHUNT_OK;
  return error_set(w->err, SHUNT_E_USAGE, "model '%s': there is nothing to set", c->model->name);
}

static shunt_status place_change(writing *w, const shunt_write *o, const change *c, access *a) {
  route_request request = request_of(w->s, c->model, o);
  w->s->where.count = 0;
  if (c->where && !equalities_of_where(&w->s->where, c->where)) return error_memory(w->err);
  return nested_place(w, &request, c->fields, c->nfields, a);
}

/* Related rows have one parent, which is read again once it is changed, for what they refer to. */
static shunt_status change_parent(writing *w, const shunt_write *o, const change *c, const plan *p, shunt_rows *before,
                                  shunt_rows *after, int64_t *affected) {
  static const plan none = {NULL, 0};
  access a;
  const driver_column *key;
  shunt_status status = place_change(w, o, c, &a);
  if (!status) status = access_key(w->s, &a, &key, w->err);
  if (!status) status = nested_read(w, &a, &none, c->where, 2, before);
  if (!status && before->count == 0)
    status = error_set(w->err, SHUNT_E_NOT_FOUND,
                       "model '%s': there is no such row for related rows to be written along", c->model->name);
  if (!status && before->count > 1)
    status = error_set(w->err, SHUNT_E_USAGE,
                       "model '%s': related rows are written along with one row, and the where holds of several",
                       c->model->name);
  if (status) return status;
  shunt_where is_it = {.op = SHUNT_EQ, .column = key->name, .values = rows_row(before, 0), .nvalues = 1};
  filter f = {.where = {&is_it}};
  *affected = 1;
  if (c->nfields) {
    *affected = 0;
    status = write_update(w->s, &a, c->fields, c->nfields, &f, affected, w->err);
  }
  for (size_t i = 0; i < c->nfields; i++)
    if (cat_same_column(c->fields[i].name, key->name)) is_it.values = &c->fields[i].value;
  if (!status) status = nested_read(w, &a, p, &is_it, 1, after);
  if (!status && after->count == 0)
    status = error_set(w->err, SHUNT_E_CONFLICT, "model '%s': the row went away while it was changed", c->model->name);
  return status ? status : nested_children(w, &a, after, 0, c->record, p);
}

static shunt_status change_along(writing *w, const shunt_write *o, const change *c, const plan *p, int64_t *affected) {
  unit_begin(w->s, &w->u);
  shunt_rows *before = rows_new(), *after = rows_new();
  shunt_status status = before && after ? change_parent(w, o, c, p, before, after, affected) : error_memory(w->err);
  shunt_rows_free(before);
  shunt_rows_free(after);
  return unit_end(w->s, &w->u, status, w->err);
}

static shunt_status change_rows(writing *w, const shunt_write *o, const change *c, int64_t *affected) {
  access a;
  filter f = {.where = {c->where}};
  shunt_status status = place_change(w, o, c, &a);
  return status ? status : write_update(w->s, &a, c->fields, c->nfields, &f, affected, w->err);
}

shunt_status shunt_update(shunt_session *s, const char *model, const shunt_record *record, const shunt_write *options,
                          int64_t *affected, shunt_error *err) {
  writing w = {.s = s, .err = err};
  const shunt_write *o = options ? options : &plainly;
  change c = {.record = record ? record : &nothing};
  plan p;
  int64_t count = 0;
  if (affected) *affected = 0;
  shunt_status status = begin(&w, model, o, &c.model, &p);
  if (!status) status = nested_check(&w, c.model, c.record, &p);
  if (!status) status = make_change(&w, o, &c);
  if (status) return status;
  status = c.record->nrelated ? change_along(&w, o, &c, &p, &count) : change_rows(&w, o, &c, &count);
  if (!status && affected) *affected = count;
  return status;
}

/* ---- delete ---- */

static shunt_status place_delete(writing *w, const cat_model *model, const shunt_write *o, access *a) {
  route_request request = request_of(w->s, model, o);
  w->s->where.count = 0;
  if (!equalities_of_where(&w->s->where, o->where)) return error_memory(w->err);
  return nested_place(w, &request, NULL, 0, a);
}

/* What refers to the rows goes first. */
static shunt_status delete_parents(writing *w, const cat_model *model, const shunt_write *o, const plan *p,
                                   shunt_rows *rows, int64_t *affected) {
  access a;
  filter f = {.where = {o->where}};
  shunt_status status = place_delete(w, model, o, &a);
  if (!status) status = nested_read(w, &a, p, o->where, -1, rows);
  if (!status) status = cascade_delete(w, rows, a.table->shape, p);
  return status ? status : write_delete(w->s, &a, &f, affected, w->err);
}

static shunt_status delete_along(writing *w, const cat_model *model, const shunt_write *o, const plan *p,
                                 int64_t *affected) {
  unit_begin(w->s, &w->u);
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? delete_parents(w, model, o, p, rows, affected) : error_memory(w->err);
  shunt_rows_free(rows);
  return unit_end(w->s, &w->u, status, w->err);
}

static shunt_status delete_rows(writing *w, const cat_model *model, const shunt_write *o, int64_t *affected) {
  access a;
  filter f = {.where = {o->where}};
  shunt_status status = place_delete(w, model, o, &a);
  return status ? status : write_delete(w->s, &a, &f, affected, w->err);
}

shunt_status shunt_delete(shunt_session *s, const char *model, const shunt_write *options, int64_t *affected,
                          shunt_error *err) {
  writing w = {.s = s, .err = err};
  const shunt_write *o = options ? options : &plainly;
  const cat_model *m;
  plan p;
  int64_t count = 0;
  if (affected) *affected = 0;
  shunt_status status = begin(&w, model, o, &m, &p);
  if (!status) status = cascade_check(&w, &p);
  if (!status && is_empty(o->where) && !o->all)
    status =
        error_set(err, SHUNT_E_USAGE,
                  "model '%s': a delete without where deletes every row; give a where, or say all = true if that is "
                  "meant",
                  m->name);
  if (status) return status;
  status = p.count ? delete_along(&w, m, o, &p, &count) : delete_rows(&w, m, o, &count);
  if (!status && affected) *affected = count;
  return status;
}
