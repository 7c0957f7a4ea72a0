#include "relate/nested.h"

#include <string.h>

#include "query/select.h"
#include "query/value.h"

/* ---- checks before anything is written ---- */

static const plan_relation *find_relation(const plan *p, const char *name) {
  for (size_t i = 0; i < p->count; i++)
    if (name && strcmp(p->list[i].relation->as.name, name) == 0) return &p->list[i];
  return NULL;
}

static shunt_status check_plan(const writing *w, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < p->count && !status; i++) {
    const cat_relation *r = p->list[i].relation;
    if (r->as.kind == SHUNT_BELONGS_TO)
      return error_set(w->err, SHUNT_E_USAGE,
                       "relation '%s' leads to the row that this one belongs to: write that one first, and set '%s'",
                       r->full_name, r->as.foreign_key);
    status = check_plan(w, &p->list[i].children);
  }
  return status;
}

static shunt_status check_record(const writing *w, const cat_model *model, const shunt_record *record, const plan *p) {
  for (size_t i = 0; i < record->nrelated; i++) {
    const shunt_related *related = &record->related[i];
    const plan_relation *in = find_relation(p, related->relation);
    if (!in)
      return error_set(w->err, SHUNT_E_USAGE,
                       "model '%s': rows of '%.128s' are given to be written along; include that relation", model->name,
                       related->relation ? related->relation : "");
    for (size_t k = 0; k < related->nrecords; k++) {
      shunt_status status = check_record(w, in->relation->target, &related->records[k], &in->children);
      if (status) return status;
      if (related->records[k].deleted && related->records[k].nrelated)
        return error_set(w->err, SHUNT_E_USAGE,
                         "relation '%s': a row that is deleted has no rows to be written along with it",
                         in->relation->full_name);
    }
  }
  return SHUNT_OK;
}

shunt_status nested_check(const writing *w, const cat_model *model, const shunt_record *record, const plan *p) {
  shunt_status status = check_plan(w, p);
  return status ? status : check_record(w, model, record, p);
}

/* ---- where rows go ---- */

const shunt_field *nested_field(const shunt_record *record, const char *name) {
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && cat_same_column(record->fields[i].name, name))
      return record->fields[i].value.type == SHUNT_NULL ? NULL : &record->fields[i];
  return NULL;
}

route_request nested_request(const writing *w, const plan_relation *p, const access *parent) {
  route_request request = session_request(w->s, p->relation->target, SHUNT_WRITE);
  request.relation = p->relation;
  request.relation_client = p->query->client;
  request.explicit_table = p->query->table;
  request.parent = parent->client->name;
  return request;
}

static bool sets(const shunt_field *set, size_t nset, const char *name) {
  for (size_t i = 0; i < nset; i++)
    if (set[i].name && cat_same_column(set[i].name, name)) return true;
  return false;
}

/* A row that has its new values would be looked for somewhere else. */
static shunt_status check_move(writing *w, const route_request *request, const shunt_field *set, size_t nset,
                               const access *here) {
  const char *column = NULL;
  for (size_t i = 0; i < nset && !column; i++)
    if (set[i].name && route_depends_on_where(&w->s->decision, set[i].name)) column = set[i].name;
  if (!column) return SHUNT_OK;
  shunt_field *where = arena_array(&w->s->call, shunt_field, request->nwhere + nset);
  if (!where) return error_memory(w->err);
  route_request after = *request;
  after.where = where;
  after.nwhere = 0;
  for (size_t i = 0; i < request->nwhere; i++)
    if (!sets(set, nset, request->where[i].name)) where[after.nwhere++] = request->where[i];
  for (size_t i = 0; i < nset; i++)
    if (set[i].name && set[i].value.type != SHUNT_NULL) where[after.nwhere++] = set[i];
  access there;
  shunt_status status = access_find(w->s, &after, &there, w->err);
  if (status || access_same(here, &there)) return status;
  return error_set(
      w->err, SHUNT_E_USAGE,
      "model '%s': with another '%s' the row belongs to table %s on %s, not to %s on %s, and an update moves "
      "no rows; name the old '%s' in where if it is the same, else delete the row and insert it anew",
      request->model->name, column, there.table->name, there.client->name, here->table->name, here->client->name,
      column);
}

