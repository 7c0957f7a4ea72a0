/* The public inserts: shunt_insert, shunt_insert_bulk, shunt_insert_rows. */
#include <string.h>

#include "model/destination.h"
#include "model/write.h"
#include "query/insert.h"
#include "query/types.h"
#include "relate/load.h"
#include "session/outcome.h"
#include "session/visit.h"

static const shunt_records no_records;
static const shunt_record nothing;

/* ---- one row ---- */

/* The row with its related rows, as the databases have them now. */
static shunt_status insert_along(writing *w, const write_call *r, const shunt_record *record, shunt_rows *rows) {
  const site *at;
  unit_begin(w->c, &w->u);
  route_request inside = write_request(w->c, r->model, r->options);
  shunt_status status = nested_insert(w, &inside, record, &r->plan, rows, &at);
  if (!status) status = load_relations(w->c, &(parents){rows, at->table->shape}, &r->plan, SHUNT_WRITE);
  return unit_end(w->c, &w->u, status);
}

static shunt_status insert_alone(writing *w, const write_call *r, const shunt_record *record, shunt_rows *rows) {
  route_request request = write_request(w->c, r->model, r->options);
  const site *at;
  return nested_insert(w, &request, record, &r->plan, rows, &at);
}

static shunt_status find_place(writing *w, const route_request *request, const shunt_record *record,
                               const shunt_conflict *conflict, access *a) {
  route_request of_one = *request;
  equalities where = {.a = w->c->arena};
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && !equalities_add(&where, record->fields[i].name, &record->fields[i].value))
      return error_memory(w->c->err);
  equalities_into(&where, &of_one);
  shunt_status status = nested_place(w, &of_one, a);
  return status || !conflict ? status : access_check_conflict(w->c, a, conflict);
}

/* In a unit of work, because it may take more than one statement. */
static shunt_status insert_or_update(writing *w, const write_call *r, const shunt_record *record, shunt_rows *rows) {
  route_request request = write_request(w->c, r->model, r->options);
  access a = {.decision = NULL};
  insertion in = {.records = record, .n = 1, .conflict = r->conflict, .rows = rows};
  unit_begin(w->c, &w->u);
  shunt_status status = find_place(w, &request, record, in.conflict, &a);
  if (!status) status = insert_records(w->c, access_only_site(&a), &in);
  return unit_end(w->c, &w->u, status);
}

static shunt_status insert_row(writing *w, const write_call *r, const shunt_record *record, shunt_rows *rows) {
  if (r->conflict) return insert_or_update(w, r, record, rows);
  return r->plan.count ? insert_along(w, r, record, rows) : insert_alone(w, r, record, rows);
}

static shunt_status check_insert(const writing *w, const write_call *r, const shunt_records *records) {
  shunt_status status = SHUNT_OK;
  if (r->conflict && r->plan.count)
    return error_set(w->c->err, SHUNT_E_USAGE,
                     "model '%s': on_conflict can't be combined with include; write the related rows afterwards",
                     r->model->name);
  for (size_t i = 0; i < records->n && !status; i++) status = nested_check(w, r->model, &records->list[i], &r->plan);
  return status;
}

shunt_status shunt_insert(shunt_session *s, const char *model, const shunt_record *record, const shunt_write *options,
                          shunt_rows **out, shunt_error *err) {
  VISIT(v);
  call c;
  writing w = {.c = &c};
  write_call r;
  if (!out) return error_null(err, "rows");
  *out = NULL;
  if (!record) record = &nothing;
  shunt_status status = write_options(&r, options, err);
  if (!status) status = call_enter(&v, &c, s, r.options->timeout_ms, err);
  if (!status) status = write_begin(&c, model, &r);
  if (!status) status = check_insert(&w, &r, &(shunt_records){record, 1});
  if (status) return status;
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(err);
  status = insert_row(&w, &r, record, rows);
  if (!status) status = types_give(&c, rows);
  if (status) {
    shunt_rows_free(rows);
    return outcome_end(&c, status);
  }
  *out = rows;
  return SHUNT_OK;
}

/* ---- many: where each goes ---- */

/* Rows of one model to insert. */
typedef struct batch {
  const write_call *r;
  route_request request;
  const shunt_record *records;
  size_t n;
  shunt_rows *rows; /* NULL: not wanted */
  int64_t affected;
} batch;

static shunt_status find_destinations(writing *w, const batch *b, destinations *d) {
  bool each = true;
  access a = {.decision = NULL};
  d->of_record = arena_array(w->c->arena, uint32_t, b->n);
  if (!d->of_record) return error_memory(w->c->err);
  for (size_t i = 0; i < b->n && each; i++) {
    size_t before = d->count;
    shunt_status status = find_place(w, &b->request, &b->records[i], b->r->conflict, &a);
    if (!status) status = destination_add(w->c, d, access_only_site(&a), &d->of_record[i]);
    if (status) return status;
    if (d->count > before) access_leave_sites(&a); /* the new destination points to them */
    each = i > 0 || route_depends_on(a.decision, RULE_FIELD_WHERE);
  }
  return SHUNT_OK;
}

/* ---- many: their statements ---- */

/* Records of one destination, and the numbers that they have among all. */
typedef struct bundle {
  shunt_record *records;
  uint32_t *numbers;
  size_t count;
} bundle;

