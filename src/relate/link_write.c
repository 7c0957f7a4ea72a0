/* Rows of a belongs_to_many that are written along with a parent: the targets, and the rows that link them. */
#include "query/select.h"
#include "relate/nested.h"

/* A link between a parent and a target. */
typedef struct link_row {
  const cat_relation *relation;
  const shunt_value *parent_key, *target_key;
} link_row;

static shunt_status find_place(writing *w, const access *parent, const plan_relation *p, const link_row *l,
                               access *out) {
  const shunt_relation *r = &l->relation->as;
  route_request request = nested_request(w, p, parent);
  request.model = l->relation->through;
  request.relation_client = r->through_client;
  request.explicit_table = NULL;
  w->s->where.count = 0;
  if (!equalities_add(&w->s->where, r->foreign_key, l->parent_key) ||
      !equalities_add(&w->s->where, r->through_key, l->target_key))
    return error_memory(w->err);
  return nested_place(w, &request, NULL, 0, out);
}

static shunt_status is_linked(writing *w, const access *a, const link_row *l, const shunt_where *both, bool *linked) {
  const char *column = l->relation->as.foreign_key;
  select_spec q = {.filter = {.where = {both}}, .columns = &column, .ncolumns = 1, .limited = true, .limit = 1};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? select_run(w->s, a, &q, rows, w->err) : error_memory(w->err);
  *linked = !status && rows->count > 0;
  shunt_rows_free(rows);
  return status;
}

static shunt_status write_link(writing *w, const access *parent, const plan_relation *p, const link_row *l,
                               bool unlink) {
  const shunt_relation *r = &l->relation->as;
  shunt_where items[] = {{.op = SHUNT_EQ, .column = r->foreign_key, .values = l->parent_key, .nvalues = 1},
                         {.op = SHUNT_EQ, .column = r->through_key, .values = l->target_key, .nvalues = 1}};
  shunt_where both = {.op = SHUNT_AND, .items = items, .nitems = 2};
  shunt_field fields[] = {{r->foreign_key, *l->parent_key}, {r->through_key, *l->target_key}};
  filter f = {.where = {&both}};
  access a;
  bool linked = false;
  int64_t affected = 0;
  shunt_status status = find_place(w, parent, p, l, &a);
  if (status) return status;
  if (unlink) return write_delete(w->s, &a, &f, &affected, w->err);
  status = is_linked(w, &a, l, &both, &linked);
  return status || linked ? status : write_insert(w->s, &a, fields, 2, NULL, w->err);
}

/* A new target; its row is added to rows. */
static shunt_status insert_target(writing *w, const access *parent, const plan_relation *p, const shunt_record *child,
                                  shunt_rows *rows, const shunt_value **key) {
  route_request request = nested_request(w, p, parent);
  const driver_column *column;
  access a;
  shunt_status status = nested_insert(w, &request, child, &p->children, rows, &a);
  if (!status) status = access_key(w->s, &a, &column, w->err);
  if (!status) *key = &rows_row(rows, 0)[rows_column_index(rows, column->name)];
  return status;
}

/* One that is there: it gets the values that stand beside its key. */
static shunt_status change_target(writing *w, const access *parent, const plan_relation *p, const shunt_record *child,
                                  const shunt_field *key, shunt_rows *rows) {
  route_request request = nested_request(w, p, parent);
  shunt_where where = {.op = SHUNT_EQ, .column = key->name, .values = &key->value, .nvalues = 1};
  filter f = {.where = {&where}};
  shunt_field *fields = arena_array(&w->s->call, shunt_field, child->nfields);
  size_t n = 0;
  int64_t affected = 0;
  access a;
  w->s->where.count = 0;
  if (!fields || !equalities_of_where(&w->s->where, &where)) return error_memory(w->err);
  for (size_t i = 0; i < child->nfields; i++)
    if (&child->fields[i] != key) fields[n++] = child->fields[i];
  shunt_status status = nested_place(w, &request, fields, n, &a);
  if (!status && n) status = write_update(w->s, &a, fields, n, &f, &affected, w->err);
  if (!status) status = nested_read(w, &a, &p->children, &where, 1, rows);
  if (!status && rows->count == 0)
    status = error_set(w->err, SHUNT_E_NOT_FOUND, "relation '%s': model '%s' has no row with that '%s' to be linked",
                       p->relation->full_name, a.model->name, key->name);
  if (!status && child->nrelated) status = nested_children(w, &a, rows, 0, child, &p->children);
  return status;
}

shunt_status nested_link(writing *w, const access *parent, const plan_relation *p, const shunt_value *key,
                         const shunt_record *child) {
  const shunt_field *target_key = nested_field(child, p->relation->target->primary_key);
  link_row l = {p->relation, key, target_key ? &target_key->value : NULL};
  if (child->deleted && !target_key)
    return error_set(w->err, SHUNT_E_USAGE, "relation '%s': a row to be unlinked must have its '%s'",
                     p->relation->full_name, p->relation->target->primary_key);
  if (child->deleted) return write_link(w, parent, p, &l, true);
  shunt_rows *rows = rows_new();
  if (!rows) return error_memory(w->err);
  shunt_status status = target_key ? change_target(w, parent, p, child, target_key, rows)
                                   : insert_target(w, parent, p, child, rows, &l.target_key);
  if (!status) status = write_link(w, parent, p, &l, false);
  shunt_rows_free(rows);
  return status;
}