shunt_status nested_place(writing *w, route_request *request, const shunt_field *set, size_t nset, access *out) {
  request->where = w->s->where.list;
  request->nwhere = w->s->where.count;
  shunt_status status = access_find(w->s, request, out, w->err);
  if (!status && nset) status = check_move(w, request, set, nset, out);
  if (!status && w->u.begun) status = unit_join(w->s, &w->u, out->client, out->level, w->err);
  return status;
}

/* ---- one row ---- */

shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, access *a) {
  route_request complete = *request;
  w->s->where.count = 0;
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && !equalities_add(&w->s->where, record->fields[i].name, &record->fields[i].value))
      return error_memory(w->err);
  shunt_status status = nested_place(w, &complete, NULL, 0, a);
  if (!status && rows && !rows_add_origin(rows, a->client->id)) status = error_memory(w->err);
  if (!status) status = write_insert(w->s, a, record->fields, record->nfields, rows, w->err);
  if (!status && rows && rows->count == 0)
    status = error_set(w->err, SHUNT_E_CONFLICT, "model '%s': the database took the row and kept none", a->model->name);
  if (!status && record->nrelated) status = nested_children(w, a, rows, rows->count - 1, record, p);
  return status;
}

shunt_status nested_read(writing *w, const access *a, const plan *p, const shunt_where *where, int64_t most,
                         shunt_rows *rows) {
  const char *key = a->model->primary_key;
  const char *const *needed = plan_parent_keys(w->s, p);
  select_spec q = {.filter = {.where = {where}},
                   .columns = &key,
                   .ncolumns = 1,
                   .needed = needed,
                   .nneeded = p->count,
                   .limited = most >= 0,
                   .limit = most,
                   .origins = true};
  return needed ? select_run(w->s, a, &q, rows, w->err) : error_memory(w->err);
}

/* ---- a row of has_one or has_many ---- */

typedef struct child {
  const plan_relation *p;
  const shunt_record *record;
  const shunt_value *parent_key;
  const shunt_field *key; /* NULL: a new row */
} child;

static shunt_status not_there(const writing *w, const child *c) {
  char number[VALUE_TEXT_BYTES] = "";
  const shunt_value *v = &c->key->value;
  if (v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT) value_as_text(v, number);
  return error_set(w->err, SHUNT_E_NOT_FOUND, "relation '%s' has no row with %s = %.128s here to be %s",
                   c->p->relation->full_name, c->key->name, v->type == SHUNT_TEXT ? v->as.bytes : number,
                   c->record->deleted ? "deleted" : "updated");
}

/* The child's fields without its key; the foreign key among them only where it says what it would be anyway. */
static shunt_status own_fields(writing *w, const child *c, bool keep_key, shunt_field **out, size_t *n) {
  const shunt_relation *r = &c->p->relation->as;
  shunt_field *fields = arena_array(&w->s->call, shunt_field, c->record->nfields + 1);
  if (!fields) return error_memory(w->err);
  *out = fields;
  *n = 0;
  for (size_t i = 0; i < c->record->nfields; i++) {
    const shunt_field *f = &c->record->fields[i];
    if (f->name && cat_same_column(f->name, r->foreign_key)) {
      shunt_value given = value_canonical(&f->value, true), wanted = value_canonical(c->parent_key, true);
      if (f->value.type != SHUNT_NULL && !value_equal(&given, &wanted, DRIVER_BINARY))
        return error_set(w->err, SHUNT_E_USAGE,
                         "relation '%s': '%s' of a row written along is its parent's key; leave it out",
                         c->p->relation->full_name, r->foreign_key);
    } else if (keep_key || f != c->key) {
      if (f->value.type != SHUNT_NULL || !f->name || !cat_same_column(f->name, c->p->relation->target->primary_key))
        fields[(*n)++] = *f;
    }
  }
  return SHUNT_OK;
}

