/* The links of belongs_to_many: rows of the through model. */
#include "query/select.h"
#include "relate/nested.h"

static shunt_status find_link(writing *w, const link_row *l, access *out) {
  const cat_relation *r = l->p->relation;
  route_request request = nested_request(w, l->p, l->parent);
  equalities where = {.a = w->c->arena};
  request.model = r->through;
  request.relation_client = r->as.through_client;
  request.explicit_table = NULL;
  if (!nested_equalities(&where, &l->to_parent) || !nested_equalities(&where, &l->to_target))
    return error_memory(w->c->err);
  equalities_into(&where, &request);
  return nested_find(w, &request, NULL, 0, out);
}

static shunt_status is_linked(writing *w, const access *a, const link_row *l, const filter *f, bool *linked) {
  const char *column = l->to_parent.names.list[0];
  select_spec q = {.filter = *f, .columns = &column, .ncolumns = 1, .limited = true, .limit = 1};
  shunt_rows *rows = rows_new();
  shunt_status status = rows ? select_run(w->c, a, &q, rows) : error_memory(w->c->err);
  *linked = !status && rows->count > 0;
  shunt_rows_free(rows);
  return status;
}

static shunt_status insert_link(writing *w, const access *a, const link_row *l) {
  shunt_field fields[2 * KEY_MOST];
  size_t n = 0;
  for (size_t i = 0; i < l->to_parent.names.n; i++)
    fields[n++] = (shunt_field){l->to_parent.names.list[i], l->to_parent.values[i]};
  for (size_t i = 0; i < l->to_target.names.n; i++)
    fields[n++] = (shunt_field){l->to_target.names.list[i], l->to_target.values[i]};
  return write_insert(w->c, access_only_site(a), fields, n, NULL);
}

shunt_status nested_write_link(writing *w, const link_row *l, bool unlink) {
  filter f;
  access a = {NULL, NULL, 0, 0};
  bool linked = false;
  int64_t affected = 0;
  shunt_status status = find_link(w, l, &a);
  access_end_decision(w->c, &a);
  if (!status) status = nested_filter(w, &a, &l->to_parent, &l->to_target, &f);
  if (status) return status;
  if (unlink) return write_delete(w->c, &a, &f, &affected);
  status = is_linked(w, &a, l, &f, &linked);
  return status || linked ? status : insert_link(w, &a, l);
}