/* The record of each row that came back. */
typedef struct senders {
  uint32_t *list;
  size_t count;
} senders;

static shunt_status insert_bundle(writing *w, const site *at, batch *b, bundle *these, senders *of) {
  insertion in = {these->records, these->count, b->r->conflict, b->rows, 0};
  shunt_status status = insert_records(w->c, at, &in);
  b->affected += in.affected;
  for (size_t i = 0; b->rows && i < these->count; i++) of->list[of->count++] = these->numbers[i];
  these->count = 0;
  return status;
}

/* Inserts the records of one destination, in their order, as many at once as have the same columns. */
static shunt_status insert_there(writing *w, const destinations *d, size_t number, batch *b, bundle *these,
                                 senders *of) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < b->n && !status; i++) {
    if (d->of_record[i] != number) continue;
    if (these->count && !write_same_columns(&these->records[0], &b->records[i]))
      status = insert_bundle(w, d->list[number], b, these, of);
    these->numbers[these->count] = (uint32_t)i;
    these->records[these->count++] = b->records[i];
  }
  return status || !these->count ? status : insert_bundle(w, d->list[number], b, these, of);
}

/* Rows come by destination: puts them into the order of their records. */
static shunt_status order_rows(writing *w, const batch *b, const senders *of) {
  size_t width = b->rows->ncolumns;
  uint32_t *row_of = arena_array(w->c->arena, uint32_t, b->n);
  shunt_value *copy = arena_array(w->c->arena, shunt_value, of->count * width);
  if (!row_of || !copy) return error_memory(w->c->err);
  for (size_t i = 0; i < of->count; i++) {
    row_of[of->list[i]] = (uint32_t)i + 1;
    memcpy(copy + i * width, rows_row(b->rows, i), width * sizeof *copy);
  }
  for (size_t i = 0, to = 0; i < b->n; i++)
    if (row_of[i]) memcpy(rows_row(b->rows, to++), copy + (row_of[i] - 1) * width, width * sizeof *copy);
  return SHUNT_OK;
}

static shunt_status insert_all(writing *w, batch *b) {
  destinations d = {NULL, 0, 0, NULL};
  bundle these = {arena_array(w->c->arena, shunt_record, b->n), arena_array(w->c->arena, uint32_t, b->n), 0};
  senders of = {arena_array(w->c->arena, uint32_t, b->n), 0};
  bool ok = these.records && these.numbers && of.list;
  shunt_status status = ok ? find_destinations(w, b, &d) : error_memory(w->c->err);
  for (size_t i = 0; i < d.count && !status; i++) status = insert_there(w, &d, i, b, &these, &of);
  return status || d.count < 2 || !b->rows ? status : order_rows(w, b, &of);
}

/* Records with related rows are inserted one by one. */
static shunt_status insert_each(writing *w, batch *b) {
  const site *at = NULL;
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < b->n && !status; i++) {
    shunt_rows *rows = b->rows ? b->rows : rows_new();
    status = rows ? nested_insert(w, &b->request, &b->records[i], &b->r->plan, rows, &at) : error_memory(w->c->err);
    if (!b->rows) shunt_rows_free(rows);
    b->affected += !status;
  }
  if (status || !b->rows) return status;
  return load_relations(w->c, &(parents){b->rows, at->table->shape}, &b->r->plan, SHUNT_WRITE);
}

static shunt_status insert_batch(shunt_session *s, const char *model, const shunt_records *records, write_call *r,
                                 batch *b, shunt_error *err) {
  VISIT(v);
  call c;
  writing w = {.c = &c};
  shunt_status status = call_enter(&v, &c, s, r->options->timeout_ms, err);
  if (!status) status = write_begin(&c, model, r);
  if (!status) status = check_insert(&w, r, records);
  if (status || records->n == 0) return status;
  unit_begin(&c, &w.u);
  b->r = r;
  b->request = write_request(&c, r->model, r->options);
  b->records = records->list;
  b->n = records->n;
  status = r->plan.count ? insert_each(&w, b) : insert_all(&w, b);
  if (!status && b->rows) status = types_give(&c, b->rows);
  return outcome_end(&c, unit_end(&c, &w.u, status));
}

shunt_status shunt_insert_bulk(shunt_session *s, const char *model, const shunt_records *records,
                               const shunt_write *options, int64_t *inserted, shunt_error *err) {
  write_call r;
  batch b = {.affected = 0};
  if (inserted) *inserted = 0;
  shunt_status status = write_options(&r, options, err);
  if (!status) status = insert_batch(s, model, records ? records : &no_records, &r, &b, err);
  if (!status && inserted) *inserted = b.affected;
  return status;
}

shunt_status shunt_insert_rows(shunt_session *s, const char *model, const shunt_records *records,
                               const shunt_write *options, shunt_rows **out, shunt_error *err) {
  write_call r;
  if (!out) return error_null(err, "rows");
  *out = NULL;
  batch b = {.rows = rows_new()};
  if (!b.rows) return error_memory(err);
  shunt_status status = write_options(&r, options, err);
  if (!status) status = insert_batch(s, model, records ? records : &no_records, &r, &b, err);
  if (status) {
    shunt_rows_free(b.rows);
    return status;
  }
  *out = b.rows;
  return SHUNT_OK;
}
