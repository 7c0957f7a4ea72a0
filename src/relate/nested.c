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
      return error_set(w->c->err, SHUNT_E_USAGE,
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
      return error_set(
          w->c->err, SHUNT_E_USAGE,
          "model '%s': the record has rows of '%.128s'; include that relation, so that they are written along",
          model->name, related->relation ? related->relation : "");
    for (size_t k = 0; k < related->nrecords; k++) {
      shunt_status status = check_record(w, in->relation->target, &related->records[k], &in->children);
      if (status) return status;
      if (related->records[k].deleted && related->records[k].nrelated)
        return error_set(w->c->err, SHUNT_E_USAGE,
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

/* ---- keys of records ---- */

static const shunt_field *field_named(const shunt_record *record, const char *name) {
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && cat_same_column(record->fields[i].name, name))
      return record->fields[i].value.type == SHUNT_NULL ? NULL : &record->fields[i];
  return NULL;
}

record_key nested_key(const shunt_record *record, const key_names *names) {
  record_key key = {.n = names->n};
  for (size_t i = 0; i < names->n; i++)
    if (!(key.list[i] = field_named(record, names->list[i]))) key.n = 0;
  return key;
}

bool nested_is_key(const record_key *key, const shunt_field *field) {
  for (size_t i = 0; i < key->n; i++)
    if (key->list[i] == field) return true;
  return false;
}

size_t nested_key_is(const record_key *key, shunt_where items[KEY_MOST]) {
  for (size_t i = 0; i < key->n; i++)
    items[i] =
        (shunt_where){.op = SHUNT_EQ, .column = key->list[i]->name, .values = &key->list[i]->value, .nvalues = 1};
  return key->n;
}

size_t nested_values_are(const key_names *names, const shunt_value *values, shunt_where items[KEY_MOST]) {
  for (size_t i = 0; i < names->n; i++)
    items[i] = (shunt_where){.op = SHUNT_EQ, .column = names->list[i], .values = &values[i], .nvalues = 1};
  return names->n;
}

static bool is_named(const key_names *names, const char *column, size_t *which) {
  for (*which = 0; *which < names->n; (*which)++)
    if (cat_same_column(column, names->list[*which])) return true;
  return false;
}

/* ---- where rows go ---- */

route_request nested_request(const writing *w, const plan_relation *p, const site *parent) {
  route_request request = session_request(w->c->s, p->relation->target, SHUNT_WRITE);
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

static shunt_status refuse_move(writing *w, const char *column, const access *from, const access *to) {
  const site *here = access_only_site(from), *there = access_only_site(to);
  return error_set(
      w->c->err, SHUNT_E_USAGE,
      "model '%s': with another '%s' the row belongs to table %s on %s, not to %s on %s, and an update moves "
      "no rows; name the old '%s' in where if it is the same, else delete the row and insert it anew",
      here->model->name, column, there->table->name, there->client->name, here->table->name, here->client->name,
      column);
}

/* With its new values the row must not belong elsewhere: an update moves no rows. */
static shunt_status check_move(writing *w, const route_request *request, const shunt_field *set, size_t nset,
                               const access *here) {
  const char *column = NULL;
  for (size_t i = 0; i < nset && !column; i++)
    if (set[i].name && route_depends_on_where(here->decision, set[i].name)) column = set[i].name;
  if (!column) return SHUNT_OK;
  equalities where = {.a = w->c->arena};
  bool ok = true;
  for (size_t i = 0; i < request->nwhere && ok; i++)
    if (!sets(set, nset, request->where[i].name))
      ok = equalities_add(&where, request->where[i].name, &request->where[i].value);
  for (size_t i = 0; i < nset && ok; i++)
    if (set[i].name) ok = equalities_add(&where, set[i].name, &set[i].value);
  if (!ok) return error_memory(w->c->err);
  route_request after = *request;
  equalities_into(&where, &after);
  access there = {NULL, NULL, 0};
  shunt_status status = access_find(w->c, &after, &there);
  access_end_decision(w->c, &there);
  return status || access_same(here, &there) ? status : refuse_move(w, column, here, &there);
}

shunt_status nested_find(writing *w, const route_request *request, const shunt_field *set, size_t nset, access *out) {
  shunt_status status = access_find(w->c, request, out);
  if (!status && nset) status = check_move(w, request, set, nset, out);
  for (size_t i = 0; w->u.begun && i < out->nsites && !status; i++)
    status = unit_join(w->c, &w->u, out->sites[i].client, out->sites[i].level);
  return status;
}

/* ---- one row ---- */

shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, const site **at) {
  route_request complete = *request;
  equalities where = {.a = w->c->arena};
  access a = {NULL, NULL, 0};
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && !equalities_add(&where, record->fields[i].name, &record->fields[i].value))
      return error_memory(w->c->err);
  equalities_into(&where, &complete);
  shunt_status status = nested_find(w, &complete, NULL, 0, &a);
  access_end_decision(w->c, &a); /* there may be many rows */
  if (status) return status;
  *at = access_only_site(&a);
  if (rows && !rows_add_origin(rows, (*at)->client->id)) status = error_memory(w->c->err);
  if (!status) status = write_insert(w->c, *at, record->fields, record->nfields, rows);
  if (!status && rows && rows->count == 0)
    status = error_set(w->c->err, SHUNT_E_CONFLICT, "model '%s': the insert returned no row", (*at)->model->name);
  if (!status && record->nrelated) status = nested_children(w, *at, rows, rows->count - 1, record, p);
  return status;
}

shunt_status nested_read(writing *w, const access *a, const plan *p, const shunt_where *where, int64_t most,
                         shunt_rows *rows) {
  key_names key = key_names_of(access_only_site(a)->model->primary_key);
  select_spec q = {.filter = {.where = {where}},
                   .columns = key.list,
                   .ncolumns = key.n,
                   .limited = most >= 0,
                   .limit = most,
                   .origins = true};
  q.needed = plan_parent_keys(w->c, p, &q.nneeded);
  return q.needed ? select_run(w->c, a, &q, rows) : error_memory(w->c->err);
}

/* ---- a row of has_one or has_many ---- */

typedef struct child {
  const plan_relation *p;
  const shunt_record *record;
  const shunt_value *parent_key; /* the values of the foreign key */
  key_names foreign_key;
  record_key key; /* without one: a new row */
} child;

static shunt_status not_there(const writing *w, const child *c) {
  char number[VALUE_TEXT_BYTES] = "";
  const shunt_field *key = c->key.list[0];
  const shunt_value *v = &key->value;
  if (v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT) value_as_text(v, number);
  return error_set(w->c->err, SHUNT_E_NOT_FOUND, "relation '%s' has no row with %s = %.128s here to be %s",
                   c->p->relation->full_name, key->name, v->type == SHUNT_TEXT ? v->as.bytes : number,
                   c->record->deleted ? "deleted" : "updated");
}

/* A child may name its foreign key, with the parent's value. */
static shunt_status check_foreign(const writing *w, const child *c, const shunt_field *f, const shunt_value *own) {
  shunt_value given = value_canonical(&f->value, true), wanted = value_canonical(own, true);
  if (f->value.type == SHUNT_NULL || value_equal(&given, &wanted, DRIVER_BINARY)) return SHUNT_OK;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "relation '%s': '%s' of a row written along is its parent's key; leave it out",
                   c->p->relation->full_name, f->name);
}

