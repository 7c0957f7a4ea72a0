/* Writing a row, and then its related rows, which may have related rows themselves. */
#include "relate/nested.h"

#include "query/select.h"
#include "query/value.h"

/* ---- one row ---- */

shunt_status nested_insert(writing *w, const route_request *request, const shunt_record *record, const plan *p,
                           shunt_rows *rows, const site **at) {
  route_request complete = *request;
  equalities where = {.a = w->c->arena};
  access a = {.decision = NULL};
  for (size_t i = 0; i < record->nfields; i++)
    if (record->fields[i].name && !equalities_add(&where, record->fields[i].name, &record->fields[i].value))
      return error_memory(w->c->err);
  equalities_into(&where, &complete);
  shunt_status status = nested_place(w, &complete, &a);
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

shunt_status nested_read(writing *w, const access *a, const plan *p, const filter *f, int64_t most, shunt_rows *rows) {
  key_names key = key_names_of(access_only_site(a)->model->primary_key);
  select_spec q = {
      .filter = *f, .columns = key.list, .ncolumns = key.n, .limited = most >= 0, .limit = most, .origins = true};
  q.needed = plan_parent_keys(w->c, p, &q.nneeded);
  return q.needed ? select_run(w->c, a, &q, rows) : error_memory(w->c->err);
}

/* ---- a row of has_one or has_many ---- */

typedef struct child {
  const plan_relation *p;
  const shunt_record *record;
  sole_key foreign_key; /* with the parent's values */
  record_key key;       /* without one: a new row */
} child;

static shunt_status not_there(const writing *w, const child *c) {
  buf key = {0};
  for (size_t i = 0; i < c->key.n; i++) {
    char number[VALUE_TEXT_BYTES] = "";
    const shunt_value *v = &c->key.list[i]->value;
    if (v->type == SHUNT_INTEGER || v->type == SHUNT_FLOAT) value_as_text(v, number);
    buf_printf(&key, "%s%s = %.128s", i ? " and " : "", c->key.list[i]->name,
               v->type == SHUNT_TEXT ? v->as.bytes : number);
  }
  shunt_status status = error_set(w->c->err, SHUNT_E_NOT_FOUND, "relation '%s' has no row with %s here to be %s",
                                  c->p->relation->full_name, key.failed ? "this key" : key.data,
                                  c->record->deleted ? "deleted" : "updated");
  buf_free(&key);
  return status;
}

/* A child may name its foreign key, with the parent's value. */
static shunt_status check_foreign(const writing *w, const child *c, const shunt_field *f, const shunt_value *own) {
  shunt_value given = value_canonical(&f->value, true), wanted = value_canonical(own, true);
  if (f->value.type == SHUNT_NULL || value_equal(&given, &wanted, DRIVER_BINARY)) return SHUNT_OK;
  return error_set(w->c->err, SHUNT_E_USAGE,
                   "relation '%s': '%s' of a row written along is its parent's key; leave it out",
                   c->p->relation->full_name, f->name);
}

static bool is_named(const key_names *names, const char *column, size_t *which) {
  for (*which = 0; *which < names->n; (*which)++)
    if (cat_same_column(column, names->list[*which])) return true;
  return false;
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
    if (f->name && is_named(&c->foreign_key.names, f->name, &which)) {
      status = check_foreign(w, c, f, &c->foreign_key.values[which]);
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
  for (size_t i = 0; i < c->foreign_key.names.n; i++)
    fields[record.nfields++] = (shunt_field){c->foreign_key.names.list[i], c->foreign_key.values[i]};
  record.fields = fields;
  if (!record.nrelated) return nested_insert(w, &request, &record, &c->p->children, NULL, &at);
  shunt_rows *rows = rows_new();
  status = rows ? nested_insert(w, &request, &record, &c->p->children, rows, &at) : error_memory(w->c->err);
  shunt_rows_free(rows);
  return status;
}

/* Writes the rows of a child that exists; reads the child first, for the keys that they refer to. */
static shunt_status below_child(writing *w, const access *a, const child *c, const filter *f) {
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? nested_read(w, a, &c->p->children, f, 1, rows) : error_memory(w->c->err);
  if (!status && rows->count == 0) status = not_there(w, c);
  if (!status) status = nested_children(w, access_only_site(a), rows, 0, c->record, &c->p->children);
  shunt_rows_free(rows);
  return status;
}

static shunt_status change_child(writing *w, const site *parent, const child *c) {
  route_request request = nested_request(w, c->p, parent);
  sole_key key = nested_sole_key(&c->key);
  filter f;
  equalities where = {.a = w->c->arena};
  access a = {.decision = NULL};
  shunt_field *fields;
  size_t n;
  int64_t affected = 0;
  if (!nested_equalities(&where, &key) || !nested_equalities(&where, &c->foreign_key)) return error_memory(w->c->err);
  equalities_into(&where, &request);
  shunt_status status = own_fields(w, c, false, &fields, &n);
  if (!status) status = nested_find(w, &request, fields, c->record->deleted ? 0 : n, &a);
  /* only a row of this parent: naming another parent's row must not take it over */
  if (!status) status = nested_filter(w, &a, &key, &c->foreign_key, &f);
  access_end_decision(w->c, &a);
  if (!status && c->record->deleted)
    status = write_delete(w->c, &a, &f, &affected);
  else if (!status && n)
    status = write_update(w->c, &a, fields, n, &f, &affected);
  if (status) return status;
  if ((c->record->deleted || n) && affected == 0) return not_there(w, c);
  return c->record->deleted || (n && !c->record->nrelated) ? SHUNT_OK : below_child(w, &a, c, &f);
}

static shunt_status write_child(writing *w, const site *parent, const child *c) {
  if (c->key.n) return change_child(w, parent, c);
  if (!c->record->deleted) return insert_child(w, parent, c);
  key_names primary = key_names_of(c->p->relation->target->primary_key);
  return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': a row to be deleted must have its '%s'",
                   c->p->relation->full_name, key_names_text(w->c->arena, &primary));
}

/* ---- a row of belongs_to_many: the target; nested_link.c writes the row that links it ---- */

/* A new target; its row is added to rows. */
static shunt_status insert_target(writing *w, const link_row *l, const shunt_record *target, shunt_rows *rows,
                                  sole_key *key) {
  route_request request = nested_request(w, l->p, l->parent);
  key_names names = plan_target_key(l->p->relation);
  const site *at;
  shunt_status status = nested_insert(w, &request, target, &l->p->children, rows, &at);
  return status ? status : nested_key_of_row(w, at, &names, rows, 0, key);
}

static shunt_status no_target(writing *w, const link_row *l, const record_key *key) {
  sole_key sole = nested_sole_key(key);
  return error_set(w->c->err, SHUNT_E_NOT_FOUND, "relation '%s': model '%s' has no row with that '%s' to be linked",
                   l->p->relation->full_name, l->p->relation->target->name, key_names_text(w->c->arena, &sole.names));
}

/* A target that exists: it gets the values beside its key. */
static shunt_status change_target(writing *w, const link_row *l, const shunt_record *target, const record_key *key,
                                  shunt_rows *rows, sole_key *own) {
  route_request request = nested_request(w, l->p, l->parent);
  sole_key given = nested_sole_key(key);
  filter f;
  equalities equal = {.a = w->c->arena};
  shunt_field *fields = arena_array(w->c->arena, shunt_field, target->nfields);
  size_t n = 0;
  int64_t affected = 0;
  access a = {.decision = NULL};
  if (!fields || !nested_equalities(&equal, &given)) return error_memory(w->c->err);
  equalities_into(&equal, &request);
  for (size_t i = 0; i < target->nfields; i++)
    if (!nested_is_key(key, &target->fields[i])) fields[n++] = target->fields[i];
  shunt_status status = nested_find(w, &request, fields, n, &a);
  access_end_decision(w->c, &a);
  if (!status) status = nested_filter(w, &a, &given, NULL, &f);
  if (!status && n) status = write_update(w->c, &a, fields, n, &f, &affected);
  if (!status) status = nested_read(w, &a, &l->p->children, &f, 1, rows);
  if (!status && rows->count == 0) status = no_target(w, l, key);
  if (!status) status = nested_key_of_row(w, access_only_site(&a), &given.names, rows, 0, own);
  if (!status && target->nrelated) status = nested_children(w, access_only_site(&a), rows, 0, target, &l->p->children);
  return status;
}

static shunt_status link_target(writing *w, link_row *l, const shunt_record *target, const record_key *key,
                                shunt_rows *rows) {
  sole_key own = nested_sole_key(key);
  shunt_status status = SHUNT_OK;
  if (!target->deleted)
    status = key->n ? change_target(w, l, target, key, rows, &own) : insert_target(w, l, target, rows, &own);
  if (status) return status;
  l->to_target = own;
  l->to_target.names = plan_through_key(l->p->relation);
  return nested_write_link(w, l, target);
}

static shunt_status write_linked(writing *w, const site *parent, const plan_relation *p, const sole_key *to_parent,
                                 const shunt_record *target) {
  key_names names = plan_target_key(p->relation);
  record_key key = nested_key(target, &names);
  link_row l = {.parent = parent, .p = p, .to_parent = *to_parent};
  if (target->deleted && !key.n)
    return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': a row to be unlinked must have its '%s'",
                     p->relation->full_name, key_names_text(w->c->arena, &names));
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? link_target(w, &l, target, &key, rows) : error_memory(w->c->err);
  shunt_rows_free(rows);
  return status;
}

