/* Writing rows of a belongs_to_many along with a parent: the targets, and the rows that link them. */
#include "query/select.h"
#include "relate/nested.h"

/* A link between a parent and a target: the two keys in the through model. */
typedef struct link_row {
  const site *parent;
  const plan_relation *p;
  shunt_field fields[2 * KEY_MOST];
  shunt_where items[2 * KEY_MOST];
  size_t n;
} link_row;

static void add_key(link_row *l, const key_names *names, const shunt_value *values) {
  nested_values_are(names, values, l->items + l->n);
  for (size_t i = 0; i < names->n; i++) l->fields[l->n++] = (shunt_field){names->list[i], values[i]};
}

static shunt_status find_link(writing *w, const link_row *l, access *out) {
  const cat_relation *r = l->p->relation;
  route_request request = nested_request(w, l->p, l->parent);
  request.model = r->through;
  request.relation_client = r->as.through_client;
  request.explicit_table = NULL;
  request.where = l->fields;
  request.nwhere = l->n;
  return nested_find(w, &request, NULL, 0, out);
}

static shunt_status is_linked(writing *w, const access *a, const link_row *l, const shunt_where *both, bool *linked) {
  const char *column = l->fields[0].name;
  select_spec q = {.filter = {.where = {both}}, .columns = &column, .ncolumns = 1, .limited = true, .limit = 1};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? select_run(w->c, a, &q, rows) : error_memory(w->c->err);
  *linked = !status && rows->count > 0;
  shunt_rows_free(rows);
  return status;
}

static shunt_status write_link(writing *w, const link_row *l, bool unlink) {
  shunt_where both = {.op = SHUNT_AND, .items = l->items, .nitems = l->n};
  filter f = {.where = {&both}};
  access a = {NULL, NULL, 0};
  bool linked = false;
  int64_t affected = 0;
  shunt_status status = find_link(w, l, &a);
  access_end_decision(w->c, &a);
  if (status) return status;
  if (unlink) return write_delete(w->c, &a, &f, &affected);
  status = is_linked(w, &a, l, &both, &linked);
  return status || linked ? status : write_insert(w->c, access_only_site(&a), l->fields, l->n, NULL);
}

/* ---- targets ---- */

/* A new target; its row is added to rows. */
static shunt_status insert_target(writing *w, const link_row *l, const shunt_record *child, shunt_rows *rows,
                                  shunt_value key[KEY_MOST]) {
  route_request request = nested_request(w, l->p, l->parent);
  key_names names = plan_target_key(l->p->relation);
  key_columns columns;
  const site *at;
  shunt_status status = nested_insert(w, &request, child, &l->p->children, rows, &at);
  if (!status) status = site_key_columns(w->c, at, &names, &columns);
  for (size_t i = 0; !status && i < columns.n; i++)
    key[i] = rows_row(rows, 0)[rows_column_index(rows, columns.list[i]->name)];
  return status;
}

static shunt_status not_there(writing *w, const link_row *l, const record_key *key) {
  return error_set(w->c->err, SHUNT_E_NOT_FOUND, "relation '%s': model '%s' has no row with that '%s' to be linked",
                   l->p->relation->full_name, l->p->relation->target->name, key->list[0]->name);
}

/* A target that exists: it gets the values beside its key. */
static shunt_status change_target(writing *w, const link_row *l, const shunt_record *child, const record_key *key,
                                  shunt_rows *rows) {
  route_request request = nested_request(w, l->p, l->parent);
  shunt_where items[KEY_MOST], where = {.op = SHUNT_AND, .items = items, .nitems = nested_key_is(key, items)};
  filter f = {.where = {&where}};
  equalities equal = {.a = w->c->arena};
  shunt_field *fields = arena_array(w->c->arena, shunt_field, child->nfields);
  size_t n = 0;
  int64_t affected = 0;
  access a = {NULL, NULL, 0};
  if (!fields || !equalities_of_where(&equal, &where)) return error_memory(w->c->err);
  equalities_into(&equal, &request);
  for (size_t i = 0; i < child->nfields; i++)
    if (!nested_is_key(key, &child->fields[i])) fields[n++] = child->fields[i];
  shunt_status status = nested_find(w, &request, fields, n, &a);
  access_end_decision(w->c, &a);
  if (!status && n) status = write_update(w->c, &a, fields, n, &f, &affected);
  if (!status) status = nested_read(w, &a, &l->p->children, &where, 1, rows);
  if (!status && rows->count == 0) status = not_there(w, l, key);
  if (!status && child->nrelated) status = nested_children(w, access_only_site(&a), rows, 0, child, &l->p->children);
  return status;
}

/* ---- both ---- */

static shunt_status link_target(writing *w, link_row *l, const shunt_record *child, const record_key *key,
                                shunt_rows *rows) {
  key_names to_target = plan_through_key(l->p->relation);
  shunt_value values[KEY_MOST];
  for (size_t i = 0; i < key->n; i++) values[i] = key->list[i]->value;
  shunt_status status = SHUNT_OK;
  if (!child->deleted)
    status = key->n ? change_target(w, l, child, key, rows) : insert_target(w, l, child, rows, values);
  if (status) return status;
  add_key(l, &to_target, values);
  return write_link(w, l, child->deleted);
}

shunt_status nested_link(writing *w, const site *parent, const plan_relation *p, const shunt_value *parent_key,
                         const shunt_record *child) {
  key_names to_parent = plan_child_key(p->relation), names = plan_target_key(p->relation);
  record_key key = nested_key(child, &names);
  link_row l = {.parent = parent, .p = p};
  if (child->deleted && !key.n)
    return error_set(w->c->err, SHUNT_E_USAGE, "relation '%s': a row to be unlinked must have its '%s'",
                     p->relation->full_name, p->relation->target->primary_key);
  add_key(&l, &to_parent, parent_key);
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? link_target(w, &l, child, &key, rows) : error_memory(w->c->err);
  shunt_rows_free(rows);
  return status;
}