/* The child's fields without its foreign key, with room for that; also without its primary key, unless keep_key. */
static shunt_status own_fields(writing *w, const child *c, bool keep_key, shunt_field **out, size_t *n) {
  const key_names primary = key_names_of(c->p->relation->target->primary_key);
  shunt_field *fields = arena_array(w->c->arena, shunt_field, c->record->nfields + KEY_MOST);
  shunt_status status = fields ? SHUNT_OK : error_memory(w->c->err);
  *out = fields;
  *n = 0;
  for (size_t i = 0; i < c->record->nfields && !status; i++) {
    const shunt_field *f = &c->record->fields[i];
    size_t which;
    if (f->name && is_named(&c->foreign_key, f->name, &which)) {
      status = check_foreign(w, c, f, &c->parent_key[which]);
    } else if (keep_key || !nested_is_key(&c->key, f)) {
      if (f->value.type != SHUNT_NULL || !f->name || !is_named(&primary, f->name, &which)) fields[(*n)++] = *f;
    }
  }
  return status;
}

static shunt_status insert_child(writing *w, const site *parent, const child *c) {
  route_request request = nested_request(w, c->p, parent);
  shunt_record record = *c->record;
  shunt_field *fields;
  const site *at;
  shunt_status status = own_fields(w, c, true, &fields, &record.nfields);
  if (status) return status;
  for (size_t i = 0; i < c->foreign_key.n; i++)
    fields[record.nfields++] = (shunt_field){c->foreign_key.list[i], c->parent_key[i]};
  record.fields = fields;
  if (!record.nrelated) return nested_insert(w, &request, &record, &c->p->children, NULL, &at);
  shunt_rows *rows = rows_new();
  status = rows ? nested_insert(w, &request, &record, &c->p->children, rows, &at) : error_memory(w->c->err);
  shunt_rows_free(rows);
  return status;
}