/* ---- all of them ---- */

/* The child's key, with the parent's values. */
static shunt_status foreign_key(writing *w, const plan_relation *p, const site *parent, const shunt_rows *rows,
                                size_t row, sole_key *out) {
  key_names names = plan_parent_key(p->relation);
  shunt_status status = nested_key_of_row(w, parent, &names, rows, row, out);
  out->names = plan_child_key(p->relation);
  for (size_t i = 0; i < out->from.n && !status; i++)
    if (out->values[i].type == SHUNT_NULL)
      status =
          error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': the row has no '%s' that related rows could refer to",
                    p->relation->full_name, out->from.list[i]->name);
  return status;
}

static shunt_status write_related(writing *w, const site *parent, const plan_relation *in, const sole_key *key,
                                  const shunt_record *record) {
  if (in->relation->through) return write_linked(w, parent, in, key, record);
  key_names primary = key_names_of(in->relation->target->primary_key);
  child c = {in, record, *key, nested_key(record, &primary)};
  return write_child(w, parent, &c);
}

shunt_status nested_children(writing *w, const site *parent, const shunt_rows *rows, size_t row,
                             const shunt_record *record, const plan *p) {
  shunt_status status = SHUNT_OK;
  for (size_t i = 0; i < record->nrelated && !status; i++) {
    const shunt_related *related = &record->related[i];
    const plan_relation *in = nested_relation(p, related->relation);
    sole_key key;
    if (related->nrecords) status = foreign_key(w, in, parent, rows, row, &key);
    for (size_t k = 0; k < related->nrecords && !status; k++)
      status = write_related(w, parent, in, &key, &related->records[k]);
  }
  return status;
}