static shunt_status insert_child(writing *w, const access *parent, const child *c) {
  route_request request = nested_request(w, c->p, parent);
  shunt_record record = *c->record;
  shunt_field *fields;
  shunt_status status = own_fields(w, c, true, &fields, &record.nfields);
  if (status) return status;
  fields[record.nfields++] = (shunt_field){c->p->relation->as.foreign_key, *c->parent_key};
  record.fields = fields;
  access a;
  if (!record.nrelated) return nested_insert(w, &request, &record, &c->p->children, NULL, &a);
  shunt_rows *rows = rows_new();
  status = rows ? nested_insert(w, &request, &record, &c->p->children, rows, &a) : error_memory(w->err);
  shunt_rows_free(rows);
  return status;
}

/* The rows written along with a child that is there already; it is read for the keys that they refer to. */
static shunt_status below_child(writing *w, const access *a, const child *c, const shunt_where *where) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? nested_read(w, a, &c->p->children, where, 1, rows) : error_memory(w->err);
  if (!status && rows->count == 0) status = not_there(w, c);
  if (!status) status = nested_children(w, a, rows, 0, c->record, &c->p->children);
  shunt_rows_free(rows);
  return status;
}

static shunt_status change_child(writing *w, const access *parent, const child *c) {
  const shunt_relation *r = &c->p->relation->as;
  route_request request = nested_request(w, c->p, parent);
  /* only a row of this parent: another's can't be taken by naming its key */
  shunt_where items[] = {{.op = SHUNT_EQ, .column = c->key->name, .values = &c->key->value, .nvalues = 1},
                         {.op = SHUNT_EQ, .column = r->foreign_key, .values = c->parent_key, .nvalues = 1}};
  shunt_where both = {.op = SHUNT_AND, .items = items, .nitems = 2};
  filter f = {.where = {&both}};
  access a;
  shunt_field *fields;
  size_t n;
  int64_t affected = 0;
  w->s->where.count = 0;
  if (!equalities_of_where(&w->s->where, &both)) return error_memory(w->err);
  shunt_status status = own_fields(w, c, false, &fields, &n);
  if (!status) status = nested_place(w, &request, fields, c->record->deleted ? 0 : n, &a);
  if (!status && c->record->deleted)
    status = write_delete(w->s, &a, &f, &affected, w->err);
  else if (!status && n)
    status = write_update(w->s, &a, fields, n, &f, &affected, w->err);
  if (status) return status;
  if ((c->record->deleted || n) && affected == 0) return not_there(w, c);
  return c->record->deleted || (n && !c->record->nrelated) ? SHUNT_OK : below_child(w, &a, c, &both);
}

static shunt_status write_child(writing *w, const access *parent, const child *c) {
  if (c->key) return change_child(w, parent, c);
  if (!c->record->deleted) return insert_child(w, parent, c);
  return error_set(w->err, SHUNT_E_USAGE, "relation '%s': a row to be deleted must have its '%s'",
                   c->p->relation->full_name, c->p->relation->target->primary_key);
}

/* ---- all of them ---- */

static shunt_status parent_key(const writing *w, const plan_relation *p, const access *parent, const shunt_rows *rows,
                               size_t row, const shunt_value **out) {
  const driver_column *column;
  shunt_status status = access_column(w->s, parent, plan_parent_key(p->relation), &column, w->err);
  if (status) return status;
  *out = &rows_row(rows, row)[rows_column_index(rows, column->name)];
  if ((*out)->type != SHUNT_NULL) return SHUNT_OK;
  return error_set(w->err, SHUNT_E_USAGE, "relation '%s': the row has no '%s' that related rows could refer to",
                   p->relation->full_name, column->name);
}

shunt_status nested_children(writing *w, const access *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < record->nrelated && !status; i++) {
    const shunt_related *related = &record->related[i];
    const plan_relation *in = find_relation(p, related->relation);
    const shunt_value *key = NULL;
    if (related->nrecords) status = parent_key(w, in, parent, rows, row, &key);
    for (size_t k = 0; k < related->nrecords && !status; k++) {
      const shunt_record *r = &related->records[k];
      child c = {in, r, key, nested_field(r, in->relation->target->primary_key)};
      status = in->relation->through ? nested_link(w, parent, in, key, r) : write_child(w, parent, &c);
    }
  }
  return status;
}