/* Writes the rows of a child that exists; reads the child first, for the keys that they refer to. */
static shunt_status below_child(writing *w, const access *a, const child *c, const shunt_where *where) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? nested_read(w, a, &c->p->children, where, 1, rows) : error_memory(w->c->err);
  if (!status && rows->count == 0) status = not_there(w, c);
  if (!status) status = nested_children(w, access_only_site(a), rows, 0, c->record, &c->p->children);
  shunt_rows_free(rows);
  return status;
}

static shunt_status change_child(writing *w, const site *parent, const child *c) {
  route_request request = nested_request(w, c->p, parent);
  /* only a row of this parent: naming another parent's row must not take it over */
  shunt_where items[2 * KEY_MOST], both = {.op = SHUNT_AND, .items = items};
  both.nitems = nested_key_is(&c->key, items);
  both.nitems += nested_values_are(&c->foreign_key, c->parent_key, items + both.nitems);
  filter f = {.where = {&both}};
  equalities where = {.a = w->c->arena};
  access a = {NULL, NULL, 0};
  shunt_field *fields;
  size_t n;
  int64_t affected = 0;
  if (!equalities_of_where(&where, &both)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = own_fields(w, c, false, &fields, &n);
  if (!status) status = nested_find(w, &request, fields, c->record->deleted ? 0 : n, &a);
  access_end_decision(w->c, &a);
  if (!status && c->record->deleted)
    status = write_delete(w->c, &a, &f, &affected);
  else if (!status && n)
    status = write_update(w->c, &a, fields, n, &f, &affected);
  if (status) return status;
  if ((c->record->deleted || n) && affected == 0) return not_there(w, c);
  return c->record->deleted || (n && !c->record->nrelated) ? SHUNT_OK : below_child(w, &a, c, &both);
}

static shunt_status write_child(writing *w, const site *parent, const child *c) {
  if (c->key.n) return change_child(w, parent, c);
  if (!c->record->deleted) return insert_child(w, parent, c);
  return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': a row to be deleted must have its '%s'",
                   c->p->relation->full_name, c->p->relation->target->primary_key);
}

/* ---- all of them ---- */

static shunt_status parent_key(const writing *w, const plan_relation *p, const site *parent, const shunt_value *row,
                               const shunt_rows *rows, shunt_value out[KEY_MOST]) {
  key_names names = plan_parent_key(p->relation);
  key_columns columns;
  shunt_status status = site_key_columns(w->c, parent, &names, &columns);
  for (size_t i = 0; i < columns.n && !status; i++) {
    out[i] = row[rows_column_index(rows, columns.list[i]->name)];
    if (out[i].type == SHUNT_NULL)
      status =
          error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': the row has no '%s' that related rows could refer to",
                    p->relation->full_name, columns.list[i]->name);
  }
  return status;
}

static shunt_status write_related(writing *w, const site *parent, const plan_relation *in, const shunt_value *key,
                                  const shunt_record *record) {
  if (in->relation->through) return nested_link(w, parent, in, key, record);
  key_names primary = key_names_of(in->relation->target->primary_key);
  child c = {in, record, key, plan_child_key(in->relation), nested_key(record, &primary)};
  return write_child(w, parent, &c);
}

shunt_status nested_children(writing *w, const site *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < record->nrelated && !status; i++) {
    const shunt_related *related = &record->related[i];
    const plan_relation *in = find_relation(p, related->relation);
    shunt_value key[KEY_MOST];
    if (related->nrecords) status = parent_key(w, in, parent, rows_row(rows, row), rows, key);
    for (size_t k = 0; k < related->nrecords && !status; k++)
      status = write_related(w, parent, in, key, &related->records[k]);
  }
  return status;
}
